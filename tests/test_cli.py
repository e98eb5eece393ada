"""The command line, called as a user calls it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from typer.testing import CliRunner, Result

import molmospaces_gym
from molmospaces_gym.benchmark_io import save_benchmark
from molmospaces_gym.cli import doctor as doctor_module
from molmospaces_gym.cli import view as view_module
from molmospaces_gym.cli.main import app, main
from molmospaces_gym.errors import RendererUnavailable
from molmospaces_gym.policies.random import RandomPolicy

HEAVY = ("matplotlib", "mujoco", "numba", "pydantic", "scipy", "stable_baselines3", "torch")


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables must not break the names that the tests look for."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two episodes of four steps."""
    env = gym.make("molmospaces_gym/Pick-v1", scene="generated/train/0")
    specs = []
    for number in range(2):
        env.reset(seed=number)
        spec = env.unwrapped.episode
        task = {**spec.task, "task_horizon_sec": 4 * 0.066}
        specs.append(spec.replace(episode_id=str(number), task=task, img_resolution=(64, 48)))
    env.close()
    return save_benchmark(specs, tmp_path_factory.mktemp("suite") / "tiny")


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def fails(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """Run a command that must end with one line on stderr and exit code 2; returns the line."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    assert ended.value.code == 2
    shown = capsys.readouterr().err
    assert "Traceback" not in shown
    assert len(shown.strip().splitlines()) == 1
    return shown


def test_starting_the_command_loads_nothing_heavy() -> None:
    code = (
        "import sys, molmospaces_gym.cli.main;"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_version_and_help() -> None:
    assert call("--version").output.strip() == molmospaces_gym.__version__
    shown = call("--help").output
    for verb in ("list", "eval", "doctor", "view"):
        assert verb in shown


def test_list_names_everything() -> None:
    result = call("list")
    assert result.exit_code == 0
    for name in ("molmospaces_gym/Pick-v1", "random", "franka_droid", "mujoco", "Suites"):
        assert name in result.output


def test_eval_writes_a_run_folder_and_resumes(suite: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ("eval", "--policy", "random", "--benchmark", suite, "--out", out)
    arguments += ("--env", "image_size=[64, 48]", "--env", "reward_mode=sparse")
    first = call(*arguments, "--episodes", "1")
    assert first.exit_code == 0, first.output
    assert "success at end  0/1 = 0.0 % (95 % interval 0.0 to 79.3)" in first.output
    second = call(*arguments, "--resume")
    assert second.exit_code == 0, second.output
    assert "0/2" in second.output
    assert str(out / "episodes.csv") in second.output
    kwargs = json.loads((out / "config.json").read_text())["env_kwargs"]
    assert (kwargs["image_size"], kwargs["reward_mode"]) == ([64, 48], "sparse")


def test_eval_lists_failures(suite: Path, tmp_path: Path) -> None:
    specs = json.loads((suite / "benchmark.json").read_text())
    specs[1]["task"]["pickup_obj_name"] = "unicorn_1"
    (tmp_path / "benchmark.json").write_text(json.dumps(specs))
    shown = call("eval", "--policy", "random", "--benchmark", tmp_path, "--out", tmp_path / "o")
    assert shown.exit_code == 0
    assert "1 episodes could not be played" in shown.output
    assert "unicorn_1" in shown.output


def test_mistakes_are_one_line(
    suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ("--out", tmp_path / "o")
    assert "unknown policy 'nobody'; known:" in fails(
        capsys, "eval", "--policy", "nobody", "--benchmark", suite, *out
    )
    assert "unknown benchmark suite" in fails(
        capsys, "eval", "--policy", "random", "--benchmark", "nothing-mini", *out
    )
    assert "KEY=VALUE" in fails(
        capsys, "eval", "--policy", "random", "--benchmark", suite, "--env", "horizon", *out
    )
    assert "no Stable-Baselines3 model at" in fails(
        capsys, "eval", "--policy", "sb3:none.zip", "--benchmark", suite, *out
    )
    (tmp_path / "benchmark.json").write_text("[{]")
    assert "not valid JSON at line 1" in fails(
        capsys, "eval", "--policy", "random", "--benchmark", tmp_path, *out
    )
    assert not (tmp_path / "o").exists()


def test_ctrl_c_says_how_to_go_on(
    suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*arguments: Any, **keywords: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(RandomPolicy, "predict", interrupt)
    shown = call("eval", "--policy", "random", "--benchmark", suite, "--out", tmp_path / "o")
    assert shown.exit_code == 130
    assert "--resume" in shown.output
    assert json.loads((tmp_path / "o" / "summary.json").read_text())["complete"] is False


def test_doctor_finds_the_core_working() -> None:
    result = call("doctor")
    assert result.exit_code == 0, result.output
    assert "raster" in result.output
    assert "mujoco" in result.output


def test_doctor_prints_the_repair_and_fails_without_a_core(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*arguments: Any) -> None:
        raise RendererUnavailable("nothing\nworks")

    monkeypatch.setattr("molmospaces_gym.benchmarks.rollout.make_env", broken)
    monkeypatch.setattr("molmospaces_gym.backends.rendering.probe_renderers", lambda: [])
    missing = doctor_module.Simulator("abacus", "abacus_sim", "abacus-sim", "pip install abacus")
    monkeypatch.setattr(doctor_module, "SIMULATORS", (missing,))
    result = call("doctor")
    assert result.exit_code == 1
    assert "RendererUnavailable: nothing works" in result.output
    assert "repair abacus: pip install abacus\n" in result.output


def test_view_without_a_display_writes_a_video(
    suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    out = tmp_path / "a.mp4"
    arguments = ("view", "--policy", "random", "--benchmark", suite, "--episode", "1")
    result = call(*arguments, "--out", out)
    assert result.exit_code == 0, result.output
    assert f"wrote {out}" in result.output
    assert out.read_bytes()[4:8] == b"ftyp"


def test_view_with_a_display_opens_a_window(suite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    seen: list[Any] = []

    class Window:
        """Stands in for MuJoCo's viewer and closes after some frames."""

        def __init__(self, model: Any, data: Any, key_callback: Any) -> None:
            assert key_callback is None
            self.data, self.poses = data, seen

        def __enter__(self) -> "Window":
            return self

        def __exit__(self, *error: Any) -> None:
            return None

        def sync(self) -> None:
            self.poses.append(np.array(self.data.qpos))

        def is_running(self) -> bool:
            return len(self.poses) < 7

    monkeypatch.setattr("mujoco.viewer.launch_passive", Window, raising=False)
    monkeypatch.setattr(view_module.time, "sleep", lambda seconds: None)
    result = call("view", "--policy", "random", "--benchmark", suite)
    assert result.exit_code == 0, result.output
    assert len(seen) == 7
    # Four steps and the start make five poses; then the same episode begins again.
    np.testing.assert_array_equal(seen[0], seen[5])
    assert not np.array_equal(seen[0], seen[4])
