"""From axes to what is played: one benchmark and one run folder per level."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from molmospaces_gym.benchmark_io import describe, save_benchmark
from molmospaces_gym.benchmarks.sweep.axes import AXES, find_axis
from molmospaces_gym.benchmarks.sweep.axis import Axis, Level
from molmospaces_gym.benchmarks.sweep.setup import Setup
from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.errors import AxisUnavailable, InvalidConfig

UNPERTURBED = "unperturbed"
"""Folder of the run that all levels share which change nothing."""
BENCHMARKS = "benchmarks"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One level of one axis, ready to play.

    ``changed`` counts the episodes that differ from the unperturbed ones, ``kept`` those that
    could not be brought to the level and are as they were. ``path`` is its place under the
    folder of the sweep.
    """

    axis: Axis
    level: Level
    episodes: tuple[EpisodeSpec, ...]
    changed: int
    kept: int
    path: str

    @property
    def is_unperturbed(self) -> bool:
        """Whether it plays the benchmark itself."""
        return self.path == UNPERTURBED


def wanted_axes(
    names: Sequence[str] | None, levels: Mapping[str, Sequence[str]] | None
) -> list[tuple[Axis, tuple[str, ...] | None]]:
    """The axes to play with the levels asked for; without names all of them.

    Raises:
        UnknownName: there is no such axis.
        InvalidConfig: levels of an axis that is not played.
    """
    given = {name: tuple(texts) for name, texts in (levels or {}).items()}
    axes = [find_axis(name) for name in dict.fromkeys(names or AXES)]
    stray = [name for name in given if name not in {axis.name for axis in axes}]
    if stray:
        find_axis(stray[0])
        raise InvalidConfig(f"levels of the axis {stray[0]!r}, which is not among the axes to play")
    return [(axis, given.get(axis.name)) for axis in axes]


def make_cases(
    setup: Setup, axis: Axis, wanted: tuple[str, ...] | None
) -> tuple[list[Case], dict[str, str]]:
    """The levels of an axis for a benchmark, and why some of the default ones do not exist.

    Raises:
        AxisUnavailable: there is no such axis here, or a level that was asked for to which no
            episode can be brought.
        InvalidConfig: a text is no level.
    """
    cases, missing = [], {}
    for level in axis.levels(setup, wanted):
        try:
            cases.append(_case(setup, axis, level))
        except AxisUnavailable as error:
            if wanted or level.reference:
                raise
            missing[f"{axis.name} {level.name}"] = str(error)
    if missing and len(cases) == 1:
        raise AxisUnavailable("; ".join(missing.values()))
    paths = [case.path for case in cases if not case.is_unperturbed]
    if len(set(paths)) < len(paths):
        raise InvalidConfig(f"axis {axis.name!r}: two levels would share a folder: {paths}")
    return cases, missing


def write_benchmark(case: Case, out: Path) -> Path:
    """Write the episodes of a case beside its run; the folder that ``eval --benchmark`` takes."""
    text = f"{case.axis.name} = {case.level.name}"
    if case.is_unperturbed:
        text = UNPERTURBED
    about = describe(case.episodes, f"sensitivity sweep: {text}")
    return save_benchmark(case.episodes, out / BENCHMARKS / case.path, about, compressed=True)


def _case(setup: Setup, axis: Axis, level: Level) -> Case:
    change = level.change
    if change is None:
        path = f"{axis.name}/{_folder(level.name)}" if level.env_kwargs else UNPERTURBED
        count = len(setup.episodes) if level.env_kwargs else 0
        return Case(
            axis=axis, level=level, episodes=setup.episodes, changed=count, kept=0, path=path
        )
    found = [change(episode) for episode in setup.episodes]
    kept = sum(episode is None for episode in found)
    if kept == len(found):
        raise AxisUnavailable(
            f"axis {axis.name!r}: no episode of {setup.name!r} can be brought to the level"
            f" {level.name!r}; choose other levels or leave out the axis"
        )
    played = tuple(new or own for new, own in zip(found, setup.episodes, strict=True))
    changed = sum(new != own for new, own in zip(played, setup.episodes, strict=True))
    return Case(
        axis=axis,
        level=level,
        episodes=played,
        changed=changed,
        kept=kept,
        path=f"{axis.name}/{_folder(level.name)}" if changed else UNPERTURBED,
    )


def _folder(level: str) -> str:
    """A level as the name of a folder."""
    return re.sub(r"[^\w.+-]+", "-", level)
