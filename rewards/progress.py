"""Progress within one episode and the dense reward of the paper (arXiv 2602.19313, Eq. 2 and 3).

Both need the whole episode: the smallest and largest value are known only at its end.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

TAU, DELTA_MAX = 2.0, 2.0
"""Scale and upper clip of Eq. 3 in the paper."""


def normalised(values: Sequence[float] | NDArray[np.floating]) -> Array:
    """Progress (K,) in [0, 1]: values minus their least, over their range (Eq. 2).

    A constant series has made no difference to be judged by; it is 1 everywhere, as in the
    published code.
    """
    series = np.asarray(values, dtype=np.float64)
    if not series.size or np.ptp(series) == 0:
        return np.ones_like(series)
    least = series.min()
    return np.asarray((series - least) / (series.max() - least))


def dense_reward(progress: Array, tau: float = TAU, delta_max: float = DELTA_MAX) -> Array:
    """Reward (K - 1,) of each step of progress (K,): tau e^increment, within 0..delta_max (Eq. 3).

    With the paper's constants no step earns less than tau / e: the sum pays for length, and every
    increment that is not negative earns the same 2.
    """
    return np.clip(tau * np.exp(np.diff(progress)), 0.0, delta_max)
