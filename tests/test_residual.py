"""Residual RL: nothing is changed before training, little after it, and the base stays as it is."""

import csv
import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv
from typer.testing import CliRunner

import molmospaces_gym  # noqa: F401
from molmospaces_gym.benchmarks import evaluate
from molmospaces_gym.cli.main import app
from molmospaces_gym.errors import InvalidConfig, PolicyUnavailable
from molmospaces_gym.integrations.sb3 import make_sb3_vec_env
from molmospaces_gym.policies.base import BatchedPolicy, load_policy
from molmospaces_gym.policies.residual import bases as bases_module
from molmospaces_gym.policies.residual import train as train_module
from molmospaces_gym.policies.residual.bases import Bases
from molmospaces_gym.policies.residual.config import ResidualConfig, ResidualSettings
from molmospaces_gym.policies.residual.network import Correction, ResidualActorCritic, Scaled
from molmospaces_gym.policies.residual.policy import ResidualPolicy
from molmospaces_gym.policies.residual.train import (
    ResidualTask,
    Warmup,
    calibrate,
    keep,
    lasting,
    make_ppo,
    policy_of,
)
from molmospaces_gym.policies.residual.vec import TERM, ResidualVecEnv, corrected
from molmospaces_gym.policies.spoc import ActionTokens, SpocModel
from molmospaces_gym.policies.spoc.recipes import Setup, configure

PICK = "molmospaces_gym/Pick-v1"
DELTA = {"action_mode": "ee_delta", "obs_mode": "state"}
HOUSE = {"houses": 1, "horizon": 3, **DELTA}
CONFIG = ResidualConfig(
    base="given", action_dim=7, keys=(("object_to_tcp", 3),), scale=0.3, env_kwargs=DELTA
)


