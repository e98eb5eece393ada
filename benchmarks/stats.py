"""Intervals for a success rate. All limits are fractions in [0, 1]."""

from statistics import NormalDist
from typing import NamedTuple

from molmospaces_gym.errors import InvalidConfig


class Interval(NamedTuple):
    """Lower and upper limit of a rate."""

    low: float
    high: float


def wilson_interval(successes: int, total: int, confidence: float = 0.95) -> Interval:
    """Wilson score interval; (0, 1) where nothing was counted.

    Source: E. B. Wilson, J. Am. Stat. Assoc. 22 (1927), without continuity correction.
    """
    _check(successes, total, confidence)
    if total == 0:
        return Interval(0.0, 1.0)
    return score_interval(successes / total, total, normal_quantile(confidence))


def score_interval(rate: float, total: float, quantile: float) -> Interval:
    """Wilson's limits for a rate over ``total`` > 0 trials, which need not be a whole number.

    ``quantile`` is the two-sided critical value, 1.96 for 95 % of a normal distribution.
    """
    scale = 1.0 + quantile * quantile / total
    center = (rate + quantile * quantile / (2 * total)) / scale
    spread = rate * (1 - rate) / total + quantile * quantile / (4 * total * total)
    half = quantile / scale * spread**0.5
    low = 0.0 if rate == 0 else center - half
    high = 1.0 if rate == 1 else center + half
    return Interval(low, high)


def normal_quantile(confidence: float) -> float:
    """Two-sided critical value of the normal distribution: 1.96 for 0.95."""
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def beta_interval(successes: int, total: int, confidence: float = 0.95) -> Interval:
    """Equal-tailed interval of Beta(1 + successes, 1 + failures): a flat prior, as the board."""
    _check(successes, total, confidence)
    from scipy.special import betaincinv

    a, b = 1.0 + successes, 1.0 + total - successes
    tail = (1.0 - confidence) / 2
    return Interval(float(betaincinv(a, b, tail)), float(betaincinv(a, b, 1.0 - tail)))


def format_rate(successes: int, total: int) -> str:
    """``45/50 = 90.0 % (95 % interval 78.6 to 95.7)``: never a percentage without its n."""
    low, high = wilson_interval(successes, total)
    rate = 100 * successes / total if total else float("nan")
    return f"{successes}/{total} = {rate:.1f} % (95 % interval {100 * low:.1f} to {100 * high:.1f})"


def check_confidence(confidence: float) -> None:
    """Refuse a confidence that is no fraction, such as 95.

    Raises:
        InvalidConfig: It is not within (0, 1).
    """
    if not 0 < confidence < 1:
        raise InvalidConfig(f"confidence must be within (0, 1), got {confidence}")


def _check(successes: int, total: int, confidence: float) -> None:
    if not 0 <= successes <= total:
        raise InvalidConfig(f"successes must be within 0..total, got {successes} of {total}")
    check_confidence(confidence)
