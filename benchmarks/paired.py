"""Two policies on the same episodes: tests and intervals of their difference.

An episode that both solve, or neither, says nothing about which policy is better; the
*discordant* ones do. ``first_only`` and ``second_only`` count these.
"""

from collections.abc import Sequence

import numpy as np

from molmospaces_gym.benchmarks.clusters import RESAMPLES, Houses, bounded_interval
from molmospaces_gym.benchmarks.stats import Interval, check_confidence
from molmospaces_gym.errors import InvalidConfig


def mcnemar(first_only: int, second_only: int, mid_p: bool = False) -> float:
    """Exact two-sided p-value that a discordant episode is as likely either way.

    Holds for independent episodes and a number of them fixed beforehand; 1 without discordant
    episodes. ``mid_p`` counts half of the observed outcome: less conservative, no longer exact.

    Sources: Q. McNemar, Psychometrika 12 (1947), exact binomial form; mid-p after M. W. Fagerland,
    S. Lydersen and P. Laake, BMC Med. Res. Methodol. 13:91 (2013).
    """
    _check_counts(first_only, second_only)
    from scipy.stats import binom

    total, least = first_only + second_only, min(first_only, second_only)
    if total == 0:
        return 1.0
    tails = 2.0 * float(binom.cdf(least, total, 0.5))
    if mid_p:
        tails -= float(binom.pmf(least, total, 0.5))
    return min(1.0, tails)


def sign_flip(differences: Sequence[int]) -> float:
    """Exact two-sided p-value from swapping the two policies in whole houses.

    ``differences`` are per house the successes of the first policy less those of the second. If
    the policies are alike, each could as well have the other sign; all 2^H assignments are counted
    by dynamic programming. It stays exact when the episodes of a house depend on each other, and
    is McNemar's test where each house holds one episode.

    Source: R. A. Fisher, The Design of Experiments (1935), the randomisation test of pairs.
    """
    sizes = [abs(int(difference)) for difference in differences if difference]
    total, observed = sum(sizes), abs(int(sum(differences)))
    chances = np.zeros(2 * total + 1)
    chances[total] = 1.0  # index total + s holds the chance of the sum s
    for size in sizes:
        moved = np.zeros_like(chances)
        moved[size:] += 0.5 * chances[:-size]
        moved[:-size] += 0.5 * chances[size:]
        chances = moved
    sums = np.abs(np.arange(-total, total + 1))
    return min(1.0, float(chances[sums >= observed].sum()))


def paired_score_interval(
    first_only: float, second_only: float, total: float, quantile: float
) -> Interval:
    """Interval of the difference of two paired rates; counts need not be whole numbers.

    Source: D. G. Bonett and R. M. Price, J. Educ. Behav. Stat. 37 (2012): Wald's interval after
    adding one episode to each kind of discordance.
    """
    first, second = (first_only + 1) / (total + 2), (second_only + 1) / (total + 2)
    difference = first - second
    half = quantile * ((first + second - difference**2) / (total + 2)) ** 0.5
    return Interval(max(difference - half, -1.0), min(difference + half, 1.0))


def difference_interval(
    houses: Houses, confidence: float = 0.95, seed: int = 0, resamples: int = RESAMPLES
) -> Interval:
    """Interval of the difference of two rates on the same episodes, from resampled houses.

    Outcomes are 1 where only the first policy succeeded, -1 where only the second did, else 0. A
    house is drawn with both policies' episodes, so that what they share cancels. Method and
    limits as for ``clusters.cluster_interval``, with ``paired_score_interval`` in Wilson's place.

    Raises:
        InvalidConfig: ``confidence`` is not within (0, 1).
    """
    check_confidence(confidence)
    discordant, balance = float(houses.squares.sum()), float(houses.sums.sum())
    first, second = (discordant + balance) / 2, (discordant - balance) / 2
    total = float(houses.sizes.sum())

    def score(share: float, quantile: float) -> Interval:
        return paired_score_interval(share * first, share * second, share * total, quantile)

    return bounded_interval(houses, score, Interval(-1.0, 1.0), confidence, seed, resamples)


def _check_counts(first_only: int, second_only: int) -> None:
    if first_only < 0 or second_only < 0:
        raise InvalidConfig(
            f"discordant counts must not be negative, got {first_only} and {second_only}"
        )
