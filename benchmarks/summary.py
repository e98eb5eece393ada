"""Totals of a run: ``summary.csv`` in the leaderboard's columns and ``summary.json``.

The CSV is that of the official result script (``scripts/benchmarks/eval_to_csv.py``), byte for
byte: four comment lines, one row per category in the order of their names, then OVERALL. Rates and
the limits of Beta(1 + successes, 1 + failures) are percentages with two decimals. Jerk has six; it
is the mean and the standard deviation (of the population) over the episodes of at least four
steps, and empty where there are none.
"""

import csv
import io
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from molmospaces_gym.benchmarks.records import EpisodeRecord
from molmospaces_gym.benchmarks.stats import beta_interval, wilson_interval
from molmospaces_gym.errors import UnknownName

CONDITIONS = ("at-end", "oracle", "both")
"""What the board calls success: at the last step, at any step, or a column for each."""

_RATE_COLUMNS = ("successes", "total", "success_rate_pct", "ci_95_low_pct", "ci_95_high_pct")
_ORACLE_COLUMNS = (
    "oracle_successes",
    "oracle_rate_pct",
    "oracle_ci_95_low_pct",
    "oracle_ci_95_high_pct",
)
_JERK_COLUMNS = ("jerk_joint_mean", "jerk_joint_std")

SUMMARY_COLUMNS = ("policy", "category", *_RATE_COLUMNS, *_ORACLE_COLUMNS, *_JERK_COLUMNS)
"""Columns for the condition ``both``; the others leave those of the oracle out."""

UNKNOWN = "unknown"
OVERALL = "OVERALL"

_ALIASES: Mapping[str, str] = {
    "saltshaker": "S/P Shaker",
    "peppershaker": "S/P Shaker",
    "tomato": "Fruit",
    "apple": "Fruit",
    "butterknife": "Knife",
    "boiler": "Kettle",
    "winebottle": "Bottle",
    "atomizer": "Spray Bottle",
    "remotecontrol": "Remote Control",
    "soapdispenser": "Soap Dispenser",
    "tissuepaper": "Tissue Paper",
}
"""Names that the official script gives to categories of the AI2-THOR houses."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the board counts of one episode; ``jerk`` in rad/s^3, NaN for fewer than four steps."""

    category: str
    at_end: bool
    once: bool
    jerk: float


@dataclass(frozen=True, kw_only=True)
class BoardHead:
    """What the comment lines of a CSV say.

    ``dt`` in seconds, ``max_steps`` in actions, None for no limit; ``remarks`` are lines of ours
    below the official four.
    """

    policy: str
    run_path: str
    dt: float
    max_steps: int | None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RunHead:
    """What the comment lines of a summary say. ``dt`` in seconds, ``max_steps`` in actions."""

    policy: str
    run_path: str
    dt: float
    max_steps: int
    planned: int
    """Episodes the run was asked to play; fewer records make it incomplete."""


def object_category(object_name: str) -> str:
    """First word of an object's name in lower case: ``Mug_ab12_1_0_0`` -> ``mug``."""
    letters = "".join(char if char.isalpha() else " " for char in object_name)
    return next(iter(letters.split()), UNKNOWN).lower()


def board_category(category: str) -> str:
    """Name of a category on the leaderboard: ``mug`` -> ``Mug``, ``apple`` -> ``Fruit``."""
    name = _ALIASES.get(category.lower(), category)
    return " ".join(word.capitalize() for word in name.split())


def outcomes_of(records: Iterable[EpisodeRecord]) -> list[Outcome]:
    """What the board counts of the episodes of a run, jerk as ``episodes.csv`` holds it."""
    return [
        Outcome(
            category=board_category(record.category),
            at_end=record.success_at_end,
            once=record.success_once,
            # Read back, so that a resumed run and one from disk give the same figures.
            jerk=EpisodeRecord.parse(record.row()).jerk,
        )
        for record in records
    ]


