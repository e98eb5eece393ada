"""Compiled kernels of the placing tasks: boxes, gaps, what carries an object, carry-forward.

Arrays are float64 and contiguous unless stated; poses are world poses, quaternions wxyz. See
``kernels`` for why these are compiled and why helpers stay in their own file.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.jit import helper, kernel

Array = NDArray[np.float64]
Ints = NDArray[np.int32]

OBJECT, RECEPTACLE = 1, 16
"""Bits of ``owner`` (``kernels`` has the robot's): the object and what it is to be put on."""
ON_RECEPTACLE, NEAR_RECEPTACLE = 1, 2
"""Bits of the result of ``survey``: the object touches the receptacle; their boxes are so near that
they might touch."""

(
    SHIFT,
    TILT,
    TURN,
    GAP,
    CARRY_SHIFT,
    CARRY_TURN,
    GOAL_DISTANCE,
    TRANSPORT,
    FALLEN,
    OVER,
    MIDDLE,
    TOPPLED,
) = range(12)
"""Places in the result of ``survey``; m, rad and shares."""
MEASURES = 12

COARSE, FINE = 3.0, 15.0
"""Steepness (1/m) of the two halves of the ``transport`` potential, as for ``reach``."""
LEAN = math.radians(30.0)
"""An object that leans more than this (rad) has begun to fall over."""
NEAR = 0.005
"""Boxes farther apart than this (m) belong to things that do not touch."""
ABOVE_TOP = 0.01
"""An object's base may be this far (m) above the top of a receptacle's box (official)."""
CARRY_POSITION, CARRY_ROTATION = 0.005, math.radians(10.0)
"""An object this near (m, rad) to where it was supported before still is (official)."""


@helper
def _add_box(xpos: Array, xmat: Array, body: int, box: Array, lower: Array, upper: Array) -> None:
    """Grow an axis-aligned box by an oriented one: center (3), rotation (9), half size (3)."""
    for i in range(3):
        middle, reach = xpos[body, i], 0.0
        for k in range(3):
            axis = xmat[body, 3 * i + k]
            middle += axis * box[k]
        for k in range(3):
            along = 0.0
            for j in range(3):
                along += xmat[body, 3 * i + j] * box[3 + 3 * j + k]
            reach += abs(along) * box[12 + k]
        lower[i] = min(lower[i], middle - reach)
        upper[i] = max(upper[i], middle + reach)


@helper
def _box(
    xpos: Array, xmat: Array, bodies: Ints, boxes: Array, first: int, last: int, corners: Array
) -> None:
    """Write the corners (2, 3) of the world-aligned box around some oriented boxes."""
    corners[0], corners[1] = np.inf, -np.inf
    for i in range(first, last):
        _add_box(xpos, xmat, bodies[i], boxes[i], corners[0], corners[1])


@kernel
def world_box(xpos: Array, xmat: Array, bodies: Ints, boxes: Array, corners: Array) -> None:
    """Write the corners of the world-aligned box around oriented boxes.

    Args:
        xpos, xmat: (nbody, 3) and (nbody, 9) poses of the bodies.
        bodies: (n,) int32 body of each box.
        boxes: (n, 15) center (3), rotation (9, row-major) and half size (3) in the body's frame, m.
        corners: (2, 3) out, lower and upper, m.
    """
    _box(xpos, xmat, bodies, boxes, 0, len(bodies), corners)


@helper
def _lies_over(corners: Array, above: float) -> bool:
    """Whether an object's box lies in a receptacle's: the official test without contacts.

    The middle of the object's box is inside the receptacle's seen from above, and its base between
    half the receptacle's height and ``above`` (m) over its top. ``corners`` (4, 3) are the lower
    and upper corner of the object's box, then of the receptacle's.
    """
    for i in range(2):
        middle = 0.5 * (corners[0, i] + corners[1, i])
        if middle < corners[2, i] or middle > corners[3, i]:
            return False
    half_way = 0.5 * (corners[2, 2] + corners[3, 2])
    return bool(half_way <= corners[0, 2] <= corners[3, 2] + above)


@helper
def _above(corners: Array, goal: Array) -> None:
    """Write where the middle of the object's box is when it stands on top of the receptacle's."""
    for i in range(2):
        goal[i] = 0.5 * (corners[2, i] + corners[3, i])
    goal[2] = corners[3, 2] + 0.5 * (corners[1, 2] - corners[0, 2])


@helper
def _beside(corners: Array, gap: float, goal: Array) -> None:
    """Write the nearest middle of the object's box at which it stands level beside the receptacle.

    What is farther than ``gap`` (m) along x or y is brought to that gap along it; what is nearer
    along both is moved out to it along one, the shorter way.
    """
    best, axis, move = np.inf, 0, 0.0
    outside = False
    for i in range(2):
        goal[i] = 0.5 * (corners[0, i] + corners[1, i])
        low = corners[2, i] - gap - corners[1, i]
        high = corners[3, i] + gap - corners[0, i]
        if low > 0.0:
            goal[i] += low
            outside = True
        elif high < 0.0:
            goal[i] += high
            outside = True
        elif not outside and min(-low, high) < best:
            best = min(-low, high)
            axis, move = i, (low if -low < high else high)
    if not outside:
        goal[axis] += move
    goal[2] = corners[2, 2] + 0.5 * (corners[1, 2] - corners[0, 2])


@helper
def _carry(relative: Array, known: Array, count: int, out: Array) -> None:
    """Write distance and angle of the nearest known pose, in terms of the official limits."""
    out[CARRY_SHIFT], out[CARRY_TURN] = np.inf, np.inf
    best = np.inf
    for row in range(count):
        shift, product = 0.0, 0.0
        for i in range(3):
            step = relative[i] - known[row, i]
            shift += step * step
        for i in range(3, 7):
            product += relative[i] * known[row, i]
        shift = math.sqrt(shift)
        turn = 2.0 * math.acos(min(abs(product), 1.0))
        score = max(shift / CARRY_POSITION, turn / CARRY_ROTATION)
        if score < best:
            best = score
            out[CARRY_SHIFT], out[CARRY_TURN] = shift, turn


@helper
def _meet(geoms: Any, owner: Any) -> int:
    """``ON_RECEPTACLE`` where a contact holds one between object and receptacle, else 0."""
    both = OBJECT | RECEPTACLE
    for row in range(len(geoms)):
        if (owner[geoms[row, 0]] | owner[geoms[row, 1]]) & both == both:
            return ON_RECEPTACLE
    return 0


@kernel
def survey(
    geoms: Any,
    owner: Any,
    xpos: Array,
    xquat: Array,
    xmat: Array,
    body: int,
    receptacle: int,
    bodies: Ints,
    boxes: Array,
    own: int,
    start: Array,
    relative: Array,
    known: Array,
    count: int,
    gap: float,
    corners: Array,
    goal: Array,
    out: Array,
) -> int:
    """Everything that a placing task measures of its object and receptacle.

    Args:
        geoms: (n, 2) geoms of the contacts; owner: (ngeom,) uint8 what they belong to.
        xpos, xquat, xmat: (nbody, 3), (nbody, 4) and (nbody, 9) poses of the bodies.
        body, receptacle: the bodies of the two.
        bodies, boxes: oriented boxes, see ``world_box``; the first ``own`` are the object's, the
            others the receptacle's.
        own: how many.
        start: (15,) pose of the receptacle at the start, the vertical in its frame then, height of
            the ground, over how much (m) a fall to it is complete, and the vertical in the object's
            frame at the start.
        relative: (7,) pose of the object in the receptacle's frame.
        known: (m, 7) such poses at which the object was supported; the first ``count`` are valid.
        count: how many.
        gap: wanted gap (m) beside the receptacle; negative: the goal is on top of it.
        corners: (4, 3) out, world-aligned boxes, see ``_lies_over``.
        goal: (3,) out, where the middle of the object's box should be.
        out: (MEASURES,) out: translation of the receptacle, angle by which its up axis moved, angle
            of its whole rotation, horizontal gap between the boxes (0 where they overlap), distance
            and angle of the nearest known pose (infinite without one), distance to the goal and the
            potential that grows with it falling, share of a complete fall, whether the object
            ``lies_over`` the receptacle, the height of the middle of its box, and 0 while it stands
            as at the start to 1 where it lies; m and rad.

    Returns:
        ``ON_RECEPTACLE`` and ``NEAR_RECEPTACLE`` combined.
    """
    _box(xpos, xmat, bodies, boxes, 0, own, corners[:2])
    _box(xpos, xmat, bodies, boxes, own, len(bodies), corners[2:])
    if gap < 0.0:
        _above(corners, goal)
    else:
        _beside(corners, gap, goal)
    total, real, away, apart = 0.0, 0.0, 0.0, 0.0
    for i in range(3):
        step = xpos[receptacle, i] - start[i]
        total += step * step
        step = 0.5 * (corners[0, i] + corners[1, i]) - goal[i]
        away += step * step
    for i in range(4):
        real += xquat[receptacle, i] * start[3 + i]
    for i in range(2):
        step = max(corners[2, i] - corners[1, i], corners[0, i] - corners[3, i], 0.0)
        apart += step * step
    mat = xmat[receptacle]
    cosine = mat[6] * start[7] + mat[7] * start[8] + mat[8] * start[9]
    away = math.sqrt(away)
    out[SHIFT] = math.sqrt(total)
    out[TILT] = math.acos(min(max(cosine, -1.0), 1.0))
    out[TURN] = 2.0 * math.acos(min(abs(real), 1.0))
    out[GAP] = math.sqrt(apart)
    out[GOAL_DISTANCE] = away
    out[TRANSPORT] = 1.0 - 0.5 * (math.tanh(COARSE * away) + math.tanh(FINE * away))
    out[FALLEN] = (start[10] - corners[0, 2]) / start[11]
    out[OVER] = 1.0 if _lies_over(corners, ABOVE_TOP) else 0.0
    own_mat = xmat[body]
    upright = own_mat[6] * start[12] + own_mat[7] * start[13] + own_mat[8] * start[14]
    lean = math.acos(min(max(upright, -1.0), 1.0)) - LEAN
    out[TOPPLED] = min(max(lean / (0.5 * math.pi - LEAN), 0.0), 1.0)
    out[MIDDLE] = 0.5 * (corners[0, 2] + corners[1, 2])
    _carry(relative, known, count, out)
    touched = _meet(geoms, owner)
    level = corners[0, 2] < corners[3, 2] + NEAR and corners[2, 2] < corners[1, 2] + NEAR
    return touched | NEAR_RECEPTACLE if level and out[GAP] < NEAR else touched


@kernel
def beneath(
    xpos: Array,
    xmat: Array,
    bodies: Any,
    boxes: Array,
    roots: Any,
    root: int,
    lower: Array,
    upper: Array,
    tolerance: float,
    share: float,
    found: Any,
) -> int:
    """Write the top-level bodies on which a box stands, judged by boxes; returns how many.

    A geom counts when the top of its box is within ``tolerance`` (m) of the bottom of the box
    ``lower``..``upper`` (3,) and lies under at least ``share`` of its area. ``bodies`` (n,) and
    ``boxes`` (n, 15) describe the candidates, ``roots`` (n,) their top-level bodies.
    """
    count = 0
    low, high = np.empty(3), np.empty(3)
    area = (upper[0] - lower[0]) * (upper[1] - lower[1])
    for i in range(len(bodies)):
        if roots[i] == root:
            continue
        low[:], high[:] = np.inf, -np.inf
        _add_box(xpos, xmat, bodies[i], boxes[i], low, high)
        if not abs(high[2] - lower[2]) <= tolerance:
            continue
        x = min(high[0], upper[0]) - max(low[0], lower[0])
        y = min(high[1], upper[1]) - max(low[1], lower[1])
        if x <= 0.0 or y <= 0.0 or x * y < share * area:
            continue
        known = False
        for k in range(count):
            known |= found[k] == roots[i]
        if not known and count < len(found):
            found[count] = roots[i]
            count += 1
    return count
