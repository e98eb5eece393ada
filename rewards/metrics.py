"""Measures of how good a per-frame value signal is, whatever model produced it."""

from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidConfig


def voc(values: Sequence[float] | NDArray[np.floating]) -> float:
    """Value-order correlation: Spearman rank correlation of values with chronological order.

    1 means that every later frame of a successful episode got a higher value, -1 the reverse. A
    high value is necessary for a good progress signal, not sufficient. Ties share their mean rank.

    Args:
        values: (T,) values of the frames of one episode in the order they were recorded.

    Returns:
        A number in [-1, 1]; NaN where the correlation does not exist: fewer than two frames, a
        constant signal, or a value that is not finite.
    """
    series = np.asarray(values, dtype=np.float64)
    if series.ndim != 1:
        raise InvalidConfig(f"voc needs one value per frame, shape (T,); got shape {series.shape}")
    if len(series) < 2 or not np.isfinite(series).all() or np.ptp(series) == 0:
        return float("nan")
    from scipy.stats import spearmanr

    return float(spearmanr(series, np.arange(len(series))).statistic)


class RocPoint(NamedTuple):
    """What a threshold (at least) does: the rates of episodes at or above it."""

    threshold: float
    true_positive_rate: float
    false_positive_rate: float


def roc_auc(positives: Sequence[float], negatives: Sequence[float]) -> float:
    """Area under the ROC curve: how often a positive is above a negative; a tie counts half.

    Raises:
        InvalidConfig: one kind is missing, or a value is not finite.
    """
    positive, negative = _two_kinds(positives, negatives)
    from scipy.stats import rankdata

    ranks = rankdata(np.concatenate([positive, negative]))[: len(positive)]
    least = len(positive) * (len(positive) + 1) / 2
    return float((ranks.sum() - least) / (len(positive) * len(negative)))


def auc_interval(
    positives: Sequence[float], negatives: Sequence[float], confidence: float = 0.95
) -> tuple[float, float]:
    """Interval of ``roc_auc`` that is not empty at 0 or 1.

    Source: R. G. Newcombe, Statistics in Medicine 25 (2006) 559-573, method 5: the values whose
    distance from the estimate is that quantile of their own standard error.
    """
    from scipy.optimize import brentq

    estimate = roc_auc(positives, negatives)
    m, n = len(positives), len(negatives)
    half, quantile = (m + n) / 2 - 1, NormalDist().inv_cdf(0.5 + confidence / 2)

    def excess(theta: float) -> float:
        spread = 1 + half * (1 - theta) / (2 - theta) + half * theta / (1 + theta)
        variance = theta * (1 - theta) * spread / (m * n)
        return float((theta - estimate) ** 2 - quantile**2 * variance)

    tiny = 1e-9  # 0 and 1 solve it, too, where they are the estimate
    low = 0.0 if estimate == 0 else brentq(excess, 0.0, min(estimate, 1 - tiny))
    high = 1.0 if estimate == 1 else brentq(excess, max(estimate, tiny), 1.0)
    return float(low), float(high)


def roc_curve(positives: Sequence[float], negatives: Sequence[float]) -> list[RocPoint]:
    """The ROC curve from (0, 0), whose threshold is infinite, to (1, 1); raises ``roc_auc``'s."""
    positive, negative = _two_kinds(positives, negatives)
    thresholds = [np.inf, *np.unique(np.concatenate([positive, negative]))[::-1]]
    return [
        RocPoint(float(t), float((positive >= t).mean()), float((negative >= t).mean()))
        for t in thresholds
    ]


class InstructionMargin(NamedTuple):
    """How far the right instruction is above a wrong one.

    ``mean`` difference on the same video, ``share`` of videos where it is positive, and ``auc``
    over all videos at once, which also asks for a common scale.
    """

    mean: float
    share: float
    auc: float


def instruction_margin(right: Sequence[float], wrong: Sequence[float]) -> InstructionMargin:
    """Scores of the same videos under the right and under a wrong instruction, pair by pair.

    Raises:
        InvalidConfig: they are no pairs, or a value is not finite.
    """
    if len(right) != len(wrong):
        raise InvalidConfig(f"{len(right)} and {len(wrong)} scores are no pairs")
    auc = roc_auc(right, wrong)
    difference = np.asarray(right, np.float64) - np.asarray(wrong, np.float64)
    return InstructionMargin(float(difference.mean()), float((difference > 0).mean()), auc)


def _two_kinds(
    positives: Sequence[float], negatives: Sequence[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    positive, negative = np.asarray(positives, np.float64), np.asarray(negatives, np.float64)
    if not positive.size or not negative.size:
        raise InvalidConfig(
            f"an ROC curve needs both kinds of episodes; there are {positive.size} positive and"
            f" {negative.size} negative ones"
        )
    if not (np.isfinite(positive).all() and np.isfinite(negative).all()):
        raise InvalidConfig("an ROC curve needs finite scores")
    return positive, negative
