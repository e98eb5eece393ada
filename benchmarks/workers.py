"""Hand jobs to workers, wherever they run, and collect what they play.

Results arrive in no fixed order and do not depend on the number or place of the workers: a job
carries its own seed, and an env plays each episode from a complete description.
"""

import time
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, Self

from molmospaces_gym.benchmarks.jobs import J, JobT, R, ResultT, Work, by_house
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


class Worker(Protocol[JobT, ResultT]):
    """Somebody else who plays jobs: a process here or on another machine."""

    def give(self, job: JobT) -> None:
        """Hand over a job; a worker that is gone says so in ``receive``."""
        ...

    def receive(self) -> Sequence[ResultT | None]:
        """What it has said since: None once, when it is ready for jobs, and results.

        Raises:
            WorkerDied: it is gone.
        """
        ...

    def kill(self) -> None:
        """End it at once, whatever it does."""
        ...


class Executor(Protocol[J, R]):
    """A place where workers run."""

    def hire(self) -> Worker[J, R]:
        """Start a worker; it says when it is ready."""
        ...

    def wait(
        self, workers: Sequence[Worker[J, R]], seconds: float | None
    ) -> Sequence[Worker[J, R]]:
        """Those that have something to say, as soon as there is one, or none after ``seconds``."""
        ...

    def close(self, workers: Sequence[Worker[J, R]]) -> None:
        """End all workers and whatever was started for them."""
        ...


@dataclass(eq=False)
class _Post(Generic[J, R]):
    """A worker and the jobs it was given, each with the moment its time began."""

    worker: Worker[J, R]
    ready: bool = False
    exclusive: bool = False
    house: str | None = None
    jobs: dict[int, tuple[J, float]] = field(default_factory=dict)


class Dispatcher(Generic[J, R]):
    """Plays jobs with ``size`` workers that take up to ``batch`` jobs each.

    A job whose worker dies is played again, and one that ends two workers is a failure. A job that
    takes longer than ``timeout_s`` is a failure and its worker is killed. Where a worker had
    several jobs, each of them is played again alone, to find out which one it was.
    """

    def __init__(
        self,
        work: Work[J, R],
        executor: Executor[J, R],
        jobs: Sequence[J],
        size: int,
        batch: int = 1,
        timeout_s: float | None = None,
    ) -> None:
        self._work, self._executor = work, executor
        self._batch, self._timeout = batch, timeout_s
        self._size = min(size, len(jobs))
        self._waiting = by_house(jobs)
        self._posts: list[_Post[J, R]] = []
        self._suspects: set[int] = set()
        self._deaths: dict[int, int] = {}
        self._stillborn = 0
        self._closed = False

    def start(self) -> Self:
        """Hire workers, who get ready while the caller does something else; see ``close``."""
        try:
            self._hire()
        except BaseException:
            self.close()
            raise
        return self

    def __iter__(self) -> Generator[R, None, None]:
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
            self.close()

    def close(self) -> None:
        """End all workers; does nothing when they have been ended."""
        if not self._closed:
            self._closed = True
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
            post.house, post.exclusive = job.house, job.index in self._suspects
            post.jobs[job.index] = (job, time.monotonic())
            post.worker.give(job)

    def _choose(self, post: _Post[J, R]) -> J | None:
        """The best waiting job: same house as before, else one that nobody else plays in."""
        busy = {other.house for other in self._posts if other is not post}
        jobs = [j for j in self._waiting if not (post.jobs and j.index in self._suspects)]
        rank = [(job.house != post.house, job.house in busy, i) for i, job in enumerate(jobs)]
        return jobs[min(rank)[2]] if rank else None

    def _listen(self, post: _Post[J, R]) -> Iterable[R]:
        try:
            said = post.worker.receive()
        except WorkerDied as death:
            return self._bury(post, death)
        results = [played for played in said if played is not None]
        post.ready = post.ready or len(results) < len(said)
        for played in results:
            del post.jobs[played.index]
            self._stillborn = 0
        post.exclusive = post.exclusive and bool(post.jobs)
        return results

    def _bury(self, post: _Post[J, R], death: WorkerDied) -> list[R]:
        self._posts.remove(post)
        if not post.ready:
            self._stillborn += 1
            if self._stillborn >= MAX_STILLBORN:
                raise WorkersUnavailable(
                    f"{self._stillborn} workers in a row ended before they could play "
                    f"({death.detail}); workers=1 may show why, --resume goes on afterwards"
                )
        return self._return(post, str(death))

    def _return(self, post: _Post[J, R], reason: str) -> list[R]:
        """Take back the jobs of a worker that died; the failure among them, if it is clear."""
        jobs = [job for job, _ in post.jobs.values()]
        if len(jobs) == 1:
            index = jobs[0].index
            self._deaths[index] = self._deaths.get(index, 0) + 1
            if self._deaths[index] > RETRIES:
                return [self._work.lost(jobs[0], reason)]
        self._suspects.update(job.index for job in jobs)
        self._waiting[:0] = jobs
        return []

    def _seconds_left(self) -> float | None:
        """Until the first job is overdue."""
        if self._timeout is None:
            return None
        began = [start for post in self._posts for _, start in post.jobs.values()]
        return max(0.0, min(began) + self._timeout - time.monotonic()) if began else None

    def _end_overdue(self) -> Iterable[R]:
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
                    failures.append(self._work.lost(late[0], reason, self._timeout))
                else:
                    self._return(post, "")
        return failures
