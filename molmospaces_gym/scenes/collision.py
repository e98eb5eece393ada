"""Distances between a robot in a trial configuration and everything around it."""

from collections.abc import Iterable
from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.scenes.model import Array, SceneModel
from molmospaces_gym.transforms import inverse

SELF_GAP = 0.002
"""Parts of the robot that are closer than this (m) at home belong together."""
RANGE = 1.3
"""Geoms farther than this (m) from the robot's root link cannot be reached."""

AWAY = 100.0
"""Distance (m) from the house where the gripper is moved: the resting robot may stand in things."""
GRIP_S = 0.4
"""Time (s) that the gripper takes."""


@dataclass(frozen=True, eq=False)
class _Held:
    """What the gripper holds: geoms, their poses in the body's and in the tool's frame, rivals."""

    geoms: NDArray[np.intp]
    local: Array
    in_tool: Array
    rivals: NDArray[np.intp]

    def place(self, data: mujoco.MjData, tool: Array) -> None:
        """Write the poses of the geoms with the tool at a world pose (4, 4)."""
        self._write(data, tool @ self.in_tool)

    def put(self, data: mujoco.MjData, pose: Array) -> None:
        """Write the poses of the geoms with the body at a world pose (4, 4)."""
        self._write(data, pose @ self.local)

    def _write(self, data: mujoco.MjData, poses: Array) -> None:
        data.geom_xpos[self.geoms] = poses[:, :3, 3]
        data.geom_xmat[self.geoms] = poses[:, :3, :3].reshape(-1, 9)


