"""What all episodes of a run share, what comes back for each, and how env and policy are made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.benchmarks.records import (
    EpisodeRecord,
    EpisodeTiming,
    EpisodeTrace,
    Job,
    one_line,
)
from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.policies.base import PolicyLike, load_policy
from molmospaces_gym.session import Session

if TYPE_CHECKING:
    from molmospaces_gym.benchmarks.players import Plays

VIDEO_CHOICES = ("none", "failures", "all")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What all episodes of a run share; it travels to the workers as it is."""

    env_id: str
    env_kwargs: Mapping[str, Any]
    policy: str | PolicyLike
    out: Path
    video: str
    stills: frozenset[int]
    """Indices of the episodes whose first and last frame are kept."""
    failure_stills: frozenset[int] = frozenset()
    """Indices of the episodes whose last frame is kept, small, if they fail."""
    batch: int = 1
    """Worlds that one policy call acts in."""
    warm_up: bool = False
    """Load a house and take a step before the first episode, so that its clock starts after it."""
    deterministic: bool = True
    """Whether the policy plays its likeliest action, not one that it draws."""

    def player(self) -> "Plays":
        """A player of this run's episodes, for a worker."""
        from molmospaces_gym.benchmarks.players import ready_player

        return ready_player(self)

    def lost(self, job: Job, reason: str, wall_s: float = 0.0) -> "Played":
        """The failure of an episode of which nothing came back, after ``wall_s`` seconds."""
        return Played(
            job,
            failed_record(job, reason),
            EpisodeTiming(episode_id=job.episode_id, wall_s=wall_s, cpu_s=0.0, steps=0),
            EpisodeTrace(episode_id=job.episode_id, trace=""),
        )


@dataclass(frozen=True)
class Played:
    """What comes back for one job."""

    job: Job
    record: EpisodeRecord
    timing: EpisodeTiming
    trace: EpisodeTrace

    @property
    def index(self) -> int:
        """Number of the job."""
        return self.job.index

    def with_cpu(self, seconds: float) -> "Played":
        """The same with the CPU time that it took."""
        return replace(self, timing=replace(self.timing, cpu_s=seconds))


def build_policy(policy: str | PolicyLike) -> PolicyLike:
    """``policy`` itself, or the one that a spec names."""
    if isinstance(policy, str):
        return load_policy(policy)
    if not isinstance(policy, PolicyLike):
        raise InvalidConfig(f"a policy has reset and predict; {type(policy).__name__} has not")
    return policy


def make_env(env_id: str, env_kwargs: Mapping[str, Any]) -> gym.Env[Any, Any]:
    """``gym.make`` without the checks that belong to development."""
    import molmospaces_gym  # noqa: F401  (registers the ids)

    env: gym.Env[Any, Any] = gym.make(env_id, disable_env_checker=True, **env_kwargs)
    return env


def joint_reader(session: Session) -> Callable[[], NDArray[np.float64]]:
    """A function that copies the joint positions (rad) of all move groups of a slot's robot."""
    robot, world, slot = session.scene.robot, session.world, session.slot
    addresses = np.concatenate([robot.qpos, robot.gripper_qpos])
    return lambda: np.array(world.joint_pos(slot)[addresses])


def control_dt(env: Any) -> float:
    """Seconds between two actions of an env, or of a session, in its current episode."""
    return float(env.n_substeps * env.scene.model.opt.timestep)


def failed_record(job: Job, reason: str, steps: int = 0) -> EpisodeRecord:
    """The record of an episode that could not be played to its end."""
    return EpisodeRecord(
        episode_id=job.episode_id,
        house=job.house,
        object=job.object,
        category=job.category,
        instruction=job.instruction,
        seed=job.seed,
        success_at_end=False,
        success_once=False,
        first_success_step=None,
        five_consecutive=False,
        steps=steps,
        episode_return=0.0,
        jerk=float("nan"),
        failure=one_line(reason),
    )
