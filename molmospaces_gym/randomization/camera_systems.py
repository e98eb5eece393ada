"""The official camera systems and their noise (``configs/camera_configs.py`` of the package).

Lengths in metres, angles in degrees but azimuths in radians, fields of view vertical. A camera
that is mounted on the robot starts from the mount of the same camera in ``RobotConfig.cameras``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from molmospaces_gym.errors import InvalidConfig, UnknownName
from molmospaces_gym.robots.base import RobotConfig

Range = tuple[float, float]
Triple = tuple[float, float, float]

SEEN, SEEN_LITTLE = 0.001, 0.0001
"""Least share of the picture's pixels that a task object takes up."""
TURN = (0.0, 2 * math.pi)
STILL = (0.0, 0.0)
NONE = (0.0, 0.0, 0.0)


@dataclass(frozen=True, kw_only=True)
class Mounted:
    """A camera on the robot: the mount ``of`` plus uniform noise to both sides.

    Noise of a camera of the robot's file (``in_camera``) is along and about the camera's own axes,
    otherwise those of the body that carries it.
    """

    name: str
    of: str
    fov: float
    fov_noise: float = 0.0
    pos_noise: Triple = NONE
    turn_noise: Triple = NONE
    in_camera: bool = True
    task_share: float | None = None
    depth: bool = False


@dataclass(frozen=True, kw_only=True)
class Around:
    """A camera that stands around the middle of the workspace and looks at it.

    ``distance`` is horizontal, ``height`` above the middle; ``lookat`` is noise of what it looks
    at, to both sides along each axis. ``gripper_share`` as ``task_share``, of the gripper.
    """

    name: str
    distance: Range
    height: Range
    fov: Range
    azimuth: Range = TURN
    lookat: float = 0.1
    task_share: float = SEEN_LITTLE
    gripper_share: float | None = SEEN_LITTLE
    attempts: int = 20


@dataclass(frozen=True, kw_only=True)
class Displaced:
    """A camera that stands where the mount ``of`` is, displaced around the workspace's middle.

    ``azimuth``, ``distance`` and ``height`` are ranges of what is added to those of the mount;
    ``towards`` from 0 (oriented as the mount) to 1 (looks at the middle, but for ``lookat``).
    """

    name: str
    of: str
    azimuth: Range
    distance: Range
    height: Range
    towards: float
    lookat: float
    fov: Range
    task_share: float = SEEN_LITTLE
    attempts: int = 50


Camera = Mounted | Around | Displaced


@dataclass(frozen=True)
class CameraSystem:
    """The cameras of an episode and the size (width, height) of their pictures."""

    cameras: tuple[Camera, ...]
    image_size: tuple[int, int]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(camera.name for camera in self.cameras)


def _wrist(name: str, depth_noise: float = 0.01, depth: bool = False) -> Mounted:
    noise = (0.015, 0.005, depth_noise)
    return Mounted(
        name=name, of="wrist_camera", fov=52.0, fov_noise=4.0, pos_noise=noise,
        turn_noise=(8.0, 4.0, 4.0), depth=depth,
    )  # fmt: skip


def _shoulder(name: str, fov: float = 71.0, shift: float = 0.05, turn: float = 8.0) -> Mounted:
    return Mounted(
        name=name, of="exo_camera_1", fov=fov, pos_noise=(shift,) * 3, turn_noise=(turn,) * 3,
        in_camera=False, task_share=SEEN,
    )  # fmt: skip


def _zed(name: str, attempts: int = 20) -> Around:
    return Around(
        name=name, distance=(0.2, 0.8), height=(0.05, 0.6), fov=(64.0, 72.0), attempts=attempts
    )


def _gopro(name: str, fov: Range = (137.0, 140.0)) -> Around:
    return Around(name=name, distance=(0.2, 0.5), height=(0.1, 0.6), fov=fov)


