"""The evaluator: records and summaries by hand-made figures, runs on the real env."""

import csv
import importlib
import json
import math
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import molmospaces_gym  # noqa: F401
from molmospaces_gym.benchmark_io import load_benchmark, save_benchmark, suite_names
from molmospaces_gym.benchmarks import evaluate
from molmospaces_gym.benchmarks.evaluator import Progress
from molmospaces_gym.benchmarks.jobs import by_house
from molmospaces_gym.benchmarks.make_suite import SuiteMaker, category_of, lasts, task_named
from molmospaces_gym.benchmarks.metrics import first_success, has_run, mean_jerk
from molmospaces_gym.benchmarks.pictures import (
    VideoFile,
    failure_still_path,
    save_failure_still,
    still_indices,
)
from molmospaces_gym.benchmarks.records import (
    EPISODE_COLUMNS,
    EpisodeRecord,
    Job,
    Table,
    one_line,
)
from molmospaces_gym.benchmarks.runs import load_run
from molmospaces_gym.benchmarks.summary import RunHead, object_category, summary_csv, summary_dict
from molmospaces_gym.episode import EpisodeSpec, house_name
from molmospaces_gym.errors import InvalidConfig, InvalidEpisode, UnknownName
from molmospaces_gym.policies.random import RandomPolicy
from molmospaces_gym.robots import get_robot
from molmospaces_gym.tasks import get_task, task_of

STEPS = 12
DT = 0.066


def record(episode_id: str = "a", **changes: Any) -> EpisodeRecord:
    values: dict[str, Any] = {
        "episode_id": episode_id,
        "house": "generated/val/0",
        "object": "mug_1",
        "category": "mug",
        "instruction": "pick up the mug.",
        "seed": 0,
        "success_at_end": False,
        "success_once": False,
        "first_success_step": None,
        "five_consecutive": False,
        "steps": 10,
        "episode_return": 0.5,
        "jerk": 1.0,
        "failure": "",
    }
    return EpisodeRecord(**{**values, **changes})


def job(index: int, house: str) -> Job:
    return Job(
        index=index,
        episode_id=str(index),
        house=house,
        object="mug_1",
        category="mug",
        instruction="",
        seed=0,
    )


class TestMetrics:
    def test_jerk_of_a_cubic_is_its_third_derivative(self) -> None:
        t = np.arange(20) * DT
        positions = np.stack([t**3, -2 * t**3, t**2], axis=1)
        assert mean_jerk(positions, DT) == pytest.approx(math.hypot(6, 12), rel=1e-6)

    def test_jerk_needs_four_poses(self) -> None:
        assert math.isnan(mean_jerk(np.zeros((3, 8)), DT))
        assert mean_jerk(np.zeros((4, 8)), DT) == 0.0
        with pytest.raises(InvalidConfig, match="dt must be positive"):
            mean_jerk(np.zeros((4, 8)), 0.0)

    @settings(deadline=None)
    @given(st.lists(st.booleans(), max_size=40))
    def test_runs_and_first_success(self, trace: list[bool]) -> None:
        text = "".join("x" if success else "." for success in trace)
        assert has_run(trace) == ("xxxxx" in text)
        assert first_success(trace) == (text.index("x") if "x" in text else None)


class TestTables:
    texts = st.text("aZ0é,;\"'/$%", max_size=9)

    @settings(deadline=None)
    @given(st.lists(texts, min_size=4, max_size=4), st.integers(0, 9) | st.none(), st.booleans())
    def test_rows_round_trip(self, words: list[str], first: int | None, flag: bool) -> None:
        row = record(
            episode_id=words[0],
            house=words[1],
            instruction=words[2],
            failure=words[3],
            first_success_step=first,
            success_once=flag,
        )
        assert EpisodeRecord.parse(row.row()) == row

    def test_a_line_cut_by_a_kill_is_left_out(self, tmp_path: Path) -> None:
        table = Table(tmp_path / "episodes.csv", EPISODE_COLUMNS, EpisodeRecord.parse)
        assert table.read() == []
        rows = [record("a, b"), record('quoted "c"'), record("d")]
        for row in rows:
            table.append(row)
        assert table.read() == rows
        whole = table.path.read_bytes()
        last = whole.rindex(b"\n", 0, -1) + 1
        for cut in range(last, len(whole)):
            table.path.write_bytes(whole[:cut])
            assert table.read() == rows[:2]
        table.replace(rows)
        assert table.path.read_bytes() == whole

    def test_other_files_are_refused(self, tmp_path: Path) -> None:
        table = Table(tmp_path / "episodes.csv", EPISODE_COLUMNS, EpisodeRecord.parse)
        table.path.write_text("id,success\na,1\n")
        with pytest.raises(InvalidConfig, match="other columns"):
            table.read()
        table.path.write_text(",".join(EPISODE_COLUMNS) + "\na,1\n")
        with pytest.raises(InvalidConfig, match="line 2 is damaged"):
            table.read()

    def test_one_line(self) -> None:
        assert one_line(" a\n\tb  c\r\n") == "a b c"


