"""What may be asked of a renderer."""

from collections.abc import Sequence

from molmospaces_gym.errors import InvalidConfig, UnknownName

MODES = ("rgb", "depth", "segmentation")
MAX_SIDE = 8192
"""Largest image side in pixels."""


def check_request(width: int, height: int, fov: float, modes: Sequence[str]) -> None:
    """Raise unless size and vertical field of view (degrees) make sense and every mode exists."""
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise InvalidConfig(
            f"image size {width} x {height} is not possible; both sides must be 1..{MAX_SIDE}"
        )
    if not 0 < fov < 180:
        raise InvalidConfig(f"a field of view of {fov} degrees is not possible; it is 0..180")
    for mode in modes:
        if mode not in MODES:
            raise UnknownName("render mode", mode, MODES)
