"""What is read off a score, and the affine map from there to a potential in [0, 1]."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from molmospaces_gym.errors import InvalidAnswer, InvalidConfig, UnknownName
from molmospaces_gym.json_files import read_json, write_atomic
from molmospaces_gym.rewards.base import Score

SIGNALS = ("prob", "logp", "margin")
"""P(" True"), its logarithm in nat, and how much likelier than " False" it is, in nat."""


def read_signal(score: Score, signal: str) -> float:
    """The number that a score stands for; raises ``InvalidAnswer`` where it is not finite."""
    if signal not in SIGNALS:
        raise UnknownName("signal of a score", signal, SIGNALS)
    value = float(score.logp_true if signal == "logp" else getattr(score, signal))
    if not math.isfinite(value):
        raise InvalidAnswer(
            f"the reward model answered with {signal} {value} (logp_true {score.logp_true},"
            f" logp_false {score.logp_false}); expected finite log-probabilities"
        )
    return value


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """``signal`` mapped so that ``low`` becomes 0 and ``high`` becomes 1, and cut off there.

    The default is P(" True") as it is: right for a model trained to say how far a task has come.
    Zero-shot models say log-probabilities far below 0 where a task is half done; fit them.
    """

    signal: str = "prob"
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if self.signal not in SIGNALS:
            raise UnknownName("signal of a score", self.signal, SIGNALS)
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise InvalidConfig(
                f"a calibration needs finite low < high, not {self.low!r} and {self.high!r}"
            )

    def __call__(self, value: float) -> float:
        """The potential of a value of the signal."""
        return min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)

    @classmethod
    def parse(cls, given: Any) -> "Calibration":
        """From None (the default), [low, high] of ``logp``, a mapping, or a JSON file of ``save``.

        Raises:
            InvalidConfig: anything else.
        """
        if given is None:
            return cls()
        if isinstance(given, Calibration):
            return given
        if isinstance(given, str | Path):
            given = read_json(Path(given), InvalidConfig)
        if isinstance(given, Sequence) and len(given) == 2:
            given = {"signal": "logp", "low": given[0], "high": given[1]}
        try:
            return cls(**given) if isinstance(given, Mapping) else cls(*given)
        except TypeError as error:
            raise InvalidConfig(
                'calibration must be [low, high] of logp, {"signal": ..., "low": ..., "high": ...}'
                f" or a JSON file with these, not {given!r}"
            ) from error

    @classmethod
    def fit(
        cls, undone: Sequence[float], done: Sequence[float], signal: str = "logp"
    ) -> "Calibration":
        """From values of the signal where a task is untouched or failed, and where it is done.

        Their medians become 0 and 1; raises ``InvalidConfig`` where they are in the wrong order.
        """
        if not len(undone) or not len(done):
            raise InvalidConfig("a calibration needs values of both kinds: not done, and done")
        return cls(signal=signal, low=float(np.median(undone)), high=float(np.median(done)))

    def save(self, path: Path) -> None:
        """Write a JSON file."""
        write_atomic(path, json.dumps(asdict(self), indent=2) + "\n")
