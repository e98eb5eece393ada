"""A calibration error displaces what is observed of the scene, and nothing else."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import molmospaces_gym  # noqa: F401
from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.registration import env_id

ERROR = [0.01, -0.02, 0.03]
ROOM: dict[str, Any] = {"scene": "generated/train/0"}
DISPLACED = {
    "Pick": {"object_pose": 1, "goal_position": 1, "object_to_tcp": -1},
    "PickAndPlace": {
        "object_pose": 1,
        "receptacle_pose": 1,
        "goal_position": 1,
        "object_to_tcp": -1,
    },
    "Open": {"handle_position": 1, "joint_anchor": 1, "handle_to_tcp": -1},
}


@pytest.mark.parametrize("task", sorted(DISPLACED))
def test_only_positions_of_the_scene_are_displaced(task: str) -> None:
    envs = [gym.make(env_id(task), **ROOM, pose_error=error) for error in (None, ERROR)]
    for env in envs:
        env.action_space.seed(0)
    seen = [env.reset(seed=0)[0] for env in envs]
    for _ in range(5):
        for key, right in seen[0].items():
            sign = DISPLACED[task].get(key, 0)
            expected = right.copy()
            expected[:3] += sign * np.array(ERROR if sign else [0.0] * len(right[:3]))
            np.testing.assert_allclose(seen[1][key], expected, atol=1e-6, err_msg=key)
        # The same actions have the same effect: the simulation knows of no error.
        steps = [env.step(env.action_space.sample()) for env in envs]
        assert steps[0][1:4] == steps[1][1:4]
        seen = [step[0] for step in steps]
    for env in envs:
        env.close()


def test_several_worlds_see_what_one_sees() -> None:
    single = gym.make(env_id("Pick"), **ROOM, pose_error=ERROR)
    several = gym.make_vec(env_id("Pick"), num_envs=2, **ROOM, pose_error=ERROR)
    alone, _ = single.reset(seed=3)
    together, _ = several.reset(seed=3)
    for key, value in alone.items():
        np.testing.assert_array_equal(together[key][0], value)
    assert single.observation_space.contains(alone)
    single.close()
    several.close()


@pytest.mark.parametrize("wanted", [0.01, [0.0, 1.0], [0.0, 0.0, 2.0], [0, 0, float("nan")], "abc"])
def test_what_is_no_error_is_refused(wanted: Any) -> None:
    with pytest.raises(InvalidConfig, match=r"pose_error must be three numbers \[x, y, z\]"):
        gym.make(env_id("Pick"), **ROOM, pose_error=wanted)


def test_pictures_have_no_poses_to_displace() -> None:
    with pytest.raises(InvalidConfig, match="obs_mode='state'"):
        gym.make(env_id("Pick"), **ROOM, obs_mode="rgb", pose_error=ERROR)
