"""Plots as inline SVG whose lengths are percentages, so that text stays crisp at every width."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.benchmarks.report.markup import Html, join, tag
from molmospaces_gym.benchmarks.stats import Interval, wilson_interval

Y_TICKS = (0, 25, 50, 75, 100)
X_STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)
"""Distances between ticks of an axis of steps, of which the first that gives few is taken."""
MOST_X_TICKS = 7


@dataclass(frozen=True)
class Line:
    """A named curve: ``counts`` (T + 1,) successes out of ``total``; ``kind`` is its CSS class."""

    name: str
    kind: str
    counts: NDArray[np.int64]
    total: int


def percent(value: float) -> str:
    """A fraction as ``12.3 %``."""
    return f"{100 * value:.1f} %"


def span(low: float, high: float) -> str:
    """An interval of fractions as ``75.8 to 100.0 %``."""
    return f"{percent(low).removesuffix(' %')} to {percent(high)}"


def interval_bar(name: str, value: float, interval: Interval) -> Html:
    """A dot at a rate on the bar of its interval, over an axis from 0 to 100 %."""
    low, high = interval
    label = f"{name}: {percent(value)}, 95 % interval {span(low, high)}"
    ticks = [tag("line", x1=f"{x}%", x2=f"{x}%", y1="0", y2="100%", class_="grid") for x in Y_TICKS]
    return tag(
        "svg",
        *ticks,
        tag("line", x1=_x(low), x2=_x(high), y1="50%", y2="50%", class_="interval"),
        tag("circle", cx=_x(value), cy="50%", r=5, class_="dot"),
        class_="bar",
        role="img",
        aria_label=label,
    )


def share_bar(share: float, label: str) -> Html:
    """A plain bar of a share in [0, 1]."""
    bar = tag("rect", width=_x(share), height="100%", rx=3, class_="share")
    return tag("svg", bar, class_="bar thin", role="img", aria_label=label)


def trace_strip(trace: str, steps: int) -> Html:
    """When an episode was successful: a strip of ``steps`` actions with the good part filled."""
    width = max(steps, len(trace) - 1) + 1
    parts = [
        tag(
            "rect",
            x=f"{100 * start / width:.2f}%",
            width=f"{100 * (end - start) / width:.2f}%",
            height="100%",
        )
        for start, end in _runs(trace)
    ]
    held = f"success at {trace.count('1')} of {len(trace)} moments"
    return tag("svg", *parts, class_="strip", role="img", aria_label=held)


def line_chart(lines: Sequence[Line], dt: float, label: str, band: Line | None = None) -> Html:
    """Share of episodes over steps. ``dt`` (s) gives the time of the last step.

    ``band`` is the line that gets its 95 % Wilson interval at every step.
    """
    steps = max(len(line.counts) for line in lines) - 1
    drawing = tag(
        "svg",
        *[_rule(y) for y in Y_TICKS],
        None if band is None else tag("polygon", points=_band(band), class_=f"band {band.kind}"),
        *[tag("polyline", points=_steps(line), class_=f"line {line.kind}") for line in lines],
        viewBox=f"0 0 {max(steps, 1)} 100",
        preserveAspectRatio="none",
        role="img",
        aria_label=label,
    )
    marks = [tag("span", f"{y} %", class_="y", style=f"bottom:{y}%") for y in Y_TICKS]
    marks += [
        tag("span", str(x), class_="x", style=f"left:{100 * x / max(steps, 1):.2f}%")
        for x in _x_ticks(steps)
    ]
    keys = [tag("li", tag("i", class_=f"key {line.kind}"), line.name) for line in lines]
    axis = f"steps taken ({steps} steps are {steps * dt:.1f} s)" if dt else "steps taken"
    return join(
        tag("ul", *keys, class_="legend"),
        tag("div", drawing, tag("div", *marks, aria_hidden="true"), class_="plot"),
        tag("p", axis, class_="axis"),
    )


def _x(value: float) -> str:
    return f"{100 * value:.2f}%"


def _rule(y: int) -> Html:
    return tag("line", x1="0", x2="100%", y1=100 - y, y2=100 - y, class_="grid")


def _runs(trace: str) -> list[tuple[int, int]]:
    """Start and end of every run of ``1``."""
    marks = np.frombuffer(f"0{trace}0".encode(), np.uint8) == ord("1")
    edges = np.flatnonzero(marks[1:] != marks[:-1])
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _corners(values: NDArray[np.float64]) -> list[tuple[int, float]]:
    """Points of a staircase through ``values`` at 0, 1, ...: two for each change."""
    points = [(0, float(values[0]))]
    for step in np.flatnonzero(np.diff(values)) + 1:
        points += [(int(step), points[-1][1]), (int(step), float(values[step]))]
    return [*points, (len(values) - 1, points[-1][1])]


def _points(corners: Sequence[tuple[int, float]]) -> str:
    return " ".join(f"{x},{100 - 100 * y:.2f}".replace(".00", "") for x, y in corners)


def _steps(line: Line) -> str:
    return _points(_corners(line.counts / max(line.total, 1)))


def _band(line: Line) -> str:
    limits = {int(n): wilson_interval(int(n), line.total) for n in np.unique(line.counts)}
    low = _corners(np.array([limits[int(n)].low for n in line.counts]))
    high = _corners(np.array([limits[int(n)].high for n in line.counts]))
    return _points([*high, *reversed(low)])


def _x_ticks(steps: int) -> range:
    fitting = (size for size in X_STEPS if steps / size <= MOST_X_TICKS)
    return range(0, steps + 1, next(fitting, max(1, steps)))
