"""What both simulators see of the same state, and after the same actions."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.benchmarks.parity.bench import Bench
from molmospaces_gym.benchmarks.parity.episodes import same_start, subject_parts
from molmospaces_gym.benchmarks.parity.results import Measured, Pictured

SIZE = (160, 120)
STEPS, ACTION = 10, 0.2
DEPTH_SCALE = 50.0
"""Grey levels per centimetre of difference in a picture of depth."""
FARTHEST = 5.0
"""Depth (m) that is shown black."""
COLOUR_SCALE = 4.0
"""How many times a difference of colours is enlarged in its picture."""
Seen = Mapping[str, NDArray[Any]]


def camera(bench: Bench, subject: str) -> Iterator[Measured | Pictured]:
    """Colour and depth of every camera of the robot."""
    settings: dict[str, Any] = {
        "obs_mode": "rgbd",
        "image_size": list(SIZE),
        "action_mode": "joint_delta",
    }
    with bench.envs(*subject_parts(subject), **settings) as (reference, other):
        first, second = same_start(bench, (reference, other))
        yield from _compare(bench, subject, "at the start", reference.layout, first, second)
        action = np.full(reference.action_space.shape, ACTION, np.float32)
        for _ in range(STEPS):
            first, second = reference.step(action)[0], other.step(action)[0]
        yield from _compare(bench, subject, "after 10 steps", reference.layout, first, second)


def _compare(
    bench: Bench, subject: str, when: str, layout: Any, first: Seen, second: Seen
) -> Iterator[Measured | Pictured]:
    depths, colours = [], []
    for name in layout.cameras:
        pair = first[name], second[name]
        depth = tuple(seen[f"{name}_depth"].reshape(SIZE[::-1]) for seen in (first, second))
        depths.append(1e3 * np.abs(depth[0] - depth[1]))
        colours.append(np.abs(pair[0].astype(float) - pair[1].astype(float)))
        grown = np.minimum(COLOUR_SCALE * colours[-1], 255).astype(np.uint8)
        yield Pictured(subject, f"{name} {when}", *pair, grown)
        off = np.minimum(depths[-1] / 10 * DEPTH_SCALE, 255).astype(np.uint8)
        yield Pictured(
            subject, f"depth of {name} {when}", _grey(depth[0]), _grey(depth[1]), _rgb(off)
        )
    middle = max(float(np.median(each)) for each in depths)
    yield bench.row("camera", subject, f"depth {when}, median", middle)
    if when == "at the start":
        worst = max(float(np.median(each)) for each in colours)
        whose = "of another renderer " if "renderer" in bench.env_kwargs else ""
        yield bench.row("camera", subject, f"colour {whose}{when}, median", worst)
    else:
        worst = max(float(np.percentile(each, 99)) for each in depths)
        yield bench.row("camera", subject, f"depth {when}, 99 %", worst)


def _grey(depth: NDArray[Any]) -> NDArray[np.uint8]:
    """A picture of depths (m), near is bright."""
    return _rgb((255 * (1 - np.clip(depth / FARTHEST, 0, 1))).astype(np.uint8))


def _rgb(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.repeat(grey[..., None], 3, axis=2)
