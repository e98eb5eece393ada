"""Joint paths turned into one command per control step."""

from collections.abc import Callable, Iterator

import numpy as np

from molmospaces_gym.robots.chain import ArmChain
from molmospaces_gym.scenes.model import Array

JOINT_SPEED = 1.0
"""Fastest joint motion of a free move, rad/s."""
RAMP = 0.25
"""Time (s) over which a move speeds up and slows down."""

RAISES = (0.15, 0.3)
"""Heights (m) of the detours tried when the direct way is blocked."""
SPACING = 0.15
"""Joint motion (rad) between two collision checks of a free move."""


def timed_path(path: Array, duration: float, dt: float) -> Array:
    """Commands (T, n) along a joint path (K, n) at even spacing of ``path``'s rows.

    The speed rises and falls linearly over ``RAMP`` seconds; the last row is the path's end.
    """
    duration = max(duration, dt)
    ramp = min(RAMP, duration)
    total = duration + ramp
    time = np.linspace(0.0, total, int(np.ceil(total / dt)) + 1)[1:]
    row = _ramped(time, total, ramp) * (len(path) - 1)
    return np.stack([np.interp(row, np.arange(len(path)), q) for q in path.T], axis=1)


def _ramped(time: Array, total: float, ramp: float) -> Array:
    """Travelled share (0..1) of a trapezoidal speed profile."""
    peak = 1.0 / (total - ramp)
    rising = 0.5 * peak * np.minimum(time, ramp) ** 2 / ramp
    even = peak * np.clip(time - ramp, 0.0, total - 2 * ramp)
    late = np.clip(time - (total - ramp), 0.0, ramp)
    return np.minimum(rising + even + peak * (late - 0.5 * late**2 / ramp), 1.0)


def free_duration(path: Array) -> float:
    """Seconds of a free move along joint positions (K, n)."""
    return float(np.abs(np.diff(path, axis=0)).max(axis=1).sum()) / JOINT_SPEED


def even_path(path: Array, spacing: float) -> Array:
    """The polyline (K, n) resampled so that no joint moves more than ``spacing`` per row."""
    lengths = np.abs(np.diff(path, axis=0)).max(axis=1)
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    if along[-1] < 1e-9:
        return path[-1:].copy()
    points = np.linspace(0.0, along[-1], max(2, int(np.ceil(along[-1] / spacing)) + 1))
    return np.stack([np.interp(points, along, column) for column in path.T], axis=1)


def straight_line(
    chain: ArmChain, start: Array, shift: Array, spacing: float = 0.01
) -> Array | None:
    """Joint positions (K, n) whose tool moves by ``shift`` (3,) m in a straight line.

    The first row is ``start`` (n,) and the orientation is kept. None where the arm cannot.
    """
    count = max(1, int(np.ceil(np.linalg.norm(shift) / spacing)))
    targets = np.tile(chain.poses(start), (count, 1, 1))
    targets[:, :3, 3] += np.linspace(0.0, 1.0, count + 1)[1:, None] * shift
    path, solved = chain.solve(targets, start, iterations=12)
    if not solved.all():
        return None
    return np.concatenate([start[None], path])


def free_path(
    chain: ArmChain,
    ends: Array,
    home: Array,
    up: Array,
    blocked: Callable[[Array], bool],
) -> Array | None:
    """A joint path (K, n) between two positions: direct, or over raised poses, or over home.

    Args:
        chain: the arm.
        ends: joint positions (2, n) of start and end.
        home: joint positions (n,) of a pose with space around it.
        up: the vertical (3,) in the root link's frame.
        blocked: whether something is in the way at any of the joint positions (K, n).
    """
    for via in _detours(chain, ends[0], ends[1], home, up):
        path = even_path(np.stack([ends[0], *via, ends[1]]), SPACING)
        if not blocked(path[1:-1]):
            return path
    return None


def _detours(
    chain: ArmChain, start: Array, end: Array, home: Array, up: Array
) -> Iterator[list[Array]]:
    yield []
    for height in RAISES:
        first = straight_line(chain, start, height * up, 0.05)
        last = straight_line(chain, end, height * up, 0.05)
        if last is not None:
            yield list(last[:0:-1])
            if first is not None:
                yield [*first[1:], *last[:0:-1]]
        if first is not None:
            yield list(first[1:])
    facing = home.copy()
    facing[0] = end[0]
    yield [facing]
