"""Collect one episode after another: sample, play the policy with noise, keep what succeeds."""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from molmospaces_gym.actions import check_action
from molmospaces_gym.benchmarks.datagen import store
from molmospaces_gym.benchmarks.datagen.noise import ActionNoise, NoiseConfig
from molmospaces_gym.benchmarks.datagen.recorder import Recorder
from molmospaces_gym.benchmarks.datagen.trajectory import Attempt
from molmospaces_gym.benchmarks.jobs import OneByOne
from molmospaces_gym.benchmarks.records import EpisodeTiming, one_line
from molmospaces_gym.benchmarks.rollout import build_policy, control_dt, make_env
from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.errors import InvalidScene
from molmospaces_gym.policies.base import bind_policy
from molmospaces_gym.session import Session
from molmospaces_gym.wrappers import SuccessHold

SAMPLING = frozenset({"scene", "dataset", "split", "houses", "categories", "benchmark"})
"""Arguments of an env that only decide which episodes it draws, beside ``randomize_*``."""
NO_EPISODE = "no episode here"
ALREADY_SOLVED = "it was solved at the start"
NO_SUCCESS = "the policy did not succeed"
DIVERGED = "the simulation diverged"


@dataclass(frozen=True, kw_only=True)
class EpisodeJob:
    """One episode to collect, and the house in which it is first tried."""

    index: int
    house: str


@dataclass(frozen=True, kw_only=True)
class Collected:
    """What became of a job; the trajectory is on disk. ``failure`` is empty for a success."""

    index: int
    failure: str
    timing: EpisodeTiming


@dataclass(frozen=True, kw_only=True)
class CollectPlan:
    """What all jobs share; it travels to the worker processes as it is.

    Attributes:
        env_id, env_kwargs: the env; its house is added per episode.
        houses: names of the houses that episodes are drawn in.
        policy: its spec.
        store: folder of the episodes.
        cameras: names of the cameras that are filmed.
        depth: names of those that also give depth.
        image_size: (width, height) in pixels.
        noise: of the actions, or None.
        seed: of the whole dataset.
        attempts: how often an episode is tried, each time with new seeds.
        hold: steps in a row for which success must hold; then the episode ends.
        only_success: throw away what did not succeed.
    """

    env_id: str
    env_kwargs: Mapping[str, Any]
    houses: tuple[str, ...]
    policy: str
    store: Path
    cameras: tuple[str, ...]
    depth: tuple[str, ...]
    image_size: tuple[int, int]
    noise: NoiseConfig | None
    seed: int
    attempts: int
    hold: int
    only_success: bool

    def player(self) -> "Collector":
        """A collector of this plan."""
        return Collector(self)

    def lost(self, job: EpisodeJob, reason: str, wall_s: float = 0.0) -> Collected:
        """The failure of a job whose process died."""
        return fail(self.store, job.index, reason, ())


def attempt_seeds(seed: int, index: int, attempt: int) -> tuple[int, int]:
    """Seeds of the env and of the noise; they depend on nothing else."""
    env, noise = np.random.SeedSequence([seed, index, attempt]).generate_state(2)
    return int(env), int(noise)


