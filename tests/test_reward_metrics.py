"""Value-order correlation against its definition and its limits."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.rewards import voc

SERIES = arrays(
    np.float64, st.integers(2, 40), elements=st.integers(-50, 50).map(float), unique=True
)


def test_ordered_values_give_one_and_reversed_values_minus_one():
    assert voc([-3.0, -2.5, 0.0, 1e6]) == pytest.approx(1.0)
    assert voc([4.0, 3.0, -1.0]) == pytest.approx(-1.0)


def test_known_value_with_ties():
    # Ranks 1.5, 1.5, 3, 4 against 1, 2, 3, 4: their Pearson correlation is 4.5 / sqrt(22.5).
    assert voc([0.0, 0.0, 1.0, 2.0]) == pytest.approx(4.5 / math.sqrt(22.5))


@pytest.mark.parametrize("values", [[], [1.0], [2.0, 2.0, 2.0], [1.0, math.nan], [1.0, math.inf]])
def test_undefined_correlations_are_nan(values):
    assert math.isnan(voc(values))


def test_needs_one_value_per_frame():
    with pytest.raises(InvalidConfig, match=r"\(T,\)"):
        voc(np.zeros((3, 2)))


@given(SERIES)
def test_bounded_and_odd_under_negation(values):
    assert -1 - 1e-12 <= voc(values) <= 1 + 1e-12
    assert voc(-values) == pytest.approx(-voc(values))


@given(SERIES)
def test_depends_on_ranks_only(values):
    assert voc(np.exp(values / 50)) == pytest.approx(voc(values))


@given(SERIES)
def test_distinct_values_follow_the_closed_form(values):
    n = len(values)
    ranks = np.argsort(np.argsort(values))
    squared = np.square(ranks - np.arange(n)).sum()
    assert voc(values) == pytest.approx(1 - 6 * squared / (n * (n**2 - 1)))
