"""Play one episode of a benchmark with a policy and measure it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.benchmarks.metrics import first_success, has_run, mean_jerk
from molmospaces_gym.benchmarks.pictures import (
    VideoFile,
    save_failure_still,
    save_still,
    video_path,
)
from molmospaces_gym.benchmarks.records import (
    EpisodeRecord,
    EpisodeTiming,
    EpisodeTrace,
    Job,
    one_line,
)
from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.policies.base import PolicyLike, bind_policy, load_policy

VIDEO_CHOICES = ("none", "failures", "all")
CHEAP_RENDERER = "raster"
"""The renderer, also the default one, that shows a failed episode's end at no cost to speak of."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What all episodes of a run share; it travels to the worker processes as it is."""

    env_id: str
    env_kwargs: Mapping[str, Any]
    policy: str | PolicyLike
    out: Path
    video: str
    stills: frozenset[int]
    """Indices of the episodes whose first and last frame are kept."""
    failure_stills: frozenset[int] = frozenset()
    """Indices of the episodes whose last frame is kept, small, if they fail."""

    def player(self) -> "Player":
        """A player of this run's episodes."""
        return Player(self)

    def lost(self, job: Job, reason: str) -> "Played":
        """The failure of an episode whose process died."""
        timing = EpisodeTiming(episode_id=job.episode_id, wall_s=0.0, cpu_s=0.0, steps=0)
        trace = EpisodeTrace(episode_id=job.episode_id, trace="")
        return Played(job, failed_record(job, reason), timing, trace)


@dataclass(frozen=True)
class Played:
    """What comes back for one job."""

    job: Job
    record: EpisodeRecord
    timing: EpisodeTiming
    trace: EpisodeTrace


@dataclass
class _Trace:
    success: list[bool] = field(default_factory=list)
    positions: list[NDArray[np.float64]] = field(default_factory=list)
    episode_return: float = 0.0
    diverged: bool = False

    def written(self, episode_id: str) -> EpisodeTrace:
        text = "".join("1" if success else "0" for success in self.success)
        return EpisodeTrace(episode_id=episode_id, trace=text)


class Player:
    """An env and a policy that play one job after another."""

    def __init__(self, plan: Plan, policy: PolicyLike | None = None) -> None:
        self._plan = plan
        self._env: gym.Env[Any, Any] | None = None
        self._bound = False
        self._policy = policy or build_policy(plan.policy)

    @property
    def env(self) -> gym.Env[Any, Any]:
        """The env, made on first use and made anew after an episode broke it."""
        if self._env is None:
            self._env = make_env(self._plan.env_id, self._plan.env_kwargs)
            self._bound = False
        return self._env

    def close(self) -> None:
        """Release the env; the player can go on, with a new one."""
        if self._env is not None:
            self._env.close()
            self._env = None

    def play(self, job: Job) -> Played:
        """Play one episode. Whatever goes wrong in it is its failure, never the run's."""
        wall, cpu = time.perf_counter(), time.process_time()
        trace = _Trace()
        try:
            self._roll(job, trace)
            record = self._record(job, trace)
        # Env, simulator and policy are foreign code here; one bad episode must not end a run
        # of a thousand, and must not vanish from its denominator.
        except Exception as error:  # noqa: BLE001
            self._env = None
            reason = f"{type(error).__name__}: {error}"
            record = failed_record(job, reason, max(0, len(trace.success) - 1))
        timing = EpisodeTiming(
            episode_id=job.episode_id,
            wall_s=time.perf_counter() - wall,
            cpu_s=time.process_time() - cpu,
            steps=record.steps,
        )
        return Played(job, record, timing, trace.written(job.episode_id))

    def _roll(self, job: Job, trace: _Trace) -> None:
        film, success = _Film(self._plan, job, self.env), False
        try:
            self._steps(job, self.env, film, trace)
            success = trace.success[-1] and not trace.diverged
            film.last(success or trace.diverged)
        finally:
            film.finish(success)

    def _steps(self, job: Job, env: gym.Env[Any, Any], film: "_Film", trace: _Trace) -> None:
        if not self._bound:
            bind_policy(self._policy, env)
            self._bound = True
        obs, info = env.reset(seed=job.seed, options={"episode": job.index})
        self._policy.reset(str(info["instruction"]), job.seed)
        read_joints = joint_reader(env.unwrapped)
        trace.success.append(bool(info["is_success"]))
        trace.positions.append(read_joints())
        film.first()
        state: Any = None
        start, over = np.ones(1, dtype=np.bool_), False
        while not over:
            action, state = self._policy.predict(obs, state, start, True)
            obs, reward, terminated, truncated, info = env.step(action)
            start[0], over = False, terminated or truncated
            trace.success.append(bool(info["is_success"]))
            trace.positions.append(read_joints())
            trace.episode_return += float(reward)
            film.next()
        trace.diverged = bool(info.get("diverged", False))

    def _record(self, job: Job, trace: _Trace) -> EpisodeRecord:
        steps = len(trace.success) - 1
        if trace.diverged:
            return failed_record(job, "the simulation diverged", steps)
        return EpisodeRecord(
            episode_id=job.episode_id,
            house=job.house,
            object=job.object,
            category=job.category,
            instruction=job.instruction,
            seed=job.seed,
            success_at_end=trace.success[-1],
            success_once=any(trace.success),
            first_success_step=first_success(trace.success),
            five_consecutive=has_run(trace.success),
            steps=steps,
            episode_return=trace.episode_return,
            jerk=mean_jerk(np.asarray(trace.positions), control_dt(self.env.unwrapped)),
            failure="",
        )


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


def joint_reader(env: Any) -> Callable[[], NDArray[np.float64]]:
    """A function that copies the joint positions (rad) of all move groups of slot 0's robot."""
    robot, world = env.scene.robot, env.world
    addresses = np.concatenate([robot.qpos, robot.gripper_qpos])
    return lambda: np.array(world.joint_pos(0)[addresses])


def control_dt(env: Any) -> float:
    """Seconds between two actions of an env in its current episode."""
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


class _Film:
    """Frames of one episode: stills for the contact sheet and the report and a video, if wanted."""

    def __init__(self, plan: Plan, job: Job, env: gym.Env[Any, Any]) -> None:
        self._plan, self._job, self._env = plan, job, env
        self._still = job.index in plan.stills
        self._video: VideoFile | None = None
        cheap = plan.env_kwargs.get("renderer", CHEAP_RENDERER) == CHEAP_RENDERER
        looked_at = self._still or cheap or plan.video != "none"
        self._failure = looked_at and job.index in plan.failure_stills

    def first(self) -> None:
        if self._plan.video != "none":
            path = video_path(self._plan.out, self._job.episode_id)
            self._video = VideoFile(path, 1.0 / control_dt(self._env.unwrapped))
        self._keep("first")
        self.next()

    def next(self) -> None:
        if self._video is not None:
            self._video.append(self._env.render())

    def last(self, fine: bool) -> None:
        """Keep the last frame; ``fine`` says that no failure can be seen in it."""
        self._keep("last")
        if self._failure and not fine:
            save_failure_still(self._plan.out, self._job.episode_id, self._env.render())

    def _keep(self, moment: str) -> None:
        if self._still:
            save_still(self._plan.out, self._job.index, moment, self._env.render())

    def finish(self, success: bool) -> None:
        if self._video is not None:
            self._video.close(keep=self._plan.video == "all" or not success)
            self._video = None
