"""One privileged observation made of those of several tasks; shared keys have one place."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.tasks.base import PrivilegedKey, Task

Keys = Mapping[str, PrivilegedKey]


def union_keys(first: Keys, tasks: Mapping[str, Task]) -> dict[str, PrivilegedKey]:
    """The keys ``first`` and then those of all tasks.

    Raises:
        InvalidConfig: two of them have the same key in different sizes.
    """
    keys = dict(first)
    for name, task in tasks.items():
        for key, shape in task.privileged_keys.items():
            if keys.setdefault(key, shape).size != shape.size:
                raise InvalidConfig(f"task {name} observes {key!r} in another size than others")
    return keys


def key_starts(keys: Keys) -> dict[str, int]:
    """Where each key begins in the privileged part of the observation."""
    starts, start = {}, 0
    for name, key in keys.items():
        starts[name] = start
        start += key.size
    return starts


def places_of(keys: Keys, own: Keys) -> NDArray[np.intp]:
    """Where the elements of the keys ``own`` are in an observation of ``keys``."""
    starts = key_starts(keys)
    ranges = [np.arange(starts[key], starts[key] + shape.size) for key, shape in own.items()]
    found: NDArray[np.intp] = np.concatenate(ranges).astype(np.intp)
    return found
