"""Second stage of the rasteriser: which polygon is nearest at each pixel, and how near."""

from typing import Any

import numpy as np

from molmospaces_gym.backends.rendering.arrays import Arr
from molmospaces_gym.jit import helper, kernel

ZERO, HALF = np.float32(0), np.float32(0.5)


@helper
def _ceil_within(value: Any, limit: Any) -> Any:
    """The value rounded up, within 0 .. limit."""
    if not value > ZERO:  # also NaN
        return np.int32(0)
    value = min(value, limit)
    whole = np.int32(value)
    return whole + np.int32(np.float32(whole) < value)


@helper
def _walk_edges(polygon: Any, spans: Arr, width: Any, height: Any) -> tuple[Any, Any]:
    """First column and end of a polygon on each row it covers; returns the range of rows.

    A span holds the pixels whose centres are inside, its left border included and its right one
    not, so faces that share an edge neither overlap nor leave gaps.
    """
    top, bottom = np.int32(height), np.int32(0)
    corners = polygon.corners
    for i in range(polygon.count):
        j = i + 1 if i + 1 < polygon.count else 0
        x0, y0, x1, y1 = corners[i, 0], corners[i, 1], corners[j, 0], corners[j, 1]
        # Faces run counter-clockwise on screen: edges that go down are on their left.
        side = 0
        if y0 > y1:
            x0, y0, x1, y1, side = x1, y1, x0, y0, 1
        first, last = _ceil_within(y0 - HALF, height), _ceil_within(y1 - HALF, height)
        if first < last:
            slope = (x1 - x0) / (y1 - y0)
            for row in range(first, last):
                x = x0 - HALF + (np.float32(row) + HALF - y0) * slope
                spans[row, side] = _ceil_within(x, width)
            top, bottom = min(top, first), max(bottom, last)
    return top, bottom


@kernel
def scan(polygons: Arr, total: int, horizon: Any, inverse_depth: Arr, owner: Arr) -> None:
    """Write each polygon where it is nearer than what is there.

    Args:
        polygons: (P,) POLYGON; the first ``total`` are drawn; near ones first is fastest.
        total: their number.
        horizon: 1/m; nothing further away is drawn.
        inverse_depth: (H, W) float32 out, 1/m, ``horizon`` where nothing is hit.
        owner: (H, W) int32 out, polygon number or -1.
    """
    inverse_depth[:] = horizon
    owner[:] = -1
    height, width = np.float32(owner.shape[0]), np.float32(owner.shape[1])
    spans = np.zeros((len(owner), 2), np.int32)
    for number in range(total):
        polygon = polygons[number]
        top, bottom = _walk_edges(polygon, spans, width, height)
        start, across, down = polygon.per_z[0], polygon.per_z[1], polygon.per_z[2]
        for row in range(top, bottom):
            base = start + np.float32(row) * down
            for column in range(spans[row, 0], spans[row, 1]):
                value = base + np.float32(column) * across
                if value > inverse_depth[row, column]:
                    inverse_depth[row, column] = value
                    owner[row, column] = number
