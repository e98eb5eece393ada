"""Figures that stay valid whenever one stops looking.

A p-value or interval for a fixed number of episodes is wrong for someone who watches the score
and stops when it looks good. What is here may be read after every episode, and quoted after
stopping for any reason: the chance that it is *ever* wrong is at most 1 - confidence (Ville's
inequality). The price is width. It does not repair choosing among many policies.
"""

from collections.abc import Callable, Sequence
from math import exp, inf, log

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.benchmarks.stats import Interval, check_confidence
from molmospaces_gym.errors import InvalidConfig

BETS = tuple(0.95 * 0.6**power for power in range(14))
"""Shares of the wealth staked in ``mean_sequence``, from nearly all to 0.1 %."""
_STEPS = 60
"""Halvings of an interval of length 1; the rest is below double precision."""


def rate_sequence(successes: int, total: int, confidence: float = 0.95) -> Interval:
    """Anytime-valid interval of a success rate over independent episodes.

    All rates p for which the flat mixture of likelihoods is less than 1 / (1 - confidence) times
    the likelihood of p. Sources: H. Robbins, Ann. Math. Stat. 41 (1970); S. R. Howard, A. Ramdas,
    J. McAuliffe and J. Sekhon, Ann. Stat. 49 (2021), the beta-binomial boundary.

    Raises:
        InvalidConfig: Impossible counts, or ``confidence`` is not within (0, 1).
    """
    check_confidence(confidence)
    if not 0 <= successes <= total:
        raise InvalidConfig(f"successes must be within 0..total, got {successes} of {total}")
    if total == 0:
        return Interval(0.0, 1.0)
    from scipy.special import betaln, xlogy

    failures, rate = total - successes, successes / total
    bound = float(betaln(1 + successes, 1 + failures)) + log(1.0 - confidence)

    def likely(p: float) -> bool:
        return float(xlogy(successes, p) + xlogy(failures, 1.0 - p)) > bound

    low = 0.0 if successes == 0 else _edge(likely, rate, 0.0)
    high = 1.0 if failures == 0 else _edge(likely, rate, 1.0)
    return Interval(low, high)


def mean_sequence(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """Anytime-valid interval of a mean of independent values in [0, 1], such as house rates.

    With houses as the units it allows any dependence of the episodes within a house, and its
    target is the mean over houses, each weighted alike. A gambler who bets on the mean being
    above (or below) m, with a mixture of fixed stakes, cannot expect to gain if it is m; limits
    are where the wealth passes 2 / (1 - confidence). Source: I. Waudby-Smith and A. Ramdas,
    J. R. Stat. Soc. B 86 (2024), the hedged capital process, with ``BETS`` as mixture.

    Raises:
        InvalidConfig: A value outside [0, 1], or ``confidence`` is not within (0, 1).
    """
    check_confidence(confidence)
    array = np.asarray(values, dtype=np.float64)
    if array.size and not (array.min() >= 0.0 and array.max() <= 1.0):
        raise InvalidConfig("values must be within [0, 1]")
    if not array.size:
        return Interval(0.0, 1.0)
    high = 1.0 - _lower_limit(1.0 - array, confidence)
    return Interval(_lower_limit(array, confidence), high)


def difference_sequence(differences: Sequence[float], confidence: float = 0.95) -> Interval:
    """Anytime-valid interval of a mean of values in [-1, 1]: house means of paired differences."""
    halves = [(1.0 + difference) / 2 for difference in differences]
    low, high = mean_sequence(halves, confidence)
    return Interval(2.0 * low - 1.0, 2.0 * high - 1.0)


def discordance_e_value(first_only: int, second_only: int) -> float:
    """Evidence against a fair coin from discordant episodes, or houses; 1 says nothing.

    If the policies are alike, the chance that it ever reaches 20 is at most 1 in 20, however long
    one looks; e-values of further independent episodes multiply. A flat mixture over the winning
    chance. Source: G. Shafer, J. R. Stat. Soc. A 184 (2021); P. Gruenwald, R. de Heide and
    W. Koolen, J. R. Stat. Soc. B 86 (2024).
    """
    if first_only < 0 or second_only < 0:
        raise InvalidConfig(f"counts must not be negative, got {first_only} and {second_only}")
    from scipy.special import betaln

    logarithm = float(betaln(1 + first_only, 1 + second_only))
    logarithm += (first_only + second_only) * log(2.0)
    return exp(logarithm) if logarithm < 700.0 else inf


def _lower_limit(values: NDArray[np.float64], level: float) -> float:
    """Largest m that the wealth of a gambler who bets on more than m refutes; 0 if none."""
    bets = np.asarray(BETS)[:, None]
    goal = log(2.0 / (1.0 - level)) + log(len(BETS))

    def plausible(m: float) -> bool:
        wealth = np.log1p(bets * (values / m - 1.0)).sum(axis=1)
        return bool(np.logaddexp.reduce(wealth) < goal)

    mean = float(values.mean())
    return _edge(plausible, mean, 0.0) if mean > 0.0 else 0.0


def _edge(inside: Callable[[float], bool], start: float, end: float) -> float:
    """Where ``inside`` turns false between ``start`` (true) and ``end``, by bisection.

    The point returned lies outside or at ``end``, so that rounding never narrows an interval.
    """
    for _ in range(_STEPS):
        middle = (start + end) / 2
        if inside(middle):
            start = middle
        else:
            end = middle
    return end
