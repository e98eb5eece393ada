"""First stage of the rasteriser: from geoms in the world to lit polygons in the image."""

import math
from typing import Any

import numpy as np

from molmospaces_gym.backends.rendering.arrays import Arr, Scratch, Surfaces, View
from molmospaces_gym.jit import helper, kernel

ZERO, HALF, ONE = np.float32(0), np.float32(0.5), np.float32(1)
MIN_RADIUS_PIXELS = np.float32(0.3)
"""Geoms whose projected radius is smaller are left out."""
DETAIL_PIXELS = np.float32(5)
"""Up to this projected radius the coarsest level of detail is used, to 4 times it the next."""
GUARD = np.float32(8)
"""Polygons that reach further than this many half images from the centre are clipped."""
MIN_DISTANCE = np.float32(1e-5)
"""Faces whose plane is nearer (m) to the eye are edge-on and left out."""
FAR_AWAY = np.float32(1e9)
"""Metres; geoms of a diverged simulation are left out."""
Triple = tuple[Any, Any, Any]


@helper
def _sort(order: Arr, keys: Arr, count: int) -> None:
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
def _visible_geoms(geoms: Arr, xpos: Arr, view: View, order: Arr, keys: Arr) -> int:
    """Fill ``order`` with the geoms whose bounding sphere meets the frustum, nearest first."""
    count, eye, right, down, ahead = 0, view.eye, view.right, view.down, view.ahead
    wide, high = view.half_width / view.focal, view.half_height / view.focal
    lean_x, lean_y = ONE / math.sqrt(ONE + wide * wide), ONE / math.sqrt(ONE + high * high)
    for g in range(len(geoms)):
        k, radius = geoms[g].geom, geoms[g].radius
        dx, dy, dz = xpos[k, 0] - eye[0], xpos[k, 1] - eye[1], xpos[k, 2] - eye[2]
        z = np.float32(ahead[0] * dx + ahead[1] * dy + ahead[2] * dz)
        if z + radius < view.near or (z - radius) * view.horizon > ONE:
            continue
        x = np.float32(right[0] * dx + right[1] * dy + right[2] * dz)
        y = np.float32(down[0] * dx + down[1] * dy + down[2] * dz)
        if (abs(x) - z * wide) * lean_x > radius or (abs(y) - z * high) * lean_y > radius:
            continue
        if z > radius and radius * view.focal < MIN_RADIUS_PIXELS * z:
            continue
        order[count], keys[count] = g, z - min(radius, ONE)
        count += 1
    _sort(order, keys, count)
    return count


@helper
def _geom_frame(xpos: Arr, xmat: Arr, geom: int, view: View, frame: Arr) -> bool:
    """Rotation and translation (3, 4) from a geom's frame to view space; False if not finite."""
    eye, total = view.eye, ZERO
    dx, dy, dz = xpos[geom, 0] - eye[0], xpos[geom, 1] - eye[1], xpos[geom, 2] - eye[2]
    for i, axis in enumerate((view.right, view.down, view.ahead)):
        a, b, c = axis
        for j in range(3):
            frame[i, j] = a * xmat[geom, j] + b * xmat[geom, 3 + j] + c * xmat[geom, 6 + j]
        frame[i, 3] = a * dx + b * dy + c * dz
        total += abs(frame[i, 0]) + abs(frame[i, 1]) + abs(frame[i, 2]) + abs(frame[i, 3])
    return bool(total < FAR_AWAY)


@helper
def _project_vertices(
    vertices: Arr, shape: Any, frame: Arr, view: View, points: Arr, pixels: Arr
) -> None:
    """View coordinates of a shape's vertices, and pixels of those in front of the near plane."""
    focal, half_width, half_height = view.focal, view.half_width, view.half_height
    for i in range(shape.vertices):
        v = shape.vertex + i
        a, b, c = vertices[v, 0], vertices[v, 1], vertices[v, 2]
        x = frame[0, 0] * a + frame[0, 1] * b + frame[0, 2] * c + frame[0, 3]
        y = frame[1, 0] * a + frame[1, 1] * b + frame[1, 2] * c + frame[1, 3]
        z = frame[2, 0] * a + frame[2, 1] * b + frame[2, 2] * c + frame[2, 3]
        points[i, 0], points[i, 1], points[i, 2] = x, y, z
        scale = focal / max(z, view.near)
        pixels[i, 0], pixels[i, 1] = half_width + x * scale, half_height + y * scale


@helper
def _light_normals(normals: Arr, shape: Any, lights: Arr, g: int, floor: Any, bright: Arr) -> None:
    """Diffuse light on a shape's normals; ``lights[g]`` (L, 3) point towards the lights."""
    for i in range(shape.normals):
        n = shape.normal + i
        x, y, z = normals[n, 0], normals[n, 1], normals[n, 2]
        total = floor
        for k in range(lights.shape[1]):
            total += max(ZERO, lights[g, k, 0] * x + lights[g, k, 1] * y + lights[g, k, 2] * z)
        bright[i] = total


