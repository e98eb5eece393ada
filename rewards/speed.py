"""What a score costs: remembered against recomputed, and several episodes in one call.

All figures are CPU time of one process, or of the device where there is one, so that ratios hold
on a shared machine.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.rewards.qwen.model import QwenModel

TASK = "pick up the mug and place it on the plate."


@dataclass(frozen=True)
class Speed:
    """Costs of one model on an episode of which every frame is scored.

    Attributes:
        name, parameters: of the model.
        frames: of the episode.
        streamed_s, recomputed_s: seconds for all scores.
        batched_s, alone_s: seconds for all scores of ``envs`` episodes, in one batch and one
            session after another.
        memory_bytes: keys and values of one env at the end of the episode.
        difference: largest difference of log P(" True"), streamed against recomputed.
    """

    name: str
    parameters: int
    frames: int
    envs: int
    streamed_s: float
    recomputed_s: float
    batched_s: float
    alone_s: float
    memory_bytes: int
    difference: float

    @property
    def gain(self) -> float:
        """How many times cheaper remembering is."""
        return self.recomputed_s / self.streamed_s

    @property
    def batch_gain(self) -> float:
        """How many times cheaper one batch is than its sessions."""
        return self.alone_s / self.batched_s

    @property
    def ms_per_score(self) -> float:
        """Milliseconds of one streamed score."""
        return 1e3 * self.streamed_s / self.frames


def measure_speed(
    model: QwenModel,
    frames: int = 64,
    envs: int = 8,
    batch_frames: int = 16,
    size: tuple[int, int] = (64, 64),
    recomputed_every: int = 1,
) -> Speed:
    """Measure a model.

    Args:
        model: any Qwen3-VL.
        frames: of the episode.
        envs, batch_frames: of the comparison of a batch with sessions.
        size: height and width of the frames.
        recomputed_every: recompute only every so many-th prefix, of every phase of the growth, and
            scale the sum up; 1 recomputes all.
    """
    rng = np.random.default_rng(0)
    video = rng.integers(0, 256, (frames, *size, 3), dtype=np.uint8)
    _stream(model, video[:4])  # what is made once is not measured
    started = _clock(model)
    streamed, memory = _stream(model, video)
    streamed_s = _clock(model) - started
    counts = list(range(recomputed_every, frames + 1, recomputed_every))
    whole, recomputed_s = _recomputed(model, video, counts)
    several = rng.integers(0, 256, (batch_frames, envs, *size, 3), dtype=np.uint8)
    return Speed(
        name=model.name,
        parameters=sum(weight.numel() for weight in model.net.parameters()),
        frames=frames,
        envs=envs,
        streamed_s=streamed_s,
        recomputed_s=recomputed_s,
        batched_s=_timed(model, lambda: _batched(model, several)),
        alone_s=_timed(model, lambda: [_stream(model, several[:, k]) for k in range(envs)]),
        memory_bytes=memory,
        difference=float(np.abs(np.array(streamed)[np.array(counts) - 1] - whole).max()),
    )


def _recomputed(
    model: QwenModel, video: NDArray[np.uint8], counts: list[int]
) -> tuple[NDArray[np.float64], float]:
    """Scores of some prefixes, and the seconds that all prefixes would take.

    The time of a prefix grows smoothly with its length, so skipped ones are interpolated.
    """
    found, seconds = [], []
    for count in counts:
        started = _clock(model)
        found.append(model.score_video(video[:count], TASK).logp_true)
        seconds.append(_clock(model) - started)
    every = np.interp(np.arange(1, len(video) + 1), counts, seconds)
    return np.array(found), float(every.sum())


def _stream(model: QwenModel, video: NDArray[np.uint8]) -> tuple[list[float], int]:
    session = model.start(TASK)
    found = []
    for frame in video:
        session.push(frame)
        found.append(session.score().logp_true)
    return found, session.memory_bytes()


def _batched(model: QwenModel, videos: NDArray[np.uint8]) -> None:
    """Videos (T, envs, H, W, 3), all scored at every frame."""
    slots = list(range(videos.shape[1]))
    batch = model.start_batch(len(slots))
    for slot in slots:
        batch.start(slot, TASK)
    for frames in videos:
        batch.push(slots, frames)
        batch.score(slots)


def _timed(model: QwenModel, run: Callable[[], object]) -> float:
    started = _clock(model)
    run()
    return _clock(model) - started


def _clock(model: QwenModel) -> float:
    """CPU seconds of this process; on a device the time when its work is done."""
    if model.device == "cpu":
        return time.process_time()
    import torch

    torch.accelerator.synchronize()
    return time.perf_counter()
