"""Geometric parts of generated things: primitives and turned (lathe) meshes, as plain data.

Lengths in metres. Quaternions are wxyz. A part's role says what it is for: ``solid`` is seen and
touched, ``visual`` only seen, ``hull`` only touched.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Vec3 = tuple[float, float, float]
Quat = tuple[float, float, float, float]
Rgba = tuple[float, float, float, float]
Kind = Literal["box", "sphere", "ellipsoid", "cylinder", "capsule", "mesh"]
Role = Literal["solid", "visual", "hull"]

IDENTITY: Quat = (1.0, 0.0, 0.0, 0.0)
GREY: Rgba = (0.5, 0.5, 0.5, 1.0)


@dataclass(frozen=True)
class Mesh:
    """Triangles with outward winding; ``vertices`` (V, 3) in m, ``faces`` (F, 3)."""

    vertices: tuple[Vec3, ...]
    faces: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class Part:
    """One geom: ``size`` has MuJoCo's meaning for the kind (half sizes, radius, half length)."""

    kind: Kind
    size: tuple[float, ...]
    pos: Vec3 = (0.0, 0.0, 0.0)
    quat: Quat = IDENTITY
    rgba: Rgba = GREY
    role: Role = "solid"
    mesh: Mesh | None = None
    material: str = ""

    def moved(self, offset: Sequence[float]) -> "Part":
        """The same part shifted by ``offset``."""
        return replace(self, pos=moved(self.pos, offset))


def moved(point: Vec3, offset: Sequence[float]) -> Vec3:
    """A point shifted by ``offset``."""
    x, y, z = (a + b for a, b in zip(point, offset, strict=True))
    return (x, y, z)


def rotation(quat: Quat) -> NDArray[np.float64]:
    """Rotation matrix (3, 3) of a unit quaternion."""
    w, x, y, z = quat
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def yaw_quat(yaw: float) -> Quat:
    """Rotation by ``yaw`` rad about z."""
    return (math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2))


def quat_mul(a: Quat, b: Quat) -> Quat:
    """Hamilton product ``a * b``."""
    aw, ax, ay, az = a
    bw, bx, by, bz = b
    return (
        aw * bw - ax * bx - ay * by - az * bz,
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
    )


def axis_quat(direction: Sequence[float]) -> Quat:
    """Shortest rotation that takes z to ``direction`` (any non-zero length)."""
    x, y, z = direction
    length = math.sqrt(x * x + y * y + z * z)
    x, y, z = x / length, y / length, z / length
    flat = x * x + y * y
    if z < 0 and flat < 1e-24:
        return (0.0, 1.0, 0.0, 0.0)
    # 1 + z without cancellation where z is close to -1
    norm = math.sqrt(2 * (flat / (1 - z) if z < 0 else 1 + z))
    return (norm / 2, -y / norm, x / norm, 0.0)


def box(half: Vec3, pos: Vec3, rgba: Rgba, role: Role = "solid", quat: Quat = IDENTITY) -> Part:
    """Box with half sizes ``half``."""
    return Part("box", half, pos, quat, rgba, role)


def disc(radius: float, z0: float, z1: float, rgba: Rgba, role: Role = "solid") -> Part:
    """Upright cylinder on the z axis from ``z0`` to ``z1``."""
    return Part(
        "cylinder", (radius, (z1 - z0) / 2), (0.0, 0.0, (z0 + z1) / 2), IDENTITY, rgba, role
    )


def rod(
    kind: Literal["capsule", "cylinder"],
    start: Vec3,
    end: Vec3,
    radius: float,
    rgba: Rgba,
    role: Role = "solid",
) -> Part:
    """Capsule or cylinder between two points (of a capsule: the centres of its ends)."""
    axis = tuple(b - a for a, b in zip(start, end, strict=True))
    x, y, z = ((a + b) / 2 for a, b in zip(start, end, strict=True))
    half = math.dist(start, end) / 2
    return Part(kind, (radius, half), (x, y, z), axis_quat(axis), rgba, role)


def ball(radius: float, pos: Vec3, rgba: Rgba, role: Role = "solid") -> Part:
    """Sphere."""
    return Part("sphere", (radius,), pos, IDENTITY, rgba, role)


def egg(radii: Vec3, pos: Vec3, rgba: Rgba, role: Role = "solid", quat: Quat = IDENTITY) -> Part:
    """Ellipsoid with semi-axes ``radii``."""
    return Part("ellipsoid", radii, pos, quat, rgba, role)


def ring_wall(
    count: int, bottom: tuple[float, float], top: tuple[float, float], thickness: float
) -> list[Part]:
    """``count`` flat hull boards around the z axis, from (radius, z) ``bottom`` to ``top``.

    The radii are those of the outer face, measured halfway between a board's middle and its edge,
    so that the polygon and the round wall it stands for differ as little as possible.
    """
    (r0, z0), (r1, z1) = bottom, top
    length = math.hypot(r1 - r0, z1 - z0)
    tilt = math.atan2(r1 - r0, z1 - z0)
    shrink = (1 + math.cos(math.pi / count)) / 2
    middle = shrink * (r0 + r1) / 2 - thickness / 2 * math.cos(tilt)
    height = (z0 + z1) / 2 + thickness / 2 * math.sin(tilt)
    width = math.tan(math.pi / count) * shrink * (r0 + r1) / 2
    lean: Quat = (math.cos(tilt / 2), 0.0, math.sin(tilt / 2), 0.0)
    boards = []
    for k in range(count):
        angle = 2 * math.pi * (k + 0.5) / count
        pos = (middle * math.cos(angle), middle * math.sin(angle), height)
        quat = quat_mul(yaw_quat(angle), lean)
        boards.append(box((thickness / 2, width, length / 2), pos, GREY, "hull", quat))
    return boards


def bounds(part: Part) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lowest and highest corner (3,) of the part's axis-aligned box."""
    turn, pos = rotation(part.quat), np.array(part.pos)
    if part.mesh is not None:
        points = np.array(part.mesh.vertices) @ turn.T + pos
        return points.min(0), points.max(0)
    size = part.size
    if part.kind == "sphere":
        half = np.full(3, size[0])
    elif part.kind == "box":
        half = np.abs(turn) @ np.array(size)
    elif part.kind == "ellipsoid":
        half = np.sqrt((turn**2) @ np.array(size) ** 2)
    elif part.kind == "capsule":
        half = np.abs(turn[:, 2]) * size[1] + size[0]
    else:
        half = np.abs(turn[:, 2]) * size[1] + size[0] * np.sqrt(1 - np.minimum(turn[:, 2] ** 2, 1))
    return pos - half, pos + half


def volume(part: Part) -> float:
    """Volume in m^3 of a primitive; the share of the mass it gets."""
    s = part.size
    match part.kind:
        case "box":
            return 8 * s[0] * s[1] * s[2]
        case "sphere":
            return 4 / 3 * math.pi * s[0] ** 3
        case "ellipsoid":
            return 4 / 3 * math.pi * s[0] * s[1] * s[2]
        case "cylinder":
            return 2 * math.pi * s[0] ** 2 * s[1]
        case "capsule":
            return math.pi * s[0] ** 2 * (2 * s[1] + 4 / 3 * s[0])
        case _:
            return 0.0
