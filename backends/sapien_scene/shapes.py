"""Geoms as PhysX collision shapes."""

import mujoco
import numpy as np
from numpy.typing import NDArray
from sapien import Pose, physx

from molmospaces_gym.backends.friction import patch_radius, scene_friction, shape_friction
from molmospaces_gym.backends.hulls import ball, hull
from molmospaces_gym.backends.layout import Array, compose
from molmospaces_gym.backends.losses import geom_name
from molmospaces_gym.errors import UnsupportedScene

_G = mujoco.mjtGeom
CONTACT_OFFSET = 0.005
"""Distance (m) below which PhysX prepares contacts; no contact acts beyond the surfaces."""
Z_TO_X = np.array([np.sqrt(0.5), 0.0, -np.sqrt(0.5), 0.0])
"""SAPIEN's capsules, cylinders and planes lie along x, MuJoCo's along z."""
EXCLUDES = 32
"""Pairs of bodies that a scene can keep apart: bits of a collision group."""


def mask(value: int) -> int:
    """A MuJoCo collision mask, a signed 32 bit number, as PhysX takes it."""
    return value & 0xFFFFFFFF


class ShapeMaker:
    """Makes the shapes of one model and remembers which geom each is."""

    def __init__(self, model: mujoco.MjModel, excluded: NDArray[np.uint32]) -> None:
        """``excluded`` (nbody,) has a common bit for bodies that may not touch."""
        self._model, self._excluded = model, excluded
        self._friction = shape_friction(model, scene_friction(model))
        self._materials: dict[float, physx.PhysxMaterial] = {}
        self.shapes: dict[int, physx.PhysxCollisionShape] = {}

    def material(self, friction: float) -> physx.PhysxMaterial:
        if friction not in self._materials:
            self._materials[friction] = physx.PhysxMaterial(friction, friction, 0.0)
        return self._materials[friction]

    def make(self, geom: int, pos: Array, quat: Array) -> physx.PhysxCollisionShape:
        """The shape of a geom of a body that sits at ``pos, quat`` in its part.

        Raises:
            UnsupportedScene: PhysX has no such shape, or cannot cook the mesh.
        """
        model = self._model
        shape, turn = self._shape(geom)
        place = compose(pos, quat, model.geom_pos[geom], model.geom_quat[geom])
        if turn:
            place = compose(*place, np.zeros(3), Z_TO_X)
        shape.local_pose = Pose(*place)
        shape.contact_offset, shape.rest_offset = CONTACT_OFFSET, 0.0
        excluded = int(self._excluded[model.geom_bodyid[geom]])
        groups = [mask(int(model.geom_contype[geom])), mask(int(model.geom_conaffinity[geom]))]
        shape.set_collision_groups([*groups, excluded, 1 if excluded else 0])
        radius = patch_radius(model, geom)
        if radius:
            shape.patch_radius = shape.min_patch_radius = radius
        self.shapes[geom] = shape
        return shape

    def _shape(self, geom: int) -> tuple[physx.PhysxCollisionShape, bool]:
        """A shape, and whether its axis has to be turned."""
        model, kind = self._model, int(self._model.geom_type[geom])
        size, material = model.geom_size[geom], self.material(float(self._friction[geom]))
        if kind == _G.mjGEOM_PLANE:
            return physx.PhysxCollisionShapePlane(material), True
        if kind == _G.mjGEOM_BOX:
            return physx.PhysxCollisionShapeBox(size.astype(np.float32), material), False
        if kind == _G.mjGEOM_SPHERE:
            return physx.PhysxCollisionShapeSphere(float(size[0]), material), False
        if kind == _G.mjGEOM_CAPSULE:
            return physx.PhysxCollisionShapeCapsule(float(size[0]), float(size[1]), material), True
        if kind == _G.mjGEOM_CYLINDER:
            return physx.PhysxCollisionShapeCylinder(float(size[0]), float(size[1]), material), True
        if kind == _G.mjGEOM_ELLIPSOID:
            return self._hull(geom, ball() * size), False
        if kind == _G.mjGEOM_MESH:
            return self._hull(geom, hull(model, int(model.geom_dataid[geom]))[0]), False
        raise UnsupportedScene(
            f"geom {geom_name(model, geom)} is a {_G(kind).name}, which SAPIEN has not; supported:"
            " plane, box, sphere, capsule, cylinder, ellipsoid, mesh"
        )

    def _hull(self, geom: int, vertices: Array) -> physx.PhysxCollisionShape:
        material = self.material(float(self._friction[geom]))
        try:
            return physx.PhysxCollisionShapeConvexMesh(
                vertices=vertices.astype(np.float32), scale=np.ones(3), material=material
            )
        except RuntimeError as error:
            raise UnsupportedScene(
                f"PhysX cannot make a convex hull of geom {geom_name(self._model, geom)}: {error}"
            ) from error