@helper
def _needs_clipping(frame: Arr, radius: Any, view: View) -> bool:
    """Whether a bounding sphere reaches the near plane or far outside the image."""
    front = frame[2, 3] - radius
    if front <= view.near:
        return True
    reach = max(abs(frame[0, 3]) / view.half_width, abs(frame[1, 3]) / view.half_height)
    reach += radius / min(view.half_width, view.half_height)
    return bool(reach * view.focal > GUARD * front)


@helper
def _is_whole(faces: Arr, f: int, count: int, points: Arr, pixels: Arr, view: View) -> bool:
    """Whether a face is in front of the near plane and not far outside the image."""
    half_width, half_height = view.half_width, view.half_height
    for i in range(count):
        v = faces[f, i]
        if points[v, 2] < view.near or abs(pixels[v, 0] - half_width) > GUARD * half_width:
            return False
        if abs(pixels[v, 1] - half_height) > GUARD * half_height:
            return False
    return True


@helper
def _clip_halfspace(points: Arr, count: int, a: Any, b: Any, c: Any, d: Any, out: Arr) -> int:
    """The part of a convex polygon where a x + b y + c z >= d; returns its number of corners."""
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
def _clip_face(faces: Arr, f: int, count: int, points: Arr, view: View, work: Arr, out: Any) -> int:
    """Corners of the part of a face inside the frustum; returns their number."""
    a, b = work[0], work[1]
    for i in range(count):
        for k in range(3):
            a[i, k] = points[faces[f, i], k]
    focal, half_width, half_height = view.focal, view.half_width, view.half_height
    wide, high = half_width / focal, half_height / focal
    count = _clip_halfspace(a, count, ZERO, ZERO, ONE, view.near, b)
    count = _clip_halfspace(b, count, ONE, ZERO, wide, ZERO, a)
    count = _clip_halfspace(a, count, -ONE, ZERO, wide, ZERO, b)
    count = _clip_halfspace(b, count, ZERO, ONE, high, ZERO, a)
    count = _clip_halfspace(a, count, ZERO, -ONE, high, ZERO, b)
    for i in range(count):
        scale = focal / b[i, 2]
        out.corners[i, 0] = half_width + b[i, 0] * scale
        out.corners[i, 1] = half_height + b[i, 1] * scale
    return count


@helper
def _between_centres(low: Any, high: Any) -> bool:
    """Whether low .. high, inside the image, holds no pixel centre (they are at halves)."""
    low, high = low + HALF, high + HALF
    cell = np.int32(low)
    return bool(low > ONE and cell == np.int32(high) and low != np.float32(cell))


@helper
def _covers_a_pixel(polygon: Any, count: int, width: Any, height: Any) -> bool:
    """Whether the bounding rectangle of a polygon holds the centre of a pixel of the image."""
    low_x = high_x = polygon.corners[0, 0]
    low_y = high_y = polygon.corners[0, 1]
    for i in range(1, count):
        x, y = polygon.corners[i, 0], polygon.corners[i, 1]
        low_x, high_x, low_y, high_y = min(low_x, x), max(high_x, x), min(low_y, y), max(high_y, y)
    if high_x < HALF or high_y < HALF or low_x > width or low_y > height:
        return False
    return not (_between_centres(low_x, high_x) or _between_centres(low_y, high_y))


@helper
def _store(out: Arr, values: Triple) -> None:
    out[0], out[1], out[2] = values


@helper
def _pixel_coefficients(x: Any, y: Any, z: Any, view: View) -> Triple:
    """Coefficients over pixel centres of the function x X/Z + y Y/Z + z of the view ray."""
    x, y = x / view.focal, y / view.focal
    return z + x * (HALF - view.half_width) + y * (HALF - view.half_height), x, y


@helper
def _surface_coefficients(
    points: Arr, corners: tuple[int, int, int], values: Triple, polygon: Any, view: View
) -> Triple:
    """Coefficients of value/z for a quantity that is ``values`` at three corners of a face."""
    a, b, c = corners
    ax, ay, az = points[a, 0], points[a, 1], points[a, 2]
    ux, uy, uz = points[b, 0] - ax, points[b, 1] - ay, points[b, 2] - az
    vx, vy, vz = points[c, 0] - ax, points[c, 1] - ay, points[c, 2] - az
    nx, ny, nz = polygon.normal[0], polygon.normal[1], polygon.normal[2]
    twice_area = (uy * vz - uz * vy) * nx + (uz * vx - ux * vz) * ny + (ux * vy - uy * vx) * nz
    # The in-plane gradient g with g.u = values[1] - values[0] and g.v = values[2] - values[0].
    du, dv = (values[1] - values[0]) / twice_area, (values[2] - values[0]) / twice_area
    gx = du * (vy * nz - vz * ny) + dv * (ny * uz - nz * uy)
    gy = du * (vz * nx - vx * nz) + dv * (nz * ux - nx * uz)
    gz = du * (vx * ny - vy * nx) + dv * (nx * uy - ny * ux)
    base = values[0] - gx * ax - gy * ay - gz * az
    c0, c1, c2 = _pixel_coefficients(gx, gy, gz, view)
    per_z = polygon.per_z
    return c0 + base * per_z[0], c1 + base * per_z[1], c2 + base * per_z[2]


