"""What ``train bc`` and ``train rl`` make of their options, and what they refuse."""

import json
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from molmospaces_gym.cli.main import app
from molmospaces_gym.errors import InvalidConfig, PolicyUnavailable, RunChanged
from molmospaces_gym.policies.base import load_policy
from molmospaces_gym.policies.residual.train import ResidualTask
from molmospaces_gym.policies.spoc import ActionTokens, SpocModel, recipes
from molmospaces_gym.policies.spoc.demos import Demos
from molmospaces_gym.policies.spoc.recipes import Setup, configure, demonstrations, train_rl
from molmospaces_gym.policies.spoc.rl import RlSettings


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy that was never trained, of a setup whose episodes went on after success."""
    folder = tmp_path_factory.mktemp("clone")
    setup = Setup(task="Pick", horizon=40, env={"terminate_on_success": False})
    model = SpocModel(configure(setup, "nano", dim=16, heads=2, hidden=24, layers=1, bins=9))
    model.set_tokens(ActionTokens.uniform(-np.ones(7), np.ones(7), 9))
    model.save_pretrained(folder)
    setup.save(folder)
    return folder


FLAGS: dict[str, tuple[str, Any]] = {
    "--env-steps 1": ("env_steps", 1),
    "--reward dense": ("reward", "dense"),
    "--envs 2": ("n_envs", 2),
    "--rate 0.3": ("rate", 0.3),
    "--clip 0.4": ("clip", 0.4),
    "--target-kl 0.5": ("target_kl", 0.5),
    "--kl 0.6": ("kl", 0.6),
    "--entropy 0.7": ("entropy", 0.7),
    "--warmup 8": ("warmup", 8),
    "--ramp 9": ("ramp", 9),
    "--log-prob mean": ("log_prob", "mean"),
    "--temperature 1.1": ("temperature", 1.1),
    "--gamma 0.12": ("gamma", 0.12),
    "--gae 0.13": ("gae", 0.13),
    "--n-steps 14": ("n_steps", 14),
    "--batch 15": ("batch", 15),
    "--epochs 16": ("epochs", 16),
    "--critic-keys gripper,arm_qpos": ("critic_keys", ("gripper", "arm_qpos")),
    "--critic-scale 17": ("critic_scale", 17.0),
    "--no-deadline": ("deadline", False),
    "--hold": ("hold", True),
    "--parts memory.vectors --parts actor": ("parts", ("memory.vectors", "actor")),
    "--trials 16": ("trials", 16),
    "--every 18": ("every", 18),
    "--from-scratch": ("from_scratch", True),
    "--seed 19": ("seed", 19),
    "--env houses=2": ("env", {"houses": 2}),
}


def test_every_flag_of_rl_arrives(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen = SimpleNamespace()

    def note(
        start: Path, out: Path, settings: RlSettings, reward: str, n_envs: int, scratch: bool,
        **more: Any,
    ) -> Path:  # fmt: skip
        given = {"start": start, "reward": reward, "n_envs": n_envs, "from_scratch": scratch}
        seen.all = {**asdict(settings), **given, **more}
        (out / "curve.csv").write_text("")
        return out

    monkeypatch.setattr(recipes, "train_rl", note)
    command = f"train rl --policy tiny --out {tmp_path}"
    run(command)
    default = seen.all
    assert default["start"] == Path("tiny")
    assert {k: v for k, v in default.items() if k in asdict(RlSettings())} == asdict(RlSettings())
    run(f"{command} {' '.join(FLAGS)}")
    for name, value in FLAGS.values():
        assert seen.all[name] == value != default[name], name
    run(f"{command} --reward topreward --topreward model=tiny --topreward weight=2.0")
    assert seen.all["topreward"] == {"model": "tiny", "weight": 2.0}
    result = CliRunner().invoke(app, f"{command} --topreward model=tiny".split())
    assert isinstance(result.exception, InvalidConfig)


class Closed:
    """Stands where envs would be."""

    def close(self) -> None: ...


def made_with(monkeypatch: pytest.MonkeyPatch, *args: Any, **more: Any) -> list[dict[str, Any]]:
    """Env arguments of training and of trials in ``train_rl``."""
    found: list[dict[str, Any]] = []

    def note(*_: Any, scale: float = 1.0, wrap: Any = None, **kwargs: Any) -> Closed:
        found.append({**kwargs, "scale": scale})
        return Closed()

    monkeypatch.setattr(recipes, "make_token_envs", note)
    monkeypatch.setattr(recipes, "fine_tune", lambda *_: None)
    train_rl(*args, **more)
    return found


def test_hold_decides_whether_success_ends_an_episode(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However it was in cloning; where success pays in each step, the return stays within 1."""
    for hold, given, ends in (
        (False, {}, True),
        (True, {}, False),
        (False, {"terminate_on_success": False}, False),
    ):
        settings = RlSettings(hold=hold)
        found = made_with(monkeypatch, clone, tmp_path / "rl", settings, "dense", env=given)
        assert [one["terminate_on_success"] for one in found] == [ends, ends]
        assert found[0]["scale"] == (1.0 if ends else 1.0 / 40)
        assert [one.get("reward_mode") for one in found] == ["dense", None]
        assert [one["split"] for one in found] == ["train", "val"]
        assert Setup.load(tmp_path / "rl/last").env["terminate_on_success"] == ends


