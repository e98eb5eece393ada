"""Play jobs in this process or in several.

Results arrive in no fixed order and do not depend on the number of workers: a job carries its own
seed, and an env plays each episode from a complete description.
"""

import multiprocessing
import signal
from collections.abc import Generator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Generic, Protocol, TypeVar

STOP_SECONDS = 5.0
"""How long a worker may take to leave before it is ended."""
RETRIES = 1
"""How often an episode is played again after its process died (out of memory, say)."""


class Placed(Protocol):
    """What the order of jobs is decided by."""

    @property
    def index(self) -> int:
        """Number of the job."""

    @property
    def house(self) -> str:
        """House that it plays in."""


J = TypeVar("J", bound=Placed)
R = TypeVar("R", covariant=True)
JobT = TypeVar("JobT", bound=Placed, contravariant=True)


class JobPlayer(Protocol[JobT, R]):
    """Plays jobs one after another; never raises for what goes wrong in one."""

    def play(self, job: JobT) -> R:
        """The result of a job."""

    def close(self) -> None:
        """Release everything."""


class Work(Protocol[JobT, R]):
    """What worker processes are sent once: it makes their players."""

    def player(self) -> JobPlayer[JobT, R]:
        """A new player; called in the process that uses it."""

    def lost(self, job: JobT, reason: str) -> R:
        """The result of a job whose process died twice."""


def play_here(player: JobPlayer[J, R], jobs: Sequence[J]) -> Generator[R, None, None]:
    """Play jobs one after another in this process, house by house."""
    for job in by_house(jobs):
        yield player.play(job)


def play_in_processes(
    plan: Work[J, R], jobs: Sequence[J], workers: int
) -> Generator[R, None, None]:
    """Play jobs in ``workers`` spawned processes.

    When a process dies, a new one plays its episode again; an episode that ends two processes is
    a failure. When this process dies, the workers notice and leave.
    """
    waiting = by_house(jobs)
    crew = [_Worker(plan) for _ in range(min(workers, len(waiting)))]
    try:
        for worker in crew:
            worker.give(_next_job(waiting, worker, crew))
        while any(worker.job for worker in crew):
            ready = wait([worker.connection for worker in crew if worker.job])
            for worker in [w for w in crew if w.connection in ready]:
                played = worker.take()
                if played is not None:
                    yield played
                if waiting and worker.job is None:
                    worker.give(_next_job(waiting, worker, crew))
    finally:
        for worker in crew:
            worker.stop()


def by_house(jobs: Sequence[J]) -> list[J]:
    """Jobs with those of one house together, so that each house is compiled once."""
    first: dict[str, int] = {}
    for job in jobs:
        first.setdefault(job.house, job.index)
    return sorted(jobs, key=lambda job: (first[job.house], job.index))


def _next_job(waiting: list[J], worker: "_Worker[J, R]", crew: "Sequence[_Worker[J, R]]") -> J:
    """Take the best waiting job: same house as before, else one that nobody else plays in."""
    busy = {other.house for other in crew if other is not worker}
    rank = [(job.house != worker.house, job.house in busy, i) for i, job in enumerate(waiting)]
    return waiting.pop(min(rank)[2])


class _Worker(Generic[J, R]):
    """A process that plays one job at a time."""

    def __init__(self, plan: Work[J, R]) -> None:
        self._plan = plan
        self.job: J | None = None
        self._deaths = 0
        self.house: str | None = None
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process: BaseProcess = context.Process(
            target=_serve, args=(theirs, self._plan), daemon=True
        )
        self._process.start()
        # With the only other copy in the child, the end of either side closes the pipe.
        theirs.close()

    def give(self, job: J) -> None:
        self.job, self.house, self._deaths = job, job.house, 0
        self._send(job)

    def take(self) -> R | None:
        """The result of the job given last; None when its process died and it is tried again."""
        assert self.job is not None
        job = self.job
        try:
            played: R = self.connection.recv()
        except (EOFError, ConnectionResetError):
            return self._bury(job)
        self.job = None
        return played

    def _bury(self, job: J) -> R | None:
        self._process.join()
        self._deaths += 1
        code = self._process.exitcode
        self.connection.close()
        self._start()
        if self._deaths <= RETRIES:
            self._send(job)
            return None
        self.job = None
        return self._plan.lost(job, f"the worker process died (exit code {code})")

    def _send(self, job: J) -> None:
        # A process that is already dead shows itself in take(), as a closed pipe.
        with suppress(BrokenPipeError):
            self.connection.send(job)

    def stop(self) -> None:
        self.connection.close()
        if self.job is not None:
            self._process.terminate()
        self._process.join(STOP_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _serve(connection: "Connection[R, J]", plan: Work[J, R]) -> None:
    # Ctrl-C reaches the whole process group; the parent decides what happens then.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    player = plan.player()
    try:
        while True:
            connection.send(player.play(connection.recv()))
    except (EOFError, BrokenPipeError):
        return
    finally:
        player.close()
