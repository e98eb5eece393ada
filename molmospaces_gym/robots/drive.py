"""How a mobile base follows its commands: set in place and stopped by obstacles, or simulated.

``KinematicBase`` is for navigation. While only the base moves, nothing else in the house does, so
no physics is simulated at all: the base is put where its command is, unless something is in the
way, and the world only recomputes poses (``World.step`` with no substeps). What is in the way is
decided from above: the colliding shapes of everything but the robot are boxes (or columns) with a
height span, the robot one box for each of its move groups in the posture it has. ``DynamicBase``
leaves the motion to the simulator and only keeps the command from running away from the base.
"""

from collections import OrderedDict
from typing import Protocol

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.backends.base import World
from molmospaces_gym.robots import drive_kernels
from molmospaces_gym.robots.binding import RobotBinding
from molmospaces_gym.scenes.model import SceneModel

Array = NDArray[np.float64]

LEAD = np.array([0.3, 0.3, 0.4])
"""How far (m, m, rad) the command of a simulated base may be ahead of it: what it lags at full
speed, 0.16 m and 0.13 rad, and one step more. A blocked base pushes no harder than that asks."""
UPRIGHT = 0.99
"""Cosine of the angle to the vertical up to which a shape is seen as standing (or lying) flat."""
CLIMB = 0.03
"""Height (m) of what a base rolls over: rugs, sills, cables."""
CACHE_SIZE = 32
_layouts: "OrderedDict[str, _Layout]" = OrderedDict()
_ROUND = (
    int(mujoco.mjtGeom.mjGEOM_SPHERE),
    int(mujoco.mjtGeom.mjGEOM_CAPSULE),
    int(mujoco.mjtGeom.mjGEOM_CYLINDER),
)
_ENDLESS = (int(mujoco.mjtGeom.mjGEOM_PLANE), int(mujoco.mjtGeom.mjGEOM_HFIELD))


class Drive(Protocol):
    """Makes a base follow its part of the commands."""

    simulated: bool
    """Whether physics moves the base."""

    def follow(self, command: Array) -> None:
        """Act on the base's part of ``command`` (n_actuators,) and correct it to what is done."""


class DynamicBase:
    """Lets physics move the base, whose command stays within ``LEAD`` of where it is."""

    simulated = True

    def __init__(self, world: World, slot: int, scene: SceneModel) -> None:
        base = scene.robot.base
        assert base is not None
        self._qpos, self._joints, self._part = world.joint_pos(slot), base.qpos, base.control

    def follow(self, command: Array) -> None:
        at = self._qpos[self._joints]
        wanted = command[self._part]
        command[self._part] = np.minimum(np.maximum(wanted, at - LEAD), at + LEAD)


class KinematicBase:
    """Puts the base where its command is, or as far as nothing is in the way.

    What overlaps the robot when this is made, at the start of an episode, does not stop it. The
    velocity of the base is that of its last motion; all else stays as it is.
    """

    simulated = False

    def __init__(self, world: World, slot: int, scene: SceneModel, control_dt: float) -> None:
        robot = scene.robot
        base = robot.base
        assert base is not None
        self._qpos, self._qvel = world.joint_pos(slot), world.joint_vel(slot)
        self._joints, self._dofs, self._part = base.qpos, base.dof, base.control
        self._rate = 1.0 / control_dt
        shapes = _Shapes(world, slot, scene)
        self.parts, spans = shapes.robot_parts(self._qpos[base.qpos])
        self.things, heights = shapes.obstacles()
        spans[:, 0] = np.maximum(spans[:, 0], CLIMB)
        overlap = (spans[:, None, 0] < heights[None, :, 1]) & (
            heights[None, :, 0] < spans[:, None, 1]
        )
        pairs = np.argwhere(overlap)
        start = self._qpos[base.qpos].copy()
        touching = drive_kernels.meeting(start, self.parts, self.things, pairs)
        self.pairs = np.ascontiguousarray(pairs[~touching])
        self.blocked = False
        """Whether something stopped the last motion."""

    def follow(self, command: Array) -> None:
        start = self._qpos[self._joints]
        pose = start.copy()
        end = command[self._part].copy()
        self.blocked = not drive_kernels.drive(pose, end, self.parts, self.things, self.pairs)
        self._qpos[self._joints] = command[self._part] = pose
        self._qvel[self._dofs] = (pose - start) * self._rate