class TestSummary:
    head = RunHead(policy="p", run_path="runs/x", dt=0.066, max_steps=303, planned=4)
    records = (
        record("a", category="mug", success_at_end=True, success_once=True, jerk=1.0),
        record("b", category="tomato", success_once=True, jerk=2.0),
        record("c", category="apple", success_at_end=True, success_once=True, jerk=math.nan),
        record("d", category="mug", failure="the simulation diverged", jerk=math.nan),
    )

    def test_csv_has_the_columns_of_the_board(self) -> None:
        # Beta(1 + s, 1 + f): Beta(2, 2) and Beta(3, 1), whose cumulative is x^3.
        low, high = 9.43, 90.57
        cube = round(100 * 0.025 ** (1 / 3), 2), round(100 * 0.975 ** (1 / 3), 2)
        assert summary_csv(self.head, self.records).splitlines() == [
            "# policy_name: p",
            "# run_path: runs/x",
            "# dt: 0.066",
            "# max_steps: 303",
            "policy,category,successes,total,success_rate_pct,ci_95_low_pct,ci_95_high_pct,"
            "oracle_successes,oracle_rate_pct,oracle_ci_95_low_pct,oracle_ci_95_high_pct,"
            "jerk_joint_mean,jerk_joint_std",
            f"p,Fruit,1,2,50.0,{low},{high},2,100.0,{cube[0]},{cube[1]},2.0,0.0",
            f"p,Mug,1,2,50.0,{low},{high},1,50.0,{low},{high},1.0,0.0",
            "p,OVERALL,2,4,50.0,14.66,85.34,3,75.0,28.36,94.73,1.5,0.5",
        ]

    def test_an_incomplete_run_says_so(self) -> None:
        assert "# incomplete: 3 of 4 episodes\n" in summary_csv(self.head, self.records[:3])
        assert summary_dict(self.head, self.records[:3])["complete"] is False
        assert summary_dict(self.head, ())["success_at_end"]["rate"] is None
        assert "p,OVERALL,0,0,0.0," in summary_csv(self.head, ())

    def test_json_counts_and_lists_failures(self) -> None:
        summary = summary_dict(self.head, self.records)
        assert summary["complete"] is True
        assert summary["success_at_end"]["successes"] == 2
        assert summary["categories"]["Fruit"]["total"] == 2
        assert summary["failures"] == {"d": "the simulation diverged"}
        assert summary["mean_jerk"] == 1.5
        json.dumps(summary, allow_nan=False)

    def test_category_is_the_first_word(self) -> None:
        assert object_category("Mug_ab12_1_0_0") == "mug"
        assert object_category("obja_b09f_1") == "obja"
        assert object_category("12") == "unknown"


class TestPictures:
    def test_stills_are_spread_and_bounded(self) -> None:
        assert still_indices(3) == {0, 1, 2}
        assert len(still_indices(1000)) == 12
        assert {0, 999} <= still_indices(1000)

    def test_odd_frames_become_a_video(self, tmp_path: Path) -> None:
        video = VideoFile(tmp_path / "deep" / "a.mp4", 15.0)
        for level in range(5):
            video.append(np.full((33, 65, 3), 40 * level, np.uint8))
        video.close()
        assert video.path.read_bytes()[4:8] == b"ftyp"
        video.close(keep=False)
        assert not video.path.exists()
        with pytest.raises(InvalidConfig, match="rgb_array"):
            video.append(None)


