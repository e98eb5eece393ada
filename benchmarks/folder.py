"""The run folder: settings, episode tables, summaries. Readable at every moment of a run."""

import fcntl
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import molmospaces_gym
from molmospaces_gym.benchmarks.records import (
    EPISODE_COLUMNS,
    TIMING_COLUMNS,
    TRACE_COLUMNS,
    EpisodeRecord,
    EpisodeTiming,
    EpisodeTrace,
    RunTable,
)
from molmospaces_gym.benchmarks.rollout import Played
from molmospaces_gym.benchmarks.summary import RunHead, summary_csv, summary_dict
from molmospaces_gym.errors import InvalidConfig, RemotePolicyError
from molmospaces_gym.json_files import read_json, write_atomic

PACKAGES = (
    "molmospaces-gym",
    "gymnasium",
    "mujoco",
    "numba",
    "numpy",
    "ray",
    "scipy",
    "stable-baselines3",
    "torch",
)
ADDED = {"deterministic": True}
"""Settings that runs of older versions did not write down, and what they were."""
COMPARED = ("policy", "benchmark", "benchmark_sha256", "env_id", "env_kwargs", "seed", *ADDED)
"""Settings that must not change when a run is resumed."""
_UNFINISHED = re.compile(r"\.\w+\.(csv|json|html)\.\w+")


