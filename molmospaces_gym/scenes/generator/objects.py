"""What a household object is made of, and where a gripper can hold it."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np

from molmospaces_gym.scenes.generator.shapes import Part, Rgba, Vec3, bounds, moved

COLORS: Mapping[str, Rgba] = {
    "red": (0.80, 0.16, 0.14, 1.0),
    "orange": (0.93, 0.50, 0.13, 1.0),
    "yellow": (0.95, 0.79, 0.22, 1.0),
    "green": (0.30, 0.60, 0.27, 1.0),
    "teal": (0.16, 0.58, 0.58, 1.0),
    "blue": (0.18, 0.38, 0.72, 1.0),
    "purple": (0.48, 0.29, 0.62, 1.0),
    "pink": (0.92, 0.55, 0.65, 1.0),
    "brown": (0.50, 0.32, 0.18, 1.0),
    "beige": (0.87, 0.77, 0.60, 1.0),
    "white": (0.93, 0.92, 0.89, 1.0),
    "gray": (0.58, 0.60, 0.62, 1.0),
    "black": (0.13, 0.13, 0.15, 1.0),
}
"""Colour names that descriptions use."""

WHITE, BLACK, BROWN = COLORS["white"], COLORS["black"], COLORS["brown"]
STEEL: Rgba = (0.73, 0.75, 0.77, 1.0)
LEAF: Rgba = (0.25, 0.50, 0.20, 1.0)

GLAZES = ("red", "blue", "green", "white", "yellow", "teal", "purple", "black", "pink", "gray")
HANDLES = ("black", "red", "blue", "gray", "green", "brown", "white")
LABELS = ("red", "blue", "green", "orange", "yellow", "purple", "teal", "pink", "white")
BRIGHT = ("red", "blue", "green", "yellow", "orange", "purple", "pink", "teal")
SOBER = ("black", "gray", "white", "blue", "red")
"""Colours in which kinds of objects come."""


@dataclass(frozen=True)
class Hold:
    """A place that two fingers can close on, with the object upright.

    kind ``round``: an upright cylinder or ball of radius ``size[0]`` and half height ``size[1]``,
    held across its diameter. ``block``: a box with half sizes ``size``, held across those of its
    ``axes`` (0 x, 1 y) that are narrow enough. ``rim``: the upper edge of a wide open vessel, a
    circle of radius ``size[0]`` and wall thickness ``size[1]`` whose top is at ``center``.
    ``avoid`` lists the directions in which a handle stands out of a ``round`` hold.
    Lengths in m, angles in rad.
    """

    kind: Literal["round", "block", "rim"]
    center: Vec3
    size: tuple[float, ...]
    axes: tuple[int, ...] = (0, 1)
    avoid: tuple[float, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """JSON-plain form for the metadata."""
        plain = asdict(self)
        return {key: list(v) if isinstance(v, tuple) else v for key, v in plain.items()}


@dataclass(frozen=True)
class Opening:
    """The inside of something that holds other things, in m.

    ``center`` is the middle of the floor inside, ``depth`` the height of the rim over it.
    ``half`` are the half sizes along x and y that are free at the rim, ``floor_half`` those at the
    floor; of a ``round`` one they are radii.
    """

    center: Vec3
    depth: float
    half: tuple[float, float]
    floor_half: tuple[float, float]
    round: bool = False

    def as_dict(self) -> dict[str, Any]:
        """JSON-plain form for the metadata."""
        plain = asdict(self)
        return {key: list(v) if isinstance(v, tuple) else v for key, v in plain.items()}


@dataclass(frozen=True)
class Shape:
    """Parts and holds of an object that stands on z = 0 (or, centred, around its middle).

    A shape with an ``opening`` is a receptacle.
    """

    parts: tuple[Part, ...]
    holds: tuple[Hold, ...] = ()
    rolls: bool = False
    """Whether it needs rolling friction to come to rest."""
    opening: Opening | None = None

    def bounds(self) -> tuple[Vec3, Vec3]:
        """Lowest and highest corner of everything that can be seen or touched, in m."""
        boxes = [bounds(part) for part in self.parts]
        low = np.min([lo for lo, _ in boxes], axis=0)
        high = np.max([hi for _, hi in boxes], axis=0)
        return (
            (float(low[0]), float(low[1]), float(low[2])),
            (float(high[0]), float(high[1]), float(high[2])),
        )

    def centred(self) -> tuple["Shape", Vec3]:
        """The shape moved so that its bounding box is centred at the origin, and its half size.

        What touches the ground decides where z = 0 is, so the half height is also the height of
        the origin above a support.
        """
        low, high = self.bounds()
        shift = tuple(-(a + b) / 2 for a, b in zip(low, high, strict=True))
        hx, hy, hz = ((b - a) / 2 for a, b in zip(low, high, strict=True))
        holds = tuple(replace(hold, center=moved(hold.center, shift)) for hold in self.holds)
        parts = tuple(part.moved(shift) for part in self.parts)
        opening = self.opening
        if opening is not None:
            opening = replace(opening, center=moved(opening.center, shift))
        return replace(self, parts=parts, holds=holds, opening=opening), (hx, hy, hz)


def round_opening(radius: float, foot: float, floor: float, rim: float) -> Opening:
    """Inside of a round vessel around the z axis."""
    return Opening((0.0, 0.0, floor), rim - floor, (radius, radius), (foot, foot), True)


Builder = Callable[[float, Rgba], Shape]
"""Builds an object from its size (0 smallest .. 1 largest of its kind) and its colour."""


@dataclass(frozen=True)
class Category:
    """A kind of household object.

    ``noun`` is what people call it (one word), ``material`` the third word of a description,
    ``mass`` its range in kg from the smallest to the largest.
    """

    name: str
    noun: str
    build: Builder
    mass: tuple[float, float]
    colors: tuple[str, ...]
    material: str
    official: str
    """Category name of the official object library, or our own in the same style."""


def lerp(low: float, high: float, size: float) -> float:
    """Value at ``size`` (0..1) between two ends."""
    return low + (high - low) * size


def mix(rgba: Rgba, other: Rgba, share: float) -> Rgba:
    """Colour between two colours."""
    r, g, b = (x + (y - x) * share for x, y in zip(rgba[:3], other[:3], strict=True))
    return (r, g, b, 1.0)
