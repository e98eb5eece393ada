"""What a check works with: both simulators, its subjects' scenes and the table of bounds."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.backends.base import State, World, make_world
from molmospaces_gym.benchmarks.parity.results import Measured
from molmospaces_gym.benchmarks.parity.tolerances import tolerance
from molmospaces_gym.benchmarks.rollout import make_env
from molmospaces_gym.registration import env_id
from molmospaces_gym.scenes.model import SceneModel

Array = NDArray[np.float64]
REFERENCE = "mujoco"


@dataclass
class Bench:
    """The reference and another backend side by side.

    Attributes:
        backend: name of the other one.
        env_kwargs: arguments of the envs of the other backend, such as its engine or renderer.
        robots, tasks: names that limit the subjects; empty: all.
        episodes: recorded episodes per task.
        seed: of everything random.
    """

    backend: str
    env_kwargs: Mapping[str, Any] = field(default_factory=dict)
    robots: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    episodes: int = 3
    seed: int = 0
    losses: dict[str, None] = field(default_factory=dict)
    """Lines that the backend says of the scenes so far, without repeats."""
    recordings: dict[str, Any] = field(default_factory=dict)
    """Recorded expert episodes by task, which two checks share."""

    @cached_property
    def worlds(self) -> tuple[World, World]:
        """A world of the reference and one of the other backend, made on first use."""
        physics = self.env_kwargs.get("physics")
        return make_world(REFERENCE), make_world(self.backend, physics=physics)

    def pair(self, scene: SceneModel, state: State) -> tuple[World, World]:
        """Both worlds in this state; raises ``UnsupportedScene`` where the other one cannot be."""
        for world in self.worlds:
            world.load(0, scene)
            world.set_state(0, state)
        self.hear(self.worlds[1])
        return self.worlds

    def hear(self, world: World) -> None:
        """Keep what a world says that it only approximates; one that says nothing loses nothing."""
        say: Callable[[int], tuple[str, ...]] | None = getattr(world, "losses", None)
        if say is not None:
            self.losses.update(dict.fromkeys(say(0)))

    @contextmanager
    def envs(self, task: str, robot: str, **kwargs: Any) -> Iterator[tuple[Any, Any]]:
        """Two envs of a task, unwrapped, closed in the end."""
        shared = {"robot": robot, "terminate_on_success": False, **kwargs}
        reference = make_env(env_id(task), {**shared, "backend": REFERENCE})
        other = make_env(env_id(task), {**shared, "backend": self.backend, **self.env_kwargs})
        try:
            yield reference.unwrapped, other.unwrapped
        finally:
            reference.close()
            other.close()

    def row(self, check: str, subject: str, quantity: str, value: float) -> Measured:
        """A measured difference with its bound from the table."""
        found = tolerance(self.backend, check, quantity, subject)
        return Measured(
            check, subject, quantity, float(value), found.unit, found.bound, found.reason
        )

    def close(self) -> None:
        """Release both worlds."""
        if "worlds" in self.__dict__:
            for world in self.worlds:
                world.close()
            del self.__dict__["worlds"]


def worst_poses(positions: tuple[Array, Array], quats: tuple[Array, Array]) -> tuple[float, float]:
    """Largest distance (mm) and angle (deg) between bodies: (n, 3) and (n, 4) each."""
    off = np.linalg.norm(positions[0] - positions[1], axis=1)
    return 1e3 * float(off.max(initial=0.0)), float(degrees(*quats).max(initial=0.0))


def degrees(first: Array, second: Array) -> Array:
    """Angles (n,) in degrees between orientations (n, 4), wxyz."""
    first = np.asarray(first, float) / np.linalg.norm(first, axis=1, keepdims=True)
    second = np.asarray(second, float) / np.linalg.norm(second, axis=1, keepdims=True)
    # An arc cosine would make 1e-8 rad of a rounding error; a chord does not.
    chords = [np.linalg.norm(first - sign * second, axis=1) for sign in (1, -1)]
    return np.asarray(np.degrees(4.0 * np.arcsin(np.minimum(np.minimum(*chords) / 2.0, 1.0))))


def own_poses(world: World) -> tuple[NDArray[np.intp], Array, Array] | None:
    """Bodies (n,), positions and quaternions that the simulator itself has, where it says so.

    A world whose accessors give a mirror's poses offers them as ``own_poses(slot)``.
    """
    say = getattr(world, "own_poses", None)
    if say is None:
        return None
    found: tuple[NDArray[np.intp], Array, Array] = say(0)
    return found
