"""Boxes around bodies: one oriented box per geom, and the world-aligned box around them all."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym import place_kernels
from molmospaces_gym.scenes.model import Array, SceneModel


@dataclass(frozen=True, eq=False)
class GeomBoxes:
    """Oriented boxes of some geoms, in the frames of their bodies.

    ``bodies`` (n,) int32 ids; ``boxes`` (n, 15) center (3), rotation (9) and half size (3), m;
    ``roots`` (n,) top-level bodies.
    """

    bodies: NDArray[np.int32]
    boxes: Array
    roots: NDArray[np.int32]

    def write(self, xpos: Array, xmat: Array, corners: Array) -> None:
        """Write the corners (2, 3) of the world-aligned box around all of them."""
        place_kernels.world_box(xpos, xmat, self.bodies, self.boxes, corners)


def body_boxes(scene: SceneModel, body: int) -> GeomBoxes:
    """The boxes of what can be touched of a body and everything under it, else of what is seen."""
    geoms = scene.subtree_geoms(body)
    solid = scene.solid[geoms]
    return _boxes_of(scene, geoms[solid] if solid.any() else geoms)


def solid_boxes(scene: SceneModel) -> GeomBoxes:
    """The boxes of everything that can be touched."""
    return _boxes_of(scene, np.flatnonzero(scene.solid))


def _boxes_of(scene: SceneModel, geoms: NDArray[np.intp]) -> GeomBoxes:
    bodies: NDArray[np.int32] = scene.model.geom_bodyid[geoms]
    return GeomBoxes(bodies, scene.geom_boxes[geoms], scene.geom_root[geoms])
