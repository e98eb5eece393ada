"""How far a run is: success so far, speed, time left, the slowest house."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from molmospaces_gym.benchmarks.records import EpisodeRecord, EpisodeTiming
from molmospaces_gym.benchmarks.rollout import Played
from molmospaces_gym.benchmarks.stats import Interval, wilson_interval


@dataclass(frozen=True)
class Progress:
    """The standing of a run after an episode; ``record`` and ``timing`` are None at the start."""

    played: int
    planned: int
    successes: int
    record: EpisodeRecord | None
    timing: EpisodeTiming | None
    steps_per_s: float = 0.0
    """Actions per second of wall time, all workers together, since this session began."""
    seconds_left: float | None = None
    """Estimated from this session's episodes; None before the first."""
    slowest_house: str = ""
    """The house whose episodes take longest on average, loading it included."""
    slowest_s: float = 0.0
    """Seconds per episode there."""

    @property
    def interval(self) -> Interval:
        """95 % Wilson interval of the success at the end, were the run to stop here."""
        return wilson_interval(self.successes, self.played)


class Meter:
    """Turns episodes as they arrive into ``Progress``."""

    def __init__(
        self,
        planned: int,
        before: Iterable[EpisodeRecord] = (),
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        held = list(before)
        self._planned, self._played = planned, len(held)
        self._successes = sum(record.success_at_end for record in held)
        self._clock, self._began = clock, clock()
        self._here = self._steps = 0
        self._houses: dict[str, tuple[float, int]] = {}
        self._slowest = ("", 0.0)

    def start(self) -> Progress:
        """The standing before the first episode of this session."""
        return Progress(self._played, self._planned, self._successes, None, None)

    def add(self, played: Played) -> Progress:
        """The standing after one more episode."""
        record, timing = played.record, played.timing
        self._played += 1
        self._here += 1
        self._successes += record.success_at_end
        self._steps += timing.steps
        self._note_house(record.house, timing.wall_s)
        elapsed = max(self._clock() - self._began, 1e-9)
        return Progress(
            self._played,
            self._planned,
            self._successes,
            record,
            timing,
            steps_per_s=self._steps / elapsed,
            seconds_left=elapsed / self._here * (self._planned - self._played),
            slowest_house=self._slowest[0],
            slowest_s=self._slowest[1],
        )

    def _note_house(self, house: str, wall_s: float) -> None:
        total, count = self._houses.get(house, (0.0, 0))
        self._houses[house] = (total + wall_s, count + 1)
        means = ((total / count, name) for name, (total, count) in self._houses.items())
        mean, name = max(means)
        self._slowest = (name, mean)
