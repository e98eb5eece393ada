"""What geoms cover on the floor, and filling it into a grid."""

from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_CIRCLE = np.linspace(0.0, 2 * np.pi, 16, endpoint=False)
_SIGNS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=float)


def geom_outline(
    model: mujoco.MjModel, data: mujoco.MjData, geom: int
) -> tuple[Array, tuple[float, float]]:
    """Points (N, 2) whose convex hull is the geom seen from above, and its lowest and highest z.

    Boxes, meshes and bounded planes are exact; round geoms are taken as polygons around them.
    Unbounded planes give no points. Kinematics must be up to date.
    """
    kind, size = model.geom_type[geom], model.geom_size[geom]
    position, turn = data.geom_xpos[geom], data.geom_xmat[geom].reshape(3, 3)
    types = mujoco.mjtGeom
    if kind == int(types.mjGEOM_MESH):
        mesh = model.geom_dataid[geom]
        first, count = model.mesh_vertadr[mesh], model.mesh_vertnum[mesh]
        local = np.asarray(model.mesh_vert[first : first + count], dtype=float)
    elif kind == int(types.mjGEOM_BOX):
        local = _SIGNS * size
    elif kind == int(types.mjGEOM_PLANE):
        if not (size[:2] > 0).all():
            return np.empty((0, 2)), (0.0, 0.0)
        local = _SIGNS * np.array([size[0], size[1], 0.0])
    elif kind in (int(types.mjGEOM_SPHERE), int(types.mjGEOM_CAPSULE)):
        return _round(size, position, turn, kind == int(types.mjGEOM_CAPSULE))
    elif kind == int(types.mjGEOM_CYLINDER):
        # the corners of a polygon around a circle are 2 % further out than the circle
        ring = size[0] * 1.02 * np.stack([np.cos(_CIRCLE), np.sin(_CIRCLE)], axis=1)
        ends = (np.full((len(ring), 1), s * size[1]) for s in (-1, 1))
        local = np.vstack([np.hstack([ring, end]) for end in ends])
    else:
        local = _SIGNS * size  # an ellipsoid's box
    world = local @ turn.T + position
    return world[:, :2], (float(world[:, 2].min()), float(world[:, 2].max()))


def _round(
    size: Array, position: Array, turn: Array, capsule: bool
) -> tuple[Array, tuple[float, float]]:
    radius = float(size[0])
    axis = turn[:, 2] * float(size[1]) if capsule else np.zeros(3)
    ring = radius * 1.02 * np.stack([np.cos(_CIRCLE), np.sin(_CIRCLE)], axis=1)
    points = np.vstack([ring + position[:2] + s * axis[:2] for s in (-1, 1)])
    reach = radius + abs(float(axis[2]))
    return points, (float(position[2]) - reach, float(position[2]) + reach)


def fill_convex(grid: NDArray[Any], points: Array, value: int) -> None:
    """Set every cell whose middle lies in the convex hull of points.

    Args:
        grid: (rows, columns), changed in place. Cell (i, j) has its middle at (i, j).
        points: (N, 2) rows and columns.
        value: what the cells become.
    """
    first = np.maximum(np.ceil(points.min(axis=0) - 1e-9).astype(int), 0)
    last = np.minimum(np.floor(points.max(axis=0) + 1e-9).astype(int) + 1, grid.shape)
    if (last <= first).any():
        return
    window = grid[first[0] : last[0], first[1] : last[1]]
    hull = convex_hull(points)
    if len(hull) < 3:
        return
    rows = np.arange(first[0], last[0])[:, None]
    columns = np.arange(first[1], last[1])[None, :]
    inside = np.ones(window.shape, dtype=bool)
    for (r0, c0), (r1, c1) in zip(hull, np.roll(hull, -1, axis=0), strict=True):
        inside &= (r1 - r0) * (columns - c0) - (c1 - c0) * (rows - r0) >= -1e-9
    window[inside] = value


def convex_hull(points: Array) -> Array:
    """Corners of the convex hull of points (N, 2), counter-clockwise (monotone chain)."""
    order = sorted({(round(float(x), 9), round(float(y), 9)) for x, y in points})
    if len(order) < 3:
        return np.array(order)
    lower, upper = _chain(order), _chain(order[::-1])
    return np.array(lower[:-1] + upper[:-1])


def _chain(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    chain: list[tuple[float, float]] = []
    for x, y in points:
        while len(chain) >= 2:
            (x0, y0), (x1, y1) = chain[-2:]
            if (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) > 0:
                break
            chain.pop()
        chain.append((x, y))
    return chain
