"""A reward model that is one Python function."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidAnswer, InvalidConfig, PolicyUnavailable
from molmospaces_gym.errors import RewardModelUnavailable as Unavailable
from molmospaces_gym.policies.function import find_object
from molmospaces_gym.rewards.base import Score, told_score
from molmospaces_gym.rewards.plain import SessionBatch, WholeSession


class FunctionModel:
    """Scores with ``function(frames, instruction)``: ``callable:module:function``.

    The function gets frames (T, H, W, 3) uint8 and returns a ``Score``, a pair of
    log-probabilities (true, false), or one probability of true strictly between 0 and 1. Its
    ``fps`` is honoured where it has one.

    Args:
        function: it, or ``module:name``.
        fps: frames per second of an episode that it wants to see.
    """

    def __init__(self, function: str | Callable[..., Any], fps: float | None = None) -> None:
        try:
            found = find_object(function) if isinstance(function, str) else function
        except PolicyUnavailable as error:
            raise Unavailable(f"reward function {function!r} is not there: {error}") from error
        if not callable(found):
            raise InvalidConfig(f"{function!r} is no function but {type(found).__name__}")
        self._function = found
        self.name = (
            function if isinstance(function, str) else getattr(found, "__name__", "function")
        )
        self.fps = float(getattr(found, "fps", 2.0) if fps is None else fps)

    def start(self, instruction: str) -> WholeSession:
        return WholeSession(self, instruction)

    def start_batch(self, slots: int) -> SessionBatch:
        return SessionBatch(self, slots)

    def score_video(self, frames: NDArray[Any], instruction: str) -> Score:
        """Judge a video; raises ``InvalidAnswer`` where the function returns something else."""
        answer = self._function(frames, instruction)
        if isinstance(answer, Score):
            true, false = answer.logp_true, answer.logp_false
            return told_score(self.name, true, false, answer.frames, answer.tokens)
        found = np.asarray(answer, np.float64)
        if found.shape == () and 0.0 < float(found) < 1.0:
            return Score(math.log(float(found)), math.log1p(-float(found)), len(frames))
        if found.shape == (2,) and np.isfinite(found).all() and (found <= 0).all():
            return Score(float(found[0]), float(found[1]), len(frames))
        raise InvalidAnswer(
            f"{self.name} returned {answer!r}; expected a Score, two log-probabilities of at most"
            " 0, or one probability between 0 and 1"
        )
