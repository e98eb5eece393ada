"""``Randomizer``: draws what an env's arguments ask for and writes it into episodes."""

from functools import cached_property
from typing import Any

import numpy as np

from molmospaces_gym.config import EnvConfig
from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.randomization.camera_systems import CameraSystem, system_of
from molmospaces_gym.randomization.cameras import CameraDraw
from molmospaces_gym.randomization.colors import draw_colors
from molmospaces_gym.randomization.dynamics import draw_dynamics
from molmospaces_gym.randomization.lighting import draw_lights
from molmospaces_gym.randomization.spec import RandomizationSpec
from molmospaces_gym.randomization.start import draw_start
from molmospaces_gym.robots.base import RobotConfig
from molmospaces_gym.scenes.model import SceneModel

STREAMS = ("robot_start", "cameras", "lighting", "colors", "dynamics")
"""Each kind has a generator of its own, so that asking for one does not change the others."""


class Randomizer:
    """Draws for one env; all of it follows from one number of the generator it is given."""

    def __init__(self, config: EnvConfig, robot: RobotConfig) -> None:
        self._config = config
        self._system: CameraSystem | None = system_of(config.randomize_cameras, robot)

    @cached_property
    def _cameras(self) -> CameraDraw | None:
        return None if self._system is None else CameraDraw(self._system)

    def randomize(
        self, scene: SceneModel, episode: EpisodeSpec, rng: np.random.Generator
    ) -> EpisodeSpec:
        """The episode with what the env's arguments ask for drawn anew.

        Raises:
            InvalidScene: no camera pose was found that sees the task's objects.
            InvalidEpisode: the robot is to start elsewhere, but the episode fixes its state.
        """
        config = self._config
        seeds = np.random.SeedSequence(int(rng.integers(2**63))).spawn(len(STREAMS))
        streams = {
            name: np.random.default_rng(seed) for name, seed in zip(STREAMS, seeds, strict=True)
        }
        if config.randomize_robot_start:
            kind = config.randomize_robot_start
            joints = draw_start(scene, episode, kind, streams["robot_start"])
            if joints is not None:
                episode = episode.replace(robot=episode.robot.replace(init_qpos=joints))
        if self._cameras is not None and self._system is not None:
            cameras = self._cameras.draw(scene, episode, streams["cameras"])
            size = self._system.image_size
            episode = episode.replace(cameras=cameras, img_resolution=size)
        drawn: dict[str, Any] = {}
        if config.randomize_lighting:
            drawn["lights"] = draw_lights(scene, streams["lighting"])
        if config.randomize_colors:
            drawn["colors"] = draw_colors(scene, episode, streams["colors"])
        if config.randomize_dynamics:
            drawn["dynamics"] = draw_dynamics(scene, streams["dynamics"])
        if not drawn:
            return episode
        given = episode.randomization or RandomizationSpec.trusted()
        return episode.replace(randomization=given.replace(**drawn))
