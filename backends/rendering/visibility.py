"""First stage of the rasteriser: which polygon is nearest at each pixel, and at what depth.

View space has x to the right, y down and z along the optical axis. Everything that is affine on
a polygon (1/z, and a/z for brightness and texture coordinates a) is linear in pixel coordinates,
so it is kept as three coefficients: value = c[0] + c[1] * column + c[2] * row at pixel centres.
"""

import math
from typing import Any

import numpy as np

from molmospaces_gym.backends.rendering.jit import helper, kernel

Arr = Any
"""Any numpy array: numba infers element types itself."""

ZERO, HALF, ONE = np.float32(0), np.float32(0.5), np.float32(1)
MIN_RADIUS_PIXELS = np.float32(0.3)
DETAIL_PIXELS = np.float32(5)
"""Up to this projected radius the coarsest level of detail is used, to 4 times it the next."""
GUARD = np.float32(8)
"""Polygons that reach further than this many half images from the centre are clipped."""
MIN_DISTANCE = np.float32(1e-5)
"""Faces seen from closer (m) to their own plane are edge-on and left out."""


@helper
def _order_by_distance(order: Arr, keys: Arr, count: int) -> None:
    """Shell sort of ``order[:count]`` by ascending ``keys``: near geoms are drawn first."""
    gap = count // 2
    while gap > 0:
        for i in range(gap, count):
            item, key, j = order[i], keys[i], i
            while j >= gap and keys[j - gap] > key:
                order[j], keys[j] = order[j - gap], keys[j - gap]
                j -= gap
            order[j], keys[j] = item, key
        gap //= 2


@helper
def _visible_geoms(
    geoms: Arr, xpos: Arr, eye: Arr, view: Arr, lens: Arr, near: Any, order: Arr, keys: Arr
) -> int:
    """Fill ``order`` with the geoms whose bounding sphere meets the frustum, nearest first."""
    count = 0
    wide, high = lens[1] / lens[0], lens[2] / lens[0]
    lean_x, lean_y = ONE / math.sqrt(ONE + wide * wide), ONE / math.sqrt(ONE + high * high)
    for g in range(len(geoms)):
        k, radius = geoms[g].geom, geoms[g].radius
        dx, dy, dz = xpos[k, 0] - eye[0], xpos[k, 1] - eye[1], xpos[k, 2] - eye[2]
        z = np.float32(view[2, 0] * dx + view[2, 1] * dy + view[2, 2] * dz)
        if z + radius < near:
            continue
        x = np.float32(view[0, 0] * dx + view[0, 1] * dy + view[0, 2] * dz)
        y = np.float32(view[1, 0] * dx + view[1, 1] * dy + view[1, 2] * dz)
        if (abs(x) - z * wide) * lean_x > radius or (abs(y) - z * high) * lean_y > radius:
            continue
        if z > radius and radius * lens[0] < MIN_RADIUS_PIXELS * z:
            continue
        order[count], keys[count] = g, z - min(radius, ONE)
        count += 1
    _order_by_distance(order, keys, count)
    return count


@helper
def _transform(vertices: Arr, start: int, count: int, frame: Arr, out: Arr) -> None:
    """View coordinates of ``count`` vertices; ``frame`` (3, 4) is rotation and translation."""
    for i in range(count):
        a, b, c = vertices[start + i, 0], vertices[start + i, 1], vertices[start + i, 2]
        for k in range(3):
            out[i, k] = frame[k, 0] * a + frame[k, 1] * b + frame[k, 2] * c + frame[k, 3]


@helper
def _project(points: Arr, count: int, lens: Arr, near: Any, out: Arr) -> None:
    """Pixel coordinates of the points in front of the near plane."""
    for i in range(count):
        if points[i, 2] >= near:
            scale = lens[0] / points[i, 2]
            out[i, 0] = lens[1] + points[i, 0] * scale
            out[i, 1] = lens[2] + points[i, 1] * scale


@helper
def _brightness(
    normals: Arr, start: int, count: int, lights: Arr, number: int, floor: Any, out: Arr
) -> None:
    """Diffuse light on each normal; ``lights`` (L, 3) point towards the light, geom frame."""
    for i in range(count):
        x, y, z = normals[start + i, 0], normals[start + i, 1], normals[start + i, 2]
        total = floor
        for k in range(number):
            total += max(ZERO, lights[k, 0] * x + lights[k, 1] * y + lights[k, 2] * z)
        out[i] = total


