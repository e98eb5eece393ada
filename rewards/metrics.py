"""Measures of how good a per-frame value signal is, whatever model produced it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidConfig


def voc(values: Sequence[float] | NDArray[np.floating]) -> float:
    """Value-order correlation: Spearman rank correlation of values with chronological order.

    1 means that every later frame of a successful episode got a higher value, -1 the reverse. A
    high value is necessary for a good progress signal, not sufficient. Ties share their mean rank.

    Args:
        values: (T,) values of the frames of one episode in the order they were recorded.

    Returns:
        A number in [-1, 1]; NaN where the correlation does not exist: fewer than two frames, a
        constant signal, or a value that is not finite.
    """
    series = np.asarray(values, dtype=np.float64)
    if series.ndim != 1:
        raise InvalidConfig(f"voc needs one value per frame, shape (T,); got shape {series.shape}")
    if len(series) < 2 or not np.isfinite(series).all() or np.ptp(series) == 0:
        return float("nan")
    from scipy.stats import spearmanr

    return float(spearmanr(series, np.arange(len(series))).statistic)