class CollisionProbe:
    """A scratch copy of a scene in which arm configurations are tried.

    ``closure`` is how far the gripper is closed, 0 open .. 1 closed on nothing. Distances are
    computed pair by pair, since a contact search over the whole scene costs ten times as much and
    leaves out static bodies.
    """

    def __init__(self, scene: SceneModel, closure: float = 0.0) -> None:
        model, robot = scene.model, scene.robot
        self._scene, self._model = scene, model
        self.data = mujoco.MjData(model)
        offers, accepts = model.geom_contype, model.geom_conaffinity
        fixed = model.body_weldid[model.geom_bodyid] == model.body_weldid[robot.link_id]
        ours = scene.geom_root == robot.root_id
        solid = (offers | accepts) != 0
        self._mine = np.flatnonzero(solid & ours & ~fixed)
        self._others = np.flatnonzero(solid & ~(ours & ~fixed))
        self._planes = model.geom_type == int(mujoco.mjtGeom.mjGEOM_PLANE)
        self._upper = self._upper_arm_geoms()
        self._held: _Held | None = None
        self._robot_joints = np.flatnonzero(model.body_rootid[model.jnt_bodyid] == robot.root_id)
        self._hand = scene.rest_qpos if closure == 0.0 else self._with_gripper(closure)
        self._together = self._touching_at_home()

    def _with_gripper(self, closure: float) -> Array:
        """The configuration (nq,) at rest after the gripper has moved to a closure."""
        scene, data = self._scene, self.data
        data.qpos[:] = scene.rest_qpos
        if scene.robot.base_mocap >= 0:
            data.mocap_pos[scene.robot.base_mocap] = (0.0, 0.0, AWAY)
        if scene.robot.base is not None:
            data.qpos[scene.robot.base.qpos[:2]] = AWAY
        data.ctrl[scene.robot.actuators] = scene.robot.hold_command(data.qpos)
        for arm in scene.robot.arms:
            data.ctrl[arm.gripper_actuator] = arm.grip_command(closure)
        mujoco.mj_step(self._model, data, round(GRIP_S / self._model.opt.timestep))
        found = np.array(data.qpos)
        mujoco.mj_resetData(self._model, data)
        return found

    def _upper_arm_geoms(self) -> NDArray[np.intp]:
        """Moving geoms of the robot that its own hand could hit."""
        model, robot = self._model, self._scene.robot
        bodies = set(model.jnt_bodyid[robot.joints[: len(robot.joints) // 2]].tolist())
        return np.array([g for g in self._mine if model.geom_bodyid[g] in bodies], dtype=np.intp)

    def _touching_at_home(self) -> frozenset[tuple[int, int]]:
        self.place_world(self._scene.rest_qpos, {})
        self.place_arm(self._scene.rest_qpos[self._scene.robot.qpos])
        rivals = np.concatenate([self._upper, self._own_base()])
        near = self._near(self._mine, rivals, SELF_GAP)
        return frozenset((i, j) for i, j, gap in near if gap < SELF_GAP)

    def _own_base(self) -> NDArray[np.intp]:
        root = self._scene.robot.root_id
        own: NDArray[np.intp] = self._others[self._scene.geom_root[self._others] == root]
        return own

    def place_world(self, qpos: Array, mocap: dict[int, tuple[Array, Array]]) -> None:
        """Copy a scene's configuration (nq,) and mocap poses {mocap id: (position, quat)}."""
        robot, data, model = self._scene.robot, self.data, self._model
        data.qpos[:] = qpos
        for index, (position, quat) in mocap.items():
            data.mocap_pos[index], data.mocap_quat[index] = position, quat
        addresses = model.jnt_qposadr[self._robot_joints]
        data.qpos[addresses] = self._hand[addresses]
        grippers = {arm.gripper.group for arm in robot.config.arms}
        for name, group in robot.groups.items():
            if name not in grippers:
                data.qpos[group.qpos] = qpos[group.qpos]
        mujoco.mj_kinematics(model, data)
        reach = np.linalg.norm(data.geom_xpos[self._others] - data.xpos[robot.link_id], axis=1)
        near = reach - model.geom_rbound[self._others] < RANGE
        self._rivals = self._others[near | self._planes[self._others]]

    def place_arm(self, arm: Array) -> None:
        """Put the arm at joint positions (n,)."""
        self.data.qpos[self._scene.robot.qpos] = arm
        mujoco.mj_kinematics(self._model, self.data)

        if self._held is not None:
            tool, robot = np.eye(4), self._scene.robot
            tool[:3, :3] = self.data.site_xmat[robot.tcp_site].reshape(3, 3)
            tool[:3, 3] = self.data.site_xpos[robot.tcp_site]
            self._held.place(self.data, tool)

    def hold(self, root: int, grasp: Array) -> None:
        """Let a free body follow the tool; ``grasp`` (4, 4) is the tool in the body's frame.

        It then counts as a part of the robot in ``collides``.
        """
        geoms = np.flatnonzero(self._scene.solid & (self._scene.geom_root == root))
        local = np.tile(np.eye(4), (len(geoms), 1, 1))
        boxes = self._scene.geom_boxes[geoms]
        local[:, :3, :3] = boxes[:, 3:12].reshape(-1, 3, 3)
        local[:, :3, 3] = self._model.geom_pos[geoms]
        rivals = self._rivals[self._scene.geom_root[self._rivals] != root]
        self._held = _Held(geoms, local, inverse(grasp) @ local, rivals)

    def let_go(self) -> None:
        """Forget what is held; it is where ``place_world`` had it from the next placing on."""
        self._held = None

    def held_collides(self, pose: Array, margin: float, spared: int = -1) -> bool:
        """Whether the held body, put at a world pose (4, 4), is nearer than ``margin`` to others.

        The robot does not count, nor does the top-level body ``spared``.
        """
        held = self._held
        assert held is not None
        roots = self._scene.geom_root[held.rivals]
        rivals = held.rivals[(roots != self._scene.robot.root_id) & (roots != spared)]
        held.put(self.data, pose)
        return any(True for _ in self._near(held.geoms, rivals, margin))

    def place_joint(self, address: int, position: float) -> None:
        """Put one joint of the scene somewhere; counts from the next ``place_arm`` on."""
        self.data.qpos[address] = position

    def collides(
        self,
        arm: Array,
        margin: float,
        spared: int = -1,
        spared_margin: float = 0.0,
        ignored: tuple[int, ...] = (),
    ) -> bool:
        """Whether the robot at ``arm`` comes closer than ``margin`` (m) to anything.

        ``spared`` is a top-level body to which the smaller ``spared_margin`` applies, ``ignored``
        are geoms that may be touched.
        """
        self.place_arm(arm)
        mine, others = self._mine, self._rivals
        if self._held is not None:
            mine, others = np.concatenate([mine, self._held.geoms]), self._held.rivals
        rivals = np.concatenate([others, self._upper])
        for first, second, gap in self._near(mine, rivals, margin):
            if self._scene.geom_root[second] == self._scene.robot.root_id:
                if gap < SELF_GAP and (first, second) not in self._together:
                    return True
            elif second in ignored:
                continue
            elif gap < (spared_margin if self._scene.geom_root[second] == spared else margin):
                return True
        return False

    def body_collides(self, root: int, shift: Array, margin: float) -> bool:
        """Whether a free body moved by ``shift`` (3,) comes closer than ``margin`` to others."""
        model, scene = self._model, self._scene
        address = model.jnt_qposadr[model.body_jntadr[root]]
        before = self.data.qpos[address : address + 3].copy()
        self.data.qpos[address : address + 3] = before + shift
        mujoco.mj_kinematics(model, self.data)
        roots = scene.geom_root[self._rivals]
        mine = self._rivals[roots == root]
        rivals = self._rivals[(roots != root) & (roots != scene.robot.root_id)]
        hit = any(True for _ in self._near(mine, rivals, margin))
        self.data.qpos[address : address + 3] = before
        mujoco.mj_kinematics(model, self.data)
        return hit

    def _near(
        self, mine: NDArray[np.intp], rivals: NDArray[np.intp], margin: float
    ) -> Iterable[tuple[int, int, float]]:
        """Pairs that may collide and are closer than ``margin``, with their distances."""
        model, data = self._model, self.data
        if not len(mine) or not len(rivals):
            return
        centers = data.geom_xpos[mine]
        mats = data.geom_xmat[rivals].reshape(-1, 3, 3)
        offsets = centers[:, None] - data.geom_xpos[rivals][None]
        local = np.einsum("mrj,rjk->mrk", offsets, mats)
        boxes = model.geom_aabb[rivals]
        outside = np.maximum(np.abs(local - boxes[:, :3]) - boxes[:, 3:], 0.0)
        gap = np.sqrt(np.einsum("mrk,mrk->mr", outside, outside))
        flat = self._planes[rivals]
        gap[:, flat] = local[:, flat, 2]
        close = gap < model.geom_rbound[mine][:, None] + margin
        close &= (
            model.geom_contype[mine][:, None] & model.geom_conaffinity[rivals]
            | model.geom_contype[rivals] & model.geom_conaffinity[mine][:, None]
        ) != 0
        for i, j in zip(*np.nonzero(close), strict=True):
            first, second = int(mine[i]), int(rivals[j])
            distance = mujoco.mj_geomDistance(model, data, first, second, margin, None)
            if distance < margin:
                yield first, second, float(distance)
