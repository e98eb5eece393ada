"""Submissions: what is written, what is refused and why, on runs of a small suite."""

import json
import os
import pty
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

import molmospaces_gym  # noqa: F401
from molmospaces_gym import official_suites as suites_module
from molmospaces_gym import official_table
from molmospaces_gym.benchmark_io import save_benchmark
from molmospaces_gym.benchmarks import evaluate
from molmospaces_gym.benchmarks.eligibility import run_faults
from molmospaces_gym.benchmarks.issue_text import FORM, complete_fields, parse_fields
from molmospaces_gym.benchmarks.runs import load_run
from molmospaces_gym.benchmarks.submission import Submission, submit, zip_bytes
from molmospaces_gym.cli.main import main
from molmospaces_gym.errors import InvalidSubmission, UnknownName
from molmospaces_gym.official_suites import MANIFEST, OfficialSuite

STEPS, DT, EPISODES = 5, 0.066, 3
FIELDS = {field.key: f"the {field.key}" for field in FORM} | {"policy": "Pi, zero"}
TASK = "molmospaces_gym/Pick-v1"


def small(name: str, board: str | None) -> OfficialSuite:
    """A published suite cut to three short episodes, so that a test can play it."""
    record = next(suite for suite in official_table.SUITES if suite.name == "ms-pick-v1.1")
    return replace(record, name=name, board=board, path=name, episodes=EPISODES, horizon_s=0.33)


ON_BOARD, OFF_BOARD = small("tiny-pick", "Tiny-v1"), small("tiny-arm", None)


