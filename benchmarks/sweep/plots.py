"""One picture per axis: success at each level, and its difference to the reference."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.benchmarks.clusters import FEW_HOUSES
from molmospaces_gym.benchmarks.sweep.axis import Axis
from molmospaces_gym.benchmarks.sweep.results import LevelResult

BLUE, ORANGE, GREY = "#1f5fa8", "#c1440e", "#777777"
LONG = 9
"""Letters of a level from which names are slanted, so that they do not run into each other."""


def plot_axis(axis: Axis, rows: Sequence[LevelResult], head: Mapping[str, Any], path: Path) -> Path:
    """Write the picture of an axis as PNG: a line over numbers, bars over words.

    Args:
        axis: the axis.
        rows: its levels, in the order in which they are shown.
        head: ``policy``, ``benchmark`` and ``confidence`` of the sweep.
        path: the file.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 5.6), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    places = _places(axis, rows)
    _rates(top, axis, rows, places)
    _differences(bottom, axis, rows, places)
    _level_names(bottom, axis, rows, places)
    unit = f" ({axis.unit})" if axis.unit and axis.ordered else ""
    bottom.set_xlabel(f"{axis.title}{unit}")
    figure.legend(*top.get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8)
    top.set_title(_title(axis, rows, head), fontsize=10)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    return path


def _places(axis: Axis, rows: Sequence[LevelResult]) -> NDArray[np.float64]:
    """Where the levels stand on the x axis (n,)."""
    if not axis.ordered:
        return np.arange(len(rows), dtype=np.float64)
    return np.array([row.value for row in rows], dtype=np.float64)


def _rates(axes: Any, axis: Axis, rows: Sequence[LevelResult], places: NDArray[np.float64]) -> None:
    rates = np.array([100 * row.rate for row in rows])
    wide = np.array([row.cluster for row in rows]).T * 100
    narrow = np.array([row.wilson for row in rows]).T * 100
    if axis.ordered:
        axes.plot(places, rates, color=BLUE, linewidth=1.5, zorder=2)
    else:
        colors = [GREY if row.reference else BLUE for row in rows]
        axes.bar(places, rates, width=0.5, color=colors, alpha=0.25, zorder=1)
    axes.vlines(places, *wide, color=BLUE, linewidth=1.2, zorder=3, label="interval over houses")
    axes.vlines(places, *narrow, color=BLUE, linewidth=5, alpha=0.45, zorder=2, label="Wilson")
    marks = np.array([row.reference for row in rows])
    axes.plot(places[~marks], rates[~marks], "o", color=BLUE, zorder=4)
    axes.plot(places[marks], rates[marks], "D", color=ORANGE, zorder=5, label="reference")
    axes.set(ylim=(-4, 104), ylabel="success at end, %")
    _dress(axes)


def _differences(
    axes: Any, axis: Axis, rows: Sequence[LevelResult], places: NDArray[np.float64]
) -> None:
    others = np.array([not row.reference for row in rows])
    axes.axhline(0.0, color=ORANGE, linewidth=1.2)
    shown = [row for row in rows if not row.reference]
    if shown:
        spans = np.array([row.difference_span for row in shown]).T * 100
        axes.vlines(places[others], *spans, color=BLUE, linewidth=1.2)
        axes.plot(places[others], [100 * row.difference for row in shown], "o", color=BLUE)
    axes.set_ylabel("change, points")
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, -12), max(high, 12))
    _dress(axes)


def _level_names(
    axes: Any, axis: Axis, rows: Sequence[LevelResult], places: NDArray[np.float64]
) -> None:
    if axis.scale == "log":
        axes.set_xscale("log")
    axes.set_xticks(places, [_plain(row.level) for row in rows])
    axes.minorticks_off()
    if not axis.ordered:
        axes.set_xlim(-0.6, len(rows) - 0.4)
        if max(len(row.level) for row in rows) > LONG:
            axes.tick_params(axis="x", labelrotation=20)


def _dress(axes: Any) -> None:
    axes.grid(axis="y", color="#e5e5e5", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _title(axis: Axis, rows: Sequence[LevelResult], head: Mapping[str, Any]) -> str:
    houses, total = max(row.houses for row in rows), max(row.total for row in rows)
    lines = [
        f"{axis.name}: {_plain(head['policy'])} on {_plain(Path(head['benchmark']).name)}, "
        f"{total} episodes in {houses} houses, {100 * head['confidence']:g} % intervals"
    ]
    if houses < FEW_HOUSES:
        lines.append(f"fewer than {FEW_HOUSES} houses: intervals over houses are not to be trusted")
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Dollar signs would switch matplotlib to its formula language."""
    return str(text).replace("$", r"\$")
