"""Third stage of the rasteriser: colour, metric depth and body id of every pixel."""

import math
from typing import Any

import numpy as np

from molmospaces_gym.backends.rendering.arrays import Arr, Textures, View
from molmospaces_gym.jit import helper, kernel

ZERO, HALF, ONE, WHITE = np.float32(0), np.float32(0.5), np.float32(1), np.float32(255)
TINY = np.float32(1e-6)
SHARPNESS = np.float32(5)
"""A spot reaches its strength where the cosine is this much (inverse) inside its cone."""
STRETCH = 16
"""Pixels between which the light of lamps is interpolated."""
MAX_TEXELS_PER_PIXEL = np.float32(1.5)
"""A coarser level of a texture is used where neighbouring pixels are further apart."""


@helper
def _at(c: Arr, x: Any, y: Any) -> Any:
    """Value of three coefficients at a pixel."""
    return c[0] + c[1] * x + c[2] * y


@helper
def _footprint(polygon: Any, x: Any, y: Any) -> Any:
    """Largest change of u or v from one pixel to the next (quotient rule on u/z over 1/z)."""
    u_per_z, v_per_z, per_z = polygon.u, polygon.v, polygon.per_z
    z = ONE / _at(per_z, x, y)
    u, v = _at(u_per_z, x, y) * z, _at(v_per_z, x, y) * z
    across = max(abs(u_per_z[1] - u * per_z[1]), abs(v_per_z[1] - v * per_z[1]))
    down = max(abs(u_per_z[2] - u * per_z[2]), abs(v_per_z[2] - v * per_z[2]))
    return max(across, down) * z


@helper
def _fraction(value: Any) -> Any:
    """The part after the point, 0 <= fraction < 1."""
    part = value - np.float32(np.int32(value))
    part = part + ONE if part < ZERO else part
    return part if ZERO <= part < ONE else ZERO


@helper
def _texel(u: Any, v: Any, level: Any) -> Any:
    """Index of the nearest texel of a level at repeating coordinates u, v."""
    column = np.int32(_fraction(u) * np.float32(level.width))
    row = np.int32(_fraction(v) * np.float32(level.height))
    return level.start + row * level.width + column


@helper
def _power(base: Any, exponent: Any) -> Any:
    """The base raised to an exponent >= 0; whole numbers, the usual case, by squaring."""
    whole, result = np.int32(exponent), ONE
    if np.float32(whole) != exponent:
        return base**exponent
    while whole > 0:
        if whole & 1:
            result *= base
        base *= base
        whole >>= 1
    return result


@helper
def _lamp_light(lamp: Any, normal: Arr, x: Any, y: Any, z: Any) -> Any:
    """Light of one lamp on a surface at a place in view space."""
    x, y, z = lamp.position[0] - x, lamp.position[1] - y, lamp.position[2] - z
    square = max(x * x + y * y + z * z, TINY)
    scale = ONE / math.sqrt(square)
    facing = (normal[0] * x + normal[1] * y + normal[2] * z) * scale
    aim, fall = lamp.direction, lamp.attenuation
    along = -(aim[0] * x + aim[1] * y + aim[2] * z) * scale
    cone = min(ONE, (along - lamp.cutoff) * SHARPNESS)
    if facing <= ZERO or cone <= ZERO:
        return ZERO
    if lamp.exponent != ZERO:
        facing *= _power(max(along, ZERO), lamp.exponent)
    fade = fall[0] + fall[1] * square * scale + fall[2] * square
    return lamp.strength * cone * facing / max(fade, TINY)


@helper
def _light_at(row: int, column: int, polygon: Any, wide: bool, lamps: Arr, view: View) -> Any:
    """Brightness of a polygon at the centre of a pixel."""
    u, v = np.float32(column), np.float32(row)
    z = ONE / _at(polygon.per_z, u, v)
    bright = _at(polygon.light, u, v) * z
    if wide:
        x = (u + HALF - view.half_width) / view.focal * z
        y = (v + HALF - view.half_height) / view.focal * z
        for k in range(len(lamps)):
            bright += _lamp_light(lamps[k], polygon.normal, x, y, z)
    return bright


