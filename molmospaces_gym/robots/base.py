"""What the package knows about a robot beside its MJCF: names, ranges, poses and cameras.

All names are those inside the robot's own MJCF; a scene holds them under the prefix ``robot_0/``.
A robot has one arm or more, each with its own tool and gripper, and where ``base``, ``torso`` or
``head`` name one, a planar mobile base, a torso and a head. Code that knows one arm only reads
``tcp_site`` and ``gripper``, those of the primary arm.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from molmospaces_gym.cameras import CameraMount

PREFIX = "robot_0/"
"""Namespace of the robot in every composed scene (official convention)."""

CONTROL_DT = 0.066
"""Default seconds between two actions (official benchmark: 33 substeps of 2 ms)."""


@dataclass(frozen=True, kw_only=True)
class MoveGroup:
    """Joints that move together and the actuators that drive them, in control order."""

    joints: tuple[str, ...]
    actuators: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Gripper:
    """A two-finger gripper: one actuator, coupled joints of which the first is the driver.

    ``open_ctrl`` and ``closed_ctrl`` are actuator commands, ``open_qpos`` and ``closed_qpos`` the
    driver's positions (rad or m) there, ``coupling`` the position of each joint over the driver's,
    ``max_opening`` the inter-finger distance in metres. ``fingers`` are the two groups of bodies
    whose contacts count as left and right touch.
    """

    group: str
    open_ctrl: float
    closed_ctrl: float
    open_qpos: float = 0.0
    closed_qpos: float
    coupling: tuple[float, ...] = (1.0, 1.0)
    max_opening: float
    fingers: tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One arm: its move group, its tool and what it grips with.

    Tool sites look along +z at what is to be grasped and the fingers open along their y.
    """

    group: str
    tcp_site: str
    gripper: Gripper

    @property
    def side(self) -> float:
        """-1 for a right arm, else 1: the sign of y on its side of the robot."""
        return -1.0 if self.group.startswith("right") else 1.0


@dataclass(frozen=True, kw_only=True)
class PlanarBase:
    """Virtual joints (x and y in m, theta in rad; unlimited) that move ``body`` over the floor.

    ``group`` holds the three joints and actuators in this order. ``max_speed`` is what one unit of
    a velocity action asks for: m/s along x and y of the base and rad/s. ``mjcf`` is the file of
    ``body`` where it is not the robot's own: the robot is then put on top of it.
    """

    group: str
    body: str
    mjcf: Path | None = None
    max_speed: tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Torso:
    """Joints between base and arms.

    ``height`` turns one angle (rad, up to ``max_height``) into joint positions that fold the torso
    and keep the chest upright: 0 stands tall.
    """

    group: str
    height: tuple[float, ...]
    max_height: float


@dataclass(frozen=True, kw_only=True)
class Reach:
    """Where the primary arm works with its tool pointing down, for choosing where to stand.

    ``edge_gap`` is how far the middle of the base stands from the edge of a surface (m);
    ``origin`` (x, y in the base frame, m) is where ``distance`` (least and most, m) and ``angle``
    (most, to either side of the heading, rad) of an object are measured from; ``height`` is its
    least and most height above the base frame (m). ``below`` is how far (least and most, m) the
    base frame is placed below the surface, of a robot that stands on no floor. ``tool_yaw`` (rad)
    is a heading of the tool that the arm can have anywhere there. ``posture`` are the joint
    positions of other move groups with which it works.
    """

    edge_gap: float
    origin: tuple[float, float] = (0.0, 0.0)
    distance: tuple[float, float]
    angle: float
    height: tuple[float, float] = (-math.inf, math.inf)
    below: tuple[float, float] = (0.0, 0.0)
    tool_yaw: float = 0.0
    posture: Mapping[str, tuple[float, ...]] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, kw_only=True)
class RobotConfig:
    """One robot. ``home`` and ``init_noise`` are per move group, rad or m."""

    name: str
    mjcf: Path
    root_body: str
    """The body whose frame is the robot's base frame: +x forward, +y left, +z up."""
    groups: Mapping[str, MoveGroup]
    home: Mapping[str, tuple[float, ...]]
    init_noise: Mapping[str, tuple[float, ...]]
    arms: tuple[Arm, ...]
    """The primary arm first."""
    base: PlanarBase | None = None
    """None: the robot stands on a mocap body where the episode puts it."""
    torso: Torso | None = None
    head: str | None = None
    """Move group of the head, which the official package holds still."""
    reach: Reach
    command_modes: Mapping[str, tuple[str, ...]] = field(
        default_factory=lambda: MappingProxyType(
            {"arm": ("joint_position", "joint_rel_position"), "gripper": ("joint_position",)}
        )
    )
    """Official command modes per kind of move group, the default first; none: not commanded."""
    pedestal: tuple[float, float, float] | None
    """Full size (m) of the box under the root body, or None; the root body stands on top of it."""
    cameras: tuple[CameraMount, ...]
    image_size: tuple[int, int]
    """Default (width, height) in pixels of the robot's camera system."""
    control_dt: float = CONTROL_DT
    """Default seconds between two actions (official data generation of this robot)."""
    timestep: float | None = None
    """Physics timestep (s) of scenes composed with this robot; None: the house's own."""

    @property
    def tcp_site(self) -> str:
        """Tool site of the primary arm."""
        return self.arms[0].tcp_site

    @property
    def gripper(self) -> Gripper:
        """Gripper of the primary arm."""
        return self.arms[0].gripper

    @property
    def files(self) -> tuple[Path, ...]:
        """The MJCF files that the robot is made of."""
        carrier = None if self.base is None else self.base.mjcf
        return (self.mjcf,) if carrier is None else (self.mjcf, carrier)
