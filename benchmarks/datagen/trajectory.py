"""``Trajectory``: one recorded episode, in the form that every dataset format is made of.

## Alignment
An episode of T steps has T + 1 states (index 0 is the reset) and T actions. ``actions[t]`` was
chosen at state t and led to state t + 1; ``rewards[t]``, ``terminated[t]`` and ``truncated[t]``
came with state t + 1. Everything that belongs to a state has T + 1 rows, all else has T. There is
no padding: formats that need dummy rows add them.

## Noise
``actions`` and ``executed`` are what the robot did, action noise included: they replay the episode.
``expert_actions`` and ``commands`` are what the expert wanted at that state: they are what a policy
should imitate. Without noise the two are equal.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.benchmarks.datagen.video import read_depth, read_video
from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.errors import InvalidTrajectory

Array = NDArray[np.float64]
Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]

SENTINEL_FRAMES = 1
"""Frames that a video holds after that of the last state: the last one again (``CameraTrack``)."""

PER_STEP = ("commands", "executed", "command_poses")
PER_STATE = ("observations", "qpos", "qvel", "tcp_poses", "quantities", "grasps", "extra")
"""Attributes of a trajectory that map names to arrays of T, or of T + 1, rows."""
STATES = ("base_pose", "object_poses", "object_velocities", "sim_qpos", "sim_qvel")
"""Attributes that are arrays of T + 1 rows, or None."""
STEPS = ("rewards", "terminated", "truncated", "actions", "expert_actions")
"""Attributes that are arrays of T rows."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CameraTrack:
    """What one camera saw, and where it was.

    The pictures stay in their mp4 files, encoded once; formats may copy or concatenate the files as
    they are. A file holds T + 1 frames, one per state, and after them ``SENTINEL_FRAMES`` copies of
    the last one, which the official layout needs and which ``frames`` leaves out.

    Attributes:
        size: (width, height) in pixels.
        video: mp4 file, H.264, one frame per control step; None where no pictures were kept.
        depth_video: mp4 file of depth in the official encoding (``video.encode_depth``), or None.
        intrinsic_cv: (T + 1, 3, 3) pixels.
        extrinsic_cv: (T + 1, 3, 4) world to camera, OpenCV axes: x right, y down, z forward; m.
        cam2world_gl: (T + 1, 4, 4) camera to world, OpenGL axes: x right, y up, z backward; m.
    """

    size: tuple[int, int]
    video: Path | None
    depth_video: Path | None = None
    intrinsic_cv: Floats
    extrinsic_cv: Floats
    cam2world_gl: Floats

    def frames(self) -> NDArray[np.uint8] | None:
        """The pictures (T + 1, H, W, 3) as the video gives them back, or None."""
        return None if self.video is None else read_video(self.video)[: len(self.intrinsic_cv)]

    def depth(self) -> Floats | None:
        """Depth (T + 1, H, W) in m, 0 where it is out of the encoded range, or None."""
        if self.depth_video is None:
            return None
        return read_depth(self.depth_video)[: len(self.intrinsic_cv)]


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """A try at an episode that was thrown away: its house, its seed and why."""

    house: str
    seed: int
    reason: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Trajectory:
    """One recorded episode. See the module for the alignment and for noise.

    Attributes:
        index: number of the episode in its dataset, from 0.
        task: name of the task, e.g. ``Pick``.
        env_id: id of the env that replays it.
        env_kwargs: its JSON-plain arguments, without cameras and sampling.
        robot: name of the robot.
        house: name or file of the house.
        episode: how it started; None for a foreign file that does not say.
        instruction: what the robot was told.
        seed: seed of the env and the policy in this episode.
        noise_seed: seed of the action noise.
        attempts: tries at this episode that came before and were thrown away.
        control_dt: seconds between two actions.
        success: (T + 1,) the task's own momentary success.
        rewards: (T,)
        terminated, truncated: (T,)
        actions: (T, n) what ``env.step`` got, in [-1, 1], float32.
        expert_actions: (T, n) what the expert wanted.
        commands: move group -> (T, k) what the expert wanted as absolute actuator commands, rad, m
            or the gripper's own unit (``commanded_action`` of the official layout).
        executed: the same as it was carried out.
        observations: env key -> (T + 1, k) float32, the numeric observation without images.
        qpos, qvel: move group -> (T + 1, k), rad and m, and per s.
        tcp_poses: arm group -> (T + 1, 7) tool in the frame of ``base_pose``: x, y, z, qw, qx, qy,
            qz.
        base_pose: (T + 1, 7) where the robot stands in the world (of a robot on a pedestal its
            bottom: the official ``robot_base_pose``).
        object_names: bodies that can move and are not the robot's.
        object_poses: (T + 1, len(object_names), 7) their world poses.
        object_velocities: (T + 1, len(object_names), 6) linear (m/s) of the body origin and angular
            (rad/s), world axes; None where they are not known.
        sim_qpos: (T + 1, nq) the whole simulator's positions, or None.
        sim_qvel: (T + 1, nv) its velocities, or None.
        cameras: camera name -> what it saw.
        start_command: move group -> (k,) commands in force at the reset.
        command_poses: arm group -> (T, 7) where ``commands`` would bring the tool.
        quantities: name -> (T + 1,) what the task measures, e.g. ``lift`` (m).
        grasps: gripper group -> (T + 1, 2) whether it touches the object to be picked up, and
            whether with both fingers; no keys where there is no such object.
        extra: further per-state arrays (T + 1, ...) of a format, by name.
    """

    index: int
    task: str
    env_id: str
    env_kwargs: Mapping[str, Any]
    robot: str
    house: str
    episode: EpisodeSpec | None
    instruction: str
    seed: int
    noise_seed: int | None = None
    attempts: tuple[Attempt, ...] = ()
    control_dt: float
    success: Flags
    rewards: Floats
    terminated: Flags
    truncated: Flags
    actions: Floats
    expert_actions: Floats
    commands: Mapping[str, Array]
    executed: Mapping[str, Array]
    observations: Mapping[str, Floats]
    qpos: Mapping[str, Array]
    qvel: Mapping[str, Array]
    tcp_poses: Mapping[str, Array]
    base_pose: Array
    object_names: tuple[str, ...]
    object_poses: Array
    object_velocities: Array | None = None
    sim_qpos: Array | None = None
    sim_qvel: Array | None = None
    cameras: Mapping[str, CameraTrack] = field(default_factory=dict)
    start_command: Mapping[str, Array] = field(default_factory=dict)
    command_poses: Mapping[str, Array] = field(default_factory=dict)
    quantities: Mapping[str, Array] = field(default_factory=dict)
    grasps: Mapping[str, Flags] = field(default_factory=dict)
    extra: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, rows, array in self._rows():
            if len(array) != rows:
                raise InvalidTrajectory(
                    f"trajectory {self.index}: {name} has {len(array)} rows, expected {rows} for"
                    f" {len(self)} steps"
                )

    def __len__(self) -> int:
        """The number T of steps."""
        return len(self.success) - 1

    @property
    def succeeded(self) -> bool:
        """Whether the episode ended in success."""
        return bool(self.success[-1])

    @property
    def fps(self) -> float:
        """Control steps, and pictures, per second."""
        return 1.0 / self.control_dt

    def _rows(self) -> list[tuple[str, int, NDArray[Any]]]:
        """(name, number of rows it must have, array) of everything with a time axis."""
        states, steps = len(self) + 1, len(self)
        found: list[tuple[str, int, NDArray[Any]]] = [
            (name, steps, getattr(self, name)) for name in STEPS
        ]
        found += [
            (name, states, array) for name in STATES if (array := getattr(self, name)) is not None
        ]
        by_name = dict.fromkeys(PER_STEP, steps) | dict.fromkeys(PER_STATE, states)
        for name, rows in by_name.items():
            found += [(f"{name}[{key!r}]", rows, a) for key, a in getattr(self, name).items()]
        for camera, track in self.cameras.items():
            for name in ("intrinsic_cv", "extrinsic_cv", "cam2world_gl"):
                found.append((f"cameras[{camera!r}].{name}", states, getattr(track, name)))
        return found
