"""Training examples: a video once, and behind several of its groups a question with its answer.

All questions of a video share one pass. A question sees the groups before it and itself, by the
attention mask, and has the positions it would have at inference.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.rewards.qwen.pixels import GROUP, patches
from molmospaces_gym.rewards.qwen.prompt import Prompt, Stretch
from molmospaces_gym.rewards.tiny.dataset import Clips
from molmospaces_gym.rewards.tiny.instructions import Wrong

if TYPE_CHECKING:
    from torch import Tensor

LOWEST = 0.01
"""P(" True") of what is not done at all: a target of 0 would ask for infinite logits."""
IDLE_FIRST, IDLE_LAST = 0.04, 0.005
"""P(" True") of a first frame, and of one that is still the same 32 frames later."""
LONGEST = 32
"""Frames of a training video."""


@dataclass
class Video:
    """Frames (2 N, H, W, 3) and questions: (groups seen, lone frame or None, text, P(True))."""

    frames: NDArray[np.uint8]
    questions: list[tuple[int, NDArray[np.uint8] | None, str, float]]


class Sampler:
    """Draws videos from clips.

    Args:
        clips: with ``frames`` as (N, H, W, 3), the views joined.
        wrong: of instructions.
        rng: of every draw.
        questions: of each video; one third is about a wrong instruction.
    """

    def __init__(
        self, clips: Clips, wrong: Wrong, rng: np.random.Generator, questions: int = 6
    ) -> None:
        self._clips, self._wrong, self._rng, self._count = clips, wrong, rng, questions
        kinds = np.array([about["kind"] for about in clips.about])
        self._experts, self._random = np.flatnonzero(kinds == "expert"), kinds == "random"
        self._others = np.flatnonzero(kinds != "expert")

    def draw(self, longest: int = LONGEST) -> Video:
        """A video of at most ``longest`` frames, played at a random speed with random stops."""
        rng = self._rng
        kind = rng.random()
        index = int(rng.choice(self._experts if kind < 0.55 else self._others))
        rows, progress = self._clips.rows[index], self._clips.progress[index]
        if kind < 0.1:
            length = int(rng.integers(2, longest + 1))
            chosen = np.zeros(length, np.int64)
            target = idle_targets(length)
        else:
            chosen = _playback(len(rows), longest, rng)
            target = np.maximum(progress[chosen], LOWEST)
        shown = self._augmented(self._clips.frames[rows[chosen]])
        return self._ask(shown, target, self._clips.about[index])

    def _ask(
        self, frames: NDArray[np.uint8], target: NDArray[np.floating], about: dict[str, Any]
    ) -> Video:
        rng, groups = self._rng, len(frames) // GROUP
        questions: list[tuple[int, NDArray[np.uint8] | None, str, float]] = []
        for number in range(self._count):
            last = len(frames) - 1 if number % 3 == 0 else int(rng.integers(len(frames)))
            text, truth = about["instruction"], float(target[last])
            if number % 3 == 1:
                text = self._wrong.draw(about["task"], text, rng)
                truth = LOWEST
            lone = frames[last] if last % GROUP == 0 else None
            questions.append(((last + 1) // GROUP, lone, text, truth))
        return Video(frames[: groups * GROUP], questions)

    def _augmented(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Brightness and contrast changed alike in all frames."""
        gain, shift = self._rng.uniform(0.85, 1.15), self._rng.uniform(-15, 15)
        return np.clip(frames * np.float32(gain) + np.float32(shift), 0, 255).astype(np.uint8)


def idle_targets(length: int) -> NDArray[np.float64]:
    """P(" True") while nothing happens: it falls, so that waiting is never paid."""
    share = np.minimum(np.arange(length) / LONGEST, 1.0)
    return IDLE_FIRST * (IDLE_LAST / IDLE_FIRST) ** share


