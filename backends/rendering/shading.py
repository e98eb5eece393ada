"""Third stage of the rasteriser: colour, metric depth and body id of every pixel."""

import math
from typing import Any

import numpy as np

from molmospaces_gym.backends.rendering.arrays import Arr, Polygons, Surfaces, Textures, View
from molmospaces_gym.backends.rendering.jit import helper, kernel

ZERO, HALF, ONE, WHITE = np.float32(0), np.float32(0.5), np.float32(1), np.float32(255)
BELOW_ONE = np.float32(1 - 2**-20)
MAX_TEXELS_PER_PIXEL = np.float32(1.5)
"""A coarser level of a texture is used where neighbouring pixels are further apart."""


@helper
def _footprint(c: Arr, u: Any, v: Any, z: Any) -> Any:
    """Largest change of u or v from one pixel to the next (quotient rule on u/z over 1/z)."""
    across = max(abs(c[4] - u * c[10]), abs(c[7] - v * c[10]))
    down = max(abs(c[5] - u * c[11]), abs(c[8] - v * c[11]))
    return max(across, down) * z


@helper
def _fraction(value: Any) -> Any:
    """The part after the point, 0 <= fraction < 1."""
    part = value - np.float32(np.int32(value))
    return min(part + ONE if part < ZERO else part, BELOW_ONE)


@helper
def _texel(u: Any, v: Any, level: Any) -> Any:
    """Index of the nearest texel of a level at repeating coordinates u, v."""
    column = np.int32(_fraction(u) * np.float32(level.width))
    row = np.int32(_fraction(v) * np.float32(level.height))
    return level.start + row * level.width + column


@helper
def _textured_run(
    row: int, start: int, stop: int, c: Arr, item: Any, inverse_depth: Arr, t: Textures, rgb: Arr
) -> None:
    """Colour pixels ``start`` to ``stop`` of a row that show one textured polygon."""
    y, middle = np.float32(row), np.float32(start + stop) * HALF
    z = ONE / (c[9] + c[10] * middle + c[11] * y)
    u, v = (c[3] + c[4] * middle + c[5] * y) * z, (c[6] + c[7] * middle + c[8] * y) * z
    footprint = _footprint(c, u, v, z)
    texture = t.textures[item.texture]
    number, last = texture.level, texture.level + texture.levels - 1
    while number < last and np.float32(t.levels[number].width) * footprint > MAX_TEXELS_PER_PIXEL:
        number += 1
    level, texels = t.levels[number], t.texels
    red, green, blue = item.colour[0] / WHITE, item.colour[1] / WHITE, item.colour[2] / WHITE
    b0, u0, v0 = c[0] + c[2] * y, c[3] + c[5] * y, c[6] + c[8] * y
    b1, u1, v1 = c[1], c[4], c[7]
    for column in range(start, stop):
        x, z = np.float32(column), ONE / inverse_depth[row, column]
        texel = _texel((u0 + u1 * x) * z, (v0 + v1 * x) * z, level)
        bright = (b0 + b1 * x) * z
        rgb[row, column, 0] = np.uint8(min(WHITE, bright * red * texels[texel, 0]))
        rgb[row, column, 1] = np.uint8(min(WHITE, bright * green * texels[texel, 1]))
        rgb[row, column, 2] = np.uint8(min(WHITE, bright * blue * texels[texel, 2]))


@helper
def _plain_run(
    row: int, start: int, stop: int, c: Arr, item: Any, inverse_depth: Arr, rgb: Arr
) -> None:
    """Colour a run of one polygon without texture; brightness is exact at both ends."""
    y = c[2] * np.float32(row) + c[0]
    bright = (y + c[1] * np.float32(start)) / inverse_depth[row, start]
    step = (y + c[1] * np.float32(stop - 1)) / inverse_depth[row, stop - 1] - bright
    step /= np.float32(max(1, stop - 1 - start))
    red, green, blue = item.colour[0], item.colour[1], item.colour[2]
    for column in range(start, stop):
        rgb[row, column, 0] = np.uint8(min(WHITE, bright * red))
        rgb[row, column, 1] = np.uint8(min(WHITE, bright * green))
        rgb[row, column, 2] = np.uint8(min(WHITE, bright * blue))
        bright += step


@helper
def _sky_run(row: int, start: int, stop: int, view: View, sky: Arr, rgb: Arr) -> None:
    """Colour pixels that show nothing by the elevation of their rays."""
    focal, half_width, half_height = view.lens[0], view.lens[1], view.lens[2]
    right, down = np.float32(view.axes[0, 2]), np.float32(view.axes[1, 2])
    ahead, scale = np.float32(view.axes[2, 2]), HALF * np.float32(len(sky) - 1)
    y = (np.float32(row) + HALF - half_height) / focal
    for column in range(start, stop):
        x = (np.float32(column) + HALF - half_width) / focal
        sine = (right * x + down * y + ahead) / math.sqrt(x * x + y * y + ONE)
        entry = np.int32((sine + ONE) * scale + HALF)
        for k in range(3):
            rgb[row, column, k] = sky[entry, k]


@kernel
def shade(
    inverse_depth: Arr, owner: Arr, polygons: Polygons, surfaces: Surfaces, textures: Textures,
    view: View, rgb: Arr, depth: Arr, bodies: Arr,
) -> None:  # fmt: skip
    """Turn what ``scan.scan`` wrote into images.

    Args:
        inverse_depth, owner: (H, W) from the scan.
        polygons: from the projection.
        surfaces, textures: of the model.
        view: the camera.
        rgb: (H, W, 3) uint8, depth: (H, W) float32, bodies: (H, W) int32: outputs. An output
            with no rows is not computed; ``depth`` and ``bodies`` may be the input buffers.
    """
    height, width = owner.shape
    for row in range(height):
        start = 0
        # Work in runs of pixels of one polygon; a run is read before it is overwritten.
        while start < width and (len(rgb) or len(bodies)):
            polygon = owner[row, start]
            stop = start + 1
            while stop < width and owner[row, stop] == polygon:
                stop += 1
            body = -1
            if polygon >= 0:
                item, c = surfaces.geoms[polygons.geom[polygon]], polygons.coefficients[polygon]
                body = item.body
                if len(rgb) and item.texture >= 0:
                    _textured_run(row, start, stop, c, item, inverse_depth, textures, rgb)
                elif len(rgb):
                    _plain_run(row, start, stop, c, item, inverse_depth, rgb)
            elif len(rgb):
                _sky_run(row, start, stop, view, textures.sky, rgb)
            if len(bodies):
                bodies[row, start:stop] = body
            start = stop
        if len(depth):
            for column in range(width):
                value = inverse_depth[row, column]
                depth[row, column] = ONE / value if value > view.horizon else ZERO
