"""What a task is: how episodes start, what counts as success and which reward terms it has."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.backends.base import World
from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.scenes.model import SceneModel

Array = NDArray[np.float64]

REWARD_MODES = ("dense", "sparse", "official")

SUCCESS_RULES = ("official", "paper")
"""What counts as success: ``official`` is what the official evaluator's code checks, and with it
the leaderboard; ``paper`` what the MolmoSpaces paper (arXiv 2602.11337, section 4.1) says. Each
task's docstring states both where they differ."""


@dataclass(slots=True)
class TaskState:
    """What a task knows after one step, computed once and shared by reward, info and termination.

    ``potentials`` are the progress terms, each 0 (nothing done) to 1 (done); ``quantities`` named
    measurements in SI units.
    """

    success: bool
    potentials: dict[str, float]
    quantities: dict[str, float]


@dataclass(frozen=True)
class PrivilegedKey:
    """One privileged observation: its length and the bounds of its elements."""

    size: int
    low: float
    high: float


class EpisodeTask(Protocol):
    """A task bound to one slot for one episode.

    It may have a method ``extra_info() -> dict`` with what the task adds to ``info`` after an
    evaluation: flat values (bool, float or str) with the same keys in every step of every episode;
    and a method ``pointed() -> list`` with the world positions (3,) of what it is about, where the
    names in the episode do not say it (see ``image_points``).
    """

    def evaluate(self) -> TaskState:
        """Success, potentials and quantities of the current state of the slot."""

    def official_reward(self, state: TaskState) -> float:
        """The reward of the official package for the current state."""

    def privileged(self, out: Array) -> None:
        """Write the privileged observation (see ``Task.privileged_keys``) into ``out``."""


class Task(Protocol):
    """One task, without an episode."""

    name: str
    horizon_s: float
    """Default episode length in seconds (official benchmark value)."""
    robot: str
    """Robot that plays the task where the env names none."""
    dataset: str
    """Houses in which episodes are sampled where the env names none."""
    control_dt: float | None
    """Seconds between two actions where neither env nor episode says; None: the robot's."""
    action_mode: str
    """Action mode where the env names none."""
    reward_scales: Mapping[str, float]
    """Weight of each potential in the dense reward."""
    privileged_keys: Mapping[str, PrivilegedKey]
    """Keys of the privileged observation in the order ``privileged`` writes them."""

    def sample(
        self, scene: SceneModel, rng: np.random.Generator, categories: frozenset[str] | None
    ) -> EpisodeSpec:
        """A new episode in this scene with an object of these categories (None: any).

        Raises ``InvalidScene`` when the scene offers none.
        """

    def defaults(self, spec: Mapping[str, Any], scene: SceneModel) -> dict[str, Any]:
        """Complete the ``task`` part of a partial episode for this scene, base pose included."""

    def instruction(self, task: Mapping[str, Any], scene: SceneModel) -> str:
        """What the robot is told, for a complete ``task`` part."""

    def bind(
        self, world: World, slot: int, scene: SceneModel, episode: EpisodeSpec, rule: str
    ) -> EpisodeTask:
        """Resolve an episode's names in its scene; raises ``UnknownBody`` for a missing one.

        ``rule`` is one of ``SUCCESS_RULES``.
        """


def dense_terms(
    scales: Mapping[str, float], state: TaskState, previous: TaskState
) -> dict[str, float]:
    """Reward terms of a step: the scaled change of each potential.

    The sum over an episode is the scaled potential gained, whatever happened in between, so
    terminating on success never costs reward and oscillating never earns any.
    """
    now, before = state.potentials, previous.potentials
    return {name: scale * (now[name] - before[name]) for name, scale in scales.items()}
