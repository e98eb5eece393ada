"""How well a reward model judges videos: value order, idling, success, wrong instructions."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.rewards.base import RewardModel, Score
from molmospaces_gym.rewards.calibration import read_signal
from molmospaces_gym.rewards.clips import Clip
from molmospaces_gym.rewards.detector import final_score
from molmospaces_gym.rewards.metrics import auc_interval, instruction_margin, roc_auc, voc
from molmospaces_gym.rewards.qwen.schedule import PREFIXES, paper_prefixes

LEAST = 1e-6
"""Least distance of a rated value from 0 and 1, whose logarithms are needed."""


@runtime_checkable
class EpisodeRater(Protocol):
    """A model that values all frames of an episode in one go, such as GVL."""

    def values(self, frames: NDArray[Any], instruction: str) -> NDArray[np.float64]:
        """Progress (T,) in 0..1 of frames (T, H, W, 3)."""
        ...


@dataclass(frozen=True, eq=False)
class Curve:
    """Scores of some prefixes of a clip.

    Attributes:
        frames: (K,) number in the clip of the last frame of each prefix.
        scores: (K,) what the model said.
    """

    frames: list[int]
    scores: list[Score]

    def values(self, signal: str = "logp") -> list[float]:
        """The signal of each prefix."""
        return [read_signal(score, signal) for score in self.scores]


@dataclass(frozen=True, eq=False)
class Verdict:
    """What a model said of a clip.

    Attributes:
        clip: the clip, without its frames.
        real: its scores.
        still: those of a video as long that repeats its first frame, or None.
        wrong: those under ``wrong_instruction``, or None.
        seconds: time that the model took for all of them.
    """

    clip: Clip
    real: Curve
    still: Curve | None = None
    wrong: Curve | None = None
    wrong_instruction: str = ""
    seconds: float = field(default=0.0)

    @property
    def tokens(self) -> int:
        """Tokens processed for all scores."""
        curves = [curve for curve in (self.real, self.still, self.wrong) if curve is not None]
        return sum(score.tokens for curve in curves for score in curve.scores)


def evaluate_clips(
    model: RewardModel,
    clips: Sequence[Clip],
    prefixes: int = PREFIXES,
    still: bool = True,
    wrong: bool = True,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    paper: bool = False,
) -> list[Verdict]:
    """Show every clip to the model at its own rate and score evenly spaced prefixes.

    Args:
        model: who judges.
        clips: what is judged.
        prefixes: how many scores of a clip, of those frames that the model sees; 0: all.
        still: judge still videos, too.
        wrong: judge each clip also under the instruction of another one, drawn with ``seed``.
        seed: of that.
        progress: called with the clips done and their number.
        paper: sample and score each prefix anew as the paper's code does
            (``QwenModel.score_paper``), not as a stream; the cost grows with the square.

    Raises:
        InvalidConfig: ``paper`` is asked of a model that has no such mode.
    """
    if paper and not hasattr(model, "score_paper"):
        raise InvalidConfig(f"{model.name} has no mode of the paper: it is no Qwen3-VL network")
    score = _score_as_paper if paper else score_prefixes
    rng = np.random.default_rng(seed)
    told = list(dict.fromkeys(clip.instruction for clip in clips))
    verdicts = []
    for number, clip in enumerate(clips):
        others = [text for text in told if text != clip.instruction]
        other = others[int(rng.integers(len(others)))] if others else ""
        frames, began = clip.read(), time.perf_counter()
        # The paper's mode samples by itself.
        seen = seen_frames(len(frames), clip.fps, clip.fps if paper else model.fps)
        real = score(model, frames, seen, clip.instruction, prefixes)
        first = np.zeros_like(seen)
        idle = score(model, frames, first, clip.instruction, prefixes) if still else None
        lie = score(model, frames, seen, other, prefixes) if wrong and other else None
        if idle is not None:
            idle = Curve(real.frames, idle.scores)
        seconds = time.perf_counter() - began
        verdicts.append(Verdict(clip, real, idle, lie, other if lie else "", seconds))
        if progress is not None:
            progress(number + 1, len(clips))
    return verdicts


def seen_frames(count: int, fps: float, wanted: float) -> NDArray[np.int64]:
    """Numbers of the frames that a model with ``wanted`` frames per second sees of ``count``.

    Every so many, never faster than they are, and the last one: what the wrappers show, too.
    """
    if count < 1:
        raise InvalidConfig("a clip needs at least one frame")
    stride = max(1, round(fps / wanted))
    return np.unique([*range(0, count, stride), count - 1]).astype(np.int64)


def score_prefixes(
    model: RewardModel,
    frames: NDArray[np.uint8],
    seen: NDArray[np.int64],
    instruction: str,
    prefixes: int = PREFIXES,
) -> Curve:
    """Show the frames ``seen`` one by one; scores at evenly spaced ones, the last included.

    An ``EpisodeRater`` is shown these frames at once.
    """
    count = len(seen)
    lengths = np.linspace(1, count, prefixes, dtype=np.int64) if prefixes else range(1, count + 1)
    wanted = {int(length) for length in lengths}
    if isinstance(model, EpisodeRater):
        rated = [int(seen[length - 1]) for length in sorted(wanted)]
        return Curve(rated, [_rated(p) for p in model.values(frames[rated], instruction).tolist()])
    session, scores, at = model.start(instruction), [], []
    for length, index in enumerate(seen.tolist(), 1):
        session.push(frames[index])
        if length in wanted:
            scores.append(session.score())
            at.append(index)
    return Curve(at, scores)


def _score_as_paper(
    model: Any,
    frames: NDArray[np.uint8],
    seen: NDArray[np.int64],
    instruction: str,
    prefixes: int = PREFIXES,
) -> Curve:
    """Scores of the paper's prefixes of the frames ``seen``."""
    count = prefixes or len(seen)
    scores = model.score_paper(frames[seen], instruction, count)
    return Curve([int(seen[length - 1]) for length in paper_prefixes(len(seen), count)], scores)


