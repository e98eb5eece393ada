"""Players: an env and a policy that play the jobs they are handed, in whatever process."""

import time
from contextlib import suppress
from typing import Any, Protocol

import gymnasium as gym
import numpy as np

from molmospaces_gym.benchmarks.episode_log import EpisodeLog
from molmospaces_gym.benchmarks.jobs import JobPlayer, OneByOne
from molmospaces_gym.benchmarks.records import Job
from molmospaces_gym.benchmarks.rollout import Plan, Played, build_policy, make_env
from molmospaces_gym.policies.base import PolicyLike, bind_policy


class Plays(JobPlayer[Job, Played], Protocol):
    """What the evaluator asks of a player."""

    @property
    def env(self) -> Any:
        """The env (of several worlds, the vector env), made on first use."""
        ...


def ready_player(plan: Plan) -> Plays:
    """A player for a worker: its env is made and, where the plan wants that, warmed up."""
    player = make_player(plan)
    env = player.env
    if plan.warm_up:
        # An episode that cannot be loaded says so when it is played.
        with suppress(Exception):
            env.reset(seed=0, options={"episode": 0})
            env.step(np.zeros(env.action_space.shape, np.float32))
    return player


def make_player(plan: Plan, policy: PolicyLike | None = None) -> Plays:
    """The player that a plan asks for: one world, or several with one policy call."""
    if plan.batch > 1:
        from molmospaces_gym.benchmarks.batching import BatchPlayer

        return BatchPlayer(plan, policy)
    return Player(plan, policy)


class Player(OneByOne[Job, Played]):
    """Plays one job after another in one world."""

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
            # Made on first use, but a simulator that is not there should show itself here.
            self._env.unwrapped.session  # type: ignore[attr-defined]  # noqa: B018
            self._bound = False
        return self._env

    def close(self) -> None:
        """Release the env; the player can go on, with a new one."""
        if self._env is not None:
            self._env.close()
            self._env = None

    def play(self, job: Job) -> Played:
        """Play one episode. Whatever goes wrong in it is its failure, never the run's."""
        log, cpu = EpisodeLog(self._plan, job), time.process_time()
        try:
            self._roll(log, self.env)
            played = log.finish()
        # Env, simulator and policy are foreign code here; one bad episode must not end a run
        # of a thousand, and must not vanish from its denominator.
        except Exception as error:  # noqa: BLE001
            self._env = None
            played = log.fail(error)
        return played.with_cpu(time.process_time() - cpu)

    def _roll(self, log: EpisodeLog, env: gym.Env[Any, Any]) -> None:
        if not self._bound:
            bind_policy(self._policy, env)
            self._bound = True
        job, inner = log.job, env.unwrapped
        obs, info = env.reset(seed=job.seed, options={"episode": job.index})
        self._policy.reset(str(info["instruction"]), job.seed)
        log.begin(inner.session, env.render)  # type: ignore[attr-defined]
        state: Any = None
        sure = self._plan.deterministic
        start, over = np.ones(1, dtype=np.bool_), False
        while not over:
            action, state = self._policy.predict(obs, state, start, sure)
            obs, _, _, _, _ = env.step(action)
            start[0], over = False, log.step()
