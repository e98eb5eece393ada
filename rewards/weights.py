"""Reward-aligned behaviour cloning: how much each step of a demonstration counts.

Rows are steps of episodes, one after another; ``ends`` (m,) holds for each the row behind the last
one of its episode, as ``Demos.ends`` does. The increment of a row is what the next ``horizon``
steps bring: progress then minus progress now, up to the episode's end. The outcome of an episode is
its progress in the end. All weights have mean 1, so that they change what is learned and not how
fast, and come with their effective sample size.

Increments tell good steps from bad ones within an episode and outcomes tell episodes apart: where
bad demonstrations look like good ones until they miss, only the latter knows.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.rewards.progress import DELTA_MAX, TAU

Array = NDArray[np.float64]
Rows = NDArray[np.int64]

HORIZON, TEMPERATURE, MOST = 8, 0.05, 10.0
"""Of ``temperature_weights``: steps of a chunk, scale of an increment, largest weight before the
mean is taken. Which temperature fits follows from the data: look at ``share``."""
LAST, CONTRAST = 20, 0.2
"""Of ``outcome_weights``: steps in the end that say how an episode went, scale of an outcome."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class BcWeights:
    """Weights (m,) with mean 1, for ``train_bc`` and ``BehaviourCloning``.

    Attributes:
        values: the weights.
        effective: effective sample size (sum w)^2 / sum w^2: m when all are alike, 1 when a
            single row counts. Near m, the weighting does nothing.
    """

    values: Array
    effective: float

    @property
    def share(self) -> float:
        """Effective sample size per row, in (0, 1]."""
        return self.effective / len(self.values)


def paper_weights(
    progress: Array,
    ends: Rows,
    tau: float = TAU,
    delta_max: float = DELTA_MAX,
    centred: bool = True,
    horizon: int = 1,
) -> BcWeights:
    """clip(tau e^d, 0, delta_max) of increments d (Eq. 3), as the paper weights its policy's loss.

    ``centred`` takes the data set's mean increment off d first (the text's advantages, Eq. 5).
    With the paper's constants nearly every row gets the largest weight: ``share`` is close to 1 and
    training is plain cloning. ``temperature_weights`` is the form with an effect.
    """
    increments = increments_of(progress, ends, horizon)
    if centred:
        increments = increments - increments.mean()
    return _weights(np.clip(tau * np.exp(increments), 0.0, delta_max), "paper")


def temperature_weights(
    progress: Array,
    ends: Rows,
    horizon: int = HORIZON,
    temperature: float = TEMPERATURE,
    most: float = MOST,
) -> BcWeights:
    """min(e^((d - mean d) / temperature), most) of increments d over ``horizon`` steps.

    Raises:
        InvalidConfig: a setting is not positive.
    """
    return _sharpened(increments_of(progress, ends, horizon), temperature, most, "temperature")


def outcome_weights(
    progress: Array,
    ends: Rows,
    last: int = LAST,
    temperature: float = CONTRAST,
    most: float = MOST,
) -> BcWeights:
    """min(e^((o - mean o) / temperature), most) of outcomes o, the same for an episode's rows.

    An outcome is the mean progress of an episode's ``last`` rows, like what a detector of success
    looks at. It compares episodes, so ``progress`` must not be stretched to 0..1 in each of them
    (``reward progress --scale prob``).

    Raises:
        InvalidConfig: as for ``increments_of``, or a setting is not positive.
    """
    progress, ends = _checked(progress, ends)
    return _sharpened(means_of_last(progress, ends, last), temperature, most, "outcome")


def means_of_last(progress: Array, ends: Rows, last: int) -> Array:
    """For each row the mean of the ``last`` rows of its episode, (m,); of all where it has fewer.

    Raises:
        InvalidConfig: ``last`` is no number of steps.
    """
    if not isinstance(last, int) or last < 1:
        raise InvalidConfig(f"last must be a positive number of steps, not {last!r}")
    stops, which = np.unique(ends, return_inverse=True)
    starts = np.maximum(np.concatenate([[0], stops[:-1]]), stops - last)
    means = [progress[start:stop].mean() for start, stop in zip(starts, stops, strict=True)]
    return np.asarray(means)[which]


def increments_of(progress: Array, ends: Rows, horizon: int) -> Array:
    """Progress (m,) after ``horizon`` steps of the same episode minus progress now, (m,).

    Raises:
        InvalidConfig: no rows, shapes differ, a value is not finite or ``horizon`` is no number of
            steps.
    """
    progress, ends = _checked(progress, ends)
    if not isinstance(horizon, int) or horizon < 1:
        raise InvalidConfig(f"horizon must be a positive number of steps, not {horizon!r}")
    later = np.minimum(np.arange(len(progress)) + horizon, ends - 1)
    return np.asarray(progress[later] - progress)


def _checked(progress: Array, ends: Rows) -> tuple[Array, Rows]:
    progress, ends = np.asarray(progress, np.float64), np.asarray(ends)
    if progress.ndim != 1 or progress.shape != ends.shape or not len(progress):
        raise InvalidConfig(
            "progress and ends must be (m,) of the same rows, not"
            f" {progress.shape} and {ends.shape}"
        )
    if not np.isfinite(progress).all():
        raise InvalidConfig(f"{(~np.isfinite(progress)).sum()} values of progress are not finite")
    return progress, ends


def effective_size(weights: Array) -> float:
    """Kish's effective sample size (sum w)^2 / sum w^2."""
    return float(weights.sum() ** 2 / np.square(weights).sum())


def ends_of(lengths: Sequence[int]) -> Rows:
    """``ends`` of episodes with these lengths."""
    return np.repeat(np.cumsum(lengths), lengths).astype(np.int64)


def spread(frames: Sequence[int], values: Sequence[float], length: int) -> Array:
    """Values at some frames of an episode, straight lines between them: (length,)."""
    return np.interp(np.arange(length), np.asarray(frames), np.asarray(values, np.float64))


def _sharpened(values: Array, temperature: float, most: float, kind: str) -> BcWeights:
    """min(e^((v - mean v) / temperature), most) of values v."""
    if not (temperature > 0 and most > 0):
        raise InvalidConfig(f"temperature and most must be positive, not {temperature}, {most}")
    exponents = (values - values.mean()) / temperature
    return _weights(np.exp(np.minimum(exponents, np.log(most))), kind)


def _weights(raw: Array, kind: str) -> BcWeights:
    found = BcWeights(raw / raw.mean(), effective_size(raw))
    size, rows = found.effective, len(raw)
    _log.info("%s weights: effective sample size %.1f of %d (%.3f)", kind, size, rows, found.share)
    return found


def weights_of(name: str, progress: Array, ends: Rows, **settings: Any) -> BcWeights:
    """Weights by name, ``paper``, ``temperature`` or ``outcome``; raises ``InvalidConfig``."""
    known: dict[str, Callable[..., BcWeights]] = {
        "paper": paper_weights,
        "temperature": temperature_weights,
        "outcome": outcome_weights,
    }
    if name not in known:
        raise InvalidConfig(f"weights are {', '.join(known)}, not {name!r}")
    try:
        return known[name](progress, ends, **settings)
    except TypeError as error:
        raise InvalidConfig(f"{name} weights: {error}") from error
