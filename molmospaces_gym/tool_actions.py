"""Actions that move the tools of the arms and the height of the torso."""

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.action_layout import EE_STEP, EE_TURN, TORSO_STEP, action_parts, action_size
from molmospaces_gym.joint_actions import JointActions, clipped
from molmospaces_gym.robots.binding import Ids, RobotBinding
from molmospaces_gym.robots.kinematics import DAMPING, Kinematics
from molmospaces_gym.robots.kinematics_kernels import fold, move_tool

Array = NDArray[np.float64]


class ToolActions:
    """Steps of the tools in the base frame, turned into joint targets by inverse kinematics.

    Base, head and grippers as in ``joint_delta``; the torso by its height.
    """

    def __init__(self, robot: RobotBinding, mode: str, control_dt: float) -> None:
        config, parts = robot.config, action_parts(robot.config, mode)
        self.size = action_size(config, mode)
        self._tools = [
            _Tool(robot, number, parts[arm.group]) for number, arm in enumerate(config.arms)
        ]
        self._height = None if config.torso is None else _Height(robot, parts[config.torso.group])
        source = np.full(len(robot.actuators), -1)
        solved = {arm.group for arm in config.arms}
        solved |= set() if config.torso is None else {config.torso.group}
        for name in parts.keys() - solved:
            part = parts[name]
            source[robot.groups[name].control] = np.arange(part.start, part.stop)
        self._direct = JointActions(robot, mode, control_dt, source)

    def reset(self) -> None:
        for tool in self._tools:
            tool.reset()

    def decode(self, action: Array, target: Array) -> Array:
        command = self._direct.decode(action, target)
        for tool in self._tools:
            tool.decode(action, target, command)
        if self._height is not None:
            self._height.decode(action, target, command)
        return command

    def encode(self, command: Array, target: Array) -> Array:
        action = np.zeros(self.size)
        self._direct.write(command, target, action)
        for tool in self._tools:
            tool.encode(command, target, action)
        if self._height is not None:
            self._height.encode(command, target, action)
        return clipped(action)


class _Tool:
    """Steps of one arm's tool; one of position alone keeps the orientation of its first step."""

    def __init__(self, robot: RobotBinding, number: int, part: slice) -> None:
        self._control, self._part = robot.arms[number].control, part
        self._kinematics = kinematics = Kinematics(robot, number)
        torso = robot.config.torso
        self._torso = None if torso is None else robot.groups[torso.group]
        low, high = robot.ctrl_low[self._control], robot.ctrl_high[self._control]
        ends = np.column_stack([kinematics.ends, low, high])
        self._arguments = (
            kinematics.chain,
            kinematics.moving,
            DAMPING,
            ends,
            kinematics.home,
            command_of(robot, kinematics.path),
            (EE_STEP, EE_TURN),
        )
        self._kept = np.zeros(4)

    def reset(self) -> None:
        self._kept[:] = 0.0

    def decode(self, action: Array, target: Array, command: Array) -> None:
        move_tool(*self._arguments, action[self._part], self._kept, target, command)

    def encode(self, command: Array, target: Array, action: Array) -> None:
        if self._torso is not None:
            self._kinematics.set_joints(self._torso.qpos, target[self._torso.control])
        shift, turn = self._kinematics.displacement(target[self._control], command[self._control])
        move = np.concatenate([shift / EE_STEP, turn / EE_TURN])
        action[self._part] = move[: self._part.stop - self._part.start]


def command_of(robot: RobotBinding, addresses: Ids) -> Ids:
    """Where the joints at these addresses (n,) in ``qpos`` are commanded, -1 for nowhere."""
    found = np.full(len(addresses), -1)
    for group in robot.groups.values():
        if len(group.joints) == len(group.actuators):
            commands = np.arange(group.control.start, group.control.stop)
            where, which = np.nonzero(addresses[:, None] == group.qpos)
            found[where] = commands[which]
    return found


class _Height:
    """Steps of the angle that folds the torso, within the limits of all its joints."""

    def __init__(self, robot: RobotBinding, part: slice) -> None:
        torso = robot.config.torso
        assert torso is not None
        self._control, self._part = robot.groups[torso.group].control, part
        self._weights = weights = np.asarray(torso.height)
        moving, ends = weights != 0.0, np.zeros((len(weights), 2))
        limits = (robot.ctrl_low[self._control][moving], robot.ctrl_high[self._control][moving])
        ends[moving] = np.sort(np.column_stack(limits) / weights[moving, None], axis=1)
        knee = int(np.abs(weights).argmax())
        self._arguments = (float(torso.max_height), weights, knee, ends)

    def decode(self, action: Array, target: Array, command: Array) -> None:
        angle, control = TORSO_STEP * float(action[self._part.start]), self._control
        fold(angle, *self._arguments, target[control], command[control])

    def encode(self, command: Array, target: Array, action: Array) -> None:
        change = (command - target)[self._control] @ self._weights
        action[self._part] = change / (self._weights @ self._weights) / TORSO_STEP
