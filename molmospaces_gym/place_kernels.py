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
ON_RECEPTACLE, RECEPTACLE_TOUCHED = 1, 2
"""Bits of ``receptacle_touches``: the object, and the robot, touch the receptacle."""
ROBOT = 2

SHIFT, TILT, TURN, GAP, CARRY_SHIFT, CARRY_TURN = range(6)
"""Places in the result of ``survey``, m and rad."""
MEASURES = 6

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


@kernel
def world_box(
    xpos: Array, xmat: Array, bodies: Ints, boxes: Array, lower: Array, upper: Array
) -> None:
    """Write the corners of the world-aligned box around oriented boxes.

    Args:
        xpos, xmat: (nbody, 3) and (nbody, 9) poses of the bodies.
        bodies: (n,) int32 body of each box.
        boxes: (n, 15) center (3), rotation (9, row-major) and half size (3) in the body's frame, m.
        lower, upper: (3,) out, m.
    """
    lower[:], upper[:] = np.inf, -np.inf
    for i in range(len(bodies)):
        _add_box(xpos, xmat, bodies[i], boxes[i], lower, upper)


@kernel
def distance_to(corners: Array, goal: Array) -> float:
    """Distance (m) from the middle of a box, the first two rows of ``corners``, to a point."""
    total = 0.0
    for i in range(3):
        step = 0.5 * (corners[0, i] + corners[1, i]) - goal[i]
        total += step * step
    return math.sqrt(total)


@kernel
def above(corners: Array, goal: Array) -> None:
    """Write where the middle of the object's box is when it stands on top of the receptacle's."""
    for i in range(2):
        goal[i] = 0.5 * (corners[2, i] + corners[3, i])
    goal[2] = corners[3, 2] + 0.5 * (corners[1, 2] - corners[0, 2])


