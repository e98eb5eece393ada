"""Whether a camera sees an object: our own segmentation of just the part of the image it fills.

The official test renders the whole head camera and counts the object's pixels. Here a camera at
the same eye looks straight at the object, with pixels at least as fine, and a seen pixel counts
where it falls into the head camera's image. That costs a fraction of the image, and the same things
are in the way, also those that are nearer than the near plane of the whole image.
"""

import math
from collections import OrderedDict
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.backends.base import World
from molmospaces_gym.cameras import CameraMount, CameraPose, world_pose
from molmospaces_gym.scenes.model import Array, SceneModel

SIZE = (12, 96)
"""Least and most pixels along a side of the rendered part."""
WIDEST = math.radians(55.0)
"""Half the angle beyond which the object counts as filling the view."""
RENDERERS = 16
"""Scenes whose renderer is kept for ``body_shares``."""

_renderers: "OrderedDict[str, Any]" = OrderedDict()


def body_shares(
    scene: SceneModel, data: mujoco.MjData, pose: CameraPose, size: tuple[int, int]
) -> Array:
    """Share (nbody,) of a picture of ``size`` (width, height) that shows each body.

    ``data`` is a simulation beside the played ones and needs its poses.
    """
    if scene.key not in _renderers:
        from molmospaces_gym.backends.rendering import make_renderer

        _renderers[scene.key] = make_renderer("raster", scene.model)
        while len(_renderers) > RENDERERS:
            _renderers.popitem(last=False)
    _renderers.move_to_end(scene.key)
    seen = _renderers[scene.key].render(data, pose, *size, ("segmentation",))["segmentation"]
    counts = np.bincount(seen.ravel() + 1, minlength=scene.model.nbody + 1)[1:]
    shares: Array = counts / seen.size
    return shares


class ObjectView:
    """One camera of a slot and what it sees of objects."""

    def __init__(
        self,
        world: World,
        slot: int,
        scene: SceneModel,
        mount: CameraMount,
        image_size: tuple[int, int],
    ) -> None:
        self._world, self._slot, self._mount = world, slot, mount
        self._body = -1 if mount.body is None else scene.body_id(mount.body)
        self._tan = math.tan(math.radians(mount.fov) / 2)
        self._aspect = image_size[0] / image_size[1]
        self._focal = 0.5 * image_size[1] / self._tan
        self._xpos, self._xmat = world.body_pos(slot), world.body_mat(slot)
        self._scene = scene
        self._subtrees: dict[int, NDArray[np.bool_]] = {}

    def pose(self) -> CameraPose:
        """Where the camera is now."""
        if self._body < 0:
            return world_pose(self._mount, np.zeros(3), np.eye(3))
        mat = self._xmat[self._body].reshape(3, 3)
        return world_pose(self._mount, self._xpos[self._body], mat)

    def shows(self, body: int, middle: Array, radius: float) -> bool:
        """Whether any pixel of a body is seen.

        ``body`` with all below it lies within ``radius`` m of ``middle`` (3,).
        """
        eye = self.pose()
        offset = middle - eye.pos
        distance = float(np.linalg.norm(offset))
        local = eye.mat.T @ offset
        if not self._may_show(local, radius):
            return False
        half = math.asin(min(radius / distance, 1.0)) if distance > 0 else math.pi / 2
        if half > WIDEST:
            view, half = eye, min(math.radians(self._mount.fov) / 2, WIDEST)
        else:
            view = CameraPose(eye.pos, _toward(offset, eye.mat), math.degrees(2 * half))
        count = min(max(math.ceil(2 * math.tan(half) * self._focal), SIZE[0]), SIZE[1])
        view = CameraPose(view.pos, view.mat, math.degrees(2 * half))
        image = self._world.render(self._slot, view, (count, count), ("segmentation",), "raster")
        rows, columns = np.nonzero(self._below(body)[image["segmentation"]])
        if not len(rows):
            return False
        scale = 2 * math.tan(half) / count
        across = (columns + 0.5 - count / 2) * scale
        down = (rows + 0.5 - count / 2) * scale
        rays = np.stack([across, -down, -np.ones(len(rows))]).T @ (eye.mat.T @ view.mat).T
        ahead = -rays[:, 2]
        inside = ahead > 1e-9
        inside &= np.abs(rays[:, 0]) <= self._tan * self._aspect * ahead
        inside &= np.abs(rays[:, 1]) <= self._tan * ahead
        return bool(inside.any())

    def _may_show(self, local: Array, radius: float) -> bool:
        """Whether a ball at ``local`` (3,) in the camera's frame reaches into the image."""
        ahead = -float(local[2])
        if ahead < -radius:
            return False
        for side, tan in ((abs(float(local[0])), self._tan * self._aspect), (
            abs(float(local[1])), self._tan,
        )):  # fmt: skip
            if (side - tan * ahead) / math.hypot(1.0, tan) > radius:
                return False
        return True

    def _below(self, body: int) -> NDArray[np.bool_]:
        """(nbody + 1,) which bodies are this one or hang under it; the last is no body."""
        if body not in self._subtrees:
            model = self._scene.model
            table = np.zeros(model.nbody + 1, dtype=np.bool_)
            table[model.geom_bodyid[self._scene.subtree_geoms(body)]] = True
            self._subtrees[body] = table
        return self._subtrees[body]


def _toward(offset: Array, mat: Array) -> Array:
    """Orientation (3, 3) of a camera that looks along ``offset``, about as upright as ``mat``."""
    back = -offset / np.linalg.norm(offset)
    right = np.cross(mat[:, 1], back)
    norm = float(np.linalg.norm(right))
    right = right / norm if norm > 1e-6 else mat[:, 0]
    return np.column_stack([right, np.cross(back, right), back])
