"""``MolmoSpacesEnv``: the single Gymnasium environment of every task."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from molmospaces_gym.action_layout import action_space
from molmospaces_gym.backends.base import World, make_world
from molmospaces_gym.config import TaskConfig
from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.observations import Observation, ObservationLayout
from molmospaces_gym.occlusion import covered_blocks
from molmospaces_gym.pose_error import checked_error
from molmospaces_gym.randomization.camera_systems import system_of
from molmospaces_gym.robots.base import RobotConfig
from molmospaces_gym.scenes.model import SceneModel
from molmospaces_gym.session import Session
from molmospaces_gym.sources import make_source
from molmospaces_gym.tasks import get_task
from molmospaces_gym.tasks.base import Task


def observed_cameras(config: TaskConfig, robot: RobotConfig) -> tuple[str, ...]:
    """Names of the cameras that a configuration observes unless its mode is ``state``."""
    if config.cameras is not None:
        return tuple(config.cameras)
    system = system_of(config.randomize_cameras, robot)
    return tuple(mount.name for mount in robot.cameras) if system is None else system.names


def make_layout(config: TaskConfig, task: Task, robot: RobotConfig) -> ObservationLayout:
    """The observation layout that a configuration asks for."""
    system = system_of(config.randomize_cameras, robot)
    cameras = observed_cameras(config, robot)
    default_size = robot.image_size if system is None else system.image_size
    width, height = config.image_size or default_size
    size = (int(width), int(height))
    covered = covered_blocks(config.occlude_cameras, cameras, size)
    error = checked_error(config.pose_error, config.obs_mode)
    points = config.image_points
    return ObservationLayout(robot, task, config.obs_mode, cameras, size, covered, error, points)


def frame_rate(config: TaskConfig, task: Task, robot: RobotConfig) -> int:
    """Pictures per second of a video that shows every step at the speed of real time."""
    return round(1 / (config.control_dt or task.control_dt or robot.control_dt))


class MolmoSpacesEnv(gym.Env[Any, Any]):
    """A household task of MolmoSpaces as a Gymnasium environment.

    ## Description
    A robot stands in a furnished house and is told in words what to do. Each episode is an
    ``EpisodeSpec``: sampled in a generated house, read from a benchmark, or given to ``reset``.
    The task decides success and reward; see its class, e.g. ``molmospaces_gym.tasks.pick``.

    ## Action space
    One float32 ``Box(-1, 1)``: for a robot that is one arm, arm first and gripper last; in general
    see ``molmospaces_gym.action_layout``, whose ``action_parts`` tells the elements of a robot.

    ## Observation space
    A flat ``Dict`` of float32 vectors and (H, W, 3) uint8 images; see
    ``molmospaces_gym.observations``. It is known before any scene is loaded.

    ## Rewards
    ``dense`` sums the task's named terms, ``sparse`` is 1 on every successful step, ``official``
    is the official package's reward. Every term is in ``info`` as ``reward/<term>``.

    ## Starting state
    ``reset(seed=...)`` draws from ``np_random`` only. ``reset(options={"episode": ...})`` takes an
    index or id of the benchmark, an ``EpisodeSpec`` or a partial dict; with ``"randomize": True``
    the env's ``randomize_*`` arguments are drawn into it. Other options are ignored.

    ## Episode end
    Terminated on success when ``terminate_on_success`` (default: yes, no when a benchmark is
    played). Truncated after ``horizon`` steps (Pick: 20 s), or at once when the simulation
    diverges, with ``info["diverged"] = True``.

    ## Info
    ``is_success``, ``task``, ``instruction``, ``episode_id``, ``house``, ``reward/<term>`` (steps
    only), and what the task adds: Household its stages.

    ## Arguments
    See ``molmospaces_gym.config.EnvConfig``.

    ## Version history
    * v1: initial version.
    """

    metadata: dict[str, Any] = {
        "render_modes": ["rgb_array"],
        "render_fps": 15,
    }

    def __init__(self, task: str = "Pick", **kwargs: Any) -> None:
        self.task = get_task(task, kwargs.get("task_weights"))
        self._source = make_source(self.task, kwargs)
        self.config, self.robot = self._source.config, self._source.robot
        fps = frame_rate(self.config, self.task, self.robot)
        self.metadata = {**self.metadata, "render_fps": fps}
        self.render_mode = self.config.render_mode
        self.layout = make_layout(self.config, self.task, self.robot)
        self.observation_space: spaces.Dict = self.layout.space
        self.action_space: spaces.Box = action_space(self.robot, self.config.action_mode)

    @cached_property
    def world(self) -> World:
        """The simulator; made on first use."""
        return make_world(self.config.backend, physics=self.config.physics)

    @cached_property
    def session(self) -> Session:
        """What plays the episodes."""
        return Session(self.config, self.task, self.robot, self.layout, self.world, 0)

    @property
    def scene(self) -> SceneModel:
        """The compiled scene of the current episode; ``scene.model`` is its ``MjModel``."""
        return self.session.scene

    @property
    def episode(self) -> EpisodeSpec:
        """The episode being played."""
        return self.session.episode

    @property
    def n_substeps(self) -> int:
        """Physics steps per action in the current scene."""
        return self.session.n_substeps

    @property
    def task_description(self) -> str:
        """The instruction of the current episode."""
        return self.session.episode.instruction

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode; see the class for ``options``."""
        super().reset(seed=seed)
        episode, scene = self._source.next(self.np_random, options)
        self.session.begin(episode, scene)
        return self.session.observe(), dict(self.session.info)

    def step(
        self, action: NDArray[np.float32]
    ) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Apply one action for ``control_dt`` seconds; raises ``InvalidAction`` unchanged."""
        session = self.session
        session.scene  # noqa: B018 - raises NotReset before the first episode
        session.act(action)
        self.world.step(session.physics_steps)
        session.finish()
        observation = session.observe()
        return observation, session.reward, session.terminated, session.truncated, session.info

    def render(self) -> NDArray[np.uint8] | None:
        """An (H, W, 3) image from the episode's first exterior camera."""
        if self.render_mode is None:
            return None
        return self.session.render()

    def close(self) -> None:
        """Release the simulator and the renderers."""
        if "world" in self.__dict__:
            self.world.close()
            del self.__dict__["world"]
            self.__dict__.pop("session", None)
