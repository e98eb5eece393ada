"""The scatter plot of ``correlate``: simulation against reality."""

from pathlib import Path
from typing import Any

import numpy as np

from molmospaces_gym.benchmarks.correlation import Correlation
from molmospaces_gym.benchmarks.sim_real import Score
from molmospaces_gym.benchmarks.stats import wilson_interval

COLORS = ("#1f5fa8", "#c1440e", "#2e7d32", "#7b3fa0", "#8a6d00", "#00838f")
MARKERS = "osD^vP"
MAX_LABELLED = 25
"""Points beyond which names would hide the points."""


def scatter(found: Correlation, path: Path) -> Path:
    """Write the plot as PNG: a point per pair, Wilson bars where counted, the fitted line."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 6.2), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 100], [0, 100], color="#999999", linestyle=":", label="equal rates")
    _fitted_line(axes, found)
    tasks = list(dict.fromkeys(pair.task for pair in found.pairs))
    for place, task in enumerate(tasks):
        _task_points(axes, found, task, place)
    if len(found.pairs) <= MAX_LABELLED:
        _names(axes, found)
    axes.set(xlim=(-3, 103), ylim=(-3, 103), aspect="equal")
    axes.set_xlabel("success in simulation, %")
    axes.set_ylabel("success on the real robot, %")
    axes.set_title(_title(found), fontsize=10)
    axes.grid(color="#e5e5e5", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.legend(loc="upper left", fontsize=8, framealpha=0.9)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    return path


def _title(found: Correlation) -> str:
    best = found.overall
    parts = []
    for name, measure in (("Pearson", best.pearson), ("Spearman", best.spearman)):
        low, high = measure.interval
        parts.append(f"{name} {measure.value:.2f} [{low:.2f}, {high:.2f}]")
    low, high = best.mmrv.interval
    return (
        f"{best.policies} policies, {best.pairs} pairs: {parts[0]}\n"
        f"{parts[1]}, MMRV {best.mmrv.value:.3f} [{low:.3f}, {high:.3f}]"
    )


def _fitted_line(axes: Any, found: Correlation) -> None:
    slope, intercept = found.overall.slope, found.overall.intercept
    if np.isnan(slope):
        return
    ends = np.array([min(p.sim.rate for p in found.pairs), max(p.sim.rate for p in found.pairs)])
    label = f"least squares, slope {slope:.2f}"
    axes.plot(100 * ends, 100 * (intercept + slope * ends), color="#444444", label=label)


def _task_points(axes: Any, found: Correlation, task: str, place: int) -> None:
    pairs = [pair for pair in found.pairs if pair.task == task]
    axes.errorbar(
        [100 * pair.sim.rate for pair in pairs],
        [100 * pair.real.rate for pair in pairs],
        xerr=np.array([_bar(pair.sim, found.confidence) for pair in pairs]).T,
        yerr=np.array([_bar(pair.real, found.confidence) for pair in pairs]).T,
        fmt=MARKERS[place % len(MARKERS)],
        color=COLORS[place % len(COLORS)],
        ecolor=COLORS[place % len(COLORS)] + "88",
        elinewidth=1,
        capsize=2,
        markersize=5,
        label=_plain_text(task) or "policies",
    )


def _bar(score: Score, confidence: float) -> tuple[float, float]:
    """Lengths below and above the point in %, 0 where the file has no counts."""
    if score.successes is None or score.total is None:
        return 0.0, 0.0
    low, high = wilson_interval(score.successes, score.total, confidence)
    return 100 * max(score.rate - low, 0.0), 100 * max(high - score.rate, 0.0)


def _names(axes: Any, found: Correlation) -> None:
    """Policy names, left of the point in the right half so that they stay inside."""
    from matplotlib.patheffects import withStroke

    halo = withStroke(linewidth=3, foreground="white")
    for pair in found.pairs:
        right = pair.sim.rate > 0.5
        axes.annotate(
            _plain_text(pair.policy),
            (100 * pair.sim.rate, 100 * pair.real.rate),
            xytext=(-6 if right else 6, 4),
            textcoords="offset points",
            ha="right" if right else "left",
            fontsize=8,
            path_effects=[halo],
        )


def _plain_text(text: str) -> str:
    """Dollar signs would switch matplotlib to its formula language."""
    return text.replace("$", r"\$")
