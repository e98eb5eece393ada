"""Compiled kernels that judge how a robot touches and comes near an object or a handle.

Poses are world poses, lengths in m; see ``kernels`` for why they are compiled.
"""

import math
from typing import Any

from molmospaces_gym.jit import helper, kernel
from molmospaces_gym.kernels import Array

OBJECT, ROBOT, LEFT, RIGHT = 1, 2, 4, 8
"""What a geom belongs to (bits of ``owner`` in ``touches``); fingers are robot too."""
BY_ROBOT, BY_OTHER, BY_LEFT, BY_RIGHT = 1, 2, 4, 8
"""What touches the object (bits of the result of ``touches``)."""

FUNNEL_HEIGHT, FUNNEL_WIDTH = 0.1, 0.03
"""The tool is drawn to a point this far above the object (m) until it is within this horizontal
distance (m), and down from there: a straight line would push the object with the fingers."""
COARSE, FINE = 3.0, 15.0
"""Steepness of the two halves of the reach potential, 1/m: one draws the tool in from across the
surface (0.46 at 20 cm), the other fits the object between the fingers (0.71 at 2 cm)."""


@helper
def _touches(geoms: Any, owner: Any) -> int:
    found = 0
    for row in range(len(geoms)):
        first, second = owner[geoms[row, 0]], owner[geoms[row, 1]]
        if not (first | second) & OBJECT:
            continue
        partner = second if first & OBJECT else first
        if partner & ROBOT:
            found |= BY_ROBOT | (partner & (LEFT | RIGHT))
        else:
            found |= BY_OTHER
    return found


@kernel
def touches(geoms: Any, owner: Any) -> int:
    """What touches an object.

    Args:
        geoms: (n, 2) int32 geom ids of the contacts.
        owner: (ngeom,) uint8, ``OBJECT``, ``ROBOT``, ``ROBOT | LEFT``, ``ROBOT | RIGHT`` or 0.

    Returns:
        ``BY_ROBOT``, ``BY_LEFT``, ``BY_RIGHT`` and ``BY_OTHER`` combined.
    """
    return _touches(geoms, owner)


@helper
def _reach(x: float, y: float, z: float) -> float:
    horizontal = x * x + y * y
    aligned = math.exp(-horizontal / FUNNEL_WIDTH**2)
    height = z - FUNNEL_HEIGHT * (1.0 - aligned)
    distance = math.sqrt(horizontal + height * height)
    return 1.0 - 0.5 * (math.tanh(COARSE * distance) + math.tanh(FINE * distance))


@kernel
def reach_potential(x: float, y: float, z: float) -> float:
    """0 far away to 1 where the tool's offset (m, z up) from the object's middle is zero."""
    return _reach(x, y, z)


@kernel
def approach(
    geoms: Any,
    owner: Any,
    xpos: Array,
    xmat: Array,
    body: int,
    center: Array,
    tool: Array,
    offset: Array,
) -> tuple[int, float, float]:
    """What touches an object and how far the tool has come to it.

    Args:
        geoms, owner: as for ``touches``.
        xpos, xmat: (nbody, 3) and (nbody, 9) poses of the bodies.
        body: the object.
        center: (3,) middle of the object's box in its own frame, m.
        tool: (3,) position of the tool, m.
        offset: (3,) out, from the middle of the box to the tool, world frame, m.

    Returns:
        The bits of ``touches``, the distance (m) and the reach potential.
    """
    mat, distance = xmat[body], 0.0
    for i in range(3):
        middle = mat[3 * i] * center[0] + mat[3 * i + 1] * center[1] + mat[3 * i + 2] * center[2]
        offset[i] = tool[i] - xpos[body, i] - middle
        distance += offset[i] * offset[i]
    reach = _reach(offset[0], offset[1], offset[2])
    return _touches(geoms, owner), math.sqrt(distance), reach


@kernel
def approach_handle(
    geoms: Any,
    owner: Any,
    xpos: Array,
    xmat: Array,
    body: int,
    middle: Array,
    outward: Array,
    tool: Array,
    offset: Array,
) -> tuple[int, float, float]:
    """What touches a handle and how far the tool has come to it.

    Args:
        geoms, owner: as for ``touches``; the handle is the ``OBJECT``.
        xpos, xmat: (nbody, 3) and (nbody, 9) poses of the bodies.
        body: the moving part that the handle sits on.
        middle, outward: (3,) middle of the handle (m) and the direction it faces, in that frame.
        tool: (3,) position of the tool, m.
        offset: (3,) out, from the handle to the tool, world frame, m.

    Returns:
        The bits of ``touches``, the distance (m) and the reach potential, whose funnel ends in the
        handle along ``outward``.
    """
    mat, square, along = xmat[body], 0.0, 0.0
    for i in range(3):
        a, b, c = mat[3 * i], mat[3 * i + 1], mat[3 * i + 2]
        at = a * middle[0] + b * middle[1] + c * middle[2]
        offset[i] = tool[i] - xpos[body, i] - at
        square += offset[i] * offset[i]
        along += offset[i] * (a * outward[0] + b * outward[1] + c * outward[2])
    aside = math.sqrt(max(square - along * along, 0.0))
    return _touches(geoms, owner), math.sqrt(square), _reach(aside, 0.0, along)
