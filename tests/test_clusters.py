"""House-cluster intervals: against hand-made figures, their own properties and by simulation."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap

from molmospaces_gym.benchmarks.clusters import (
    Houses,
    by_house,
    cluster_interval,
    clustering,
    resample_weights,
    studentised_interval,
)
from molmospaces_gym.benchmarks.paired import difference_interval
from molmospaces_gym.benchmarks.stats import Interval, score_interval, wilson_interval
from molmospaces_gym.errors import InvalidConfig

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "interval_coverage.py"


def houses(*outcomes: str) -> Houses:
    """One string per house: + only A solved (or success), - only B did, . neither."""
    values = {"+": 1, "-": -1, ".": 0}
    names = [str(i) for i, house in enumerate(outcomes) for _ in house]
    return by_house(names, [values[mark] for house in outcomes for mark in house])


many = st.lists(st.text("+.", min_size=1, max_size=6), min_size=2, max_size=30)


def test_episodes_are_gathered_by_house() -> None:
    found = by_house(["b", "a", "b", "b"], [1, 0, -1, 1])
    assert found.names == ("a", "b")
    assert found.sums.tolist() == [0, 1]
    assert found.squares.tolist() == [0, 3]
    assert found.sizes.tolist() == [1, 3]
    assert found.mean == 0.25
    with pytest.raises(InvalidConfig, match="1 houses and 2 outcomes"):
        by_house(["a"], [1, 0])
    with pytest.raises(InvalidConfig, match="at least one"):
        by_house([], [])


class TestClustering:
    def test_houses_of_one_mind_are_worth_one_episode_each(self) -> None:
        rho, effect, effective = clustering(houses("++++", "....", "++++", "...."))
        assert (rho, effect, effective) == (1.0, 4.0, 4.0)

    def test_by_hand(self) -> None:
        # Between: 2 (1/6)^2 2 / 2 = 1/9 with rates 1/2, 1/2 around 2/3 and 2 (1/3)^2 / 2 = 1/9.
        # Within: (1/2 + 1/2) / 3 = 1/3. rho = (1/6 - 1/3) / (1/6 + 1/3) = -1/3.
        rho, effect, effective = clustering(houses("+.", "+.", "++"))
        assert rho == pytest.approx(-1 / 3)
        assert (effect, effective) == (1.0, 6.0)

    @pytest.mark.parametrize("outcomes", [("+++",), ("+", "."), ("++", "++"), ("..", "..")])
    def test_what_cannot_be_known_is_nan(self, outcomes: tuple[str, ...]) -> None:
        rho, effect, _ = clustering(houses(*outcomes))
        assert np.isnan(rho) and effect == 1.0

    def test_the_estimate_finds_the_correlation_of_the_simulation(self) -> None:
        rng, example = np.random.default_rng(0), load_example()
        for truth in (0.0, 0.1, 0.3):
            drawn = [example.draw_suite(100, 8, 0.5, truth, rng) for _ in range(100)]
            found = np.mean([clustering(suite).correlation for suite in drawn])
            assert found == pytest.approx(truth, abs=0.02)


class TestInterval:
    def test_one_house_says_nothing(self) -> None:
        assert cluster_interval(houses("++++.")) == (0.0, 1.0)
        assert difference_interval(houses("++-..")) == (-1.0, 1.0)

    def test_equal_outcomes_fall_back_on_one_vote_per_house(self) -> None:
        low, high = cluster_interval(houses(*["++"] * 25))
        assert high == 1.0
        # Student's quantile for 24 degrees of freedom, 25 votes.
        assert low == pytest.approx(score_interval(1.0, 25, 2.0638986).low, abs=1e-6)
        low, high = difference_interval(houses(*[".."] * 25))
        assert low == -high and 0.05 < high < 0.2

    @settings(deadline=None, max_examples=50)
    @given(many)
    def test_never_narrower_than_wilson_and_within_the_unit(self, outcomes: list[str]) -> None:
        found = houses(*outcomes)
        low, high = cluster_interval(found, resamples=99)
        inner = wilson_interval(int(found.sums.sum()), int(found.sizes.sum()))
        assert 0.0 <= low <= inner.low + 1e-12 and inner.high - 1e-12 <= high <= 1.0
        assert low - 1e-12 <= found.mean <= high + 1e-12

    @settings(deadline=None, max_examples=50)
    @given(st.lists(st.text("+-.", min_size=1, max_size=6), min_size=2, max_size=30))
    def test_a_difference_holds_its_estimate(self, outcomes: list[str]) -> None:
        found = houses(*outcomes)
        low, high = difference_interval(found, resamples=99)
        assert -1.0 <= low <= found.mean <= high <= 1.0

    def test_seeds_repeat_and_differ(self) -> None:
        found = houses(*["++.", "+..", "...", "+++", "+.+"] * 6)
        first = cluster_interval(found, seed=3)
        assert first == cluster_interval(found, seed=3)
        assert first != cluster_interval(found, seed=4)
        assert first == pytest.approx(cluster_interval(found, seed=4), abs=0.01)

    def test_more_confidence_is_wider(self) -> None:
        found = houses(*["++.", "+..", "...", "+++", "+.+"] * 6)
        widths = [np.diff(cluster_interval(found, confidence=c))[0] for c in (0.8, 0.9, 0.99)]
        assert widths == sorted(widths) and len(set(widths)) == 3
        with pytest.raises(InvalidConfig, match="confidence"):
            cluster_interval(found, confidence=95)

    def test_resamples_agree_with_scipy_for_houses_of_one_size(self) -> None:
        rates = np.random.default_rng(1).integers(0, 9, size=40) / 8
        ours = resample_weights(40, 20_000, 0) @ rates / 40
        theirs = bootstrap((rates,), np.mean, n_resamples=20_000, rng=np.random.default_rng(0))
        expected = theirs.bootstrap_distribution
        assert np.quantile(ours, [0.05, 0.5, 0.95]) == pytest.approx(
            np.quantile(expected, [0.05, 0.5, 0.95]), abs=0.01
        )

    def test_the_studentised_interval_of_many_houses_is_normal(self) -> None:
        rng = np.random.default_rng(2)
        sizes = np.full(400, 8.0)
        sums = rng.binomial(8, 0.5, size=400).astype(float)
        found = studentised_interval(sums, sizes, 0.95, seed=0)
        assert found is not None
        error = np.std(sums / 8, ddof=1) / 20
        mean = sums.sum() / 3200
        assert found == pytest.approx((mean - 1.96 * error, mean + 1.96 * error), abs=0.1 * error)


def load_example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("interval_coverage", EXAMPLE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
class TestCoverage:
    """At 95 %; 400 benchmarks each, whose standard error is 1.1 points at 95 %."""

    repeats = 400

    @pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
    @pytest.mark.parametrize("suite", [(25, 8), (100, 8)], ids=["25x8", "100x8"])
    def test_clusters_hold_where_wilson_fails(self, suite: tuple[int, int], rate: float) -> None:
        held = self._held(suite, rate, 0.3)
        assert held["Wilson"] < 0.83 and held["Beta(1,1)"] < 0.83
        assert held["cluster"] > 0.91

    @pytest.mark.parametrize("correlation", [0.0, 0.1, 0.3])
    @pytest.mark.parametrize("suite", [(25, 2), (100, 2)], ids=["25x2", "100x2"])
    def test_the_shipped_suites(self, suite: tuple[int, int], correlation: float) -> None:
        for rate in (0.1, 0.5, 0.9):
            assert self._held(suite, rate, correlation)["cluster"] > 0.91

    def test_wilson_is_right_for_independent_episodes(self) -> None:
        assert self._held((50, 4), 0.5, 0.0)["Wilson"] > 0.91

    @pytest.mark.parametrize("rates", [(0.5, 0.5), (0.9, 0.8)])
    def test_differences(self, rates: tuple[float, float]) -> None:
        example, rng = load_example(), np.random.default_rng(1)

        def draw() -> Houses:
            return example.draw_pair(50, 4, rates, 0.3, rng)

        held = self._shares(example, draw, rates[0] - rates[1], example.PAIRED_METHODS)
        assert held["Bonett-Price"] < 0.9 < held["cluster"]

    def _held(self, suite: tuple[int, int], rate: float, correlation: float) -> dict[str, float]:
        example, rng = load_example(), np.random.default_rng(0)
        methods = {name: example.RATE_METHODS[name] for name in ("Wilson", "Beta(1,1)", "cluster")}

        def draw() -> Houses:
            return example.draw_suite(*suite, rate, correlation, rng)

        return self._shares(example, draw, rate, methods)

    def _shares(
        self,
        example: ModuleType,
        draw: Callable[[], Houses],
        truth: float,
        methods: dict[str, Callable[[Houses], Interval]],
    ) -> dict[str, float]:
        found = example.coverage(draw, truth, methods, self.repeats)
        return {name: share for name, (share, _) in found.items()}