def _playback(length: int, longest: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Indices of frames in order: half of the time all of them, else by steps of 0 to 3."""
    if rng.random() < 0.5:
        chosen = np.arange(length)
    else:
        speed = rng.dirichlet((1.0, 3.0, 2.0, 0.7))
        steps = rng.choice(4, size=3 * length, p=speed)
        chosen = np.concatenate([[0], np.cumsum(steps)])
        chosen = chosen[chosen < length]
    if len(chosen) > longest:
        # From the start, or every second one, so that late frames are seen too.
        chosen = chosen[:: -(-len(chosen) // longest)] if rng.random() < 0.8 else chosen[:longest]
    return chosen if len(chosen) > 1 else np.zeros(GROUP, np.int64)


@dataclass
class Batch:
    """Tensors of several videos; see ``compat.run_text``."""

    ids: "Tensor"
    positions: "Tensor"
    mask: "Tensor"
    rows: "Tensor"
    grids: "Tensor"
    ends: "Tensor"
    """(questions, 2): row and column of the token that the answer follows."""
    truth: "Tensor"
    """(questions,): P(" True")."""


def make_batch(videos: list[Video], prompt: Prompt, patch: int, merge: int) -> Batch:
    """Lay out videos and their questions."""
    import torch

    laid = [_lay_out(video, prompt, patch * merge) for video in videos]
    width = max(len(ids) for ids, *_ in laid)
    ids = np.full((len(laid), width), prompt.end, np.int64)
    positions = np.zeros((3, len(laid), width), np.int64)
    mask = np.zeros((len(laid), 1, width, width), np.bool_)
    mask[:, :, np.arange(width), np.arange(width)] = True
    ends, truth, pixels, grids = [], [], [], []
    for index, (tokens, places, allowed, found, groups) in enumerate(laid):
        size = len(tokens)
        ids[index, :size] = tokens
        positions[:, index, :size] = places
        mask[index, 0, :size, :size] |= allowed
        ends += [(index, column) for column in found]
        truth += [question[3] for question in videos[index].questions]
        pixels.append(patches(groups, patch, merge))
        height, width_px = groups.shape[1:3]
        grids.append([len(groups) // GROUP, height // patch, width_px // patch])
    return Batch(
        torch.from_numpy(ids),
        torch.from_numpy(positions),
        torch.from_numpy(mask),
        torch.cat(pixels),
        torch.tensor(grids),
        torch.tensor(ends),
        torch.tensor(truth, dtype=torch.float32),
    )


def _lay_out(video: Video, prompt: Prompt, unit: int) -> tuple[Any, ...]:
    """Ids, positions, mask (L, L), ends of the questions, and all frames in token order."""
    rows, columns = (side // unit for side in video.frames.shape[1:3])
    trunk = Stretch()
    trunk.text(prompt.header)
    reach = [(len(trunk), trunk.position)]
    times = _times(len(video.frames) // GROUP + 1)
    for seconds in times[:-1]:
        trunk.group(prompt, seconds, rows, columns)
        reach.append((len(trunk), trunk.position))
    ids, places, frames = list(trunk.ids), [trunk.positions], [video.frames]
    spans, ends = [], []
    for groups, lone, text, _ in video.questions:
        seen, position = reach[groups]
        branch = Stretch(position)
        if lone is not None:
            branch.group(prompt, _lone_time(groups), rows, columns)
            frames.append(np.stack([lone] * GROUP))
        branch.text(prompt.question(text))
        spans.append((len(ids), len(ids) + len(branch), seen))
        ids += branch.ids
        places.append(branch.positions)
        ends.append(len(ids) - 1)
    allowed = np.tril(np.ones((len(ids), len(ids)), np.bool_))
    for first, last, seen in spans:
        allowed[first:last, seen:first] = False
    return ids, np.concatenate(places, axis=1), allowed, ends, np.concatenate(frames)


FPS = 4.0
"""Frames per second that the tiny model is shown: every 4th control step of 0.066 s, about."""


def _times(groups: int) -> list[float]:
    return [(GROUP * index + 0.5) / FPS for index in range(groups)]


def _lone_time(groups: int) -> float:
    return GROUP * groups / FPS
