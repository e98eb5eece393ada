"""LeRobot: the env type ``molmospaces``, registered when this package is imported.

    lerobot-eval --env.discover_packages_path=molmospaces_gym.integrations.lerobot_plugin \
        --env.type=molmospaces --env.task=Pick --policy.path=...

Needs lerobot, which needs Python 3.12. A package, because LeRobot looks for modules in it.
"""

from dataclasses import dataclass, field
from typing import Any

from molmospaces_gym.action_layout import action_space
from molmospaces_gym.env import frame_rate, make_layout
from molmospaces_gym.errors import MissingPackage
from molmospaces_gym.integrations.lerobot_env import make_env
from molmospaces_gym.registration import NAMESPACE, env_id
from molmospaces_gym.sources import make_source
from molmospaces_gym.tasks import get_task

try:
    from lerobot.configs.types import FeatureType, PolicyFeature
    from lerobot.envs.configs import EnvConfig
    from lerobot.utils.constants import ACTION, OBS_IMAGES, OBS_STATE
except ImportError as error:
    raise MissingPackage(
        "the LeRobot plugin needs lerobot (Python 3.12): pip install lerobot"
    ) from error


@EnvConfig.register_subclass("molmospaces")
@dataclass
class MolmoSpacesEnvConfig(EnvConfig):  # type: ignore[misc]
    """``--env.*`` of LeRobot's commands; features and fps follow from the task.

    Attributes:
        task: name of the task.
        robot, action_mode, cameras, split: as for ``gym.make``; None: the task's own.
        houses: how many houses episodes are sampled in.
        benchmark: suite or path whose episodes are played, or None.
        image_size: (width, height), or None: the robot's.
        episode_length: steps until truncation, or None: the task's.
        terminate_on_success: as for ``gym.make``.
    """

    task: str = "Pick"
    robot: str | None = None
    action_mode: str | None = None
    cameras: list[str] | None = None
    image_size: list[int] | None = None
    split: str = "val"
    houses: int = 16
    benchmark: str | None = None
    episode_length: int | None = None
    terminate_on_success: bool | None = None
    render_mode: str = "rgb_array"
    features: dict[str, PolicyFeature] = field(default_factory=dict)
    features_map: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        task = get_task(self.task)
        source = make_source(task, self.gym_kwargs)
        layout = make_layout(source.config, task, source.robot)
        self.fps = frame_rate(source.config, task, source.robot)
        actions = action_space(source.robot, source.config.action_mode).shape
        self.features = {
            ACTION: PolicyFeature(type=FeatureType.ACTION, shape=actions),
            "agent_pos": PolicyFeature(type=FeatureType.STATE, shape=(layout.robot_size,)),
        }
        self.features_map = {ACTION: ACTION, "agent_pos": OBS_STATE}
        width, height = layout.image_size
        for camera in layout.cameras:
            shape = (height, width, 3)
            self.features[f"pixels/{camera}"] = PolicyFeature(type=FeatureType.VISUAL, shape=shape)
            self.features_map[f"pixels/{camera}"] = f"{OBS_IMAGES}.{camera}"

    @property
    def package_name(self) -> str:
        """The package that registers the ids."""
        return NAMESPACE

    @property
    def gym_id(self) -> str:
        """The id of the task."""
        return env_id(self.task)

    @property
    def gym_kwargs(self) -> dict[str, Any]:
        """Arguments of the env."""
        chosen = {
            "robot": self.robot,
            "action_mode": self.action_mode,
            "cameras": self.cameras,
            "image_size": self.image_size,
            "benchmark": self.benchmark,
            "horizon": self.episode_length,
            "terminate_on_success": self.terminate_on_success,
        }
        fixed = {"obs_mode": "rgb", "render_mode": self.render_mode, "split": self.split}
        given = {name: value for name, value in chosen.items() if value is not None}
        return {**fixed, "houses": self.houses, **given}

    def create_envs(self, n_envs: int, use_async_envs: bool = False) -> dict[str, dict[int, Any]]:
        """One vector env, as ``{suite: {task_id: env}}``."""
        return {self.type: {0: make_env(n_envs, use_async_envs, self)}}
