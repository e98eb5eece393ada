"""A policy that draws uniform actions: the floor of every benchmark."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import NotReset


class RandomPolicy:
    """Uniform over the env's action box, reproducible from the seed given to ``reset``."""

    def __init__(self) -> None:
        self._low: NDArray[np.float32] | None = None
        self._high: NDArray[np.float32] | None = None
        self._rng = np.random.default_rng(0)

    def bind(self, env: Any) -> None:
        """Learn the bounds of the action space."""
        self._low = np.array(env.action_space.low)
        self._high = np.array(env.action_space.high)

    def reset(self, instruction: str, seed: int | None) -> None:
        """Restart the generator; equal seeds give equal actions."""
        self._rng = np.random.default_rng(seed)

    def predict(
        self,
        obs: Any,
        state: Any = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[np.float32], Any]:
        """A fresh uniform action; nothing of the arguments is used."""
        if self._low is None or self._high is None:
            raise NotReset("RandomPolicy has no action space yet; call bind(env.unwrapped) first")
        return self._rng.uniform(self._low, self._high).astype(np.float32), state
