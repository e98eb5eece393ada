"""What is written down about each episode, and the CSV file that holds it.

Everything in ``episodes.csv`` and ``traces.csv`` follows from policy, benchmark and seed, so two
runs give the same bytes. Durations, which do not, stand in ``timing.csv``.
"""

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.json_files import write_atomic


@dataclass(frozen=True, kw_only=True)
class Job:
    """One episode to play: its place in the benchmark and what is known before it starts."""

    index: int
    episode_id: str
    house: str
    object: str
    category: str
    instruction: str
    seed: int


@dataclass(frozen=True, kw_only=True)
class EpisodeRecord:
    """The outcome of one episode.

    ``first_success_step`` counts actions taken until success was first true (0: already at
    reset), or is None. ``five_consecutive`` says that success held for five steps in a row.
    ``jerk`` is in rad/s^3, NaN for fewer than four poses. ``failure`` is the reason why the episode
    could not be played to its end; such an episode counts as not successful.
    """

    episode_id: str
    house: str
    object: str
    category: str
    instruction: str
    seed: int
    success_at_end: bool
    success_once: bool
    first_success_step: int | None
    five_consecutive: bool
    steps: int
    episode_return: float
    jerk: float
    failure: str

    def row(self) -> list[str]:
        """The record as CSV fields, in the order of ``EPISODE_COLUMNS``."""
        first = "" if self.first_success_step is None else str(self.first_success_step)
        return [
            self.episode_id,
            self.house,
            self.object,
            self.category,
            self.instruction,
            str(self.seed),
            str(int(self.success_at_end)),
            str(int(self.success_once)),
            first,
            str(int(self.five_consecutive)),
            str(self.steps),
            f"{self.episode_return:.6f}",
            f"{self.jerk:.6f}",
            self.failure,
        ]

    @classmethod
    def parse(cls, row: Sequence[str]) -> "EpisodeRecord":
        """The inverse of ``row``; raises ValueError for fields that are no such values."""
        return cls(
            episode_id=row[0],
            house=row[1],
            object=row[2],
            category=row[3],
            instruction=row[4],
            seed=int(row[5]),
            success_at_end=_flag(row[6]),
            success_once=_flag(row[7]),
            first_success_step=int(row[8]) if row[8] else None,
            five_consecutive=_flag(row[9]),
            steps=int(row[10]),
            episode_return=float(row[11]),
            jerk=float(row[12]),
            failure=row[13],
        )


@dataclass(frozen=True, kw_only=True)
class EpisodeTiming:
    """How long one episode took, loading its scene included; seconds."""

    episode_id: str
    wall_s: float
    cpu_s: float
    steps: int

    def row(self) -> list[str]:
        """The timing as CSV fields, in the order of ``TIMING_COLUMNS``."""
        return [self.episode_id, f"{self.wall_s:.3f}", f"{self.cpu_s:.3f}", str(self.steps)]

    @classmethod
    def parse(cls, row: Sequence[str]) -> "EpisodeTiming":
        """The inverse of ``row``."""
        return cls(episode_id=row[0], wall_s=float(row[1]), cpu_s=float(row[2]), steps=int(row[3]))


@dataclass(frozen=True, kw_only=True)
class EpisodeTrace:
    """Success after the reset and after each action, as one ``0`` or ``1`` each.

    Of an episode that failed, what was seen before it did; empty where that is not known.
    """

    episode_id: str
    trace: str

    def row(self) -> list[str]:
        """The trace as CSV fields, in the order of ``TRACE_COLUMNS``."""
        return [self.episode_id, self.trace]

    @classmethod
    def parse(cls, row: Sequence[str]) -> "EpisodeTrace":
        """The inverse of ``row``; raises ValueError for other characters than 0 and 1."""
        if set(row[1]) - {"0", "1"}:
            raise ValueError(f"{row[1]!r} is no trace of 0 and 1")
        return cls(episode_id=row[0], trace=row[1])


EPISODE_COLUMNS = tuple(
    "return" if field.name == "episode_return" else field.name for field in fields(EpisodeRecord)
)
TIMING_COLUMNS = tuple(field.name for field in fields(EpisodeTiming))
TRACE_COLUMNS = tuple(field.name for field in fields(EpisodeTrace))


COMPLETE_COLUMN = "run_complete"
"""Last column of a run's tables: 1 where no episode is missing."""


class CsvRow(Protocol):
    """A record that knows its CSV fields."""

    def row(self) -> list[str]: ...


Row = TypeVar("Row", bound=CsvRow)


class Table(Generic[Row]):
    """A CSV file that grows by one flushed line per episode and survives a kill at any point."""

    def __init__(
        self, path: Path, columns: Sequence[str], parse: Callable[[Sequence[str]], Row]
    ) -> None:
        self.path = path
        self._columns = tuple(columns)
        self._parse_row = parse

    def append(self, row: CsvRow) -> None:
        """Write one line; once this returns, it outlives the process."""
        with self.path.open("a", newline="", encoding="utf-8") as file:
            if file.tell() == 0:
                file.write(_line(self._columns))
            file.write(_line(row.row()))

    def replace(self, rows: Iterable[CsvRow]) -> None:
        """Put ``rows`` in place of the whole file, at once."""
        write_atomic(self.path, "".join(map(_line, [self._columns, *(r.row() for r in rows)])))

    def read(self) -> list[Row]:
        """All whole lines. A last line that was cut short by a kill is left out.

        Raises:
            InvalidConfig: The file is not such a table.
        """
        if not self.path.is_file():
            return []
        whole, _, _ = self.path.read_text(encoding="utf-8").rpartition("\n")
        lines = list(csv.reader(io.StringIO(whole)))
        if not lines:
            return []
        if tuple(lines[0]) != self._columns:
            raise InvalidConfig(
                f"{self.path} has other columns than this version writes; start a new run folder"
            )
        return [self._parse(number, line) for number, line in enumerate(lines[1:], start=2)]

    def _parse(self, number: int, line: Sequence[str]) -> Row:
        try:
            if len(line) != len(self._columns):
                raise ValueError(f"{len(line)} fields instead of {len(self._columns)}")
            return self._parse_row(line)
        except ValueError as error:
            raise InvalidConfig(f"{self.path}, line {number} is damaged: {error}") from error


class RunTable(Table[Row]):
    """A table of a run.

    Its last column ``run_complete`` is 0 in every line until the run has come to its end, so that
    a table taken out of its folder still says whether episodes are missing.
    """

    def __init__(
        self, path: Path, columns: Sequence[str], parse: Callable[[Sequence[str]], Row]
    ) -> None:
        def parse_flagged(row: Sequence[str]) -> Row:
            _flag(row[-1])
            return parse(row[:-1])

        super().__init__(path, (*columns, COMPLETE_COLUMN), parse_flagged)

    def append(self, row: CsvRow) -> None:
        """Write one line of a run that is not at its end."""
        super().append(_Flagged(row, False))

    def replace(self, rows: Iterable[CsvRow], complete: bool = False) -> None:
        """Put ``rows`` in place of the whole file; ``complete``: no episode is missing."""
        super().replace(_Flagged(row, complete) for row in rows)


@dataclass(frozen=True)
class _Flagged:
    inner: CsvRow
    complete: bool

    def row(self) -> list[str]:
        return [*self.inner.row(), str(int(self.complete))]


def one_line(text: str) -> str:
    """``text`` with every run of white space as one blank, so that it stays one CSV line."""
    return " ".join(text.split())


def _line(row: Iterable[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(row)
    return buffer.getvalue()


def _flag(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError(f"{text!r} is neither 0 nor 1")
    return text == "1"