def board_csv(head: BoardHead, outcomes: Sequence[Outcome], condition: str = "both") -> str:
    """The text of the official CSV.

    Raises:
        UnknownName: ``condition`` is none of ``CONDITIONS``.
    """
    if condition not in CONDITIONS:
        raise UnknownName("success condition", condition, CONDITIONS)
    buffer = io.StringIO()
    buffer.write(f"# policy_name: {head.policy}\n# run_path: {head.run_path}\n")
    buffer.write(f"# dt: {head.dt}\n# max_steps: {head.max_steps}\n")
    buffer.writelines(f"# {remark}\n" for remark in head.remarks)
    writer = csv.writer(buffer, lineterminator="\n")
    both = condition == "both"
    oracle_columns = _ORACLE_COLUMNS if both else ()
    writer.writerow(("policy", "category", *_RATE_COLUMNS, *oracle_columns, *_JERK_COLUMNS))
    groups: defaultdict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        groups[outcome.category].append(outcome)
    for category, group in [*sorted(groups.items()), (OVERALL, list(outcomes))]:
        writer.writerow([head.policy, category, *board_figures(group, condition)])
    return buffer.getvalue()


def board_figures(outcomes: Sequence[Outcome], condition: str = "both") -> list[object]:
    """The numbers of one row, from ``successes`` on."""
    total = len(outcomes)
    at_end = sum(outcome.at_end for outcome in outcomes)
    once = sum(outcome.once for outcome in outcomes)
    main = once if condition == "oracle" else at_end
    oracle = [once, *_percentages(once, total)] if condition == "both" else []
    return [main, total, *_percentages(main, total), *oracle, *_jerk(outcomes)]


def summary_csv(head: RunHead, records: Sequence[EpisodeRecord]) -> str:
    """Text of ``summary.csv``; an incomplete run adds a fifth comment line that says so."""
    short = len(records) < head.planned
    remarks = (f"incomplete: {len(records)} of {head.planned} episodes",) if short else ()
    board_head = BoardHead(
        policy=head.policy,
        run_path=head.run_path,
        dt=head.dt,
        max_steps=head.max_steps,
        remarks=remarks,
    )
    return board_csv(board_head, outcomes_of(records))


def summary_dict(head: RunHead, records: Sequence[EpisodeRecord]) -> dict[str, Any]:
    """Content of ``summary.json``: counts, rates and both intervals as fractions."""
    return {
        "policy": head.policy,
        "run_path": head.run_path,
        "complete": len(records) == head.planned,
        "planned": head.planned,
        "played": len(records),
        "dt": head.dt,
        "max_steps": head.max_steps,
        "success_at_end": _rate(sum(r.success_at_end for r in records), len(records)),
        "success_once": _rate(sum(r.success_once for r in records), len(records)),
        "five_consecutive": _rate(sum(r.five_consecutive for r in records), len(records)),
        "mean_return": _mean([r.episode_return for r in records]),
        "mean_steps": _mean([r.steps for r in records]),
        "mean_jerk": _mean([r.jerk for r in records]),
        "categories": {
            category: _rate(sum(r.success_at_end for r in group), len(group))
            for category, group in _by_category(records).items()
        },
        "failures": {r.episode_id: r.failure for r in records if r.failure},
    }


def _by_category(records: Sequence[EpisodeRecord]) -> dict[str, list[EpisodeRecord]]:
    groups: defaultdict[str, list[EpisodeRecord]] = defaultdict(list)
    for record in records:
        groups[board_category(record.category)].append(record)
    return dict(sorted(groups.items()))


def _percentages(successes: int, total: int) -> list[float]:
    if total == 0:
        return [0.0, 0.0, 0.0]
    limits = (100 * limit for limit in beta_interval(successes, total))
    return [round(value, 2) for value in (100.0 * successes / total, *limits)]


def _jerk(outcomes: Sequence[Outcome]) -> list[object]:
    known = [outcome.jerk for outcome in outcomes if not math.isnan(outcome.jerk)]
    if not known:
        return ["", ""]
    return [round(float(np.mean(known)), 6), round(float(np.std(known)), 6)]


def _rate(successes: int, total: int) -> dict[str, Any]:
    return {
        "successes": successes,
        "total": total,
        "rate": successes / total if total else None,
        "wilson_95": list(wilson_interval(successes, total)),
        "beta_95": list(beta_interval(successes, total)),
    }


def _mean(values: Sequence[float]) -> float | None:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else None
