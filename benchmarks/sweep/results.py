"""What a sweep found: one row per level, as JSON and as CSV."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from molmospaces_gym.benchmarks.clusters import by_house, cluster_interval
from molmospaces_gym.benchmarks.paired import difference_interval, mcnemar, sign_flip
from molmospaces_gym.benchmarks.records import EpisodeRecord
from molmospaces_gym.benchmarks.stats import Interval, wilson_interval
from molmospaces_gym.benchmarks.sweep.cases import Case
from molmospaces_gym.errors import InvalidConfig


@dataclass(frozen=True, kw_only=True)
class LevelResult:
    """Success at one level, and its difference to the reference level on the same episodes.

    Rates and limits are fractions. ``wilson`` limits take episodes as independent, ``cluster``
    ones only houses, as those of the difference do. ``mcnemar`` takes episodes as independent,
    ``sign_flip`` only houses. ``changed`` and ``kept`` as in ``Case``; ``errors`` are episodes
    that could not be played to their end, which count as failures.
    """

    axis: str
    level: str
    value: float | None
    reference: bool
    successes: int
    total: int
    rate: float
    wilson_low: float
    wilson_high: float
    cluster_low: float
    cluster_high: float
    difference: float
    difference_low: float
    difference_high: float
    lost: int
    won: int
    mcnemar: float
    sign_flip: float
    houses: int
    changed: int
    kept: int
    errors: int
    run: str

    @property
    def wilson(self) -> Interval:
        """Interval of the rate for independent episodes."""
        return Interval(self.wilson_low, self.wilson_high)

    @property
    def cluster(self) -> Interval:
        """Interval of the rate for independent houses."""
        return Interval(self.cluster_low, self.cluster_high)

    @property
    def difference_span(self) -> Interval:
        """Interval of the difference for independent houses."""
        return Interval(self.difference_low, self.difference_high)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


COLUMNS = tuple(field.name for field in fields(LevelResult))


def level_result(
    case: Case,
    records: Sequence[EpisodeRecord],
    reference: Sequence[EpisodeRecord],
    is_reference: bool,
    confidence: float,
) -> LevelResult:
    """The figures of a level; ``reference`` are the records of the level it is compared with.

    Raises:
        InvalidConfig: the two do not hold the same episodes.
    """
    if [record.episode_id for record in records] != [record.episode_id for record in reference]:
        raise InvalidConfig(
            f"{case.path}: its episodes are not those of the reference level; play both again"
        )
    names = [record.house for record in records]
    won = [record.success_at_end for record in records]
    gained = [a - b.success_at_end for a, b in zip(won, reference, strict=True)]
    houses, between = by_house(names, won), by_house(names, gained)
    successes, total = sum(won), len(won)
    wilson = wilson_interval(successes, total, confidence)
    cluster = cluster_interval(houses, confidence)
    # The difference to itself is 0, not an estimate.
    span = Interval(0.0, 0.0) if is_reference else difference_interval(between, confidence)
    better, worse = gained.count(1), gained.count(-1)
    return LevelResult(
        axis=case.axis.name,
        level=case.level.name,
        value=case.level.value,
        reference=is_reference,
        successes=successes,
        total=total,
        rate=successes / total,
        wilson_low=wilson.low,
        wilson_high=wilson.high,
        cluster_low=cluster.low,
        cluster_high=cluster.high,
        difference=(better - worse) / total,
        difference_low=span.low,
        difference_high=span.high,
        lost=worse,
        won=better,
        mcnemar=mcnemar(better, worse),
        sign_flip=sign_flip([round(float(value)) for value in between.sums]),
        houses=len(houses.names),
        changed=case.changed,
        kept=case.kept,
        errors=sum(bool(record.failure) for record in records),
        run=case.path,
    )


def to_csv(rows: Sequence[LevelResult]) -> str:
    """The rows as CSV; numbers that are no counts with six digits."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([_cell(value) for value in row.to_dict().values()])
    return buffer.getvalue()


def from_dicts(rows: Sequence[Mapping[str, Any]], where: str) -> list[LevelResult]:
    """The inverse of ``to_dict`` for the rows of a file ``where``.

    Raises:
        InvalidConfig: they are those of another version.
    """
    try:
        return [LevelResult(**row) for row in rows]
    except TypeError as error:
        raise InvalidConfig(f"{where} is of another version ({error}); use a new folder") from error


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else str(value)
