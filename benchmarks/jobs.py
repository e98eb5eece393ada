"""What workers play: jobs with a number and a house, by players that a work plan makes.

The evaluator and the data engine both hand their episodes out in this form.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Generic, Protocol, TypeAlias, TypeVar


class Placed(Protocol):
    """What the order of jobs is decided by."""

    @property
    def index(self) -> int:
        """Number of the job; no other of the run has it."""

    @property
    def house(self) -> str:
        """House that it plays in."""


class Numbered(Protocol):
    """A result; it says which job it is of."""

    @property
    def index(self) -> int:
        """Number of the job."""


J = TypeVar("J", bound=Placed)
R = TypeVar("R", bound=Numbered)
ResultT = TypeVar("ResultT", bound=Numbered, covariant=True)
JobT = TypeVar("JobT", bound=Placed, contravariant=True)

Take: TypeAlias = Callable[[bool], J | None]
"""Hands out the next job or None. True: wait for one, and None is the end; False: only if there
is one already."""


class JobPlayer(Protocol[JobT, ResultT]):
    """Plays jobs; never raises for what goes wrong in one."""

    def run(self, take: Take[JobT]) -> Generator[ResultT, None, None]:
        """Play jobs until ``take`` has no more; results come as jobs end."""

    def close(self) -> None:
        """Release everything."""


class Results(Protocol[ResultT]):
    """What is played, as it comes; to be closed by whoever asked for it."""

    def __iter__(self) -> Iterator[ResultT]: ...

    def close(self) -> None:
        """Play no more and release everything."""


class Work(Protocol[JobT, ResultT]):
    """What workers are sent once: it makes their players."""

    def player(self) -> JobPlayer[JobT, ResultT]:
        """A new player, ready to play; called in the process that uses it."""

    def lost(self, job: JobT, reason: str, wall_s: float = 0.0) -> ResultT:
        """The result of a job of which nothing came back, after so many seconds."""


class OneByOne(ABC, Generic[J, R]):
    """A player that plays one job after another."""

    @abstractmethod
    def play(self, job: J) -> R:
        """The result of a job."""

    def run(self, take: Take[J]) -> Generator[R, None, None]:
        """Play jobs until ``take`` has no more."""
        while (job := take(True)) is not None:
            yield self.play(job)


def by_house(jobs: Sequence[J]) -> list[J]:
    """Jobs with those of one house together, so that each house is compiled once."""
    first: dict[str, int] = {}
    for job in jobs:
        first.setdefault(job.house, job.index)
    return sorted(jobs, key=lambda job: (first[job.house], job.index))


def play_here(player: JobPlayer[J, R], jobs: Sequence[J]) -> Generator[R, None, None]:
    """Play jobs in this process, house by house."""
    queue = iter(by_house(jobs))
    return player.run(lambda wait: next(queue, None))
