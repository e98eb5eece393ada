"""Action modes: how a vector in [-1, 1] becomes actuator commands of a robot.

``action_layout`` describes the modes and the elements of an action.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.action_layout import (
    ACTION_MODES,
    BASE_MODES,
    BASE_STEP,
    BASE_TURN,
    EE_STEP,
    EE_TURN,
    JOINT_STEP,
    TORSO_STEP,
    action_parts,
    action_size,
    action_space,
)
from molmospaces_gym.errors import InvalidAction
from molmospaces_gym.kernels import clip_action, joint_actions
from molmospaces_gym.robots.binding import RobotBinding
from molmospaces_gym.robots.kinematics import Kinematics, rotation_vector

__all__ = [
    "ACTION_MODES",
    "BASE_MODES",
    "BASE_STEP",
    "BASE_TURN",
    "EE_STEP",
    "EE_TURN",
    "JOINT_STEP",
    "TORSO_STEP",
    "ActionMapper",
    "action_parts",
    "action_size",
    "action_space",
    "check_action",
    "make_mapper",
]

Array = NDArray[np.float64]


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
        return _clipped(action)


def _clipped(action: Array) -> Array:
    """The action within [-1, 1]."""
    clipped: Array = np.minimum(np.maximum(action, -1.0), 1.0)
    return clipped


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

    def decode(self, action: Array, target: Array) -> Array:
        whole = np.zeros(self._whole.size)
        whole[self._part] = action
        command = target.copy()
        command[self._part] = self._whole.decode(whole, target)[self._part]
        return command

    def encode(self, command: Array, target: Array) -> Array:
        return self._whole.encode(command, target)[self._part]


class ToolActions:
    """Steps of the tools in the base frame, turned into joint targets by inverse kinematics.

    Base, head and grippers as in ``joint_delta``; the torso by its height.
    """

    def __init__(self, robot: RobotBinding, mode: str, control_dt: float) -> None:
        config, parts = robot.config, action_parts(robot.config, mode)
        self.size = action_size(config, mode)
        self._whole = JointActions(robot, mode, control_dt)
        self._tools = [
            _Tool(robot, number, parts[arm.group]) for number, arm in enumerate(config.arms)
        ]
        self._height = None if config.torso is None else _Height(robot, parts[config.torso.group])
        solved = {arm.group for arm in config.arms}
        if config.torso is not None:
            solved.add(config.torso.group)
        direct = [name for name in parts if name not in solved]
        self._from = np.concatenate([_range(parts[name]) for name in direct])
        self._to = np.concatenate([_range(robot.groups[name].control) for name in direct])

    def decode(self, action: Array, target: Array) -> Array:
        whole = np.zeros(self._whole.size)
        whole[self._to] = action[self._from]
        command = self._whole.decode(whole, target)
        for tool in self._tools:
            tool.decode(action, target, command)
        if self._height is not None:
            self._height.decode(action, target, command)
        return command

    def encode(self, command: Array, target: Array) -> Array:
        action = np.zeros(self.size)
        action[self._from] = self._whole.encode(command, target)[self._to]
        for tool in self._tools:
            tool.encode(command, target, action)
        if self._height is not None:
            self._height.encode(command, target, action)
        return _clipped(action)


class _Tool:
    """Steps of one arm's tool; one of position alone keeps the orientation of its first step."""

    def __init__(self, robot: RobotBinding, number: int, part: slice) -> None:
        self._control, self._part = robot.arms[number].control, part
        self._turns = part.stop - part.start == 6
        self._low, self._high = robot.ctrl_low[self._control], robot.ctrl_high[self._control]
        self._kinematics = Kinematics(robot, number)
        torso = robot.config.torso
        self._torso = None if torso is None else robot.groups[torso.group]
        self._orientation: Array | None = None

    def decode(self, action: Array, target: Array, command: Array) -> None:
        self._follow_torso(target)
        joints, move = target[self._control], action[self._part]
        turn = EE_TURN * move[3:] if self._turns else self._turn_back(joints)
        moved = self._kinematics.step(joints, EE_STEP * move[:3], turn)
        command[self._control] = np.minimum(np.maximum(moved, self._low), self._high)

    def _turn_back(self, joints: Array) -> Array:
        rotation = self._kinematics.tool_pose(joints)[1]
        if self._orientation is None:
            self._orientation = rotation
        back = rotation_vector(self._orientation @ rotation.T)
        return np.minimum(np.maximum(back, -EE_TURN), EE_TURN)

    def encode(self, command: Array, target: Array, action: Array) -> None:
        self._follow_torso(target)
        shift, turn = self._kinematics.displacement(target[self._control], command[self._control])
        move = [shift / EE_STEP, turn / EE_TURN] if self._turns else [shift / EE_STEP]
        action[self._part] = np.concatenate(move)

    def _follow_torso(self, target: Array) -> None:
        if self._torso is not None:
            self._kinematics.set_joints(self._torso.qpos, target[self._torso.control])


class _Height:
    """Steps of the angle that folds the torso, within the limits of all its joints."""

    def __init__(self, robot: RobotBinding, part: slice) -> None:
        torso = robot.config.torso
        assert torso is not None
        self._control, self._part = robot.groups[torso.group].control, part
        self._weights = np.asarray(torso.height)
        moving = self._weights != 0.0
        ends = np.sort(
            np.stack([robot.ctrl_low[self._control], robot.ctrl_high[self._control]])[:, moving]
            / self._weights[moving],
            axis=0,
        )
        self._moving, self._low, self._high = moving, ends[0], ends[1]
        self._knee = int(np.abs(self._weights).argmax())
        self._max = torso.max_height

    def decode(self, action: Array, target: Array, command: Array) -> None:
        joints = target[self._control]
        angles = joints[self._moving] / self._weights[self._moving]
        knee = joints[self._knee] / self._weights[self._knee]
        down = max(float((self._low - angles).max()), -knee)
        up = min(float((self._high - angles).min()), self._max - knee)
        change = min(max(TORSO_STEP * float(action[self._part][0]), min(down, 0.0)), max(up, 0.0))
        command[self._control] = joints + change * self._weights

    def encode(self, command: Array, target: Array, action: Array) -> None:
        change = (command - target)[self._control] @ self._weights
        action[self._part] = change / (self._weights @ self._weights) / TORSO_STEP


def _range(part: slice) -> NDArray[np.intp]:
    return np.arange(part.start, part.stop)


def make_mapper(mode: str, robot: RobotBinding, control_dt: float | None = None) -> ActionMapper:
    """The mapper of a mode for one robot.

    Args:
        mode: one of ``ACTION_MODES`` or ``BASE_MODES``.
        robot: the robot in its scene.
        control_dt: seconds between two actions, which turn velocities of a base into steps; None:
            the robot's own.

    Raises:
        UnknownName: There is no such mode.
        InvalidConfig: The mode needs a mobile base and the robot has none.
    """
    action_parts(robot.config, mode)
    seconds = control_dt or robot.config.control_dt
    if mode in BASE_MODES:
        return BaseActions(robot, mode, seconds)
    if mode.startswith("ee_"):
        return ToolActions(robot, mode, seconds)
    return JointActions(robot, mode, seconds)