def test_from_scratch_forgets_the_weights(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuned: list[SpocModel] = []
    monkeypatch.setattr(recipes, "make_token_envs", lambda *_, **__: Closed())
    monkeypatch.setattr(recipes, "fine_tune", lambda model, *_: tuned.append(model))
    for scratch in (False, True):
        train_rl(clone, tmp_path / "rl", RlSettings(), from_scratch=scratch)
    known = SpocModel.from_pretrained(clone)
    kept, drawn = (model.trunk.queries.detach().numpy() for model in tuned)
    assert np.array_equal(kept, known.trunk.queries.detach().numpy())
    assert not np.array_equal(drawn, kept)
    assert np.array_equal(tuned[1].tokens.edges, known.tokens.edges)


def test_a_policy_plays_the_env_that_it_was_cloned_in(tmp_path: Path) -> None:
    """Robot, cameras and control step are part of what it learned; houses are not."""
    env = {"robot": "franka_mobile", "control_dt": 0.1, "houses": 2}
    setup = Setup(task="Pick", env=env)
    config = configure(setup, "nano", dim=16, heads=2, hidden=24, layers=1)
    plain = configure(Setup(task="Pick"), "nano")
    assert config.action_dim != plain.action_dim
    SpocModel(config).save_pretrained(tmp_path)
    setup.save(tmp_path)
    asked = load_policy(f"spoc:{tmp_path}").env_kwargs  # type: ignore[attr-defined]
    assert asked == {
        "obs_mode": "state", "action_mode": "ee_delta", "robot": "franka_mobile",
        "control_dt": 0.1,
    }  # fmt: skip


def test_a_correction_of_a_policy_that_sees_points_is_played_with_them(tmp_path: Path) -> None:
    setup = Setup(task="Pick", obs="rgb", image_points=True)
    config = configure(setup, "nano", dim=16, heads=2, hidden=24, layers=1)
    SpocModel(config).save_pretrained(tmp_path)
    setup.save(tmp_path)
    task = ResidualTask(base=f"spoc:{tmp_path}", task="Pick")
    asked = task.configure(0.2, True, (8,)).env_kwargs
    assert asked["image_points"] is True
    assert asked["image_size"] == [64, 64]


def test_demonstrations_of_another_run_are_not_taken_for_its_own(tmp_path: Path) -> None:
    command = f"train bc --task Pick --out {tmp_path} --preset nano --steps 1 --trials 0 --demos 1"
    run(command)
    for other in ("--demos 2", "--noise 0.1", "--seed 3", "--env houses=2"):
        result = CliRunner().invoke(app, f"{command} {other}".split())
        assert isinstance(result.exception, RunChanged), other
        assert other.split()[0].strip("-").replace("env", "setup") in str(result.exception)
    shown = run(command)  # as it was: goes on
    assert "1 episodes of" in shown and "CPU time: 0 s for demonstrations" in shown


def test_demonstrations_of_something_else_are_refused(tmp_path: Path) -> None:
    setup = Setup(task="Pick", horizon=60)
    demos = demonstrations(setup, configure(setup, "nano"), 1, 0)
    demos.save(tmp_path / "demos.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["demos.npz"]
    command = f"train bc --out {tmp_path}/bc --steps 1 --trials 0 --data {tmp_path}/demos.npz"
    for wrong, why in (
        ("--task Open", "lack handle_"),
        ("--task Pick --action-mode joint_delta", "actions of 7 numbers, the policy of 8"),
    ):
        result = CliRunner().invoke(app, f"{command} {wrong}".split())
        assert isinstance(result.exception, InvalidConfig), wrong
        assert why in str(result.exception)
    whole = (tmp_path / "demos.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InvalidConfig, match="holds no demonstrations"):
        Demos.load(tmp_path / "cut.npz")


def test_weights_that_are_not_all_there_are_refused(clone: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    weights = load_file(clone / "model.safetensors")
    weights.pop("actor.bias")
    save_file(weights, tmp_path / "model.safetensors")
    with pytest.raises(PolicyUnavailable, match="without the config.json .* spoc-released:"):
        load_policy(f"spoc:{tmp_path}")
    config = json.loads((clone / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(InvalidConfig, match=r"(?s)not those of their config.json: .*actor\.bias"):
        load_policy(f"spoc:{tmp_path}")


def run(command: str) -> str:
    result = CliRunner().invoke(app, command.split())
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output
