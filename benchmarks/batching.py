"""``BatchPlayer``: many worlds in one process, one policy call per step."""

import time
from collections import deque
from collections.abc import Generator
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.actions import check_action
from molmospaces_gym.benchmarks.episode_log import EpisodeLog
from molmospaces_gym.benchmarks.jobs import Take
from molmospaces_gym.benchmarks.records import Job
from molmospaces_gym.benchmarks.rollout import Plan, Played, build_policy
from molmospaces_gym.errors import InvalidAction, InvalidConfig
from molmospaces_gym.policies.base import BatchedPolicy, PolicyLike, bind_policy
from molmospaces_gym.vector_env import MolmoSpacesVectorEnv


def batched(policy: PolicyLike) -> BatchedPolicy:
    """``policy``, if it can act in several worlds with one call.

    Raises:
        InvalidConfig: It cannot.
    """
    if not isinstance(policy, BatchedPolicy):
        raise InvalidConfig(
            f"{type(policy).__name__} plays one world at a time; use batch=1 and more workers, or "
            "give it reset_row (molmospaces_gym.policies.base.BatchedPolicy)"
        )
    return policy


class BatchPlayer:
    """Plays up to ``plan.batch`` jobs at once; a slot whose episode ends takes the next job.

    An exception of one world's own code fails its episode. One of the shared policy call or
    physics step cannot be laid to an episode, so those under way are played again one by one.
    """

    def __init__(self, plan: Plan, policy: PolicyLike | None = None) -> None:
        self._plan = plan
        self._policy = batched(policy or build_policy(plan.policy))
        self._env: MolmoSpacesVectorEnv | None = None
        self._logs: dict[int, EpisodeLog] = {}
        self._alone: deque[Job] = deque()
        self._exclusive = False
        self._starts = np.ones(plan.batch, np.bool_)
        self._obs: Any = None
        self._state: Any = None

    @property
    def env(self) -> MolmoSpacesVectorEnv:
        """The vector env, made on first use and made anew after a shared failure."""
        if self._env is None:
            import molmospaces_gym  # noqa: F401  (registers the ids)

            plan = self._plan
            made: Any = gym.make_vec(plan.env_id, num_envs=plan.batch, **plan.env_kwargs)
            self._env = made.unwrapped
            bind_policy(self._policy, made)
        assert self._env is not None
        return self._env

    def close(self) -> None:
        """Release the env; the player can go on, with a new one."""
        if self._env is not None:
            self._env.close()
            self._env = None

    def run(self, take: Take[Job]) -> Generator[Played, None, None]:
        """Play jobs until ``take`` has no more."""
        while True:
            yield from self._fill(take)
            if not self._logs:
                return
            yield from self._step()

    def _fill(self, take: Take[Job]) -> Generator[Played, None, None]:
        """Start jobs in idle slots."""
        while len(self._logs) < self._plan.batch and (job := self._next(take)) is not None:
            log = EpisodeLog(self._plan, job)
            try:
                self._begin(log)
            # As in Player.play: foreign code.
            except Exception as error:  # noqa: BLE001
                yield log.fail(error)

    def _next(self, take: Take[Job]) -> Job | None:
        """A job for an idle slot: waiting for one only if there is nothing else to do."""
        if self._logs and (self._alone or self._exclusive):
            return None
        self._exclusive = bool(self._alone)
        return self._alone.popleft() if self._alone else take(not self._logs)

    def _begin(self, log: EpisodeLog) -> None:
        cpu, job = time.process_time(), log.job
        slot = next(i for i in range(self._plan.batch) if i not in self._logs)
        mask = np.arange(self._plan.batch) == slot
        options = {"episode": job.index, "reset_mask": mask}
        seeds = [job.seed if i == slot else None for i in range(self._plan.batch)]
        self._obs, _ = self.env.reset(seed=seeds, options=options)
        session = self.env.sessions[slot]
        self._policy.reset_row(slot, str(session.info["instruction"]), job.seed)
        log.begin(session, session.render)
        log.cpu_s += time.process_time() - cpu
        self._logs[slot], self._starts[slot] = log, True

    def _step(self) -> Generator[Played, None, None]:
        """One policy call and one step of all busy slots."""
        cpu, share = time.process_time(), len(self._logs)
        try:
            actions = self._actions()
            dropped = self._drop_invalid(actions)
            self._obs = self.env.step_slots(list(self._logs), actions)
        except Exception as error:  # noqa: BLE001
            yield from self._shared_failure(error)
            return
        yield from dropped
        self._starts[:] = False
        spent = (time.process_time() - cpu) / share
        for slot, log in list(self._logs.items()):
            log.cpu_s += spent
            try:
                played = log.finish() if log.step() else None
            except Exception as error:  # noqa: BLE001
                played = log.fail(error)
            if played is not None:
                del self._logs[slot]
                yield played

    def _actions(self) -> NDArray[np.float32]:
        actions, self._state = self._policy.predict(
            self._obs, self._state, self._starts, self._plan.deterministic
        )
        if len(actions) != self._plan.batch:
            raise InvalidConfig(
                f"predict returned {len(actions)} actions for {self._plan.batch} worlds; it must "
                "return one row per row of its observations"
            )
        return actions

    def _drop_invalid(self, actions: NDArray[np.float32]) -> list[Played]:
        """Fail the episodes whose action no env would take, before anything moves."""
        dropped = []
        for slot, log in list(self._logs.items()):
            try:
                check_action(actions[slot], self.env.sessions[slot].action_mapper.size)
            except InvalidAction as error:
                del self._logs[slot]
                dropped.append(log.fail(error))
        return dropped

    def _shared_failure(self, error: Exception) -> Generator[Played, None, None]:
        logs, self._logs = list(self._logs.values()), {}
        self._env = self._state = None
        outcomes = [log.fail(error) for log in logs]
        if len(logs) == 1:
            yield from outcomes
        else:
            self._alone.extend(log.job for log in logs)
