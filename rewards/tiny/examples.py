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
from molmospaces_gym.rewards.tiny.instructions import Wrong, parts

if TYPE_CHECKING:
    from torch import Tensor

LOWEST = 0.01
"""P(" True") of what is not done at all: a target of 0 would ask for infinite logits."""
IDLE_FIRST, IDLE_LAST = 0.04, 0.005
"""P(" True") of a first frame, and of one that is still the same 32 frames later."""
FPS = 2.0
"""Frames per second that the tiny model is shown: every second stored frame, about."""
SKIP = 2
"""Stored frames from one shown frame to the next."""
LONGEST = 18
"""Frames of a training video."""


@dataclass
class Video:
    """A video and what is asked about it.

    Attributes:
        frames: (2 N, H, W, 3).
        questions: (groups seen, lone frame or None, text, P(True)).
        truth: (N,) P(True) of the right instruction after each group.
        instruction: the right one; None where nothing happens, so that it cannot be seen.
    """

    frames: NDArray[np.uint8]
    questions: list[tuple[int, NDArray[np.uint8] | None, str, float]]
    truth: NDArray[np.floating]
    instruction: str | None


class Sampler:
    """Draws videos from clips.

    Args:
        clips: with ``frames`` as (N, H, W, 3), the views joined.
        wrong: of instructions.
        rng: of every draw.
        questions: of each video.
        share: of the questions that are about a wrong instruction. Where many are, a model that
            cannot make out a thing takes the question for a wrong one, and success for failure.
    """

    def __init__(
        self,
        clips: Clips,
        wrong: Wrong,
        rng: np.random.Generator,
        questions: int = 4,
        share: float = 0.4,
    ) -> None:
        self._clips, self._wrong, self._rng, self._count = clips, wrong, rng, questions
        self._share = share
        kinds = np.array([about["kind"] for about in clips.about])
        self._experts, self._random = np.flatnonzero(kinds == "expert"), kinds == "random"
        self._others = np.flatnonzero(kinds != "expert")
        if not len(self._experts):
            self._experts = self._others

    def draw(self, longest: int = LONGEST) -> Video:
        """A video of at most ``longest`` frames, played at a random speed with random stops."""
        rng = self._rng
        kind = rng.random()
        index = int(rng.choice(self._experts if kind < 0.55 else self._others))
        rows, progress = self._clips.rows[index], self._clips.progress[index]
        if kind < 0.1:
            length = int(rng.integers(2, longest + 1))
            chosen = np.zeros(length, np.int64)
            target = np.maximum(idle_targets(length), progress[0])
        else:
            chosen = _playback(len(rows), longest, rng)
            target = np.maximum(progress[chosen], LOWEST)
        shown = augmented(self._clips.frames[rows[chosen]], rng)
        visible = kind >= 0.1 and not self._random[index]
        return self._ask(shown, target, self._clips.about[index], visible)

    def _ask(
        self,
        frames: NDArray[np.uint8],
        target: NDArray[np.floating],
        about: dict[str, Any],
        visible: bool,
    ) -> Video:
        rng, groups = self._rng, len(frames) // GROUP
        questions: list[tuple[int, NDArray[np.uint8] | None, str, float]] = []
        for number in range(self._count):
            # Every other one, so that each video has right ones and none has wrong ones alone.
            asks_wrong = number % 2 == 1 and rng.random() < 2.0 * self._share
            # What is meant cannot be told from the first frames, whatever the instruction.
            first = len(frames) // 3 if asks_wrong else 0
            last = len(frames) - 1 if number < 2 else int(rng.integers(first, len(frames)))
            if last % GROUP == 0 and last and rng.random() < 0.6:
                last -= 1  # a lone frame costs a group of its own
            text, truth = about["instruction"], float(target[last])
            if asks_wrong:
                text, truth = self._wrong.draw(about["task"], text, rng), LOWEST
            lone = frames[last] if last % GROUP == 0 else None
            questions.append(((last + 1) // GROUP, lone, text, truth))
        whole = groups * GROUP
        text = about["instruction"] if visible else None
        return Video(frames[:whole], questions, target[1:whole:GROUP], text)


def augmented(frames: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Brightness, contrast, tint and a shift of at most 3 pixels, alike in all frames."""
    gain = rng.uniform(0.85, 1.15) * rng.uniform(0.92, 1.08, 3)
    shift = rng.uniform(-15, 15)
    levels = np.clip(frames * gain.astype(np.float32) + np.float32(shift), 0, 255)
    down, right = (int(step) for step in rng.integers(-3, 4, 2))
    changed: NDArray[np.uint8] = np.roll(levels.astype(np.uint8), (down, right), axis=(1, 2))
    return changed


def idle_targets(length: int) -> NDArray[np.float64]:
    """P(" True") while nothing happens: it falls, so that waiting is never paid."""
    share = np.minimum(np.arange(length) / LONGEST, 1.0)
    return IDLE_FIRST * (IDLE_LAST / IDLE_FIRST) ** share


def _playback(length: int, longest: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Indices of stored frames in order: half of the time every second, else by 0 to 5."""
    if rng.random() < 0.5:
        chosen = np.arange(rng.integers(SKIP), length, SKIP)
    else:
        speed = rng.dirichlet((1.0, 1.5, 3.0, 2.0, 1.0, 0.5))
        steps = rng.choice(6, size=4 * length, p=speed)
        chosen = np.concatenate([[0], np.cumsum(steps)])
        chosen = chosen[chosen < length]
    if len(chosen) > longest:
        # Thinned so that late frames are seen too, or from the start.
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
    fits: "Tensor"
    """(questions,): 1 where the instruction is the right one, 0 where not, -1 where it cannot be
    seen yet."""
    asked: "Tensor"
    """(questions, 3): tokens of what each question is about."""
    seen: "Tensor"
    """(questions, 3): tokens of what the video shows; -100 where it cannot be seen yet."""
    group_ends: "Tensor"
    """(groups, 2): row and column of the last token of each group of the videos themselves."""
    group_truth: "Tensor"
    """(groups,): P(" True") of the right instruction there."""
    group_words: "Tensor"
    """(groups, 3): tokens of what is done, to what and where; -100 where it cannot be seen."""


def make_batch(videos: list[Video], prompt: Prompt, patch: int, merge: int) -> Batch:
    """Lay out videos and their questions."""
    import torch

    laid = [_lay_out(video, prompt, patch * merge) for video in videos]
    width = max(len(one.ids) for one in laid)
    ids = np.full((len(laid), width), prompt.end, np.int64)
    positions = np.zeros((3, len(laid), width), np.int64)
    mask = np.zeros((len(laid), 1, width, width), np.bool_)
    mask[:, :, np.arange(width), np.arange(width)] = True
    ends, group_ends = [], []
    for index, one in enumerate(laid):
        size = len(one.ids)
        ids[index, :size] = one.ids
        positions[:, index, :size] = one.positions
        mask[index, 0, :size, :size] |= one.allowed
        ends += [(index, column) for column in one.ends]
        group_ends += [(index, column) for column in one.group_ends]
    grids = [[len(one.frames) // GROUP, *_grid(one.frames, patch)] for one in laid]
    pairs = [(video, question) for video in videos for question in video.questions]
    truth = [question[3] for _, question in pairs]
    words = [
        words_of(video.instruction, prompt) if truth > SEEN_FROM else HIDDEN
        for video in videos
        for truth in video.truth
    ]
    return Batch(
        torch.from_numpy(ids),
        torch.from_numpy(positions),
        torch.from_numpy(mask),
        torch.cat([patches(one.frames, patch, merge) for one in laid]),
        torch.tensor(grids),
        torch.tensor(ends),
        torch.tensor(truth, dtype=torch.float32),
        torch.tensor([_fits(video, question) for video, question in pairs]),
        torch.tensor([words_of(question[2], prompt) for _, question in pairs]),
        torch.tensor(
            [
                words_of(video.instruction, prompt) if _fits(video, question) >= 0 else HIDDEN
                for video, question in pairs
            ]
        ),
        torch.tensor(group_ends),
        torch.from_numpy(np.concatenate([video.truth for video in videos]).astype(np.float32)),
        torch.tensor(words),
    )


SEEN_FROM = 0.1
"""Progress from which on a video is expected to show what is meant."""
HIDDEN = (-100, -100, -100)


def _fits(video: Video, question: tuple[int, NDArray[np.uint8] | None, str, float]) -> float:
    groups, _, text, _ = question
    if video.instruction is None or not groups or video.truth[groups - 1] <= SEEN_FROM:
        return -1.0
    return float(text == video.instruction)


def words_of(instruction: str | None, prompt: Prompt) -> tuple[int, int, int]:
    """Tokens of the verb, the object and the receptacle (or the side) that a video shows."""
    if instruction is None:
        return HIDDEN
    thing, place = parts(instruction)
    verb = "place" if place else instruction.partition(" ")[0]
    if verb == "open":
        place = thing.partition(" ")[0]
    words = [verb, thing.rpartition(" ")[2], place.rpartition(" ")[2]]
    first, second, third = (prompt.encode(f" {word}")[0] if word else -100 for word in words)
    return first, second, third


def _grid(frames: NDArray[np.uint8], patch: int) -> tuple[int, int]:
    return frames.shape[1] // patch, frames.shape[2] // patch


@dataclass
class _Laid:
    """One video as tokens: a trunk of its groups, and a branch for each question."""

    ids: list[int]
    positions: NDArray[np.int64]
    allowed: NDArray[np.bool_]
    ends: list[int]
    group_ends: list[int]
    frames: NDArray[np.uint8]


def _lay_out(video: Video, prompt: Prompt, unit: int) -> _Laid:
    rows, columns = _grid(video.frames, unit)
    trunk = Stretch()
    trunk.text(prompt.header)
    reach = [(len(trunk), trunk.position)]
    for index in range(len(video.frames) // GROUP):
        trunk.group(prompt, (GROUP * index + 0.5) / FPS, rows, columns)
        reach.append((len(trunk), trunk.position))
    ids, places, frames = list(trunk.ids), [trunk.positions], [video.frames]
    spans, ends = [], []
    for groups, lone, text, _ in video.questions:
        seen, position = reach[groups]
        branch = Stretch(position)
        if lone is not None:
            branch.group(prompt, GROUP * groups / FPS, rows, columns)
            frames.append(np.stack([lone] * GROUP))
        branch.text(prompt.question(text))
        spans.append((len(ids), len(ids) + len(branch), seen))
        ids += branch.ids
        places.append(branch.positions)
        ends.append(len(ids) - 1)
    allowed = np.tril(np.ones((len(ids), len(ids)), np.bool_))
    for first, last, seen in spans:
        allowed[first:last, seen:first] = False
    group_ends = [length - 1 for length, _ in reach[1:]]
    whole = np.concatenate(places, axis=1)
    return _Laid(ids, whole, allowed, ends, group_ends, np.concatenate(frames))
