"""SPOC from the command line: clone, fine-tune, evaluate, one world or several."""

import csv
import json
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import molmospaces_gym  # noqa: F401
from molmospaces_gym.benchmarks import evaluate
from molmospaces_gym.cli.main import app
from molmospaces_gym.errors import InvalidConfig, PolicyUnavailable
from molmospaces_gym.policies.base import BatchedPolicy, load_policy, policy_env_kwargs
from molmospaces_gym.policies.spoc import ActionTokens, SpocConfig, SpocModel
from molmospaces_gym.policies.spoc.bc import BcSettings
from molmospaces_gym.policies.spoc.demos import seen
from molmospaces_gym.policies.spoc.policy import SpocPolicy
from molmospaces_gym.policies.spoc.recipes import (
    Setup,
    configure,
    demonstrations,
    redrawn,
    train_bc,
)

PICK = "molmospaces_gym/Pick-v1"


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy that was never trained, in its folder."""
    folder = tmp_path_factory.mktemp("spoc")
    setup = Setup(task="Pick")
    config = configure(setup, "nano", dim=16, heads=2, hidden=24, layers=1, bins=9)
    model = SpocModel(config)
    model.set_tokens(ActionTokens.uniform(-np.ones(7), np.ones(7), 9))
    model.save_pretrained(folder)
    setup.save(folder)
    return folder


def test_a_configuration_fits_the_env(policy: Path) -> None:
    state = configure(Setup(task="Open"), "nano")
    names = [name for name, _ in state.vectors]
    assert "handle_position" in names
    assert "arm_qpos" in names
    assert not any(name.endswith("qvel") for name in names)
    assert state.cameras == ()
    seeing = configure(Setup(task="Pick", obs="rgb", action_mode="joint_delta"), "tiny")
    assert seeing.action_dim == 8
    assert len(seeing.cameras) == 2
    assert Setup.load(policy).policy_kwargs == {"obs_mode": "state", "action_mode": "ee_delta"}


def test_chunks_are_played_and_decided_anew(policy: Path) -> None:
    found = load_policy(f"spoc:{policy}")
    assert isinstance(found, BatchedPolicy)
    kwargs = policy_env_kwargs(found, PICK)
    env = gym.make(PICK, houses=1, disable_env_checker=True, **kwargs)
    observation, info = env.reset(seed=0)
    found.reset(info["instruction"], 0)
    first = [found.predict(observation)[0] for _ in range(8)]
    # The observation does not change, so the second chunk is the first one again.
    assert np.array_equal(first[:4], first[4:])
    assert all(action.shape == (7,) and np.abs(action).max() <= 1.0 for action in first)
    found.reset(info["instruction"], 0)
    drawn = [found.predict(observation, deterministic=False)[0] for _ in range(4)]
    found.reset(info["instruction"], 0)
    again = [found.predict(observation, deterministic=False)[0] for _ in range(4)]
    assert np.array_equal(drawn, again)
    env.close()


def test_many_worlds_at_once_are_one_after_another(policy: Path, tmp_path: Path) -> None:
    kwargs = {"episodes": 5, "horizon": 9}
    one = evaluate(f"spoc:{policy}", "pick-mini", out=tmp_path / "one", **kwargs)
    four = evaluate(f"spoc:{policy}", "pick-mini", out=tmp_path / "four", batch=4, **kwargs)
    assert not any(record.failure for record in (*one.records, *four.records))
    assert [r.steps for r in one.records] == [9] * 5
    for single, several in zip(one.records, four.records, strict=True):
        assert single.success_at_end == several.success_at_end
        # Batched products round differently in their last bits.
        assert single.episode_return == pytest.approx(several.episode_return, abs=1e-3)


def test_flow_follows_the_seed_of_the_episode_in_one_world_or_many(tmp_path: Path) -> None:
    config = SpocConfig.preset("nano", vectors=(("place", 3),), head="flow", dim=16, heads=2)
    SpocModel(config).save_pretrained(tmp_path)
    found = load_policy(f"spoc:{tmp_path}")
    assert isinstance(found, BatchedPolicy)
    observation = {"place": np.linspace(-1, 1, 3, dtype=np.float32)}

    def plan(seed: int) -> np.ndarray:
        found.reset("pick up the mug", seed)
        return np.stack([found.predict(observation)[0] for _ in range(8)])

    first = plan(3)
    assert np.array_equal(first, plan(3))
    assert not np.array_equal(first, plan(4))
    assert not np.array_equal(first[:4], first[4:])  # each decision draws anew
    for row, seed in enumerate((4, 3)):
        found.reset_row(row, "pick up the mug", seed)
    worlds = {"place": np.tile(observation["place"], (2, 1))}
    both = np.stack([found.predict(worlds)[0] for _ in range(8)])
    assert both[:, 1] == pytest.approx(first, abs=1e-5)


def test_what_is_no_policy_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyUnavailable, match="no SPOC policy"):
        load_policy(f"spoc:{tmp_path}")
    with pytest.raises(InvalidConfig, match="setup"):
        Setup.load(tmp_path)


def test_redrawn_weights_keep_bins_and_scales() -> None:
    config = SpocConfig.preset("nano", vectors=(("arm_qpos", 7),), dim=16, heads=2, hidden=24)
    model = SpocModel(config)
    data = np.random.default_rng(0).normal(size=(100, 7))
    model.set_tokens(ActionTokens.fit(data, config.bins))
    fresh = redrawn(model, seed=3)
    assert np.array_equal(fresh.tokens.edges, model.tokens.edges)
    assert not np.array_equal(
        fresh.trunk.queries.detach().numpy(), model.trunk.queries.detach().numpy()
    )


def run(command: str) -> None:
    result = CliRunner().invoke(app, command.split())
    assert result.exit_code == 0, result.output


def test_cloning_from_pixels_ends_in_a_policy_that_plays(tmp_path: Path) -> None:
    run(
        f"train bc --task Pick --out {tmp_path}/bc --demos 1 --preset nano --obs rgb --steps 2"
        " --batch 4 --trials 8 --horizon 60"
    )
    assert len(json.loads((tmp_path / "bc/progress.json").read_text())["successes"]) == 2
    found = load_policy(f"spoc:{tmp_path}/bc/best")
    kwargs = policy_env_kwargs(found, PICK)
    assert kwargs == {"obs_mode": "rgb", "action_mode": "ee_delta", "image_size": [64, 64]}
    env = gym.make(PICK, houses=1, disable_env_checker=True, **kwargs)
    observation, info = env.reset(seed=0)
    found.reset(info["instruction"], 0)
    action, _ = found.predict(observation)
    assert action.shape == (7,)
    assert isinstance(found, SpocPolicy)
    # The pictures matter to it.
    blind = {k: 255 - v if v.dtype == np.uint8 else v for k, v in observation.items()}
    text = np.ones(found.model.config.text_length, np.int32)
    logits = []
    for each in (observation, blind):
        inputs = seen(each, found.model.config, text)
        with torch.no_grad():
            logits.append(found.model({k: torch.from_numpy(v)[None] for k, v in inputs.items()}))
    assert not torch.equal(*logits)
    env.close()


def test_trials_that_cannot_be_spread_are_refused_before_training(tmp_path: Path) -> None:
    setup = Setup(task="Pick", horizon=60)
    config = configure(setup, "nano")
    demos = demonstrations(setup, config, 1, 0)
    with pytest.raises(InvalidConfig, match="12 is no multiple of 8"):
        train_bc(setup, demos, config, tmp_path / "bc", BcSettings(steps=1), trials=12)
    assert not (tmp_path / "bc").exists()


@pytest.mark.slow
@pytest.mark.parametrize("obs", ["state", "rgb"])
def test_clone_fine_tune_evaluate(obs: str, tmp_path: Path) -> None:
    bc, rl = tmp_path / "bc", tmp_path / "rl"
    run(
        f"train bc --task Pick --out {bc} --demos 3 --preset nano --obs {obs} --steps 20"
        " --batch 16 --trials 8 --horizon 80"
    )
    assert json.loads((bc / "progress.json").read_text())["step"] == 20
    run(
        f"train rl --policy {bc}/best --out {rl} --env-steps 1500 --every 100000 --trials 8"
        " --warmup 0 --envs 4"
    )
    with (rl / "curve.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert int(rows[-1]["env_steps"]) >= 1500
    assert [row["episodes"] for row in rows] == ["8", "8"]
    result = evaluate(f"spoc:{rl}/last", "pick-mini", episodes=2, horizon=8, out=tmp_path / "run")
    assert not any(record.failure for record in result.records)
