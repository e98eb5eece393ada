"""``EpisodeLog``: watches a session play one episode and says what came of it."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.benchmarks.film import Film
from molmospaces_gym.benchmarks.metrics import first_success, has_run, mean_jerk
from molmospaces_gym.benchmarks.records import EpisodeRecord, EpisodeTiming, EpisodeTrace, Job
from molmospaces_gym.benchmarks.rollout import (
    Plan,
    Played,
    control_dt,
    failed_record,
    joint_reader,
)
from molmospaces_gym.session import Session


class EpisodeLog:
    """The course of one episode: ``begin``, ``step`` after each action, ``finish`` or ``fail``.

    ``cpu_s`` is counted by whoever plays, since several episodes may share a process.
    """

    def __init__(self, plan: Plan, job: Job) -> None:
        self.job, self.cpu_s = job, 0.0
        self._plan = plan
        self._started = time.perf_counter()
        self._success: list[bool] = []
        self._positions: list[NDArray[np.float64]] = []
        self._return = 0.0
        self._film: Film | None = None

    def begin(self, session: Session, render: Callable[[], Any]) -> None:
        """Note the state after the reset; ``render`` gives a frame of it."""
        self._session, self._joints = session, joint_reader(session)
        self._film = Film(self._plan, self.job, render, control_dt(session))
        self._note()
        self._film.first()

    def step(self) -> bool:
        """Note the state after an action; whether the episode is over."""
        session = self._session
        self._note()
        self._return += session.reward
        if self._film is not None:
            self._film.next()
        return session.terminated or session.truncated

    def finish(self) -> Played:
        """The outcome of an episode that was played to its end."""
        diverged = bool(self._session.info.get("diverged", False))
        success = self._success[-1] and not diverged
        if self._film is not None:
            self._film.last(success or diverged)
            self._film.close(success)
        if diverged:
            return self._played(failed_record(self.job, "the simulation diverged", self._steps))
        return self._played(self._record())

    def fail(self, error: BaseException) -> Played:
        """The outcome of an episode that ``error`` ended."""
        if self._film is not None:
            # What broke the episode may have broken the encoder too.
            with suppress(OSError, RuntimeError):
                self._film.close(False)
        reason = f"{type(error).__name__}: {error}"
        return self._played(failed_record(self.job, reason, self._steps))

    @property
    def _steps(self) -> int:
        return max(0, len(self._success) - 1)

    def _note(self) -> None:
        self._success.append(bool(self._session.info["is_success"]))
        self._positions.append(self._joints())

    def _played(self, record: EpisodeRecord) -> Played:
        episode_id = self.job.episode_id
        timing = EpisodeTiming(
            episode_id=episode_id,
            wall_s=time.perf_counter() - self._started,
            cpu_s=self.cpu_s,
            steps=record.steps,
        )
        text = "".join("1" if success else "0" for success in self._success)
        return Played(self.job, record, timing, EpisodeTrace(episode_id=episode_id, trace=text))

    def _record(self) -> EpisodeRecord:
        job, success = self.job, self._success
        return EpisodeRecord(
            episode_id=job.episode_id,
            house=job.house,
            object=job.object,
            category=job.category,
            instruction=job.instruction,
            seed=job.seed,
            success_at_end=success[-1],
            success_once=any(success),
            first_success_step=first_success(success),
            five_consecutive=has_run(success),
            steps=self._steps,
            episode_return=self._return,
            jerk=mean_jerk(np.asarray(self._positions), control_dt(self._session)),
            failure="",
        )
