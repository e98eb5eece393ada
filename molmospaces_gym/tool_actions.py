"""Actions that move the tools of the arms and the height of the torso."""

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.action_layout import EE_STEP, EE_TURN, TORSO_STEP, action_parts, action_size
from molmospaces_gym.joint_actions import JointActions, clipped
from molmospaces_gym.robots.binding import RobotBinding
from molmospaces_gym.robots.kinematics import Kinematics, rotation_vector

Array = NDArray[np.float64]


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

    def reset(self) -> None:
        for tool in self._tools:
            tool.reset()

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
        return clipped(action)


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

    def reset(self) -> None:
        self._orientation = None

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
