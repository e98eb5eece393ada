"""The runs of a submission, checked: what each contributes to the files of a leaderboard entry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from molmospaces_gym.benchmarks.eligibility import (
    Fault,
    rollout_faults,
    run_faults,
)
from molmospaces_gym.benchmarks.official_rollouts import read_rollouts
from molmospaces_gym.benchmarks.pictures import video_path
from molmospaces_gym.benchmarks.runs import LoadedRun, load_run
from molmospaces_gym.benchmarks.summary import Outcome, outcomes_of
from molmospaces_gym.errors import InvalidSubmission, UnknownName
from molmospaces_gym.official_suites import OfficialSuite, official_suite_of, official_suites

LOGS = ("config.json", "episodes.csv", "summary.json", "traces.csv")
"""Files of a run folder that go into the zip, those that there are."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One run as it is submitted; ``files`` are members of the zip below the suite's name."""

    suite: str
    board: str | None
    policy: str
    run_path: str
    dt: float
    max_steps: int | None
    outcomes: tuple[Outcome, ...]
    note: str
    files: Mapping[str, Path]


@dataclass(frozen=True)
class Entries:
    """All runs of a submission; ``official`` where the leaderboard has a column for each."""

    runs: tuple[Entry, ...]
    official: bool


def collect_entries(
    runs: Sequence[str | Path],
    *,
    videos: str = "none",
    suite: str | None = None,
    allow_unofficial: bool = False,
) -> Entries:
    """Check the runs; arguments and errors are those of ``submission.submit``."""
    if not runs:
        raise InvalidSubmission("nothing to submit: name at least one run folder")
    entries = tuple(_entry(Path(run), suite, videos) for run in runs)
    return Entries(entries, _one_kind(entries, allow_unofficial))


def is_rollouts(path: Path) -> bool:
    """Whether a directory holds official HDF5 rollouts and is no run folder."""
    return not (path / "config.json").is_file() and any(path.rglob("*.h5"))


def _entry(path: Path, suite: str | None, videos: str) -> Entry:
    if is_rollouts(path):
        return _rollouts_entry(path, suite)
    run = load_run(path)
    _refuse(path, run_faults(run))
    official = official_suite_of(run.config.get("benchmark_metadata", {}))
    logs = {f"logs/{name}": path / name for name in LOGS if (path / name).is_file()}
    return Entry(
        suite=run.suite,
        board=None if official is None else official.board,
        policy=str(run.config["policy"]),
        run_path=path.resolve().name,
        dt=float(run.config["control_dt"]),
        max_steps=int(run.config["horizon"]),
        outcomes=tuple(outcomes_of(run.records)),
        note=_run_note(run, official),
        files={**logs, **_videos(run, videos)},
    )


def _rollouts_entry(path: Path, suite: str | None) -> Entry:
    if suite is None:
        raise InvalidSubmission(
            f"{path} holds official HDF5 rollouts, which do not say what they are of; "
            f"add --suite with one of {', '.join(official_suites())}"
        )
    if (record := official_suites().get(suite)) is None:
        raise UnknownName("official suite", suite, list(official_suites()))
    rollouts = read_rollouts(path, record.control_dt)
    _refuse(path, rollout_faults(rollouts, record))
    return Entry(
        suite=record.name,
        board=record.board,
        policy="",
        run_path=path.resolve().name,
        dt=record.control_dt,
        max_steps=None,
        outcomes=rollouts.outcomes,
        note=f"{_name(record)}: rollouts of the official evaluator, said to be of {record.path}; "
        "data version, cameras and renderer are not in the files",
        files={},
    )


def _refuse(path: Path, faults: Sequence[Fault]) -> None:
    if not faults:
        return
    if len(faults) == 1:
        raise InvalidSubmission(f"{path} cannot be submitted: {faults[0]}")
    listed = "; ".join(f"({number}) {fault}" for number, fault in enumerate(faults, start=1))
    raise InvalidSubmission(f"{path} cannot be submitted, for {len(faults)} reasons: {listed}")


def _one_kind(entries: Sequence[Entry], allow_unofficial: bool) -> bool:
    """Whether the entries are for the board: all are, or none and that is allowed."""
    others = [entry.suite for entry in entries if entry.board is None]
    suites = [entry.suite for entry in entries]
    twice = sorted({suite for suite in suites if suites.count(suite) > 1})
    if twice:
        raise InvalidSubmission(f"two runs of {', '.join(twice)}; submit one of each suite")
    if others and not allow_unofficial:
        raise InvalidSubmission(
            f"the leaderboard has no column for {', '.join(others)}; its suites are "
            f"{', '.join(s.name for s in official_suites().values() if s.board)}. For a report of "
            "your own, marked as unofficial, add --allow-unofficial"
        )
    if others and len(others) < len(entries):
        ours = ", ".join(entry.suite for entry in entries if entry.board is not None)
        raise InvalidSubmission(
            f"official ({ours}) and unofficial ({', '.join(others)}) suites in one submission; "
            "submit them apart"
        )
    return not others


def _run_note(run: LoadedRun, official: OfficialSuite | None) -> str:
    """One line on how a run was made."""
    config, env = run.config, run.config.get("env_kwargs", {})
    versions = config.get("versions", {})
    cameras = ", ".join(env.get("cameras") or ()) or "the robot's cameras"
    seen = "poses of the objects" if env.get("obs_mode", "state") == "state" else cameras
    parts = [
        f"policy {config['policy']}, {len(run.records)} episodes of {config['horizon']} steps of "
        f"{config['control_dt']:g} s",
        f"obs_mode {env.get('obs_mode', 'state')} ({seen}), renderer "
        f"{env.get('renderer', 'raster')}, action mode {env.get('action_mode') or 'of the task'}",
        f"played with molmospaces-gym {versions.get('molmospaces-gym', '?')} (commit "
        f"{config.get('git_commit') or 'of the release'}) on MuJoCo {versions.get('mujoco', '?')}",
        f"episodes sha256 {str(config.get('benchmark_sha256', '?'))[:16]}",
    ]
    if official is not None:
        version = config["benchmark_metadata"]["official_suite"].get("data_version")
        parts.append(f"{official.package} {version}")
    broken = sum(bool(record.failure) for record in run.records)
    if broken:
        parts.append(f"{broken} episodes could not be played to their end and count as failures")
    name = run.suite if official is None else _name(official)
    return f"{name}: " + "; ".join(parts)


def _name(suite: OfficialSuite) -> str:
    return suite.name if suite.board is None else f"{suite.board} ({suite.name})"


def _videos(run: LoadedRun, wanted: str) -> dict[str, Path]:
    """The chosen videos of a run as members of the zip."""
    if wanted == "none":
        return {}
    named = wanted not in ("all", "failures")
    if named:
        ids = [word.strip() for word in wanted.split(",") if word.strip()]
        known = {record.episode_id for record in run.records}
        if unknown := [episode_id for episode_id in ids if episode_id not in known]:
            raise InvalidSubmission(f"{run.path} has no episode {unknown[0]!r}")
    else:
        chosen = [r for r in run.records if wanted == "all" or not r.success_at_end]
        ids = [record.episode_id for record in chosen]
    files = [video_path(run.path, episode_id) for episode_id in ids]
    here = [file for file in files if file.is_file()]
    if len(here) < len(files) and (named or wanted == "all" or not here):
        raise InvalidSubmission(
            f"{run.path} holds {len(here)} of the {len(files)} videos asked for; evaluate with "
            f"--video {'failures' if wanted == 'failures' else 'all'}, or submit --videos none"
        )
    return {f"videos/{file.name}": file for file in here}
