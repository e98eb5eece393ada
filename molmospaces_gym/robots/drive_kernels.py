"""Compiled geometry of a driving base: upright boxes and columns seen from above.

A part of the robot is a row ``x, y, half_x, half_y, radius`` in the base's own axes (``radius``
that of its circumscribed circle). An obstacle is a row ``x, y, cos, sin, half_x, half_y, radius``:
a box turned by the angle of ``cos`` and ``sin``, or a column of that radius where both halves are
zero; for a box ``radius`` is that of its circumscribed circle. Lengths in metres, poses are x, y
and heading.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.jit import helper, kernel

Array = NDArray[np.float64]

STRIDE, TURN_STRIDE = 0.02, 0.03
"""Distance (m) and angle (rad) between the poses at which a motion is tested. The thinnest things
that stop a base, legs of chairs and tables, are wider than a stride is long."""
HALVINGS = 5
"""Refinements of the last free pose: it is within a millimetre of what stops the base."""


@helper
def _beside(x: float, y: float, part: Array, thing: Array, cos: float, sin: float) -> bool:
    """Whether two boxes do not overlap; the part's middle is at x, y and its axis at cos, sin."""
    dx, dy = thing[0] - x, thing[1] - y
    # Both boxes against the part's axes, then against the thing's.
    along, across = cos * dx + sin * dy, cos * dy - sin * dx
    c = cos * thing[2] + sin * thing[3]
    s = cos * thing[3] - sin * thing[2]
    ac, as_ = abs(c), abs(s)
    if abs(along) >= part[2] + ac * thing[4] + as_ * thing[5]:
        return True
    if abs(across) >= part[3] + as_ * thing[4] + ac * thing[5]:
        return True
    if abs(c * along + s * across) >= thing[4] + ac * part[2] + as_ * part[3]:
        return True
    return bool(abs(c * across - s * along) >= thing[5] + as_ * part[2] + ac * part[3])


@helper
def _meets(pose: Array, part: Array, thing: Array) -> bool:
    """Whether a part of the robot at ``pose`` overlaps a thing."""
    cos, sin = math.cos(pose[2]), math.sin(pose[2])
    x = pose[0] + cos * part[0] - sin * part[1]
    y = pose[1] + sin * part[0] + cos * part[1]
    dx, dy = thing[0] - x, thing[1] - y
    reach = part[4] + thing[6]
    if dx * dx + dy * dy >= reach * reach:
        return False
    if thing[4] == 0.0 and thing[5] == 0.0:
        along, across = abs(cos * dx + sin * dy), abs(cos * dy - sin * dx)
        outside, aside = max(along - part[2], 0.0), max(across - part[3], 0.0)
        return bool(outside * outside + aside * aside < thing[6] * thing[6])
    return not _beside(x, y, part, thing, cos, sin)


@kernel
def meeting(pose: Array, parts: Array, things: Array, pairs: Any) -> Any:
    """Which of the ``pairs`` (n, 2) of part and thing overlap at a pose: (n,) bool."""
    found = np.zeros(len(pairs), np.bool_)
    for k in range(len(pairs)):
        found[k] = _meets(pose, parts[pairs[k, 0]], things[pairs[k, 1]])
    return found


@helper
def _is_free(pose: Array, parts: Array, things: Array, pairs: Any, near: Any, count: int) -> bool:
    for k in range(count):
        pair = pairs[near[k]]
        if _meets(pose, parts[pair[0]], things[pair[1]]):
            return False
    return True


@helper
def _between(start: Array, end: Array, share: float, out: Array) -> None:
    for i in range(3):
        out[i] = start[i] + share * (end[i] - start[i])


@helper
def _sweep(
    pose: Array, end: Array, parts: Array, things: Array, pairs: Any, near: Any, count: int
) -> bool:
    """Move ``pose`` towards ``end`` as far as nothing is in the way; whether it arrived."""
    x, y, turn = end[0] - pose[0], end[1] - pose[1], abs(end[2] - pose[2])
    steps = int(math.ceil(max(math.sqrt(x * x + y * y) / STRIDE, turn / TURN_STRIDE)))
    if steps == 0:
        return True
    start, probe = pose.copy(), np.empty(3)
    free = 0.0
    for k in range(1, steps + 1):
        share = k / steps
        _between(start, end, share, probe)
        if _is_free(probe, parts, things, pairs, near, count):
            free = share
            continue
        blocked = share
        for _ in range(HALVINGS):
            middle = 0.5 * (free + blocked)
            _between(start, end, middle, probe)
            if _is_free(probe, parts, things, pairs, near, count):
                free = middle
            else:
                blocked = middle
        _between(start, end, free, pose)
        return False
    pose[:] = end
    return True


@kernel
def drive(pose: Array, end: Array, parts: Array, things: Array, pairs: Any) -> bool:
    """Move ``pose`` (3,) towards ``end`` (3,) without overlapping things; whether it arrived.

    What is left of a motion that is stopped is tried once more as a turn alone, then forward alone
    and to the left alone, so that a base at a wall can turn away and roll along it.
    """
    x, y, turn = end[0] - pose[0], end[1] - pose[1], abs(end[2] - pose[2])
    travel = math.sqrt(x * x + y * y)
    near, count = np.empty(len(pairs), np.intp), 0
    cos, sin = math.cos(pose[2]), math.sin(pose[2])
    for k in range(len(pairs)):
        part, thing = parts[pairs[k, 0]], things[pairs[k, 1]]
        dx = thing[0] - pose[0] - cos * part[0] + sin * part[1]
        dy = thing[1] - pose[1] - sin * part[0] - cos * part[1]
        swing = turn * math.sqrt(part[0] * part[0] + part[1] * part[1])
        reach = part[4] + thing[6] + travel + swing
        if dx * dx + dy * dy < reach * reach:
            near[count] = k
            count += 1
    if count == 0:
        pose[:] = end
        return True
    if _sweep(pose, end, parts, things, pairs, near, count):
        return True
    rest = pose.copy()
    rest[2] = end[2]
    _sweep(pose, rest, parts, things, pairs, near, count)
    cos, sin = math.cos(pose[2]), math.sin(pose[2])
    x, y = end[0] - pose[0], end[1] - pose[1]
    forward, left = cos * x + sin * y, cos * y - sin * x
    rest[0], rest[1], rest[2] = pose[0] + forward * cos, pose[1] + forward * sin, pose[2]
    _sweep(pose, rest, parts, things, pairs, near, count)
    rest[0], rest[1] = pose[0] - left * sin, pose[1] + left * cos
    _sweep(pose, rest, parts, things, pairs, near, count)
    return False
