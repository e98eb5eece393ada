"""Statistics of a LeRobotDataset: of an episode, and of all of them together.

Names and shapes are those of ``lerobot.datasets.compute_stats`` (0.6): min, max, mean, std, count
and five quantiles; pictures have one number per channel, (3, 1, 1), on a scale of 0 to 1. Ours are
exact within an episode, where LeRobot's own quantiles come from histograms of 5000 bins.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Stats = dict[str, NDArray[np.float64]]

QUANTILES = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}
PICTURES = 100
"""Pictures of an episode that count, at least, evenly over it (LeRobot: all up to 100)."""


def array_stats(rows: NDArray[Any]) -> Stats:
    """Statistics of rows (n, k), each (k,)."""
    values = rows.astype(np.float64)
    found = {
        "min": values.min(axis=0),
        "max": values.max(axis=0),
        "mean": values.mean(axis=0),
        "std": values.std(axis=0),
        "count": np.array([len(rows)]),
    }
    levels = np.quantile(values, list(QUANTILES.values()), axis=0)
    return found | dict(zip(QUANTILES, levels, strict=True))


def picture_stats(frames: NDArray[np.uint8]) -> Stats:
    """Statistics of pictures (n, H, W, 3), each (3, 1, 1); ``count`` is of pictures."""
    every = max(1, len(frames) // PICTURES)
    chosen = frames[::every]
    channels = [_level_stats(np.bincount(chosen[..., c].ravel(), minlength=256)) for c in range(3)]
    found = {
        name: np.array([channel[name] for channel in channels]).reshape(3, 1, 1) / 255.0
        for name in channels[0]
    }
    return found | {"count": np.array([len(chosen)])}


def _level_stats(counts: NDArray[np.int64]) -> dict[str, float]:
    """Statistics of the levels 0 .. 255 that occur ``counts`` (256,) times."""
    total, levels = counts.sum(), np.arange(256.0)
    seen = np.flatnonzero(counts)
    mean = float(counts @ levels / total)
    below = np.cumsum(counts)
    found = {
        "min": float(seen[0]),
        "max": float(seen[-1]),
        "mean": mean,
        "std": float(np.sqrt(counts @ (levels - mean) ** 2 / total)),
    }
    return found | {
        name: float(np.searchsorted(below, share * total)) for name, share in QUANTILES.items()
    }


def joint_stats(episodes: Sequence[Mapping[str, Stats]]) -> dict[str, Stats]:
    """Statistics of all episodes from those of each, feature by feature.

    As LeRobot does it: quantiles are the means of the episodes' own, weighted by their counts.
    """
    return {key: _joint([stats[key] for stats in episodes]) for key in episodes[0]}


def _joint(parts: Sequence[Stats]) -> Stats:
    stacked = {name: np.stack([part[name] for part in parts]) for name in parts[0]}
    counts = stacked["count"].astype(np.float64)
    total = counts.sum()
    weights = (counts / total).reshape(-1, *[1] * (stacked["mean"].ndim - 1))
    mean = (weights * stacked["mean"]).sum(axis=0)
    variance = (weights * (stacked["std"] ** 2 + (stacked["mean"] - mean) ** 2)).sum(axis=0)
    found = {
        "min": stacked["min"].min(axis=0),
        "max": stacked["max"].max(axis=0),
        "mean": mean,
        "std": np.sqrt(variance),
        "count": stacked["count"].sum(axis=0),
    }
    return found | {name: (weights * stacked[name]).sum(axis=0) for name in QUANTILES}
