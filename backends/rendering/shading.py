"""Second stage of the rasteriser: colour, metric depth and body id of every pixel."""

import math
from typing import Any

import numpy as np

from molmospaces_gym.backends.rendering.jit import helper, kernel

Arr = Any
"""Any numpy array: numba infers element types itself."""

ZERO, ONE, WHITE = np.float32(0), np.float32(1), np.float32(255)
MAX_TEXELS_PER_PIXEL = np.float32(1.5)
"""A coarser level of a texture is used where neighbouring pixels are further apart."""


@helper
def _footprint(c: Arr, u: Any, v: Any, z: Any) -> Any:
    """Largest change of u or v from one pixel to the next (quotient rule on u/z over 1/z)."""
    across = max(abs(c[4] - u * c[10]), abs(c[7] - v * c[10]))
    down = max(abs(c[5] - u * c[11]), abs(c[8] - v * c[11]))
    return max(across, down) * z


@helper
def _texel(u: Any, v: Any, footprint: Any, texture: Any, levels: Arr) -> int:
    """Index of the nearest texel at repeating coordinates u, v, from a level of fitting size."""
    level = texture.level
    last = level + texture.levels - 1
    while level < last and np.float32(levels[level].width) * footprint > MAX_TEXELS_PER_PIXEL:
        level += 1
    width, height = levels[level].width, levels[level].height
    column = min(width - 1, int((u - math.floor(u)) * np.float32(width)))
    row = min(height - 1, int((v - math.floor(v)) * np.float32(height)))
    return int(levels[level].start + row * width + column)


@helper
def _sky_row(column: int, row: int, view: Arr, lens: Arr, rows: int) -> int:
    """Row of the sky table for the elevation of a pixel's ray."""
    x, y = (np.float32(column) + 0.5 - lens[1]) / lens[0], (np.float32(row) + 0.5 - lens[2]) / lens[0]
    up = view[0, 2] * x + view[1, 2] * y + view[2, 2]
    angle = math.asin(up / math.sqrt(x * x + y * y + 1))
    return int((angle / math.pi + 0.5) * (rows - 1) + 0.5)


@kernel
def resolve(
    inverse_depth: Arr, owner: Arr, polygon_geom: Arr, coefficients: Arr, geoms: Arr,
    texels: Arr, textures: Arr, levels: Arr, sky: Arr, view: Arr, lens: Arr, far: Any,
    rgb: Arr, depth: Arr, bodies: Arr,
) -> None:
    """Turn the visibility buffers into images.

    Args:
        inverse_depth, owner, polygon_geom, coefficients: what ``visibility.rasterise`` wrote.
        geoms: of dtype GEOM.
        texels, textures, levels: see ``textures.TextureAtlas``.
        sky: (S, 3) background by elevation.
        view, lens: as for ``rasterise``.
        far: metres; what lies beyond counts as nothing.
        rgb: (H, W, 3) uint8, depth: (H, W) float32, bodies: (H, W) int32: outputs. An output
            with no pixels is not computed; ``depth`` and ``bodies`` may be the input buffers.
    """
    height, width = owner.shape
    horizon = ONE / far
    for row in range(height):
        if len(rgb):
            y = np.float32(row)
            for column in range(width):
                polygon = owner[row, column]
                if polygon < 0 or inverse_depth[row, column] < horizon:
                    shade = _sky_row(column, row, view, lens, len(sky))
                    for k in range(3):
                        rgb[row, column, k] = sky[shade, k]
                    continue
                x, z = np.float32(column), ONE / inverse_depth[row, column]
                c = coefficients[polygon]
                bright = (c[0] + c[1] * x + c[2] * y) * z
                item = geoms[polygon_geom[polygon]]
                red, green, blue = item.colour[0], item.colour[1], item.colour[2]
                if item.texture >= 0:
                    u, v = (c[3] + c[4] * x + c[5] * y) * z, (c[6] + c[7] * x + c[8] * y) * z
                    texture = textures[item.texture]
                    t = _texel(u, v, _footprint(c, u, v, z), texture, levels)
                    bright *= np.float32(1 / 255)
                    red, green = red * texels[t, 0], green * texels[t, 1]
                    blue = blue * texels[t, 2]
                rgb[row, column, 0] = np.uint8(min(WHITE, bright * red))
                rgb[row, column, 1] = np.uint8(min(WHITE, bright * green))
                rgb[row, column, 2] = np.uint8(min(WHITE, bright * blue))
        if len(bodies):
            for column in range(width):
                polygon = owner[row, column]
                if polygon < 0 or inverse_depth[row, column] < horizon:
                    bodies[row, column] = -1
                else:
                    bodies[row, column] = geoms[polygon_geom[polygon]].body
        if len(depth):
            for column in range(width):
                value = inverse_depth[row, column]
                depth[row, column] = ONE / value if value >= horizon else ZERO
