"""Read a run folder back: what ``compare``, ``submit`` and the report start from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from molmospaces_gym.benchmarks.records import (
    EPISODE_COLUMNS,
    TIMING_COLUMNS,
    TRACE_COLUMNS,
    EpisodeRecord,
    EpisodeTiming,
    EpisodeTrace,
    RunTable,
)
from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.json_files import read_json
from molmospaces_gym.official_suites import official_suite_of


@dataclass(frozen=True, kw_only=True)
class LoadedRun:
    """A run folder as it lies on disk; ``records`` in benchmark order.

    ``traces`` maps an episode's id to its success after the reset and after each action, a string
    of ``0`` and ``1``.
    """

    path: Path
    config: Mapping[str, Any]
    summary: Mapping[str, Any]
    records: tuple[EpisodeRecord, ...]
    timings: Mapping[str, EpisodeTiming]
    traces: Mapping[str, str]

    @property
    def planned(self) -> int:
        """Episodes the run was asked to play."""
        return int(self.config["episodes"])

    @property
    def complete(self) -> bool:
        """Whether all of them were played and the run came to its end."""
        return bool(self.config["complete"]) and len(self.records) == self.planned

    @property
    def name(self) -> str:
        """Its policy and suite, for titles."""
        return f"{self.config['policy']} on {self.suite}"

    @property
    def suite(self) -> str:
        """Name of the suite it played; see ``suite_name``."""
        return suite_name(self.config)


def suite_name(config: Mapping[str, Any]) -> str:
    """Name of the suite in a run's ``config``: official, shipped, or that of its folder."""
    official = official_suite_of(config.get("benchmark_metadata", {}))
    if official is not None:
        return official.name
    path = Path(str(config["benchmark"]))
    return path.parent.name if path.suffix in (".json", ".gz") else path.name


def load_run(path: str | Path) -> LoadedRun:
    """Read the run folder at ``path``, finished or not.

    Raises:
        InvalidConfig: It is no run folder, or one of its files is damaged.
    """
    folder = Path(path)
    if not (folder / "config.json").is_file():
        raise InvalidConfig(
            f"{folder} is no run folder: it has no config.json; make one with molmospaces-gym eval"
        )
    config = read_json(folder / "config.json", InvalidConfig)
    missing = [key for key in ("policy", "benchmark", "episodes", "complete") if key not in config]
    if missing:
        raise InvalidConfig(f"{folder / 'config.json'} lacks {', '.join(missing)}")
    summary = folder / "summary.json"
    records = RunTable(folder / "episodes.csv", EPISODE_COLUMNS, EpisodeRecord.parse).read()
    timings = RunTable(folder / "timing.csv", TIMING_COLUMNS, EpisodeTiming.parse).read()
    traces = RunTable(folder / "traces.csv", TRACE_COLUMNS, EpisodeTrace.parse).read()
    return LoadedRun(
        path=folder,
        config=config,
        summary=read_json(summary, InvalidConfig) if summary.is_file() else {},
        records=tuple(records),
        timings={timing.episode_id: timing for timing in timings},
        traces={trace.episode_id: trace.trace for trace in traces},
    )
