"""``ActionChunk``: one agent action is a sequence of env actions, executed open loop."""

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box
from gymnasium.utils import RecordConstructorArgs
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidAction, InvalidConfig

Step = tuple[Any, float, bool, bool, dict[str, Any]]


class ActionChunk(gym.Wrapper[Any, NDArray[np.float32], Any, Any], RecordConstructorArgs):
    """Takes (``chunk`` * n,) actions, plays the first ``execute`` of them, sums their rewards.

    The flat action holds ``chunk`` env actions one after the other. Execution stops early when the
    episode ends. ``info`` is that of the last step with the ``reward/<term>`` summed,
    ``chunk_steps`` the number of env steps played and ``success_once`` whether any of them
    succeeded: an open-loop chunk must not hide a success between its ends.
    """

    def __init__(self, env: gym.Env[Any, Any], chunk: int = 16, execute: int | None = None) -> None:
        RecordConstructorArgs.__init__(self, chunk=chunk, execute=execute)
        gym.Wrapper.__init__(self, env)
        execute = chunk if execute is None else execute
        if not 1 <= execute <= chunk:
            raise InvalidConfig(f"execute must be 1..chunk ({chunk}), not {execute}")
        space = env.action_space
        if not isinstance(space, Box):
            raise InvalidConfig(f"ActionChunk needs a Box action space, not {space}")
        self.chunk, self.execute = chunk, execute
        self.action_space = Box(np.tile(space.low, chunk), np.tile(space.high, chunk))

    def step(self, action: NDArray[np.float32]) -> Step:
        """Play the first ``execute`` actions of the chunk; raises ``InvalidAction``."""
        action = np.asarray(action)
        if action.shape != self.action_space.shape:
            raise InvalidAction(
                f"a chunk must have shape {self.action_space.shape}, not {action.shape}"
            )
        total, terms, success = 0.0, dict[str, float](), False
        played = 0
        for part in np.split(action, self.chunk)[: self.execute]:
            played += 1
            observation, reward, terminated, truncated, info = self.env.step(part)
            total += float(reward)
            success = success or bool(info.get("is_success", False))
            for key, value in info.items():
                if key.startswith("reward/"):
                    terms[key] = terms.get(key, 0.0) + value
            if terminated or truncated:
                break
        info = {**info, **terms, "chunk_steps": played, "success_once": success}
        return observation, total, terminated, truncated, info
