"""The folder of a data generation run: settings, episodes and tables.

The episodes' own folders are the truth; the tables are made from them and say the same in one
place. ``episodes.csv`` follows from the settings alone, durations stand in ``timing.csv``.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from molmospaces_gym.benchmarks.datagen import store
from molmospaces_gym.benchmarks.datagen.collect import Collected
from molmospaces_gym.benchmarks.folder import machine_info
from molmospaces_gym.benchmarks.records import TIMING_COLUMNS, EpisodeTiming, Table
from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.json_files import read_json, write_atomic

COLUMNS = (
    "index",
    "house",
    "instruction",
    "seed",
    "attempts",
    "steps",
    "first_success_step",
    "failure",
)


@dataclass(frozen=True, kw_only=True)
class EpisodeRow:
    """One line of ``episodes.csv``; ``attempts`` counts the last one too, which was kept or not."""

    index: int
    house: str
    instruction: str
    seed: int | None
    attempts: int
    steps: int
    first_success_step: int | None
    failure: str

    def row(self) -> list[str]:
        """The fields in the order of ``COLUMNS``."""
        values = [getattr(self, name) for name in COLUMNS]
        return ["" if value is None else str(value) for value in values]

    @classmethod
    def parse(cls, row: Sequence[str]) -> "EpisodeRow":
        """The inverse of ``row``."""
        return cls(
            index=int(row[0]),
            house=row[1],
            instruction=row[2],
            seed=int(row[3]) if row[3] else None,
            attempts=int(row[4]),
            steps=int(row[5]),
            first_success_step=int(row[6]) if row[6] else None,
            failure=row[7],
        )


class DatasetFolder:
    """A run's folder, new or taken up again."""

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self.path, self.store = path, path / "episodes"
        self.settings: Mapping[str, Any] = _plain(settings)
        self._episodes = Table(path / "episodes.csv", COLUMNS, EpisodeRow.parse)
        self._timings = Table(path / "timing.csv", TIMING_COLUMNS, EpisodeTiming.parse)
        self._about: dict[str, Any] = {}

    def open(self, episodes: int, workers: int, resume: bool) -> None:
        """Make the folder, or take up what it holds.

        Raises:
            InvalidConfig: it holds a run and ``resume`` is false, or a run with other settings or
                more episodes.
        """
        file = self.path / "dataset.json"
        if file.is_file():
            self._check(read_dataset_info(self.path), episodes, resume)
        self.store.mkdir(parents=True, exist_ok=True)
        store.sweep(self.store)
        self._about = {
            "complete": False,
            "episodes": episodes,
            "workers": workers,
            "settings": self.settings,
            **machine_info(),
        }
        self._write()
        # A kill between an episode's folder and its line leaves the folder, which counts.
        self._episodes.replace([self._row(index) for index in store.indices(self.store)])

    def _check(self, before: Mapping[str, Any], episodes: int, resume: bool) -> None:
        if not resume:
            raise InvalidConfig(f"{self.path} holds a dataset; pass resume, or another folder")
        old = before.get("settings", {})
        changed = [key for key in self.settings if old.get(key) != self.settings[key]]
        if changed:
            details = "; ".join(f"{k}: {old.get(k)!r} -> {self.settings[k]!r}" for k in changed)
            raise InvalidConfig(f"cannot resume {self.path} with other settings ({details})")
        held = store.indices(self.store) if self.store.is_dir() else []
        if held and held[-1] >= episodes:
            raise InvalidConfig(
                f"{self.path} holds episode {held[-1]}; resume it with at least {held[-1] + 1}"
            )

    def add(self, collected: Collected) -> None:
        """Write down an episode that is on disk."""
        self._episodes.append(self._row(collected.index))
        self._timings.append(collected.timing)

    def close(self) -> None:
        """Say that everything was done."""
        rows = [self._row(index) for index in store.indices(self.store)]
        self._episodes.replace(rows)
        kept, failed = self.counts()
        cpu = sum({t.episode_id: t.cpu_s for t in self._timings.read()}.values())
        rate = round(3600 * kept / cpu, 1) if cpu else None
        self._about |= {
            "complete": True,
            "kept": kept,
            "failed": failed,
            "steps": sum(row.steps for row in rows),
            "cpu_s": round(cpu, 3),
            "episodes_per_cpu_hour": rate,
        }
        self._write()

    def counts(self) -> tuple[int, int]:
        """Episodes that were kept, and those that could not be had."""
        rows = self._episodes.read()
        kept = sum(not row.failure for row in rows)
        return kept, len(rows) - kept

    def _row(self, index: int) -> EpisodeRow:
        folder = store.episode_folder(self.store, index)
        about = store.read_about(folder)
        thrown, failure = about["attempts"], about.get("failure", "")
        success = np.zeros(1, np.bool_)
        if not failure:
            with np.load(folder / store.ARRAYS, allow_pickle=False) as arrays:
                success = arrays["success"]
        return EpisodeRow(
            index=index,
            house=about.get("house", ""),
            instruction=about.get("instruction", ""),
            seed=about.get("seed"),
            attempts=len(thrown) + (not failure),
            steps=len(success) - 1,
            first_success_step=int(success.argmax()) if success.any() else None,
            failure=failure,
        )

    def _write(self) -> None:
        write_atomic(self.path / "dataset.json", json.dumps(self._about, indent=2) + "\n")


def read_dataset_info(path: Path) -> dict[str, Any]:
    """``dataset.json`` of a run's folder; raises ``InvalidConfig``."""
    found: dict[str, Any] = read_json(path / "dataset.json", InvalidConfig)
    return found


def _plain(value: Mapping[str, Any]) -> dict[str, Any]:
    """``value`` as it comes back from a JSON file."""
    found: dict[str, Any] = json.loads(json.dumps(value))
    return found
