"""Envs for LeRobot, without LeRobot: observations, attributes, autoreset."""

import sys

import gymnasium as gym
import numpy as np
import pytest

from molmospaces_gym.errors import MissingPackage
from molmospaces_gym.integrations.lerobot_env import make_env

SMALL = {"image_size": (64, 48), "houses": 2, "horizon": 4, "terminate_on_success": False}
CAMERAS = {"wrist_camera", "exo_camera_1"}


@pytest.fixture(scope="module")
def env():
    made = make_env(n_envs=2, use_async_envs=True, **SMALL)
    yield made
    made.close()


def test_observations_are_in_lerobots_form(env):
    observation, info = env.reset(seed=[3, 4], options={"lerobot_new_rollout": True})
    assert env.observation_space.contains(observation)
    assert observation["agent_pos"].shape == (2, 30)
    assert set(observation["pixels"]) == CAMERAS
    assert observation["pixels"]["wrist_camera"].shape == (2, 48, 64, 3)
    assert info["is_success"].tolist() == [False, False]
    single = gym.make("molmospaces_gym/Pick-v1", obs_mode="rgb", **SMALL)
    own, _ = single.reset(seed=4)
    keys = ("arm_qpos", "arm_qvel", "gripper", "tcp_pose", "target")
    wanted = np.concatenate([own[key] for key in keys])
    np.testing.assert_array_equal(observation["agent_pos"][1], wanted)
    single.close()


def test_attributes_that_lerobot_reads(env):
    env.reset(seed=0)
    assert env.call("_max_episode_steps") == (4, 4)
    assert env.get_attr("task") == ("Pick", "Pick")
    assert all(words.startswith("pick up the") for words in env.call("task_description"))
    assert env.unwrapped.metadata["render_fps"] == 15
    assert [frame.dtype for frame in env.render()] == [np.uint8] * 2


def test_an_ended_episode_restarts_in_the_same_step(env):
    env.reset(seed=0)
    for _ in range(4):
        observation, _, _, truncated, info = env.step(np.full((2, 8), 5.0, np.float32))
    assert truncated.all()
    assert info["final_info"]["is_success"].tolist() == [False, False]
    assert set(info["final_obs"][0]) == {"agent_pos", "pixels"}
    assert env.observation_space.contains(observation)


def test_without_cameras_there_are_no_pixels():
    env = make_env(1, cameras=(), houses=1)
    observation, _ = env.reset(seed=0)
    assert set(observation) == {"agent_pos"}
    env.close()


def test_the_plugin_says_what_it_needs(monkeypatch):
    monkeypatch.setitem(sys.modules, "lerobot", None)
    monkeypatch.delitem(sys.modules, "molmospaces_gym.integrations.lerobot_plugin", raising=False)
    with pytest.raises(MissingPackage, match=r"Python 3\.12"):
        import molmospaces_gym.integrations.lerobot_plugin  # noqa: F401
