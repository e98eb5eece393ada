"""Intervals for episodes nested in houses, which succeed and fail together.

Episodes of one house share its layout, light and objects. Where success depends on these, 200
episodes in 40 houses say less than 200 in 200 houses, and an interval that counts episodes as
independent is too narrow. Here the house is the unit that is drawn anew.

Arrays have one entry per house, shape (H,): ``sums`` of the outcomes of its episodes, ``sizes``,
their number. An outcome is 0 or 1, or in a paired comparison -1, 0 or 1.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.benchmarks.stats import (
    Interval,
    check_confidence,
    normal_quantile,
    score_interval,
)
from molmospaces_gym.errors import InvalidConfig

FloatArray = NDArray[np.float64]

RESAMPLES = 4999
"""Bootstrap samples; limits then move by about 1 % of the width from seed to seed."""
FEW_HOUSES = 25
"""Below this many houses the simulations of ``docs/statistics.md`` vouch for nothing."""
_NO_SPREAD = 1e-9
"""Standard errors below this are rounding errors of zero."""


class Houses(NamedTuple):
    """Outcomes by house, each of shape (H,); ``squares`` are sums of squared outcomes."""

    names: tuple[str, ...]
    sums: FloatArray
    squares: FloatArray
    sizes: FloatArray

    @property
    def mean(self) -> float:
        """Mean outcome over all episodes."""
        return float(self.sums.sum() / self.sizes.sum())


class Clustering(NamedTuple):
    """How much less the episodes say than as many independent ones.

    ``correlation`` of two outcomes of one house (NaN where it cannot be estimated),
    ``design_effect`` by which it multiplies the variance, ``effective`` number of episodes.
    """

    correlation: float
    design_effect: float
    effective: float


def by_house(names: Sequence[str], outcomes: Sequence[float]) -> Houses:
    """Gather the outcomes of episodes by the house each was played in, in order of name."""
    if not names or len(names) != len(outcomes):
        raise InvalidConfig(
            f"expected one house per outcome and at least one, got {len(names)} houses and "
            f"{len(outcomes)} outcomes"
        )
    values = np.asarray(outcomes, dtype=np.float64)
    unique, inverse = np.unique(np.asarray(names, dtype=object).astype(str), return_inverse=True)
    count = len(unique)
    return Houses(
        names=tuple(str(name) for name in unique),
        sums=np.bincount(inverse, values, count).astype(np.float64),
        squares=np.bincount(inverse, values * values, count).astype(np.float64),
        sizes=np.bincount(inverse, minlength=count).astype(np.float64),
    )


def clustering(houses: Houses) -> Clustering:
    """Intra-house correlation by one-way analysis of variance, and what it costs.

    Source: M. S. Ridout, C. G. B. Demetrio and D. Firth, Biometrics 55 (1999), the ANOVA
    estimator. The design effect 1 + (m - 1) rho takes m, the size of the house of a random
    episode, after L. Kish, Survey Sampling (1965); a negative estimate counts as 0 there.
    """
    total, count = float(houses.sizes.sum()), len(houses.sizes)
    typical = float((houses.sizes**2).sum()) / total
    rho = _anova_correlation(houses, total, count)
    effect = 1.0 + (typical - 1.0) * (0.0 if np.isnan(rho) else min(max(rho, 0.0), 1.0))
    return Clustering(rho, effect, total / effect)


def _anova_correlation(houses: Houses, total: float, count: int) -> float:
    if count < 2 or total <= count:
        return float("nan")
    means = houses.sums / houses.sizes
    between = float((houses.sizes * (means - houses.mean) ** 2).sum()) / (count - 1)
    within = float((houses.squares - houses.sums * means).sum()) / (total - count)
    size = (total - float((houses.sizes**2).sum()) / total) / (count - 1)
    spread = between + (size - 1.0) * within
    return (between - within) / spread if spread > _NO_SPREAD else float("nan")


def cluster_interval(
    houses: Houses, confidence: float = 0.95, seed: int = 0, resamples: int = RESAMPLES
) -> Interval:
    """Interval of a success rate from resampled houses: outcomes are 0 or 1.

    It covers the rate over all houses and episodes of the kind that the benchmark's were drawn
    from, not merely over these. Method: studentised bootstrap (B. Efron and R. Tibshirani, An
    Introduction to the Bootstrap (1993), 12.5) of the ratio of successes to episodes, houses drawn
    with replacement. Each limit is held between Wilson's for independent episodes and Wilson's
    for houses in which all episodes end alike, which is also the answer where all outcomes are
    equal and a bootstrap has nothing to resample.

    With few houses any such interval is a guess at the houses not seen: one house gives (0, 1),
    and below ``FEW_HOUSES`` the coverage in ``docs/statistics.md`` is not promised. Percentile
    and BCa intervals were tried and cover less (same page).

    Raises:
        InvalidConfig: ``confidence`` is not within (0, 1).
    """
    check_confidence(confidence)

    def score(share: float, quantile: float) -> Interval:
        return score_interval(houses.mean, share * float(houses.sizes.sum()), quantile)

    return bounded_interval(houses, score, Interval(0.0, 1.0), confidence, seed, resamples)


def bounded_interval(
    houses: Houses,
    score: Callable[[float, float], Interval],
    widest: Interval,
    confidence: float,
    seed: int,
    resamples: int = RESAMPLES,
) -> Interval:
    """Studentised bootstrap, held between independent episodes and one vote per house.

    ``score(share, quantile)`` gives the interval of a sample that weighs ``share`` of its
    episodes; ``widest`` is what is known without data.
    """
    count = len(houses.sizes)
    if count < 2:
        return widest
    from scipy.special import stdtrit

    one_vote = float(houses.sizes.sum() / (houses.sizes**2).sum())
    inner = score(1.0, normal_quantile(confidence))
    outer = score(one_vote, float(stdtrit(count - 1, 0.5 + confidence / 2)))
    drawn = studentised_interval(houses.sums, houses.sizes, confidence, seed, resamples) or outer
    return Interval(
        max(min(max(drawn.low, outer.low), inner.low), widest.low),
        min(max(min(drawn.high, outer.high), inner.high), widest.high),
    )


def studentised_interval(
    sums: FloatArray, sizes: FloatArray, confidence: float, seed: int, resamples: int = RESAMPLES
) -> Interval | None:
    """Bootstrap-t interval of ``sums.sum() / sizes.sum()``; None where houses do not differ.

    The standard error is that of a ratio of sums over houses, by linearisation. Limits may be
    infinite where many resamples are without spread.
    """
    mean = float(sums.sum() / sizes.sum())
    error = float(_ratio_error(np.ones((1, len(sums))), sums, sizes)[0])
    if error < _NO_SPREAD:
        return None
    weights = resample_weights(len(sums), resamples, seed)
    offsets = (weights @ sums) / (weights @ sizes) - mean
    errors = _ratio_error(weights, sums, sizes)
    # A resample without spread does not know its scale: it counts as infinitely far off.
    far = np.where(np.abs(offsets) < _NO_SPREAD, 0.0, np.copysign(np.inf, offsets))
    known = errors > _NO_SPREAD
    scores = np.where(known, offsets / np.where(known, errors, 1.0), far)
    tail = (1.0 - confidence) / 2
    low, high = np.quantile(scores, [tail, 1.0 - tail], method="nearest")
    return Interval(mean - float(high) * error, mean - float(low) * error)


@lru_cache(maxsize=1)
def resample_weights(houses: int, resamples: int, seed: int) -> FloatArray:
    """How often each house is drawn in each resample: (resamples, houses), rows sum to houses."""
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(houses, np.full(houses, 1.0 / houses), size=resamples)
    drawn = weights.astype(np.float64)
    drawn.flags.writeable = False
    return drawn


def _ratio_error(weights: FloatArray, sums: FloatArray, sizes: FloatArray) -> FloatArray:
    """Standard errors of the weighted ratios: (R, H) weights -> (R,)."""
    total = weights @ sizes
    ratio = (weights @ sums) / total
    residual = (
        weights @ (sums * sums)
        - 2.0 * ratio * (weights @ (sums * sizes))
        + ratio * ratio * (weights @ (sizes * sizes))
    )
    count = len(sums)
    return np.asarray(np.sqrt(np.maximum(residual, 0.0) * count / (count - 1)) / total)
