"""Where episodes come from: a benchmark, the sampler, or what ``reset(options=...)`` gives."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from molmospaces_gym.benchmark_io import Benchmark, load_benchmark
from molmospaces_gym.config import TaskConfig, env_config, task_config
from molmospaces_gym.episode import EpisodeSpec, camera_spec, house_name
from molmospaces_gym.errors import InvalidEpisode, InvalidScene
from molmospaces_gym.robots import get_robot
from molmospaces_gym.robots.base import RobotConfig
from molmospaces_gym.robots.mounts import prefixed_mounts
from molmospaces_gym.scenes.added import resolve_added
from molmospaces_gym.scenes.compose import get_scene
from molmospaces_gym.scenes.model import SceneModel
from molmospaces_gym.scenes.resolve import resolve_house
from molmospaces_gym.tasks.base import Task

if TYPE_CHECKING:
    from molmospaces_gym.randomization.draw import Randomizer

HOUSE_ATTEMPTS = 8
"""Houses tried before sampling gives up; a generated house rarely offers no episode."""
CATEGORY_ATTEMPTS = 100
"""The same where only some categories may be asked for: about one room in four has a given one."""


def make_source(task: Task, kwargs: Mapping[str, Any]) -> "EpisodeSource":
    """The source of an env's episodes, and with it the checked arguments and the robot.

    Raises:
        InvalidConfig, UnknownName: an argument does not exist or has no such value.
        InvalidEpisode: the benchmark cannot be read, or its episodes are for several robots and the
            arguments name none.
    """
    given = env_config(task, kwargs)
    benchmark = None if given.benchmark is None else load_benchmark(given.benchmark)
    named = None if benchmark is None or given.robot else robot_of(benchmark)
    config = task_config(task, given, named)
    return EpisodeSource(config, task, get_robot(config.robot), benchmark)


def robot_of(benchmark: Benchmark) -> str:
    """The robot that all episodes of a benchmark name; raises ``InvalidEpisode``."""
    names = sorted({spec.robot.robot_name for spec in benchmark.episodes})
    if len(names) > 1:
        raise InvalidEpisode(
            f"benchmark {benchmark.name!r} mixes the robots {', '.join(names)}; pass robot=..."
        )
    return names[0]


class EpisodeSource:
    """Yields the episodes of one env together with their compiled scenes."""

    def __init__(
        self, config: TaskConfig, task: Task, robot: RobotConfig, benchmark: Benchmark | None
    ) -> None:
        self.config, self.robot, self.benchmark = config, robot, benchmark
        self._task = task

    @cached_property
    def mixes_houses(self) -> bool:
        """Whether its episodes are in several houses, other than those that ``reset`` is given."""
        if self.benchmark is not None:
            return len({house_name(spec) for spec in self.benchmark.episodes}) > 1
        return len(self.config.house_names) > 1

    @cached_property
    def _base_folder(self) -> Path | None:
        """Folder of the benchmark's files, None for a shipped suite or without a benchmark."""
        path = None if self.benchmark is None else self.benchmark.path
        return path.parent if path is not None and path.is_file() else path

    def next(
        self, rng: np.random.Generator, options: Mapping[str, Any] | None
    ) -> tuple[EpisodeSpec, SceneModel]:
        """The episode for a reset: the one asked for, or one drawn with ``rng``.

        Raises:
            InvalidEpisode: the asked episode is malformed or not in the benchmark.
            SceneNotFound, InvalidScene: its scene is missing or broken.
        """
        options = options or {}
        wanted = options.get("episode")
        if wanted is None and self.benchmark is None:
            return self._sample(rng)
        spec, scene = self._given(wanted, rng)
        if self._randomizer is not None and options.get("randomize"):
            spec = self._randomizer.randomize(scene, spec, rng)
        return spec, scene

    @cached_property
    def _randomizer(self) -> "Randomizer | None":
        """What draws the env's ``randomize_*``, or None where nothing is asked for."""
        if not self.config.randomizes:
            return None
        from molmospaces_gym.randomization.draw import Randomizer

        return Randomizer(self.config, self.robot)

    def _given(self, wanted: object, rng: np.random.Generator) -> tuple[EpisodeSpec, SceneModel]:
        """An episode that exists: the one asked for, or one of the benchmark."""
        if isinstance(wanted, EpisodeSpec):
            return wanted, self.scene_of(wanted)
        if isinstance(wanted, Mapping):
            return self._complete(wanted)
        if wanted is not None:
            spec = self._find(wanted)
        else:
            assert self.benchmark is not None
            spec = self.benchmark.find(int(rng.integers(len(self.benchmark.episodes))))
        return spec, self.scene_of(spec)

    def _find(self, wanted: object) -> EpisodeSpec:
        if self.benchmark is None:
            raise InvalidEpisode(
                f"options['episode'] = {wanted!r} picks from a benchmark, but the env has none;"
                " pass benchmark=... to gym.make, or an episode as a dict"
            )
        if isinstance(wanted, bool) or not isinstance(wanted, int | np.integer | str):
            raise InvalidEpisode(
                f"options['episode'] must be an index, an id, a dict or an EpisodeSpec, not"
                f" {type(wanted).__name__}"
            )
        return self.benchmark.find(wanted if isinstance(wanted, str) else int(wanted))

    def _sample(self, rng: np.random.Generator) -> tuple[EpisodeSpec, SceneModel]:
        names = self.config.house_names
        chances = len(names) > 1 or self.config.randomize_cameras is not False
        most = HOUSE_ATTEMPTS if self.config.category_set is None else CATEGORY_ATTEMPTS
        attempts = most if chances else 1
        for attempt in range(attempts):
            house = resolve_house(names[int(rng.integers(len(names)))])
            scene = get_scene(house, self.robot, sleeping=self.config.sleeping)
            try:
                spec = self._task.sample(scene, rng, self.config.category_set)
                scene = self.scene_of(spec) if changes_scene(spec) else scene
                if self._randomizer is not None:
                    spec = self._randomizer.randomize(scene, spec, rng)
                return spec, scene
            except InvalidScene:
                if attempt == attempts - 1:
                    raise
        raise AssertionError("unreachable: the last attempt returns or raises")

    def scene_of(self, spec: EpisodeSpec) -> SceneModel:
        """The compiled scene an episode plays in; files are looked up beside the benchmark too."""
        changes = spec.scene_modifications
        base = self._base_folder
        return get_scene(
            resolve_house(house_name(spec), base),
            self.robot,
            {name: resolve_added(path, base) for name, path in changes.added_objects.items()},
            tuple(changes.removed_objects),
            self.config.sleeping,
        )

    def _complete(self, partial: Mapping[str, Any]) -> tuple[EpisodeSpec, SceneModel]:
        """Fill a partial episode with the defaults of its scene."""
        named = {"scene", "scene_dataset", "house_index"} & set(partial)
        base = {} if named else {"scene": self.config.house_names[0]}
        skeleton = EpisodeSpec.from_partial(partial, {**_SKELETON, **base})
        scene = self.scene_of(skeleton)
        task = self._task.defaults(skeleton.task, scene)
        config = self.robot
        defaults = {
            **base,
            "robot": {
                "robot_name": config.name,
                "init_qpos": {group: list(qpos) for group, qpos in config.home.items()},
            },
            "cameras": [
                camera_spec(mount).model_dump(exclude_unset=True)
                for mount in prefixed_mounts(config)
            ],
            "scene_modifications": {},
            "task": task,
            "language": {"task_description": self._task.instruction(task, scene)},
            "img_resolution": list(config.image_size),
        }
        return EpisodeSpec.from_partial(partial, defaults), scene


def changes_scene(spec: EpisodeSpec) -> bool:
    """Whether the episode adds objects to its house or removes some."""
    changes = spec.scene_modifications
    return bool(changes.added_objects or changes.removed_objects)


_SKELETON: dict[str, Any] = {
    "robot": {"robot_name": "", "init_qpos": {}},
    "task": {},
    "language": {"task_description": ""},
    "img_resolution": [640, 368],
    "scene_modifications": {},
}
