"""The dense return of recorded rollouts: expert over half done over idle over harmful.

Those of the placing tasks are in ``test_placing_expert``, that of NavigateTo in ``test_navigate``.
"""

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import molmospaces_gym  # noqa: F401 - registers the environments
from molmospaces_gym.policies.base import bind_policy, load_policy

SEEDS = {"Pick": 3, "Open": 2, "Close": 2, "OpenDoor": 0, "Household": 1}
IDLE = 30
Choose = Callable[[int, dict[str, Any]], np.ndarray]


def still(env: Any) -> np.ndarray:
    """The action that commands what is commanded already."""
    session = env.unwrapped.session
    command = session.ctrl
    return session.action_mapper.encode(command, command).astype(np.float32)


def lean_back(env: Any, step: int, obs: dict[str, Any]) -> np.ndarray:
    action = still(env)
    action[1] = -1.0
    return action


def back_off(env: Any, step: int, obs: dict[str, Any]) -> np.ndarray:
    action = still(env)
    action[0] = -0.4
    return action


def leave(env: Any, step: int, obs: dict[str, Any]) -> np.ndarray:
    action = still(env)
    action[:2] = -0.4 * obs["way_direction"]
    return action


HARM = {
    "Pick": lean_back,
    "Open": lean_back,
    "Close": lean_back,
    "OpenDoor": back_off,
    "Household": leave,
}


def roll(env: Any, seed: int, steps: int, choose: Choose) -> tuple[float, list[bool]]:
    """The dense return of a rollout and the success after each of its steps."""
    obs, _ = env.reset(seed=seed)
    total, success = 0.0, []
    for step in range(steps):
        obs, reward, _, over, info = env.step(choose(step, obs))
        total += reward
        success.append(info["is_success"])
        if over or all(success[-5:]) and len(success) > 5:
            break
    return total, success


@pytest.mark.slow
@pytest.mark.parametrize("task", list(SEEDS))
def test_the_dense_return_ranks_expert_half_done_idle_and_harmful(task):
    seed, policy, actions = SEEDS[task], load_policy("expert"), []
    env = gym.make(
        f"molmospaces_gym/{task}-v1",
        houses=2,
        action_mode="joint_position",
        terminate_on_success=False,
        disable_env_checker=True,
    )
    bind_policy(policy, env)
    policy.reset("", seed)

    def act(step: int, obs: dict[str, Any]) -> np.ndarray:
        actions.append(policy.predict(obs)[0])
        return actions[-1]

    expert, success = roll(env, seed, 1500, act)
    assert success[-1], task
    middle = len(actions) // 2
    half, success = roll(
        env, seed, middle + 15, lambda k, obs: actions[k] if k < middle else still(env)
    )
    assert not success[-1]
    idle, _ = roll(env, seed, IDLE, lambda k, obs: still(env))
    harm, _ = roll(env, seed, IDLE, lambda k, obs: HARM[task](env, k, obs))
    assert expert > half + 5.0 and half > idle + 0.5, (expert, half, idle)
    assert abs(idle) < 0.2 and harm < idle - 0.1, (idle, harm)
    env.close()
