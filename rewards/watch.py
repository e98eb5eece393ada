"""Episodes being watched by a model, each beside a still one, here or in a thread."""

import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.rewards.base import RewardModel
from molmospaces_gym.rewards.core import Judged

Frames = Mapping[int, NDArray[Any]]


def resolve_model(model: Any) -> RewardModel:
    """A model by its name (``load_reward_model``), or the one that is given.

    Raises:
        InvalidConfig: it is neither a name nor a ``RewardModel``.
    """
    if isinstance(model, str):
        # Not before it is needed: models bring torch and transformers.
        from molmospaces_gym.rewards.registry import load_reward_model

        model = load_reward_model(model)
    if not isinstance(model, RewardModel):
        raise InvalidConfig(
            "a reward model is a name that load_reward_model knows or an object with name, fps,"
            f" start and start_batch (molmospaces_gym.rewards.base), not {model!r}"
        )
    return model


class Watch:
    """Shows frames of N episodes to a model and gives its scores back.

    With a ``baseline`` every episode has a twin that sees its first frame again and again, as
    often as the episode sees a frame. Twins share the model's calls with the episodes.

    With ``asynchronous`` the model works in a thread, one call after another. What was shown is
    judged by the time that ``collect`` returns, not before.
    """

    def __init__(
        self, model: RewardModel, slots: int, baseline: bool, asynchronous: bool = False
    ) -> None:
        self._batch = model.start_batch(slots * (2 if baseline else 1))
        self._slots, self._baseline = slots, baseline
        self._still: dict[int, NDArray[Any]] = {}
        self._ready: dict[int, Judged] = {}
        self._pending: Future[dict[int, Judged]] | None = None
        self._pool = ThreadPoolExecutor(1, "topreward") if asynchronous else None
        self.seconds = 0.0
        """Time that the model took so far, s."""

    def show(self, frames: Frames, starts: Mapping[int, str] | None = None) -> None:
        """Show slots their next frame (H, W, 3); ``starts`` are new episodes' instructions."""
        if not frames:
            return
        if self._pool is None:
            self._ready |= self._judge(frames, starts or {})
            return
        self._ready |= self.collect()
        self._pending = self._pool.submit(self._judge, frames, starts or {})

    def collect(self) -> dict[int, Judged]:
        """The scores of what was shown since the last call; waits for the thread."""
        pending, self._pending = self._pending, None
        if pending is not None:
            self._ready |= pending.result()
        found, self._ready = self._ready, {}
        return found

    def close(self) -> None:
        """End the thread, after what it is doing."""
        if self._pool is not None:
            self._pool.shutdown()

    def _judge(self, frames: Frames, starts: Mapping[int, str]) -> dict[int, Judged]:
        began = time.perf_counter()
        for slot, instruction in starts.items():
            self._batch.start(slot, instruction)
            if self._baseline:
                self._batch.start(slot + self._slots, instruction)
                self._still[slot] = frames[slot]
        slots, pictures = list(frames), list(frames.values())
        if self._baseline:
            pictures += [self._still[slot] for slot in slots]
            shown = slots + [slot + self._slots for slot in slots]
        else:
            shown = slots
        self._batch.push(shown, np.stack(pictures))
        scores = self._batch.score(shown)
        stills = scores[len(slots) :] if self._baseline else [None] * len(slots)
        found = {
            slot: Judged(score, still)
            for slot, score, still in zip(slots, scores, stills, strict=False)
        }
        self.seconds += time.perf_counter() - began
        return found
