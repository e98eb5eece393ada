"""An exact reward model that a test can reason about."""

import math

import numpy as np
import pytest

from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.rewards.base import Score


class PixelSession:
    def __init__(self, model, instruction):
        self._model, self.instruction, self.frames = model, instruction, []

    def push(self, frame):
        assert frame.dtype == np.uint8 and frame.ndim == 3 and frame.shape[2] == 3
        self.frames.append(frame.copy())

    def score(self):
        if not self.frames:
            raise InvalidConfig("push a frame first")
        logp = self._model.judge(self.frames, self.instruction)
        false = math.log(-math.expm1(logp)) if logp < 0 else -50.0
        return Score(logp, false, len(self.frames), tokens=7)


class PixelBatch:
    def __init__(self, model, slots):
        self._model, self._slots, self.sessions = model, slots, {}

    def start(self, slot, instruction):
        assert 0 <= slot < self._slots
        self.sessions[slot] = self._model.start(instruction)
        self._model.started.append((slot, instruction))

    def push(self, slots, frames):
        assert frames.shape[0] == len(slots)
        for slot, frame in zip(slots, frames, strict=True):
            self.sessions[slot].push(frame)

    def score(self, slots):
        self._model.calls += 1
        return [self.sessions[slot].score() for slot in slots]


class PixelModel:
    """log P(True) = -12 + bias x frames + gain x (brightness of the last frame - the first)/255."""

    name = "pixels"

    def __init__(self, bias=0.25, gain=6.0, fps=2.0, judge=None):
        self.bias, self.gain, self.fps, self.given = bias, gain, fps, judge
        self.started, self.calls, self.batches = [], 0, []

    def judge(self, frames, instruction):
        if self.given is not None:
            return self.given(frames, instruction)
        change = (frames[-1].mean() - frames[0].mean()) / 255
        return min(-12 + self.bias * len(frames) + self.gain * change, -1e-9)

    def start(self, instruction):
        return PixelSession(self, instruction)

    def start_batch(self, slots):
        self.batches.append(PixelBatch(self, slots))
        return self.batches[-1]


@pytest.fixture
def pixel_model():
    return PixelModel
