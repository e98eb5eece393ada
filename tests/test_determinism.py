"""Equal seeds give equal houses, episodes and rollouts in every process, with sleeping or without.

Run as a program, this file plays all ``CASES`` and writes what came out as JSON.
"""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import mujoco
import numpy as np
import pytest

import molmospaces_gym  # noqa: F401
from molmospaces_gym.policies.base import bind_policy, load_policy, policy_env_kwargs
from molmospaces_gym.registration import TASKS

CASES = {
    "Pick": {},
    "Pick on wheels": {"robot": "franka_mobile", "dataset": "homes"},
    "Pick with RB-Y1": {"robot": "rby1"},
    "Pick, all drawn": {
        "randomize_lighting": True,
        "randomize_colors": True,
        "randomize_dynamics": True,
        "randomize_cameras": "FrankaOmniPurpose",
        "randomize_robot_start": True,
    },
    "PickAndPlace": {},
    "PickAndPlace in a home": {"dataset": "homes"},
    "PickAndPlace with RB-Y1": {"robot": "rby1"},
    "PickAndPlaceNextTo": {},
    "PickAndPlaceColor": {},
    "Open": {},
    "Open with RB-Y1": {"robot": "rby1"},
    "Close": {},
    "OpenDoor": {},
    "NavigateTo": {},
    "Household": {},
    "MultiTask": {},
}
"""Name, of which the first word is the task -> arguments of the env."""
SLEEP = int(mujoco.mjtEnableBit.mjENBL_SLEEP)
STEPS = 80
SEED = 5
PROCESSES = (("1", "1", ()), ("4242", "2", ("reversed",)))
"""Hash seed, threads of numba and arguments of each process."""


def task_of(case: str) -> str:
    return case.replace(",", "").split()[0]


def rollout(case: str, policy: Any) -> dict[str, str]:
    """Part -> digest of the house, the episode and what an expert's first steps lead to."""
    env_id = f"molmospaces_gym/{task_of(case)}-v1"
    kwargs = {"split": "val", "houses": 1, "terminate_on_success": False, **CASES[case]}
    kwargs |= {"render_mode": "rgb_array", "image_size": [64, 48], "disable_env_checker": True}
    env = gym.make(env_id, **policy_env_kwargs(policy, env_id), **kwargs)
    bind_policy(policy, env)
    observation, info = env.reset(seed=SEED)
    policy.reset(info["instruction"], SEED)
    inner: Any = env.unwrapped
    qpos, values, rewards, success = [], [], [], []
    for _ in range(STEPS):
        action, _ = policy.predict(observation)
        observation, reward, *_, info = env.step(action)
        qpos.append(np.array(inner.world.joint_pos(0)))
        values.append(np.concatenate([action, *observation.values()]))
        rewards.append(reward)
        success.append(info["is_success"])
    house = inner.scene.house
    parts = {
        "house": (house.mjcf + json.dumps(house.metadata)).encode(),
        "episode": json.dumps(inner.episode.to_dict()).encode(),
        "qpos": np.array(qpos).tobytes(),
        "actions and observations": np.array(values).tobytes(),
        "rewards": repr(rewards).encode(),
        "success": repr(success).encode(),
        "picture": env.render().tobytes(),  # type: ignore[attr-defined]
    }
    env.close()
    assert len(np.unique(np.array(qpos), axis=0)) > STEPS / 2, f"{case}: nothing moves"
    return {name: hashlib.sha256(data).hexdigest() for name, data in parts.items()}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, dict[str, str]]]:
    """What each process makes of the cases."""
    found = []
    for hash_seed, threads, arguments in PROCESSES:
        env = {**os.environ, "PYTHONHASHSEED": hash_seed, "NUMBA_NUM_THREADS": threads}
        env.pop("MOLMOSPACES_GYM_CACHE", None)
        command = [sys.executable, "-W", "error", str(Path(__file__).resolve()), *arguments]
        folder = tmp_path_factory.mktemp("elsewhere")
        done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout))
    return found


def test_every_task_has_a_case() -> None:
    assert {task_of(case) for case in CASES} == set(TASKS)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_another_process_with_another_hash_seed_and_past(case: str, runs: list[Any]) -> None:
    """The second process plays the cases in the other order, so nothing is known from before."""
    assert runs[0][case] == runs[1][case]


def success_at_end(env_id: str, suite: str, sleeping: bool) -> bool:
    """Of the expert in the first episode of a suite, planning anew from what it sees."""
    policy = load_policy("expert")
    wishes = policy_env_kwargs(policy, env_id)
    env = gym.make(env_id, benchmark=suite, sleeping=sleeping, disable_env_checker=True, **wishes)
    bind_policy(policy, env)
    observation, info = env.reset(seed=0, options={"episode": 0})
    policy.reset(info["instruction"], 0)
    inner: Any = env.unwrapped
    assert bool(inner.scene.model.opt.enableflags & SLEEP) == sleeping
    over = False
    while not over:
        action, _ = policy.predict(observation)
        observation, _, _, over, info = env.step(action)
    env.close()
    return bool(info["is_success"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "suite"),
    [("Pick", "pick-mini"), ("PickAndPlaceNextTo", "pick-and-place-next-to-mini"),
     ("Open", "open-mini"), ("OpenDoor", "open-door-mini")],
)  # fmt: skip
def test_success_is_the_same_with_and_without_sleeping(task: str, suite: str) -> None:
    env_id = f"molmospaces_gym/{task}-v1"
    assert success_at_end(env_id, suite, True) and success_at_end(env_id, suite, False)


def main() -> None:
    policy = load_policy("expert")
    names = list(CASES)[:: -1 if "reversed" in sys.argv else 1]
    sys.stdout.write(json.dumps({case: rollout(case, policy) for case in names}))


if __name__ == "__main__":
    main()
