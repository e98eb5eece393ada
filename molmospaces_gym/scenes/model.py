"""``SceneModel``: a compiled house with its robot, the canonical description for every backend."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import UnknownBody
from molmospaces_gym.robots.binding import RobotBinding
from molmospaces_gym.scenes.house import House

if TYPE_CHECKING:
    from molmospaces_gym.scenes.articulated import Articulation

Array = NDArray[np.float64]

VISIBLE_GROUPS = 3
"""Geoms of the groups below this one are seen (MuJoCo's default)."""
ENDLESS = 1e3
"""Half size (m) that stands for an infinite plane."""


@dataclass(frozen=True, eq=False)
class SceneModel:
    """A compiled scene. The ``MjModel`` is shared by all worlds of a process and never mutated.

    ``rest_qpos`` (nq,) is the settled configuration an episode starts from before its own poses
    are applied; ``owns_robot`` says that the house file brought the robot itself, in which case
    its physics options are those of the file, untouched.
    """

    key: str
    house: House
    model: mujoco.MjModel
    robot: RobotBinding
    rest_qpos: Array
    owns_robot: bool

    @property
    def objects(self) -> Mapping[str, Any]:
        """Official metadata of the house's objects by body name; empty without metadata."""
        found: Mapping[str, Any] = self.house.metadata.get("objects", {})
        return found

    @cached_property
    def seed(self) -> int:
        """Seed of searches in this scene: from its text, wherever its files lie."""
        house = self.house
        text = (house.mjcf or "").encode() if house.path is None else house.path.read_bytes()
        digest = hashlib.sha256(text + self.robot.config.name.encode()).digest()
        return int.from_bytes(digest[:6], "little")

    @cached_property
    def body_ids(self) -> dict[str, int]:
        """Body name -> body id."""
        return {self.model.body(i).name: i for i in range(self.model.nbody)}

    @cached_property
    def body_names(self) -> tuple[str, ...]:
        """Body id -> body name, empty for one without."""
        return tuple(self.model.body(i).name for i in range(self.model.nbody))

    @cached_property
    def joint_names(self) -> tuple[str, ...]:
        """Joint id -> joint name, empty for one without."""
        return tuple(self.model.joint(i).name for i in range(self.model.njnt))

    @cached_property
    def joint_ids(self) -> dict[str, int]:
        """Joint name -> joint id."""
        return {name: i for i, name in enumerate(self.joint_names) if name}

    @cached_property
    def material_ids(self) -> dict[str, int]:
        """Material name -> material id, in the order of ids."""
        return {self.model.mat(i).name: i for i in range(self.model.nmat)}

    @cached_property
    def still_geoms(self) -> NDArray[np.intp]:
        """Ids of the visible geoms of walls, floors and furniture with the parts that open.

        Neither the robot's nor those of what can be moved.
        """
        model = self.model
        loose = np.zeros(model.nbody, dtype=np.bool_)
        loose[self.robot.root_id] = True
        for name in self.free_joints:
            loose[model.body_rootid[self.body_id(name)]] = True
        return np.flatnonzero((model.geom_group < VISIBLE_GROUPS) & ~loose[self.geom_root])

    @cached_property
    def geom_root(self) -> NDArray[np.int32]:
        """Geom id -> id of the top-level body it hangs under."""
        roots: NDArray[np.int32] = self.model.body_rootid[self.model.geom_bodyid]
        return roots

    @cached_property
    def solid(self) -> NDArray[np.bool_]:
        """(ngeom,) whether a geom can touch others."""
        colliding: NDArray[np.bool_] = (self.model.geom_contype | self.model.geom_conaffinity) != 0
        return colliding

    @cached_property
    def geom_boxes(self) -> Array:
        """(ngeom, 15) box of each geom in its body's frame: center, rotation, half size (m)."""
        model = self.model
        center, half = model.geom_aabb[:, :3].copy(), model.geom_aabb[:, 3:].copy()
        planes = model.geom_type == int(mujoco.mjtGeom.mjGEOM_PLANE)
        sizes = model.geom_size[planes, :2]
        center[planes] = 0.0
        half[planes] = np.column_stack([np.where(sizes > 0, sizes, ENDLESS), np.zeros(len(sizes))])
        boxes = np.empty((model.ngeom, 15))
        for row, quat in zip(boxes, model.geom_quat, strict=True):
            mujoco.mju_quat2Mat(row[3:12], quat)
        mats = boxes[:, 3:12].reshape(-1, 3, 3)
        boxes[:, :3] = model.geom_pos + np.einsum("gij,gj->gi", mats, center)
        boxes[:, 12:] = half
        return boxes

    @cached_property
    def geom_owner(self) -> NDArray[np.uint8]:
        """(ngeom,) bits ``ROBOT``, ``LEFT``, ``RIGHT`` of ``touch_kernels``; a copy takes more."""
        from molmospaces_gym import touch_kernels

        owner = np.where(self.geom_root == self.robot.root_id, touch_kernels.ROBOT, 0).astype(
            np.uint8
        )
        for bodies, bit in zip(
            self.robot.fingers, (touch_kernels.LEFT, touch_kernels.RIGHT), strict=True
        ):
            owner[np.isin(self.model.geom_bodyid, sorted(bodies))] |= bit
        return owner

    @cached_property
    def free_joints(self) -> dict[str, tuple[int, int]]:
        """Name of each free body -> (qpos address, dof address); the robot's are left out."""
        model, found = self.model, {}
        for joint in np.flatnonzero(model.jnt_type == mujoco.mjtJoint.mjJNT_FREE):
            body = model.jnt_bodyid[joint]
            if model.body_rootid[body] != self.robot.root_id:
                found[model.body(body).name] = (
                    int(model.jnt_qposadr[joint]),
                    int(model.jnt_dofadr[joint]),
                )
        return found

    @cached_property
    def articulations(self) -> "Mapping[str, Articulation]":
        """What opens in this scene, by joint name."""
        from molmospaces_gym.scenes.articulated import find_articulations

        return find_articulations(self)

    def body_id(self, name: str) -> int:
        """Id of the body ``name``; raises ``UnknownBody`` with near names."""
        try:
            return self.body_ids[name]
        except KeyError:
            raise self.unknown_body(name) from None

    def free_joint(self, name: str) -> tuple[int, int]:
        """(qpos address, dof address) of the free body ``name``; raises ``UnknownBody``."""
        try:
            return self.free_joints[name]
        except KeyError:
            raise self.unknown_body(name) from None

    def unknown_body(self, name: str) -> UnknownBody:
        """The error for a name that is no movable body of this scene."""
        import difflib

        close = difflib.get_close_matches(name, list(self.free_joints), n=3, cutoff=0.3)
        hint = f"; close names: {', '.join(close)}" if close else ""
        return UnknownBody(
            f"scene {self.house.name!r} has no free body {name!r}"
            f" ({len(self.free_joints)} free bodies){hint}"
        )

    def subtree_geoms(self, body: int) -> NDArray[np.intp]:
        """Ids of the geoms of a body and of everything that hangs under it."""
        if self.model.body_parentid[body] == 0:
            return np.flatnonzero(self.geom_root == body)
        parents, inside = self.model.body_parentid, np.zeros(self.model.nbody, dtype=np.bool_)
        inside[body] = True
        for child in range(body + 1, self.model.nbody):  # parents come before their children
            inside[child] = inside[parents[child]]
        return np.flatnonzero(inside[self.model.geom_bodyid])

    def rest_pose(self, name: str) -> Array:
        """World pose (7,) of any body in the rest configuration; raises ``UnknownBody``."""
        if name in self.free_joints:
            address = self.free_joints[name][0]
            return np.array(self.rest_qpos[address : address + 7])
        data, body = mujoco.MjData(self.model), self.body_id(name)
        data.qpos[:] = self.rest_qpos
        mujoco.mj_kinematics(self.model, data)
        return np.concatenate([data.xpos[body], data.xquat[body]])

    def file_pose(self, body: int) -> list[float]:
        """Pose (7,) of a body in its parent's frame, as the scene's file has it."""
        return [*self.model.body_pos[body].tolist(), *self.model.body_quat[body].tolist()]

    def body_half_size(self, name: str) -> Array:
        """Half extents (3,) in metres of the box around a body's geoms, in the body's axes."""
        lower, upper = self._bounds(name)
        half: Array = (upper - lower) / 2
        return half

    def body_center(self, name: str) -> Array:
        """Middle (3,) in metres of that box in the body frame."""
        lower, upper = self._bounds(name)
        center: Array = (upper + lower) / 2
        return center

    def _bounds(self, name: str) -> tuple[Array, Array]:
        if name not in self._known_bounds:
            self._known_bounds[name] = self._body_bounds(self.body_id(name))
        return self._known_bounds[name]

    @cached_property
    def _known_bounds(self) -> dict[str, tuple[Array, Array]]:
        return {}

    def _body_bounds(self, body: int) -> tuple[Array, Array]:
        """Lower and upper corner of the colliding geoms of ``body`` in its own frame."""
        model = self.model
        geoms = np.flatnonzero(model.geom_bodyid == body)
        colliding = [g for g in geoms if model.geom_contype[g] or model.geom_conaffinity[g]]
        lower, upper = np.full(3, np.inf), np.full(3, -np.inf)
        mat = np.empty(9)
        for geom in colliding or list(geoms):
            mujoco.mju_quat2Mat(mat, model.geom_quat[geom])
            rotation = mat.reshape(3, 3)
            center = model.geom_pos[geom] + rotation @ model.geom_aabb[geom, :3]
            reach = np.abs(rotation) @ model.geom_aabb[geom, 3:]
            lower, upper = np.minimum(lower, center - reach), np.maximum(upper, center + reach)
        if not np.isfinite(lower).all():
            return np.zeros(3), np.zeros(3)
        return lower, upper
