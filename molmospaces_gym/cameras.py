"""Cameras of an episode: where they are mounted and how that becomes a world pose.

A camera frame follows MuJoCo: it looks along its -z axis, +y is up in the image, +x is right.
Quaternions are wxyz, positions metres, ``fov`` the vertical field of view in degrees.
"""

import math
from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidEpisode, UnknownBody

if TYPE_CHECKING:
    from molmospaces_gym.episode_parts import CameraSpec

Array = NDArray[np.float64]


@dataclass(frozen=True)
class CameraMount:
    """A camera fixed to ``body`` (``None``: the world) at ``pos``/``quat`` in that body's frame."""

    name: str
    body: str | None
    pos: tuple[float, float, float]
    quat: tuple[float, float, float, float]
    fov: float


@dataclass(frozen=True)
class CameraPose:
    """A camera in the world at one instant: ``pos`` (3,), ``mat`` (3, 3) with columns x, y, z."""

    pos: Array
    mat: Array
    fov: float
    """Vertical field of view in degrees."""


Images = dict[str, NDArray[Any]]
"""``rgb`` (H, W, 3) uint8, ``depth`` (H, W) float32 metres along the optical axis (0 where
nothing is hit), ``segmentation`` (H, W) int32 body ids (-1 where nothing is hit)."""

Paint = tuple[tuple[int, tuple[float, float, float]], ...]
"""(geom id, rgb in 0..1) of geoms that are shown in a plain colour instead of their own."""

PARALLEL = 1e-6
"""Sine of the angle below which two directions count as parallel (official camera manager)."""


def quat_to_mat(quat: Sequence[float]) -> Array:
    """Rotation matrix (3, 3) of a wxyz quaternion of any length above zero."""
    w, x, y, z = (float(value) for value in quat)
    s = 2.0 / (w * w + x * x + y * y + z * z)
    return np.array(
        [
            [1 - s * (y * y + z * z), s * (x * y - w * z), s * (x * z + w * y)],
            [s * (x * y + w * z), 1 - s * (x * x + z * z), s * (y * z - w * x)],
            [s * (x * z - w * y), s * (y * z + w * x), 1 - s * (x * x + y * y)],
        ]
    )


def mat_to_quat(mat: Array) -> tuple[float, float, float, float]:
    """Unit wxyz quaternion, w >= 0, of a rotation matrix (3, 3).

    The largest of the four components is computed first, so no sign or angle loses precision.
    """
    m = mat.tolist()
    squares = (
        1 + m[0][0] + m[1][1] + m[2][2],
        1 + m[0][0] - m[1][1] - m[2][2],
        1 - m[0][0] + m[1][1] - m[2][2],
        1 - m[0][0] - m[1][1] + m[2][2],
    )
    largest = max(range(4), key=squares.__getitem__)
    wx, wy, wz = m[2][1] - m[1][2], m[0][2] - m[2][0], m[1][0] - m[0][1]
    xy, xz, yz = m[0][1] + m[1][0], m[0][2] + m[2][0], m[1][2] + m[2][1]
    products = (
        (squares[0], wx, wy, wz),
        (wx, squares[1], xy, xz),
        (wy, xy, squares[2], yz),
        (wz, xz, yz, squares[3]),
    )[largest]
    norm = math.copysign(math.sqrt(sum(value * value for value in products)), products[0])
    w, x, y, z = (value / norm for value in products)
    return (w, x, y, z)


def look_rotation(forward: Sequence[float], up: Sequence[float]) -> Array:
    """Orientation (3, 3) of a camera that looks along ``forward`` with ``up`` towards the top.

    Neither needs unit length, and ``up`` need not be perpendicular: it is made so.

    Raises:
        InvalidEpisode: a direction is zero, or the two are parallel.
    """
    back = _unit(tuple(-float(value) for value in forward))
    top = _unit(tuple(float(value) for value in up))
    if back is None or top is None:
        raise InvalidEpisode(f"a camera direction is zero: forward {list(forward)}, up {list(up)}")
    right = _unit(_cross(top, back))
    if right is None:
        raise InvalidEpisode(
            f"camera forward {list(forward)} and up {list(up)} are parallel; "
            "expected two different directions"
        )
    top = _cross(back, right)
    return np.array([[right[i], top[i], back[i]] for i in range(3)])


_Triple = tuple[float, ...]


def _cross(a: _Triple, b: _Triple) -> _Triple:
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


def _unit(vector: _Triple) -> _Triple | None:
    length = math.hypot(*vector)
    return tuple(value / length for value in vector) if length > PARALLEL else None


def forward_up(quat: Sequence[float]) -> tuple[Array, Array]:
    """Viewing direction and image-up direction, each (3,), of a camera orientation."""
    mat = quat_to_mat(quat)
    return -mat[:, 2], mat[:, 1]


def world_pose(mount: CameraMount, body_pos: Array, body_mat: Array) -> CameraPose:
    """Where a camera is now.

    Args:
        mount: the camera; one without a body ignores the other arguments.
        body_pos: (3,) world position of the mount's body (m).
        body_mat: its orientation, (3, 3) or the 9 numbers of MuJoCo's ``xmat``.
    """
    mat = quat_to_mat(mount.quat)
    pos = np.array(mount.pos)
    if mount.body is None:
        return CameraPose(pos, mat, mount.fov)
    rotation = np.asarray(body_mat, np.float64).reshape(3, 3)
    return CameraPose(rotation @ pos + body_pos, rotation @ mat, mount.fov)


def mounts_from_spec(
    cameras: "Sequence[CameraSpec]", bodies: Container[str] | None = None
) -> tuple[CameraMount, ...]:
    """The cameras of an episode as mounts, in order.

    Args:
        cameras: robot-mounted and exocentric camera specs.
        bodies: names of the bodies of the scene; a robot-mounted camera hangs on the first of
            its reference bodies that is among them. None takes the first name unseen.

    Raises:
        UnknownBody: no reference body of a camera exists.
        InvalidEpisode: an exocentric camera has degenerate directions.
    """
    return tuple(_mount(camera, bodies) for camera in cameras)


def _mount(camera: "CameraSpec", bodies: Container[str] | None) -> CameraMount:
    if camera.type == "robot_mounted":
        x, y, z = camera.camera_offset
        quat = camera.camera_quaternion
        length = math.sqrt(sum(value * value for value in quat))
        qw, qx, qy, qz = (value / length for value in quat)
        body = _reference_body(camera.name, camera.reference_body_names, bodies)
        return CameraMount(camera.name, body, (x, y, z), (qw, qx, qy, qz), camera.fov)
    try:
        orientation = mat_to_quat(look_rotation(camera.forward, camera.up))
    except InvalidEpisode as error:
        raise InvalidEpisode(f"camera {camera.name!r}: {error}") from error
    x, y, z = camera.pos
    return CameraMount(camera.name, None, (x, y, z), orientation, camera.fov)


def _reference_body(camera: str, names: Sequence[str], bodies: Container[str] | None) -> str:
    if bodies is None:
        return names[0]
    for name in names:
        if name in bodies:
            return name
    raise UnknownBody(f"camera {camera!r}: the scene holds no body named {' or '.join(names)}")
