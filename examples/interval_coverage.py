"""How often do intervals hold the true rate when episodes of one house succeed together?

    python examples/interval_coverage.py                # both tables, about two minutes of one core
    python examples/interval_coverage.py --repeats 200  # coarser

Each house has its own success rate, drawn from a beta distribution whose mean is the true rate and
whose spread gives the outcomes of two episodes of one house the stated correlation. An interval at
95 % should hold the true rate in 95 of 100 such benchmarks; with 2000 repeats the figures are good
to about 1 point. Prints Markdown: coverage in %, and in brackets the mean width in points.
"""

import argparse
from collections.abc import Callable, Iterable

import numpy as np
from scipy.special import betaincinv, ndtr, ndtri

from molmospaces_gym.benchmarks.clusters import (
    Houses,
    cluster_interval,
    resample_weights,
)
from molmospaces_gym.benchmarks.paired import difference_interval, paired_score_interval
from molmospaces_gym.benchmarks.stats import Interval, beta_interval, wilson_interval

SUITES = ((25, 2), (25, 8), (50, 4), (100, 2), (100, 8))
"""Number of houses and mean number of episodes in each; sizes vary by one."""
RATES = (0.1, 0.5, 0.9)
CORRELATIONS = (0.0, 0.1, 0.3)
PAIRED_SUITES = ((25, 2), (50, 4), (100, 2))
PAIRED_RATES = ((0.5, 0.5), (0.9, 0.8), (0.95, 0.9))
SHARED = 0.5
"""Share of houses, and of episodes, that are equally hard for both policies of a pair."""
RESAMPLES = 999

Method = Callable[[Houses], Interval]


def houses_of(sums: np.ndarray, squares: np.ndarray, sizes: np.ndarray) -> Houses:
    names = tuple(str(index) for index in range(len(sizes)))
    return Houses(names, sums.astype(float), squares.astype(float), sizes.astype(float))


def house_rates(rate: float, correlation: float, ranks: np.ndarray) -> np.ndarray:
    """Rates of houses whose place in the order of difficulty is ``ranks``, uniform in (0, 1)."""
    if correlation == 0.0:
        return np.full(len(ranks), rate)
    weight = 1.0 / correlation - 1.0
    return betaincinv(rate * weight, (1.0 - rate) * weight, ranks)


def sizes_of(count: int, mean: int, rng: np.random.Generator) -> np.ndarray:
    return rng.integers(mean - 1, mean + 2, size=count)


def draw_suite(
    count: int, mean: int, rate: float, correlation: float, rng: np.random.Generator
) -> Houses:
    sizes = sizes_of(count, mean, rng)
    successes = rng.binomial(sizes, house_rates(rate, correlation, rng.random(count)))
    return houses_of(successes, successes, sizes)


def draw_pair(
    count: int, mean: int, rates: tuple[float, float], correlation: float, rng: np.random.Generator
) -> Houses:
    """Differences of two policies on the same episodes, +1, 0 or -1, summed by house."""
    sizes = sizes_of(count, mean, rng)
    house = np.repeat(np.arange(count), sizes)
    difficulty, luck = rng.random(count), rng.random(len(house))
    own_difficulty = np.where(rng.random(count) < SHARED, difficulty, rng.random(count))
    own_luck = np.where(rng.random(len(house)) < SHARED, luck, rng.random(len(house)))
    first = luck < house_rates(rates[0], correlation, difficulty)[house]
    second = own_luck < house_rates(rates[1], correlation, own_difficulty)[house]
    gap = first.astype(int) - second.astype(int)
    return houses_of(np.bincount(house, gap, count), np.bincount(house, gap * gap, count), sizes)


def wilson(houses: Houses) -> Interval:
    return wilson_interval(int(houses.sums.sum()), int(houses.sizes.sum()))


def beta(houses: Houses) -> Interval:
    return beta_interval(int(houses.sums.sum()), int(houses.sizes.sum()))


def cluster(houses: Houses) -> Interval:
    return cluster_interval(houses, resamples=RESAMPLES)


def resampled(houses: Houses) -> np.ndarray:
    weights = resample_weights(len(houses.sizes), RESAMPLES, 0)
    return (weights @ houses.sums) / (weights @ houses.sizes)


