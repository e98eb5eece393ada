"""Figures, curves and strips follow from the records and traces."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from molmospaces_gym.benchmarks.clusters import FEW_HOUSES, by_house, cluster_interval
from molmospaces_gym.benchmarks.records import EpisodeRecord
from molmospaces_gym.benchmarks.report.data import (
    house_rates,
    success_curve,
)
from molmospaces_gym.benchmarks.report.plots import trace_strip
from molmospaces_gym.benchmarks.runs import LoadedRun, load_run

HORIZON = 40


class TestFigures:
    @given(traces=st.lists(st.text("01", min_size=1, max_size=HORIZON + 1), min_size=1, max_size=9))
    def test_curves_follow_from_the_traces(
        self, traces: list[str], make_record: Callable[[int, str], EpisodeRecord]
    ) -> None:
        records = tuple(make_record(number, trace) for number, trace in enumerate(traces))
        curve = success_curve(_loaded(records, traces))
        padded = [trace.ljust(HORIZON + 1, trace[-1]) for trace in traces]
        now = [sum(trace[t] == "1" for trace in padded) for t in range(HORIZON + 1)]
        ever = [sum("1" in trace[: t + 1] for trace in padded) for t in range(HORIZON + 1)]
        assert curve.now is not None
        assert (curve.now.tolist(), curve.ever.tolist()) == (now, ever)

    def test_curves_end_at_the_figures_of_the_summary(self, run: Path) -> None:
        loaded = load_run(run)
        curve = success_curve(loaded)
        assert curve.now is not None
        assert curve.now[-1] == loaded.summary["success_at_end"]["successes"]
        assert curve.ever[-1] == loaded.summary["success_once"]["successes"]

    def test_without_traces_only_ever_is_known(
        self, run: Path, page_of: Callable[..., Any]
    ) -> None:
        (run / "traces.csv").unlink()
        curve = success_curve(load_run(run))
        assert curve.now is None and curve.ever[-1] > 0
        assert "no success traces" in page_of(run).text

    def test_an_interval_over_houses_needs_enough_of_them(
        self,
        run: Path,
        tmp_path: Path,
        write_run: Callable[..., Path],
        mixed_traces: Callable[[int], list[str]],
        page_of: Callable[..., Any],
    ) -> None:
        assert f"An interval that counts houses needs {FEW_HOUSES} of them." in page_of(run).text
        out = write_run(tmp_path / "many", mixed_traces(5 * FEW_HOUSES))
        records = load_run(out).records
        ends = [record.success_at_end for record in records]
        low, high = cluster_interval(by_house([record.house for record in records], ends))
        assert f"within {100 * low:.1f} to {100 * high:.1f} %" in page_of(out).text

    def test_houses_are_counted(self, run: Path) -> None:
        records = load_run(run).records
        rates = house_rates(records)
        assert sum(rate.total for rate in rates) == len(records)
        assert sum(rate.successes for rate in rates) == sum(r.success_at_end for r in records)
        assert [rate.value for rate in rates] == sorted(rate.value for rate in rates)

    @given(trace=st.text("01", min_size=1, max_size=30))
    def test_strips_show_each_run_of_success(self, trace: str) -> None:
        width = len(trace)
        parts = re.findall(r'x="([\d.]+)%" width="([\d.]+)%"', trace_strip(trace, width - 1))
        drawn = ["0"] * width
        for x, length in parts:
            start, count = round(float(x) * width / 100), round(float(length) * width / 100)
            drawn[start : start + count] = "1" * count
        assert "".join(drawn) == trace


def _loaded(records: tuple[EpisodeRecord, ...], traces: list[str]) -> LoadedRun:
    named = {r.episode_id: t for r, t in zip(records, traces, strict=True)}
    config = {"horizon": HORIZON, "episodes": len(records), "complete": True}
    return LoadedRun(
        path=Path(), config=config, summary={}, records=records, timings={}, traces=named
    )
