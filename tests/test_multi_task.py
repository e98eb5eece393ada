"""One env for several tasks."""

from collections import Counter

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as check_env_sb3

import molmospaces_gym  # noqa: F401 - registers the environments
from molmospaces_gym.errors import InvalidConfig, UnknownName
from molmospaces_gym.policies.base import bind_policy, load_policy
from molmospaces_gym.tasks.multi import MultiTask

ID = "molmospaces_gym/MultiTask-v1"
TWO = {"Pick": 1.0, "Open": 3.0}


def make(**kwargs):
    return gym.make(ID, **({"houses": 2, "task_weights": TWO} | kwargs))


@pytest.mark.parametrize("obs_mode", ["state", "rgb"])
def test_checkers_pass(obs_mode):
    check_env(make(obs_mode=obs_mode, image_size=[64, 48]).unwrapped, skip_render_check=True)
    check_env_sb3(make(obs_mode=obs_mode, image_size=[64, 48]), skip_render_check=True)


def test_tasks_come_by_their_weights():
    env, seen = make(), Counter()
    for seed in range(60):
        _, info = env.reset(seed=seed)
        seen[info["task"]] += 1
        verb = {"Pick": "pick up", "Open": "open"}[info["task"]]
        assert info["instruction"].startswith(verb)
    assert set(seen) == {"Pick", "Open"} and 33 <= seen["Open"] <= 57
    only = make(task_weights={"Pick": 1.0, "Open": 0.0})
    assert {only.reset(seed=seed)[1]["task"] for seed in range(8)} == {"Pick"}


def test_each_task_observes_its_own_keys_and_reward():
    env = make()
    single = {name: gym.make(f"molmospaces_gym/{name}-v1", houses=2) for name in TWO}
    checked = set()
    for seed in range(12):
        observation, info = env.reset(seed=seed)
        name = info["task"]
        other = single[name]
        wanted, _ = other.reset(options={"episode": env.unwrapped.episode})
        for key, value in wanted.items():
            np.testing.assert_array_equal(observation[key], value)
        assert observation["task"].tolist() == [float(task == name) for task in TWO]
        for key in env.observation_space:
            if key not in wanted and key != "task":
                assert not observation[key].any()
        action = env.action_space.sample()
        _, reward, *_, info = env.step(action)
        assert reward == pytest.approx(other.step(action)[1]) == info["reward/progress"]
        checked.add(name)
    assert checked == set(TWO)


def test_vector_env_mixes_tasks():
    envs = gym.make_vec(ID, num_envs=6, houses=2, task_weights=TWO)
    _, infos = envs.reset(seed=0)
    assert len(set(infos["task"])) == 2
    envs.step(envs.action_space.sample())
    *_, infos = envs.step(envs.action_space.sample())
    assert infos["reward/progress"].shape == (6,)


@pytest.mark.slow
def test_the_expert_plays_whatever_comes():
    policy = load_policy("expert")
    env = make(action_mode="joint_position", split="val")
    bind_policy(policy, env)
    for seed in range(4):
        observation, info = env.reset(seed=seed)
        policy.reset(info["instruction"], seed)
        over = False
        while not over:
            action, _ = policy.predict(observation)
            observation, _, terminated, truncated, info = env.step(action)
            over = terminated or truncated
        assert info["is_success"], (seed, info["task"])


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        ({"Fly": 1.0}, UnknownName, "task 'Fly'"),
        ({"MultiTask": 1.0}, UnknownName, "task 'MultiTask'"),
        ({"Pick": -1.0}, InvalidConfig, "at least 0"),
        ({"Pick": 0.0}, InvalidConfig, "above 0"),
        ({"Pick": 1.0, "NavigateTo": 1.0}, InvalidConfig, "mixes tasks of"),
    ],
)
def test_bad_weights(weights, error, message):
    with pytest.raises(error, match=message):
        MultiTask(weights)


def test_weights_are_for_this_task_only():
    with pytest.raises(InvalidConfig, match="task_weights is for MultiTask"):
        gym.make("molmospaces_gym/Pick-v1", task_weights=TWO)


def test_an_episode_of_another_task_is_refused():
    episode = gym.make("molmospaces_gym/Close-v1", houses=1)
    episode.reset(seed=0)
    env = make()
    with pytest.raises(InvalidConfig, match="plays Close"):
        env.reset(options={"episode": episode.unwrapped.episode})