def test_houses_are_played_in_one_go() -> None:
    jobs = [job(0, "b"), job(1, "a"), job(2, "b"), job(3, "a")]
    assert [j.index for j in by_house(jobs)] == [0, 2, 1, 3]


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three short episodes in two houses."""
    path = tmp_path_factory.mktemp("suite") / "tiny"
    specs = []
    for number, house in enumerate((0, 1, 0)):
        env = gym.make("molmospaces_gym/Pick-v1", scene=f"generated/train/{house}")
        env.reset(seed=number)
        spec = env.unwrapped.episode
        task = {**spec.task, "task_horizon_sec": STEPS * DT}
        specs.append(spec.replace(episode_id=f"tiny/{number}", task=task, img_resolution=(96, 64)))
        env.close()
    save_benchmark(specs, path)
    return path


@pytest.fixture(scope="module")
def run(suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the random policy with videos; do not change it."""
    out = tmp_path_factory.mktemp("run") / "out"
    result = evaluate("random", suite, out=out, video="failures", image_size=[96, 64])
    assert result.complete
    return out


def assert_same_tables(out: Path, expected: Path) -> None:
    """Both runs hold the same bytes apart from durations."""
    for name in ("episodes.csv", "traces.csv"):
        assert (out / name).read_bytes() == (expected / name).read_bytes(), name


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "episodes.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_run_folder(run: Path, suite: Path) -> None:
    found = rows(run)
    specs = load_benchmark(suite).episodes
    assert [row["episode_id"] for row in found] == [spec.episode_id for spec in specs]
    for row, spec in zip(found, specs, strict=True):
        assert row["instruction"] == spec.instruction
        assert row["object"] == spec.task["pickup_obj_name"]
        assert int(row["steps"]) == STEPS
        assert float(row["jerk"]) > 0
        assert row["failure"] == ""
    config = json.loads((run / "config.json").read_text())
    assert config["complete"] is True
    assert config["env_kwargs"]["terminate_on_success"] is False
    assert (config["control_dt"], config["horizon"]) == (DT, STEPS)
    assert {"mujoco", "numpy"} <= set(config["versions"])
    assert json.loads((run / "summary.json").read_text())["played"] == 3
    assert (run / "summary.csv").read_text().splitlines()[-1].startswith("random,OVERALL,")
    assert (run / "contact_sheet.png").read_bytes()[:4] == b"\x89PNG"
    failed = [row for row in found if row["success_at_end"] == "0"]
    assert len(list((run / "videos").glob("*.mp4"))) == len(failed) > 0


def test_the_report_and_the_ends_of_failures_are_kept(run: Path) -> None:
    failed = [row["episode_id"] for row in rows(run) if row["success_at_end"] == "0"]
    stills = [failure_still_path(run, episode_id) for episode_id in failed]
    assert sorted(stills) == sorted((run / "failures").iterdir()) != []
    with Image.open(stills[0]) as image:
        assert image.size == (96, 64)
    text = (run / "report.html").read_text()
    assert "Incomplete run." not in text
    assert text.count("data:image/jpeg;base64,") == len(failed)
    assert text.count("data:video/mp4;base64,") == len(failed)


def test_large_ends_of_failures_become_small(tmp_path: Path) -> None:
    save_failure_still(tmp_path, "a/b", np.zeros((480, 640, 3), np.uint8))
    with Image.open(failure_still_path(tmp_path, "a/b")) as image:
        assert image.size == (320, 240)


def test_a_run_is_read_back(run: Path) -> None:
    loaded = load_run(run)
    assert loaded.complete
    assert loaded.planned == len(loaded.records) == loaded.summary["played"]
    assert set(loaded.timings) == {record.episode_id for record in loaded.records}
    assert list(loaded.traces) == [record.episode_id for record in loaded.records]
    for record in loaded.records:
        trace = [mark == "1" for mark in loaded.traces[record.episode_id]]
        assert len(trace) == record.steps + 1
        assert (trace[-1], any(trace)) == (record.success_at_end, record.success_once)
        assert first_success(trace) == record.first_success_step
        assert has_run(trace) == record.five_consecutive
    assert loaded.name.startswith(str(loaded.config["policy"]))


