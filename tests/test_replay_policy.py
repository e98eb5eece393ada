"""Recorded actions as a policy."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import molmospaces_gym  # noqa: F401
from molmospaces_gym.actions import action_parts, action_size
from molmospaces_gym.benchmarks.datagen.engine import datagen
from molmospaces_gym.errors import InvalidConfig, PolicyUnavailable, UnknownName
from molmospaces_gym.policies.base import bind_policy, load_policy, policy_env_kwargs
from molmospaces_gym.policies.replay import ReplayPolicy
from molmospaces_gym.robots import get_robot


def saved(folder: Path, **arrays: Any) -> str:
    np.savez(folder / "a.npz", **arrays)
    return str(folder / "a.npz")


@pytest.mark.parametrize("robot", ["franka_droid", "franka_mobile", "rby1"])
@pytest.mark.parametrize("mode", ["joint_delta", "joint_position", "ee_delta", "base_velocity"])
def test_it_plays_then_holds(tmp_path: Path, robot: str, mode: str) -> None:
    config = get_robot(robot)
    if mode == "base_velocity" and config.base is None:
        return
    size, parts = action_size(config, mode), action_parts(config, mode)
    recorded = np.linspace(0.1, 1, 3 * size, dtype=np.float32).reshape(3, size)
    policy = ReplayPolicy(saved(tmp_path, actions=recorded, action_mode=mode))
    assert policy_env_kwargs(policy) == {"action_mode": mode}
    bind_policy(policy, SimpleNamespace(unwrapped=SimpleNamespace(robot=config)))
    for _ in range(2):
        policy.reset("", 0)
        played = np.stack([policy.predict({})[0] for _ in range(5)])
        np.testing.assert_array_equal(played[:3], recorded)
        np.testing.assert_array_equal(played[3], played[4])
        for group, part in parts.items():
            gripper = group in {arm.gripper.group for arm in config.arms}
            base = config.base is not None and group == config.base.group
            kept = gripper or (mode == "joint_position" and not base)
            wanted = recorded[-1, part] if kept else np.zeros(part.stop - part.start)
            np.testing.assert_array_equal(played[3, part], wanted)


def test_it_fits_the_robot(tmp_path: Path) -> None:
    policy = ReplayPolicy(saved(tmp_path, actions=np.ones((2, 5)), action_mode="ee_delta"))
    env = SimpleNamespace(unwrapped=SimpleNamespace(robot=get_robot("franka_droid")))
    with pytest.raises(InvalidConfig, match="have 5 numbers; robot 'franka_droid' takes 7"):
        bind_policy(policy, env)


def test_bad_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyUnavailable, match="no recorded actions"):
        ReplayPolicy(str(tmp_path / "none.npz"))
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(PolicyUnavailable, match="no npz file with 'actions' and their"):
        ReplayPolicy(str(tmp_path / "text.npz"))
    for arrays in ({"positions": np.zeros((3, 8))}, {"actions": np.zeros((3, 8))}):
        with pytest.raises(PolicyUnavailable, match="no npz file with 'actions' and their"):
            ReplayPolicy(saved(tmp_path, **arrays))
    flat = saved(tmp_path, actions=np.zeros(8), action_mode="ee_delta")
    with pytest.raises(PolicyUnavailable, match=r"must be \(T, n\)"):
        ReplayPolicy(flat)
    with pytest.raises(UnknownName, match="'number'; known: episode, format"):
        ReplayPolicy(f"{flat}?number=2")


def test_an_episode_of_a_dataset_ends_as_it_did(tmp_path: Path) -> None:
    made = datagen("Pick", 2, tmp_path / "data", cameras=(), houses=1, action_mode="ee_delta")
    file = made.datasets["hdf5"]
    for number in (0, 1):
        policy = load_policy(f"replay:{file}?episode={number}")
        kwargs = policy_env_kwargs(policy)
        assert kwargs["action_mode"] == "ee_delta"
        assert episode_of(policy, file, number)
    for wrong, error in (("7", PolicyUnavailable), ("-1", InvalidConfig)):
        with pytest.raises(error, match=wrong):
            load_policy(f"replay:{file}?episode={wrong}")


def episode_of(policy: Any, file: Path, number: int) -> bool:
    """Whether the replay of an episode succeeds from where the record started."""
    from molmospaces_gym.benchmarks.datagen.formats import get_format

    stored = list(get_format("hdf5").read(file))[number]
    env = gym.make(stored.env_id, disable_env_checker=True, **stored.env_kwargs)
    bind_policy(policy, env)
    observation, info = env.reset(seed=stored.seed, options={"episode": stored.episode})
    policy.reset(info["instruction"], 0)
    over = False
    while not over:
        action, _ = policy.predict(observation)
        observation, _, terminated, truncated, info = env.step(action)
        over = terminated or truncated
    env.close()
    return bool(info["is_success"])
