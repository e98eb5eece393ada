"""``EnvConfig``: the keyword arguments of every environment, checked once."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from molmospaces_gym.action_layout import ACTION_MODES, BASE_MODES
from molmospaces_gym.errors import InvalidConfig, RendererUnavailable, UnknownName
from molmospaces_gym.occlusion import occlusion_shares
from molmospaces_gym.pose_error import checked_error
from molmospaces_gym.randomization.camera_systems import check_cameras
from molmospaces_gym.tasks.base import REWARD_MODES, SUCCESS_RULES, Task

OBS_MODES = ("state", "rgb", "rgbd")
GENERATED_DATASETS = ("generated", "homes")
SPLITS = ("train", "val", "test")
RENDERERS = ("raster", "gl", "gl-official", "sapien")
BASE_DRIVES = (None, "kinematic", "dynamic")
RENDER_MODES = (None, "rgb_array")
FLAGS = ("image_points", "sleeping") + tuple(
    f"randomize_{what}" for what in ("lighting", "colors", "dynamics")
)
"""Arguments that are true or false."""


@dataclass(frozen=True, kw_only=True)
class EnvConfig:
    """Arguments of ``gym.make("molmospaces_gym/<Task>-v1", ...)``; all of them JSON-plain.

    Attributes:
        backend: simulator, an entry point of the group ``molmospaces_gym.backends``.
        physics: engine of a simulator that has several (``isaac``: ``auto``, ``newton``,
            ``mujoco``, ``physx``); None: its own choice.
        robot: name of a robot, or path of an MJCF with the official names; None: that of the
            benchmark's episodes, or the task's.
        benchmark: shipped suite, or path of a benchmark; its episodes are played.
        scene: house name or MJCF file; episodes are sampled in it.
        dataset: generated houses used when no scene or benchmark is given: ``generated`` (rooms),
            ``homes`` (several rooms); None: the task's.
        split: their split.
        houses: how many houses of the split (0..n-1), or the list of their indices.
        categories: sample only objects of these categories (metadata); None: any.
        obs_mode: ``state`` (privileged poses), ``rgb`` or ``rgbd`` (what a real robot sees).
        cameras: names of the episode's cameras to observe; None: the robot's own.
        image_size: (width, height) pixels; None: the robot's camera system.
        occlude_cameras: observed cameras that are covered, or camera -> covered share of its
            picture, a block in the middle (``occlusion``); ``render`` shows the picture whole.
        pose_error: calibration error (x, y, z) in m of every pose of the scene that ``state``
            observes (``pose_error``); None: no error.
        image_points: also observe where in the first pictures the things are that the task names
            (``image_points``), as a click would say.
        renderer: ``raster`` (no OpenGL), ``gl`` (fast), ``gl-official`` or ``sapien`` (Vulkan).
        action_mode: see ``molmospaces_gym.action_layout``; None: the task's.
        base_drive: how a mobile base moves: ``kinematic`` (put in place, stopped by obstacles, no
            physics; only in modes that command nothing else) or ``dynamic``; None: ``kinematic``
            in ``base_velocity`` and ``base_delta``, otherwise ``dynamic``.
        sleeping: whether the simulator skips what has come to rest. False costs several times the
            time in a full house and is for comparing: the success of an episode is the same.
        reward_mode: ``dense``, ``sparse`` or ``official``.
        task_weights: task name -> how often ``MultiTask`` plays it; None: its default.
        success_rule: ``official`` (the evaluator's code) or ``paper``, see ``tasks.base``.
        terminate_on_success: None: yes when training, no when a benchmark is played.
        control_dt: seconds between two actions; None: the episode's, or the task's.
        horizon: steps until truncation; None: the episode's, or the task's in seconds.
        render_mode: None or ``rgb_array``.
        randomize_lighting: draw position, direction, colours and switches of the lights anew in
            every sampled episode (``randomization.lighting`` has the ranges).
        randomize_colors: colours and textures of walls, floors and furniture; objects and what the
            task names keep theirs (``randomization.colors``).
        randomize_dynamics: mass, inertia and friction of everything that moves, damping and dry
            friction of what opens (``randomization.dynamics``).
        randomize_cameras: draw the cameras: True (noise on the robot's own), the name of an
            official camera system or a level of the official evaluation cameras, 0 to 100
            (``randomization.camera_systems``). They see the task's objects. Names and size of the
            pictures are those of the system.
        randomize_robot_start: draw the joints: True (the robot's official noise) or ``hard`` (that
            of the official Hard benchmarks, ``randomization.start``).

    What ``randomize_*`` draws is written into the episode. Episodes that are given, those of a
    benchmark too, keep what they have, unless ``reset(options={"randomize": True})`` asks for it.
    """

    backend: str = "mujoco"
    physics: str | None = None
    robot: str | None = None
    benchmark: str | None = None
    scene: str | None = None
    dataset: str | None = None
    split: str = "train"
    houses: int | Sequence[int] = 16
    categories: Sequence[str] | None = None
    obs_mode: str = "state"
    cameras: Sequence[str] | None = None
    image_size: Sequence[int] | None = None
    occlude_cameras: Sequence[str] | Mapping[str, float] | None = None
    pose_error: Sequence[float] | None = None
    image_points: bool = False
    renderer: str = "raster"
    action_mode: str | None = None
    base_drive: str | None = None
    sleeping: bool = True
    reward_mode: str = "dense"
    task_weights: Mapping[str, float] | None = None
    success_rule: str = "official"
    terminate_on_success: bool | None = None
    control_dt: float | None = None
    horizon: int | None = None
    render_mode: str | None = None
    randomize_lighting: bool = False
    randomize_colors: bool = False
    randomize_dynamics: bool = False
    randomize_cameras: bool | str | float = False
    randomize_robot_start: bool | str = False

    def __post_init__(self) -> None:
        _one_of("observation mode", self.obs_mode, OBS_MODES)
        if self.action_mode is not None:
            _one_of("action mode", self.action_mode, ACTION_MODES + BASE_MODES)
        if self.dataset is not None:
            _one_of("generated dataset", self.dataset, GENERATED_DATASETS)
        _one_of("reward mode", self.reward_mode, REWARD_MODES)
        _one_of("success rule", self.success_rule, SUCCESS_RULES)
        if self.renderer == "filament":
            raise RendererUnavailable(
                "MuJoCo's Filament renderer exists only in the build that comes with the official "
                "MolmoSpaces package; pass renderer='gl-official' (a score that is not comparable)"
            )
        _one_of("renderer", self.renderer, RENDERERS)
        _one_of("split", self.split, SPLITS)
        if self.render_mode not in RENDER_MODES:
            raise InvalidConfig(
                f"render_mode must be one of {RENDER_MODES}, not {self.render_mode!r}"
            )
        if self.base_drive not in BASE_DRIVES:
            raise InvalidConfig(f"base_drive must be one of {BASE_DRIVES}, not {self.base_drive!r}")
        if self.base_drive == "kinematic" and self.action_mode not in BASE_MODES:
            raise InvalidConfig(
                f"base_drive='kinematic' needs an action mode that commands the base alone"
                f" ({', '.join(BASE_MODES)}), not {self.action_mode!r}"
            )
        for name in FLAGS:
            if not isinstance(getattr(self, name), bool):
                raise InvalidConfig(f"{name} must be true or false, not {getattr(self, name)!r}")
        start = self.randomize_robot_start
        if not isinstance(start, bool) and start != "hard":
            raise InvalidConfig(
                f"randomize_robot_start must be true, false or 'hard', not {start!r}"
            )
        check_cameras(self.randomize_cameras)
        occlusion_shares(self.occlude_cameras)
        checked_error(self.pose_error, self.obs_mode)
        if self.image_points and self.obs_mode == "state":
            raise InvalidConfig(
                "image_points are points in pictures, which obs_mode='state' has not; use 'rgb' or"
                " 'rgbd'"
            )
        if self.benchmark is not None and self.scene is not None:
            raise InvalidConfig("give either benchmark or scene, not both")
        if self.horizon is not None and (not isinstance(self.horizon, int) or self.horizon < 1):
            raise InvalidConfig(f"horizon must be a positive number of steps, not {self.horizon!r}")
        if self.control_dt is not None and not (
            math.isfinite(self.control_dt) and self.control_dt > 0
        ):
            raise InvalidConfig(f"control_dt must be positive seconds, not {self.control_dt!r}")
        if self.image_size is not None and not _is_size(self.image_size):
            raise InvalidConfig(f"image_size must be [width, height], not {self.image_size!r}")
        if not self.house_indices:
            raise InvalidConfig(f"houses must be a positive number or indices, not {self.houses!r}")

    @property
    def house_indices(self) -> tuple[int, ...]:
        """Indices of the generated houses that episodes are sampled in."""
        if isinstance(self.houses, int):
            return tuple(range(max(self.houses, 0)))
        return tuple(int(index) for index in self.houses)

    @property
    def category_set(self) -> frozenset[str] | None:
        """The categories that are sampled, or None for all."""
        return None if self.categories is None else frozenset(self.categories)

    @property
    def randomizes(self) -> bool:
        """Whether anything is drawn into episodes beside what their task samples."""
        return (
            self.randomize_lighting
            or self.randomize_colors
            or self.randomize_dynamics
            or self.randomize_cameras is not False
            or self.randomize_robot_start is not False
        )

    @property
    def drives_kinematically(self) -> bool:
        """Whether a mobile base is put in place instead of being simulated."""
        return self.action_mode in BASE_MODES and self.base_drive != "dynamic"

    @property
    def stops_on_success(self) -> bool:
        """Whether success ends an episode."""
        if self.terminate_on_success is None:
            return self.benchmark is None
        return self.terminate_on_success


@dataclass(frozen=True, kw_only=True)
class TaskConfig(EnvConfig):
    """An ``EnvConfig`` whose open choices the task has made."""

    robot: str
    dataset: str
    action_mode: str

    @property
    def house_names(self) -> tuple[str, ...]:
        """Names of the houses that episodes are sampled in."""
        if self.scene is not None:
            return (str(self.scene),)
        return tuple(f"{self.dataset}/{self.split}/{index}" for index in self.house_indices)


def env_config(task: Task, kwargs: Mapping[str, Any]) -> EnvConfig:
    """The checked arguments of an env.

    Raises:
        InvalidConfig, UnknownName: an argument does not exist or has no such value.
    """
    try:
        return EnvConfig(**kwargs)
    except TypeError as error:
        raise InvalidConfig(f"{task.name}: {error}") from error


def task_config(task: Task, given: EnvConfig, robot: str | None) -> TaskConfig:
    """The arguments with what they leave open filled in: by ``robot``, then by the task."""
    chosen = {field.name: getattr(given, field.name) for field in fields(given)}
    chosen["robot"] = given.robot or robot
    for name in ("robot", "dataset", "action_mode"):
        chosen[name] = chosen[name] or getattr(task, name)
    return TaskConfig(**chosen)


def _one_of(kind: str, value: object, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UnknownName(kind, value, known)


def _is_size(value: Sequence[int]) -> bool:
    return len(value) == 2 and all(isinstance(side, int) and side >= 8 for side in value)