@helper
def _clip_halfspace(points: Arr, count: int, a: Any, b: Any, c: Any, d: Any, out: Arr) -> int:
    """The part of a convex polygon where a x + b y + c z >= d; returns its vertex count."""
    kept = 0
    for i in range(count):
        j = i + 1 if i + 1 < count else 0
        here = a * points[i, 0] + b * points[i, 1] + c * points[i, 2] - d
        there = a * points[j, 0] + b * points[j, 1] + c * points[j, 2] - d
        if here >= ZERO:
            out[kept, 0], out[kept, 1], out[kept, 2] = points[i, 0], points[i, 1], points[i, 2]
            kept += 1
        if (here >= ZERO) != (there >= ZERO):
            t = here / (here - there)
            for k in range(3):
                out[kept, k] = points[i, k] + t * (points[j, k] - points[i, k])
            kept += 1
    return kept


@helper
def _clip(points: Arr, count: int, lens: Arr, near: Any, spare: Arr, out: Arr) -> int:
    """Clip a polygon to the frustum and project it to ``out``; returns its vertex count."""
    wide, high = lens[1] / lens[0], lens[2] / lens[0]
    count = _clip_halfspace(points, count, ZERO, ZERO, ONE, near, spare)
    count = _clip_halfspace(spare, count, ONE, ZERO, wide, ZERO, points)
    count = _clip_halfspace(points, count, -ONE, ZERO, wide, ZERO, spare)
    count = _clip_halfspace(spare, count, ZERO, ONE, high, ZERO, points)
    count = _clip_halfspace(points, count, ZERO, -ONE, high, ZERO, spare)
    _project(spare, count, lens, ZERO, out)
    return count


@helper
def _pixel_coefficients(x: Any, y: Any, z: Any, lens: Arr) -> tuple[Any, Any, Any]:
    """Coefficients over pixel centres of the function x X/Z + y Y/Z + z of the view ray."""
    x, y = x / lens[0], y / lens[0]
    return z + x * (HALF - lens[1]) + y * (HALF - lens[2]), x, y


@helper
def _surface_coefficients(
    points: Arr, corners: tuple[int, int, int], normal: tuple[Any, Any, Any],
    values: tuple[Any, Any, Any], per_z: tuple[Any, Any, Any], lens: Arr,
) -> tuple[Any, Any, Any]:
    """Coefficients of value/z for a quantity that is ``values`` at three corners."""
    a, b, c = corners
    ax, ay, az = points[a, 0], points[a, 1], points[a, 2]
    ux, uy, uz = points[b, 0] - ax, points[b, 1] - ay, points[b, 2] - az
    vx, vy, vz = points[c, 0] - ax, points[c, 1] - ay, points[c, 2] - az
    nx, ny, nz = normal
    twice_area = (uy * vz - uz * vy) * nx + (uz * vx - ux * vz) * ny + (ux * vy - uy * vx) * nz
    # The in-plane gradient g with g.u = values[1] - values[0] and g.v = values[2] - values[0].
    du, dv = (values[1] - values[0]) / twice_area, (values[2] - values[0]) / twice_area
    gx = du * (vy * nz - vz * ny) + dv * (ny * uz - nz * uy)
    gy = du * (vz * nx - vx * nz) + dv * (nz * ux - nx * uz)
    gz = du * (vx * ny - vy * nx) + dv * (nx * uy - ny * ux)
    base = values[0] - gx * ax - gy * ay - gz * az
    c0, c1, c2 = _pixel_coefficients(gx, gy, gz, lens)
    return c0 + base * per_z[0], c1 + base * per_z[1], c2 + base * per_z[2]


@helper
def _ceil_within(value: Any, limit: Any) -> Any:
    """The value rounded up, within 0 .. limit."""
    value = min(max(value, ZERO), limit)
    whole = np.int32(value)
    return whole + np.int32(np.float32(whole) < value)


@helper
def _fill(
    corners: Arr, count: int, per_z: tuple[Any, Any, Any], polygon: int, spans: Arr,
    inverse_depth: Arr, owner: Arr, top: int, bottom: int,
) -> None:
    """Write the polygon where it is nearer than what is there. Spans are half open, so faces
    that share an edge neither overlap nor leave gaps."""
    height, width = np.float32(inverse_depth.shape[0]), np.float32(inverse_depth.shape[1])
    for i in range(count):
        j = i + 1 if i + 1 < count else 0
        x0, y0, x1, y1 = corners[i, 0], corners[i, 1], corners[j, 0], corners[j, 1]
        # Front faces run counter-clockwise on screen: downward edges are on their left.
        side = 0
        if y0 > y1:
            x0, y0, x1, y1, side = x1, y1, x0, y0, 1
        first, last = _ceil_within(y0 - HALF, height), _ceil_within(y1 - HALF, height)
        if first < last:
            slope = (x1 - x0) / (y1 - y0)
            offset = x0 - HALF - (y0 - HALF) * slope
            for row in range(first, last):
                spans[row, side] = _ceil_within(offset + np.float32(row) * slope, width)
    for row in range(top, bottom):
        value = per_z[0] + np.float32(row) * per_z[2] + np.float32(spans[row, 0]) * per_z[1]
        for column in range(spans[row, 0], spans[row, 1]):
            if value > inverse_depth[row, column]:
                inverse_depth[row, column] = value
                owner[row, column] = polygon
            value += per_z[1]


