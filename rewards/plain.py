"""Sessions for models that judge a video as a whole and remember nothing."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidConfig, NotReset
from molmospaces_gym.rewards.base import RewardSession, Score


class WholeModel(Protocol):
    """Judges whole videos."""

    def score_video(self, frames: NDArray[Any], instruction: str) -> Score:
        """Judge frames (T, H, W, 3) uint8."""
        ...


class WholeSession:
    """Collects the frames of an episode; every score is made from all of them anew."""

    def __init__(self, model: WholeModel, instruction: str) -> None:
        self._model, self._instruction = model, instruction
        self._frames: list[NDArray[np.uint8]] = []

    def push(self, frame: NDArray[Any]) -> None:
        picture = np.array(frame)
        if picture.ndim != 3 or picture.shape[-1] != 3 or picture.dtype != np.uint8:
            raise InvalidConfig(
                f"a frame must be (H, W, 3) uint8, got {picture.shape} {picture.dtype}"
            )
        if self._frames and picture.shape != self._frames[0].shape:
            raise InvalidConfig(
                f"a frame of {picture.shape} behind frames of {self._frames[0].shape};"
                " every frame of an episode has the same size"
            )
        self._frames.append(picture)

    def score(self) -> Score:
        if not self._frames:
            raise InvalidConfig("the session has seen no frame; push one before score")
        return self._model.score_video(np.stack(self._frames), self._instruction)


class SessionBatch:
    """A batch that is one session for each slot; see ``RewardBatch``."""

    def __init__(self, model: Any, slots: int) -> None:
        if slots < 1:
            raise InvalidConfig(f"a batch needs at least one slot, got {slots}")
        self._model = model
        self._sessions: list[RewardSession | None] = [None] * slots

    def start(self, slot: int, instruction: str) -> None:
        self._check(slot)
        self._sessions[slot] = self._model.start(instruction)

    def push(self, slots: Sequence[int], frames: NDArray[Any]) -> None:
        if len(frames) != len(slots) or len(set(slots)) != len(slots):
            raise InvalidConfig(f"{len(frames)} frames for the slots {list(slots)}")
        for slot, frame in zip(slots, frames, strict=True):
            self._session(slot).push(frame)

    def score(self, slots: Sequence[int]) -> list[Score]:
        return [self._session(slot).score() for slot in slots]

    def _check(self, index: int) -> None:
        if not 0 <= index < len(self._sessions):
            raise InvalidConfig(f"slot {index} of a batch with {len(self._sessions)} slots")

    def _session(self, index: int) -> RewardSession:
        self._check(index)
        session = self._sessions[index]
        if session is None:
            raise NotReset(f"slot {index} watches no episode; call start({index}, instruction)")
        return session
