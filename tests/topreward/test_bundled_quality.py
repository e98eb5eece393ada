"""What the bundled model knows, on episodes of held-out houses that are played here."""

import gymnasium as gym
import numpy as np
import pytest

import molmospaces_gym  # noqa: F401
from molmospaces_gym.policies.base import bind_policy, load_policy
from molmospaces_gym.rewards import TOPReward, load_reward_model
from molmospaces_gym.rewards.qwen.loading import load_network
from molmospaces_gym.rewards.qwen.model import QwenModel
from molmospaces_gym.rewards.registry import TINY
from molmospaces_gym.rewards.tiny.dataset import collect
from molmospaces_gym.rewards.tiny.measure import by_time, episodes_of, measure, paired, streamed
from molmospaces_gym.rewards.tiny.network import make_network

torch = pytest.importorskip("torch")

HOUSES = range(40)
"""Half of them with the expert's success, half with what became of it after a fault."""
TASKS = ("Pick", "Open", "PickAndPlace")


@pytest.fixture(scope="module")
def tiny():
    torch.set_num_threads(1)
    return load_reward_model("tiny")


@pytest.fixture(scope="module")
def episodes(tiny):
    clips = collect("Pick", "val", HOUSES, seeds=1, branches=1)
    found = episodes_of(clips, tiny.cameras)
    assert sum(episode.success for episode in found) in range(15, 26)
    return found


@pytest.mark.slow
def test_it_knows_success_the_instruction_and_waiting(tiny, episodes):
    """Bounds below the model card's figures by what 40 episodes may be off."""
    found = measure(streamed(tiny), episodes)
    assert found["success_auc"] >= 0.8
    assert found["wrong_auc"] >= 0.8
    assert found["voc"] >= 0.85
    assert found["static_voc"] <= 0.3


@pytest.mark.slow
def test_others_know_less(tiny, episodes):
    """Baselines, and the same network before any training."""
    known = measure(streamed(tiny), episodes)
    clock = measure(by_time, episodes)
    assert clock["wrong_auc"] == 0.5 and clock["voc"] == clock["static_voc"] == 1.0
    pairs = measure(paired(tiny), episodes)
    assert pairs["success_auc"] < known["success_auc"] and pairs["voc"] < known["voc"]
    _, tokenizer = load_network(str(TINY))
    fresh = QwenModel(make_network(tokenizer), tokenizer, tiny.settings)
    blind = measure(streamed(fresh), episodes)
    assert abs(blind["wrong_auc"] - 0.5) < 0.25
    assert blind["voc"] < 0.6


def earned(model, task, play, episodes, **kwargs):
    """What the potential pays for each of some episodes, by the defaults and undiscounted."""
    env = gym.make(
        f"molmospaces_gym/{task}-v1", split="val", houses=8, reward_mode="sparse", **kwargs
    )
    env = TOPReward(env, model, gamma=1.0, zero_at="never")
    policy, totals = play(env), []
    for episode in range(episodes):
        observation, info = env.reset(seed=episode)
        policy.reset(info["instruction"], episode)
        total, over = 0.0, False
        while not over:
            action, _ = policy.predict(observation, None, np.zeros(1, np.bool_), True)
            observation, _, terminated, truncated, info = env.step(action)
            total, over = total + info["reward/topreward"], terminated or truncated
        totals.append(total)
    env.close()
    return np.array(totals)


class Idle:
    def reset(self, instruction, seed):
        pass

    def predict(self, *_):
        return np.zeros(7, np.float32), None


def named(name):
    def play(env):
        policy = load_policy(name)
        bind_policy(policy, env)
        return policy

    return play


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_doing_nothing_earns_no_more_than_random_play_and_both_far_less_than_the_task(tiny, task):
    """The trap of rewards by length, with the default calibration and baseline."""
    moves = {"horizon": 60, "action_mode": "ee_delta"}
    idle = earned(tiny, task, lambda env: Idle(), 16, **moves)
    random = earned(tiny, task, named("random"), 16, **moves)
    expert = earned(tiny, task, named("expert"), 6, action_mode="joint_position")
    assert np.median(idle) <= np.median(random)
    assert np.median(expert) > 0.4 + np.median(random)
