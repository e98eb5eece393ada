"""Frames as a Qwen3-VL vision tower takes them, without torchvision.

A temporal group is two frames; its patches of 16 x 16 pixels (by default) follow each other in
blocks of 2 x 2, since so many become one token. Constants are those of the released
``preprocessor_config.json``: scale to [0, 1], then mean 0.5 and deviation 0.5.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidConfig

if TYPE_CHECKING:
    from torch import Tensor

GROUP = 2
"""Frames per temporal group (``temporal_patch_size`` of every Qwen3-VL)."""
MEAN, DEVIATION = 0.5, 0.5
MIN_PIXELS, MAX_PIXELS = 4096, 25_165_824
"""Frames x height x width that a video may have (``size`` of the released video processor)."""
MAX_ASPECT = 200
"""Longer side over shorter side (``smart_resize`` of transformers)."""


def checked_frames(frames: NDArray[Any]) -> NDArray[np.uint8]:
    """Frames (T, H, W, 3) uint8, or ``InvalidConfig`` with what is wrong."""
    found = np.asarray(frames)
    if found.ndim != 4 or found.shape[-1] != 3 or found.dtype != np.uint8:
        raise InvalidConfig(
            f"frames must be (T, H, W, 3) uint8, got {found.shape} {found.dtype};"
            " a frame alone is (H, W, 3)"
        )
    return found


def fitted_size(frames: int, height: int, width: int, unit: int) -> tuple[int, int]:
    """Height and width, multiples of ``unit``, that the video processor would choose.

    Args:
        frames: of the video; pixels are counted over all of them.
        height, width: of a frame.
        unit: patch size times merge size.
    """
    if min(height, width) < unit:
        scale = max(unit / height, unit / width)
        height, width = int(height * scale), int(width * scale)
    if max(height, width) / min(height, width) > MAX_ASPECT:
        raise InvalidConfig(f"a frame of {height} x {width} is longer than {MAX_ASPECT} to 1")
    h, w = (round(side / unit) * unit for side in (height, width))
    # Rounded to even, as transformers counts: 5 frames are 4 here.
    volume = round(frames / GROUP) * GROUP * h * w
    if volume > MAX_PIXELS:
        ratio = (frames * height * width / MAX_PIXELS) ** 0.5
        return _floor(height / ratio, unit), _floor(width / ratio, unit)
    if volume < MIN_PIXELS:
        ratio = (MIN_PIXELS / (frames * height * width)) ** 0.5
        return _ceil(height * ratio, unit), _ceil(width * ratio, unit)
    return h, w


def _floor(value: float, unit: int) -> int:
    return max(unit, int(value // unit) * unit)


def _ceil(value: float, unit: int) -> int:
    return int(-(-value // unit)) * unit


def resized(frames: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Frames (T, H, W, 3) as (T, height, width, 3): bicubic with anti-aliasing, whole levels."""
    if frames.shape[1:3] == size:
        return frames
    import torch

    levels = torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2).float()
    levels = torch.nn.functional.interpolate(levels, size, mode="bicubic", antialias=True)
    done: NDArray[np.uint8] = levels.clamp(0, 255).round().byte().permute(0, 2, 3, 1).numpy()
    return done


def patches(frames: NDArray[np.uint8], patch: int, merge: int) -> "Tensor":
    """Rows for the vision tower: (groups * h * w, 3 * 2 * patch * patch) float32.

    Args:
        frames: (T, H, W, 3) uint8, T even, sides multiples of ``patch * merge``.
        patch: side of a patch in pixels.
        merge: patches per side of a token.
    """
    import torch

    count, height, width, _ = frames.shape
    groups, rows, columns = count // GROUP, height // patch, width // patch
    levels = torch.from_numpy(np.ascontiguousarray(frames)).float()
    levels = (levels / 255.0 - MEAN) / DEVIATION
    blocks = levels.view(
        groups, GROUP, rows // merge, merge, patch, columns // merge, merge, patch, 3
    )
    # group, block row, block column, row and column in it, channel, frame, pixel row, pixel column
    ordered = blocks.permute(0, 2, 5, 3, 6, 8, 1, 4, 7)
    return ordered.reshape(groups * rows * columns, 3 * GROUP * patch * patch)
