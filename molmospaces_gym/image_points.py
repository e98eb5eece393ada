"""Image points: where in an episode's first pictures the things are that its task names.

A robot can be told what to do by a click in a picture instead of by a name. As for the published
point-conditioned SPOC models, up to two things have a point, what is moved or opened and the place
it goes to, taken in the first picture and held all episode long. A point is the projected middle of
the thing, or of its handle, whether or not something stands before it. With a depth camera, which
robots are calibrated with, it is the place in the robot's base frame of what is seen there, and
where that is from the tool now: what a robot knows that remembers the place.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.backends.base import World
from molmospaces_gym.cameras import CameraPose
from molmospaces_gym.scenes.model import SceneModel

Array = NDArray[np.float64]
Frame = tuple[Array, Array]

SUFFIX = "_points"
POINTS = 2
"""Points per camera: x and y from the left and top edge, 0..1; with depth see ``placed``."""
ROLES = ("pickup_obj_name", "place_receptacle_name")
"""Fields of an episode's task with the names of the things."""


def image_points(
    pointed: Iterable[Array | None], poses: Iterable[CameraPose], size: tuple[int, int]
) -> Array:
    """The points of each camera, (cameras * 4,), zeros where there is none.

    Args:
        pointed: world position (3,) in m of each thing, at most two; None where there is none.
        poses: the cameras.
        size: (width, height) of their pictures.
    """
    things, cameras = list(pointed), list(poses)
    rows = np.zeros((len(cameras), POINTS, 2))
    for row, pose in zip(rows, cameras, strict=True):
        for number, thing in enumerate(things):
            row[number] = (
                (0.0, 0.0) if thing is None else projected(thing, pose, size) or (0.0, 0.0)
            )
    return rows.reshape(-1)


def seen_places(
    points: Array, poses: Sequence[CameraPose], depths: Sequence[NDArray[np.float32]], base: Frame
) -> Array:
    """Where that is which is seen at ``image_points``, (cameras * 6,), zeros where there is none.

    Args:
        points: (cameras * 4,).
        poses: the cameras.
        depths: (height, width) pictures of the distance along the optical axis (m), 0: nothing hit.
        base: position (3,) in m and orientation (3, 3) of the robot's base.
    """
    pos, mat = base
    rows = np.zeros((len(poses), POINTS, 3))
    for row, places, pose, depth in zip(
        rows, points.reshape(len(poses), POINTS, 2), poses, depths, strict=True
    ):
        for number, place in enumerate(places):
            distance = _pixel(depth, place) if place.any() else 0.0
            if distance > 0.0:
                row[number] = mat.T @ (_unprojected(place, distance, pose, depth.shape) - pos)
    return rows.reshape(-1)


def placed(places: Array, tool: Array) -> Array:
    """Places (cameras * 6,) with where they are from the tool (3,), (cameras * 12,), m.

    Per camera the two places, then the way to each; zeros where there is none.
    """
    rows = places.reshape(-1, POINTS, 3)
    away = np.where(rows.any(axis=2, keepdims=True), rows - tool, 0.0)
    return np.concatenate([rows, away], axis=1).reshape(-1)


def _pixel(picture: NDArray[np.float32], place: Array) -> float:
    """The value of a picture at a place in it."""
    row, column = (
        min(int(share * size), size - 1)
        for share, size in zip(place[::-1], picture.shape, strict=True)
    )
    return float(picture[row, column])


def _unprojected(place: Array, depth: float, pose: CameraPose, shape: tuple[int, ...]) -> Array:
    """The world point (3,) at a depth behind a place in a picture of ``shape``."""
    tangent = 2.0 * math.tan(math.radians(pose.fov) / 2)
    x, y = (place - 0.5) * tangent * np.array([shape[1] / shape[0], -1.0])
    found: Array = pose.pos + pose.mat @ (depth * np.array([x, y, -1.0]))
    return found


def projected(point: Array, pose: CameraPose, size: tuple[int, int]) -> tuple[float, float] | None:
    """Where a world point (3,) is in a picture, from its left and top edge; None: not in it."""
    x, y, z = pose.mat.T @ (point - pose.pos)
    if z >= 0.0:  # a camera looks along its -z
        return None
    width, height = size
    focal = 0.5 / math.tan(math.radians(pose.fov) / 2)
    u, v = 0.5 - focal * height / width * x / z, 0.5 + focal * y / z
    return (float(u), float(v)) if 0.0 <= u <= 1.0 and 0.0 <= v <= 1.0 else None


def pointed_things(
    bound: Any, task: Mapping[str, Any], scene: SceneModel, world: World, slot: int
) -> list[Array | None]:
    """World positions of what an episode is about now, one per role.

    A bound task with a method ``pointed() -> list`` knows better than the names in the episode,
    such as which handle it is.
    """
    if hasattr(bound, "pointed"):
        return list(bound.pointed())
    return [
        None if task.get(role) is None else _middle(str(task[role]), scene, world, slot)
        for role in ROLES
    ]


def _middle(name: str, scene: SceneModel, world: World, slot: int) -> Array:
    center, body = scene.body_center(name), scene.body_id(name)
    return body_point(center, world.body_pos(slot), world.body_mat(slot), body)


def body_point(point: Array, xpos: Array, xmat: Array, body: int) -> Array:
    """World position (3,) of a point in a body's frame; the arrays are a world's."""
    found: Array = xpos[body] + xmat[body].reshape(3, 3) @ point
    return found
