"""GVL (generative value learning), the baseline of the TOPReward paper.

A model is shown the frames of an episode in random order behind the first one, which is said to be
0 % done, and writes how many per cent each shows. Shuffling keeps it from counting upwards.
"""

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidAnswer, InvalidConfig
from molmospaces_gym.rewards.base import RewardModel, Score
from molmospaces_gym.rewards.endpoint import EndpointModel
from molmospaces_gym.rewards.plain import SessionBatch, WholeSession
from molmospaces_gym.rewards.qwen.pixels import checked_frames

Rater = Callable[[NDArray[np.uint8], str], str]
"""Writes one line ``Frame K: P%`` for each frame (T, H, W, 3) behind the first; K counts from 1."""
LINE = re.compile(r"frame\s*(\d+)\D+?(-?\d+(?:\.\d+)?)\s*%", re.IGNORECASE)
RESOLUTION = 0.5
"""Per cent that 0 % and 100 % are taken to differ from certainty: half of the steps of a reply."""
WORDS = (
    "The first picture shows the beginning of an episode of a robot: 0 % of the task is done. The"
    " {count} pictures behind it are frames of the same episode in random order. The task is:"
    " {instruction} For each of these frames, say how many per cent of the task are done in it."
    " Write one line for each and nothing else, in this form:\nFrame 1: 37%"
)


class GvlModel:
    """Values by shuffled frames; as a reward model, the value of the newest frame.

    Args:
        rater: who writes the percentages.
        name: what it is called.
        fps: frames per second of the episode that it is shown.
        seed: of the order of frames.
    """

    def __init__(self, rater: Rater, name: str = "gvl", fps: float = 2.0, seed: int = 0) -> None:
        self._rater, self._seed = rater, seed
        self.name, self.fps = name, float(fps)

    def start(self, instruction: str) -> WholeSession:
        return WholeSession(self, instruction)

    def start_batch(self, slots: int) -> SessionBatch:
        return SessionBatch(self, slots)

    def values(self, frames: NDArray[Any], instruction: str) -> NDArray[np.float64]:
        """Progress (T,) in 0..1 of every frame of an episode, from one reply.

        Raises:
            InvalidAnswer: the reply lacks a frame, rates one twice or beyond 0 .. 100 %.
        """
        pictures = checked_frames(frames)
        found = np.zeros(len(pictures))
        if len(pictures) > 1:
            order = 1 + np.random.default_rng(self._seed).permutation(len(pictures) - 1)
            shown = np.concatenate([pictures[:1], pictures[order]])
            found[order] = percentages(self._rater(shown, instruction), len(order)) / 100.0
        return found

    def score_video(self, frames: NDArray[Any], instruction: str) -> Score:
        """The newest frame's value as a probability, at most half a per cent from certainty."""
        value = float(self.values(frames, instruction)[-1])
        margin = RESOLUTION / 100.0
        p = min(max(value, margin), 1.0 - margin)
        return Score(math.log(p), math.log1p(-p), len(frames))


def percentages(text: str, count: int) -> NDArray[np.float64]:
    """Per cent (count,) of the frames 1 .. count in a reply, or ``InvalidAnswer``."""
    found: dict[int, float] = {}
    for number, value in LINE.findall(text):
        index = int(number)
        if index in found:
            raise InvalidAnswer(f"the reply rates frame {index} twice: {text[:200]!r}")
        found[index] = float(value)
    wanted = set(range(1, count + 1))
    if set(found) != wanted:
        missing, extra = sorted(wanted - set(found)), sorted(set(found) - wanted)
        raise InvalidAnswer(
            f"the reply rates {len(found)} of {count} frames (missing {missing}, not shown"
            f" {extra}); expected lines such as 'Frame 1: 37%', got {text[:200]!r}"
        )
    values = np.array([found[index] for index in range(1, count + 1)])
    if (values < 0).any() or (values > 100).any():
        raise InvalidAnswer(f"the reply rates a frame beyond 0 .. 100 %: {text[:200]!r}")
    return values


def endpoint_rater(endpoint: EndpointModel) -> Rater:
    """Percentages as written by the model of a server."""

    def rate(frames: NDArray[np.uint8], instruction: str) -> str:
        words = WORDS.format(count=len(frames) - 1, instruction=instruction)
        reply = endpoint.ask(frames, words, max_tokens=16 * len(frames))
        try:
            return str(reply["choices"][0]["message"]["content"])
        except (KeyError, IndexError, TypeError) as error:
            raise InvalidAnswer(f"{endpoint.name} sent no text ({error!r})") from error

    return rate


def pair_rater(model: RewardModel) -> Rater:
    """Percentages from P(" True") of the pair (first frame, frame), for models that cannot write.

    A stand-in for a rater: each frame is judged beside the first one and apart from the others,
    so that order and number of frames cannot be used.
    """

    def rate(frames: NDArray[np.uint8], instruction: str) -> str:
        if len(frames) < 2:
            raise InvalidConfig("a rater needs the first frame and one more")
        lines = []
        for number, frame in enumerate(frames[1:], start=1):
            session = model.start(instruction)
            session.push(frames[0])
            session.push(frame)
            lines.append(f"Frame {number}: {100 * session.score().prob:.4f}%")
        return "\n".join(lines)

    return rate
