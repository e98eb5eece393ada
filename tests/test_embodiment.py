"""The inspect-robots embodiment, run by inspect-robots itself."""

import gymnasium as gym
import numpy as np
import pytest
from inspect_robots.conformance import assert_embodiment_conformant
from inspect_robots.eval import eval as evaluate
from inspect_robots.policy import PolicyBase, PolicyConfig, PolicyInfo
from inspect_robots.registry import registered
from inspect_robots.scene import Scene
from inspect_robots.types import Action, ActionChunk

from molmospaces_gym.action_layout import JOINT_STEP
from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.integrations.embodiment import (
    MolmoSpacesEmbodiment,
    benchmark_task,
    to_env,
)
from molmospaces_gym.policies.base import bind_policy, load_policy, policy_env_kwargs

ID = "molmospaces_gym/Pick-v1"
SMALL = {"image_size": (32, 24), "cameras": ("wrist_camera",)}


@pytest.fixture
def embodiment():
    made = MolmoSpacesEmbodiment(benchmark="pick-mini", **SMALL)
    yield made
    made.close()


def expert_commands(index):
    """Commands (T + 1, 8) of the scripted expert in an episode of pick-mini, the first in force."""
    policy = load_policy("expert")
    env = gym.make(ID, benchmark="pick-mini", **policy_env_kwargs(policy, ID))
    observation, info = env.reset(seed=0, options={"episode": index})
    bind_policy(policy, env)
    policy.reset(info["instruction"], 0)
    session, state = env.unwrapped.session, None
    commands = [session.ctrl.copy()]
    while len(commands) < 120 and not info["is_success"]:
        action, state = policy.predict(observation, state)
        observation, _, _, _, info = env.step(action)
        commands.append(session.ctrl.copy())
    top = session.scene.model.actuator_ctrlrange[-1, 1]
    env.close()
    return np.array(commands), top


class Follower(PolicyBase):
    """Moves the joint targets along recorded commands, one action at a time."""

    def __init__(self, info, commands, top):
        self.info = PolicyInfo("follower", info.action_space, info.observation_space)
        self.config = PolicyConfig()
        self._commands, self._top = commands, top

    def reset(self, scene):
        self._step, self._target = 0, self._commands[0, :-1].copy()

    def act(self, observation):
        self._step = min(self._step + 1, len(self._commands) - 1)
        wanted = self._commands[self._step]
        change = np.clip(wanted[:-1] - self._target, -JOINT_STEP, JOINT_STEP)
        self._target += change
        return ActionChunk([Action(np.append(change, 1.0 - wanted[-1] / self._top))])


def test_it_conforms_and_is_found(embodiment):
    assert_embodiment_conformant(embodiment.info)
    assert embodiment.info.control_hz == 15.0
    assert "molmospaces" in registered("embodiment")


@pytest.mark.slow
def test_inspect_robots_plays_and_scores_it(embodiment, tmp_path):
    """The expert's motion in inspect-robots' own units succeeds in its own evaluation."""
    commands, top = expert_commands(0)
    policy = Follower(embodiment.info, commands, top)
    task = benchmark_task("pick-mini", episodes=2, max_seconds=8.0)
    (log,) = evaluate(task, policy, embodiment, log_dir=str(tmp_path), sinks=[])
    assert log.status == "success"
    assert [scene.reduced["success_at_end"] for scene in log.samples] == [1.0, 0.0]


def test_an_observation_is_in_its_vocabulary(embodiment):
    observation = embodiment.reset(Scene("a", "words", metadata={"episode": 3}))
    space = embodiment.info.observation_space
    assert set(observation.state) == space.state_keys
    for field in space.state.fields:
        assert observation.state[field.key].shape == field.shape
    assert observation.images["wrist_camera"].shape == (24, 32, 3)
    assert observation.state["gripper"] > 0.9
    again = embodiment.reset(Scene("a", "words", metadata={"episode": 3}))
    np.testing.assert_array_equal(observation.state["joint_pos"], again.state["joint_pos"])
    assert observation.instruction == again.instruction != "words"


def test_actions_are_in_rad_and_openings(embodiment):
    before = embodiment.reset(Scene("a", "", metadata={"episode": 0})).state["joint_pos"]
    change = np.array([0.05, 0, 0, 0, 0, 0, -0.05, 1.0])
    for data in (change, change, *[np.append(np.zeros(7), 1.0)] * 12):
        result = embodiment.step(Action(data))
    np.testing.assert_allclose(
        result.observation.state["joint_pos"] - before, 2 * change[:7], atol=5e-3
    )
    assert to_env(np.append(np.zeros(7), 0.0))[-1] == 1.0
    for _ in range(15):
        result = embodiment.step(Action(np.append(np.zeros(7), 0.0)))
    assert result.observation.state["gripper"] < 0.1


def test_what_it_cannot_be():
    with pytest.raises(InvalidConfig, match="action_mode"):
        MolmoSpacesEmbodiment(action_mode="ee_delta")
    with pytest.raises(InvalidConfig, match="more than an arm"):
        MolmoSpacesEmbodiment(robot="rby1")
