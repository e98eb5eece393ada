"""Arguments of a vector env's ``reset`` and ``step``, checked before anything moves."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidAction, InvalidConfig
from molmospaces_gym.vector_output import as_array


def spread_seeds(seed: int | Sequence[int | None] | None, count: int) -> list[int | None]:
    """A seed for each of ``count`` slots: counted on from one number, or as given.

    Raises:
        InvalidConfig: another number of seeds.
    """
    if seed is None:
        return [None] * count
    if isinstance(seed, int | np.integer):
        return [int(seed) + slot for slot in range(count)]
    if len(seed) != count:
        raise InvalidConfig(f"seed must be one number or {count}, not {len(seed)}")
    return list(seed)


def checked_mask(mask: Any, count: int) -> NDArray[np.bool_]:
    """Which slots are reset (count,), from an array, a tensor, or None for all.

    Raises:
        InvalidConfig: it is something else, or chooses none.
    """
    if mask is None:
        return np.ones(count, np.bool_)
    array = as_array(mask) if hasattr(mask, "detach") else mask
    right = isinstance(array, np.ndarray) and array.dtype == np.bool_
    if not right or array.shape != (count,) or not array.any():
        raise InvalidConfig(
            f"options['reset_mask'] must be a bool array of shape ({count},) with at"
            f" least one True, not {mask!r}"
        )
    chosen: NDArray[np.bool_] = array
    return chosen


def checked_actions(actions: object, wanted: Any) -> NDArray[Any]:
    """An array or a tensor of the shape ``wanted``; raises ``InvalidAction``."""
    array = as_array(actions)
    if array.shape != wanted:
        raise InvalidAction(f"actions must have shape {wanted}, not {array.shape}")
    finite = np.isfinite(array)
    if not finite.all():
        bad = np.flatnonzero(~finite.reshape(len(array), -1).all(axis=1)).tolist()
        raise InvalidAction(f"actions must be finite; rows {bad} are not")
    return array
