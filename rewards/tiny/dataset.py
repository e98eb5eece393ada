"""Clips on disk: one npz file per task and split, every frame stored once.

python -m molmospaces_gym.rewards.tiny.dataset --out DIR --split train --houses 400 --seeds 2
"""

import argparse
import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.json_files import replacing
from molmospaces_gym.rewards.tiny.rollouts import TASKS, Clip, Frames, play_house

logger = logging.getLogger(__name__)


@dataclass
class Clips:
    """Clips of one split.

    Attributes:
        frames: (N, cameras, side, side, 3) uint8, of all clips.
        rows: for each clip the indices (T,) of its frames.
        progress: for each clip (T,) in 0..1.
        about: for each clip its ``success``, ``kind``, ``task``, ``instruction``, ``house``,
            ``seed``.
    """

    frames: Frames
    rows: list[NDArray[np.int64]] = field(default_factory=list)
    progress: list[NDArray[np.float32]] = field(default_factory=list)
    about: list[dict[str, Any]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.about)

    def save(self, path: Path) -> None:
        """Write one npz file, whole or not at all."""
        with replacing(path) as file:
            np.savez(
                file,
                frames=self.frames,
                rows=np.concatenate(self.rows),
                progress=np.concatenate(self.progress),
                ends=np.cumsum([len(rows) for rows in self.rows]),
                about=np.array(json.dumps(self.about)),
            )


def load_clips(paths: Sequence[Path]) -> Clips:
    """Read and join files; raises ``InvalidConfig`` where one is missing or something else."""
    parts = [_load(path) for path in paths]
    joined = Clips(np.concatenate([part.frames for part in parts]))
    first = 0
    for part in parts:
        joined.rows += [rows + first for rows in part.rows]
        joined.progress += part.progress
        joined.about += part.about
        first += len(part.frames)
    return joined


def _load(path: Path) -> Clips:
    try:
        with np.load(path) as file:
            arrays = {name: file[name] for name in file.files}
        cuts = arrays["ends"][:-1]
        rows, progress = np.split(arrays["rows"], cuts), np.split(arrays["progress"], cuts)
        return Clips(arrays["frames"], rows, progress, json.loads(str(arrays["about"])))
    except (OSError, KeyError, ValueError) as error:
        raise InvalidConfig(
            f"{path} holds no clips ({error}); python -m molmospaces_gym.rewards.tiny.dataset"
            " makes such files"
        ) from error


def joined(episodes: Iterable[Sequence[Clip]]) -> Clips:
    """Clips of episodes, the expert's first in each; frames that they share are stored once."""
    frames: list[Frames] = []
    clips = Clips(np.zeros((0, 1, 1, 1, 3), np.uint8))
    count = start = 0
    for episode in episodes:
        start = count
        for clip in episode:
            own = clip.frames[clip.shared :]
            parent = np.arange(start, start + clip.shared)
            clips.rows.append(np.concatenate([parent, np.arange(count, count + len(own))]))
            clips.progress.append(clip.progress)
            about = asdict(clip)
            clips.about.append({k: v for k, v in about.items() if k not in _HEAVY})
            frames.append(own)
            count += len(own)
    if frames:
        clips.frames = np.concatenate(frames)
    return clips


_HEAVY = ("frames", "progress", "shared")


def collect(task: str, split: str, houses: Sequence[int], seeds: int, branches: int) -> Clips:
    """Play ``seeds`` episodes in each house; the k-th of house h has seed ``h * seeds + k``.

    Held-out houses of even number are played by the expert alone: what is measured there is the
    expert's success (``measure``).
    """
    episodes: list[list[Clip]] = []
    for house in houses:
        wanted = [house * seeds + k for k in range(seeds)]
        faults = 0 if split == "val" and house % 2 == 0 else branches
        episodes += [clips for clips in play_house(task, split, house, wanted, faults) if clips]
        if house % 20 == 19:
            logger.info("%s %s: %d episodes", task, split, len(episodes))
    return joined(episodes)


def main() -> None:
    """Play and store; see the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--split", default="train", choices=("train", "val"))
    parser.add_argument("--houses", type=int, default=400)
    parser.add_argument("--first", type=int, default=0, help="number of the first house")
    parser.add_argument("--seeds", type=int, default=2, help="episodes in each house")
    parser.add_argument("--branches", type=int, default=2, help="faults of each episode")
    parser.add_argument("--tasks", nargs="+", default=list(TASKS))
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    args.out.mkdir(parents=True, exist_ok=True)
    for task in args.tasks:
        houses = range(args.first, args.first + args.houses)
        clips = collect(task, args.split, houses, args.seeds, args.branches)
        suffix = f"-{args.first}" if args.first else ""
        clips.save(args.out / f"{args.split}-{task}{suffix}.npz")


if __name__ == "__main__":
    main()
