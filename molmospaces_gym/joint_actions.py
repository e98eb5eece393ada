"""Actions with one element per actuator: joints, grippers and a mobile base."""

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.action_layout import BASE_STEP, BASE_TURN, JOINT_STEP, TORSO_STEP
from molmospaces_gym.kernels import joint_actions
from molmospaces_gym.robots.binding import RobotBinding

Array = NDArray[np.float64]


class JointActions:
    """One element per actuator: steps of its target, or places in its range.

    Grippers are always absolute and a mobile base always moves by steps, in its own axes.
    """

    def __init__(self, robot: RobotBinding, mode: str, control_dt: float) -> None:
        low, high = robot.ctrl_low, robot.ctrl_high
        config, self.size = robot.config, len(low)
        self._low, self._high = low, high
        self._step = np.full(self.size, JOINT_STEP)
        if config.torso is not None:
            self._step[robot.groups[config.torso.group].control] = TORSO_STEP
        self._middle, self._half = np.zeros(self.size), np.zeros(self.size)
        if mode == "joint_position":
            limited = np.isfinite(low) & np.isfinite(high)
            self._half[limited] = 0.5 * (high - low)[limited]
            self._middle[limited] = low[limited] + self._half[limited]
        self._base = -1
        if robot.base is not None and config.base is not None:
            self._base = robot.base.control.start
            self._step[robot.base.control] = base_steps(config.base.max_speed, mode, control_dt)
        for arm in robot.arms:
            gripper = arm.config.gripper
            self._middle[arm.grip_control] = 0.5 * (gripper.open_ctrl + gripper.closed_ctrl)
            self._half[arm.grip_control] = 0.5 * (gripper.closed_ctrl - gripper.open_ctrl)
        self._absolute = self._half != 0.0

    def reset(self) -> None:
        """Nothing is kept."""

    def decode(self, action: Array, target: Array) -> Array:
        command = np.empty(self.size)
        joint_actions(
            action,
            target,
            self._step,
            self._middle,
            self._half,
            self._base,
            self._low,
            self._high,
            command,
        )
        return command

    def encode(self, command: Array, target: Array) -> Array:
        moved = command - target
        if self._base >= 0:
            part = slice(self._base, self._base + 3)
            heading = target[part][2] + 0.5 * moved[part][2]
            cos, sin = np.cos(heading), np.sin(heading)
            x, y, turn = moved[part]
            moved[part] = cos * x + sin * y, cos * y - sin * x, turn
        action = moved / self._step
        fixed = self._absolute
        action[fixed] = (command[fixed] - self._middle[fixed]) / self._half[fixed]
        return clipped(action)


def clipped(action: Array) -> Array:
    """The action within [-1, 1]."""
    within: Array = np.minimum(np.maximum(action, -1.0), 1.0)
    return within


def base_steps(max_speed: tuple[float, float, float], mode: str, control_dt: float) -> Array:
    """What one unit of each element moves a base in one step: m, m, rad."""
    if mode == "base_delta":
        return np.array([BASE_STEP, BASE_STEP, BASE_TURN])
    return control_dt * np.array(max_speed)


class BaseActions:
    """Steps of the mobile base in its own axes; all other commands stay."""

    size = 3

    def __init__(self, robot: RobotBinding, mode: str, control_dt: float) -> None:
        assert robot.base is not None  # action_parts has refused it
        self._whole = JointActions(robot, mode, control_dt)
        self._part = robot.base.control

    def reset(self) -> None:
        """Nothing is kept."""

    def decode(self, action: Array, target: Array) -> Array:
        whole = np.zeros(self._whole.size)
        whole[self._part] = action
        command = target.copy()
        command[self._part] = self._whole.decode(whole, target)[self._part]
        return command

    def encode(self, command: Array, target: Array) -> Array:
        return self._whole.encode(command, target)[self._part]
