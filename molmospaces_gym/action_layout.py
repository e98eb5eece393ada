"""Which elements of an action belong to which part of a robot, and what one unit means.

An action is one vector in [-1, 1]: the robot's move groups in the order of ``RobotConfig.groups``
(arm first and gripper last for a robot that is only an arm). ``action_parts`` says where each is.

``joint_delta``     joints of arms, torso and head: change of the joint *targets*; +-1 is
                    +-``JOINT_STEP`` (torso: ``TORSO_STEP``) rad per step.
``joint_position``  the same joints, absolute targets; -1..1 maps linearly onto each actuator's
                    control range.
``ee_delta``        each arm: change of the target tool pose in the robot's base frame, translation
                    (3) with +-1 = ``EE_STEP`` m and rotation vector (3) with +-1 = ``EE_TURN`` rad;
                    torso: change of its height angle (1), +-1 is +-``TORSO_STEP`` rad, positive
                    lowers the chest; head as in ``joint_delta``.
``ee_delta_pos``    the translation of ``ee_delta`` alone (3 per arm); tools keep their orientation.
``base_velocity``   the mobile base alone: forward, left (+-1 = ``max_speed`` of the base, m/s) and
                    turn to the left (rad/s). Everything else is held.
``base_delta``      the same in steps that do not depend on the control rate: +-1 = ``BASE_STEP`` m
                    and ``BASE_TURN`` rad per step.

A gripper element is always absolute: -1 open, +1 closed. A mobile base is commanded in every mode
as in ``base_velocity``: the target of its pose moves by that velocity times the control period.
"""

import numpy as np
from gymnasium.spaces import Box

from molmospaces_gym.errors import InvalidConfig, UnknownName
from molmospaces_gym.robots.base import RobotConfig

ACTION_MODES = ("joint_delta", "joint_position", "ee_delta", "ee_delta_pos")
"""Modes of every robot."""
BASE_MODES = ("base_velocity", "base_delta")
"""Modes of robots with a mobile base, which command that alone."""

JOINT_STEP = 0.1
"""Largest change of a joint target in one step, rad (1.5 rad/s at 66 ms)."""
TORSO_STEP = 0.03
"""Largest change of a torso joint's target in one step, rad: it swings arms and head by a metre."""
EE_STEP = 0.02
"""Largest translation of the tool target in one step, m per axis (0.3 m/s at 66 ms)."""
EE_TURN = 0.06
"""Largest rotation of the tool target in one step, rad per axis (0.9 rad/s at 66 ms)."""
BASE_STEP, BASE_TURN = 0.2, 0.3
"""Largest motion of the base in one step of ``base_delta``, m per axis and rad."""

_TOOL_SIZES = {"ee_delta": 6, "ee_delta_pos": 3}


def action_parts(robot: RobotConfig, mode: str) -> dict[str, slice]:
    """Move group -> its elements of an action; groups that the mode does not command are absent.

    Raises:
        UnknownName: There is no such mode.
        InvalidConfig: The mode needs a mobile base and the robot has none.
    """
    if mode not in ACTION_MODES + BASE_MODES:
        raise UnknownName("action mode", mode, ACTION_MODES + BASE_MODES)
    if mode in BASE_MODES:
        if robot.base is None:
            raise InvalidConfig(
                f"action mode {mode!r} drives a mobile base, which robot {robot.name!r} has not;"
                f" use one of {', '.join(ACTION_MODES)}, or robot='rby1' or 'franka_mobile'"
            )
        return {robot.base.group: slice(0, 3)}
    arms = {arm.group for arm in robot.arms}
    parts, start = {}, 0
    for name, group in robot.groups.items():
        size = len(group.actuators)
        if mode in _TOOL_SIZES and name in arms:
            size = _TOOL_SIZES[mode]
        elif mode in _TOOL_SIZES and robot.torso is not None and name == robot.torso.group:
            size = 1
        parts[name] = slice(start, start + size)
        start += size
    return parts


def action_size(robot: RobotConfig, mode: str) -> int:
    """Number of action elements; raises like ``action_parts``."""
    return max(int(part.stop) for part in action_parts(robot, mode).values())


def action_space(robot: RobotConfig, mode: str) -> Box:
    """The action space of one environment."""
    return Box(-1.0, 1.0, (action_size(robot, mode),), np.float32)
