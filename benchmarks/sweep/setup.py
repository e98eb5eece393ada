"""What an axis knows of the benchmark, the policy and the robot that it varies."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from molmospaces_gym.benchmark_io import Benchmark, load_benchmark
from molmospaces_gym.benchmarks.rollout import build_policy
from molmospaces_gym.benchmarks.run_plan import env_id_of
from molmospaces_gym.config import TaskConfig
from molmospaces_gym.env import observed_cameras
from molmospaces_gym.episode import EpisodeSpec, house_name
from molmospaces_gym.policies.base import PolicyLike, policy_env_kwargs
from molmospaces_gym.robots.base import RobotConfig
from molmospaces_gym.scenes.added import GENERATED_OBJECTS
from molmospaces_gym.scenes.assets import resolve_asset
from molmospaces_gym.scenes.model import SceneModel
from molmospaces_gym.sources import EpisodeSource, make_source
from molmospaces_gym.tasks import get_task, task_of
from molmospaces_gym.tasks.base import Task


@dataclass(frozen=True, eq=False)
class Setup:
    """A benchmark as it is played unperturbed.

    ``episodes`` have ids, seeds and absolute files. ``env_kwargs`` are the caller's arguments of
    the env and the pins of an official suite that neither caller nor policy decides otherwise.
    """

    name: str
    episodes: tuple[EpisodeSpec, ...]
    task: Task
    source: EpisodeSource
    env_kwargs: Mapping[str, Any]

    @property
    def config(self) -> TaskConfig:
        """All arguments of the env that plays it unperturbed."""
        return self.source.config

    @property
    def robot(self) -> RobotConfig:
        """The robot that plays it."""
        return self.source.robot

    @cached_property
    def cameras(self) -> tuple[str, ...]:
        """Names of the cameras that the policy observes, were it to look."""
        return observed_cameras(self.config, self.robot)

    def scene_of(self, episode: EpisodeSpec) -> SceneModel:
        """The compiled scene of an episode."""
        return self.source.scene_of(episode)


def make_setup(
    policy: str | PolicyLike,
    benchmark: str | Path,
    episodes: int | None,
    env_kwargs: Mapping[str, Any],
) -> Setup:
    """The setup of a sweep over the first ``episodes`` of a benchmark.

    Raises:
        UnknownName, InvalidConfig, InvalidEpisode: as ``evaluate``.
    """
    suite = load_benchmark(benchmark)
    env_id = env_id_of(suite)
    task = get_task(task_of(suite.episodes[0].task))
    own = policy_env_kwargs(build_policy(policy), env_id)
    arguments = {**suite.pins, **own, **env_kwargs, "benchmark": str(benchmark)}
    return Setup(
        name=suite.name,
        episodes=tuple(_self_contained(suite)[:episodes]),
        task=task,
        source=make_source(task, arguments),
        env_kwargs={k: v for k, v in suite.pins.items() if k not in own} | dict(env_kwargs),
    )


def stream(axis: str, episode: EpisodeSpec) -> np.random.Generator:
    """The random numbers of an axis for an episode, the same ones at each of its levels."""
    return np.random.default_rng([zlib.crc32(axis.encode()), int(episode.seed or 0) % 2**63])


def _self_contained(suite: Benchmark) -> list[EpisodeSpec]:
    """Episodes that mean the same wherever they are written."""
    path = suite.path
    base = path.parent if path is not None and path.is_file() else path
    found = []
    for index, (name, spec) in enumerate(zip(suite.ids, suite.episodes, strict=True)):
        seed = index if spec.seed is None else spec.seed
        found.append(_absolute(spec.replace(episode_id=name, seed=seed), base))
    return found


def _absolute(spec: EpisodeSpec, base: Path | None) -> EpisodeSpec:
    """The episode with the files beside its benchmark named by their whole path."""
    if base is None:
        return spec
    house = house_name(spec)
    if house.endswith(".xml") and (base / house).is_file():
        spec = spec.replace(scene=str((base / house).resolve()))
    changes = spec.scene_modifications
    if not changes.added_objects:
        return spec
    files = {name: _file(path, base) for name, path in changes.added_objects.items()}
    return spec.replace(scene_modifications=changes.replace(added_objects=files))


def _file(path: str, base: Path) -> str:
    beside = not path.startswith(GENERATED_OBJECTS) and (base / path).is_file()
    return str(resolve_asset(path, base).resolve()) if beside else path