@pytest.fixture(scope="module", autouse=True)
def assets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An assets directory with both suites, whose pictures no OpenGL is needed for."""
    folder = tmp_path_factory.mktemp("assets")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLSPACES_ASSETS_DIR", str(folder))
        patch.setattr(official_table, "SUITES", (ON_BOARD, OFF_BOARD))
        patch.setitem(suites_module.RENDERERS, "classic", "raster")
        env: Any = gym.make(TASK, scene="generated/train/0", horizon=STEPS)
        specs = []
        for number in range(EPISODES):
            env.reset(seed=number)
            spec = env.unwrapped.episode
            task = {**spec.task, "task_horizon_sec": 0.33}
            specs.append(spec.replace(episode_id=f"e/{number}", task=task, img_resolution=(64, 48)))
        env.close()
        for suite in (ON_BOARD, OFF_BOARD):
            save_benchmark(specs, suite.directory)
        save_benchmark(specs, folder / "mine")
        noted = {"benchmarks": {ON_BOARD.package: "20260408"}}
        (folder / MANIFEST).write_text(json.dumps(noted))
        yield folder


def play(benchmark: str | Path, out: Path, **kwargs: Any) -> Path:
    evaluate("random", benchmark, out=out, **kwargs)
    return out


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, assets: Path) -> Path:
    """A complete run of the suite with a column on the board; do not change it."""
    return play("tiny-pick", tmp_path_factory.mktemp("run") / "pick", video="all")


@pytest.fixture(scope="module")
def own_run(tmp_path_factory: pytest.TempPathFactory, assets: Path) -> Path:
    """A complete run of a suite of our own; do not change it."""
    return play(assets / "mine", tmp_path_factory.mktemp("own") / "mine")


@pytest.fixture(scope="module")
def submission(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Submission:
    return submit([run], FIELDS, tmp_path_factory.mktemp("sub") / "out", videos="e/0, e/2")


def members(archive: Path) -> list[str]:
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        return opened.namelist()


def test_the_files_of_a_submission(submission: Submission, run: Path) -> None:
    assert submission.official
    names = ["combined.csv", "issue.md", "submission.zip", "tiny-pick.csv"]
    assert sorted(file.name for file in submission.out.iterdir()) == names
    logs = ("config.json", "episodes.csv", "summary.json", "traces.csv")
    assert members(submission.archive) == sorted(
        [
            *names[:2],
            "tiny-pick.csv",
            *(f"tiny-pick/logs/{name}" for name in logs if (run / name).is_file()),
            "tiny-pick/videos/e_0.mp4",
            "tiny-pick/videos/e_2.mp4",
        ]
    )
    with zipfile.ZipFile(submission.archive) as opened:
        for name in ("combined.csv", "issue.md", "tiny-pick.csv"):
            assert opened.read(name) == (submission.out / name).read_bytes()
        for name in ("config.json", "episodes.csv", "summary.json"):
            assert opened.read(f"tiny-pick/logs/{name}") == (run / name).read_bytes()
        assert opened.read("tiny-pick/videos/e_0.mp4") == (run / "videos/e_0.mp4").read_bytes()


def test_the_table_is_that_of_the_run_under_the_submitted_name(
    submission: Submission, run: Path
) -> None:
    lines = (submission.out / "tiny-pick.csv").read_text().splitlines()
    assert lines[:4] == [
        "# policy_name: Pi, zero",
        "# run_path: pick",
        "# dt: 0.066",
        f"# max_steps: {STEPS}",
    ]
    played = (run / "summary.csv").read_text().splitlines()
    assert lines[4:] == [line.replace("random,", '"Pi, zero",') for line in played[4:]]
    combined = (submission.out / "combined.csv").read_text().splitlines()
    assert combined[0] == f"suite,leaderboard_name,{lines[4]}"
    assert combined[1:] == [f"tiny-pick,Tiny-v1,{lines[-1]}"]


def test_the_issue_has_the_16_fields(submission: Submission) -> None:
    text = submission.issue.read_text()
    assert text.startswith("# Benchmark Entry [Pi, zero]\n")
    assert "nofficial" not in text.lower().replace("official evaluator", "")
    form = text.split("Please Answer the following questions:\n")[1].split("\n\n")[0].splitlines()
    assert form == [f"{field.label}: {FIELDS[field.key]}" for field in FORM]
    assert len(form) == 16
    assert "| Tiny-v1 | 3 |" in text
    assert "molmospaces-bench-v1 20260408" in text
    assert f"{EPISODES} episodes of {STEPS} steps of 0.066 s" in text


def test_equal_submissions_are_equal_bytes(
    submission: Submission, run: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "elsewhere" / "pick"
    shutil.copytree(run, copy)
    again = submit([copy], FIELDS, tmp_path / "out", videos="e/2,e/0")
    for file in submission.out.iterdir():
        assert (again.out / file.name).read_bytes() == file.read_bytes(), file.name


def test_zip_does_not_depend_on_the_order() -> None:
    one, two = {"b": b"2", "a": b"1"}, {"a": b"1", "b": b"2"}
    assert zip_bytes(one) == zip_bytes(two) != zip_bytes({"a": b"1"})


def test_videos(run: Path, own_run: Path, tmp_path: Path) -> None:
    failed = [r.episode_id for r in load_run(run).records if not r.success_at_end]
    for choice, count in (("none", 0), ("all", EPISODES), ("failures", len(failed))):
        done = submit([run], FIELDS, tmp_path / choice, videos=choice)
        assert sum(name.endswith(".mp4") for name in members(done.archive)) == count
    with pytest.raises(InvalidSubmission, match="has no episode 'e/9'"):
        submit([run], FIELDS, tmp_path / "x", videos="e/9")
    with pytest.raises(InvalidSubmission, match=r"holds 0 of the 3 videos .* --video all"):
        submit([own_run], FIELDS, tmp_path / "x", videos="all", allow_unofficial=True)


def test_the_form(run: Path, tmp_path: Path) -> None:
    fields = {key: value for key, value in FIELDS.items() if key not in ("params", "authors")}
    with pytest.raises(InvalidSubmission, match=r"lacks 2 of its 16 fields: authors, params; add"):
        submit([run], {**fields, "context_length": " "}, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    given = {key: FIELDS[key] for key in FIELDS if key not in ("chunk_size", "context_length")}
    filled = complete_fields({**given, "authors": " A\nB "})
    assert (filled["chunk_size"], filled["context_length"]) == ("N/A", "N/A")
    assert filled["authors"] == "A B"
    assert parse_fields(["no. of params=3B=x", "policy="]) == {"params": "3B=x", "policy": ""}
    for wrong, reason in (
        (["polici=x"], "'polici=x'; keys: policy"),
        (["policy"], "KEY=VALUE"),
        (["policy=a", "policy name=b"], "--field policy is given twice"),
    ):
        with pytest.raises(InvalidSubmission, match=reason):
            parse_fields(wrong)


def test_old_files_are_not_mixed_with_new_ones(submission: Submission, run: Path) -> None:
    with pytest.raises(InvalidSubmission, match="holds files already"):
        submit([run], FIELDS, submission.out)
    with pytest.raises(InvalidSubmission, match="nothing to submit"):
        submit([], FIELDS, submission.out / "new")


Edit = Callable[[dict[str, Any]], None]


def env(**changes: Any) -> Edit:
    return lambda config: config["env_kwargs"].update(changes)


def top(**changes: Any) -> Edit:
    return lambda config: config.update(changes)


def version(value: str | None) -> Edit:
    return lambda config: config["benchmark_metadata"]["official_suite"].update(data_version=value)


AGAIN = "molmospaces-gym eval --policy random --benchmark tiny-pick --out"
REFUSED: dict[str, tuple[Edit, str]] = {
    "unfinished": (top(complete=False), rf"incomplete: 3 of 3 .*{AGAIN} \S+ --resume"),
    "too few": (top(episodes=2), "asked for 2 episodes, tiny-pick has 3"),
    "horizon": (top(horizon=4), rf"its horizon is 4 steps, that of tiny-pick is 5 \(run: {AGAIN}"),
    "control step": (top(control_dt=0.1), "its control step is 0.1 s, that of tiny-pick is 0.066"),
    "data version": (version("20260210"), r"v1 is 20260210, .*20260408 .*scenes fetch tiny-pick"),
    "no version": (version(None), "v1 is not known"),
    "digest": (top(benchmark_sha256="ab"), "another version of tiny-pick: its episodes differ"),
    "task": (top(env_id="molmospaces_gym/Open-v1"), "played in molmospaces_gym/Open-v1"),
    "renderer": (env(renderer="gl"), "renderer is 'gl', tiny-pick pins 'raster'"),
    "cameras": (env(cameras=["wrist_camera"]), r"cameras is \['wrist_camera'\], .*'exo_camera_1'"),
    "image size": (env(image_size=[48, 64]), r"image_size is \[48, 64\]"),
    "action mode": (env(action_mode="ee_delta"), "action_mode is 'ee_delta', .*'joint_position'"),
    "robot": (env(robot="rby1"), "robot is 'rby1'"),
    "poses seen": (env(obs_mode="state"), "obs_mode='state', which tells the poses"),
    "simulator": (env(backend="isaac"), "its simulator is isaac"),
    "success rule": (env(success_rule="paper"), "judged by the rule 'paper'"),
    "randomised": (env(randomize_lighting=True), r"randomised \(randomize_lighting\)"),
    "early end": (env(terminate_on_success=True), "ended at the first success"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_the_reason(case: str, run: Path, tmp_path: Path) -> None:
    edit, reason = REFUSED[case]
    copy = tmp_path / "pick"
    shutil.copytree(run, copy)
    config = json.loads((copy / "config.json").read_text())
    edit(config)
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(InvalidSubmission, match=reason) as caught:
        submit([copy], FIELDS, tmp_path / "out")
    assert str(copy) in str(caught.value)
    with pytest.raises(InvalidSubmission, match=reason):
        submit([copy], FIELDS, tmp_path / "out", allow_unofficial=True)
    assert not (tmp_path / "out").exists()


def test_cameras_may_come_in_any_order(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "pick"
    shutil.copytree(run, copy)
    config = json.loads((copy / "config.json").read_text())
    config["env_kwargs"]["cameras"].reverse()
    (copy / "config.json").write_text(json.dumps(config))
    assert run_faults(load_run(copy)) == []


def test_lost_and_doubled_episodes(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "pick"
    shutil.copytree(run, copy)
    table = copy / "episodes.csv"
    lines = table.read_text().splitlines(keepends=True)
    table.write_text("".join(lines[:-1]))
    with pytest.raises(InvalidSubmission, match="incomplete: 2 of 3 episodes"):
        submit([copy], FIELDS, tmp_path / "out")
    table.write_text("".join([*lines[:-1], lines[1]]))
    with pytest.raises(InvalidSubmission, match="holds an episode twice"):
        submit([copy], FIELDS, tmp_path / "out")


def test_several_reasons_are_all_told(own_run: Path, assets: Path, tmp_path: Path) -> None:
    out = play("tiny-pick", tmp_path / "run", horizon=2, episodes=1, obs_mode="state")
    with pytest.raises(InvalidSubmission, match=r"for 3 reasons: \(1\).*\(2\).*\(3\)") as caught:
        submit([out], FIELDS, tmp_path / "out")
    for part in ("1 episodes, tiny-pick has 3", "horizon is 2 steps", "obs_mode='state'"):
        assert part in str(caught.value)


def test_suites_of_ours_are_marked(own_run: Path, assets: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidSubmission, match=r"no column for mine; its suites are tiny-pick\."):
        submit([own_run], FIELDS, tmp_path / "out")
    done = submit([own_run], FIELDS, tmp_path / "out", allow_unofficial=True)
    assert not done.official
    for file in done.out.iterdir():
        assert file.name.startswith("unofficial_")
        if file.suffix != ".zip":
            assert "unofficial" in file.read_text()[:400].lower()
    assert all(name.startswith("unofficial_") for name in members(done.archive))
    table = (done.out / "unofficial_mine.csv").read_text().splitlines()
    assert table[4] == "# UNOFFICIAL, not for the MolmoSpaces leaderboard"
    assert done.issue.read_text().startswith("# UNOFFICIAL, not for the MolmoSpaces leaderboard: ")


def test_an_official_suite_without_a_column(run: Path, tmp_path: Path) -> None:
    off = play("tiny-arm", tmp_path / "arm")
    with pytest.raises(InvalidSubmission, match="no column for tiny-arm"):
        submit([off], FIELDS, tmp_path / "out")
    with pytest.raises(
        InvalidSubmission, match=r"official \(tiny-pick\) and unofficial \(tiny-arm"
    ):
        submit([run, off], FIELDS, tmp_path / "out", allow_unofficial=True)
    assert not submit([off], FIELDS, tmp_path / "out", allow_unofficial=True).official
    with pytest.raises(InvalidSubmission, match="two runs of tiny-pick"):
        submit([run, run], FIELDS, tmp_path / "out2")


def test_runs_of_ours_are_checked_too(own_run: Path, assets: Path, tmp_path: Path) -> None:
    def faults(edit: Edit) -> str:
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(own_run, copy)
        config = json.loads((copy / "config.json").read_text())
        edit(config)
        (copy / "config.json").write_text(json.dumps(config))
        return " ".join(map(str, run_faults(load_run(copy))))

    assert faults(top()) == ""
    assert "its horizon is 9 steps, that of mine is 5" in faults(top(horizon=9))
    assert "its control step is 0.2 s" in faults(top(control_dt=0.2))
    assert "asked for 2 episodes, mine has 3" in faults(top(episodes=2))
    assert "another version of mine" in faults(top(benchmark_sha256="ab"))
    assert "not here any more" in faults(top(benchmark=str(tmp_path / "gone" / "benchmark.json")))


def test_a_part_of_a_shipped_suite_is_refused(tmp_path: Path) -> None:
    out = play("pick-mini", tmp_path / "run", episodes=1, horizon=2)
    with pytest.raises(InvalidSubmission, match=r"1 episodes, pick-mini has 50 \(run: .*pick-mini"):
        submit([out], FIELDS, tmp_path / "out", allow_unofficial=True)


def write_rollouts(folder: Path, count: int, rows: int = STEPS + 1, dt_ms: float = 66.0) -> Path:
    h5py = pytest.importorskip("h5py")
    scene = json.dumps({"object_name": "Mug_1", "policy_dt_ms": dt_ms}).encode()
    folder.mkdir(parents=True)
    with h5py.File(folder / "trajectories_batch_1_of_1.h5", "w") as opened:
        for number in range(count):
            group = opened.create_group(f"traj_{number}")
            group["success"] = [False] * (rows - 1) + [number > 0]
            group["obs_scene"] = scene
    return folder


def test_official_rollouts(run: Path, tmp_path: Path) -> None:
    folder = write_rollouts(tmp_path / "h5", EPISODES)
    with pytest.raises(InvalidSubmission, match="add --suite with one of tiny-pick"):
        submit([folder], FIELDS, tmp_path / "out")
    with pytest.raises(UnknownName, match="official suite 'pick'"):
        submit([folder], FIELDS, tmp_path / "out", suite="pick")
    done = submit([folder], FIELDS, tmp_path / "out", suite="tiny-pick")
    table = done.tables[0].read_text().splitlines()
    assert table[1:4] == ["# run_path: h5", "# dt: 0.066", "# max_steps: None"]
    assert table[5].startswith('"Pi, zero",Mug,2,3,66.67,')
    assert "cameras and renderer are not in the files" in done.issue.read_text()
    for wrong, reason in (
        (write_rollouts(tmp_path / "few", 2), "holds 2 trajectories, tiny-pick has 3 episodes"),
        (write_rollouts(tmp_path / "long", 3, rows=8), "8 rows, the horizon of tiny-pick is 5"),
        (write_rollouts(tmp_path / "dt", 3, dt_ms=200.0), "control step is 0.2 s, .* 0.066 s"),
    ):
        with pytest.raises(InvalidSubmission, match=reason):
            submit([wrong], FIELDS, tmp_path / "bad", suite="tiny-pick")


def flags(keys: list[str]) -> list[str]:
    return [word for key in keys for word in ("--field", f"{key}={FIELDS[key]}")]


def test_command_line(
    run: Path, own_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["submit", str(run), "--out", str(tmp_path / "a"), *flags(["policy", "authors"])])
    assert ended.value.code == 2
    shown = capsys.readouterr().err
    assert len(shown.strip().splitlines()) == 1
    assert "the form lacks 12 of its 16 fields: in_domain_data" in shown
    with pytest.raises(SystemExit) as ended:
        main(["submit", str(run), "--out", str(tmp_path / "a"), *flags(list(FIELDS))])
    assert ended.value.code == 0
    assert "open an issue at https://" in capsys.readouterr().out
    assert (tmp_path / "a" / "submission.zip").is_file()
    out = ["--out", str(tmp_path / "b"), "--allow-unofficial"]
    with pytest.raises(SystemExit):
        main(["submit", str(own_run), *out, *flags(list(FIELDS))])
    assert "unofficial: not for the MolmoSpaces leaderboard" in capsys.readouterr().out


@pytest.mark.slow
def test_missing_fields_are_asked_for_on_a_terminal(own_run: Path, tmp_path: Path) -> None:
    given = [field.key for field in FORM if field.key not in ("params", "chunk_size")]
    command = [sys.executable, "-c", "from molmospaces_gym.cli.main import main; main()", "submit"]
    arguments = [str(own_run), "--out", str(tmp_path / "out"), "--allow-unofficial", *flags(given)]
    ours, theirs = pty.openpty()
    try:
        os.write(ours, b"3B\n\n")
        done = subprocess.run(
            [*command, *arguments], stdin=theirs, capture_output=True, text=True, check=True
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert "no. of params: " in done.stdout
    assert "chunk size (if applicable) [N/A]: " in done.stdout
    text = (tmp_path / "out" / "unofficial_issue.md").read_text()
    assert "no. of params: 3B\n" in text
    assert "chunk size (if applicable): N/A\n" in text