class _Layout:
    """What of a scene's shapes does not depend on its state: which there are and whose."""

    def __init__(self, scene: SceneModel) -> None:
        model = scene.model
        mine = scene.geom_root == scene.robot.root_id
        solid = (model.geom_contype | model.geom_conaffinity) != 0
        robot = np.flatnonzero(solid & mine)
        offered = int(np.bitwise_or.reduce(model.geom_contype[robot]))
        accepted = int(np.bitwise_or.reduce(model.geom_conaffinity[robot]))
        meets = (model.geom_contype & accepted) | (model.geom_conaffinity & offered)
        endless = np.isin(model.geom_type, _ENDLESS)
        others = np.flatnonzero(~mine & (meets != 0) & ~endless)
        geoms = np.concatenate([robot, others])
        self.robot, self.others = slice(0, len(robot)), slice(len(robot), len(geoms))
        self.body, kinds = model.geom_bodyid[geoms], model.geom_type[others]
        self.ball, self.round = kinds == _ROUND[0], np.isin(kinds, _ROUND)
        self.mat = _matrices(model.geom_quat[geoms])
        middle = np.einsum("nij,nj->ni", self.mat, model.geom_aabb[geoms, :3])
        self.center = model.geom_pos[geoms] + middle
        self.half: Array = model.geom_aabb[geoms, 3:]
        owner = _group_of(scene.robot)[self.body[self.robot]]
        self.groups = [np.flatnonzero(owner == group) for group in np.unique(owner)]


class _Shapes:
    """The colliding shapes of a slot as boxes in the world (bounding boxes of geoms)."""

    def __init__(self, world: World, slot: int, scene: SceneModel) -> None:
        if scene.key not in _layouts:
            _layouts[scene.key] = _Layout(scene)
            while len(_layouts) > CACHE_SIZE:
                _layouts.popitem(last=False)
        self._layout = layout = _layouts[scene.key]
        turned = world.body_mat(slot).reshape(-1, 3, 3)[layout.body]
        self.mat = turned @ layout.mat
        center = world.body_pos(slot)[layout.body]
        self.center = center + (turned @ layout.center[:, :, None])[:, :, 0]

    def robot_parts(self, pose: Array) -> tuple[Array, Array]:
        """Boxes (n, 5) of the move groups in the base's axes and their height spans (n, 2)."""
        mine, cos, sin = self._layout.robot, np.cos(pose[2]), np.sin(pose[2])
        turn = np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])
        center = (self.center[mine] - [pose[0], pose[1], 0.0]) @ turn.T
        reach = (np.abs(turn @ self.mat[mine]) @ self._layout.half[mine][:, :, None])[:, :, 0]
        rows, spans = [], []
        for chosen in self._layout.groups:
            low = (center - reach)[chosen].min(axis=0)
            high = (center + reach)[chosen].max(axis=0)
            half = 0.5 * (high - low)
            rows.append([*(0.5 * (low + high))[:2], *half[:2], float(np.hypot(*half[:2]))])
            spans.append([low[2], high[2]])
        return np.array(rows), np.array(spans)

    def obstacles(self) -> tuple[Array, Array]:
        """All other shapes as rows (n, 7) for the kernels and their height spans (n, 2)."""
        others = self._layout.others
        mat, half, center = self.mat[others], self._layout.half[others], self.center[others]
        extent = (np.abs(mat) @ half[:, :, None])[:, :, 0]
        # Which axis of the shape is vertical; one with none is seen as its box along the world's.
        vertical = np.abs(mat[:, 2]).argmax(axis=1)
        row = np.arange(len(half))
        flat = np.abs(mat[row, 2, vertical]) > UPRIGHT
        first, second = (vertical + 1) % 3, (vertical + 2) % 3
        axis = np.where(flat[:, None], mat[row, :2, first], [1.0, 0.0])
        axis /= np.hypot(axis[:, 0], axis[:, 1])[:, None]
        own = np.stack([half[row, first], half[row, second]], axis=1)
        sides = np.where(flat[:, None], own, extent[:, :2])
        column = self._layout.ball | (self._layout.round & flat & (vertical == 2))
        radius = np.where(column, half[:, 0], np.hypot(sides[:, 0], sides[:, 1]))
        sides[column] = 0.0
        things = np.column_stack([center[:, :2], axis, sides, radius])
        span = np.stack([center[:, 2] - extent[:, 2], center[:, 2] + extent[:, 2]], axis=1)
        return np.ascontiguousarray(things), span


def _group_of(robot: RobotBinding) -> NDArray[np.intp]:
    """Body id -> which move group carries it: the last one on its way up; grippers do not count."""
    model = robot.model
    grippers = {arm.config.gripper.group for arm in robot.arms}
    roots = {
        int(model.jnt_bodyid[group.joints[0]]): number
        for number, (name, group) in enumerate(robot.groups.items())
        if name not in grippers
    }
    owner = np.full(model.nbody, -1, dtype=np.intp)
    for body in range(1, model.nbody):
        owner[body] = roots.get(body, owner[model.body_parentid[body]])
    return owner


def _matrices(quats: Array) -> Array:
    """Rotation matrices (n, 3, 3) of unit quaternions (n, 4)."""
    w, x, y, z = quats.T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=1)
