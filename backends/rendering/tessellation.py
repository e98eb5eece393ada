"""Closed convex shapes as flat arrays of vertices, normals and faces, outward winding."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]

BOX_QUADS = ((1, 3, 7, 5), (0, 4, 6, 2), (2, 6, 7, 3), (0, 1, 5, 4), (4, 5, 7, 6), (0, 2, 3, 1))
"""Corners of the faces +x, -x, +y, -y, +z, -z; bit k of a corner number selects its sign on k."""
ROUND_SHAPES = 512
"""Round shapes kept in memory; a robot has the same ones in every house."""


@dataclass(frozen=True)
class Shape:
    """A surface in the frame of its geom, in metres.

    Attributes:
        vertices: (V, 3).
        normals: (N, 3), unit length.
        faces: (F, 8): four vertex numbers, then four normal numbers, counter-clockwise seen from
            outside; the fourth of each is -1 for triangles. A face with four equal normal numbers
            is shaded flat.
        uv: (F, 6) texture coordinates of the first three corners, or None.
    """

    vertices: Floats
    normals: Floats
    faces: Ints
    uv: Floats | None = None


def box(half: Floats, uv_scale: Floats | None = None) -> Shape:
    """A box of half sizes ``half`` (3,); ``uv_scale`` (6, 2) is the texture repeat of each face."""
    corners = np.array([[1 if c >> k & 1 else -1 for k in range(3)] for c in range(8)], float)
    normals = np.array([[s * (k == j) for j in range(3)] for k in range(3) for s in (1, -1)], float)
    faces = np.array([[*quad, *([k] * 4)] for k, quad in enumerate(BOX_QUADS)], np.int32)
    uv = None
    if uv_scale is not None:
        # Along the two in-plane axes; images have their first row at the upper end.
        axes = [[a for a in range(3) if a != k // 2] for k in range(6)]
        unit = [corners[list(quad[:3])][:, axes[k]] for k, quad in enumerate(BOX_QUADS)]
        flipped = 0.5 + 0.5 * np.array(unit) * [1, -1]
        uv = (flipped * uv_scale[:, None, :]).reshape(6, 6)
    return Shape(corners * half, normals, faces, uv)


def plane(half_x: float, half_y: float, uv: Floats) -> Shape:
    """A rectangle in the xy plane that is seen from +z only; ``uv`` (1, 6)."""
    signs = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], float)
    faces = np.array([[0, 1, 2, 3, 0, 0, 0, 0]], np.int32)
    return Shape(signs * [half_x, half_y, 0], np.array([[0.0, 0.0, 1.0]]), faces, uv)


def _ring_faces(rings: int, segments: int) -> list[list[int]]:
    """Faces between consecutive rings (bottom to top); a smooth face repeats vertex numbers."""
    faces = []
    for i in range(rings - 1):
        for j in range(segments):
            k = (j + 1) % segments
            quad = [i * segments + j, i * segments + k, (i + 1) * segments + k]
            quad.append((i + 1) * segments + j)
            faces.append(quad + quad)
    return faces


def _circumference_factor(segments: int) -> float:
    """Radius factor that gives a polygon the area of its circle: silhouettes of the right size."""
    angle = 2 * np.pi / segments
    return float(np.sqrt(angle / np.sin(angle)))


def _latitudes(stacks: int) -> Floats:
    """Angles (rad) of the rings of a sphere; the poles are two more stacks of triangles."""
    return np.linspace(-0.5 * np.pi, 0.5 * np.pi, stacks + 1)[1:-1]


def _round_shape(rings: list[tuple[float, float, float, float]], poles: float, n: int) -> Shape:
    """A surface of revolution from (radius, z, normal radius, normal z) per ring and two poles."""
    angles = 2 * np.pi * np.arange(n) / n
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    vertices = [np.column_stack([circle * r, np.full(n, z)]) for r, z, _, _ in rings]
    normals = [np.column_stack([circle * r, np.full(n, z)]) for _, _, r, z in rings]
    vertices += [np.array([[0, 0, -poles], [0, 0, poles]])]
    normals += [np.array([[0, 0, -1.0], [0, 0, 1.0]])]
    faces = _ring_faces(len(rings), n)
    south, north, last = len(rings) * n, len(rings) * n + 1, (len(rings) - 1) * n
    for j in range(n):
        k = (j + 1) % n
        faces.append([k, j, south, -1] * 2)
        faces.append([last + j, last + k, north, -1] * 2)
    return Shape(np.concatenate(vertices), np.concatenate(normals), np.array(faces, np.int32))


def ellipsoid(half: Floats, segments: int) -> Shape:
    """An ellipsoid of half axes ``half`` (3,)."""
    grow = _circumference_factor(segments)
    rings = [
        (np.cos(a) * grow, np.sin(a) * grow, np.cos(a), np.sin(a))
        for a in _latitudes(max(4, segments // 2))
    ]
    unit = _round_shape(rings, grow, segments)
    normals = unit.normals / half
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return Shape(unit.vertices * half, normals, unit.faces)


@lru_cache(maxsize=ROUND_SHAPES)
def capsule(radius: float, half_length: float, segments: int) -> Shape:
    """A cylinder of half length ``half_length`` along z with hemispheres of ``radius``."""
    grow = _circumference_factor(segments)
    cap = np.linspace(0, 0.5 * np.pi, max(2, segments // 4) + 1)[:-1]
    rings = []
    for sign, angles in ((-1, cap[::-1]), (1, cap)):
        for a in angles:
            c, s = float(np.cos(a)), sign * float(np.sin(a))
            rings.append((c * radius * grow, sign * half_length + s * radius, c, s))
    return _round_shape(rings, half_length + radius, segments)


@lru_cache(maxsize=ROUND_SHAPES)
def cylinder(radius: float, half_length: float, segments: int) -> Shape:
    """A cylinder along z with flat ends."""
    n = segments
    grow = _circumference_factor(n)
    angles = 2 * np.pi * np.arange(n) / n
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    ends = [np.column_stack([circle * radius * grow, np.full(n, s * half_length)]) for s in (-1, 1)]
    side = np.column_stack([circle, np.zeros(n)])
    normals = np.concatenate([side, np.array([[0, 0, -1.0], [0, 0, 1.0]])])
    faces = []
    for j in range(n):
        k = (j + 1) % n
        faces.append([j, k, n + k, n + j, j, k, k, j])
    for j in range(1, n - 1):
        faces.append([0, j + 1, j, -1, n, n, n, -1])
        faces.append([n, n + j, n + j + 1, -1, n + 1, n + 1, n + 1, -1])
    return Shape(np.concatenate(ends), normals, np.array(faces, np.int32))
