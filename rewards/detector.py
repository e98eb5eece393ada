"""Success detection: the mean of the last scores against a threshold from labelled episodes."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from molmospaces_gym.errors import InvalidConfig, UnknownName
from molmospaces_gym.json_files import read_json, write_atomic
from molmospaces_gym.rewards.calibration import SIGNALS
from molmospaces_gym.rewards.metrics import auc_interval, roc_auc, roc_curve

LAST = 3
"""Scores that are averaged (paper: the last three prefixes)."""


@dataclass(frozen=True, kw_only=True)
class Detector:
    """Says success when the mean of the last scores reaches a threshold.

    Attributes:
        threshold: of the mean signal.
        signal: what is read off a score; ``logp`` in the paper.
        last: scores that are averaged. With fewer there is no success yet.
        auc, auc_low, auc_high: area under the ROC curve of the episodes that the threshold comes
            from, with its 95 % interval. NaN where the threshold was given.
        true_positive_rate, false_positive_rate: of the threshold among those episodes.
        successes, failures: how many there were.
    """

    threshold: float
    signal: str = "logp"
    last: int = LAST
    auc: float = math.nan
    auc_low: float = math.nan
    auc_high: float = math.nan
    true_positive_rate: float = math.nan
    false_positive_rate: float = math.nan
    successes: int = 0
    failures: int = 0

    def __post_init__(self) -> None:
        if self.signal not in SIGNALS:
            raise UnknownName("signal of a score", self.signal, SIGNALS)
        if not isinstance(self.threshold, int | float) or math.isnan(self.threshold):
            raise InvalidConfig(f"a detector's threshold must be a number, not {self.threshold!r}")
        if not isinstance(self.last, int) or self.last < 1:
            raise InvalidConfig(f"last must be a positive number of scores, not {self.last!r}")

    def __call__(self, values: Sequence[float]) -> bool:
        """Whether an episode with these values of the signal so far has succeeded."""
        return len(values) >= self.last and final_score(values, self.last) >= self.threshold

    @classmethod
    def fit(
        cls,
        successes: Sequence[float],
        failures: Sequence[float],
        false_positive_rate: float = 0.05,
        signal: str = "logp",
        last: int = LAST,
    ) -> "Detector":
        """The threshold that finds most successes at no more than that rate of false alarms.

        Args:
            successes, failures: ``peak_score`` of each labelled episode, for a detector that
                watches it; ``final_score`` for one that is asked at the end.
            false_positive_rate: the most that is wanted among the failures.
            signal, last: how those scores were made.

        Raises:
            InvalidConfig: one of the two kinds is missing or a value is not finite.
        """
        if not 0 <= false_positive_rate <= 1:
            raise InvalidConfig(f"a rate is within [0, 1], not {false_positive_rate!r}")
        curve = roc_curve(successes, failures)
        allowed = [point for point in curve if point.false_positive_rate <= false_positive_rate]
        best = max(allowed, key=lambda point: (point.true_positive_rate, point.threshold))
        low, high = auc_interval(successes, failures)
        threshold = best.threshold
        if math.isinf(threshold):  # above everything seen: nothing that JSON could not hold
            threshold = float(np.nextafter(max(*successes, *failures), math.inf))
        return cls(
            threshold=threshold,
            signal=signal,
            last=last,
            auc=roc_auc(successes, failures),
            auc_low=low,
            auc_high=high,
            true_positive_rate=best.true_positive_rate,
            false_positive_rate=best.false_positive_rate,
            successes=len(successes),
            failures=len(failures),
        )

    def save(self, path: Path) -> None:
        """Write a JSON file; what is not known is left out."""
        known = {k: v for k, v in asdict(self).items() if not (v != v)}
        write_atomic(path, json.dumps(known, indent=2) + "\n")

    @classmethod
    def parse(cls, given: Any) -> "Detector":
        """From a number (the threshold), a mapping of attributes, or a JSON file of ``save``.

        Raises:
            InvalidConfig: anything else.
        """
        if isinstance(given, Detector):
            return given
        if isinstance(given, str | Path):
            given = read_json(Path(given), InvalidConfig)
        if isinstance(given, int | float):
            given = {"threshold": float(given)}
        try:
            return cls(**given) if isinstance(given, Mapping) else cls(**dict(given))
        except (TypeError, ValueError) as error:
            raise InvalidConfig(
                f"a detector is a threshold, its attributes or a JSON file, not {given!r}: {error}"
            ) from error


def peak_score(values: Sequence[float], last: int = LAST) -> float:
    """The largest mean of ``last`` values in a row: what a detector that watches goes by.

    An episode with a peak below the threshold is never taken for a success, at no time.
    """
    if len(values) <= last:
        return final_score(values, last)
    means = np.convolve(np.asarray(values, np.float64), np.full(last, 1.0 / last), mode="valid")
    return float(means.max())


def final_score(values: Sequence[float], last: int = LAST) -> float:
    """Mean of the last values of an episode (of all where there are fewer)."""
    if not len(values):
        raise InvalidConfig("an episode without a score has no final score")
    return float(np.mean(np.asarray(values[-last:], np.float64)))