def _far(name: str, fov: Range = (139.0, 139.0)) -> Around:
    return Around(name=name, distance=(0.4, 1.0), height=(0.4, 0.8), fov=fov)


def _near(name: str) -> Around:
    return Around(name=name, distance=(0.2, 0.8), height=(0.4, 0.8), fov=(50.0, 90.0), attempts=100)


def _d405(noise: float, turn: float, fov_noise: float = 0.0, depth: bool = True) -> Mounted:
    return Mounted(
        name="wrist_camera", of="wrist_camera", fov=58.0, fov_noise=fov_noise,
        pos_noise=(noise,) * 3, turn_noise=(turn,) * 3, depth=depth,
    )  # fmt: skip


def _d455(name: str) -> Mounted:
    return Mounted(
        name=name, of=name, fov=58.0, fov_noise=4.0, pos_noise=(0.015, 0.005, 0.01),
        turn_noise=(8.0, 4.0, 4.0), depth=True,
    )  # fmt: skip


CAMERA_SYSTEMS = {
    "FrankaDroid": CameraSystem(
        (
            Mounted(name="wrist_camera", of="wrist_camera", fov=56.74),
            _shoulder("exo_camera_1", shift=0.0, turn=0.0),
        ),
        (640, 368),
    ),
    "FrankaEasyRandomizedDroid": CameraSystem(
        (_wrist("wrist_camera", depth=True), _shoulder("exo_camera_1")), (640, 368)
    ),
    "FrankaRandomizedDroid": CameraSystem(
        (
            _wrist("wrist_camera"),
            _zed("exo_camera_1", 100),
            _zed("exo_camera_2", 100),
            _gopro("exo_camera_3"),
        ),
        (640, 368),
    ),
    "FrankaOmniPurpose": CameraSystem(
        (
            _wrist("wrist_camera_zed_mini", 0.02, depth=True),
            _shoulder("droid_shoulder_light_randomization"),
            _zed("randomized_zed2_analogue_1"),
            _zed("randomized_zed2_analogue_2"),
            _gopro("randomized_gopro_analogue_1"),
        ),
        (640, 368),
    ),
    "FrankaRandomizedD405D455": CameraSystem(
        (
            _d405(0.015, 8.0, 10.0, depth=False),
            _near("exo_camera_1"),
            _near("exo_camera_2"),
        ),
        (640, 368),
    ),
    "FrankaGoProD405D455": CameraSystem(
        (
            _d405(0.01, 2.0),
            _shoulder("exo_camera_1", fov=58.0, shift=0.1, turn=3.0),
            _gopro("exo_camera_2", (139.0, 139.0)),
        ),
        (640, 480),
    ),
    "FrankaGoProD405Randomized": CameraSystem(
        (_d405(0.01, 2.0), _far("exo_camera_1"), _far("exo_camera_2")), (640, 480)
    ),
    "RBY1GoProD455": CameraSystem(
        (
            Mounted(
                name="head_camera", of="head_camera", fov=139.0, fov_noise=3.0,
                pos_noise=(0.01,) * 3, turn_noise=(4.0,) * 3,
            ),
            _d455("wrist_camera_l"),
            _d455("wrist_camera_r"),
        ),
        (1024, 576),
    ),
}  # fmt: skip
"""Systems that ``randomize_cameras`` takes by name; see ``eval_system`` for its levels."""

DEFAULT_SYSTEMS = ("FrankaEasyRandomizedDroid", "RBY1GoProD455")
"""What ``randomize_cameras=True`` means: the first one whose mounts the robot has."""

