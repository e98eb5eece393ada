"""The vector env: equal to single envs and to Gymnasium's own vectorisation, in every mode."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

import molmospaces_gym  # noqa: F401
from molmospaces_gym.errors import InvalidAction, InvalidConfig, NotReset
from molmospaces_gym.vector_env import MolmoSpacesVectorEnv

ID = "molmospaces_gym/Pick-v1"
KWARGS = {"houses": 2, "horizon": 4}
MODES = ("NextStep", "SameStep", "Disabled")


def rollout(env, steps, disabled=False):
    """Everything an env returns over a seeded rollout."""
    env.action_space.seed(3)
    trace = [env.reset(seed=5)]
    for _ in range(steps):
        trace.append(env.step(env.action_space.sample()))
        done = trace[-1][2] | trace[-1][3]
        if disabled and done.any():
            trace.append(env.reset(options={"reset_mask": done}))
    env.close()
    return trace


def assert_equal(first, second):
    assert type(first) is type(second)
    if isinstance(first, dict):
        assert first.keys() == second.keys()
        for key in first:
            assert_equal(first[key], second[key])
    elif isinstance(first, tuple | list):
        assert len(first) == len(second)
        for a, b in zip(first, second, strict=True):
            assert_equal(a, b)
    elif isinstance(first, np.ndarray) and first.dtype == object:
        assert_equal(list(first), list(second))
    else:
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("mode", MODES)
def test_equals_gymnasiums_sync_vector_env(mode):
    ours = gym.make_vec(ID, num_envs=3, autoreset_mode=mode, **KWARGS)
    assert isinstance(ours, MolmoSpacesVectorEnv)
    assert ours.metadata["autoreset_mode"] is AutoresetMode(mode)
    theirs = gym.make_vec(
        ID,
        num_envs=3,
        vectorization_mode="sync",
        vector_kwargs={"autoreset_mode": AutoresetMode(mode)},
        **KWARGS,
    )
    assert ours.single_observation_space == theirs.single_observation_space
    assert ours.action_space == theirs.action_space
    disabled = mode == "Disabled"
    assert_equal(rollout(theirs, 10, disabled), rollout(ours, 10, disabled))


@pytest.mark.slow
def test_equals_gymnasiums_async_vector_env():
    theirs = gym.make_vec(ID, num_envs=2, vectorization_mode="async", **KWARGS)
    ours = gym.make_vec(ID, num_envs=2, **KWARGS)
    assert_equal(rollout(theirs, 6), rollout(ours, 6))


def test_images_are_batched():
    env = gym.make_vec(ID, num_envs=2, obs_mode="rgbd", image_size=[40, 36], **KWARGS)
    observation, _ = env.reset(seed=0)
    assert env.observation_space.contains(observation)
    assert observation["exo_camera_1"].shape == (2, 36, 40, 3)
    assert observation["wrist_camera_depth"].shape == (2, 36 * 40)
    env.close()


def test_nothing_returned_is_reused():
    env = gym.make_vec(ID, num_envs=2, **KWARGS)
    first, _ = env.reset(seed=0)
    kept = {key: value.copy() for key, value in first.items()}
    env.step(env.action_space.sample())
    assert_equal(first, kept)
    env.close()


def test_one_bad_action_moves_nothing():
    env = gym.make_vec(ID, num_envs=2, **KWARGS)
    env.reset(seed=0)
    before = [env.world.data(slot).qpos.copy() for slot in range(2)]
    actions = np.zeros((2, 8), np.float32)
    actions[1, 3] = np.nan
    with pytest.raises(InvalidAction, match=r"rows \[1\]"):
        env.step(actions)
    with pytest.raises(InvalidAction, match="shape"):
        env.step(np.zeros(8))
    for slot in range(2):
        np.testing.assert_array_equal(env.world.data(slot).qpos, before[slot])
    env.step(np.zeros((2, 8), np.float32))
    env.close()


def test_misuse_is_named():
    with pytest.raises(InvalidConfig, match="num_envs"):
        MolmoSpacesVectorEnv(num_envs=0)
    with pytest.raises(InvalidConfig):
        MolmoSpacesVectorEnv(num_envs=1, autoreset_mode="never")
    env = MolmoSpacesVectorEnv(num_envs=2, autoreset_mode="Disabled", houses=1, horizon=1)
    with pytest.raises(NotReset):
        env.step(np.zeros((2, 8), np.float32))
    env.reset(seed=0)
    env.step(np.zeros((2, 8), np.float32))
    with pytest.raises(NotReset, match="reset_mask"):
        env.step(np.zeros((2, 8), np.float32))
    with pytest.raises(InvalidConfig, match="reset_mask"):
        env.reset(options={"reset_mask": np.zeros(2, bool)})
    with pytest.raises(InvalidConfig, match="seed"):
        env.reset(seed=[1, 2, 3])
    env.close()
