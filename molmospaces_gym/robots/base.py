"""What the package knows about a robot beside its MJCF: names, ranges, poses and cameras.

All names are those inside the robot's own MJCF; a scene holds them under the prefix ``robot_0/``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from molmospaces_gym.cameras import CameraMount

PREFIX = "robot_0/"
"""Namespace of the robot in every composed scene (official convention)."""


@dataclass(frozen=True, kw_only=True)
class MoveGroup:
    """Joints that move together and the actuators that drive them, in control order."""

    joints: tuple[str, ...]
    actuators: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Gripper:
    """A two-finger gripper.

    ``open_ctrl`` and ``closed_ctrl`` are actuator commands, ``closed_qpos`` the driver joint
    position (rad) of the closed gripper, ``max_opening`` the inter-finger distance in metres.
    ``fingers`` are the two groups of bodies whose contacts count as left and right touch.
    """

    group: str
    open_ctrl: float
    closed_ctrl: float
    closed_qpos: float
    max_opening: float
    fingers: tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class RobotConfig:
    """One robot. ``home`` and ``init_noise`` are per move group, rad or m."""

    name: str
    mjcf: Path
    root_body: str
    tcp_site: str
    groups: Mapping[str, MoveGroup]
    home: Mapping[str, tuple[float, ...]]
    init_noise: Mapping[str, tuple[float, ...]]
    gripper: Gripper
    pedestal: tuple[float, float, float] | None
    """Full size (m) of the box under the root body, or None; the root body stands on top of it."""
    cameras: tuple[CameraMount, ...]
    image_size: tuple[int, int]
    """Default (width, height) in pixels of the robot's camera system."""