@kernel
def project(
    surfaces: Surfaces, xpos: Arr, xmat: Arr, view: View, local: Arr, ambient: Any,
    scratch: Scratch, polygons: Arr,
) -> int:  # fmt: skip
    """Fill ``polygons`` with every face that is seen from outside; returns their number.

    Args:
        surfaces: geometry of the model.
        xpos, xmat: (ngeom, 3) and (ngeom, 9) float64 poses of all geoms of the model.
        view: the camera.
        local: (G, L, 3) float32, see ``lighting.aim_lights``.
        ambient: light everywhere.
        scratch: memory to work in.
        polygons: (P,) POLYGON out, near geoms first.
    """
    geoms, faces, planes, uv = surfaces.geoms, surfaces.faces, surfaces.planes, surfaces.uv
    shapes, vertices, normals = surfaces.shapes, surfaces.vertices, surfaces.normals
    points, pixels, bright, order = scratch.points, scratch.pixels, scratch.bright, scratch.order
    width, height = view.half_width + view.half_width, view.half_height + view.half_height
    frame, work = np.empty((3, 4), np.float32), np.empty((2, 12, 3), np.float32)
    total = 0
    for position in range(_visible_geoms(geoms, xpos, view, order, scratch.keys)):
        g = order[position]
        item = geoms[g]
        if not _geom_frame(xpos, xmat, item.geom, view, frame):
            continue
        careful = _needs_clipping(frame, item.radius, view)
        size = item.radius * view.focal / max(frame[2, 3] - item.radius, view.near)
        level = 0 if size <= DETAIL_PIXELS else (1 if size <= 4 * DETAIL_PIXELS else 2)
        shape = shapes[item.detail + min(level, item.details - 1)]
        _project_vertices(vertices, shape, frame, view, points, pixels)
        _light_normals(normals, shape, local, g, ambient + item.emission, bright)
        # The eye in the geom's frame decides which faces are seen from outside.
        x, y, z = frame[0, 3], frame[1, 3], frame[2, 3]
        ex = -(frame[0, 0] * x + frame[1, 0] * y + frame[2, 0] * z)
        ey = -(frame[0, 1] * x + frame[1, 1] * y + frame[2, 1] * z)
        ez = -(frame[0, 2] * x + frame[1, 2] * y + frame[2, 2] * z)
        for f in range(shape.face, shape.face + shape.faces):
            a, b, c = planes[f, 0], planes[f, 1], planes[f, 2]
            distance = a * ex + b * ey + c * ez - planes[f, 3]
            if distance < MIN_DISTANCE:
                continue
            polygon, count = polygons[total], 4 if faces[f, 3] >= 0 else 3
            if not careful or _is_whole(faces, f, count, points, pixels, view):
                for i in range(count):
                    polygon.corners[i, 0] = pixels[faces[f, i], 0]
                    polygon.corners[i, 1] = pixels[faces[f, i], 1]
            else:
                count = _clip_face(faces, f, count, points, view, work, polygon)
            if count < 3 or not _covers_a_pixel(polygon, count, width, height):
                continue
            nx = frame[0, 0] * a + frame[0, 1] * b + frame[0, 2] * c
            ny = frame[1, 0] * a + frame[1, 1] * b + frame[1, 2] * c
            nz = frame[2, 0] * a + frame[2, 1] * b + frame[2, 2] * c
            s = -ONE / distance
            per_z = _pixel_coefficients(nx * s, ny * s, nz * s, view)
            polygon.geom, polygon.count = g, count
            _store(polygon.normal, (nx, ny, nz))
            _store(polygon.per_z, per_z)
            corners = (faces[f, 0], faces[f, 1], faces[f, 2])
            light = (bright[faces[f, 4]], bright[faces[f, 5]], bright[faces[f, 6]])
            if light[0] == light[1] and light[1] == light[2]:
                c0, c1, c2 = per_z
                _store(polygon.light, (light[0] * c0, light[0] * c1, light[0] * c2))
            else:
                _store(polygon.light, _surface_coefficients(points, corners, light, polygon, view))
            if item.texture >= 0:
                t = shape.uv + f - shape.face
                us, vs = (uv[t, 0], uv[t, 2], uv[t, 4]), (uv[t, 1], uv[t, 3], uv[t, 5])
                _store(polygon.u, _surface_coefficients(points, corners, us, polygon, view))
                _store(polygon.v, _surface_coefficients(points, corners, vs, polygon, view))
            total += 1
    return total
