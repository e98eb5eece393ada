"""Anytime-valid figures: they survive a reader who stops at the best moment."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betaln
from scipy.stats import binom

from molmospaces_gym.benchmarks.paired import mcnemar
from molmospaces_gym.benchmarks.sequential import (
    difference_sequence,
    discordance_e_value,
    mean_sequence,
    rate_sequence,
)
from molmospaces_gym.benchmarks.stats import wilson_interval
from molmospaces_gym.errors import InvalidConfig

counts = st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@settings(deadline=None, max_examples=50)
@given(counts)
def test_rate_limits_lie_where_the_mixture_passes_twenty(count: tuple[int, int]) -> None:
    successes, total = count
    low, high = rate_sequence(successes, total)
    mixture = betaln(1 + successes, 1 + total - successes)
    for limit, inside in ((low, successes > 0), (high, successes < total)):
        if inside:
            likelihood = successes * np.log(limit) + (total - successes) * np.log1p(-limit)
            assert mixture - likelihood == pytest.approx(np.log(20), abs=1e-6)
    inner = wilson_interval(successes, total)
    assert low <= inner.low + 1e-9 and inner.high - 1e-9 <= high


def test_nothing_seen_excludes_nothing() -> None:
    assert rate_sequence(0, 0) == mean_sequence([]) == (0.0, 1.0)
    assert difference_sequence([]) == (-1.0, 1.0)
    assert discordance_e_value(0, 0) == 1.0


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_mean_intervals_hold_the_mean_and_mirror(values: list[float]) -> None:
    low, high = mean_sequence(values)
    assert 0.0 <= low <= np.mean(values) + 1e-9 and np.mean(values) - 1e-9 <= high <= 1.0
    mirrored = mean_sequence([1 - value for value in values])
    assert (1 - high, 1 - low) == pytest.approx(mirrored, abs=1e-6)


def test_less_spread_is_narrower() -> None:
    loose, tight = mean_sequence([0.0, 1.0] * 50), mean_sequence([0.45, 0.55] * 50)
    assert tight.high - tight.low < 0.4 * (loose.high - loose.low)
    low, high = difference_sequence([0.0] * 99 + [0.5])
    assert low < 0.005 < high and high - low < 0.3


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(InvalidConfig, match="within 0..total"):
        rate_sequence(3, 2)
    with pytest.raises(InvalidConfig, match=r"within \[0, 1\]"):
        mean_sequence([0.5, 1.5])
    with pytest.raises(InvalidConfig, match="negative"):
        discordance_e_value(-1, 0)
    for function in (rate_sequence, lambda a, b, c: mean_sequence([a], c)):
        with pytest.raises(InvalidConfig, match="confidence"):
            function(1, 2, 95)


def test_e_values_average_to_one_under_a_fair_coin() -> None:
    for total in (1, 7, 40):
        chances = binom.pmf(range(total + 1), total, 0.5)
        values = [discordance_e_value(k, total - k) for k in range(total + 1)]
        assert float(chances @ values) == pytest.approx(1.0)
    assert discordance_e_value(3000, 0) == float("inf")


def test_peeking_fools_the_p_value_and_not_the_sequence() -> None:
    """A reader looks after every one of 300 fair discordant episodes and stops when pleased."""
    rng = np.random.default_rng(0)
    runs, alarms = 100, {"p": 0, "e": 0, "rate": 0}
    for _ in range(runs):
        wins = np.cumsum(rng.integers(0, 2, size=300))
        looks = [(int(wins[n - 1]), n) for n in range(10, 301, 10)]
        alarms["p"] += any(mcnemar(k, n - k) < 0.05 for k, n in looks)
        alarms["e"] += any(discordance_e_value(k, n - k) >= 20 for k, n in looks)
        limits = [rate_sequence(k, n) for k, n in looks]
        alarms["rate"] += any(not low <= 0.5 <= high for low, high in limits)
    assert alarms["p"] > 0.12 * runs
    assert alarms["e"] <= 0.07 * runs and alarms["rate"] <= 0.07 * runs


def test_peeking_at_houses_does_not_fool_the_mean_sequence() -> None:
    rng = np.random.default_rng(1)
    wrong, runs = 0, 60
    for _ in range(runs):
        rates = rng.beta(0.9, 0.1, size=100)  # strongly correlated houses, mean 0.9
        values = rng.binomial(4, rates) / 4
        limits = [mean_sequence(values[:n].tolist()) for n in range(10, 101, 10)]
        wrong += any(not low <= 0.9 <= high for low, high in limits)
    assert wrong <= 0.1 * runs
