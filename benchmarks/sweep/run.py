"""``sweep``: play a benchmark at every level of some axes and say what each one costs."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from molmospaces_gym.benchmarks.evaluator import RunResult, evaluate
from molmospaces_gym.benchmarks.progress import Progress
from molmospaces_gym.benchmarks.records import EpisodeRecord
from molmospaces_gym.benchmarks.stats import check_confidence
from molmospaces_gym.benchmarks.sweep.axes import AXES
from molmospaces_gym.benchmarks.sweep.cases import (
    Case,
    make_cases,
    wanted_axes,
    write_benchmark,
)
from molmospaces_gym.benchmarks.sweep.page import write_page
from molmospaces_gym.benchmarks.sweep.plots import plot_axis
from molmospaces_gym.benchmarks.sweep.results import (
    LevelResult,
    from_dicts,
    level_result,
    to_csv,
)
from molmospaces_gym.benchmarks.sweep.setup import Setup, make_setup
from molmospaces_gym.errors import AxisUnavailable, InvalidConfig
from molmospaces_gym.json_files import read_json, write_atomic
from molmospaces_gym.policies.base import PolicyLike

SWEEP_FILE, TABLE_FILE = "sweep.json", "sweep.csv"
SAME = ("policy", "benchmark", "episodes", "seed", "backend", "env_kwargs", "confidence")
"""What must not change when a sweep goes on."""


@dataclass(frozen=True)
class SweepProgress:
    """The standing of a sweep: run ``number`` of ``runs``, and how far that one is."""

    axis: str
    level: str
    number: int
    runs: int
    run: Progress


@dataclass(frozen=True)
class SweepResult:
    """A finished sweep: its folder, a row per level, and the axes it could not play with why."""

    out: Path
    rows: tuple[LevelResult, ...]
    unavailable: Mapping[str, str]

    def of(self, axis: str) -> tuple[LevelResult, ...]:
        """The levels of an axis."""
        return tuple(row for row in self.rows if row.axis == axis)


def sweep(
    policy: str | PolicyLike,
    benchmark: str | Path,
    *,
    out: str | Path,
    axes: Sequence[str] | None = None,
    levels: Mapping[str, Sequence[str]] | None = None,
    episodes: int | None = None,
    workers: int = 1,
    backend: str = "mujoco",
    seed: int = 0,
    resume: bool = False,
    confidence: float = 0.95,
    progress: Callable[[SweepProgress], None] | None = None,
    **env_kwargs: Any,
) -> SweepResult:
    """Evaluate ``policy`` on ``benchmark`` with one thing changed at a time.

    Each level is an evaluation of its own in ``out/<axis>/<level>``, of a benchmark that lies in
    ``out/benchmarks/<axis>/<level>``; what changes nothing is played once, in
    ``out/unperturbed``. ``out`` also gets ``sweep.json``, ``sweep.csv``, a plot per axis and
    ``index.html``, up to date after every run.

    Args:
        policy: As for ``evaluate``.
        benchmark: As for ``evaluate``; it is not changed.
        out: Folder of the sweep.
        axes: Names from ``AXES``; None: all that this benchmark, policy and robot have.
        levels: Axis -> its levels; those left out have their defaults. The reference level is
            always played.
        episodes: Only the first so many.
        workers: Processes.
        backend: Simulator.
        seed: Added to the seed of each episode, for the policy; perturbations follow from the
            episode's own.
        resume: Go on with the sweep in ``out``, or add axes and levels to it.
        confidence: Of all intervals.
        progress: Called as each run goes on.
        env_kwargs: Further arguments for ``gym.make``.

    Raises:
        AxisUnavailable: An axis that was asked for does not exist for this benchmark, policy or
            robot, or no axis does.
        InvalidConfig: An argument is out of range, or ``out`` holds another sweep.
        UnknownName: Axis, policy, benchmark or backend do not exist.
    """
    check_confidence(confidence)
    folder = Path(out)
    setup = make_setup(policy, benchmark, episodes, env_kwargs)
    head = {
        "policy": policy if isinstance(policy, str) else type(policy).__name__,
        "benchmark": str(benchmark),
        "episodes": len(setup.episodes),
        "seed": seed,
        "backend": backend,
        "env_kwargs": dict(env_kwargs),
        "confidence": confidence,
    }
    head = json.loads(json.dumps(head))
    earlier = _earlier(folder, head, resume)
    cases, unavailable = _all_cases(setup, axes, levels)
    book = _Book(folder, head, earlier, unavailable, cases)
    book.write(complete=False)
    runs = {case.path: case for case in cases}
    records: dict[str, tuple[EpisodeRecord, ...]] = {}
    for number, (path, case) in enumerate(runs.items(), start=1):
        result = evaluate(
            policy,
            write_benchmark(case, folder),
            workers=workers,
            backend=backend,
            out=folder / path,
            seed=seed,
            resume=resume,
            progress=_teller(progress, case, number, len(runs)),
            **setup.env_kwargs,
            **case.level.env_kwargs,
        )
        records[path] = _whole(result)
        book.add(records)
        book.write(complete=number == len(runs))
    return SweepResult(folder, tuple(book.rows()), unavailable)


def _all_cases(
    setup: Setup, axes: Sequence[str] | None, levels: Mapping[str, Sequence[str]] | None
) -> tuple[list[Case], dict[str, str]]:
    """The cases of all axes, and why those do not exist that nobody asked for by name."""
    cases: list[Case] = []
    unavailable: dict[str, str] = {}
    for axis, wanted in wanted_axes(axes, levels):
        try:
            found, missing = make_cases(setup, axis, wanted)
        except AxisUnavailable as error:
            if axes or wanted:
                raise
            unavailable[axis.name] = str(error)
        else:
            cases += found
            unavailable |= missing
    if not cases:
        raise AxisUnavailable("; ".join(unavailable.values()))
    return cases, unavailable


class _Book:
    """The files of a sweep, written anew after every run."""

    def __init__(
        self,
        out: Path,
        head: Mapping[str, Any],
        earlier: Sequence[LevelResult],
        unavailable: Mapping[str, str],
        cases: Sequence[Case],
    ) -> None:
        self._out, self._head, self._unavailable = out, head, unavailable
        self._cases = cases
        self._rows = {(row.axis, row.level): row for row in earlier}

    def rows(self) -> list[LevelResult]:
        """The rows in the order of the axes and their levels."""
        order = {(c.axis.name, c.level.name): place for place, c in enumerate(self._cases)}
        names = list(AXES)

        def place(row: LevelResult) -> tuple[Any, ...]:
            own = order.get((row.axis, row.level), len(order))
            return (names.index(row.axis), row.value if row.value is not None else 0.0, own)

        return sorted(self._rows.values(), key=place)

    def add(self, records: Mapping[str, tuple[EpisodeRecord, ...]]) -> None:
        """Work out the levels that were played, once their reference was, and plot what is new."""
        before = dict(self._rows)
        references = {case.axis.name: case for case in self._cases if case.level.reference}
        for case in self._cases:
            key, reference = (case.axis.name, case.level.name), references[case.axis.name]
            if case.path not in records or reference.path not in records:
                continue
            self._rows[key] = level_result(
                case,
                records[case.path],
                records[reference.path],
                case is reference,
                self._head["confidence"],
            )
        rows = self.rows()
        for name in sorted({key[0] for key, row in self._rows.items() if before.get(key) != row}):
            shown = [row for row in rows if row.axis == name]
            plot_axis(AXES[name], shown, self._head, self._out / f"{name}.png")

    def write(self, complete: bool) -> None:
        """Write JSON, CSV and page."""
        rows = self.rows()
        axes = [AXES[name] for name in AXES if any(row.axis == name for row in rows)]
        about = {
            axis.name: {
                "title": axis.title, "unit": axis.unit, "ordered": axis.ordered,
                "source": axis.source,
            }
            for axis in axes
        }  # fmt: skip
        content = {
            **self._head,
            "complete": complete,
            "axes": about,
            "unavailable": dict(self._unavailable),
            "levels": [row.to_dict() for row in rows],
        }
        write_atomic(self._out / SWEEP_FILE, json.dumps(content, indent=2) + "\n")
        write_atomic(self._out / TABLE_FILE, to_csv(rows))
        write_page(self._out, content, axes, rows)


def _whole(result: RunResult) -> tuple[EpisodeRecord, ...]:
    if not result.complete:
        raise InvalidConfig(f"{result.out} is not complete; go on with resume")
    return result.records


def _teller(
    progress: Callable[[SweepProgress], None] | None, case: Case, number: int, runs: int
) -> Callable[[Progress], None] | None:
    if progress is None:
        return None
    tell = progress

    def told(run: Progress) -> None:
        tell(SweepProgress(case.axis.name, case.level.name, number, runs, run))

    return told


def _earlier(out: Path, head: Mapping[str, Any], resume: bool) -> list[LevelResult]:
    """The rows that ``out`` holds.

    Raises:
        InvalidConfig: it holds a sweep and ``resume`` is off, or that sweep is another one.
    """
    file = out / SWEEP_FILE
    if not file.is_file():
        return []
    if not resume:
        raise InvalidConfig(f"{out} already holds a sweep; go on with --resume or choose another")
    held = read_json(file, InvalidConfig)
    differing = [key for key in SAME if held.get(key) != head[key]]
    if differing:
        key = differing[0]
        raise InvalidConfig(
            f"{out} holds a sweep with other settings ({key}: {held.get(key)!r}, now"
            f" {head[key]!r}); choose another folder"
        )
    return from_dicts(held.get("levels", ()), str(file))
