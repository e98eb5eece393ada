"""A model's reward in training: through the Stable-Baselines3 bridge and SPOC's fine-tuning."""

import csv
import json

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3 import PPO
from typer.testing import CliRunner

import molmospaces_gym  # noqa: F401
from molmospaces_gym.cli.main import app
from molmospaces_gym.integrations.sb3 import make_sb3_vec_env
from molmospaces_gym.policies.spoc import SpocModel
from molmospaces_gym.policies.spoc.recipes import Setup, configure, train_rl
from molmospaces_gym.policies.spoc.rl import CURVE, RlSettings
from molmospaces_gym.rewards.vector_wrapper import VectorTOPReward
from molmospaces_gym.rewards.wrapper import TOPReward

ID = "molmospaces_gym/Pick-v1"
SHORT = {"houses": 1, "horizon": 6, "action_mode": "ee_delta", "reward_mode": "sparse"}
SETTINGS = {"score_every": 2, "image_size": [16, 16], "calibration": [-12, 0], "baseline": False}


@pytest.mark.parametrize("late", [False, True])
def test_sb3_gets_what_the_wrapper_pays(pixel_model, late):
    settings = {**SETTINGS, "asynchronous": late}
    wrap = lambda envs: VectorTOPReward(envs, pixel_model(), **settings)  # noqa: E731
    bridged = make_sb3_vec_env(ID, 2, seed=3, monitor=False, wrap=wrap, **SHORT)
    single = TOPReward(gym.make(ID, **SHORT), pixel_model(), **settings)
    bridged.reset()
    single.reset(seed=3)
    assert bridged.reset_infos[0]["topreward/scored"] is not late
    rng = np.random.default_rng(0)
    for _ in range(13):
        actions = rng.uniform(-1, 1, (2, 7)).astype(np.float32)
        _, rewards, dones, infos = bridged.step(actions)
        last, reward, terminated, truncated, info = single.step(actions[0])
        assert rewards[0] == np.float32(reward) and dones[0] == truncated
        assert infos[0]["reward/env"] == info["reward/env"] == 0.0
        assert infos[0]["topreward/logp_true"] == info["topreward/logp_true"]
        json.dumps({k: v for k, v in infos[0].items() if k != "terminal_observation"})
        if truncated:
            ended = infos[0]["terminal_observation"]
            np.testing.assert_array_equal(ended["arm_qpos"], last["arm_qpos"])
            single.reset()
    bridged.close()
    single.close()


def test_ppo_trains_on_it(pixel_model):
    envs = make_sb3_vec_env(
        ID, 2, seed=0, wrap=lambda envs: VectorTOPReward(envs, pixel_model(), **SETTINGS), **SHORT
    )
    model = PPO("MultiInputPolicy", envs, seed=0, n_steps=8, batch_size=8)
    before = [p.clone() for p in model.policy.parameters()]
    model.learn(24)
    assert any(not p.equal(b) for p, b in zip(model.policy.parameters(), before, strict=True))
    assert any(episode["r"] != 0 for episode in model.ep_info_buffer)
    envs.close()


def test_spoc_fine_tunes_on_it(pixel_model, tmp_path):
    setup = Setup(task="Pick", horizon=8, env={"houses": 1})
    config = configure(setup, "nano", chunk=4, execute=2)
    SpocModel(config).save_pretrained(tmp_path / "start")
    setup.save(tmp_path / "start")
    model = pixel_model()
    settings = RlSettings(env_steps=64, n_steps=8, batch=16, warmup=0, trials=8, every=64)
    out = train_rl(
        tmp_path / "start", tmp_path / "rl", settings, "topreward", 2,
        topreward={**SETTINGS, "model": model},
    )  # fmt: skip
    assert SpocModel.from_pretrained(out).config == config
    assert model.calls > 16 and len(model.batches) == 1  # of the training envs alone
    with (tmp_path / "rl" / CURVE).open() as file:
        rows = list(csv.DictReader(file))
    assert int(rows[-1]["env_steps"]) >= 64
    with (tmp_path / "rl" / "log" / "progress.csv").open() as file:
        returns = [float(row["rollout/ep_rew_mean"]) for row in csv.DictReader(file)]
    assert all(value < 0 for value in returns)  # -Phi_0 of a failure, whose potential ends at 0


def test_the_option_is_about_this_reward_only(tmp_path):
    arguments = ["train", "rl", "--policy", "x", "--out", str(tmp_path), "--topreward", "weight=2"]
    result = CliRunner().invoke(app, arguments)
    assert "--reward topreward" in str(result.exception)
