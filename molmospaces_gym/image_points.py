"""Image points: where in an episode's first pictures the things are that its task names.

A robot can be told what to do by a click in a picture instead of by a name. As for the published
point-conditioned SPOC models, up to two things have a point, what is moved or opened and the place
it goes to, taken in the first picture and held all episode long. A point is the projected middle of
the thing, or of its handle, whether or not something stands before it. A depth camera also says how
far away that is which is seen there.
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

SUFFIX = "_points"
POINTS = 2
"""Points per camera: x and y from left and top, 0..1, with rgbd also the depth there, m."""
ROLES = ("pickup_obj_name", "place_receptacle_name")
"""Fields of an episode's task with the names of the things."""


def image_points(
    pointed: Iterable[Array | None],
    poses: Iterable[CameraPose],
    size: tuple[int, int],
    depths: Sequence[NDArray[np.float32]] | None = None,
) -> Array:
    """The points of each camera, (cameras * 4,), with depths (cameras * 6,).

    Args:
        pointed: world position (3,) in m of each thing, at most two; None where there is none.
        poses: the cameras.
        size: (width, height) of their pictures.
        depths: (height, width) pictures of the distance along the optical axis, one per camera.
    """
    things, cameras = list(pointed), list(poses)
    rows = np.zeros((len(cameras), POINTS, 2 if depths is None else 3))
    for camera, pose in enumerate(cameras):
        for number, thing in enumerate(things):
            place = None if thing is None else projected(thing, pose, size)
            if place is not None:
                rows[camera, number, :2] = place
                if depths is not None:
                    rows[camera, number, 2] = _pixel(depths[camera], place)
    return rows.reshape(-1)


def _pixel(picture: NDArray[np.float32], place: tuple[float, float]) -> float:
    """The value of a picture at a place in it."""
    height, width = picture.shape
    row, column = min(int(place[1] * height), height - 1), min(int(place[0] * width), width - 1)
    return float(picture[row, column])


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
    body = scene.body_id(name)
    mat = world.body_mat(slot)[body].reshape(3, 3)
    middle: Array = world.body_pos(slot)[body] + mat @ scene.body_center(name)
    return middle