@kernel
def beside(corners: Array, gap: float, goal: Array) -> None:
    """Write the nearest middle of the object's box at which it stands level beside the receptacle.

    Along x or y, whichever is less way, its box is brought to ``gap`` (m) from the receptacle's;
    what is nearer than that along both is moved out along one.
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


@kernel
def closeness(distance: float, coarse: float, fine: float) -> float:
    """1 at distance 0 m and 0 far away, steep near and still felt from afar."""
    return 1.0 - 0.5 * (math.tanh(coarse * distance) + math.tanh(fine * distance))


@kernel
def lies_over(corners: Array, above: float) -> bool:
    """Whether an object's box lies in a receptacle's: the official test without contacts.

    The middle of the object's box is inside the receptacle's seen from above, and its base between
    half the receptacle's height and ``above`` (m) over its top.

    Args:
        corners: (4, 3) lower and upper corner of the object's box, then of the receptacle's.
        above: m.
    """
    for i in range(2):
        middle = 0.5 * (corners[0, i] + corners[1, i])
        if middle < corners[2, i] or middle > corners[3, i]:
            return False
    half_way = 0.5 * (corners[2, 2] + corners[3, 2])
    return half_way <= corners[0, 2] <= corners[3, 2] + above


@kernel
def receptacle_touches(geoms: Any, owner: Any) -> int:
    """Whether the object (``ON_RECEPTACLE``) and the robot touch the receptacle.

    ``geoms`` (n, 2) are the geoms of the contacts, ``owner`` (ngeom,) uint8 what they belong to.
    """
    found = 0
    for row in range(len(geoms)):
        first, second = owner[geoms[row, 0]], owner[geoms[row, 1]]
        if not (first | second) & RECEPTACLE:
            continue
        partner = second if first & RECEPTACLE else first
        if partner & OBJECT:
            found |= ON_RECEPTACLE
        elif partner & ROBOT:
            found |= RECEPTACLE_TOUCHED
    return found


@kernel
def survey(
    xpos: Array,
    xquat: Array,
    xmat: Array,
    receptacle: int,
    start: Array,
    up: Array,
    boxes: Array,
    relative: Array,
    known: Array,
    count: int,
    out: Array,
) -> None:
    """How far the receptacle has gone, the gap to it, and how near a known rest is.

    Args:
        xpos, xquat, xmat: (nbody, 3), (nbody, 4) and (nbody, 9) poses of the bodies.
        receptacle: its body.
        start: (7,) its pose at the start.
        up: (3,) the vertical in its own frame at the start.
        boxes: (4, 3) lower and upper corner of the object's box, then of the receptacle's.
        relative: (7,) pose of the object in the receptacle's frame.
        known: (m, 7) such poses at which the object was supported; the first ``count`` are valid.
        count: how many.
        out: (MEASURES,) out: translation of the receptacle, angle by which its up axis moved, angle
            of its whole rotation, horizontal gap between the two boxes (0 where they overlap), and
            the distance and angle of the nearest known pose (infinite without one), m and rad.
    """
    total, real = 0.0, 0.0
    for i in range(3):
        step = xpos[receptacle, i] - start[i]
        total += step * step
    for i in range(4):
        real += xquat[receptacle, i] * start[3 + i]
    out[SHIFT] = math.sqrt(total)
    out[TURN] = 2.0 * math.acos(min(abs(real), 1.0))
    mat = xmat[receptacle]
    cosine = mat[6] * up[0] + mat[7] * up[1] + mat[8] * up[2]
    out[TILT] = math.acos(min(max(cosine, -1.0), 1.0))
    gap = 0.0
    for i in range(2):
        apart = max(boxes[2, i] - boxes[1, i], boxes[0, i] - boxes[3, i], 0.0)
        gap += apart * apart
    out[GAP] = math.sqrt(gap)
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


@kernel
def carrying(
    geoms: Any,
    push: Array,
    normal: Array,
    position: Array,
    owner: Any,
    middle: float,
    cosine: float,
    force: Array,
) -> bool:
    """What the receptacle exerts on the object, and whether a contact carries it.

    Args:
        geoms: (n, 2) geoms of the contacts; owner: (ngeom,) uint8 what they belong to.
        push, normal, position: (n, 3) force and normal from the first to the second geom (N), m.
        middle: height of the middle of the object's box, m.
        cosine: of the largest angle between the vertical and the normal of a carrying contact.
        force: (3,) out, net force on the object, N.

    Returns:
        Whether a contact with the receptacle lies below ``middle`` and faces up.
    """
    force[:] = 0.0
    faces_up = False
    for row in range(len(geoms)):
        first, second = owner[geoms[row, 0]], owner[geoms[row, 1]]
        if not ((first | second) & OBJECT and (first | second) & RECEPTACLE):
            continue
        sign = 1.0 if second & OBJECT else -1.0
        for i in range(3):
            force[i] += sign * push[row, i]
        faces_up |= position[row, 2] < middle and sign * normal[row, 2] >= cosine
    return faces_up


@kernel
def supporters(
    geoms: Any,
    normal: Any,
    position: Any,
    roots: Any,
    root: int,
    middle: float,
    cosine: float,
    found: Any,
) -> int:
    """Write the top-level bodies that support a body by contact; returns how many.

    A contact supports when it lies below ``middle`` (m) with its normal within the angle of
    ``cosine`` from the vertical. ``roots`` (ngeom,) are the top-level bodies of the geoms;
    ``found`` (k,) out.
    """
    count = 0
    for row in range(len(geoms)):
        first, second = roots[geoms[row, 0]], roots[geoms[row, 1]]
        if first == second or (first != root and second != root):
            continue
        sign = 1.0 if second == root else -1.0
        if position[row, 2] < middle and sign * normal[row, 2] > cosine:
            other = first if second == root else second
            known = False
            for i in range(count):
                known |= found[i] == other
            if not known and count < len(found):
                found[count] = other
                count += 1
    return count


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
