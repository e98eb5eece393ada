"""Action modes: how a vector in [-1, 1] becomes actuator commands of a robot.

The layout is the robot's control order, arm first and gripper last:

``joint_delta``     change of the joint *targets*; +-1 is +-``JOINT_STEP`` rad per step.
``joint_position``  absolute targets; -1..1 maps linearly onto each actuator's control range.
``ee_delta``        change of the target tool pose in the robot's base frame: translation (3) with
                    +-1 = ``EE_STEP`` m and rotation vector (3) with +-1 = ``EE_TURN`` rad.

``ee_delta_pos``    the translation of ``ee_delta`` alone (3); the tool keeps its orientation.

The gripper element is always absolute: -1 open, +1 closed.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidAction, UnknownName
from molmospaces_gym.kernels import clip_action, joint_delta
from molmospaces_gym.robots.base import RobotConfig
from molmospaces_gym.robots.binding import RobotBinding
from molmospaces_gym.robots.kinematics import Kinematics, rotation_vector

Array = NDArray[np.float64]

ACTION_MODES = ("joint_delta", "joint_position", "ee_delta", "ee_delta_pos")
JOINT_STEP = 0.1
"""Largest change of a joint target in one step, rad (1.5 rad/s at 66 ms)."""
_EE_SIZES = {"ee_delta": 7, "ee_delta_pos": 4}
EE_STEP = 0.02
"""Largest translation of the tool target in one step, m per axis (0.3 m/s at 66 ms)."""
EE_TURN = 0.06
"""Largest rotation of the tool target in one step, rad per axis (0.9 rad/s at 66 ms)."""


def action_size(robot: RobotConfig, mode: str) -> int:
    """Number of action elements; raises ``UnknownName`` for an unknown mode."""
    if mode not in ACTION_MODES:
        raise UnknownName("action mode", mode, ACTION_MODES)
    if mode in _EE_SIZES:
        return _EE_SIZES[mode]
    return sum(len(group.actuators) for group in robot.groups.values())


def action_space(robot: RobotConfig, mode: str) -> Box:
    """The action space of one environment."""
    return Box(-1.0, 1.0, (action_size(robot, mode),), np.float32)


def check_action(action: object, size: int) -> Array:
    """The action as float64 (size,), clipped to [-1, 1].

    Raises:
        InvalidAction: wrong shape, not numeric, or not finite.
    """
    try:
        values: Array = np.asarray(action, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidAction(f"an action must be {size} numbers, not {action!r}") from error
    if values.shape != (size,):
        raise InvalidAction(f"an action must have shape ({size},), not {values.shape}")
    clipped = np.empty(size)
    if not clip_action(values, clipped):
        raise InvalidAction(f"an action must be finite, not {values.tolist()}")
    return clipped


class ActionMapper(Protocol):
    """Turns actions into commands for the robot of one scene."""

    size: int

    def decode(self, action: Array, target: Array) -> Array:
        """Commands (n_actuators,) for a checked action, given the last commands."""

    def encode(self, command: Array, target: Array) -> Array:
        """The action whose ``decode`` comes closest to ``command``."""


class JointPosition:
    """Absolute targets over each actuator's control range."""

    def __init__(self, robot: RobotBinding) -> None:
        self._low, self._span = robot.ctrl_low, robot.ctrl_high - robot.ctrl_low
        self.size = len(self._low)

    def decode(self, action: Array, target: Array) -> Array:
        return self._low + 0.5 * (action + 1.0) * self._span

    def encode(self, command: Array, target: Array) -> Array:
        return np.clip(2.0 * (command - self._low) / self._span - 1.0, -1.0, 1.0)


class JointDelta:
    """Steps of the arm's targets, absolute gripper."""

    def __init__(self, robot: RobotBinding) -> None:
        self._low, self._high = robot.ctrl_low, robot.ctrl_high
        self._grip = _GripperScale(robot)
        self.size = len(self._low)

    def decode(self, action: Array, target: Array) -> Array:
        command = np.empty(self.size)
        grip = self._grip.command(action[-1])
        joint_delta(action, target, JOINT_STEP, grip, self._low, self._high, command)
        return command

    def encode(self, command: Array, target: Array) -> Array:
        action = (command - target) / JOINT_STEP
        action[-1] = self._grip.action(command[-1])
        return np.clip(action, -1.0, 1.0)


class EndEffectorDelta:
    """Steps of the tool pose in the base frame, turned into joint targets by inverse kinematics."""

    size = 7

    def __init__(self, robot: RobotBinding) -> None:
        self._low, self._high = robot.ctrl_low, robot.ctrl_high
        self._grip = _GripperScale(robot)
        self.kinematics = Kinematics(robot)

    def decode(self, action: Array, target: Array) -> Array:
        command = target.copy()
        command[:-1] = self.kinematics.step(
            target[:-1], EE_STEP * action[:3], EE_TURN * action[3:6]
        )
        command[-1] = self._grip.command(action[-1])
        return np.minimum(np.maximum(command, self._low), self._high)

    def encode(self, command: Array, target: Array) -> Array:
        shift, turn = self.kinematics.displacement(target[:-1], command[:-1])
        grip = [self._grip.action(command[-1])]
        action: Array = np.concatenate([shift / EE_STEP, turn / EE_TURN, grip])
        return np.clip(action, -1.0, 1.0)


class EndEffectorPositionDelta:
    """Steps of the tool's position; its orientation stays what it was at the first step."""

    size = 4

    def __init__(self, robot: RobotBinding) -> None:
        self._whole = EndEffectorDelta(robot)
        self._orientation: Array | None = None

    def decode(self, action: Array, target: Array) -> Array:
        rotation = self._whole.kinematics.tool_pose(target[:-1])[1]
        if self._orientation is None:
            self._orientation = rotation
        back = rotation_vector(self._orientation @ rotation.T) / EE_TURN
        turn = np.minimum(np.maximum(back, -1.0), 1.0)
        return self._whole.decode(np.concatenate([action[:3], turn, action[3:]]), target)

    def encode(self, command: Array, target: Array) -> Array:
        action = self._whole.encode(command, target)
        return np.append(action[:3], action[6])


class _GripperScale:
    """Maps -1 (open) .. +1 (closed) to the gripper's command and back."""

    def __init__(self, robot: RobotBinding) -> None:
        gripper = robot.config.gripper
        self._middle = 0.5 * (gripper.open_ctrl + gripper.closed_ctrl)
        self._half = 0.5 * (gripper.closed_ctrl - gripper.open_ctrl)

    def command(self, action: float) -> float:
        return self._middle + self._half * action

    def action(self, command: float) -> float:
        return (command - self._middle) / self._half


_MAPPERS: dict[str, Callable[[RobotBinding], ActionMapper]] = {
    "joint_delta": JointDelta,
    "joint_position": JointPosition,
    "ee_delta": EndEffectorDelta,
    "ee_delta_pos": EndEffectorPositionDelta,
}


def make_mapper(mode: str, robot: RobotBinding) -> ActionMapper:
    """The mapper of a mode for one robot; raises ``UnknownName``."""
    if mode not in _MAPPERS:
        raise UnknownName("action mode", mode, ACTION_MODES)
    return _MAPPERS[mode](robot)
