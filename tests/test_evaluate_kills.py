"""A run that is killed again and again ends like one that was left alone."""

import multiprocessing
import random
import time
from pathlib import Path

import pytest

from molmospaces_gym.benchmark_io import load_benchmark, save_benchmark
from molmospaces_gym.benchmarks.runs import load_run
from molmospaces_gym.cli.main import main

KILLS = 20
EPISODES = 24
TABLES = ("episodes.csv", "traces.csv")


@pytest.fixture(scope="module")
def suite(mixed_suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Many very short episodes, so that much of a run is writing."""
    specs = load_benchmark(mixed_suite).episodes
    many = [specs[i % 6].replace(episode_id=f"short/{i}", seed=i) for i in range(EPISODES)]
    return save_benchmark(many, tmp_path_factory.mktemp("short") / "short")


class Runs:
    """Starts evaluations as processes; they are forked from one that has loaded everything."""

    def __init__(self, suite: Path, preload: str) -> None:
        self._suite = suite
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([preload])

    def _start(self, out: Path) -> multiprocessing.process.BaseProcess:
        arguments = ["eval", "--policy", "random", "--benchmark", str(self._suite), "--resume"]
        arguments += ["--env", "image_size=[96, 64]", "--out", str(out)]
        process = self._context.Process(target=main, args=(arguments,))
        process.start()
        return process

    def finish(self, out: Path) -> float:
        """Run to the end; seconds it took."""
        started = time.monotonic()
        process = self._start(out)
        process.join()
        assert process.exitcode == 0
        return time.monotonic() - started

    def kill(self, out: Path, seconds: float) -> bool:
        """Kill a run after some time; whether it was still running."""
        process = self._start(out)
        process.join(seconds)
        alive = process.exitcode is None
        process.kill()
        process.join()
        return alive


WARM = """
from molmospaces_gym.benchmarks import evaluate

evaluate("random", {suite!r}, out={out!r}, episodes=2)
"""


@pytest.mark.slow
def test_twenty_kills_and_resumptions(
    suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warm = WARM.format(suite=str(suite), out=str(tmp_path / "warm"))
    (tmp_path / "warm_for_kills.py").write_text(warm)
    monkeypatch.syspath_prepend(tmp_path)
    runs = Runs(suite, "warm_for_kills")
    whole = tmp_path / "whole"
    runs.finish(tmp_path / "first")  # The server itself starts with it.
    duration = runs.finish(whole)
    expected = [(whole / name).read_bytes() for name in TABLES]
    rng = random.Random(0)
    kills, halfway, folder = 0, 0, 0
    while kills < KILLS:
        out = tmp_path / f"run{folder}"
        killed = runs.kill(out, rng.uniform(0.0, duration))
        kills += killed
        if (out / "config.json").is_file():
            loaded = load_run(out)
            halfway += 0 < len(loaded.records) < EPISODES
            assert loaded.complete <= (len(loaded.records) == EPISODES)
        if not killed:
            assert [(out / name).read_bytes() for name in TABLES] == expected
            folder += 1
    for number in range(folder + 1):
        runs.finish(tmp_path / f"run{number}")
        assert [(tmp_path / f"run{number}" / name).read_bytes() for name in TABLES] == expected
    assert halfway > 0
