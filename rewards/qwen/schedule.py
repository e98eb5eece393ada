"""Which frames of a video a model is shown, and at which times.

Two ways. *Stable*: the caller shows frames at the model's rate, all are kept, and a longer prefix
begins with the shorter one; only this can be streamed. *Paper*: the published results were made
by handing raw prefixes to transformers without their frame rate, which then assumes 24 frames per
second, spreads frames evenly over the prefix for 2 per second, and takes at least 4. So a prefix
of 4 to 59 frames is seen as 4 frames whatever it is.
"""

from collections.abc import Sequence

import numpy as np

from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.rewards.qwen.pixels import GROUP

ASSUMED_FPS, SAMPLED_FPS = 24.0, 2.0
MIN_FRAMES, MAX_FRAMES = 4, 768
"""What ``Qwen3VLVideoProcessor`` assumes of a video without metadata, and its limits."""
PREFIXES = 15
"""Prefixes of an episode that the paper scores (arXiv 2602.19313)."""


def paper_prefixes(length: int, count: int = PREFIXES) -> list[int]:
    """Lengths of ``count`` evenly spaced prefixes of 1 .. ``length``, without repetition.

    Raises:
        InvalidConfig: there is no frame, or no prefix is wanted.
    """
    if length < 1 or count < 1:
        raise InvalidConfig(f"prefixes need a frame and a count, got {length} and {count}")
    lengths: list[int] = np.unique(np.linspace(1, length, count, dtype=int)).tolist()
    return lengths


def paper_frames(length: int) -> list[int]:
    """Indices of the frames that transformers keeps of a prefix without metadata."""
    wanted = int(length / ASSUMED_FPS * SAMPLED_FPS)
    wanted = min(max(wanted, MIN_FRAMES), MAX_FRAMES, length)
    indices: list[int] = np.linspace(0, length - 1, wanted).round().astype(int).tolist()
    return indices


def group_times(indices: Sequence[int], fps: float) -> list[float]:
    """Time of each temporal group in s: the mean of its two frames; an odd last frame is doubled.

    Args:
        indices: of the frames, in the video whose rate is ``fps``.
        fps: frames per second.
    """
    even = [*indices, *indices[-1:]] if len(indices) % GROUP else list(indices)
    times = [index / fps for index in even]
    return [(first + last) / 2 for first, last in zip(times[::2], times[1::2], strict=True)]
