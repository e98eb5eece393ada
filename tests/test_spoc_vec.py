"""Envs in tokens and chunks, as SPOC and Stable-Baselines3 see them together."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces

from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.integrations.sb3 import make_sb3_vec_env
from molmospaces_gym.policies.base import bind_policy, load_policy
from molmospaces_gym.policies.spoc import ActionTokens, SpocConfig, SpocModel
from molmospaces_gym.policies.spoc.actor_critic import SpocActorCriticPolicy
from molmospaces_gym.policies.spoc.rl import RlSettings, make_ppo
from molmospaces_gym.policies.spoc.vec import make_token_envs

REAL = SpocConfig.preset(
    "nano", vectors=(("object_to_tcp", 3), ("gripper", 1)), dim=16, heads=2, hidden=24, layers=1
)
PICK = "molmospaces_gym/Pick-v1"


def test_chunks_of_a_real_env_are_what_single_steps_are() -> None:
    """Chunks of four sum rewards and end with the episode, in one slot or in the other."""
    kwargs: dict[str, Any] = {"houses": 2, "action_mode": "ee_delta", "horizon": 10}
    chunked = make_sb3_vec_env(PICK, 2, seed=5, chunk=4, **kwargs)
    single = make_sb3_vec_env(PICK, 2, seed=5, **kwargs)
    first, second = chunked.reset(), single.reset()
    assert all(np.array_equal(first[key], second[key]) for key in second)
    rng = np.random.default_rng(0)
    for played in (4, 4, 2):
        actions = rng.uniform(-1, 1, (2, 4, 7)).astype(np.float32)
        found, rewards, dones, infos = chunked.step(actions.reshape(2, -1))
        total = np.zeros(2)
        for index in range(played):
            seen, one, ended, last = single.step(actions[:, index])
            total += one
        assert rewards == pytest.approx(total, abs=1e-6)
        assert [info["chunk_steps"] for info in infos] == [played] * 2
        assert dones.tolist() == ended.tolist() == [played == 2] * 2
        assert all(np.array_equal(found[key], seen[key]) for key in seen)
    for info, other in zip(infos, last, strict=True):
        assert info["TimeLimit.truncated"]
        final, wanted = info["terminal_observation"], other["terminal_observation"]
        assert all(np.array_equal(final[key], wanted[key]) for key in wanted)
    chunked.close()
    single.close()


def test_an_episode_ends_inside_a_chunk_and_the_next_begins_with_the_next_one() -> None:
    """Success ends one slot while the other plays its chunk to the end."""
    kwargs: dict[str, Any] = {"houses": 1, "action_mode": "ee_delta", "horizon": 80}
    kwargs["reward_mode"] = "sparse"
    recorded, endings = zip(*(expert_episode(seed, kwargs) for seed in (5, 6)), strict=True)
    lengths = [len(actions) for actions in recorded]
    assert lengths[0] != lengths[1]
    assert any(length % 4 for length in lengths)
    envs = make_sb3_vec_env(PICK, 2, seed=5, chunk=4, **kwargs)
    envs.reset()
    played, paid, left = np.zeros(2, int), np.zeros(2), np.ones(2, bool)
    decision = 0
    while left.any():
        chunk = np.zeros((2, 4, 7), np.float32)
        for slot in np.flatnonzero(left):
            actions = recorded[slot][4 * decision : 4 * decision + 4]
            chunk[slot, : len(actions)] = actions
        _, rewards, dones, infos = envs.step(chunk.reshape(2, -1))
        decision += 1
        for slot in np.flatnonzero(left):
            played[slot] += infos[slot]["chunk_steps"]
            paid[slot] += rewards[slot]
            assert dones[slot] == (played[slot] == lengths[slot])
            if dones[slot]:
                assert infos[slot]["is_success"]
                assert not infos[slot]["TimeLimit.truncated"]
                last = infos[slot]["terminal_observation"]
                assert all(np.array_equal(last[key], endings[slot][key]) for key in last)
        left &= ~dones
    assert played.tolist() == lengths
    assert paid.tolist() == [1.0, 1.0]
    envs.close()


def expert_episode(seed: int, kwargs: dict[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
    """Actions that solve the first episode of an env with this seed, and what is seen then."""
    env = gym.make(PICK, disable_env_checker=True, **kwargs)
    expert = load_policy("expert")
    bind_policy(expert, env)
    observation, info = env.reset(seed=seed)
    expert.reset(info["instruction"], seed)
    actions, state, over = [], None, False
    while not over:
        action, state = expert.predict(observation, state, np.zeros(1, bool), True)
        actions.append(action)
        observation, _, terminated, truncated, info = env.step(action)
        over = terminated or truncated
    env.close()
    assert info["is_success"]
    return np.stack(actions).astype(np.float32), observation


def test_token_envs_say_what_they_lack() -> None:
    tokens = ActionTokens.uniform(-np.ones(7), np.ones(7), REAL.bins)
    envs = make_token_envs(PICK, REAL, tokens, 2, seed=1, houses=2, action_mode="ee_delta")
    seen = envs.reset()
    assert set(seen) == {"text", "object_to_tcp", "gripper"}
    assert seen["text"].any(axis=1).all()
    assert envs.action_space == spaces.MultiDiscrete([REAL.bins] * 28)
    middle = np.full((2, 28), REAL.bins // 2)
    moved, *_ = envs.step(middle)  # the middle of 33 bins is no movement
    assert np.abs(moved["object_to_tcp"] - seen["object_to_tcp"]).max() < 5e-3
    envs.close()
    with pytest.raises(InvalidConfig, match="do not fit an action space"):
        make_token_envs(PICK, REAL, tokens, 1, houses=2, action_mode="joint_delta")
    blind = SpocConfig.preset("nano", cameras=("nowhere",))
    with pytest.raises(InvalidConfig, match="nowhere"):
        make_token_envs(PICK, blind, tokens, 1, houses=2, action_mode="ee_delta")


def test_running_out_of_time_is_a_failure_at_a_deadline() -> None:
    """Else PPO counts on what might still come, and a failure costs nothing."""
    torch.manual_seed(0)
    tokens = SpocModel(REAL).tokens
    kwargs = {"scene": "generated/train/0", "action_mode": "ee_delta", "horizon": 6}
    ends = {}
    for deadline in (False, True):
        envs = make_token_envs(PICK, REAL, tokens, 2, 0, (), deadline, **kwargs)
        idle = np.full((2, REAL.executed), REAL.bins // 2)
        first = envs.reset()
        second, _, dones, _ = envs.step(idle)
        assert not dones.any()
        third, _, dones, infos = envs.step(idle)
        assert dones.all()
        ends[deadline] = [info["TimeLimit.truncated"] for info in infos]
        assert ("time_left" in envs.observation_space.spaces) == deadline
        if deadline:
            left = [obs["time_left"].tolist() for obs in (first, second, third)]
            np.testing.assert_allclose(left, [[[1.0]] * 2, [[1 / 3]] * 2, [[1.0]] * 2], atol=1e-6)
            assert all(i["terminal_observation"]["time_left"].tolist() == [0.0] for i in infos)
            policy = make_ppo(SpocModel(REAL), envs, RlSettings(batch=128)).policy
            assert isinstance(policy, SpocActorCriticPolicy)
            assert policy.critic_keys == ("object_to_tcp", "gripper", "time_left")
        envs.close()
    assert ends == {False: [True, True], True: [False, False]}


def test_rewards_are_scaled() -> None:
    torch.manual_seed(0)
    tokens = SpocModel(REAL).tokens
    kwargs = {"scene": "generated/train/0", "action_mode": "ee_delta", "reward_mode": "dense"}
    found = []
    for scale in (1.0, 0.25):
        envs = make_token_envs(PICK, REAL, tokens, 2, 0, (), False, scale, **kwargs)
        envs.reset()
        _, rewards, _, _ = envs.step(np.zeros((2, REAL.executed)))
        found.append(rewards)
        envs.close()
    assert np.abs(found[0]).min() > 1e-6
    np.testing.assert_allclose(found[1], 0.25 * found[0], rtol=1e-6)
