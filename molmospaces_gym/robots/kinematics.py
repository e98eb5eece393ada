"""Forward kinematics and damped-least-squares inverse kinematics on the model's own Jacobian."""

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.robots.binding import ArmBinding, GroupBinding, Ids, RobotBinding
from molmospaces_gym.robots.kinematics_kernels import damped_step

Array = NDArray[np.float64]

DAMPING = 1e-4
"""Added to the diagonal of J Jᵀ (m², rad²): bounds joint steps near singular poses."""


class Kinematics:
    """Tool kinematics of one arm in the robot's base frame, apart from any running simulation.

    Poses are (position (3,), rotation matrix (3, 3)) of the tool site relative to the robot's
    root link. Joint positions are those of the arm, after those of the torso where ``torso`` says
    that it moves too. All other joints stay at home, or where ``set_posture`` last put them. Not
    thread-safe: every user makes its own.
    """

    def __init__(self, robot: RobotBinding, arm: int = 0, torso: bool = False) -> None:
        self._robot, self._model = robot, robot.model
        self._data = mujoco.MjData(robot.model)
        robot.home_qpos(self._data.qpos)
        self._jacobian = np.zeros((6, robot.model.nv))
        chain: list[ArmBinding | GroupBinding] = [robot.arms[arm]]
        if torso and robot.config.torso is not None:
            chain.insert(0, robot.groups[robot.config.torso.group])
        joints = np.concatenate([part.joints for part in chain])
        self.qpos_ids = np.concatenate([part.qpos for part in chain])
        """Addresses in ``qpos`` of the joints that move, in order."""
        self._dof = np.concatenate([part.dof for part in chain])
        self._site = robot.arms[arm].tcp_site
        self._low: Array = np.ascontiguousarray(robot.model.jnt_range[joints, 0])
        self._high: Array = np.ascontiguousarray(robot.model.jnt_range[joints, 1])

    def set_posture(self, qpos: Array) -> None:
        """Put all joints, those that do not move here included, where ``qpos`` (nq,) has them."""
        self._data.qpos[:] = qpos

    def set_joints(self, addresses: Ids, values: Array) -> None:
        """Put the joints at these addresses in ``qpos``, which do not move here, at ``values``."""
        self._data.qpos[addresses] = values

    def _place(self, qpos: Array) -> None:
        """Compute all poses with the moving joints at ``qpos``."""
        self._data.qpos[self.qpos_ids] = qpos
        mujoco.mj_kinematics(self._model, self._data)

    def _base(self) -> tuple[Array, Array]:
        """World position and rotation of the root link."""
        link = self._robot.link_id
        return self._data.xpos[link], self._data.xmat[link].reshape(3, 3)

    def tool_pose(self, qpos: Array) -> tuple[Array, Array]:
        """Tool position (3,) and rotation (3, 3) in the base frame for joint positions ``qpos``."""
        self._place(qpos)
        origin, base = self._base()
        site = self._site
        rotation = base.T @ self._data.site_xmat[site].reshape(3, 3)
        return base.T @ (self._data.site_xpos[site] - origin), rotation

    def step(self, qpos: Array, shift: Array, turn: Array) -> Array:
        """Joint positions whose tool moved by ``shift`` (m) and ``turn`` (rotation vector, rad).

        One damped least-squares step: exact to second order in the displacement.
        """
        self._place(qpos)
        return self._step(qpos, shift, turn)

    def _step(self, qpos: Array, shift: Array, turn: Array) -> Array:
        """``step`` at the placed configuration."""
        model, data, jacobian = self._model, self._data, self._jacobian
        mujoco.mj_comPos(model, data)
        mujoco.mj_jacSite(model, data, jacobian[:3], jacobian[3:], self._site)
        base, ends = data.xmat[self._robot.link_id], (self._low, self._high)
        return damped_step(jacobian, self._dof, base, shift, turn, DAMPING, qpos, *ends)

    def displacement(self, start: Array, end: Array) -> tuple[Array, Array]:
        """Translation (m) and rotation vector (rad) of the tool between two joint positions."""
        first, first_rotation = self.tool_pose(start)
        last, last_rotation = self.tool_pose(end)
        return last - first, rotation_vector(last_rotation @ first_rotation.T)

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
        qpos = np.array(start)
        for _ in range(iterations):
            at, turned = self.tool_pose(qpos)
            shift, turn = position - at, rotation_vector(rotation @ turned.T)
            if np.linalg.norm(shift) < tolerance[0] and np.linalg.norm(turn) < tolerance[1]:
                return qpos
            qpos = self._step(qpos, _limit(shift, 0.1), _limit(turn, 0.5))
        return None


def _limit(vector: Array, length: float) -> Array:
    """The vector, shortened to ``length`` when longer."""
    norm = float(np.linalg.norm(vector))
    return vector if norm <= length else vector * (length / norm)


def rotation_vector(rotation: Array) -> Array:
    """Axis times angle (3,) in rad of a rotation matrix (3, 3)."""
    quat, vector = np.empty(4), np.empty(3)
    mujoco.mju_mat2Quat(quat, np.ascontiguousarray(rotation).ravel())
    mujoco.mju_quat2Vel(vector, quat, 1.0)
    return vector
