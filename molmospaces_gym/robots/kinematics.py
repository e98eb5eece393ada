"""Forward kinematics and damped-least-squares inverse kinematics of the compiled model's arms."""

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidScene
from molmospaces_gym.robots import kinematics_kernels as kernels
from molmospaces_gym.robots.binding import ArmBinding, GroupBinding, Ids, RobotBinding
from molmospaces_gym.transforms import pose_matrix

Array = NDArray[np.float64]

DAMPING = 1e-4
"""Added to the diagonal of J Jᵀ (m², rad²): bounds joint steps near singular poses."""
LARGEST = (0.1, 0.5)
"""Largest error (m, rad) that one step of a search tries to remove."""


class Kinematics:
    """Tool kinematics of one arm in the robot's base frame, apart from any running simulation.

    Poses are (position (3,), rotation matrix (3, 3)) of the tool site relative to the robot's
    root link. Joint positions are those of the arm, after those of the torso where ``torso`` says
    that it moves too. All other joints stay at home, or where ``set_posture`` last put them. Not
    thread-safe: every user makes its own.

    Raises:
        InvalidScene: a joint of the arm does not move its tool, or is neither hinge nor slide.
    """

    def __init__(self, robot: RobotBinding, arm: int = 0, torso: bool = False) -> None:
        model = robot.model
        self._posture = model.qpos0.copy()
        robot.home_qpos(self._posture)
        parts: list[ArmBinding | GroupBinding] = [robot.arms[arm]]
        if torso and robot.config.torso is not None:
            parts.insert(0, robot.groups[robot.config.torso.group])
        self.qpos_ids = np.concatenate([part.qpos for part in parts])
        """Addresses in ``qpos`` of the joints that move, in order."""
        joints, self.chain = chain_of(model, robot.link_id, robot.arms[arm].tcp_site)
        self.path = model.jnt_qposadr[joints].astype(np.intp)
        """Addresses (n,) in ``qpos`` of all joints between root link and tool."""
        self.moving = _places(self.path, self.qpos_ids)
        """Where in ``path`` the joints that move are."""
        self.ends: Array = np.ascontiguousarray(model.jnt_range[joints[self.moving]])
        """Limits (m, 2) of the joints that move."""

    @property
    def home(self) -> Array:
        """Values (n,) of the joints of ``path`` in the posture, a copy."""
        values: Array = self._posture[self.path]
        return values

    def set_posture(self, qpos: Array) -> None:
        """Put all joints, those that do not move here included, where ``qpos`` (nq,) has them."""
        self._posture[:] = qpos

    def set_joints(self, addresses: Ids, values: Array) -> None:
        """Put the joints at these addresses in ``qpos``, which do not move here, at ``values``."""
        self._posture[addresses] = values

    def _values(self, qpos: Array) -> Array:
        """Values (n,) of the joints of ``path`` with those that move at ``qpos``."""
        values = self.home
        values[self.moving] = qpos
        return values

    def _pose(self, qpos: Array) -> Array:
        """Position and quaternion (7,) of the tool."""
        pose = np.empty(7)
        kernels.tool_pose(self.chain, self._values(qpos), pose)
        return pose

    def tool_pose(self, qpos: Array) -> tuple[Array, Array]:
        """Tool position (3,) and rotation (3, 3) in the base frame for joint positions ``qpos``."""
        pose, rotation = self._pose(qpos), np.empty(9)
        mujoco.mju_quat2Mat(rotation, pose[3:])
        return pose[:3], rotation.reshape(3, 3)

    def step(self, qpos: Array, shift: Array, turn: Array) -> Array:
        """Joint positions whose tool moved by ``shift`` (m) and ``turn`` (rotation vector, rad).

        One damped least-squares step: exact to second order in the displacement.
        """
        values, motion = self._values(qpos), np.concatenate([shift, turn])
        kernels.step(self.chain, self.moving, motion, DAMPING, self.ends, values)
        moved: Array = values[self.moving]
        return moved

    def displacement(self, start: Array, end: Array) -> tuple[Array, Array]:
        """Translation (m) and rotation vector (rad) of the tool between two joint positions."""
        first, last, turn = self._pose(start), self._pose(end), np.empty(3)
        kernels.rotation_vector(first[3:], last[3:], turn)
        return last[:3] - first[:3], turn

    def solve(
        self,
        position: Array,
        rotation: Array,
        start: Array,
        tolerance: tuple[float, float] = (5e-4, 5e-3),
        iterations: int = 60,
    ) -> Array | None:
        """Joint positions that bring the tool to a pose in the base frame.

        Args:
            position: (3,) metres.
            rotation: (3, 3).
            start: joint positions the search starts from.
            tolerance: largest position (m) and rotation (rad) error of a solution.
            iterations: damped least-squares steps before giving up.

        Returns:
            Joint positions within the joint limits, or None when none was found.
        """
        goal, values = np.empty(7), self._values(start)
        goal[:3] = position
        mujoco.mju_mat2Quat(goal[3:], np.ravel(rotation))
        settings = (goal, DAMPING, self.ends, values, tolerance, LARGEST, iterations)
        return values[self.moving] if kernels.solve(self.chain, self.moving, *settings) else None


def chain_of(model: mujoco.MjModel, link: int, site: int) -> tuple[Ids, Array]:
    """Ids (n,) of the joints between a body and a site, and their chain (n + 1, 8).

    ``kinematics_kernels`` says what a chain holds. Raises ``InvalidScene`` for a joint that is
    neither hinge nor slide.
    """
    bodies, body = [], int(model.site_bodyid[site])
    while body not in (link, 0):
        bodies.append(body)
        body = int(model.body_parentid[body])
    pose, joints, rows = np.eye(4), [], []
    for body in reversed(bodies):
        pose = pose @ pose_matrix(model.body_pos[body], model.body_quat[body])
        first = int(model.body_jntadr[body])
        for joint in range(first, first + int(model.body_jntnum[body])):
            axis, anchor = pose[:3, :3] @ model.jnt_axis[joint], pose[:3, 3].copy()
            anchor += pose[:3, :3] @ model.jnt_pos[joint]
            zero = model.qpos0[model.jnt_qposadr[joint]]
            rows.append([zero, *axis, *anchor, _slides(model, joint)])
            joints.append(joint)
    pose = pose @ pose_matrix(model.site_pos[site], model.site_quat[site])
    quat = np.empty(4)
    mujoco.mju_mat2Quat(quat, pose[:3, :3].ravel())
    rows.append([*pose[:3, 3], *quat, 0.0])
    return np.asarray(joints, dtype=np.intp), np.array(rows, dtype=np.float64)


def _slides(model: mujoco.MjModel, joint: int) -> float:
    kind = int(model.jnt_type[joint])
    if kind not in (int(mujoco.mjtJoint.mjJNT_HINGE), int(mujoco.mjtJoint.mjJNT_SLIDE)):
        raise InvalidScene(
            f"joint {model.joint(joint).name!r} between the robot's root link and a tool is neither"
            " hinge nor slide; inverse kinematics needs one of these"
        )
    return float(kind == int(mujoco.mjtJoint.mjJNT_SLIDE))


def _places(path: Ids, addresses: Ids) -> Ids:
    """Where in ``path`` each of ``addresses`` is; raises ``InvalidScene`` for one that is not."""
    found = addresses[:, None] == path
    if not found.any(axis=1).all():
        raise InvalidScene(
            "a joint of the robot's arm does not lie between its root link and its tool; inverse"
            " kinematics needs all of them there"
        )
    places: Ids = found.argmax(axis=1)
    return places