LEVELS = (0.0, 10.0, 40.0, 75.0, 100.0)
"""Reference levels of the official evaluation system, linear in between."""
_PI = math.pi
_EXO = {
    "azimuth": [(0.0, 0.0), (-_PI / 4, _PI / 4), (-_PI / 2, _PI / 2), (-_PI, _PI), (-_PI, _PI)],
    "distance": [(0.0, 0.0), (-0.05, 0.05), (-0.5, 0.5), (-0.5, 1.0), (-0.5, 1.5)],
    "height": [(0.0, 0.0), (-0.05, 0.05), (-0.1, 0.5), (-0.2, 0.7), (-0.3, 0.8)],
    "fov": [(71.0, 71.0), (71.0, 71.0), (64.0, 72.0), (64.0, 72.0), (64.0, 78.0)],
}
_LOOKAT = [0.0, 0.01, 0.05, 0.1, 0.15]
_TOWARDS = [0.0, 1.0, 1.0, 1.0, 1.0]
_WRIST = [0.0, 1.0, 1.0, 1.0, 1.0]


def eval_system(level: float) -> CameraSystem:
    """The official evaluation cameras (``FrankaEval``) at a level from 0 (calibrated) to 100."""
    share = _at(level, _WRIST)
    wrist = Mounted(
        name="wrist_camera", of="wrist_camera", fov=52.0, fov_noise=4.0 * share,
        pos_noise=(0.015 * share, 0.005 * share, 0.01 * share),
        turn_noise=(8.0 * share, 4.0 * share, 4.0 * share),
    )  # fmt: skip
    azimuth, distance, height, fov = (_range(level, values) for values in _EXO.values())
    exo = Displaced(
        name="exo_camera_1", of="exo_camera_1", azimuth=azimuth, distance=distance, height=height,
        towards=_at(level, _TOWARDS), lookat=_at(level, _LOOKAT), fov=fov,
    )  # fmt: skip
    return CameraSystem((wrist, exo), (640, 368))


def check_cameras(wanted: object) -> None:
    """Raise unless ``wanted`` is False, True, a system or a level.

    Raises:
        UnknownName: there is no system of this name.
        InvalidConfig: it is no level from 0 to 100.
    """
    if isinstance(wanted, bool):
        return
    if isinstance(wanted, str):
        if _short(wanted) not in CAMERA_SYSTEMS:
            raise UnknownName("camera system", wanted, list(CAMERA_SYSTEMS))
    elif not isinstance(wanted, int | float) or not 0 <= wanted <= 100:
        raise InvalidConfig(
            "randomize_cameras must be True, the name of a camera system or a level from 0 to 100,"
            f" not {wanted!r}"
        )


def system_of(wanted: bool | str | float, robot: RobotConfig) -> CameraSystem | None:
    """The system that ``randomize_cameras`` asks for, None where it is False.

    Raises:
        InvalidConfig: the robot lacks a camera that the system starts from.
    """
    if wanted is False:
        return None
    mounts = [mount.name for mount in robot.cameras]
    if wanted is True:
        fitting = [CAMERA_SYSTEMS[name] for name in DEFAULT_SYSTEMS]
        for system in fitting:
            if not _missing(system, mounts):
                return system
        raise InvalidConfig(f"robot {robot.name!r} has no default camera system to randomise")
    system = CAMERA_SYSTEMS[_short(wanted)] if isinstance(wanted, str) else eval_system(wanted)
    missing = _missing(system, mounts)
    if missing:
        raise InvalidConfig(
            f"randomize_cameras={wanted!r} needs the cameras {', '.join(missing)}, but robot"
            f" {robot.name!r} has {', '.join(mounts)}"
        )
    return system


def _missing(system: CameraSystem, mounts: Sequence[str]) -> list[str]:
    needed = [camera.of for camera in system.cameras if not isinstance(camera, Around)]
    return [name for name in needed if name not in mounts]


def _short(name: str) -> str:
    return name.removesuffix("CameraSystem")


def _at(level: float, values: Sequence[float]) -> float:
    return float(np.interp(level, LEVELS, values))


def _range(level: float, values: Sequence[Range]) -> Range:
    low, high = zip(*values, strict=True)
    return _at(level, low), _at(level, high)