@helper
def _rows(corners: Arr, count: int, height: Any, width: Any) -> tuple[Any, Any]:
    """Range of pixel rows whose centres the polygon may cover; empty if it covers no centre."""
    low_x = high_x = corners[0, 0]
    low_y = high_y = corners[0, 1]
    for i in range(1, count):
        low_x, high_x = min(low_x, corners[i, 0]), max(high_x, corners[i, 0])
        low_y, high_y = min(low_y, corners[i, 1]), max(high_y, corners[i, 1])
    if _ceil_within(low_x - HALF, width) >= _ceil_within(high_x - HALF, width):
        return np.int32(0), np.int32(0)
    return _ceil_within(low_y - HALF, height), _ceil_within(high_y - HALF, height)


@helper
def _geom_frame(xpos: Arr, xmat: Arr, eye: Arr, view: Arr, frame: Arr) -> None:
    """Rotation and translation (3, 4) from a geom's frame to view space."""
    dx, dy, dz = xpos[0] - eye[0], xpos[1] - eye[1], xpos[2] - eye[2]
    for i in range(3):
        for j in range(3):
            frame[i, j] = (
                view[i, 0] * xmat[j] + view[i, 1] * xmat[3 + j] + view[i, 2] * xmat[6 + j]
            )
        frame[i, 3] = view[i, 0] * dx + view[i, 1] * dy + view[i, 2] * dz


@helper
def _local_lights(lights: Arr, xpos: Arr, xmat: Arr, out: Arr) -> None:
    """Directions towards the lights in the geom's frame, as long as the light is strong."""
    for k in range(len(lights)):
        # A row of ``lights`` is x, y, z, w, strength: homogeneous, w 0 means at infinity.
        w = lights[k, 3]
        x, y, z = lights[k, 0] - w * xpos[0], lights[k, 1] - w * xpos[1], lights[k, 2] - w * xpos[2]
        scale = lights[k, 4] / max(1e-9, math.sqrt(x * x + y * y + z * z))
        for j in range(3):
            out[k, j] = scale * (x * xmat[j] + y * xmat[3 + j] + z * xmat[6 + j])


@helper
def _needs_clipping(frame: Arr, radius: Any, lens: Arr, near: Any) -> bool:
    """Whether a bounding sphere reaches the near plane or far outside the image."""
    front = frame[2, 3] - radius
    if front <= near:
        return True
    reach = max(abs(frame[0, 3]) * lens[0] / lens[1], abs(frame[1, 3]) * lens[0] / lens[2])
    return bool(reach + radius * (lens[0] / min(lens[1], lens[2])) > GUARD * front)


@helper
def _detail(frame: Arr, radius: Any, focal: Any, levels: int) -> int:
    """Level of detail by projected radius."""
    pixels = radius * focal / max(frame[2, 3] - radius, np.float32(1e-3))
    if pixels <= DETAIL_PIXELS:
        return 0
    return min(levels - 1, 1 if pixels <= 4 * DETAIL_PIXELS else 2)


