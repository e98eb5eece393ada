"""Do results in simulation order policies as the real world does?

Rates are arrays of shape (N,), one entry per policy and task, or (R, N) with one row per
resample. NaN means: not defined, since all values of one side are equal.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from math import isfinite, isnan, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.benchmarks.clusters import RESAMPLES
from molmospaces_gym.benchmarks.sim_real import ScorePair
from molmospaces_gym.benchmarks.stats import Interval, check_confidence, normal_quantile
from molmospaces_gym.errors import InvalidConfig

FloatArray = NDArray[np.float64]

FEWEST = 3
"""Pairs below which a correlation says nothing: two points always lie on a line."""
FEW_POLICIES = 10
"""Below this many, a bootstrap over policies is known to be too narrow."""
BLOCK_ELEMENTS = 2_000_000
"""Entries of the largest array of a block of resamples; bounds the memory of ``mmrv``."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One measure of agreement.

    ``interval`` is of resampled policies, ``undefined`` the share of resamples in which the
    measure does not exist and which it leaves out. ``left_out`` are the least and greatest value
    when one policy is left out. ``fisher`` is the interval for normal pairs, Pearson only.
    """

    value: float
    interval: Interval
    undefined: float
    left_out: Interval
    fisher: Interval | None = None


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How well simulation foretells reality on ``name`` (a task, or all pairs together)."""

    name: str
    pairs: int
    policies: int
    pearson: Measure
    spearman: Measure
    mmrv: Measure
    slope: float
    intercept: float


