"""The figures of a report, computed from a run folder without any drawing."""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.benchmarks.clusters import FEW_HOUSES, by_house, cluster_interval
from molmospaces_gym.benchmarks.records import EpisodeRecord
from molmospaces_gym.benchmarks.runs import LoadedRun
from molmospaces_gym.benchmarks.stats import Interval, wilson_interval
from molmospaces_gym.benchmarks.summary import RunHead, board_category, summary_dict

OUTCOMES = {
    "success": "success",
    "lost": "lost again",
    "failure": "failure",
    "error": "error",
}
"""Kinds of outcome and what they are called; ``outcome`` tells which one an episode has."""
MAX_REASON = 120
"""Characters of a reason that tell kinds of failure apart."""


@dataclass(frozen=True)
class GroupRate:
    """Successes of a group of episodes."""

    name: str
    successes: int
    total: int

    @property
    def value(self) -> float:
        """Fraction of successes, 0 of nothing."""
        return self.successes / self.total if self.total else 0.0

    @property
    def interval(self) -> Interval:
        """95 % Wilson interval."""
        return wilson_interval(self.successes, self.total)


@dataclass(frozen=True)
class Curve:
    """Episodes that are successful after each number of actions, out of ``total``.

    ``now`` (T + 1,) counts those whose success holds at that step, or is None where the run has
    no success traces; ``ever`` (T + 1,) counts those that were successful at it or before. An
    episode that ended early keeps its last state; one that could not be played never succeeds.
    """

    total: int
    now: NDArray[np.int64] | None
    ever: NDArray[np.int64]


@dataclass(frozen=True)
class HouseTime:
    """Seconds that the episodes of one house took."""

    house: str
    episodes: int
    wall_s: float

    @property
    def mean_s(self) -> float:
        """Seconds per episode."""
        return self.wall_s / self.episodes


def summary_of(run: LoadedRun) -> dict[str, Any]:
    """``summary.json`` as the episodes on disk give it, which a killed run did not write down."""
    head = RunHead(
        policy=str(run.config["policy"]),
        run_path=str(run.path),
        dt=float(run.config.get("control_dt", 0.0)),
        max_steps=int(run.config.get("horizon", 0)),
        planned=run.planned,
    )
    return summary_dict(head, run.records)


def category_rates(records: Sequence[EpisodeRecord]) -> list[GroupRate]:
    """Success at the end per category of the leaderboard, lowest first."""
    return _rates(records, lambda record: board_category(record.category))


def house_rates(records: Sequence[EpisodeRecord]) -> list[GroupRate]:
    """Success at the end per house, lowest first."""
    return _rates(records, lambda record: record.house)


def house_interval(records: Sequence[EpisodeRecord]) -> Interval | None:
    """95 % interval of success at the end that counts houses; None for too few of them."""
    houses = by_house([r.house for r in records], [r.success_at_end for r in records])
    return cluster_interval(houses) if len(houses.names) >= FEW_HOUSES else None


def success_curve(run: LoadedRun) -> Curve:
    """Success over the steps of the episodes."""
    steps = max([int(run.config.get("horizon", 0)), *(record.steps for record in run.records)])
    ever, now = np.zeros(steps + 1, np.int64), np.zeros(steps + 1, np.int64)
    known = True
    for record in run.records:
        if record.failure:
            continue
        if record.first_success_step is not None:
            ever[record.first_success_step :] += 1
        trace = run.traces.get(record.episode_id)
        known = known and bool(trace)
        if trace:
            marks = np.frombuffer(trace.encode(), np.uint8) == ord("1")
            now[: len(marks)] += marks
            now[len(marks) :] += marks[-1]
    return Curve(len(run.records), now if known else None, ever)


def outcome(record: EpisodeRecord) -> str:
    """Key of ``OUTCOMES`` for an episode."""
    if record.failure:
        return "error"
    if record.success_at_end:
        return "success"
    return "lost" if record.success_once else "failure"


def reason(record: EpisodeRecord) -> str:
    """Why an episode is no success, in words; empty for a success."""
    if record.failure:
        return record.failure
    if record.success_at_end:
        return ""
    if record.success_once:
        return f"successful at step {record.first_success_step}, no longer at the end"
    return f"no success within {record.steps} steps"


def reason_kind(record: EpisodeRecord) -> str:
    """``reason`` without the numbers that differ between episodes."""
    if record.failure:
        return re.sub(r"\d+", "#", record.failure)[:MAX_REASON]
    if record.success_once:
        return "successful for a while, no longer at the end"
    return "no success within the horizon"


def failed(records: Sequence[EpisodeRecord]) -> list[EpisodeRecord]:
    """Episodes that are not successful at their end."""
    return [record for record in records if not record.success_at_end]


def slowest_houses(run: LoadedRun) -> list[HouseTime]:
    """Time per house, the slowest per episode first; houses without timing are left out."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    for record in run.records:
        if record.episode_id in run.timings:
            found[record.house].append(run.timings[record.episode_id].wall_s)
    times = [HouseTime(house, len(walls), sum(walls)) for house, walls in found.items()]
    return sorted(times, key=lambda time: (-time.mean_s, time.house))


def _rates(
    records: Sequence[EpisodeRecord], key: Callable[[EpisodeRecord], str]
) -> list[GroupRate]:
    groups: defaultdict[str, list[bool]] = defaultdict(list)
    for record in records:
        groups[key(record)].append(record.success_at_end)
    rates = [GroupRate(name, sum(ends), len(ends)) for name, ends in groups.items()]
    return sorted(rates, key=lambda rate: (rate.value, -rate.total, rate.name))