class Collector(OneByOne[EpisodeJob, Collected]):
    """An env and a policy that collect one episode after another."""

    def __init__(self, plan: CollectPlan) -> None:
        self._plan = plan
        self._policy = build_policy(plan.policy)
        self._env: gym.Env[Any, Any] | None = None
        self._house = ""

    def close(self) -> None:
        """Release the env."""
        if self._env is not None:
            self._env.close()
            self._env = None

    def play(self, job: EpisodeJob) -> Collected:
        """Try an episode until it succeeds; what is kept is on disk when this returns."""
        wall, cpu = time.perf_counter(), cpu_seconds()
        thrown: list[Attempt] = []
        first, steps = self._plan.houses.index(job.house), 0
        for number in range(self._plan.attempts):
            # A house that offers no episode is left for the next one; any other failure is not
            # the house's, and the same house is tried again.
            moves = sum(attempt.reason.startswith(NO_EPISODE) for attempt in thrown)
            house = self._plan.houses[(first + moves) % len(self._plan.houses)]
            seed, noise_seed = attempt_seeds(self._plan.seed, job.index, number)
            reason, tried = self._try(job.index, house, seed, noise_seed, tuple(thrown))
            steps += tried
            if not reason:
                store.commit(self._plan.store, job.index)
                timing = _timing(job.index, wall, cpu, steps)
                return Collected(index=job.index, failure="", timing=timing)
            thrown.append(Attempt(house=house, seed=seed, reason=one_line(reason)))
        reason = f"{len(thrown)} attempts failed, the last one: {thrown[-1].reason}"
        failed = fail(self._plan.store, job.index, reason, tuple(thrown))
        timing = _timing(job.index, wall, cpu, steps)
        return Collected(index=job.index, failure=failed.failure, timing=timing)

    def _try(
        self, index: int, house: str, seed: int, noise_seed: int, thrown: tuple[Attempt, ...]
    ) -> tuple[str, int]:
        """(why the attempt failed or nothing, steps); a success is written, not committed."""
        folder = store.begin(self._plan.store, index)
        try:
            spec = self._draw(house, seed, index)
            about = {"index": index, "noise_seed": noise_seed, "attempts": thrown}
            return self._roll(spec, folder, about)
        except InvalidScene as error:
            return f"{NO_EPISODE}: {error}", 0
        # Env, simulator and policy are foreign code here; one bad episode must not end the run.
        except Exception as error:  # noqa: BLE001
            self._env = None
            return f"{type(error).__name__}: {error}", 0

    def _env_of(self, house: str) -> gym.Env[Any, Any]:
        if self._env is None or house != self._house:
            self.close()
            kwargs = {**self._plan.env_kwargs, "scene": house, "terminate_on_success": False}
            self._env = SuccessHold(make_env(self._plan.env_id, kwargs), self._plan.hold)
            self._house = house
            bind_policy(self._policy, self._env)
        return self._env

    def _draw(self, house: str, seed: int, index: int) -> EpisodeSpec:
        """A sampled episode with everything pinned, as it comes back from a file."""
        env = self._env_of(house)
        env.reset(seed=seed)
        inner: Any = env.unwrapped
        spec = inner.episode.replace(
            seed=seed,
            control_dt=round(control_dt(inner), 6),
            episode_id=f"{inner.session.task_name}/{index}",
            img_resolution=self._plan.image_size,
        )
        return EpisodeSpec.parse(json.loads(json.dumps(spec.to_dict())))

    def _roll(self, spec: EpisodeSpec, folder: Path, about: Mapping[str, Any]) -> tuple[str, int]:
        env, plan = self._env_of(self._house), self._plan
        observation, info = env.reset(seed=spec.seed, options={"episode": spec})
        session: Session = env.unwrapped.session  # type: ignore[attr-defined]
        if info["is_success_now"] and plan.only_success:
            return ALREADY_SOLVED, 0
        recorder = Recorder(session, folder, plan.cameras, plan.depth, plan.image_size)
        try:
            recorder.start(observation)
            rng = np.random.default_rng(about["noise_seed"])
            robot = session.scene.robot
            noise = None if plan.noise is None else ActionNoise(plan.noise, robot, rng)
            held, diverged = self._steps(env, session, recorder, noise, observation)
            if plan.only_success and (diverged or not held):
                return DIVERGED if diverged else NO_SUCCESS, session.steps
            trajectory = recorder.finish(
                env_id=plan.env_id,
                env_kwargs=replay_kwargs(plan.env_kwargs, session.robot.name),
                episode=spec,
                seed=spec.seed,
                **about,
            )
        finally:
            recorder.close()
        store.save_trajectory(folder, trajectory)
        return "", session.steps

    def _steps(
        self,
        env: gym.Env[Any, Any],
        session: Session,
        recorder: Recorder,
        noise: ActionNoise | None,
        observation: Any,
    ) -> tuple[bool, bool]:
        """Play to the end; whether success held, and whether the simulation diverged."""
        self._policy.reset(session.episode.instruction, session.episode.seed)
        state: Any = None
        start, over = np.ones(1, dtype=np.bool_), False
        mapper, info = session.action_mapper, dict[str, Any]()
        while not over:
            wanted, state = self._policy.predict(observation, state, start, True)
            start[0] = False
            command = mapper.decode(check_action(wanted, mapper.size), session.ctrl)
            action = wanted
            if noise is not None:
                noisy = noise.disturb(command, session)
                action = mapper.encode(noisy, session.ctrl).astype(np.float32)
            recorder.act(action, wanted, command)
            observation, reward, terminated, truncated, info = env.step(action)
            recorder.step(observation, float(reward), terminated, truncated)
            over = terminated or truncated
        return bool(info["is_success"]), bool(info.get("diverged", False))


def replay_kwargs(env_kwargs: Mapping[str, Any], robot: str) -> dict[str, Any]:
    """Arguments of an env that plays the recorded episodes again."""
    kept = {
        name: value
        for name, value in env_kwargs.items()
        if name not in SAMPLING and not name.startswith("randomize_")
    }
    return {"robot": robot, **kept}


def fail(root: Path, index: int, reason: str, attempts: tuple[Attempt, ...]) -> Collected:
    """Write down that an episode could not be collected."""
    folder, failure = store.begin(root, index), one_line(reason)
    thrown = [asdict(attempt) for attempt in attempts]
    store.write_about(folder, {"failure": failure, "attempts": thrown})
    store.commit(root, index)
    timing = EpisodeTiming(episode_id=str(index), wall_s=0.0, cpu_s=0.0, steps=0)
    return Collected(index=index, failure=failure, timing=timing)


def cpu_seconds() -> float:
    """CPU time of this process and of its children that ended: the encoders of the videos."""
    return sum(os.times()[:4])


def _timing(index: int, wall: float, cpu: float, steps: int) -> EpisodeTiming:
    return EpisodeTiming(
        episode_id=str(index),
        wall_s=time.perf_counter() - wall,
        cpu_s=cpu_seconds() - cpu,
        steps=steps,
    )
