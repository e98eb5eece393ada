"""Low-poly triangle meshes for what is only seen: turned bodies, bent tubes, chamfered boxes.

They are written into the MJCF as inline vertices; contacts use primitives beside them.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from molmospaces_gym.scenes.generator.shapes import (
    IDENTITY,
    Mesh,
    Part,
    Rgba,
    Role,
    Vec3,
    rotation,
)


def turned(
    profile: Sequence[tuple[float, float]], rgba: Rgba, segments: int = 12, role: Role = "visual"
) -> Part:
    """Solid of revolution about z.

    ``profile`` is a list of (radius, z) from the axis at the bottom, around the outside, back to
    the axis; a radius of 0 is a point on the axis.
    """
    return Part("mesh", (), rgba=rgba, role=role, mesh=lathe(profile, segments))


def band(radius: float, low: float, high: float, rgba: Rgba, segments: int = 12) -> Part:
    """Label around a turned body of the same ``radius`` and ``segments``, just outside of it."""
    out = radius + 0.0006
    return turned([(0, low), (out, low), (out, high), (0, high)], rgba, segments)


def lathe(profile: Sequence[tuple[float, float]], segments: int) -> Mesh:
    """Mesh of the solid of revolution that ``turned`` describes."""
    vertices: list[Vec3] = []
    rings: list[list[int]] = []
    for radius, z in profile:
        first = len(vertices)
        if radius == 0.0:
            vertices.append((0.0, 0.0, z))
            rings.append([first] * segments)
            continue
        angles = [2 * math.pi * k / segments for k in range(segments)]
        vertices += [(radius * math.cos(a), radius * math.sin(a), z) for a in angles]
        rings.append(list(range(first, first + segments)))
    faces: list[tuple[int, int, int]] = []
    for low, high in zip(rings, rings[1:], strict=False):
        for k in range(segments):
            n = (k + 1) % segments
            if low[k] != low[n]:
                faces.append((low[k], low[n], high[n]))
            if high[k] != high[n]:
                faces.append((low[k], high[n], high[k]))
    return Mesh(tuple(vertices), tuple(faces))


def joined(*parts: Part) -> Part:
    """One visual mesh out of several mesh parts that stay where they are."""
    vertices: list[Vec3] = []
    faces: list[tuple[int, int, int]] = []
    for part in parts:
        assert part.mesh is not None
        first = len(vertices)
        points = np.array(part.mesh.vertices) @ rotation(part.quat).T + np.array(part.pos)
        vertices += [(float(x), float(y), float(z)) for x, y, z in points]
        faces += [(a + first, b + first, c + first) for a, b, c in part.mesh.faces]
    return replace(
        parts[0], mesh=Mesh(tuple(vertices), tuple(faces)), pos=(0.0, 0.0, 0.0), quat=IDENTITY
    )


def tube(path: Sequence[Vec3], radius: float, rgba: Rgba, sides: int = 5) -> Part:
    """Visual mesh of a bent tube along ``path`` in a plane of constant y."""
    points = np.array(path)
    tangents = np.gradient(points, axis=0)
    vertices: list[Vec3] = []
    for point, tangent in zip(points, tangents, strict=True):
        unit = tangent / np.linalg.norm(tangent)
        normal = np.array([unit[2], 0.0, -unit[0]])
        for k in range(sides):
            a = 2 * math.pi * k / sides
            x, y, z = point + radius * (math.cos(a) * normal + math.sin(a) * np.array([0, 1, 0]))
            vertices.append((float(x), float(y), float(z)))
    faces: list[tuple[int, int, int]] = []
    for i in range(len(path) - 1):
        for k in range(sides):
            a, b = i * sides + k, i * sides + (k + 1) % sides
            faces += [(a, a + sides, b), (b, a + sides, b + sides)]
    last = (len(path) - 1) * sides
    for k in range(1, sides - 1):
        faces += [(0, k, k + 1), (last, last + k + 1, last + k)]
    return Part("mesh", (), rgba=rgba, role="visual", mesh=Mesh(tuple(vertices), tuple(faces)))


def prism(half: Vec3, chamfer: float, pos: Vec3, rgba: Rgba) -> Part:
    """Visual box whose twelve edges are cut by ``chamfer`` (at most 45 % of the thinnest side)."""
    hx, hy, hz = half
    c = min(chamfer, 0.45 * min(half))
    outline: list[Vec3] = []
    for inset, z in ((c, -hz), (0.0, c - hz), (0.0, hz - c), (c, hz)):
        x, y = hx - inset, hy - inset
        corners = [(x, c - y), (x, y - c), (x - c, y), (c - x, y)]
        corners += [(-x, y - c), (-x, c - y), (c - x, -y), (x - c, -y)]
        outline += [(cx, cy, z) for cx, cy in corners]
    return Part("mesh", (), pos, IDENTITY, rgba, "visual", stacked(outline, 4))


def stacked(vertices: Sequence[Vec3], layers: int) -> Mesh:
    """Closed mesh of ``layers`` convex outlines with equally many points, bottom to top."""
    n = len(vertices) // layers
    faces: list[tuple[int, int, int]] = []
    for layer in range(layers - 1):
        for k in range(n):
            a, b = layer * n + k, layer * n + (k + 1) % n
            faces += [(a, b, b + n), (a, b + n, a + n)]
    top = (layers - 1) * n
    for k in range(1, n - 1):
        faces += [(0, k + 1, k), (top, top + k, top + k + 1)]
    return Mesh(tuple(vertices), tuple(faces))
