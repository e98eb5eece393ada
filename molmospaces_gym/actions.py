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
from molmospaces_gym.joint_actions import JointActions, base_actions
from molmospaces_gym.kernels import clip_action
from molmospaces_gym.robots.binding import RobotBinding
from molmospaces_gym.tool_actions import ToolActions

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

    def reset(self) -> None:
        """Forget what an episode left: a new one starts."""

    def decode(self, action: Array, target: Array) -> Array:
        """Commands (n_actuators,) for a checked action, given the last commands."""

    def encode(self, command: Array, target: Array) -> Array:
        """The action whose ``decode`` comes closest to ``command``."""


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
        return base_actions(robot, mode, seconds)
    if mode.startswith("ee_"):
        return ToolActions(robot, mode, seconds)
    return JointActions(robot, mode, seconds)