def percentile(houses: Houses) -> Interval:
    return Interval(*np.quantile(resampled(houses), [0.025, 0.975]))


def bca(houses: Houses) -> Interval:
    """Bias-corrected and accelerated percentiles: Efron, J. Am. Stat. Assoc. 82 (1987)."""
    means, mean = resampled(houses), houses.mean
    below = np.mean(means < mean) + np.mean(means == mean) / 2
    bias = ndtri(np.clip(below, 1e-4, 1 - 1e-4))
    without = (houses.sums.sum() - houses.sums) / (houses.sizes.sum() - houses.sizes)
    gaps = without.mean() - without
    spread = float((gaps**2).sum()) ** 1.5
    skew = float((gaps**3).sum()) / (6 * spread) if spread > 1e-18 else 0.0
    shifted = bias + np.array([-1.959964, 1.959964])
    return Interval(*np.quantile(means, ndtr(bias + shifted / (1 - skew * shifted))))


def paired_cluster(houses: Houses) -> Interval:
    return difference_interval(houses, resamples=RESAMPLES)


def paired_independent(houses: Houses) -> Interval:
    discordant, balance = houses.squares.sum(), houses.sums.sum()
    counts = (discordant + balance) / 2, (discordant - balance) / 2
    return paired_score_interval(*counts, houses.sizes.sum(), 1.959964)


RATE_METHODS: dict[str, Method] = {
    "Wilson": wilson,
    "Beta(1,1)": beta,
    "percentile": percentile,
    "BCa": bca,
    "cluster": cluster,
}
PAIRED_METHODS: dict[str, Method] = {
    "Bonett-Price": paired_independent,
    "percentile": percentile,
    "cluster": paired_cluster,
}


def coverage(
    draw: Callable[[], Houses], truth: float, methods: dict[str, Method], repeats: int
) -> dict[str, tuple[float, float]]:
    """Share of benchmarks whose interval holds ``truth``, and the mean width, by method."""
    held = {name: 0 for name in methods}
    width = {name: 0.0 for name in methods}
    for _ in range(repeats):
        houses = draw()
        for name, method in methods.items():
            low, high = method(houses)
            held[name] += low - 1e-12 <= truth <= high + 1e-12
            width[name] += high - low
    return {name: (held[name] / repeats, width[name] / repeats) for name in methods}


def cells(found: dict[str, tuple[float, float]]) -> Iterable[str]:
    return (f"{100 * share:.1f} ({100 * width:.0f})" for share, width in found.values())


def print_row(values: Iterable[object]) -> None:
    print("| " + " | ".join(str(value) for value in values) + " |", flush=True)


def rate_table(repeats: int, rng: np.random.Generator) -> None:
    print_row(["houses x episodes", "rate", "correlation", *RATE_METHODS])
    print_row(["---"] * (3 + len(RATE_METHODS)))
    for count, mean in SUITES:
        for rate in RATES:
            for rho in CORRELATIONS:
                found = coverage(
                    lambda c=count, m=mean, p=rate, r=rho: draw_suite(c, m, p, r, rng),
                    rate,
                    RATE_METHODS,
                    repeats,
                )
                print_row([f"{count} x {mean}", rate, rho, *cells(found)])


def paired_table(repeats: int, rng: np.random.Generator) -> None:
    print_row(["houses x episodes", "rates", "correlation", *PAIRED_METHODS])
    print_row(["---"] * (3 + len(PAIRED_METHODS)))
    for count, mean in PAIRED_SUITES:
        for rates in PAIRED_RATES:
            for rho in CORRELATIONS:
                found = coverage(
                    lambda c=count, m=mean, p=rates, r=rho: draw_pair(c, m, p, r, rng),
                    rates[0] - rates[1],
                    PAIRED_METHODS,
                    repeats,
                )
                print_row([f"{count} x {mean}", f"{rates[0]}, {rates[1]}", rho, *cells(found)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=2000, help="benchmarks per row")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    rate_table(options.repeats, rng)
    print()
    paired_table(options.repeats, rng)


if __name__ == "__main__":
    main()