@dataclass(frozen=True, kw_only=True)
class Correlation:
    """Agreement over all pairs, by task, and what a reader must know about it."""

    confidence: float
    seed: int
    pairs: tuple[ScorePair, ...]
    overall: Agreement
    tasks: tuple[Agreement, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON; what is not defined is null."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


def pearson(sim: FloatArray, real: FloatArray) -> FloatArray:
    """Pearson's correlation over the last axis."""
    x = sim - sim.mean(axis=-1, keepdims=True)
    y = real - real.mean(axis=-1, keepdims=True)
    spread = np.sqrt((x * x).sum(axis=-1) * (y * y).sum(axis=-1))
    defined = spread > 1e-12
    ratio = (x * y).sum(axis=-1) / np.where(defined, spread, 1.0)
    return np.asarray(np.where(defined, np.clip(ratio, -1.0, 1.0), nan))


def spearman(sim: FloatArray, real: FloatArray) -> FloatArray:
    """Spearman's rank correlation over the last axis, ties at their middle rank."""
    from scipy.stats import rankdata

    return pearson(rankdata(sim, axis=-1), rankdata(real, axis=-1))


def mmrv(sim: FloatArray, real: FloatArray) -> FloatArray:
    """Mean maximum rank violation over the last axis: 0 is best, a difference of real rates.

    For each policy the largest real difference to another one that simulation orders otherwise,
    averaged over policies. Source: X. Li et al., SIMPLER, arXiv 2405.05941 (2024), section III.
    Ties follow its published code, which compares by "greater than".
    """
    violated = (sim[..., :, None] > sim[..., None, :]) != (real[..., :, None] > real[..., None, :])
    gaps = np.abs(real[..., :, None] - real[..., None, :])
    return np.asarray(np.where(violated, gaps, 0.0).max(axis=-1).mean(axis=-1))


def correlate(
    pairs: Sequence[ScorePair],
    *,
    confidence: float = 0.95,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Correlation:
    """Pearson, Spearman and MMRV of paired rates with intervals.

    Intervals are percentiles of a bootstrap over policies, each drawn with all of its tasks, since
    rows of one policy are not independent. They answer: what if other policies of this kind had
    been tried? With few policies they are too narrow, and the notes say so.

    Raises:
        InvalidConfig: Fewer than ``FEWEST`` pairs, or ``confidence`` is not within (0, 1).
    """
    check_confidence(confidence)
    if len(pairs) < FEWEST:
        raise InvalidConfig(
            f"{len(pairs)} pairs of rates; a correlation needs at least {FEWEST}, and "
            f"{FEW_POLICIES} policies to mean much"
        )
    by_task: defaultdict[str, list[ScorePair]] = defaultdict(list)
    for pair in pairs:
        by_task[pair.task].append(pair)

    def agree(name: str, chosen: Sequence[ScorePair]) -> Agreement:
        return _agreement(name, chosen, confidence, seed, resamples)

    several = len(by_task) > 1
    tasks = [agree(n, p) for n, p in by_task.items() if len(p) >= FEWEST] if several else []
    overall = agree("all tasks" if several else pairs[0].task or "all", pairs)
    return Correlation(
        confidence=confidence,
        seed=seed,
        pairs=tuple(pairs),
        overall=overall,
        tasks=tuple(tasks),
        notes=tuple(_notes(overall, by_task)),
    )


def _agreement(
    name: str, pairs: Sequence[ScorePair], confidence: float, seed: int, resamples: int
) -> Agreement:
    sim = np.array([pair.sim.rate for pair in pairs])
    real = np.array([pair.real.rate for pair in pairs])
    groups = _rows_of_policies(pairs)
    rows = _resampled_rows(groups, resamples, seed)

    def measure(function: Callable[[FloatArray, FloatArray], FloatArray]) -> Measure:
        value = float(function(sim, real))
        drawn = np.concatenate([function(sim[block], real[block]) for block in rows])
        kept = drawn[~np.isnan(drawn)]
        without = [np.setdiff1d(np.arange(len(sim)), group) for group in groups]
        others = [float(function(sim[r], real[r])) for r in without if len(r) >= 2]
        tail = (1.0 - confidence) / 2
        limits = np.quantile(kept, [tail, 1.0 - tail]) if kept.size else (nan, nan)
        known = [other for other in others if not isnan(other)] or [nan]
        return Measure(
            value=value,
            interval=Interval(float(limits[0]), float(limits[1])),
            undefined=1.0 - kept.size / len(drawn),
            left_out=Interval(min(known), max(known)),
            fisher=_fisher(value, len(groups), confidence) if function is pearson else None,
        )

    slope, intercept = _line(sim, real)
    return Agreement(
        name=name,
        pairs=len(pairs),
        policies=len(groups),
        pearson=measure(pearson),
        spearman=measure(spearman),
        mmrv=measure(mmrv),
        slope=slope,
        intercept=intercept,
    )


def _rows_of_policies(pairs: Sequence[ScorePair]) -> list[NDArray[np.intp]]:
    rows: defaultdict[str, list[int]] = defaultdict(list)
    for row, pair in enumerate(pairs):
        rows[pair.policy].append(row)
    return [np.array(found, dtype=np.intp) for found in rows.values()]


def _resampled_rows(
    groups: Sequence[NDArray[np.intp]], resamples: int, seed: int
) -> list[NDArray[np.intp]]:
    """Rows of each resample, in blocks of resamples with equally many rows: (R, N) each."""
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(groups), size=(resamples, len(groups)))
    by_length: defaultdict[int, list[NDArray[np.intp]]] = defaultdict(list)
    for choice in drawn:
        row = np.concatenate([groups[index] for index in choice])
        by_length[len(row)].append(row)
    blocks = []
    for length, rows in by_length.items():
        most = max(1, BLOCK_ELEMENTS // length**2)
        blocks += [np.stack(rows[k : k + most]) for k in range(0, len(rows), most)]
    return blocks


def _fisher(value: float, policies: int, confidence: float) -> Interval | None:
    """R. A. Fisher's z (Metron 1, 1921); as few as four policies have a standard error."""
    if isnan(value) or policies < 4 or abs(value) >= 1.0:
        return None
    half = normal_quantile(confidence) / (policies - 3) ** 0.5
    low, high = np.tanh(np.arctanh(value) + np.array([-half, half]))
    return Interval(float(low), float(high))


def _line(sim: FloatArray, real: FloatArray) -> tuple[float, float]:
    """Least squares of real on sim: slope and intercept, NaN where sim does not vary."""
    offsets = sim - sim.mean()
    spread = float((offsets * offsets).sum())
    if spread < 1e-12:
        return nan, nan
    slope = float((offsets * (real - real.mean())).sum()) / spread
    return slope, float(real.mean() - slope * sim.mean())


def _notes(overall: Agreement, by_task: "defaultdict[str, list[ScorePair]]") -> list[str]:
    notes = []
    if overall.policies < FEW_POLICIES:
        notes.append(
            f"only {overall.policies} policies: a bootstrap over them is too narrow, and one "
            "policy can decide the result; read the range with one left out"
        )
    if len(by_task) > 1:
        notes.append(
            "over all tasks, differences in how hard the tasks are count as agreement; the rows "
            "by task do not have this"
        )
    short = [name for name, pairs in by_task.items() if len(pairs) < FEWEST]
    if short and len(by_task) > 1:
        notes.append(f"fewer than {FEWEST} policies on {', '.join(short)}: no row of their own")
    if isnan(overall.pearson.value):
        notes.append("all rates of one side are equal: a correlation is not defined")
    return notes


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not isfinite(value):
        return None
    return value
