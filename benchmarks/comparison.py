"""What ``compare`` reports: rates, their difference, tables and the episodes that flipped."""

from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

from molmospaces_gym.benchmarks.clusters import Clustering
from molmospaces_gym.benchmarks.stats import Interval


@dataclass(frozen=True, kw_only=True)
class Rate:
    """One run's success rate. ``wilson`` takes episodes as independent, ``cluster`` does not."""

    successes: int
    total: int
    wilson: Interval
    cluster: Interval
    clustering: Clustering


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Rate of A less rate of B on the same episodes; counts are of episodes.

    ``mcnemar`` and ``mcnemar_mid`` take episodes as independent, ``sign_flip`` only houses.
    """

    both: int
    first_only: int
    second_only: int
    neither: int
    value: float
    cluster: Interval
    clustering: Clustering
    mcnemar: float
    mcnemar_mid: float
    sign_flip: float


@dataclass(frozen=True, kw_only=True)
class Anytime:
    """Figures that hold however one decided to stop, see ``sequential``.

    ``first`` and ``second`` are for independent episodes; the ``_houses`` allow dependence within
    a house and weigh houses alike.
    """

    first: Interval
    second: Interval
    first_houses: Interval
    second_houses: Interval
    difference_houses: Interval
    e_value: float
    e_value_houses: float


@dataclass(frozen=True, kw_only=True)
class Group:
    """The episodes of one category or house: successes of both runs and Wilson intervals."""

    name: str
    total: int
    first: int
    second: int
    first_only: int
    second_only: int
    first_wilson: Interval
    second_wilson: Interval

    @property
    def difference(self) -> float:
        """Rate of A less rate of B."""
        return (self.first - self.second) / self.total


@dataclass(frozen=True, kw_only=True)
class Flip:
    """An episode that one run solved and the other did not; ``solved_by`` is A or B."""

    episode_id: str
    house: str
    category: str
    solved_by: str


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """All that ``compare`` reports. Intervals are fractions at ``confidence``."""

    names: tuple[str, str]
    paths: tuple[str, str]
    complete: tuple[bool, bool]
    measure: str
    confidence: float
    seed: int
    episodes: int
    houses: int
    first: Rate
    second: Rate
    difference: Difference
    anytime: Anytime
    categories: tuple[Group, ...]
    by_house: tuple[Group, ...]
    flips: tuple[Flip, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON: intervals as pairs, what cannot be estimated as null."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, Clustering):
        return _plain(value._asdict())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not isfinite(value):
        return None
    return value
