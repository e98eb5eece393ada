"""Hand jobs to workers, wherever they run, and collect what they play.

Results arrive in no fixed order and do not depend on the number or place of the workers: a job
carries its own seed, and an env plays each episode from a complete description.
"""

import time
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from molmospaces_gym.benchmarks.players import Plays
from molmospaces_gym.benchmarks.records import Job
from molmospaces_gym.benchmarks.rollout import Played, lost
from molmospaces_gym.errors import WorkersUnavailable

RETRIES = 1
"""How often an episode is played again after its worker died (out of memory, say)."""
MAX_STILLBORN = 3
"""Workers in a row that may end before they are ready; then something is wrong with all."""


class WorkerDied(Exception):
    """A worker is gone; ``detail`` is what else is known and may differ from time to time."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.detail = detail or reason


class Worker(Protocol):
    """Somebody else who plays jobs: a process here or on another machine."""

    def give(self, job: Job) -> None:
        """Hand over a job; a worker that is gone says so in ``receive``."""
        ...

    def receive(self) -> list[Played | None]:
        """What it has said since: None once, when it is ready for jobs, and results.

        Raises:
            WorkerDied: it is gone.
        """
        ...

    def kill(self) -> None:
        """End it at once, whatever it does."""
        ...


class Executor(Protocol):
    """A place where workers run."""

    def hire(self) -> Worker:
        """Start a worker; it says when it is ready."""
        ...

    def wait(self, workers: Sequence[Worker], seconds: float | None) -> Sequence[Worker]:
        """Those that have something to say, as soon as there is one, or none after ``seconds``."""
        ...

    def close(self, workers: Sequence[Worker]) -> None:
        """End all workers and whatever was started for them."""
        ...


def play_here(player: Plays, jobs: Sequence[Job]) -> Generator[Played, None, None]:
    """Play jobs in this process, house by house."""
    queue = iter(by_house(jobs))
    return player.run(lambda wait: next(queue, None))


def by_house(jobs: Sequence[Job]) -> list[Job]:
    """Jobs with those of one house together, so that each house is compiled once."""
    first: dict[str, int] = {}
    for job in jobs:
        first.setdefault(job.house, job.index)
    return sorted(jobs, key=lambda job: (first[job.house], job.index))


@dataclass(eq=False)
class _Post:
    """A worker and the jobs it was given, each with the moment its time began."""

    worker: Worker
    ready: bool = False
    exclusive: bool = False
    house: str | None = None
    jobs: dict[str, tuple[Job, float]] = field(default_factory=dict)


class Dispatcher:
    """Plays jobs with ``size`` workers that take up to ``batch`` jobs each.

    A job whose worker dies is played again, and one that ends two workers is a failure. A job that
    takes longer than ``timeout_s`` is a failure and its worker is killed. Where a worker had
    several jobs, each of them is played again alone, to find out which one it was.
    """

    def __init__(
        self,
        executor: Executor,
        jobs: Sequence[Job],
        size: int,
        batch: int = 1,
        timeout_s: float | None = None,
    ) -> None:
        self._executor, self._batch, self._timeout = executor, batch, timeout_s
        self._size = min(size, len(jobs))
        self._waiting = by_house(jobs)
        self._posts: list[_Post] = []
        self._suspects: set[str] = set()
        self._deaths: dict[str, int] = {}
        self._stillborn = 0

    def run(self) -> Generator[Played, None, None]:
        """Play all jobs; results come as they arrive.

        Raises:
            WorkersUnavailable: Workers end before they are ready.
        """
        try:
            while self._waiting or self._under_way():
                self._hire()
                self._hand_out()
                workers = [post.worker for post in self._posts]
                heard = self._executor.wait(workers, self._seconds_left())
                for post in [p for p in self._posts if p.worker in heard]:
                    yield from self._listen(post)
                yield from self._end_overdue()
        finally:
            self._executor.close([post.worker for post in self._posts])

    def _under_way(self) -> int:
        return sum(len(post.jobs) for post in self._posts)

    def _hire(self) -> None:
        needed = min(self._size, len(self._waiting) + sum(bool(p.jobs) for p in self._posts))
        while len(self._posts) < needed:
            self._posts.append(_Post(self._executor.hire()))

    def _hand_out(self) -> None:
        """Give jobs to the workers with the fewest, so that the last ones are spread evenly."""
        fair = -(-(len(self._waiting) + self._under_way()) // self._size)
        room = min(self._batch, fair)
        while self._waiting:
            free = [p for p in self._posts if p.ready and not p.exclusive and len(p.jobs) < room]
            post = min(free, key=lambda p: len(p.jobs), default=None)
            job = None if post is None else self._choose(post)
            if post is None or job is None:
                return
            self._waiting.remove(job)
            post.house, post.exclusive = job.house, job.episode_id in self._suspects
            post.jobs[job.episode_id] = (job, time.monotonic())
            post.worker.give(job)

    def _choose(self, post: _Post) -> Job | None:
        """The best waiting job: same house as before, else one that nobody else plays in."""
        busy = {other.house for other in self._posts if other is not post}
        jobs = [j for j in self._waiting if not (post.jobs and j.episode_id in self._suspects)]
        rank = [(job.house != post.house, job.house in busy, i) for i, job in enumerate(jobs)]
        return jobs[min(rank)[2]] if rank else None

    def _listen(self, post: _Post) -> Iterable[Played]:
        try:
            said = post.worker.receive()
        except WorkerDied as death:
            return self._bury(post, death)
        results = [played for played in said if played is not None]
        post.ready = post.ready or len(results) < len(said)
        for played in results:
            del post.jobs[played.job.episode_id]
            self._stillborn = 0
        post.exclusive = post.exclusive and bool(post.jobs)
        return results

    def _bury(self, post: _Post, death: WorkerDied) -> list[Played]:
        self._posts.remove(post)
        if not post.ready:
            self._stillborn += 1
            if self._stillborn >= MAX_STILLBORN:
                raise WorkersUnavailable(
                    f"{self._stillborn} workers in a row ended before they could play "
                    f"({death.detail}); workers=1 may show why, --resume goes on afterwards"
                )
        return self._return(post, str(death))

    def _return(self, post: _Post, reason: str) -> list[Played]:
        """Take back the jobs of a worker that died; the failure among them, if it is clear."""
        jobs = [job for job, _ in post.jobs.values()]
        if len(jobs) == 1:
            name = jobs[0].episode_id
            self._deaths[name] = self._deaths.get(name, 0) + 1
            if self._deaths[name] > RETRIES:
                return [lost(jobs[0], reason)]
        self._suspects.update(job.episode_id for job in jobs)
        self._waiting[:0] = jobs
        return []

    def _seconds_left(self) -> float | None:
        """Until the first job is overdue."""
        if self._timeout is None:
            return None
        began = [start for post in self._posts for _, start in post.jobs.values()]
        return max(0.0, min(began) + self._timeout - time.monotonic()) if began else None

    def _end_overdue(self) -> Iterable[Played]:
        if self._timeout is None:
            return []
        now, failures = time.monotonic(), []
        for post in list(self._posts):
            late = [job for job, start in post.jobs.values() if now - start >= self._timeout]
            if late:
                post.worker.kill()
                self._posts.remove(post)
                if len(post.jobs) == 1:
                    reason = f"timed out after {self._timeout:g} s"
                    failures.append(lost(late[0], reason, self._timeout))
                else:
                    self._return(post, "")
        return failures
