"""Run folders made by hand, and a page taken apart."""

import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from molmospaces_gym.benchmarks.records import (
    EPISODE_COLUMNS,
    TIMING_COLUMNS,
    TRACE_COLUMNS,
    EpisodeRecord,
    EpisodeTiming,
    EpisodeTrace,
    RunTable,
)
from molmospaces_gym.benchmarks.report import write_report
from molmospaces_gym.benchmarks.report.data import summary_of
from molmospaces_gym.benchmarks.report.markup import VOID
from molmospaces_gym.benchmarks.runs import load_run

HORIZON = 40
CATEGORIES = ("mug", "fork", "apple", "salt")


def _write_run(out: Path, traces: list[str], **changes: Any) -> Path:
    """A run folder with one episode per success trace; ``!reason`` is an episode that raised."""
    out.mkdir(parents=True, exist_ok=True)
    records = [_make_record(number, trace) for number, trace in enumerate(traces)]
    timings = [
        EpisodeTiming(episode_id=r.episode_id, wall_s=1.5 + i % 7, cpu_s=1.0, steps=r.steps)
        for i, r in enumerate(records)
    ]
    kept = [
        EpisodeTrace(episode_id=r.episode_id, trace="" if t.startswith("!") else t)
        for r, t in zip(records, traces, strict=True)
    ]
    RunTable(out / "episodes.csv", EPISODE_COLUMNS, EpisodeRecord.parse).replace(records)
    RunTable(out / "timing.csv", TIMING_COLUMNS, EpisodeTiming.parse).replace(timings)
    RunTable(out / "traces.csv", TRACE_COLUMNS, EpisodeTrace.parse).replace(kept)
    config = {
        "policy": "random",
        "benchmark": "pick-mini",
        "benchmark_sha256": "0f" * 32,
        "episodes": len(traces),
        "env_id": "molmospaces_gym/Pick-v1",
        "env_kwargs": {"backend": "mujoco", "benchmark": "pick-mini"},
        "control_dt": 0.066,
        "horizon": HORIZON,
        "seed": 0,
        "workers": 1,
        "video": "none",
        "complete": True,
        "sessions": [{"started": "2026-01-01", "finished": "2026-01-02", "wall_s": 75.0}],
    }
    (out / "config.json").write_text(json.dumps({**config, **changes}))
    (out / "summary.json").write_text(json.dumps(summary_of(load_run(out))))
    return out


def _make_record(number: int, trace: str) -> EpisodeRecord:
    failure = trace[1:] if trace.startswith("!") else ""
    category = CATEGORIES[number % len(CATEGORIES)]
    return EpisodeRecord(
        episode_id=f"suite/{number:04d}",
        house=f"generated/val/{number // 5}",
        object=f"{category}_1",
        category=category,
        instruction=f"pick up the {category}.",
        seed=number,
        success_at_end=not failure and trace.endswith("1"),
        success_once=not failure and "1" in trace,
        first_success_step=trace.index("1") if not failure and "1" in trace else None,
        five_consecutive=not failure and "11111" in trace,
        steps=0 if failure else len(trace) - 1,
        episode_return=0.25 * number,
        jerk=float("nan") if failure else 10.0,
        failure=failure,
    )


def _mixed_traces(count: int) -> list[str]:
    """Successes, failures, lost successes and errors, one after another."""
    kinds = ("0" * 20 + "1" * 21, "0" * 41, "0" * 10 + "1" * 6 + "0" * 25, "!ValueError: broken 3")
    return [kinds[number * 7 % 13 % 4] for number in range(count)]


class Page(HTMLParser):
    """A page taken apart: its elements, the texts of some, and whether tags are balanced."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.rows: list[list[str]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open, f"never closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), (tag, names)
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID | {"link"}:
            self._open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th") and self.rows:
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open and self._open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self._open):
            self.text += data
        if {"td", "th"} & set(self._open):
            self.rows[-1][-1] += data

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.elements)

    def attribute(self, name: str) -> list[str]:
        return [attributes[name] for _, attributes in self.elements if name in attributes]


def _page_of(out: Path, **options: Any) -> Page:
    return Page(write_report(out, **options).read_text(encoding="utf-8"))


def _frame(seed: int, height: int = 180, width: int = 320) -> np.ndarray:
    """A picture with smooth parts and some noise, which compresses about as a rendered one."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 255, (9, 16, 3), np.uint8).repeat(20, 0).repeat(20, 1)
    return (small[:height, :width] // 2 + rng.integers(0, 24, (height, width, 3))).astype(np.uint8)


@pytest.fixture(scope="session")
def write_run() -> Callable[..., Path]:
    """``write_run(out, traces, **config)`` makes a run folder."""
    return _write_run


@pytest.fixture(scope="session")
def mixed_traces() -> Callable[[int], list[str]]:
    """``mixed_traces(count)`` has every kind of outcome."""
    return _mixed_traces


@pytest.fixture(scope="session")
def make_record() -> Callable[[int, str], EpisodeRecord]:
    """``make_record(number, trace)``."""
    return _make_record


@pytest.fixture(scope="session")
def frame() -> Callable[..., np.ndarray]:
    """``frame(seed)`` is a picture."""
    return _frame


@pytest.fixture(scope="session")
def read_page() -> Callable[[str], Page]:
    """``read_page(text)`` takes a page apart and fails if its tags are not balanced."""
    return Page


@pytest.fixture(scope="session")
def page_of() -> Callable[..., Page]:
    """``page_of(out, **options)`` writes the report of a run and reads it."""
    return _page_of


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A complete run of 24 episodes."""
    return _write_run(tmp_path / "run", _mixed_traces(24))