@pytest.fixture(scope="module")
def spoc(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A SPOC policy that was never trained."""
    folder = tmp_path_factory.mktemp("spoc")
    setup = Setup(task="Pick")
    model = SpocModel(configure(setup, "nano", dim=16, heads=2, hidden=24, layers=1, bins=9))
    model.set_tokens(ActionTokens.uniform(-np.ones(7), np.ones(7), 9))
    model.save_pretrained(folder)
    setup.save(folder)
    return f"spoc:{folder}"


class Given:
    """A base that acts by what it sees and counts its steps; one call for all worlds or not."""

    def __init__(self) -> None:
        self.log: list[Any] = []
        self.age = 0.0

    def bind(self, env: Any) -> None:
        self.log.append(("bind", env))

    def reset(self, instruction: str, seed: int | None) -> None:
        self.log.append(("reset", instruction))
        self.age = 0.0

    def predict(self, obs: Any, state: Any = None, starts: Any = None, deterministic: bool = True):
        self.age += 1
        offset = obs["object_to_tcp"]
        action = np.full((*offset.shape[:-1], 7), 0.1 * self.age, np.float32)
        action[..., :3] = offset
        return action, (state or 0) + 1


class GivenMany(Given):
    def reset_row(self, row: int, instruction: str, seed: int | None) -> None:
        self.log.append((row, instruction))


@pytest.fixture(params=[Given, GivenMany])
def base(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The class that ``given`` names."""
    monkeypatch.setattr(bases_module, "load_policy", lambda spec: request.param())
    return request.param


@pytest.fixture
def envs(base: Any) -> Iterator[ResidualVecEnv]:
    made = ResidualVecEnv(make_sb3_vec_env(PICK, 2, seed=3, **HOUSE), CONFIG, penalty=0.5)
    yield made
    made.close()


def small(**changes: Any) -> ResidualSettings:
    base = {"n_steps": 8, "batch": 16, "warmup": 0, "critic_arch": (16,), "calibrate": 2}
    return ResidualSettings(**{**base, **changes})


def within(limit: int) -> Any:
    return arrays(np.float32, 7, elements=st.floats(-limit, limit, width=32))


@given(within(1), within(9), st.floats(0.01, 2))
def test_a_correction_is_bounded(base: Any, residual: Any, scale: float) -> None:
    config = replace(CONFIG, scale=scale)
    action = corrected(base, residual, config)
    assert action.dtype == np.float32
    assert np.abs(action).max() <= 1.0
    assert (np.abs(action - base) <= scale + 1e-6).all()
    assert np.array_equal(corrected(base, np.zeros_like(residual), config), base)
    some = replace(config, elements=(2, 4))
    partly = corrected(base, residual[[2, 4]], some)
    assert np.array_equal(partly[[2, 4]], action[[2, 4]])
    assert np.array_equal(np.delete(partly, [2, 4]), np.delete(base, [2, 4]))
    inside = np.abs(base + scale * np.clip(residual, -1, 1)) < 1.0
    moved = np.sign(action - base) * np.sign(residual)
    assert (moved[inside] >= 0).all()


def test_what_is_played_is_the_base_and_its_correction(envs: ResidualVecEnv) -> None:
    plain = make_sb3_vec_env(PICK, 2, seed=3, **HOUSE)
    seen, rows = plain.reset(), envs.reset()
    residual = np.random.default_rng(0).uniform(-2, 2, (2, 7)).astype(np.float32)
    others = [key for key in plain.observation_space.spaces if key != "object_to_tcp"]
    rest = np.concatenate([seen[key] for key in others], axis=1)
    assert rows.shape == (2, CONFIG.seen + rest.shape[1] + 1)
    np.testing.assert_array_equal(rows[:, 10:-1], rest)  # what only the critic sees
    for step in range(2):
        action = np.full((2, 7), 0.1 * (step + 1), np.float32)
        action[:, :3] = seen["object_to_tcp"]
        np.testing.assert_array_equal(rows[:, :3], seen["object_to_tcp"])
        np.testing.assert_allclose(rows[:, 3:10], action, atol=1e-6)
        np.testing.assert_allclose(rows[:, -1], 1 - step / 3, atol=1e-6)
        seen, rewards, _, _ = plain.step(corrected(action, residual, CONFIG))
        rows, costly, _, infos = envs.step(residual)
        cost = 0.5 * np.square(np.clip(residual, -1, 1)).mean(axis=1)
        np.testing.assert_allclose(costly, rewards - cost, atol=1e-6)
        assert [info[TERM] for info in infos] == pytest.approx((-cost).tolist())
    plain.close()


def test_the_base_starts_anew_with_each_episode(envs: ResidualVecEnv, base: Any) -> None:
    rows = envs.reset()
    for _ in range(3):
        rows, _, dones, infos = envs.step(np.zeros((2, 7)))
    assert dones.all()
    assert [info["TimeLimit.truncated"] for info in infos] == [False, False]
    last = infos[0]["terminal_observation"]
    assert last.shape == rows.shape[1:]
    assert last[-1] == 0.0
    assert rows[:, -1].tolist() == [1.0, 1.0]
    policies = envs._bases.policies
    instructions = [session.info["instruction"] for session in envs._env.sessions]
    if base is Given:
        assert len(policies) == 2
        for policy, instruction in zip(policies, instructions, strict=True):
            assert [word for word, _ in policy.log] == ["bind", "reset", "reset"]
            assert policy.log[-1][1] == instruction
        assert rows[0, 6:10].tolist() == pytest.approx([0.1] * 4)  # its count began again
        assert policies[1].log[0][1].session is envs._env.sessions[1]
    else:
        assert len(policies) == 1
        assert policies[0].log[-2:] == list(enumerate(instructions))


def test_without_a_deadline_time_is_no_failure(base: Any) -> None:
    venv = make_sb3_vec_env(PICK, 2, seed=3, **HOUSE)
    envs = ResidualVecEnv(venv, replace(CONFIG, observe_base=False), deadline=False)
    vectors = sum(box.shape[0] for box in venv.observation_space.spaces.values())
    assert envs.reset().shape == (2, vectors)  # neither the action of the base nor the time
    for _ in range(3):
        _, _, dones, infos = envs.step(np.zeros((2, 7)))
    assert dones.all()
    assert all(info["TimeLimit.truncated"] for info in infos)
    assert infos[0]["terminal_observation"].shape == (vectors,)
    envs.close()
    with pytest.raises(InvalidConfig, match="looks at nowhere"):
        wrong = ResidualVecEnv(venv, replace(CONFIG, keys=(("nowhere", 2),)))
        wrong.reset()


class Offset(gym.Env[Any, Any]):
    """One step; the reward is best where the correction is 0.4 in its first element alone."""

    observation_space = gym.spaces.Box(-np.inf, np.inf, (11,), np.float32)
    action_space = gym.spaces.Box(-1.0, 1.0, (7,), np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        return self.np_random.normal(size=11).astype(np.float32), {}

    def step(self, action: Any) -> Any:
        reward = -float(np.square(action - 0.4 * np.eye(7)[0]).sum())
        return np.zeros(11, np.float32), reward, True, False, {}


def ppo_of(settings: ResidualSettings, config: ResidualConfig = CONFIG) -> PPO:
    return make_ppo(config, DummyVecEnv([Offset] * 4), settings)


def test_the_first_correction_is_nothing_and_its_noise_small() -> None:
    policy = policy_of(ppo_of(small(std=0.07, hold=0)))
    rows = torch.randn(2000, 11)
    with torch.no_grad():
        actions, values, log_probs = policy.forward(rows)
        best, _ = policy.predict(rows.numpy(), deterministic=True)
    assert not best.any()
    assert actions.std(0).numpy() == pytest.approx(0.07, rel=0.1)
    manual = -0.5 * (actions / 0.07) ** 2 - np.log(0.07 * np.sqrt(2 * np.pi))
    assert log_probs.numpy() == pytest.approx(manual.sum(-1).numpy(), abs=1e-3)
    again, other, entropy = policy.evaluate_actions(rows, actions)
    assert torch.equal(again, values)
    assert (other - log_probs).abs().max() < 1e-5  # the ratio before the first update is one
    wanted = 7 * (0.5 * np.log(2 * np.pi * np.e) + np.log(0.07))
    assert entropy.detach().numpy() == pytest.approx(wanted, abs=1e-4)


def test_noise_that_holds_is_one_function_of_what_is_seen() -> None:
    ppo = ppo_of(small(std=0.1, hold=4))
    assert (ppo.use_sde, ppo.sde_sample_freq) == (True, 4)
    policy = policy_of(ppo)
    rows = torch.randn(500, 11)
    with torch.no_grad():
        first, _, log_probs = policy.forward(rows)
        assert torch.equal(policy.forward(rows)[0], first)
        assert not policy.forward(rows, deterministic=True)[0].any()
        _, other, _ = policy.evaluate_actions(rows, first)
        assert (other - log_probs).abs().max() < 1e-5
        drawn = []
        for _ in range(200):
            policy.reset_noise(1)
            drawn.append(policy.forward(rows[:50])[0])
    assert not torch.equal(drawn[0], first[:50])
    assert 0.05 < torch.stack(drawn).std() < 0.2


@pytest.mark.parametrize("hold", [0, 16])
def test_ppo_finds_a_correction(hold: int) -> None:
    ppo = ppo_of(small(hold=hold, rate=3e-3, n_steps=64, batch=64, target_kl=1.0, gamma=0.0))
    ppo.learn(8000)
    policy = policy_of(ppo)
    mean = policy.correction(torch.zeros(1, 10)).detach()[0]
    assert 0.3 < mean[0] < 0.5
    assert mean[1:].abs().max() < 0.2


def test_warm_up_trains_the_critic_alone() -> None:
    ppo = ppo_of(small())
    policy = policy_of(ppo)
    before = {k: v.clone() for k, v in policy.state_dict().items()}

    def changed(part: str) -> bool:
        now = policy.state_dict()
        return any(not torch.equal(before[k], v) for k, v in now.items() if k.startswith(part))

    ppo.learn(64, callback=Warmup(10_000))
    assert changed("critic")
    assert not changed("correction")
    assert not changed("log_std")
    ppo.learn(64, callback=Warmup(0))
    assert changed("correction")
    assert changed("log_std")


def test_inputs_are_put_to_the_scale_of_the_bases_episodes(envs: ResidualVecEnv) -> None:
    net = Scaled(3, (), 1)
    rows = torch.tensor([[1.0, 5.0, 2.0], [3.0, 5.0, 2.0]])
    net.set_scale(torch.cat([rows, torch.full((2, 1), 9.0)], dim=1))
    assert net.get_buffer("mean").tolist() == [2.0, 5.0, 2.0]
    assert net.get_buffer("scale").tolist() == [1.0, 1.0, 1.0]  # what never moves is left alone
    with torch.no_grad():
        far, near = net(torch.tensor([[1e6, 5.0, 2.0], [12.0, 5.0, 2.0]]))
    assert far == near
    policy = policy_of(make_ppo(CONFIG, envs, small()))
    assert calibrate(policy, envs, 4) == 8
    assert policy.correction.get_buffer("mean")[:3].abs().max() > 0.01
    assert policy.critic.get_buffer("mean")[-1] > 0.5


def test_saved_and_loaded_it_acts_the_same(tmp_path: Path, base: Any) -> None:
    ppo = ppo_of(small())
    policy = policy_of(ppo)
    with torch.no_grad():
        for value in policy.correction.parameters():
            value.add_(0.3 * torch.randn_like(value))
    policy.set_scale(2.0 * torch.randn(50, 11))
    keep(policy, tmp_path)
    found = ResidualPolicy(str(tmp_path))
    assert found.config == CONFIG
    assert found.env_kwargs == DELTA
    offset = np.random.default_rng(0).normal(size=(1, 3)).astype(np.float32)
    found.reset("pick", 0)
    action, _ = found.predict({"object_to_tcp": offset[0]})
    own = np.concatenate([offset, offset, np.full((1, 4), 0.1, np.float32)], axis=1)
    best, _ = policy.predict(np.append(own, [[0.5]], axis=1).astype(np.float32), deterministic=True)
    # PPO cuts what it plays off at the limits, which ``corrected`` does as well.
    assert action == pytest.approx(corrected(own[:, 3:], best, CONFIG)[0], abs=1e-6)
    ppo.save(tmp_path / "ppo.zip")
    again = policy_of(PPO.load(tmp_path / "ppo.zip", device="cpu"))
    assert all(torch.equal(v, again.state_dict()[k]) for k, v in policy.state_dict().items())
    (tmp_path / "residual.safetensors").write_bytes(b"none")
    with pytest.raises(PolicyUnavailable, match="no weights"):
        load_policy(f"residual:{tmp_path}")
    (tmp_path / "residual.json").write_text('{"base": "given"}')
    with pytest.raises(InvalidConfig, match="no residual policy"):
        load_policy(f"residual:{tmp_path}")
    with pytest.raises(PolicyUnavailable, match=r"no residual\.json"):
        load_policy(f"residual:{tmp_path / 'nowhere'}")


def untrained(task: ResidualTask, folder: Path) -> str:
    config = task.configure(0.2, True, (8,))
    config.save(folder)
    Correction(config).save(folder)
    return f"residual:{folder}"


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("kind", ["spoc", "expert"])
def test_before_training_it_is_the_base(kind: str, batch: int, spoc: str, tmp_path: Path) -> None:
    """In the same evaluator, one world at a time or several, even where the base knows but one."""
    spec, env = (spoc, {}) if kind == "spoc" else ("expert", {"action_mode": "ee_delta"})
    policy = untrained(ResidualTask(base=spec, task="Pick", env=env), tmp_path / "policy")
    found = load_policy(policy)
    assert isinstance(found, BatchedPolicy)
    assert getattr(found, "needs_scene", None) == (kind == "expert")
    kwargs: Any = {"episodes": 3, "horizon": 12}
    before = evaluate(spec, "pick-mini", out=tmp_path / "base", **kwargs, **env)
    after = evaluate(policy, "pick-mini", out=tmp_path / "it", batch=batch, **kwargs)
    assert not any(record.failure for record in (*before.records, *after.records))
    exact = kind == "expert" or batch == 1  # batched products round differently
    for one, other in zip(before.records, after.records, strict=True):
        assert (one.steps, one.success_once) == (other.steps, other.success_once)
        tolerance = 0.0 if exact else 1e-3
        assert one.episode_return == pytest.approx(other.episode_return, abs=tolerance)


def test_a_model_of_sb3_is_a_base_too(tmp_path: Path) -> None:
    plain = make_sb3_vec_env(PICK, 1, seed=0, **HOUSE)
    PPO("MultiInputPolicy", plain, n_steps=8, batch_size=8, device="cpu").save(
        tmp_path / "model.zip"
    )
    (tmp_path / "model.json").write_text(json.dumps({**DELTA, "houses": 1}))
    plain.close()
    task = ResidualTask(base=f"sb3:{tmp_path}/model", task="Pick", horizon=4)
    assert task.env_kwargs == {**DELTA, "horizon": 4}
    config = task.configure(0.1, True, (8,))
    assert config.env_kwargs == DELTA
    assert dict(config.keys)["object_to_tcp"] == 3
    envs = task.envs(config, small(), 2, 0, {"houses": 1})
    assert envs._bases.batched
    rows = envs.reset()
    assert np.isfinite(envs.step(np.ones((2, 7)))[0]).all()
    assert rows.shape == (2, config.seen + 1)  # it sees all that there is
    envs.close()


def test_a_base_keeps_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path)
    assert lasting("spoc:here") == f"spoc:{tmp_path}/here"
    assert lasting("spoc-released:here?preset=x") == f"spoc-released:{tmp_path}/here?preset=x"
    assert lasting("expert") == "expert"
    assert lasting("ws://host:1") == "ws://host:1"


def test_what_cannot_be_is_refused(spoc: str) -> None:
    for scale in (0.0, 3.0):
        with pytest.raises(InvalidConfig, match="scale"):
            replace(CONFIG, scale=scale)
    for elements in ((), (1, 1), (7,), (-1,)):
        with pytest.raises(InvalidConfig, match="elements"):
            replace(CONFIG, elements=elements)
    for wrong in ({"std": 0.0}, {"penalty": -1.0}, {"hold": -1}):
        with pytest.raises(InvalidConfig, match=next(iter(wrong))):
            small(**wrong)
    with pytest.raises(InvalidConfig, match="no vectors nowhere"):
        ResidualTask(base=spoc, task="Pick", keys=("nowhere",)).configure(0.2, True, (8,))
    chosen = ResidualTask(base=spoc, task="Pick", keys=("gripper",)).configure(0.2, False, (8,))
    assert chosen.keys == (("gripper", 1),)
    assert chosen.seen == 1


def test_a_base_of_one_world_plays_several() -> None:
    """Worlds that were not started rest."""
    policy = Bases.__new__(Bases)
    policy._spec = "given"
    policy._fill(Given(), 1)
    policy.reset_row(0, "pick", 0)
    obs = {"object_to_tcp": np.zeros((1, 3), np.float32)}
    starts = np.ones(1, np.bool_)
    first, second = policy.predict(obs, starts), policy.predict(obs, starts)
    assert first[0, 6] == pytest.approx(0.1)
    assert second[0, 6] == pytest.approx(0.2)


FLAGS = {
    "--env-steps 7": ("env_steps", 7),
    "--penalty 0.3": ("penalty", 0.3),
    "--std 0.4": ("std", 0.4),
    "--hold 3": ("hold", 3),
    "--warmup 9": ("warmup", 9),
    "--calibrate 3": ("calibrate", 3),
    "--rate 0.1": ("rate", 0.1),
    "--gamma 0.5": ("gamma", 0.5),
    "--gae 1": ("gae", 1.0),
    "--clip 0.6": ("clip", 0.6),
    "--target-kl 0.7": ("target_kl", 0.7),
    "--entropy 0.8": ("entropy", 0.8),
    "--no-deadline": ("deadline", False),
    "--trials 16": ("trials", 16),
    "--every 11": ("every", 11),
    "--seed 12": ("seed", 12),
    "--reward dense": ("reward", "dense"),
    "--horizon 13": ("horizon", 13),
    "--keys gripper,arm_qpos": ("keys", ("gripper", "arm_qpos")),
    "--env action_mode=ee_delta": ("env", {"action_mode": "ee_delta"}),
    "--scale 0.15": ("scale", 0.15),
    "--elements 0,2": ("elements", (0, 2)),
    "--no-observe-base": ("observe_base", False),
    "--envs 5": ("n_envs", 5),
}


def test_every_flag_arrives(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen = SimpleNamespace()

    def note(task: ResidualTask, out: Path, settings: ResidualSettings, **more: Any) -> Path:
        seen.all = {**asdict(task), **asdict(settings), **more}
        (tmp_path / "curve.csv").write_text("")
        return out

    monkeypatch.setattr(train_module, "train_residual", note)
    command = f"train residual --base expert --task Pick --out {tmp_path}"
    result = CliRunner().invoke(app, command.split())
    assert result.exit_code == 0, result.output
    default = seen.all
    assert default["env_steps"] == ResidualSettings().env_steps
    assert {k: v for k, v in default.items() if k in asdict(ResidualSettings())} == asdict(
        ResidualSettings()
    )
    result = CliRunner().invoke(app, f"{command} {' '.join(FLAGS)}".split())
    assert result.exit_code == 0, result.output
    for name, value in FLAGS.values():
        assert seen.all[name] == value != default[name], name


def test_train_and_evaluate(spoc: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "run"
    for name in ("TRAIN", "TRIAL"):  # a hundred houses take their time to compile
        monkeypatch.setattr(train_module, name, {"houses": 1})
    result = CliRunner().invoke(
        app,
        f"train residual --base {spoc} --task Pick --out {out} --env-steps 600 --warmup 0 --envs 4"
        " --trials 8 --every 100000 --horizon 8 --calibrate 4 --reward dense"
        " --elements 0,2".split(),
    )
    assert result.exit_code == 0, result.output
    assert f"residual:{out}/last" in result.output.replace("\n", "")
    with (out / "curve.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["env_steps"]) for row in rows] == [16, 600]
    assert json.loads((out / "settings.json").read_text())["task"]["base"] == spoc
    found = ResidualPolicy(f"{out}/last")
    assert found.config.corrected == [0, 2]
    assert any(value.any() for value in found.correction.layers[-1].parameters())
    assert isinstance(policy_of(PPO.load(out / "ppo.zip", device="cpu")), ResidualActorCritic)
    played = evaluate(
        f"residual:{out}/best", "pick-mini", episodes=2, horizon=8, out=tmp_path / "e"
    )
    assert not any(record.failure for record in played.records)


def test_a_wrong_calibration_moves_the_tool() -> None:
    tools = {}
    for spec in ("expert", "miscalibrated:0,0.02,-0.01"):
        env: Any = gym.make(PICK, houses=1, action_mode="joint_position", disable_env_checker=True)
        observation, info = env.reset(seed=1)
        policy: Any = load_policy(spec)
        policy.bind(env.unwrapped)
        policy.reset(info["instruction"], 1)
        for _ in range(8):
            observation, *_ = env.step(policy.predict(observation)[0])
        tools[spec] = np.array(observation["tcp_pose"][:3])
        env.close()
    offset = tools["miscalibrated:0,0.02,-0.01"] - tools["expert"]
    assert offset == pytest.approx([0.0, 0.02, -0.01], abs=6e-3)
    for wrong in ("1,2", "a,b,c", "nan,0,0"):
        with pytest.raises(InvalidConfig, match="X,Y,Z in m"):
            load_policy(f"miscalibrated:{wrong}")
