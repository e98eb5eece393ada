"""The evaluator at scale: batches, timeouts, dying workers, progress, the run folder's lock."""

import csv
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from numpy.typing import NDArray

import molmospaces_gym  # noqa: F401
from molmospaces_gym.benchmark_io import load_benchmark, save_benchmark
from molmospaces_gym.benchmarks import evaluate
from molmospaces_gym.benchmarks.folder import RunFolder
from molmospaces_gym.benchmarks.progress import Meter, Progress
from molmospaces_gym.benchmarks.records import EpisodeTiming, EpisodeTrace, Job
from molmospaces_gym.benchmarks.rollout import Played, failed_record
from molmospaces_gym.benchmarks.runs import load_run
from molmospaces_gym.benchmarks.workers import Dispatcher, Worker, WorkerDied
from molmospaces_gym.cli.main import main
from molmospaces_gym.errors import InvalidConfig, WorkersUnavailable

TABLES = ("episodes.csv", "traces.csv")


@pytest.fixture(scope="module")
def run(mixed_suite: Path, row_wise: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of ``RowWise``, one world at a time; do not change it."""
    out = tmp_path_factory.mktemp("run") / "out"
    assert evaluate(row_wise(), mixed_suite, out=out).complete
    return out


def assert_same_tables(out: Path, expected: Path) -> None:
    for name in TABLES:
        assert (out / name).read_bytes() == (expected / name).read_bytes(), name


def assert_only_episode_2_fails(out: Path, run: Path, reason: str) -> None:
    loaded, expected = load_run(out), load_run(run)
    assert loaded.complete
    assert {r.episode_id: r.failure for r in loaded.records if r.failure} == {"mixed/2": reason}
    for found, wanted in zip(loaded.records, expected.records, strict=True):
        assert found == wanted or found.episode_id == "mixed/2"


class TestBatch:
    @pytest.mark.parametrize("batch", [2, 4, 9])
    def test_figures_are_those_of_one_world(
        self, run: Path, mixed_suite: Path, row_wise: Any, tmp_path: Path, batch: int
    ) -> None:
        policy = row_wise()
        evaluate(policy, mixed_suite, out=tmp_path / "o", batch=batch)
        assert_same_tables(tmp_path / "o", run)
        assert set(policy.calls) == {batch}
        steps = [record.steps for record in load_run(run).records]
        assert sorted(steps) == [4, 5, 6, 7, 8, 9]
        # As many calls as the longest slot has steps: slots are filled again while others go on.
        assert len(policy.calls) < sum(steps) if batch < 9 else len(policy.calls) == 9

    @pytest.mark.parametrize("trouble", ["raise", "nan"])
    def test_a_failure_is_that_of_its_episode(
        self, run: Path, mixed_suite: Path, row_wise: Any, tmp_path: Path, trouble: str
    ) -> None:
        for batch in (1, 4):
            evaluate(row_wise(trouble), mixed_suite, out=tmp_path / str(batch), batch=batch)
        assert_same_tables(tmp_path / "4", tmp_path / "1")
        reason = load_run(tmp_path / "1").records[2].failure
        assert reason.startswith({"raise": "RuntimeError", "nan": "InvalidAction"}[trouble])
        assert_only_episode_2_fails(tmp_path / "4", run, reason)

    def test_an_episode_that_cannot_be_loaded(
        self, mixed_suite: Path, row_wise: Any, tmp_path: Path
    ) -> None:
        specs = list(load_benchmark(mixed_suite).episodes)
        specs[1] = specs[1].replace(scene="generated/train/none")
        save_benchmark(specs, tmp_path / "bad")
        for batch in (1, 3):
            evaluate(row_wise(), tmp_path / "bad", out=tmp_path / str(batch), batch=batch)
        assert_same_tables(tmp_path / "3", tmp_path / "1")
        assert load_run(tmp_path / "3").records[1].failure.startswith("UnknownName")

    def test_images_and_videos(self, mixed_suite: Path, row_wise: Any, tmp_path: Path) -> None:
        kwargs: dict[str, Any] = {"obs_mode": "rgb", "image_size": [64, 48], "video": "all"}
        for batch in (1, 4):
            evaluate(row_wise(), mixed_suite, out=tmp_path / str(batch), batch=batch, **kwargs)
        assert_same_tables(tmp_path / "4", tmp_path / "1")
        assert len(list((tmp_path / "4" / "videos").glob("*.mp4"))) == 6
        for picture in (tmp_path / "1").glob("stills/*.png"):
            assert (tmp_path / "4" / "stills" / picture.name).read_bytes() == picture.read_bytes()

    def test_policies_that_cannot(self, mixed_suite: Path, tmp_path: Path) -> None:
        with pytest.raises(InvalidConfig, match="ExpertPolicy plays one world at a time"):
            evaluate("expert", mixed_suite, out=tmp_path / "o", batch=2)

    def test_a_policy_with_too_few_rows(
        self, mixed_suite: Path, row_wise: Any, tmp_path: Path
    ) -> None:
        class First(row_wise):  # type: ignore[misc]
            def predict(self, *args: Any, **kwargs: Any) -> Any:
                actions, state = super().predict(*args, **kwargs)
                return actions[:1], state

        result = evaluate(First(), mixed_suite, out=tmp_path / "o", batch=2, episodes=1)
        assert "predict returned 1 actions for 2 worlds" in result.records[0].failure

    def test_stable_baselines(self, mixed_suite: Path, tmp_path: Path) -> None:
        sb3 = pytest.importorskip("stable_baselines3")
        env = gym.make("molmospaces_gym/Pick-v1", benchmark=str(mixed_suite))
        sb3.PPO("MultiInputPolicy", env, seed=0, n_steps=2, batch_size=2).save(tmp_path / "ppo")
        env.close()
        found = [
            evaluate(f"sb3:{tmp_path / 'ppo.zip'}", mixed_suite, out=tmp_path / str(n), batch=n)
            for n in (1, 3)
        ]
        # A product of matrices may round a row differently than one of a vector does.
        for one, many in zip(found[0].records, found[1].records, strict=True):
            assert (one.steps, one.success_at_end) == (many.steps, many.success_at_end)
            assert one.episode_return == pytest.approx(many.episode_return, abs=1e-3)
            assert one.jerk == pytest.approx(many.jerk, rel=1e-3)


@pytest.mark.slow
class TestProcesses:
    def test_batches_in_two_processes(
        self, run: Path, mixed_suite: Path, row_wise: Any, tmp_path: Path
    ) -> None:
        evaluate(row_wise(), mixed_suite, out=tmp_path / "o", batch=2, workers=2)
        assert_same_tables(tmp_path / "o", run)

    @pytest.mark.parametrize("batch", [1, 3])
    def test_a_hanging_episode_is_killed(
        self, run: Path, mixed_suite: Path, row_wise: Any, tmp_path: Path, batch: int
    ) -> None:
        evaluate(row_wise("hang"), mixed_suite, out=tmp_path / "o", batch=batch, timeout=6.0)
        assert_only_episode_2_fails(tmp_path / "o", run, "timed out after 6 s")

    def test_a_deadly_episode_in_a_batch(
        self, run: Path, mixed_suite: Path, row_wise: Any, tmp_path: Path
    ) -> None:
        evaluate(row_wise("exit"), mixed_suite, out=tmp_path / "o", batch=3, workers=2)
        reason = "the worker process died (exit code 7)"
        assert_only_episode_2_fails(tmp_path / "o", run, reason)


def job(index: int, house: str = "a") -> Job:
    return Job(
        index=index,
        episode_id=str(index),
        house=house,
        object="mug_1",
        category="mug",
        instruction="",
        seed=0,
    )


def played(index: int, house: str = "a", wall_s: float = 1.0, reason: str = "why") -> Played:
    the_job = job(index, house)
    timing = EpisodeTiming(episode_id=str(index), wall_s=wall_s, cpu_s=0.0, steps=10)
    trace = EpisodeTrace(episode_id=str(index), trace="01")
    return Played(the_job, failed_record(the_job, reason), timing, trace)


class Desk:
    """A worker of ``Office``: it plays what it has when it is listened to, unless it dies."""

    def __init__(self, deadly: set[str], stillborn: bool) -> None:
        self.deadly, self.stillborn = deadly, stillborn
        self.said: list[Played | None] = [None]
        self.most, self.killed = 0, False

    def give(self, job: Job) -> None:
        self.said.append(played(job.index, job.house))
        self.most = max(self.most, len(self.said))

    def receive(self) -> list[Played | None]:
        ids = {p.job.episode_id for p in self.said if p is not None}
        if self.stillborn or ids & self.deadly:
            raise WorkerDied("it is gone")
        said, self.said = self.said, []
        return said

    def kill(self) -> None:
        self.killed = True


class Office:
    """An executor without processes, and the work that is done there."""

    def __init__(self, deadly: Sequence[str] = (), stillborn: bool = False) -> None:
        self.deadly, self.stillborn = set(deadly), stillborn
        self.hired: list[Desk] = []
        self.closed = False

    def hire(self) -> Desk:
        self.hired.append(Desk(self.deadly, self.stillborn))
        return self.hired[-1]

    def wait(
        self, workers: Sequence[Worker[Job, Played]], seconds: float | None
    ) -> Sequence[Worker[Job, Played]]:
        return [worker for worker in workers if isinstance(worker, Desk) and worker.said]

    def close(self, workers: Sequence[Worker[Job, Played]]) -> None:
        self.closed = True

    def player(self) -> Any:
        raise AssertionError("nobody plays here")

    def lost(self, job: Job, reason: str, wall_s: float = 0.0) -> Played:
        return played(job.index, job.house, reason=reason)


class TestDispatcher:
    @pytest.mark.parametrize("batch", [1, 2, 5])
    @pytest.mark.parametrize("deadly", [[], ["3"], ["0", "7"]])
    def test_every_job_comes_back_once(self, batch: int, deadly: list[str]) -> None:
        office = Office(deadly)
        jobs = [job(i, "abc"[i % 3]) for i in range(10)]
        results = list(Dispatcher(office, office, jobs, 2, batch))
        assert sorted(r.job.index for r in results) == list(range(10))
        lost = {r.job.episode_id for r in results if r.record.failure == "it is gone"}
        assert lost == set(deadly)
        assert max(desk.most for desk in office.hired) <= batch + 1
        assert office.closed

    def test_few_jobs_are_spread(self) -> None:
        office = Office()
        list(Dispatcher(office, office, [job(i) for i in range(4)], 2, batch=8))
        assert [desk.most for desk in office.hired] == [2, 2]

    def test_workers_that_cannot_start_end_the_run(self) -> None:
        office = Office(stillborn=True)
        with pytest.raises(WorkersUnavailable, match=r"3 workers in a row .*\(it is gone\)"):
            list(Dispatcher(office, office, [job(0)], 2))
        assert len(office.hired) == 3 and office.closed


class TestProgress:
    def test_meter(self) -> None:
        now = iter([0.0, 4.0, 10.0])
        before = played(9).record
        meter = Meter(5, [before], clock=lambda: next(now))
        assert meter.start() == Progress(1, 5, 0, None, None)
        standing = meter.add(played(0, "slow", wall_s=4.0))
        assert (standing.played, standing.steps_per_s, standing.seconds_left) == (2, 2.5, 12.0)
        standing = meter.add(played(1, "quick", wall_s=2.0))
        assert (standing.slowest_house, standing.slowest_s) == ("slow", 4.0)
        assert (standing.steps_per_s, standing.seconds_left) == (2.0, 10.0)
        assert standing.interval.low == 0.0 < standing.interval.high < 1.0

    def test_lines_of_the_command(
        self, mixed_suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        arguments = ["--benchmark", str(mixed_suite), "--out", str(tmp_path / "o")]
        with pytest.raises(SystemExit):
            main(["eval", "--policy", "random", *arguments, "--episodes", "2"])
        shown = capsys.readouterr().out
        assert re.search(r"2/2 success 0\.0 % \(0\.0\.\.65\.8\)", shown)
        assert re.search(
            r"\d+ steps/s, 0:00:00 left, slowest house generated/train/\d: .*episode$", shown, re.M
        )


class TestFolder:
    def test_an_incomplete_run_says_so_in_every_file(
        self, mixed_suite: Path, row_wise: Any, tmp_path: Path
    ) -> None:
        def stop(progress: Progress) -> None:
            if progress.played == 2:
                raise KeyboardInterrupt

        out = tmp_path / "o"
        with pytest.raises(KeyboardInterrupt):
            evaluate(row_wise(), mixed_suite, out=out, progress=stop)
        assert json.loads((out / "config.json").read_text())["complete"] is False
        assert json.loads((out / "summary.json").read_text())["complete"] is False
        assert "# incomplete: 2 of 6 episodes" in (out / "summary.csv").read_text()
        assert "incomplete" in (out / "report.html").read_text().lower()
        assert flags(out) == {"0"}
        (out / ".summary.csv.abc123").write_text("cut")
        evaluate(row_wise(), mixed_suite, out=out, resume=True)
        assert flags(out) == {"1"}
        assert not list(out.glob(".*"))
        assert load_run(out).complete

    def test_one_writer_at_a_time(self, mixed_suite: Path, row_wise: Any, tmp_path: Path) -> None:
        def again(progress: Progress) -> None:
            if progress.played == 1:
                with pytest.raises(InvalidConfig, match="is being written by another process"):
                    evaluate(row_wise(), mixed_suite, out=tmp_path / "o", resume=True)

        evaluate(row_wise(), mixed_suite, out=tmp_path / "o", progress=again, episodes=2)
        assert evaluate(row_wise(), mixed_suite, out=tmp_path / "o", resume=True).complete

    def test_an_episode_without_its_trace_is_played_again(
        self, run: Path, mixed_suite: Path, row_wise: Any, tmp_path: Path
    ) -> None:
        out, told = tmp_path / "o", []
        evaluate(row_wise(), mixed_suite, out=out)
        lines = (out / "traces.csv").read_bytes().splitlines(keepends=True)
        (out / "traces.csv").write_bytes(b"".join(lines[:-1]))
        evaluate(row_wise(), mixed_suite, out=out, resume=True, progress=told.append)
        assert [p.record.episode_id for p in told if p.record] == ["mixed/5"]
        assert_same_tables(out, run)

    def test_results_outlive_a_folder_without_locks(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def no_locks(handle: int, how: int) -> None:
            raise OSError(95, "Operation not supported")

        monkeypatch.setattr("fcntl.flock", no_locks)
        folder = RunFolder(tmp_path, ["1"])
        folder.open({"policy": "p"}, resume=False)
        folder.add(played(1))
        assert (tmp_path / "traces.csv").read_text().splitlines()[1] == "1,01,0"


def flags(out: Path) -> set[str]:
    found = set()
    for name in (*TABLES, "timing.csv"):
        with (out / name).open(newline="") as file:
            found |= {row["run_complete"] for row in csv.DictReader(file)}
    return found


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"executor": "cloud"}, "executor must be one of local, ray, got 'cloud'"),
        ({"batch": 0}, "batch must be at least 1"),
        ({"timeout": 0.0}, "timeout must be more than 0 seconds"),
        ({"worker_gpus": 1.0}, "worker_gpus must be 0 or more and is for executor='ray'"),
    ],
)
def test_wrong_arguments(
    mixed_suite: Path, tmp_path: Path, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidConfig, match=message):
        evaluate("random", mixed_suite, out=tmp_path / "o", **arguments)
    assert not os.path.exists(tmp_path / "o")


def test_rows(run: Path) -> None:
    trace: dict[str, NDArray[np.bool_]] = {
        name: np.array(list(text)) == "1" for name, text in load_run(run).traces.items()
    }
    assert [len(marks) for marks in trace.values()] == [5, 6, 7, 8, 9, 10]