class RunFolder:
    """One evaluation on disk. ``order`` are all episode ids of the run in benchmark order."""

    def __init__(self, path: Path, order: Sequence[str]) -> None:
        self.path = path
        self._order = {episode_id: place for place, episode_id in enumerate(order)}
        self._episodes = RunTable(path / "episodes.csv", EPISODE_COLUMNS, EpisodeRecord.parse)
        self._timings = RunTable(path / "timing.csv", TIMING_COLUMNS, EpisodeTiming.parse)
        self._traces = RunTable(path / "traces.csv", TRACE_COLUMNS, EpisodeTrace.parse)
        self.records: dict[str, EpisodeRecord] = {}
        self.traces: dict[str, EpisodeTrace] = {}
        self.timings: dict[str, EpisodeTiming] = {}
        self.config: dict[str, Any] = {}
        self.summary: dict[str, Any] = {}
        self._handle: int | None = None

    def open(self, config: Mapping[str, Any], resume: bool) -> None:
        """Start the folder, or take up the run that it holds.

        Raises:
            InvalidConfig: It holds a run and ``resume`` is off, or that run has other settings.
        """
        self._lock()
        try:
            held = self._episodes.read()
            if held and not resume:
                raise InvalidConfig(
                    f"{self.path} already holds {len(held)} episodes; go on with --resume or "
                    "choose another --out"
                )
            self.config = {**config, "sessions": [], "played_again": []}
            if held:
                self.config.update(self._check_same(config))
                self._take_up(held)
            self._sweep()
            # First of all: a kill on the way must not leave a config that calls this complete.
            self._write_config()
            self._sort_tables()
        except BaseException:
            self._unlock()
            raise

    def add(self, played: Played) -> None:
        """Write down one episode; it is on disk when this returns."""
        self.records[played.record.episode_id] = played.record
        self.timings[played.timing.episode_id] = played.timing
        self.traces[played.trace.episode_id] = played.trace
        # The row of episodes.csv makes an episode count, so it is written last.
        self._timings.append(played.timing)
        self._traces.append(played.trace)
        self._episodes.append(played.record)

    def ordered(self) -> list[EpisodeRecord]:
        """All records in benchmark order."""
        return [self.records[i] for i in self._order if i in self.records]

    def write_summary(self, head: RunHead) -> None:
        """Write both summaries of what was played so far."""
        records = self.ordered()
        self.summary = summary_dict(head, records)
        write_atomic(self.path / "summary.csv", summary_csv(head, records))
        write_atomic(self.path / "summary.json", _dump(self.summary))

    def close(self, started: datetime, wall_s: float) -> None:
        """Put the tables in benchmark order and note how long this part of the run took."""
        complete = len(self.records) == len(self._order)
        self._sort_tables(complete)
        self.config["sessions"].append(
            {
                "started": started.isoformat(timespec="seconds"),
                "finished": datetime.now(UTC).isoformat(timespec="seconds"),
                "wall_s": round(wall_s, 3),
            }
        )
        self.config["complete"] = complete
        self.config["episodes_cpu_s"] = round(sum(t.cpu_s for t in self.timings.values()), 3)
        self._write_config()
        self._unlock()

    def _lock(self) -> None:
        """Make this process the only writer; the lock ends with the process at the latest."""
        self.path.mkdir(parents=True, exist_ok=True)
        self._handle = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._unlock()
            raise InvalidConfig(
                f"{self.path} is being written by another process; wait for its end or choose "
                "another --out"
            ) from error
        except OSError:
            # Some network file systems have no locks; there the user has to take care.
            self._unlock()

    def _sweep(self) -> None:
        """Remove what a kill in the middle of writing a file left behind."""
        for file in self.path.iterdir():
            if _UNFINISHED.fullmatch(file.name):
                file.unlink()

    def _unlock(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _take_up(self, held: Sequence[EpisodeRecord]) -> None:
        unasked = [record.episode_id for record in held if record.episode_id not in self._order]
        if unasked:
            raise InvalidConfig(
                f"{self.path} holds {len(unasked)} episodes that this run does not ask for "
                f"({unasked[0]!r}, ...); resume it with at least as many episodes"
            )
        self.traces = {trace.episode_id: trace for trace in self._traces.read()}
        for record in held:
            # An episode whose trace was lost is played again, and one that a policy server spoiled.
            if record.episode_id in self.traces and not is_unjudged(record):
                self.records.setdefault(record.episode_id, record)
        again = [record.episode_id for record in held if is_unjudged(record)]
        self.config["played_again"] = [*self.config["played_again"], *again]
        for timing in self._timings.read():
            if timing.episode_id in self.records:
                self.timings.setdefault(timing.episode_id, timing)

    def _check_same(self, config: Mapping[str, Any]) -> dict[str, list[Any]]:
        file = self.path / "config.json"
        if not file.is_file():
            raise InvalidConfig(f"{self.path} holds episodes but no config.json; cannot resume it")
        before = {**ADDED, **read_json(file, InvalidConfig)}
        changed = [key for key in COMPARED if before.get(key) != _plain(config[key])]
        if changed:
            details = "; ".join(f"{k}: {before.get(k)!r} -> {config[k]!r}" for k in changed)
            raise InvalidConfig(f"cannot resume {self.path} with other settings ({details})")
        return {key: before.get(key, []) for key in ("sessions", "played_again")}

    def _sort_tables(self, complete: bool = False) -> None:
        records = self.ordered()
        self._episodes.replace(records, complete)
        known = [self.timings[r.episode_id] for r in records if r.episode_id in self.timings]
        self._timings.replace(known, complete)
        self._traces.replace((self.traces[record.episode_id] for record in records), complete)

    def _write_config(self) -> None:
        write_atomic(self.path / "config.json", _dump(self.config))


def is_unjudged(record: EpisodeRecord) -> bool:
    """Whether a policy server failed in an episode, so that it says nothing of the policy."""
    names = {kind.__name__ for kind in RemotePolicyError.__subclasses__()}
    return record.failure.partition(":")[0] in names


def machine_info() -> dict[str, Any]:
    """Versions and platform, for a reader who wants to repeat a run."""
    return {
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "git_commit": git_commit(Path(molmospaces_gym.__file__).resolve().parents[1]),
    }


def git_commit(root: Path) -> str | None:
    """Commit of the source tree at ``root``, with ``+changes`` when edited; None elsewhere."""
    if not (root / ".git").exists():
        return None
    try:
        commit = _git(root, "rev-parse", "HEAD")
        return commit + ("+changes" if _git(root, "status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    return found.stdout.strip()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _dump(content: Any) -> str:
    return json.dumps(content, indent=2, default=str) + "\n"


def _plain(value: Any) -> Any:
    """``value`` as it comes back from a JSON file."""
    return json.loads(_dump(value))
