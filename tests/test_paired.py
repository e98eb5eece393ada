"""Paired tests against published values, scipy and enumeration."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from molmospaces_gym.benchmarks.paired import mcnemar, paired_score_interval, sign_flip
from molmospaces_gym.errors import InvalidConfig

counts = st.tuples(st.integers(0, 200), st.integers(0, 200))


def test_mcnemar_published_values() -> None:
    # Fagerland et al. 2013, airway hyper-responsiveness: 1 and 7 discordant pairs.
    assert mcnemar(1, 7) == pytest.approx(0.0703125, abs=1e-9)
    assert mcnemar(1, 7, mid_p=True) == pytest.approx(0.0390625, abs=1e-9)


@settings(deadline=None)
@given(counts)
def test_mcnemar_is_the_sign_test(count: tuple[int, int]) -> None:
    total = sum(count)
    expected = binomtest(count[0], total, 0.5).pvalue if total else 1.0
    assert mcnemar(*count) == pytest.approx(expected, rel=1e-9)
    assert mcnemar(*count) == mcnemar(*reversed(count))
    assert mcnemar(*count, mid_p=True) <= mcnemar(*count)


def test_negative_counts_are_refused() -> None:
    with pytest.raises(InvalidConfig, match="negative"):
        mcnemar(-1, 3)


@settings(deadline=None)
@given(st.integers(0, 30), st.integers(0, 30))
def test_sign_flips_of_single_episodes_are_mcnemar(first: int, second: int) -> None:
    found = sign_flip([1] * first + [-1] * second + [0] * 5)
    assert found == pytest.approx(mcnemar(first, second), rel=1e-9)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(-4, 4), max_size=9))
def test_sign_flips_count_every_assignment(differences: list[int]) -> None:
    observed = abs(sum(differences))
    sums = [
        sum(s * d for s, d in zip(signs, differences, strict=True))
        for signs in product((1, -1), repeat=len(differences))
    ]
    expected = sum(abs(value) >= observed for value in sums) / len(sums)
    assert sign_flip(differences) == pytest.approx(expected, abs=1e-12)


def test_one_house_alone_proves_nothing() -> None:
    assert sign_flip([12]) == 1.0
    assert mcnemar(12, 0) < 0.001


def test_paired_interval_by_hand() -> None:
    # (7 + 1) / 22 - (1 + 1) / 22 = 0.2727; variance (10 / 22 - 0.2727^2) / 22 = 0.01728.
    found = paired_score_interval(7, 1, 20, 1.959964)
    assert found == pytest.approx((0.0151, 0.5304), abs=2e-4)
    assert paired_score_interval(0, 0, 1, 3.0) == (-1.0, 1.0)
