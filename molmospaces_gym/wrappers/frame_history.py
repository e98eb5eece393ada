"""``FrameHistory``: the last k observations of chosen keys, in shapes that every library takes."""

from collections import deque
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs

from molmospaces_gym.errors import InvalidConfig, UnknownName


class FrameHistory(gym.ObservationWrapper[Any, Any, Any], RecordConstructorArgs):
    """Concatenates the last ``length`` values of ``keys`` (default: all) along the last axis.

    Oldest first: an (H, W, 3) image becomes (H, W, 3 * length), an (n,) vector (n * length,). The
    first observation of an episode fills the whole history.
    """

    def __init__(
        self, env: gym.Env[Any, Any], length: int = 2, keys: Sequence[str] | None = None
    ) -> None:
        RecordConstructorArgs.__init__(self, length=length, keys=keys)
        gym.ObservationWrapper.__init__(self, env)
        if length < 1:
            raise InvalidConfig(f"length must be at least 1, not {length!r}")
        space = env.observation_space
        if not isinstance(space, spaces.Dict):
            raise InvalidConfig(f"FrameHistory needs a Dict observation space, not {space}")
        self.keys = tuple(space) if keys is None else tuple(keys)
        for key in self.keys:
            if key not in space.spaces:
                raise UnknownName("observation key", key, list(space))
        self._frames: deque[dict[str, Any]] = deque(maxlen=length)
        changed = {key: _repeated(space[key], length) for key in self.keys}
        self.observation_space = spaces.Dict({**space.spaces, **changed})

    def reset(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start an episode with a history full of its first observation."""
        observation, info = self.env.reset(**kwargs)
        assert self._frames.maxlen is not None
        self._frames.extend([observation] * self._frames.maxlen)
        return self._stacked(observation), info

    def observation(self, observation: dict[str, Any]) -> dict[str, Any]:
        """Append an observation and return the stacked history."""
        self._frames.append(observation)
        return self._stacked(observation)

    def _stacked(self, observation: dict[str, Any]) -> dict[str, Any]:
        stacked = {
            key: np.concatenate([frame[key] for frame in self._frames], axis=-1)
            for key in self.keys
        }
        return {**observation, **stacked}


def _repeated(space: spaces.Space[Any], length: int) -> spaces.Box:
    if not isinstance(space, spaces.Box):
        raise InvalidConfig(f"FrameHistory stacks Box entries only, not {space}")
    low, high = (np.concatenate([bound] * length, axis=-1) for bound in (space.low, space.high))
    return spaces.Box(low, high, dtype=space.dtype.type)
