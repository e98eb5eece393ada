"""Totals of a run: ``summary.csv`` in the leaderboard's columns and ``summary.json``.

The CSV follows the official result script with the success condition ``both``: four comment
lines, one row per category, then OVERALL; percentages with two decimals, jerk with six.
"""

import csv
import io
import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from molmospaces_gym.benchmarks.records import EpisodeRecord
from molmospaces_gym.benchmarks.stats import beta_interval, wilson_interval

SUMMARY_COLUMNS = (
    "policy",
    "category",
    "successes",
    "total",
    "success_rate_pct",
    "ci_95_low_pct",
    "ci_95_high_pct",
    "oracle_successes",
    "oracle_rate_pct",
    "oracle_ci_95_low_pct",
    "oracle_ci_95_high_pct",
    "jerk_joint_mean",
    "jerk_joint_std",
)

# The board merges a few categories of the AI2-THOR houses.
_BOARD_NAMES: Mapping[str, str] = {
    "saltshaker": "S/P Shaker",
    "peppershaker": "S/P Shaker",
    "salt": "S/P Shaker",
    "pepper": "S/P Shaker",
    "tomato": "Fruit",
    "apple": "Fruit",
}


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
    """First alphabetic word of an object's name: ``mug_ab12_1_0_0`` -> ``mug``."""
    found = re.search(r"[A-Za-z]+", object_name)
    return found.group().lower() if found else "unknown"


def board_category(category: str) -> str:
    """Name of a category on the leaderboard."""
    return _BOARD_NAMES.get(category.lower(), category)


def summary_csv(head: RunHead, records: Sequence[EpisodeRecord]) -> str:
    """Text of ``summary.csv``; an incomplete run adds a fifth comment line that says so."""
    buffer = io.StringIO()
    buffer.write(f"# policy_name: {head.policy}\n# run_path: {head.run_path}\n")
    buffer.write(f"# dt: {head.dt:g}\n# max_steps: {head.max_steps}\n")
    if len(records) < head.planned:
        buffer.write(f"# incomplete: {len(records)} of {head.planned} episodes\n")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(SUMMARY_COLUMNS)
    for category, group in _by_category(records).items():
        writer.writerow(_board_row(head.policy, category, group))
    writer.writerow(_board_row(head.policy, "OVERALL", records))
    return buffer.getvalue()


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


def _board_row(policy: str, category: str, records: Sequence[EpisodeRecord]) -> list[object]:
    total = len(records)
    at_end = sum(record.success_at_end for record in records)
    once = sum(record.success_once for record in records)
    return [
        policy,
        category,
        at_end,
        total,
        *_percentages(at_end, total),
        once,
        *_percentages(once, total),
        *_jerk(records),
    ]


def _percentages(successes: int, total: int) -> list[float]:
    low, high = beta_interval(successes, total)
    rate = successes / total if total else 0.0
    return [round(100 * value, 2) for value in (rate, low, high)]


def _jerk(records: Sequence[EpisodeRecord]) -> list[float]:
    known = [record.jerk for record in records if not math.isnan(record.jerk)]
    if not known:
        return [math.nan, math.nan]
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
