"""Actions as tokens: one bin per element, its edges the quantiles of the data.

Where much of the data has one value, such as a gripper that is open or closed, quantiles coincide
and leave bins without width. These ghosts can hold nothing, and are never to be chosen.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidConfig

Array = NDArray[np.float64]

OUTLIERS = 0.01
"""Share of the data cut off at either end (the published models use 1st and 99th percentile)."""


@dataclass(frozen=True)
class ActionTokens:
    """Bins for the elements of an action.

    Attributes:
        edges: (n, bins + 1) non-decreasing, in normalised units.
        low, high: (n,) the values that are -1 and 1 in them; what lies beyond is clipped.
        middle: whether a token is decoded to the middle of its bin, else to its right edge.
    """

    edges: Array
    low: Array
    high: Array
    middle: bool = True

    def __post_init__(self) -> None:
        size = len(self.edges)
        if self.edges.ndim != 2 or self.low.shape != (size,) or self.high.shape != (size,):
            raise InvalidConfig(
                f"bins need edges (n, bins + 1), low (n,) and high (n,), not {self.edges.shape},"
                f" {self.low.shape} and {self.high.shape}"
            )
        if (np.diff(self.edges, axis=1) < 0).any() or (self.high < self.low).any():
            raise InvalidConfig("bin edges and limits must not decrease")

    @property
    def bins(self) -> int:
        """Tokens per element; the next number is padding."""
        return int(self.edges.shape[1]) - 1

    def encode(self, actions: Array) -> NDArray[np.int64]:
        """Tokens (..., n) of actions (..., n)."""
        values = self._normalised(actions)
        tokens = np.empty(values.shape, np.int64)
        for i, edges in enumerate(self.edges):
            tokens[..., i] = np.searchsorted(edges[1:-1], values[..., i], side="left")
        return tokens

    def decode(self, tokens: NDArray[np.int64]) -> Array:
        """Actions (..., n) of tokens (..., n); padding reads as the last bin."""
        values = self.values
        tokens = np.clip(np.asarray(tokens, np.int64), 0, self.bins - 1)
        actions: Array = values[np.arange(len(values)), tokens]
        return actions

    @property
    def values(self) -> Array:
        """The action element (n, bins) that each token stands for.

        A bin whose right edge is shared by quantiles holds many times just that value, such as a
        closed gripper; decoded to its middle it would never be reached.
        """
        right = self.edges[:, 1:]
        chosen = right
        if self.middle:
            common = np.zeros_like(right, dtype=bool)
            common[:, :-1] = np.diff(right, axis=1) == 0.0
            chosen = np.where(common, right, 0.5 * (self.edges[:, :-1] + right))
        half = 0.5 * (self.high - self.low)[:, None]
        values: Array = (chosen + 1.0) * half + self.low[:, None]
        return values

    @property
    def valid(self) -> NDArray[np.bool_]:
        """(n, bins + 1): what may be chosen: no ghost and no padding.

        Of bins without width, the first of a row of equals counts as valid, as in the published
        models; ``encode`` needs it where the first edges coincide.
        """
        width = np.diff(self.edges, axis=1) > 0
        first = np.ones_like(width)
        first[:, 1:] = np.diff(self.edges[:, :-1], axis=1) > 0
        padding = np.zeros((len(width), 1), dtype=bool)
        return np.concatenate([width | first, padding], axis=1)

    def _normalised(self, actions: NDArray[np.floating[Any]]) -> Array:
        span = np.maximum(self.high - self.low, 1e-8)
        values = 2.0 * (np.asarray(actions, dtype=np.float64) - self.low) / span - 1.0
        return np.clip(values, -1.0, 1.0)

    @classmethod
    def fit(
        cls,
        actions: NDArray[np.floating[Any]],
        bins: int,
        *,
        outliers: float = OUTLIERS,
        middle: bool = True,
    ) -> "ActionTokens":
        """Bins that the rows of ``actions`` (m, n) fill evenly.

        Raises:
            InvalidConfig: there are no rows, or they are not finite.
        """
        actions = np.asarray(actions, dtype=np.float64)
        if actions.ndim != 2 or not len(actions) or not np.isfinite(actions).all():
            raise InvalidConfig(
                f"bins need finite actions (m, n) with m > 0, not {actions.shape}"
                " or not finite ones"
            )
        low, high = np.quantile(actions, [outliers, 1.0 - outliers], axis=0)
        made = cls.uniform(low, high, bins, middle=middle)
        edges = np.quantile(made._normalised(actions), np.linspace(0, 1, bins + 1), axis=0).T
        return cls(np.ascontiguousarray(edges), low, high, middle)

    @classmethod
    def uniform(cls, low: Array, high: Array, bins: int, *, middle: bool = True) -> "ActionTokens":
        """Bins of equal width between ``low`` and ``high`` (n,)."""
        low, high = (np.asarray(v, dtype=np.float64) for v in (low, high))
        return cls(np.tile(np.linspace(-1.0, 1.0, bins + 1), (len(low), 1)), low, high, middle)
