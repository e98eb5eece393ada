"""The command to repeat a run, the comparison of two and the command line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from molmospaces_gym.benchmarks.compare import compare
from molmospaces_gym.benchmarks.report import write_report
from molmospaces_gym.benchmarks.report.settings import repeat_command
from molmospaces_gym.benchmarks.runs import load_run
from molmospaces_gym.cli.main import app
from molmospaces_gym.errors import InvalidConfig, NotComparable


class TestSettings:
    def test_the_command_repeats_the_run(self) -> None:
        config = {
            "policy": "sb3:my model.zip",
            "benchmark": "/somewhere/suites/pick-mini/benchmark.json",
            "episodes": 12,
            "seed": 3,
            "workers": 1,
            "video": "failures",
            "env_kwargs": {
                "benchmark": "/somewhere/suites/pick-mini/benchmark.json",
                "backend": "mujoco",
                "terminate_on_success": False,
                "render_mode": "rgb_array",
                "horizon": 61,
                "renderer": "gl",
                "categories": ["Mug"],
                "scene": "7",
            },
        }
        assert repeat_command(config) == (
            "molmospaces-gym eval --policy 'sb3:my model.zip' --benchmark pick-mini --episodes 12 "
            "--seed 3 --video failures --env horizon=61 --env renderer=gl "
            """--env 'categories=["Mug"]' --env 'scene="7"'"""
        )

    def test_an_object_as_policy_has_no_command(
        self, tmp_path: Path, write_run: Callable[..., Path], page_of: Callable[..., Any]
    ) -> None:
        out = write_run(tmp_path / "run", ["1" * 9], policy="MyPolicy")
        assert repeat_command(load_run(out).config) is None
        assert "The policy was a Python object" in page_of(out).text


class TestComparison:
    def test_the_same_episodes_are_paired(
        self, tmp_path: Path, write_run: Callable[..., Path], page_of: Callable[..., Any]
    ) -> None:
        yes, no = "0" * 9 + "1", "0" * 10
        first = write_run(tmp_path / "a", [yes, yes, yes, no, no, yes])
        second = write_run(tmp_path / "b", [yes, no, no, yes, no], policy="expert")
        with pytest.raises(NotComparable, match="--common"):
            write_report(first, second)
        page, found = (
            page_of(first, compare=second, common=True),
            compare(first, second, common=True),
        )
        assert ["both succeed", "1"] in page.rows and ["both fail", "1"] in page.rows
        assert ["only A succeeds", "2"] in page.rows and ["only B succeeds", "1"] in page.rows
        assert "5 episodes that both played" in page.text
        assert "3 episodes end differently" in page.text
        assert "A - B = +20.0 points" in page.text
        low, high = (100 * limit for limit in found.difference.cluster)
        assert f"1 houses {low:+.1f} to {high:+.1f}" in page.text
        assert f"exact McNemar p = {found.difference.mcnemar:.3g}" in page.text
        assert found.notes and all(note in page.text for note in found.notes)

    def test_what_was_stopped_early_gets_anytime_figures(
        self, tmp_path: Path, write_run: Callable[..., Path], page_of: Callable[..., Any]
    ) -> None:
        first = write_run(tmp_path / "a", ["1"] * 9)
        second = write_run(tmp_path / "b", ["0"] * 9, complete=False)
        text = page_of(first, compare=second).text
        value = compare(first, second).anytime.e_value
        assert f"e-value {value:.3g}" in text and "B is incomplete" in text


class TestCommand:
    def test_report(self, run: Path, tmp_path: Path, read_page: Callable[[str], Any]) -> None:
        other = tmp_path / "pages" / "both.html"
        runner, words = CliRunner(), ["report", str(run)]
        result = runner.invoke(app, words)
        assert result.exit_code == 0, result.output
        assert str(run / "report.html") in result.output
        result = runner.invoke(
            app, ["report", str(run), "--compare", str(run), "--out", str(other)]
        )
        assert result.exit_code == 0, result.output
        assert "Comparison with random on pick-mini" in read_page(other.read_text()).text

    def test_mistakes_are_explained(self, run: Path, tmp_path: Path) -> None:
        for words in (["report", str(tmp_path)], ["report", str(run), "--out", str(tmp_path)]):
            assert isinstance(CliRunner().invoke(app, words).exception, InvalidConfig), words