@kernel
def rasterise(
    geoms: Arr, shapes: Arr, vertices: Arr, normals: Arr, faces: Arr, planes: Arr, uv: Arr,
    xpos: Arr, xmat: Arr, eye: Arr, view: Arr, lens: Arr, near: Any, horizon: Any, lights: Arr,
    ambient: Any, inverse_depth: Arr, owner: Arr, polygon_geom: Arr, coefficients: Arr,
    points: Arr, pixels: Arr, bright: Arr, order: Arr, keys: Arr,
) -> int:
    """Draw all geoms.

    Args:
        geoms, shapes, vertices, normals, faces, planes, uv: see ``geometry.Geometry``.
        xpos, xmat: (ngeom, 3) and (ngeom, 9) poses of all geoms of the model.
        eye: (3,) camera position; view: (3, 3) rows are the view axes in the world.
        lens: (3,) focal length and half width, half height in pixels.
        near: near plane in metres; horizon: 1/m of the far plane.
        lights: (L, 5) homogeneous position and strength; ambient: light everywhere.
        inverse_depth: (H, W) out, 1/m, ``horizon`` where nothing is hit.
        owner: (H, W) out, polygon number or -1.
        polygon_geom: (P,) out, row of ``geoms`` of each polygon.
        coefficients: (P, 12) out: brightness, u, v and 1, each over z.
        points, pixels, bright, order, keys: scratch.

    Returns:
        The number of polygons.
    """
    height, width = np.float32(owner.shape[0]), np.float32(owner.shape[1])
    inverse_depth[:] = horizon
    owner[:] = -1
    frame, local = np.empty((3, 4), np.float32), np.empty((len(lights), 3), np.float32)
    clipped, spare = np.empty((12, 3), np.float32), np.empty((12, 3), np.float32)
    corners, spans = np.empty((12, 2), np.float32), np.empty((len(owner), 2), np.int32)
    polygons = 0
    for position in range(_visible_geoms(geoms, xpos, eye, view, lens, near, order, keys)):
        g = order[position]
        item = geoms[g]
        _geom_frame(xpos[item.geom], xmat[item.geom], eye, view, frame)
        _local_lights(lights, xpos[item.geom], xmat[item.geom], local)
        careful = _needs_clipping(frame, item.radius, lens, near)
        shape = shapes[item.detail + _detail(frame, item.radius, lens[0], item.details)]
        _transform(vertices, shape.vertex, shape.vertices, frame, points)
        _project(points, shape.vertices, lens, near, pixels)
        _brightness(
            normals, shape.normal, shape.normals, local, len(lights), ambient + item.emission, bright
        )
        # The eye in the geom's frame decides which faces are seen from outside.
        ex = -(frame[0, 0] * frame[0, 3] + frame[1, 0] * frame[1, 3] + frame[2, 0] * frame[2, 3])
        ey = -(frame[0, 1] * frame[0, 3] + frame[1, 1] * frame[1, 3] + frame[2, 1] * frame[2, 3])
        ez = -(frame[0, 2] * frame[0, 3] + frame[1, 2] * frame[1, 3] + frame[2, 2] * frame[2, 3])
        for f in range(shape.face, shape.face + shape.faces):
            px, py, pz = planes[f, 0], planes[f, 1], planes[f, 2]
            distance = px * ex + py * ey + pz * ez - planes[f, 3]
            if distance < MIN_DISTANCE:
                continue
            count = 4 if faces[f, 3] >= 0 else 3
            whole = True
            if careful:
                for i in range(count):
                    v = faces[f, i]
                    whole = whole and points[v, 2] >= near
                    whole = whole and abs(pixels[v, 0] - lens[1]) < GUARD * lens[1]
                    whole = whole and abs(pixels[v, 1] - lens[2]) < GUARD * lens[2]
            if whole:
                for i in range(count):
                    corners[i, 0], corners[i, 1] = pixels[faces[f, i], 0], pixels[faces[f, i], 1]
            else:
                for i in range(count):
                    for k in range(3):
                        clipped[i, k] = points[faces[f, i], k]
                count = _clip(clipped, count, lens, near, spare, corners)
                if count < 3:
                    continue
            top, bottom = _rows(corners, count, height, width)
            if top >= bottom:
                continue
            normal = (
                frame[0, 0] * px + frame[0, 1] * py + frame[0, 2] * pz,
                frame[1, 0] * px + frame[1, 1] * py + frame[1, 2] * pz,
                frame[2, 0] * px + frame[2, 1] * py + frame[2, 2] * pz,
            )
            scale = -ONE / distance
            per_z = _pixel_coefficients(normal[0] * scale, normal[1] * scale, normal[2] * scale, lens)
            _fill(corners, count, per_z, polygons, spans, inverse_depth, owner, top, bottom)
            polygon_geom[polygons] = g
            three = (faces[f, 0], faces[f, 1], faces[f, 2])
            values = (bright[faces[f, 4]], bright[faces[f, 5]], bright[faces[f, 6]])
            out = coefficients[polygons]
            if values[0] == values[1] and values[1] == values[2]:
                out[0], out[1], out[2] = (
                    values[0] * per_z[0], values[0] * per_z[1], values[0] * per_z[2]
                )
            else:
                out[0], out[1], out[2] = _surface_coefficients(
                    points, three, normal, values, per_z, lens
                )
            if item.texture >= 0:
                t = shape.uv + f - shape.face
                values = (uv[t, 0], uv[t, 2], uv[t, 4])
                out[3], out[4], out[5] = _surface_coefficients(
                    points, three, normal, values, per_z, lens
                )
                values = (uv[t, 1], uv[t, 3], uv[t, 5])
                out[6], out[7], out[8] = _surface_coefficients(
                    points, three, normal, values, per_z, lens
                )
                out[9], out[10], out[11] = per_z
            polygons += 1
    return polygons
