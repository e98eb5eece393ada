"""Kinematics of an arm for many configurations at once, as a product of exponentials.

``robots.kinematics`` solves one pose on the compiled scene; a planner asks for hundreds.
"""

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.robots.binding import ArmBinding, RobotBinding

Array = NDArray[np.float64]

DAMPING = 1e-4
"""Added to the diagonal of J J^T (m^2, rad^2): bounds joint steps near singular poses."""
MAX_SHIFT, MAX_TURN = 0.15, 0.6
"""Largest error (m, rad) that one step tries to remove."""


class ArmChain:
    """The hinges of a robot's primary arm, from its root link to its tool site.

    A torso between them is where the arm works (``Reach.posture``).
    Joint positions are (..., n) in rad, poses (..., 4, 4) of the tool in the frame of the root
    link. Only hinge joints are supported, which is what arms have.
    """

    def __init__(
        self, robot: RobotBinding, arm: ArmBinding | None = None, qpos: Array | None = None
    ) -> None:
        """``arm`` is one of the robot's; None: the primary one.

        ``qpos`` (nq,) is the posture of everything else; None: home, and that in which it works.
        """
        arm = arm or robot.arms[0]
        model = robot.model
        data = mujoco.MjData(model)
        if qpos is None:
            robot.home_qpos(data.qpos)
            robot.work_qpos(data.qpos)
        else:
            data.qpos[:] = qpos
        data.qpos[arm.qpos] = model.qpos0[arm.qpos]
        mujoco.mj_kinematics(model, data)
        base = data.xmat[robot.link_id].reshape(3, 3)
        origin = data.xpos[robot.link_id]
        self._zero = model.qpos0[arm.qpos].copy()
        self._axis = data.xaxis[arm.joints] @ base
        self._anchor = (data.xanchor[arm.joints] - origin) @ base
        self.center = np.zeros(3) if robot.config.torso is None else self._anchor[0]
        """Where the arm begins (3,) in the root link's frame; on a torso its shoulder."""
        self._tool = np.eye(4)
        self._tool[:3, :3] = base.T @ data.site_xmat[arm.tcp_site].reshape(3, 3)
        self._tool[:3, 3] = base.T @ (data.site_xpos[arm.tcp_site] - origin)
        self.low = model.jnt_range[arm.joints, 0].copy()
        self.high = model.jnt_range[arm.joints, 1].copy()
        x, y, z = self._axis.T
        o = np.zeros_like(x)
        self._cross = np.stack([o, -z, y, z, o, -x, -y, x, o], axis=1).reshape(-1, 3, 3)
        self._square = self._cross @ self._cross

    def poses(self, qpos: Array) -> Array:
        """Tool poses (..., 4, 4) at joint positions (..., n)."""
        flat = np.atleast_2d(qpos).reshape(-1, len(self._axis))
        poses = self._forward(flat)[0]
        return poses.reshape(*np.shape(qpos)[:-1], 4, 4)

    def _forward(self, qpos: Array) -> tuple[Array, Array]:
        """Tool poses (N, 4, 4) and Jacobians (N, 6, n)."""
        angle = (qpos - self._zero)[:, :, None, None]
        turns = np.eye(3) + np.sin(angle) * self._cross + (1.0 - np.cos(angle)) * self._square
        shifts = self._anchor - (turns @ self._anchor[:, :, None])[..., 0]
        count, joints = qpos.shape
        axes, anchors = np.empty((count, joints, 3)), np.empty((count, joints, 3))
        rotation = np.broadcast_to(np.eye(3), (count, 3, 3))
        position = np.zeros((count, 3))
        for i in range(joints):
            axes[:, i] = rotation @ self._axis[i]
            anchors[:, i] = position + rotation @ self._anchor[i]
            position = position + (rotation @ shifts[:, i, :, None])[..., 0]
            rotation = rotation @ turns[:, i]
        poses = np.tile(np.eye(4), (count, 1, 1))
        poses[:, :3, :3] = rotation @ self._tool[:3, :3]
        poses[:, :3, 3] = position + rotation @ self._tool[:3, 3]
        linear = np.cross(axes, poses[:, None, :3, 3] - anchors)
        return poses, np.concatenate([linear, axes], axis=2).transpose(0, 2, 1)

    def solve(
        self,
        targets: Array,
        start: Array,
        tolerance: tuple[float, float] = (5e-4, 5e-3),
        iterations: int = 40,
    ) -> tuple[Array, NDArray[np.bool_]]:
        """Joint positions that bring the tool to many poses, by damped least squares.

        Args:
            targets: tool poses (N, 4, 4) in the root link's frame.
            start: joint positions (n,) or (N, n) the searches start from.
            tolerance: largest position (m) and rotation (rad) error of a solution.
            iterations: steps before giving up.

        Returns:
            Joint positions (N, n) within the limits, and which of them (N,) are solutions.
        """
        count = len(targets)
        qpos = np.array(np.broadcast_to(start, (count, len(self._axis))), dtype=np.float64)
        solved = np.zeros(count, dtype=np.bool_)
        for _ in range(iterations):
            left = np.flatnonzero(~solved)
            if not len(left):
                break
            poses, jacobian = self._forward(qpos[left])
            shift = targets[left, :3, 3] - poses[:, :3, 3]
            turn = rotation_vectors(targets[left, :3, :3] @ poses[:, :3, :3].transpose(0, 2, 1))
            done = (np.linalg.norm(shift, axis=1) < tolerance[0]) & (
                np.linalg.norm(turn, axis=1) < tolerance[1]
            )
            solved[left[done]] = True
            error = np.concatenate([_limited(shift, MAX_SHIFT), _limited(turn, MAX_TURN)], axis=1)
            gram = jacobian @ jacobian.transpose(0, 2, 1) + DAMPING * np.eye(6)
            step = jacobian.transpose(0, 2, 1) @ np.linalg.solve(gram, error[:, :, None])
            moved = np.clip(qpos[left] + step[..., 0], self.low, self.high)
            qpos[left[~done]] = moved[~done]
        return qpos, solved


def _limited(vectors: Array, length: float) -> Array:
    """Vectors (N, 3), those longer than ``length`` shortened to it."""
    norm = np.linalg.norm(vectors, axis=1, keepdims=True)
    limited: Array = vectors * np.minimum(1.0, length / np.maximum(norm, 1e-12))
    return limited


def rotation_vectors(rotations: Array) -> Array:
    """Axis times angle (N, 3) in rad of rotation matrices (N, 3, 3)."""
    skew = rotations - rotations.transpose(0, 2, 1)
    vector: Array = np.stack([skew[:, 2, 1], skew[:, 0, 2], skew[:, 1, 0]], axis=1) / 2
    sine = np.linalg.norm(vector, axis=1)
    cosine = (np.trace(rotations, axis1=1, axis2=2) - 1.0) / 2
    angle = np.arctan2(sine, cosine)
    # Near half a turn the skew part vanishes; the symmetric part still holds the axis.
    flat = (sine < 1e-3) & (cosine < 0)
    scale = np.where(sine < 1e-9, 1.0, angle / np.maximum(sine, 1e-9))
    vector = vector * scale[:, None]
    if flat.any():
        outer = (rotations[flat] + np.eye(3)) / 2
        column = np.argmax(np.diagonal(outer, axis1=1, axis2=2), axis=1)
        axis = outer[np.arange(len(outer)), :, column]
        axis /= np.linalg.norm(axis, axis=1, keepdims=True)
        vector[flat] = axis * angle[flat, None]
    return vector
