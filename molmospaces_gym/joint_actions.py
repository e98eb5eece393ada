"""Actions with one element per actuator: joints, grippers and a mobile base."""

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.action_layout import BASE_STEP, BASE_TURN, JOINT_STEP, TORSO_STEP
from molmospaces_gym.kernels import joint_actions
from molmospaces_gym.robots.binding import Ids, RobotBinding

Array = NDArray[np.float64]


class JointActions:
    """One element per actuator: steps of its target, or places in its range.

    Grippers are always absolute and a mobile base always moves by steps, in its own axes.

    ``source`` (n_actuators,) says which element of an action commands each actuator, -1 where none
    does: that command stays. None: the actions have all elements, in order.
    """

    def __init__(
        self, robot: RobotBinding, mode: str, control_dt: float, source: Ids | None = None
    ) -> None:
        low, high, config = robot.ctrl_low, robot.ctrl_high, robot.config
        count = len(low)
        self._source = np.arange(count) if source is None else source
        self.size = int(self._source.max()) + 1
        self._low, self._high = low, high
        self._step = np.full(count, JOINT_STEP)
        if config.torso is not None:
            self._step[robot.groups[config.torso.group].control] = TORSO_STEP
        self._middle, self._half = np.zeros(count), np.zeros(count)
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
        command = np.empty(len(target))
        joint_actions(
            action,
            self._source,
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
        action = np.zeros(self.size)
        self.write(command, target, action)
        return clipped(action)

    def write(self, command: Array, target: Array, action: Array) -> None:
        """Write the elements of the ``source`` of an action that leads to ``command``."""
        moved = command - target
        if self._base >= 0:
            part = slice(self._base, self._base + 3)
            heading = target[part][2] + 0.5 * moved[part][2]
            cos, sin = np.cos(heading), np.sin(heading)
            x, y, turn = moved[part]
            moved[part] = cos * x + sin * y, cos * y - sin * x, turn
        whole, fixed = moved / self._step, self._absolute
        whole[fixed] = (command[fixed] - self._middle[fixed]) / self._half[fixed]
        commanded = self._source >= 0
        action[self._source[commanded]] = whole[commanded]


def clipped(action: Array) -> Array:
    """The action within [-1, 1]."""
    within: Array = np.minimum(np.maximum(action, -1.0), 1.0)
    return within


def base_steps(max_speed: tuple[float, float, float], mode: str, control_dt: float) -> Array:
    """What one unit of each element moves a base in one step: m, m, rad."""
    if mode == "base_delta":
        return np.array([BASE_STEP, BASE_STEP, BASE_TURN])
    return control_dt * np.array(max_speed)


def base_actions(robot: RobotBinding, mode: str, control_dt: float) -> JointActions:
    """Steps of the mobile base, which the robot must have, in its own axes; all else stays."""
    assert robot.base is not None
    source = np.full(len(robot.actuators), -1)
    source[robot.base.control] = np.arange(3)
    return JointActions(robot, mode, control_dt, source)
