"""Intervals against published values, scipy and their own properties."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binomtest

from molmospaces_gym.benchmarks.stats import beta_interval, format_rate, wilson_interval
from molmospaces_gym.errors import InvalidConfig

counts = st.integers(0, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def test_wilson_known_values() -> None:
    low, high = wilson_interval(25, 50)
    assert (round(100 * low, 1), round(100 * high, 1)) == (36.6, 63.4)
    # Newcombe 1998, table I, method 3: 81/263, 15/148, 0/20, 1/29.
    for successes, total, expected in [
        (81, 263, (0.2553, 0.3662)),
        (15, 148, (0.0624, 0.1605)),
        (0, 20, (0.0, 0.1611)),
        (1, 29, (0.0061, 0.1718)),
    ]:
        interval = wilson_interval(successes, total)
        assert tuple(round(limit, 4) for limit in interval) == expected


def test_beta_known_values() -> None:
    assert beta_interval(25, 50) == pytest.approx((0.366, 0.634), abs=5e-4)
    # Closed form for no success: 1 - (1 - p)^(1 / (n + 1)).
    assert beta_interval(0, 9) == pytest.approx((1 - 0.975**0.1, 1 - 0.025**0.1), abs=1e-12)


@settings(deadline=None)
@given(counts)
def test_beta_equals_scipy(count: tuple[int, int]) -> None:
    successes, total = count
    expected = beta.interval(0.95, 1 + successes, 1 + total - successes)
    assert beta_interval(successes, total) == pytest.approx(expected, abs=1e-9)


@settings(deadline=None)
@given(counts)
def test_wilson_equals_scipy_and_holds_the_rate(count: tuple[int, int]) -> None:
    successes, total = count
    low, high = wilson_interval(successes, total)
    if total:
        expected = binomtest(successes, total).proportion_ci(method="wilson")
        assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-9)
        assert low <= successes / total <= high
    else:
        assert (low, high) == (0.0, 1.0)


@settings(deadline=None)
@given(counts)
def test_intervals_are_symmetric_in_success_and_failure(count: tuple[int, int]) -> None:
    successes, total = count
    for interval in (wilson_interval, beta_interval):
        low, high = interval(successes, total)
        mirrored = interval(total - successes, total)
        assert (1 - high, 1 - low) == pytest.approx(mirrored, abs=1e-9)


@pytest.mark.parametrize("count", [(-1, 5), (6, 5)])
def test_impossible_counts_are_refused(count: tuple[int, int]) -> None:
    with pytest.raises(InvalidConfig, match="within 0..total"):
        wilson_interval(*count)
    with pytest.raises(InvalidConfig, match="within 0..total"):
        beta_interval(*count)


def test_confidence_must_be_a_fraction() -> None:
    with pytest.raises(InvalidConfig, match="confidence"):
        wilson_interval(1, 2, confidence=95)


def test_format_names_the_count() -> None:
    assert format_rate(25, 50) == "25/50 = 50.0 % (95 % interval 36.6 to 63.4)"
