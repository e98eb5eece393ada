"""Compiled evaluation of a NavigateTo step."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.jit import kernel

Array = NDArray[np.float64]

LOOK = 6
"""Cells around the robot among which the shortest way is looked for."""


@kernel
def survey(
    xpos: Array,
    xmat: Array,
    link: int,
    bodies: Any,
    centers: Array,
    direct: float,
    filled: Array,
    field: Array,
    to_map: Array,
    eye: int,
    ahead: Array,
    facing_range: float,
    out: Array,
) -> tuple[int, float, float, float]:
    """Where the nearest candidate is, how far the way to it is and how well the camera faces it.

    Args:
        xpos, xmat: (nbody, 3) and (nbody, 9) poses of the bodies.
        link: the robot's base.
        bodies, centers: (n,) candidates and (n, 3) the middles of their boxes in their frames, m.
        direct: distance (m) that need not be driven where there is no map (size 0 or 1).
        filled: (rows, columns) lengths of the ways (m), off the drivable floor those beside it.
        field: the same, inf off the drivable floor.
        to_map: (2, 4) from the world to rows and columns.
        eye: the body of the camera.
        ahead: (3,) its viewing direction in that frame.
        facing_range: distance (m) within which facing counts.
        out: (6,) the candidate's middle and the direction (2) and length of the way, base frame.

    Returns:
        The nearest candidate, its distance (m), the length of the way (m) and how well the camera
        faces it (0..1).
    """
    x, y = xpos[link, 0], xpos[link, 1]
    nearest, best = 0, np.inf
    for k in range(len(bodies)):
        dx, dy = xpos[bodies[k], 0] - x, xpos[bodies[k], 1] - y
        if dx * dx + dy * dy < best:
            nearest, best = k, dx * dx + dy * dy
    distance = math.sqrt(best)
    body, mat, base = bodies[nearest], xmat[bodies[nearest]], xmat[link]
    middle = np.empty(3)
    for i in range(3):
        middle[i] = xpos[body, i]
        for j in range(3):
            middle[i] += mat[3 * i + j] * centers[nearest, j]
    wx, wy = (xpos[body, 0] - x) / max(distance, 1e-9), (xpos[body, 1] - y) / max(distance, 1e-9)
    way = max(distance - direct, 0.0)
    rows, columns = field.shape
    if rows > 1:
        row = int(round(to_map[0, 0] * x + to_map[0, 1] * y + to_map[0, 3]))
        column = int(round(to_map[1, 0] * x + to_map[1, 1] * y + to_map[1, 3]))
        row, column = min(max(row, 0), rows - 1), min(max(column, 0), columns - 1)
        if math.isfinite(filled[row, column]):
            way = filled[row, column]
            lowest, dr, dc = way, 0, 0
            for r in range(max(row - LOOK, 0), min(row + LOOK + 1, rows)):
                for c in range(max(column - LOOK, 0), min(column + LOOK + 1, columns)):
                    if field[r, c] < lowest:
                        lowest, dr, dc = field[r, c], r - row, c - column
            if dr or dc:
                # rows and columns have equal scales, so the transpose takes them back
                wx = to_map[0, 0] * dr + to_map[1, 0] * dc
                wy = to_map[0, 1] * dr + to_map[1, 1] * dc
                norm = math.sqrt(wx * wx + wy * wy)
                wx, wy = wx / norm, wy / norm
    facing = 0.0
    if distance < facing_range:
        sight = xmat[eye]
        ax = sight[0] * ahead[0] + sight[1] * ahead[1] + sight[2] * ahead[2]
        ay = sight[3] * ahead[0] + sight[4] * ahead[1] + sight[5] * ahead[2]
        ox, oy = middle[0] - xpos[eye, 0], middle[1] - xpos[eye, 1]
        norm = math.sqrt((ax * ax + ay * ay) * (ox * ox + oy * oy))
        cosine = (ax * ox + ay * oy) / norm if norm > 1e-9 else 1.0
        facing = 0.5 * (1.0 + cosine) * (1.0 - distance / facing_range)
    for i in range(3):
        out[i] = 0.0
        for j in range(3):
            out[i] += base[3 * j + i] * (middle[j] - xpos[link, j])
    out[3] = base[0] * wx + base[3] * wy
    out[4] = base[1] * wx + base[4] * wy
    out[5] = way
    return nearest, distance, way, facing
