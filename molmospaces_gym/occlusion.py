"""Covered cameras: the middle of a picture, or all of it, is black and without depth."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidConfig, UnknownName

Occlusion = Sequence[str] | Mapping[str, float] | None
"""Names of covered cameras, or name -> covered share of the picture."""
Block = tuple[slice, slice]
"""Rows and columns of a picture."""


def occlusion_shares(wanted: Occlusion) -> dict[str, float]:
    """Camera name -> share of its picture that is covered, above 0 and at most 1.

    Raises:
        InvalidConfig: it is neither names nor shares, or a share is out of range.
    """
    if wanted is None:
        return {}
    if isinstance(wanted, str) or not isinstance(wanted, Mapping | Sequence):
        raise _wrong(wanted)
    shares = dict(wanted) if isinstance(wanted, Mapping) else dict.fromkeys(wanted, 1.0)
    for name, share in shares.items():
        number = isinstance(share, int | float) and not isinstance(share, bool)
        if not isinstance(name, str) or not number or not 0 < share <= 1:
            raise _wrong(wanted)
    return {name: float(share) for name, share in shares.items()}


def covered_blocks(
    wanted: Occlusion, cameras: Sequence[str], size: tuple[int, int]
) -> dict[str, Block]:
    """Camera name -> the covered block of its picture of ``size`` (width, height).

    The block lies in the middle and is shaped as the picture.

    Raises:
        UnknownName: no such camera is observed.
    """
    width, height = size
    found = {}
    for name, share in occlusion_shares(wanted).items():
        if name not in cameras:
            raise UnknownName("camera to occlude", name, list(cameras))
        found[name] = (_middle(height, math.sqrt(share)), _middle(width, math.sqrt(share)))
    return found


def cover(picture: NDArray[Any], block: Block) -> None:
    """Black out a block of a picture (H, W, ...) in place; in a depth picture 0 is no hit."""
    picture[block] = 0


def _middle(length: int, share: float) -> slice:
    count = round(length * share)
    start = (length - count) // 2
    return slice(start, start + count)


def _wrong(wanted: object) -> InvalidConfig:
    return InvalidConfig(
        "occlude_cameras must be camera names, or camera names with the covered share of the"
        f" picture above 0 and at most 1, not {wanted!r}"
    )
