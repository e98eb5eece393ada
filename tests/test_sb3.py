"""The Stable-Baselines3 bridge: same numbers as DummyVecEnv, and algorithms that run on it."""

import json

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor

import molmospaces_gym  # noqa: F401
from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.integrations.sb3 import SB3VecEnv, make_sb3_vec_env

ID = "molmospaces_gym/Pick-v1"
KWARGS = {"houses": 1, "horizon": 3, "action_mode": "ee_delta"}


def test_bridge_equals_dummy_vec_env():
    ours = make_sb3_vec_env(ID, 2, seed=4, monitor=False, **KWARGS)
    theirs = DummyVecEnv([lambda: gym.make(ID, **KWARGS)] * 2)
    theirs.seed(4)
    first, second = ours.reset(), theirs.reset()
    rng = np.random.default_rng(0)
    for _ in range(8):
        for key in second:
            np.testing.assert_array_equal(first[key], second[key])
        actions = rng.uniform(-1, 1, (2, 7)).astype(np.float32)
        first, rewards, dones, infos = ours.step(actions)
        second, their_rewards, their_dones, their_infos = theirs.step(actions)
        np.testing.assert_array_equal(rewards, their_rewards)
        np.testing.assert_array_equal(dones, their_dones)
        for mine, other in zip(infos, their_infos, strict=True):
            assert mine.keys() == other.keys()
            assert mine["TimeLimit.truncated"] == other["TimeLimit.truncated"]
            assert mine["is_success"] == other["is_success"]
            if "terminal_observation" in other:
                for key, value in other["terminal_observation"].items():
                    np.testing.assert_array_equal(mine["terminal_observation"][key], value)
    ours.close()


def test_infos_are_plain_python():
    env = make_sb3_vec_env(ID, 2, seed=0, monitor=False, **KWARGS)
    env.reset()
    assert env.reset_infos[1]["instruction"].startswith("pick up")
    info = env.step(np.zeros((2, 7), np.float32))[3][0]
    assert json.loads(json.dumps(info)) == info
    env.close()


def test_attributes_and_methods_reach_the_chosen_slots():
    env = make_sb3_vec_env(ID, 3, seed=0, monitor=False, **KWARGS)
    env.reset()
    assert env.get_attr("horizon", [0, 2]) == [3, 3]
    assert env.get_attr("render_mode") == [None] * 3
    assert env.env_is_wrapped(gym.Wrapper, 1) == [False]
    poses = env.env_method("camera_pose", "exo_camera_1", indices=[1])
    assert poses[0].pos.shape == (3,)
    with pytest.raises(InvalidConfig, match="horizon"):
        env.set_attr("horizon", 5)
    env.close()


def test_other_autoreset_modes_are_refused():
    env = gym.make_vec(ID, num_envs=1, houses=1)
    with pytest.raises(InvalidConfig, match="SameStep"):
        SB3VecEnv(env)
    env.close()


@pytest.mark.parametrize("algorithm", [PPO, SAC])
def test_algorithms_train(algorithm):
    env = make_sb3_vec_env(ID, 2, seed=0, **KWARGS)
    assert isinstance(env, VecMonitor)
    extra = {"n_steps": 8, "batch_size": 8} if algorithm is PPO else {"learning_starts": 8}
    model = algorithm("MultiInputPolicy", env, seed=0, **extra)
    before = [p.clone() for p in model.policy.parameters()]
    model.learn(24)
    assert any(not p.equal(b) for p, b in zip(model.policy.parameters(), before, strict=True))
    assert len(model.ep_info_buffer) > 0 and "is_success" in model.ep_info_buffer[0]
    env.close()


def test_training_is_reproducible():
    def weights():
        env = make_sb3_vec_env(ID, 2, seed=3, **KWARGS)
        model = PPO("MultiInputPolicy", env, seed=3, n_steps=8, batch_size=8)
        model.learn(16)
        env.close()
        return [p.detach().numpy().copy() for p in model.policy.parameters()]

    for first, second in zip(weights(), weights(), strict=True):
        np.testing.assert_array_equal(first, second)
