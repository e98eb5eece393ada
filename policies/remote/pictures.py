"""Pictures as policy servers expect them: cropped, and resized with black bars."""

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidConfig

Picture = NDArray[np.uint8]
"""(H, W, 3)."""


def fill_and_crop(picture: Picture, size: tuple[int, int]) -> Picture:
    """Scale until ``size`` (width, height) is covered and cut its middle out.

    Bilinear, as MolmoBot-Pi0 brings its pictures to 640x360 (``molmobot_pi0/eval/utils.py``).
    """
    width, height = size
    have_height, have_width = picture.shape[:2]
    if (have_width, have_height) == size:
        return picture
    factor = max(height / have_height, width / have_width)
    # A side that is met exactly must not lose a pixel to rounding.
    wide = max(width, int(have_width * factor))
    high = max(height, int(have_height * factor))
    scaled = _resized(picture, (wide, high))
    left, top = (wide - width) // 2, (high - height) // 2
    return np.ascontiguousarray(scaled[top : top + height, left : left + width])


def resize_with_pad(picture: Picture, side: int) -> Picture:
    """Scale into a square of ``side`` pixels, the rest black on both sides alike.

    Bilinear, as openpi and MolmoSpaces do it (``policy/learned_policy/utils.py``).
    """
    height, width = picture.shape[:2]
    if (height, width) == (side, side):
        return picture
    longer = max(width, height)
    wide, high = max(1, width * side // longer), max(1, height * side // longer)
    top, left = (side - high) // 2, (side - wide) // 2
    square = np.zeros((side, side, 3), np.uint8)
    square[top : top + high, left : left + wide] = _resized(picture, (wide, high))
    return square


def check_picture(name: str, picture: NDArray[np.generic]) -> None:
    """Raise ``InvalidConfig`` unless ``picture`` is (H, W, 3) uint8."""
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[-1] != 3:
        raise InvalidConfig(
            f"camera {name!r} must give pictures (height, width, 3) of uint8, "
            f"not {picture.shape} of {picture.dtype}"
        )


def _resized(picture: Picture, size: tuple[int, int]) -> Picture:
    # Pillow takes a tenth of a second to import, which only these conventions need.
    from PIL import Image

    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR))