def _rated(value: float) -> Score:
    p = min(max(value, LEAST), 1 - LEAST)
    return Score(math.log(p), math.log1p(-p), 1)


def summary(verdicts: Sequence[Verdict], signal: str = "logp") -> dict[str, Any]:
    """The figures of a model, JSON-plain; None where the clips say nothing about one.

    ``voc`` and ``static_voc`` are means over successful clips (those without a label count as
    such) and ``voc_failures`` over failed ones. A value order that does not exist, of a constant
    series, is left out of the mean and counted beside it; of a still video it is what should be,
    and counts as 0. ``success_auc`` tells successes from failures by the mean of the last 3 scores.
    ``wrong_*`` are about successful clips: the same score under a wrong instruction.
    """
    good = [v for v in verdicts if v.clip.success is not False]
    bad = [v for v in verdicts if v.clip.success is False]
    labelled = [v for v in good if v.clip.success]
    found: dict[str, Any] = {
        "clips": len(verdicts),
        "successes": len(labelled),
        "failures": len(bad),
        **_orders("voc", [v.real for v in good], signal),
        **_orders("voc_failures", [v.real for v in bad], signal),
        **_orders("static_voc", [v.still for v in good if v.still], signal, constant=0.0),
        "success_auc": None,
        "success_auc_interval": None,
        "wrong_auc": None,
        "wrong_auc_interval": None,
        "wrong_margin": None,
        "wrong_share": None,
        "seconds": sum(v.seconds for v in verdicts),
        "tokens": sum(v.tokens for v in verdicts),
    }
    if labelled and bad:
        won, lost = ([final_score(v.real.values(signal)) for v in k] for k in (labelled, bad))
        found["success_auc"] = roc_auc(won, lost)
        found["success_auc_interval"] = list(auc_interval(won, lost))
    pairs = [
        (final_score(v.real.values(signal)), final_score(v.wrong.values(signal)))
        for v in good
        if v.wrong is not None
    ]
    if pairs:
        right, wrong = zip(*pairs, strict=True)
        margin = instruction_margin(right, wrong)
        found |= {"wrong_auc": margin.auc, "wrong_margin": margin.mean, "wrong_share": margin.share}
        found["wrong_auc_interval"] = list(auc_interval(right, wrong))
    return found


def _orders(
    name: str, curves: Sequence[Curve], signal: str, constant: float = np.nan
) -> dict[str, Any]:
    orders = np.array([voc(curve.values(signal)) for curve in curves], np.float64)
    undefined = np.isnan(orders)
    known = np.where(undefined, constant, orders)
    known = known[~np.isnan(known)]
    mean = float(known.mean()) if known.size else None
    return {name: mean, f"{name}_undefined": int(undefined.sum())}
