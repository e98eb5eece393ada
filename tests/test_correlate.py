"""Simulation against reality: measures by published values, tables, plot and command."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.image import imread
from scipy.stats import pearsonr, spearmanr
from typer.testing import CliRunner

from molmospaces_gym.benchmarks.correlation import (
    Correlation,
    correlate,
    mmrv,
    pearson,
    spearman,
)
from molmospaces_gym.benchmarks.correlation_plot import scatter
from molmospaces_gym.benchmarks.sim_real import (
    Score,
    ScorePair,
    example_tables,
    pair_scores,
    read_scores,
)
from molmospaces_gym.cli.main import app, main
from molmospaces_gym.errors import InvalidConfig, NotComparable

rates = st.lists(st.tuples(st.integers(0, 10), st.integers(0, 10)), min_size=2, max_size=12)


def pairs_of(sim: list[float], real: list[float], task: str = "pick") -> list[ScorePair]:
    return [
        ScorePair(policy=f"p{i}", task=task, sim=Score(x), real=Score(y))
        for i, (x, y) in enumerate(zip(sim, real, strict=True))
    ]


class TestMeasures:
    # Pick Coke Can of SIMPLER (arXiv 2405.05941), visual matching: RT-2-X, RT-1 converged, RT-1 at
    # 15 %, RT-1-X, RT-1 begin, Octo-base, as its repository lists them.
    sim = np.array([0.787, 0.857, 0.710, 0.567, 0.027, 0.170])
    real = np.array([0.907, 0.853, 0.920, 0.760, 0.133, 0.293])

    def test_mmrv_by_hand(self) -> None:
        # Simulation puts RT-1 at 15 % below the two others, converged above RT-2-X. Per policy:
        # RT-2-X max(.054, .013), converged max(.054, .067), 15 % max(.013, .067), the rest 0.
        expected = (0.054 + 0.067 + 0.067) / 6
        assert float(mmrv(self.sim, self.real)) == pytest.approx(expected)

    def test_a_tie_in_simulation_is_charged_to_the_better_policy(self) -> None:
        assert float(mmrv(np.array([0.5, 0.5]), np.array([0.9, 0.1]))) == pytest.approx(0.4)

    @settings(deadline=None, max_examples=40)
    @given(rates)
    def test_mmrv_is_its_definition(self, counts: list[tuple[int, int]]) -> None:
        sim, real = np.array(counts).T / 10
        worst = []
        for i in range(len(sim)):
            wrong = [j for j in range(len(sim)) if (sim[i] > sim[j]) != (real[i] > real[j])]
            worst.append(max((abs(real[i] - real[j]) for j in wrong), default=0.0))
        assert float(mmrv(sim, real)) == pytest.approx(np.mean(worst), abs=1e-12)
        assert float(mmrv(real, real)) == 0.0

    @settings(deadline=None, max_examples=40)
    @given(rates)
    def test_correlations_equal_scipy(self, counts: list[tuple[int, int]]) -> None:
        sim, real = np.array(counts).T / 10
        if len(set(sim)) == 1 or len(set(real)) == 1:
            assert np.isnan(pearson(sim, real)) and np.isnan(spearman(sim, real))
            return
        assert float(pearson(sim, real)) == pytest.approx(pearsonr(sim, real).statistic, abs=1e-9)
        assert float(spearman(sim, real)) == pytest.approx(spearmanr(sim, real).statistic, abs=1e-9)

    def test_rows_are_measured_one_by_one(self) -> None:
        rng = np.random.default_rng(0)
        sim, real = rng.random((5, 8)), rng.random((5, 8))
        for measure in (pearson, spearman, mmrv):
            each = [float(measure(x, y)) for x, y in zip(sim, real, strict=True)]
            assert measure(sim, real) == pytest.approx(each)


class TestCorrelate:
    def test_the_shipped_example(self) -> None:
        found = correlate(pair_scores(*map(read_scores, example_tables())))
        sim = [16.2, 36.4, 65.5, 70.4, 92.8, 92.0, 91.9]
        real = [6 / 0.3, 19 / 0.3, 16 / 0.3, 11 / 0.3, 26 / 0.3, 21 / 0.3, 22 / 0.3]
        assert found.overall.pearson.value == pytest.approx(pearsonr(sim, real).statistic)
        assert found.overall.spearman.value == pytest.approx(spearmanr(sim, real).statistic)
        assert any("only 7 policies" in note for note in found.notes)
        # The paper prints 63.3 %, 53.3 %, 86.6 % and so on, cut after one decimal.
        printed = [20.0, 63.3, 53.3, 36.6, 86.6, 70.0, 73.3]
        assert [100 * pair.real.rate for pair in found.pairs] == pytest.approx(printed, abs=0.07)

    def test_a_line_is_found(self) -> None:
        found = correlate(pairs_of([0.1, 0.3, 0.5, 0.9], [0.15, 0.25, 0.35, 0.55]), resamples=99)
        assert (found.overall.slope, found.overall.intercept) == pytest.approx((0.5, 0.1))
        assert found.overall.pearson.value == pytest.approx(1.0)
        assert found.overall.mmrv.value == 0.0

    def test_fisher_is_the_textbook_interval(self) -> None:
        sim, real = [0.1, 0.2, 0.4, 0.5, 0.6, 0.9], [0.2, 0.1, 0.5, 0.3, 0.7, 0.6]
        found = correlate(pairs_of(sim, real), resamples=9).overall.pearson
        expected = pearsonr(sim, real).confidence_interval(0.95)
        assert found.fisher == pytest.approx((expected.low, expected.high))

    def test_one_policy_left_out(self) -> None:
        sim, real = [0.1, 0.2, 0.3, 0.9], [0.3, 0.2, 0.1, 0.9]
        found = correlate(pairs_of(sim, real), resamples=99).overall.pearson
        assert found.value > 0.8
        assert found.left_out.low == pytest.approx(-1.0)  # without the one that decides

    def test_intervals_cover_many_policies(self) -> None:
        """40 policies of true correlation 0.8; a bootstrap over them should hold it."""
        rng, held = np.random.default_rng(0), 0
        for _ in range(40):
            noise = rng.standard_normal((2, 40))
            sim = np.clip(0.5 + 0.1 * noise[0], 0, 1)
            real = np.clip(0.5 + 0.1 * (0.8 * noise[0] + 0.6 * noise[1]), 0, 1)
            found = correlate(pairs_of(list(sim), list(real)), resamples=150).overall.pearson
            held += found.interval.low <= 0.8 <= found.interval.high
        assert held >= 33

    def test_policies_are_drawn_with_all_their_tasks(self) -> None:
        one = pairs_of([0.1, 0.5, 0.9], [0.2, 0.5, 0.7])
        twice = one + pairs_of([0.1, 0.5, 0.9], [0.2, 0.5, 0.7], task="open")
        found, single = correlate(twice, resamples=300), correlate(one, resamples=300)
        # The same rows again are no further evidence: the interval over policies is the same.
        assert found.overall.pearson.interval == pytest.approx(single.overall.pearson.interval)
        assert found.overall.policies == 3 and found.overall.pairs == 6
        assert [task.name for task in found.tasks] == ["pick", "open"]
        assert any("how hard the tasks are" in note for note in found.notes)

    def test_a_task_of_two_policies_has_no_row(self) -> None:
        pairs = pairs_of([0.1, 0.5, 0.9], [0.2, 0.5, 0.7])
        found = correlate(pairs + pairs_of([0.1, 0.2], [0.3, 0.4], task="open"), resamples=99)
        assert [task.name for task in found.tasks] == ["pick"]
        assert any("on open" in note for note in found.notes)

    def test_equal_rates_have_no_correlation(self) -> None:
        found = correlate(pairs_of([0.5, 0.5, 0.5], [0.1, 0.2, 0.3]), resamples=99)
        plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
        assert plain["overall"]["pearson"]["value"] is None
        assert plain["overall"]["slope"] is None
        assert any("not defined" in note for note in found.notes)

    def test_two_points_are_refused(self) -> None:
        with pytest.raises(InvalidConfig, match="2 pairs of rates; a correlation needs at least 3"):
            correlate(pairs_of([0.1, 0.2], [0.1, 0.2]))


class TestTables:
    def write(self, path: Path, text: str) -> Path:
        path.write_text(text)
        return path

    def test_counts_and_rates(self, tmp_path: Path) -> None:
        text = "# source\npolicy, task, successes, total, note\n\na, pick, 3, 4, x\n b,pick,0,5,\n"
        found = read_scores(self.write(tmp_path / "a.csv", text))
        assert found == {("a", "pick"): Score(0.75, 3, 4), ("b", "pick"): Score(0.0, 0, 5)}
        text = "Policy,Rate\na,0.25\n"
        assert read_scores(self.write(tmp_path / "b.csv", text)) == {("a", ""): Score(0.25)}

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "holds no rows"),
            ("policy,successes\na,1\n", "expected policy, task and either"),
            ("policy,rate,successes,total\na,1,1,1\n", "expected policy, task and either"),
            ("policy,rate,rate\na,1,1\n", "column twice"),
            ("policy,rate\na,63.3\n", r"line 2: rate 63.3 is not within \[0, 1\]; divide"),
            ("policy,rate\na,nan\n", "rate nan is not within"),
            ("# c\npolicy,rate\na,x\n", "line 3: could not convert"),
            ("policy,rate\na\n", "1 fields instead of 2"),
            ("policy,rate\n,1\n", "no name"),
            ("policy,rate\na,1\na,0\n", "line 3: 'a' stands in the file twice"),
            ("policy,successes,total\na,5,4\n", "5 successes of 4 is impossible"),
            ("policy,successes,total\na,0,0\n", "0 successes of 0 is impossible"),
        ],
    )
    def test_what_is_wrong_is_named(self, tmp_path: Path, text: str, message: str) -> None:
        with pytest.raises(InvalidConfig, match=message):
            read_scores(self.write(tmp_path / "a.csv", text))

    def test_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidConfig, match=r"nothing\.csv cannot be read"):
            read_scores(tmp_path / "nothing.csv")

    def test_rows_without_a_partner(self) -> None:
        sim = {("a", "pick"): Score(0.5), ("b", "pick"): Score(0.6)}
        real = {("a", "pick"): Score(0.4), ("c", "pick"): Score(0.3)}
        with pytest.raises(
            NotComparable, match="sim alone has 'b' on 'pick'; real alone has 'c' on 'pick'"
        ):
            pair_scores(sim, real)
        (pair,) = pair_scores(sim, real, common=True)
        assert (pair.policy, pair.sim.rate, pair.real.rate) == ("a", 0.5, 0.4)
        with pytest.raises(NotComparable, match="no row of one file has a partner"):
            pair_scores({("x", ""): Score(1.0)}, real, common=True)


def test_the_plot_shows_points_where_they_belong(tmp_path: Path) -> None:
    """A point moved up by 30 points of 100 moves its colour up by as much of the axes."""
    heights = []
    for real in (0.3, 0.6):
        # The first task takes the first colour, which is looked for; the others lie elsewhere.
        moved = [ScorePair(policy="a", task="moved", sim=Score(0.1), real=Score(real))]
        found = correlate(moved + pairs_of([0.5, 0.7, 0.9], [0.1, 0.1, 0.2]), resamples=20)
        image = imread(scatter(found, tmp_path / "a" / "scatter.png"))[..., :3]
        blue = (abs(image - np.array([0x1F, 0x5F, 0xA8]) / 255) < 0.02).all(axis=-1)
        blue[: image.shape[0] // 5] = False  # the legend
        heights.append(np.nonzero(blue)[0].mean())
    # The axes are about 800 of 930 pixels high and span 106 points.
    assert heights[0] - heights[1] == pytest.approx(30 / 106 * 800, abs=25)


def test_the_plot_takes_many_tasks_and_odd_names(tmp_path: Path) -> None:
    pairs = [
        ScorePair(policy=f"${i}_x^", task=f"t{t}$", sim=Score(i / 5), real=Score(i / 5, i, 5))
        for t in range(8)
        for i in range(5)
    ]
    found: Correlation = correlate(pairs, resamples=20)
    assert scatter(found, tmp_path / "scatter.png").read_bytes()[:4] == b"\x89PNG"
    flat = correlate(pairs_of([0.5, 0.5, 0.5], [0.1, 0.2, 0.3]), resamples=20)
    assert scatter(flat, tmp_path / "flat.png").is_file()


class TestCommand:
    def test_example(self, tmp_path: Path) -> None:
        result = CliRunner().invoke(app, ["correlate", "--example", "--out", str(tmp_path)])
        assert result.exit_code == 0, result.output
        for text in ("pick: 7 policies, 7 pairs", "Pearson", "Spearman", "MMRV", "only 7 policies"):
            assert text in result.output
        content = json.loads((tmp_path / "correlation.json").read_text())
        assert content["overall"]["policies"] == 7 and len(content["pairs"]) == 7
        assert (tmp_path / "scatter.png").read_bytes()[:4] == b"\x89PNG"

    def test_two_files(self) -> None:
        files = [str(path) for path in example_tables()]
        shown = CliRunner().invoke(app, ["correlate", *files]).output
        assert shown == CliRunner().invoke(app, ["correlate", "--example"]).output

    @pytest.mark.parametrize("arguments", [[], ["a.csv"], ["--example", "a.csv", "b.csv"]])
    def test_wrong_arguments(
        self, arguments: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit) as ended:
            main(["correlate", *arguments])
        assert ended.value.code == 2
        assert "expected two CSV files" in capsys.readouterr().err
