"""Play jobs in this process or in several.

Results arrive in no fixed order and do not depend on the number of workers: a job carries its own
seed, and an env plays each episode from a complete description.
"""

import multiprocessing
import signal
from collections.abc import Generator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from molmospaces_gym.benchmarks.records import EpisodeTiming, Job
from molmospaces_gym.benchmarks.rollout import Plan, Played, Player, failed_record

STOP_SECONDS = 5.0
"""How long a worker may take to leave before it is ended."""


def play_here(player: Player, jobs: Sequence[Job]) -> Generator[Played, None, None]:
    """Play jobs one after another in this process, house by house."""
    for job in by_house(jobs):
        yield player.play(job)


def play_in_processes(
    plan: Plan, jobs: Sequence[Job], workers: int
) -> Generator[Played, None, None]:
    """Play jobs in ``workers`` spawned processes.

    A process that dies takes only the episode it was playing: that one is a failure, and a new
    process plays the rest. When this process dies, the workers notice and leave.
    """
    waiting = by_house(jobs)
    crew = [_Worker(plan) for _ in range(min(workers, len(waiting)))]
    try:
        for worker in crew:
            worker.give(_next_job(waiting, worker, crew))
        while any(worker.job for worker in crew):
            ready = wait([worker.connection for worker in crew if worker.job])
            for worker in [w for w in crew if w.connection in ready]:
                yield worker.take()
                if waiting:
                    worker.give(_next_job(waiting, worker, crew))
    finally:
        for worker in crew:
            worker.stop()


def by_house(jobs: Sequence[Job]) -> list[Job]:
    """Jobs with those of one house together, so that each house is compiled once."""
    first: dict[str, int] = {}
    for job in jobs:
        first.setdefault(job.house, job.index)
    return sorted(jobs, key=lambda job: (first[job.house], job.index))


def _next_job(waiting: list[Job], worker: "_Worker", crew: "Sequence[_Worker]") -> Job:
    """Take the best waiting job: same house as before, else one that nobody else plays in."""
    busy = {other.house for other in crew if other is not worker}
    rank = [(job.house != worker.house, job.house in busy, i) for i, job in enumerate(waiting)]
    return waiting.pop(min(rank)[2])


class _Worker:
    """A process that plays one job at a time."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.job: Job | None = None
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

    def give(self, job: Job) -> None:
        self.job, self.house = job, job.house
        try:
            self.connection.send(job)
        except BrokenPipeError:
            # It died between two jobs; ``take`` will find the pipe closed and say so.
            return

    def take(self) -> Played:
        """The result of the job given last; a dead process makes it a failure."""
        assert self.job is not None
        job, self.job = self.job, None
        try:
            played: Played = self.connection.recv()
        except (EOFError, ConnectionResetError):
            self._process.join()
            reason = f"the worker process died (exit code {self._process.exitcode})"
            self.connection.close()
            self._start()
            record = failed_record(job, reason)
            return Played(
                job,
                record,
                EpisodeTiming(episode_id=job.episode_id, wall_s=0.0, cpu_s=0.0, steps=0),
            )
        return played

    def stop(self) -> None:
        self.connection.close()
        if self.job is not None:
            self._process.terminate()
        self._process.join(STOP_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _serve(connection: "Connection[Played, Job]", plan: Plan) -> None:
    # Ctrl-C reaches the whole process group; the parent decides what happens then.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    player = Player(plan)
    try:
        while True:
            connection.send(player.play(connection.recv()))
    except (EOFError, BrokenPipeError):
        return
    finally:
        player.close()