def test_what_is_no_run_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match="no run folder"):
        load_run(tmp_path)
    (tmp_path / "config.json").write_text('{"policy": "x"}')
    with pytest.raises(InvalidConfig, match="lacks benchmark, episodes, complete"):
        load_run(tmp_path)
    config = json.loads((run / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert not load_run(tmp_path).complete  # no episode was played here


def test_figures_do_not_depend_on_workers_or_on_watching(
    run: Path, suite: Path, tmp_path: Path
) -> None:
    for workers in (1, 2):
        out = tmp_path / str(workers)
        evaluate("random", suite, out=out, workers=workers, image_size=[96, 64])
        assert_same_tables(out, run)


def test_the_seed_changes_what_a_random_policy_does(run: Path, suite: Path, tmp_path: Path) -> None:
    result = evaluate("random", suite, out=tmp_path / "o", seed=7, episodes=1)
    assert result.records[0].seed == int(rows(run)[0]["seed"]) + 7
    assert f"{result.records[0].jerk:.6f}" != rows(run)[0]["jerk"]


def test_resume_keeps_what_is_there(run: Path, suite: Path, tmp_path: Path) -> None:
    out = tmp_path / "o"
    played: list[str] = []

    def note(progress: Progress) -> None:
        if progress.record is not None:
            played.append(progress.record.episode_id)

    evaluate("random", suite, out=out, episodes=2, image_size=[96, 64])
    lines = (out / "episodes.csv").read_bytes().splitlines(keepends=True)
    (out / "episodes.csv").write_bytes(b"".join(lines[:2]) + lines[2][:25])
    result = evaluate("random", suite, out=out, resume=True, progress=note, image_size=[96, 64])
    assert played == ["tiny/2", "tiny/1"] or played == ["tiny/1", "tiny/2"]
    assert result.complete
    assert_same_tables(out, run)
    assert len((out / "timing.csv").read_text().splitlines()) == 4
    assert len(json.loads((out / "config.json").read_text())["sessions"]) == 2


def test_resume_refuses_another_run(suite: Path, tmp_path: Path) -> None:
    out = tmp_path / "o"
    evaluate("random", suite, out=out, episodes=2)
    with pytest.raises(InvalidConfig, match="already holds 2 episodes; go on with --resume"):
        evaluate("random", suite, out=out)
    with pytest.raises(InvalidConfig, match="other settings .*seed: 0 -> 1"):
        evaluate("random", suite, out=out, resume=True, seed=1)
    with pytest.raises(InvalidConfig, match="at least as many episodes"):
        evaluate("random", suite, out=out, resume=True, episodes=1)
    (out / "config.json").unlink()
    with pytest.raises(InvalidConfig, match=r"no config\.json"):
        evaluate("random", suite, out=out, resume=True)
    assert len(rows(out)) == 2


def test_interrupted_run_says_so_and_goes_on(run: Path, suite: Path, tmp_path: Path) -> None:
    out = tmp_path / "o"

    def stop_after_first(progress: Progress) -> None:
        if progress.played == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate("random", suite, out=out, progress=stop_after_first, image_size=[96, 64])
    assert json.loads((out / "summary.json").read_text())["complete"] is False
    assert json.loads((out / "config.json").read_text())["complete"] is False
    assert "# incomplete: 1 of 3 episodes" in (out / "summary.csv").read_text()
    assert "1 of 3 episodes were played" in (out / "report.html").read_text()
    evaluate("random", suite, out=out, resume=True, image_size=[96, 64])
    assert_same_tables(out, run)


class Misbehaving(RandomPolicy):
    """Random, until an episode where it does something to the env or itself."""

    def __init__(self, misdeed: Callable[[Any], None], episode: int = 2) -> None:
        super().__init__()
        self._misdeed, self._episode, self._count = misdeed, episode, 0

    def bind(self, env: Any) -> None:
        super().bind(env)
        self._env = env

    def reset(self, instruction: str, seed: int | None) -> None:
        super().reset(instruction, seed)
        self._count += 1

    def predict(self, *args: Any, **kwargs: Any) -> Any:
        action, state = super().predict(*args, **kwargs)
        if self._count == self._episode:
            self._misdeed(self._env)
        return action, state


def _raise(env: Any) -> None:
    raise RuntimeError("no\nidea")


def _explode(env: Any) -> None:
    env.world.data(0).qvel[:] = 1e12


@pytest.mark.parametrize(
    ("misdeed", "reason"),
    [(_raise, "RuntimeError: no idea"), (_explode, "the simulation diverged")],
)
def test_a_failing_episode_counts_and_the_others_are_played(
    run: Path, suite: Path, tmp_path: Path, misdeed: Callable[[Any], None], reason: str
) -> None:
    policy = Misbehaving(misdeed)
    result = evaluate(policy, suite, out=tmp_path / "o", video="all", image_size=[96, 64])
    assert result.complete
    # Played second, since its house comes second in house order: the third episode of the file.
    assert result.summary["failures"] == {"tiny/2": reason}
    assert result.summary["success_at_end"]["total"] == 3
    expected = rows(run)
    found = rows(tmp_path / "o")
    assert found[:2] == expected[:2]
    assert (found[2]["success_at_end"], found[2]["failure"]) == ("0", reason)


def test_an_unknown_body_fails_its_episode_only(suite: Path, tmp_path: Path) -> None:
    specs = list(load_benchmark(suite).episodes)
    specs[1] = specs[1].replace(task={**specs[1].task, "pickup_obj_name": "unicorn_1"})
    specs[2] = specs[2].replace(scene="generated/train/none")
    save_benchmark(specs, tmp_path / "bad")
    result = evaluate("random", tmp_path / "bad", out=tmp_path / "o")
    assert set(result.summary["failures"]) == {"tiny/1", "tiny/2"}
    assert "unicorn_1" in result.summary["failures"]["tiny/1"]
    assert result.records[0].failure == ""


@pytest.mark.slow
def test_killed_workers_cost_nothing(run: Path, suite: Path, tmp_path: Path) -> None:
    killed: list[int] = []

    def kill_all(progress: Progress) -> None:
        if progress.played == 1:
            for child in multiprocessing.active_children():
                os.kill(int(child.pid or 0), signal.SIGKILL)
                killed.append(int(child.pid or 0))

    out = tmp_path / "o"
    evaluate("random", suite, out=out, workers=2, progress=kill_all, image_size=[96, 64])
    assert len(killed) == 2
    assert_same_tables(out, run)
    assert not multiprocessing.active_children()


DEADLY = """
import os
from molmospaces_gym.policies.random import RandomPolicy

class Deadly(RandomPolicy):
    def reset(self, instruction, seed):
        super().reset(instruction, seed)
        if seed == 2:
            os._exit(7)
"""


@pytest.mark.slow
def test_an_episode_that_ends_its_process_is_a_failure(
    run: Path, suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deadly.py").write_text(DEADLY)
    monkeypatch.syspath_prepend(tmp_path)
    policy = importlib.import_module("deadly").Deadly()
    result = evaluate(policy, suite, out=tmp_path / "o", workers=2, image_size=[96, 64])
    assert result.complete
    assert result.summary["failures"] == {"tiny/2": "the worker process died (exit code 7)"}
    assert rows(tmp_path / "o")[:2] == rows(run)[:2]


@pytest.mark.slow
def test_kill_and_resume_equals_an_uninterrupted_run(
    run: Path, suite: Path, tmp_path: Path
) -> None:
    out = tmp_path / "o"
    code = "import sys; from molmospaces_gym.cli.main import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", code, "eval", "--policy", "random", "--benchmark", str(suite)]
    command += ["--out", str(out), "--workers", "2", "--env", "image_size=[96, 64]"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (out / "episodes.csv").is_file() or len(rows(out)) < 1:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.wait()
    evaluate("random", suite, out=out, resume=True, image_size=[96, 64])
    assert_same_tables(out, run)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"episodes": 0}, InvalidConfig, "episodes must be at least 1"),
        ({"workers": 0}, InvalidConfig, "workers must be at least 1"),
        ({"video": "some"}, InvalidConfig, "video must be one of"),
        ({"policy": "nobody"}, UnknownName, "unknown policy"),
        ({"policy": object()}, InvalidConfig, "has reset and predict"),
        ({"benchmark": "none-mini"}, UnknownName, "unknown benchmark suite"),
        ({"backend": "abacus"}, UnknownName, "unknown backend"),
        ({"camera": "x"}, InvalidConfig, "camera"),
        ({"workers": 2, "policy": Misbehaving(lambda env: None)}, InvalidConfig, "worker proc"),
    ],
)
def test_wrong_arguments_leave_no_folder(
    suite: Path, tmp_path: Path, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    given_all: dict[str, Any] = {"policy": "random", "benchmark": suite, **arguments}
    policy, benchmark = given_all.pop("policy"), given_all.pop("benchmark")
    with pytest.raises(error, match=message):
        evaluate(policy, benchmark, out=tmp_path / "o", **given_all)
    assert not (tmp_path / "o").exists()


def test_unplayable_benchmarks(suite: Path, tmp_path: Path) -> None:
    spec = load_benchmark(suite).episodes[0]

    def save(*changes: dict[str, Any]) -> Path:
        specs = [spec.replace(episode_id=str(i), **change) for i, change in enumerate(changes)]
        return save_benchmark(specs, tmp_path / "bad")

    place = {
        "place_receptacle_name": "plate",
        "place_receptacle_start_pose": spec.task["pickup_obj_start_pose"],
    }
    other = {"task": {**spec.task, **place, "task_cls": "a.b.PickAndPlaceTask"}}
    with pytest.raises(InvalidEpisode, match="mixes tasks: Pick, PickAndPlace"):
        evaluate("random", save({}, other), out=tmp_path / "o")
    unknown = {"task": {**spec.task, "task_cls": "a.b.UnknownTask"}}
    with pytest.raises(InvalidEpisode, match="no env plays 'UnknownTask'"):
        evaluate("random", save({}, unknown), out=tmp_path / "o")
    with pytest.raises(InvalidConfig, match=r"mixes control steps of 0\.05, 0\.066 s"):
        evaluate("random", save({}, {"control_dt": 0.05}), out=tmp_path / "o")


def test_a_suite_is_named_after_its_task() -> None:
    assert task_named("pick-mini") == "Pick"
    with pytest.raises(InvalidConfig, match="a suite is named <task>-<size>, not 'picks-mini'"):
        task_named("picks-mini")


def test_suite_maker_pins_and_balances(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    maker = SuiteMaker("tiny", "molmospaces_gym/Pick-v1", RandomPolicy(), seed=5)
    verdicts = iter([False, True, True, True])
    monkeypatch.setattr(maker, "_solves", lambda env, spec: next(verdicts))
    maker.add_house("generated/val/0", 3)
    assert maker.rejected == 1
    assert [spec.episode_id for spec in maker.episodes] == ["tiny/000", "tiny/001", "tiny/002"]
    assert len({category_of(spec) for spec in maker.episodes}) > 1
    saved = load_benchmark(save_benchmark(maker.episodes, tmp_path / "tiny"))
    for spec in saved.episodes:
        assert isinstance(spec, EpisodeSpec)
        assert spec.scene == "generated/val/0"
        assert spec.control_dt == DT
        assert spec.horizon_sec == 20.0
        assert spec.seed is not None
        assert spec.cameras


def test_a_suite_keeps_only_success_that_lasts() -> None:
    assert lasts([False, True, True])
    assert not lasts([False, False])
    assert not lasts([True, False])
    assert not lasts([False, True, False, True])


def test_pick_mini_is_balanced() -> None:
    suite = load_benchmark("pick-mini")
    assert max(Counter(map(category_of, suite.episodes)).values()) <= 5
    for spec in suite.episodes:
        assert (spec.control_dt, spec.horizon_sec) == (DT, 20.0)
        assert {camera.name for camera in spec.cameras} >= {"wrist_camera"}


@pytest.mark.parametrize("name", suite_names())
def test_shipped_suites_hold_all_their_pins(name: str) -> None:
    suite = load_benchmark(name)
    assert len(suite) == len(set(suite.ids)) == {"mini": 50, "val": 200}[name.rpartition("-")[2]]
    houses = Counter(house_name(spec) for spec in suite.episodes)
    assert len(houses) >= 25 and max(houses.values()) <= len(suite) // 25
    assert all(re.fullmatch(r"(generated|homes)/val/\d+", house) for house in houses)
    task = get_task(task_named(name))
    assert {task_of(spec.task) for spec in suite.episodes} == {task.name}
    robot = get_robot(task.robot)
    for spec in suite.episodes:
        assert spec.control_dt == pytest.approx(task.control_dt or robot.control_dt)
        assert spec.horizon_sec == task.horizon_s
        assert spec.robot.robot_name == robot.name
        assert spec.seed is not None and spec.cameras and spec.instruction
    assert {"mujoco", "molmospaces-gym"} <= set(suite.metadata["made_by"]["versions"])


@pytest.mark.slow
@pytest.mark.parametrize("name", suite_names())
def test_the_expert_solves_a_shipped_episode_as_when_it_was_chosen(
    name: str, tmp_path: Path
) -> None:
    result = evaluate("expert", name, episodes=1, out=tmp_path / "run")
    assert result.successes == 1
