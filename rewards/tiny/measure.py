"""Measure a reward model on stored clips of held-out houses.

python -m molmospaces_gym.rewards.tiny.measure --data DIR --model FOLDER --out FILE.json

Each task has 200 episodes: of even houses the expert's success, of odd ones what became of it
after a fault. Every second stored frame is scored as it comes. The score of an episode is the
mean log P(" True") of its last three frames, as in the paper.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.rewards.base import RewardModel
from molmospaces_gym.rewards.metrics import voc
from molmospaces_gym.rewards.tiny.dataset import Clips, load_clips
from molmospaces_gym.rewards.tiny.examples import SKIP
from molmospaces_gym.rewards.tiny.instructions import Wrong
from molmospaces_gym.rewards.tiny.rollouts import CAMERAS, FAULTS, TASKS

LAST = 3
Array = NDArray[np.float64]
Video = NDArray[np.uint8]


@dataclass(frozen=True)
class Episode:
    """A clip that is measured: frames (T, H, W, 3), its task, instruction and outcome."""

    frames: NDArray[np.uint8]
    task: str
    instruction: str
    success: bool
    wrong: tuple[str, str]
    """Instructions that it does not show: another object's, another task's."""


def episodes_of(clips: Clips, cameras: Sequence[str] = CAMERAS) -> list[Episode]:
    """One clip of each episode: the expert's where the house is even, else the first fault's."""
    wrong = Wrong([(about["task"], about["instruction"]) for about in clips.about])
    found = []
    taken: set[tuple[str, int, int]] = set()
    for rows, about in zip(clips.rows, clips.about, strict=True):
        key = (about["task"], about["house"], about["seed"])
        faulty = about["kind"] in FAULTS
        fits = faulty if about["house"] % 2 else about["kind"] == "expert"
        if key in taken or not fits:
            continue
        taken.add(key)
        rng = np.random.default_rng((about["seed"], TASKS.index(about["task"])))
        task, text = about["task"], about["instruction"]
        pair = wrong.other_object(task, text, rng), wrong.other_task(task, text, rng)
        views = [clips.frames[rows[::SKIP]][:, CAMERAS.index(name)] for name in cameras]
        frames = np.concatenate(views, axis=2)
        found.append(Episode(frames, task, text, about["success"], pair))
    return found


Judge = Callable[[Sequence[Video], Sequence[str]], list[Array]]
"""Values (T,) of every frame of some videos under their instructions."""


def streamed(model: RewardModel, slots: int = 16) -> Judge:
    """Log P(" True") of every frame as it comes, several videos at a time."""

    def judge(videos: Sequence[Video], texts: Sequence[str]) -> list[Array]:
        found: list[list[float]] = [[] for _ in videos]
        for first in range(0, len(videos), slots):
            part = range(first, min(first + slots, len(videos)))
            batch = model.start_batch(len(part))
            for index in part:
                batch.start(index - first, texts[index])
            for step in range(max(len(videos[index]) for index in part)):
                live = [index for index in part if step < len(videos[index])]
                own = [index - first for index in live]
                batch.push(own, np.stack([videos[index][step] for index in live]))
                for index, score in zip(live, batch.score(own), strict=True):
                    found[index].append(score.logp_true)
        return [np.array(values) for values in found]

    return judge


def paired(model: RewardModel) -> Judge:
    """GVL-style: each frame is judged beside the first one alone, whatever its place.

    What ``gvl.pair_rater`` writes, in one batch for each video.
    """

    def judge(videos: Sequence[Video], texts: Sequence[str]) -> list[Array]:
        found = []
        for video, text in zip(videos, texts, strict=True):
            slots = list(range(len(video) - 1))
            batch = model.start_batch(len(video))
            for slot in slots:
                batch.start(slot, text)
            batch.push(slots, np.repeat(video[:1], len(slots), axis=0))
            batch.push(slots, video[1:])
            found.append(np.array([0.0, *(score.prob for score in batch.score(slots))]))
        return found

    return judge


def by_time(videos: Sequence[Video], texts: Sequence[str]) -> list[Array]:
    """The baseline that sees nothing: the number of frames so far."""
    return [np.arange(len(video), dtype=np.float64) for video in videos]


def auc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """Chance that a positive is above a negative, ties counting half."""
    above = np.subtract.outer(np.asarray(positive), np.asarray(negative))
    return float(((above > 0) + 0.5 * (above == 0)).mean())


def outcome(values: Array) -> float:
    """Mean value of the last frames."""
    return float(values[-LAST:].mean())


def measure(judge: Judge, episodes: Sequence[Episode]) -> dict[str, float]:
    """The measures of the episodes of one task.

    Returns:
        ``success_auc``: successes against failures. ``wrong_auc``: successes with their own
        instruction against the same with a wrong one, and for the two kinds of wrong
        instruction. ``voc``: mean over successes. ``static_voc``: the same for their first frame
        repeated, a constant curve counting 0.
    """
    own = judge([e.frames for e in episodes], [e.instruction for e in episodes])
    ends = [outcome(values) for values in own]
    good = [index for index, e in enumerate(episodes) if e.success]
    bad = [index for index, e in enumerate(episodes) if not e.success]
    videos = [episodes[index].frames for index in good]
    positive = [ends[index] for index in good]
    negatives = []
    for kind in range(2):
        texts = [episodes[index].wrong[kind] for index in good]
        negatives.append([outcome(values) for values in judge(videos, texts)])
    stills = [np.repeat(video[:1], len(video), axis=0) for video in videos]
    static = judge(stills, [episodes[index].instruction for index in good])
    return {
        "episodes": len(episodes),
        "successes": len(good),
        "success_auc": auc(positive, [ends[index] for index in bad]),
        "wrong_auc": auc(positive, negatives[0] + negatives[1]),
        "wrong_object_auc": auc(positive, negatives[0]),
        "wrong_task_auc": auc(positive, negatives[1]),
        "voc": float(np.mean([_voc(own[index]) for index in good])),
        "static_voc": float(np.mean([_voc(values) for values in static])),
    }


def _voc(values: Array) -> float:
    return float(np.nan_to_num(voc(values)))


def main() -> None:
    """Measure and store; see the module."""
    from molmospaces_gym.rewards.registry import load_reward_model

    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of val-TASK.npz files")
    parser.add_argument("--model", default="topreward:tiny")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--alone", action="store_true", help="leave out the baselines")
    parser.add_argument("--episodes", type=int, default=200, help="of each task")
    args = parser.parse_args()
    model: Any = load_reward_model(args.model)
    clips = load_clips(sorted(args.data.glob("val-*.npz")))
    episodes = episodes_of(clips, getattr(model, "cameras", ()) or CAMERAS)
    judges: dict[str, Judge] = {"topreward": streamed(model)}
    if not args.alone:
        judges |= {"gvl_style": paired(model), "time_only": by_time}
    found: dict[str, dict[str, dict[str, float]]] = {}
    for task in TASKS:
        some = [episode for episode in episodes if episode.task == task][: args.episodes]
        if some:
            found[task] = {name: measure(judge, some) for name, judge in judges.items()}
    args.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
