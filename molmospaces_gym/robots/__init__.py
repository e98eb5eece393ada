"""Robots by name or by the path of their MJCF."""

from importlib import import_module
from pathlib import Path

from molmospaces_gym.errors import InvalidConfig, UnknownName
from molmospaces_gym.robots.base import (
    Arm,
    Gripper,
    MoveGroup,
    PlanarBase,
    Reach,
    RobotConfig,
    Torso,
)

__all__ = [
    "Arm",
    "Gripper",
    "MoveGroup",
    "PlanarBase",
    "Reach",
    "RobotConfig",
    "Torso",
    "get_robot",
    "robot_names",
]

_ROBOTS = {
    "franka_droid": "molmospaces_gym.robots.franka_droid:FRANKA_DROID",
    "franka_mobile": "molmospaces_gym.robots.franka_mobile:FRANKA_MOBILE",
    "rby1": "molmospaces_gym.robots.rby1:RBY1",
}
"""One row per robot: name -> ``module:attribute`` of its config, imported when asked for."""
_OTHER_NAMES = {"rby1m": "rby1"}
"""Names in official episodes -> ours: there the later RB-Y1 model, with equal move groups, is
``rby1m``."""


def robot_names() -> tuple[str, ...]:
    """Names of the shipped robots."""
    return tuple(_ROBOTS)


def get_robot(name_or_path: str | Path) -> RobotConfig:
    """The config of a shipped robot, or one built for the FR3 + 2F-85 in an MJCF file.

    Args:
        name_or_path: A name of ``robot_names()`` or one that official episodes use (``rby1m``), an
            MJCF file, or a directory that holds one (``model.xml``, or the only ``*.xml`` in it)
            with the official names: the official ``franka_droid`` asset, or an FR3 and a 2F-85 of
            MuJoCo Menagerie put together.

    Raises:
        UnknownName: It is neither a shipped robot nor looks like a path.
        InvalidConfig: The path holds no usable robot.
    """
    name = _OTHER_NAMES.get(str(name_or_path), name_or_path)
    if isinstance(name, str) and name in _ROBOTS:
        module, attribute = _ROBOTS[name].split(":")
        config: RobotConfig = getattr(import_module(module), attribute)
        return config
    path = Path(name_or_path)
    if path.exists():
        from molmospaces_gym.robots.mjcf import robot_from_mjcf

        return robot_from_mjcf(path)
    if isinstance(name_or_path, Path) or path.suffix == ".xml" or len(path.parts) > 1:
        raise InvalidConfig(
            f"robot path {str(path)!r} does not exist; give an MJCF file, a directory with one, "
            f"or a shipped robot: {', '.join(sorted(_ROBOTS))}"
        )
    raise UnknownName("robot", name_or_path, list(_ROBOTS))
