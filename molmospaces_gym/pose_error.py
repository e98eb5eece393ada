"""A calibration error: the privileged observation says that everything is a little elsewhere.

A camera that was mounted or measured badly sees the whole scene displaced in the robot's frame, by
the same vector wherever the arm is. The robot's own joints and tool pose stay right, and so does
the simulation: success is judged where things are.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidConfig

LARGEST = 1.0
"""m; beyond that it is no error of calibration."""
_ABSOLUTE = ("_pose", "_position", "_anchor")
_FROM_TOOL = "_to_tcp"


def checked_error(wanted: Any, obs_mode: str) -> tuple[float, float, float]:
    """The error (x, y, z) in m, zero for None; raises ``InvalidConfig``."""
    if wanted is None:
        return (0.0, 0.0, 0.0)
    try:
        x, y, z = (float(value) for value in wanted)
    except (TypeError, ValueError):
        x = float("nan")
    if not (abs(x) <= LARGEST and abs(y) <= LARGEST and abs(z) <= LARGEST):
        raise InvalidConfig(
            f"pose_error must be three numbers [x, y, z] of at most {LARGEST:g} m, not {wanted!r}"
        )
    if obs_mode != "state":
        raise InvalidConfig(
            f"pose_error displaces the poses of obs_mode='state'; {obs_mode!r} observes none"
        )
    return (x, y, z)


def displacement(
    keys: Iterable[str], slices: Mapping[str, slice], size: int, error: tuple[float, float, float]
) -> NDArray[np.float32] | None:
    """What is added to the flat buffer (size,), or None where nothing is.

    Positions of the scene (``keys``) are displaced by ``error``, and what is measured from one of
    them to the tool by its opposite. Differences within the scene, directions and sizes stay.
    """
    if not any(error):
        return None
    added = np.zeros(size, np.float32)
    for key in keys:
        place = slice(slices[key].start, slices[key].start + 3)
        if key.endswith(_FROM_TOOL):
            added[place] = np.negative(error)
        elif key.endswith(_ABSOLUTE):
            added[place] = error
    return added