@helper
def _paint_texture(
    row: int, start: int, stop: int, light: Any, step: Any, polygon: Any, item: Any, texels: Arr,
    textures: Arr, levels: Arr, rgb: Arr,
) -> None:  # fmt: skip
    """Colour pixels ``start`` to ``stop`` of a row that show one textured polygon."""
    y = np.float32(row)
    footprint = _footprint(polygon, np.float32(start + stop) * HALF, y)
    number = textures[item.texture].level
    last = number + textures[item.texture].levels - 1
    while number < last and np.float32(levels[number].width) * footprint > MAX_TEXELS_PER_PIXEL:
        number += 1
    level, u1, v1, w1 = levels[number], polygon.u[1], polygon.v[1], polygon.per_z[1]
    u0, v0, w0 = _at(polygon.u, ZERO, y), _at(polygon.v, ZERO, y), _at(polygon.per_z, ZERO, y)
    red, green, blue = item.colour[0] / WHITE, item.colour[1] / WHITE, item.colour[2] / WHITE
    for column in range(start, stop):
        x = np.float32(column)
        z = ONE / (w0 + w1 * x)
        texel = _texel((u0 + u1 * x) * z, (v0 + v1 * x) * z, level)
        rgb[row, column, 0] = np.uint8(min(WHITE, light * red * texels[texel, 0] + HALF))
        rgb[row, column, 1] = np.uint8(min(WHITE, light * green * texels[texel, 1] + HALF))
        rgb[row, column, 2] = np.uint8(min(WHITE, light * blue * texels[texel, 2] + HALF))
        light += step


@helper
def _paint(row: int, start: int, stop: int, light: Any, step: Any, item: Any, rgb: Arr) -> None:
    """Colour pixels of a row that show one polygon without texture."""
    red, green, blue = item.colour[0], item.colour[1], item.colour[2]
    for column in range(start, stop):
        rgb[row, column, 0] = np.uint8(min(WHITE, light * red + HALF))
        rgb[row, column, 1] = np.uint8(min(WHITE, light * green + HALF))
        rgb[row, column, 2] = np.uint8(min(WHITE, light * blue + HALF))
        light += step


@helper
def _sky_run(row: int, start: int, stop: int, view: View, sky: Arr, rgb: Arr) -> None:
    """Colour pixels that show nothing by the elevation of their rays."""
    right, down = np.float32(view.right[2]), np.float32(view.down[2])
    ahead, scale = np.float32(view.ahead[2]), HALF * np.float32(len(sky) - 1)
    y = (np.float32(row) + HALF - view.half_height) / view.focal
    for column in range(start, stop):
        x = (np.float32(column) + HALF - view.half_width) / view.focal
        sine = (right * x + down * y + ahead) / math.sqrt(x * x + y * y + ONE)
        entry = min(max(np.int32((sine + ONE) * scale + HALF), 0), len(sky) - 1)
        for k in range(3):
            rgb[row, column, k] = sky[entry, k]


@kernel
def shade(
    inverse_depth: Arr, owner: Arr, polygons: Arr, geoms: Arr, pictures: Textures, view: View,
    lamps: Arr, rgb: Arr, depth: Arr, bodies: Arr,
) -> None:  # fmt: skip
    """Turn what ``scan.scan`` wrote into images.

    Args:
        inverse_depth, owner: (H, W) from the scan.
        polygons: (P,) POLYGON, from the projection.
        geoms: (G,) GEOM.
        pictures: textures of the model.
        view: the camera.
        lamps: (L,) LAMP, see ``lighting.aim_lights``.
        rgb: (H, W, 3) uint8, depth: (H, W) float32, bodies: (H, W) int32: outputs. An output
            with no rows is not computed; ``depth`` and ``bodies`` may be the input buffers.
    """
    height, width = owner.shape
    texels, textures, levels = pictures.texels, pictures.textures, pictures.levels
    sky, colours, ids = pictures.sky, len(rgb) > 0, len(bodies) > 0
    for row in range(height):
        start = 0
        # Work in runs of pixels of one polygon; a run is read before it is overwritten.
        while start < width and (colours or ids):
            number = owner[row, start]
            stop = start + 1
            while stop < width and owner[row, stop] == number:
                stop += 1
            body = np.int32(-1)
            if number >= 0:
                body = geoms[polygons[number].geom].body
            if ids:
                for column in range(start, stop):
                    bodies[row, column] = body
            if colours and number < 0:
                _sky_run(row, start, stop, view, sky, rgb)
            elif colours:
                polygon = polygons[number]
                item = geoms[polygon.geom]
                wide, last = item.wide and len(lamps) > 0, stop - 1
                light = _light_at(row, start, polygon, wide, lamps, view)
                # Light is exact at the ends of stretches and linear between them.
                while start < stop:
                    end = min(start // STRETCH * STRETCH + STRETCH, last) if wide else last
                    ahead = light
                    if end > start:
                        ahead = _light_at(row, end, polygon, wide, lamps, view)
                    step = (ahead - light) / np.float32(max(1, end - start))
                    end = stop if end == last else end
                    if item.texture >= 0:
                        _paint_texture(
                            row, start, end, light, step, polygon, item, texels, textures, levels,
                            rgb,
                        )  # fmt: skip
                    else:
                        _paint(row, start, end, light, step, item, rgb)
                    start, light = end, ahead
            start = stop
        if len(depth):
            for column in range(width):
                value = inverse_depth[row, column]
                depth[row, column] = ONE / value if value > view.horizon else ZERO
