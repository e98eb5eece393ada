"""``InfoRows``: the infos of N sub-environments as Gymnasium's vector infos."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


class InfoRows:
    """Keeps one array per info key, written row by row where each sub-environment steps.

    Slots may be written by different threads. ``batch`` then copies whole arrays, so that the part
    of a vector step which only one thread can do stays short.
    """

    def __init__(self, num_envs: int) -> None:
        self._num_envs = num_envs
        self._columns: dict[str, NDArray[Any]] = {}
        self._odd = np.ones(num_envs, np.bool_)

    def write(self, slot: int, info: Mapping[str, Any]) -> None:
        """Keep the info of a slot."""
        columns = self._columns
        self._odd[slot] = odd = info.keys() != columns.keys()
        if not odd:
            for key, value in info.items():
                columns[key][slot] = value

    def batch(self, infos: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
        """Arrays with their ``_key`` masks.

        None where the rows differ in their keys, and once when the keys are seen first: ``infos``,
        those of all slots, then say what the columns are.
        """
        if self._odd.any():
            if not self._columns and all(info.keys() == infos[0].keys() for info in infos):
                self._columns = {key: self._column(value) for key, value in infos[0].items()}
            return None
        found: dict[str, Any] = {}
        for key, column in self._columns.items():
            found[key] = column.copy()
            found[f"_{key}"] = np.ones(self._num_envs, np.bool_)
        return found

    def _column(self, value: object) -> NDArray[Any]:
        kind = type(value) if isinstance(value, bool | float) else object
        return np.zeros(self._num_envs, dtype=kind)
