"""What a reward model is: it watches an episode and says how true its task has become.

Models work as streams: a session is told the instruction once, then every frame, and can be asked
at any time. An answer is a pair of log-probabilities, that the assertion "the video completes this
task" is followed by " True" or by " False".
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidAnswer


@dataclass(frozen=True)
class Score:
    """Log-probabilities of the two answers, in nat, and what they cost.

    Attributes:
        logp_true, logp_false: natural logarithms, at most 0; they need not add up to certainty.
        frames: frames of the episode that the answer rests on.
        tokens: tokens that a language model had to process anew for this answer; 0 where there
            are none.
    """

    logp_true: float
    logp_false: float
    frames: int = 0
    tokens: int = 0

    @property
    def prob(self) -> float:
        """P(" True")."""
        return math.exp(self.logp_true)

    @property
    def margin(self) -> float:
        """How much likelier " True" is than " False", in nat."""
        return self.logp_true - self.logp_false


ROUNDING = 1e-3
"""By which a log-probability that was computed in half precision may exceed 0, nat."""


def told_score(name: str, true: float, false: float, frames: int, tokens: int = 0) -> Score:
    """A score of what somebody else's code or server answered.

    Raises:
        InvalidAnswer: these are no two log-probabilities.
    """
    if not all(math.isfinite(value) and value <= ROUNDING for value in (true, false)):
        raise InvalidAnswer(
            f"{name} answered {true} and {false}; expected two finite log-probabilities of at"
            " most 0"
        )
    return Score(min(true, 0.0), min(false, 0.0), frames, tokens)


@runtime_checkable
class RewardSession(Protocol):
    """One episode being watched."""

    def push(self, frame: NDArray[Any]) -> None:
        """Show the next frame, (H, W, 3) uint8; every frame of an episode has the same size."""
        ...

    def score(self) -> Score:
        """Judge what was shown so far; asking changes nothing. ``InvalidConfig`` before a frame."""
        ...


@runtime_checkable
class RewardBatch(Protocol):
    """Several episodes being watched together, each in a slot, at the price of fewer calls."""

    def start(self, slot: int, instruction: str) -> None:
        """Forget what the slot has seen and begin an episode there."""
        ...

    def push(self, slots: Sequence[int], frames: NDArray[Any]) -> None:
        """Show each slot its next frame, (len(slots), H, W, 3) uint8."""
        ...

    def score(self, slots: Sequence[int]) -> list[Score]:
        """Judge these slots, in their order."""
        ...


@runtime_checkable
class RewardModel(Protocol):
    """Judges episodes.

    Attributes:
        name: what it is called in files and reports.
        fps: frames per second of the episode that it wants to see, as it was trained on.
    """

    name: str
    fps: float

    def start(self, instruction: str) -> RewardSession:
        """Begin to watch an episode."""
        ...

    def start_batch(self, slots: int) -> RewardBatch:
        """Room for so many episodes at a time; each begins with ``RewardBatch.start``."""
        ...
