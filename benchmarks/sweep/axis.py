"""What an axis of a sweep is: its levels, and how a level changes an episode or the env."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from molmospaces_gym.benchmarks.sweep.setup import Setup
from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.errors import InvalidConfig

Change = Callable[[EpisodeSpec], EpisodeSpec | None]
"""An episode at a level; None: it cannot be, and keeps what it has. The same every time."""


@dataclass(frozen=True, kw_only=True)
class Level:
    """One level: ``value`` is its place on an ordered axis, in the axis' unit.

    ``change`` is None where the level leaves the episodes as they are. ``env_kwargs`` are
    arguments of the env that make the level. ``reference`` marks the one to which the others of
    the axis are compared.
    """

    name: str
    value: float | None = None
    change: Change | None = None
    env_kwargs: Mapping[str, Any] = field(default_factory=dict)
    reference: bool = False


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One thing that a sweep varies while all else stays.

    Attributes:
        name: what ``--axis`` takes.
        title: what it is called in plots.
        unit: of a level's value; empty for words.
        ordered: whether levels are numbers, plotted as a line.
        reference: the level to which the others are compared.
        defaults: the levels that are played where none are given.
        parse: a level from its text; raises ``AxisUnavailable`` where this setup has no such
            axis, ``InvalidConfig`` where the text is no level.
        source: where the axis and its range come from.
        scale: ``linear`` or ``log``.
    """

    name: str
    title: str
    unit: str = ""
    ordered: bool = False
    reference: Callable[[Setup], str]
    defaults: Callable[[Setup], tuple[str, ...]]
    parse: Callable[[Setup, str], Level]
    source: str
    scale: str = "linear"

    def levels(self, setup: Setup, wanted: tuple[str, ...] | None) -> list[Level]:
        """The wanted levels and the reference, which stands first where order does not matter.

        Raises:
            AxisUnavailable: the benchmark, policy or robot has no such axis.
            InvalidConfig: a text is no level, or two are the same one.
        """
        texts = wanted or self.defaults(setup)
        first = replace(self.parse(setup, self.reference(setup)), reference=True)
        found = [self.parse(setup, text.strip()) for text in texts]
        levels = {level.name: level for level in (*found, first)}
        if self.ordered:
            return sorted(levels.values(), key=lambda level: level.value or 0.0)
        return sorted(levels.values(), key=lambda level: not level.reference)


def number(axis: str, text: str, low: float, high: float) -> float:
    """A level that is a number.

    Raises:
        InvalidConfig: it is none, or lies outside ``low..high``.
    """
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise InvalidConfig(
            f"axis {axis!r} takes numbers from {low:g} to {high:g} as levels, not {text!r}"
        )
    return value + 0.0  # -0 is 0
