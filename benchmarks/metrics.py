"""Figures computed from the trace of one episode."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidConfig

CONSECUTIVE = 5
"""Steps in a row that count as success for the RB-Y1 tables of the MolmoBot paper."""


def first_success(trace: Sequence[bool]) -> int | None:
    """Index of the first true entry of a success trace; entry 0 is the state after reset."""
    return next((index for index, success in enumerate(trace) if success), None)


def has_run(trace: Sequence[bool], length: int = CONSECUTIVE) -> bool:
    """Whether ``length`` entries in a row are true."""
    run = 0
    for success in trace:
        run = run + 1 if success else 0
        if run >= length:
            return True
    return False


def mean_jerk(positions: NDArray[np.float64], dt: float) -> float:
    """Mean norm of the third difference of ``positions`` (T, n) over ``dt``^3.

    As the official result script; NaN for fewer than four rows.
    """
    if dt <= 0:
        raise InvalidConfig(f"dt must be positive, got {dt}")
    if len(positions) < 4:
        return float("nan")
    third = np.diff(np.asarray(positions, dtype=np.float64), n=3, axis=0)
    return float(np.linalg.norm(third, axis=1).mean() / dt**3)
