"""The catalog: every category, and how one asset of it is made."""

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from molmospaces_gym.errors import UnknownName
from molmospaces_gym.scenes.generator.belongings import BELONGINGS
from molmospaces_gym.scenes.generator.bottles import BOTTLES
from molmospaces_gym.scenes.generator.comforts import COMFORTS
from molmospaces_gym.scenes.generator.containers import CONTAINERS
from molmospaces_gym.scenes.generator.cutlery import CUTLERY
from molmospaces_gym.scenes.generator.groceries import GROCERIES
from molmospaces_gym.scenes.generator.objects import COLORS, Category, Hold, Shape, lerp
from molmospaces_gym.scenes.generator.pantry import PANTRY
from molmospaces_gym.scenes.generator.produce import PRODUCE
from molmospaces_gym.scenes.generator.shapes import Part, Vec3, bounds, rotation
from molmospaces_gym.scenes.generator.sundries import SUNDRIES
from molmospaces_gym.scenes.generator.vessels import VESSELS

_FIRST = (*VESSELS, *CUTLERY, *PRODUCE, *GROCERIES, *BOTTLES, *BELONGINGS)

ROOM_CATEGORIES: tuple[str, ...] = tuple(category.name for category in _FIRST)
"""What the one-room houses hold: they, and what was learned in them, stay the same."""

CATEGORIES: dict[str, Category] = {
    category.name: category for category in (*_FIRST, *CONTAINERS, *PANTRY, *SUNDRIES, *COMFORTS)
}
"""Every kind of object; homes draw from all of them."""

MAX_WIDTH = 0.075
"""Widest dimension (m) that counts as graspable; the 2F-85 opens to about 0.087 m."""

RECEPTACLES: tuple[str, ...] = ("bowl", "plate", "pan", *(kind.name for kind in CONTAINERS))
"""Kinds on or into which other objects are placed."""

SIZE_STEPS = 20
"""Sizes come in this many steps, so that equal assets are shared between houses."""


@dataclass(frozen=True)
class Asset:
    """One kind of thing in one size and colour; lengths in m, mass in kg.

    Its body frame is the middle of its bounding box, upright with identity rotation.
    ``rest_height`` is the height of that origin over the support, ``footprint`` the radius of the
    circle around the origin that holds the object, seen from above.
    """

    asset_id: str
    category: Category
    color: str
    size: float
    shape: Shape
    half_size: Vec3
    rest_height: float
    footprint: float
    mass: float

    @property
    def graspable(self) -> bool:
        """Whether a gripper with ``MAX_WIDTH`` can hold it."""
        return bool(self.shape.holds)

    @property
    def receptacle(self) -> bool:
        """Whether other things can be put into or onto it."""
        return self.shape.opening is not None

    @property
    def descriptions(self) -> dict[str, str]:
        """Referral expressions of one, two and three words."""
        noun, color = self.category.noun, self.color
        word = "small" if self.size < 0.3 else "large" if self.size > 0.7 else ""
        third = f"{word} {color}" if word else f"{color} {self.category.material}"
        return {"1": noun, "2": f"{color} {noun}", "3": f"{third} {noun}"}

    def metadata(self) -> dict[str, Any]:
        """The asset's share of an entry of the scene metadata (JSON-plain)."""
        x, y, z = (2 * half for half in self.half_size)
        return {
            "asset_id": self.asset_id,
            "category": self.category.official,
            "object_enum": "thor_obj",
            "is_static": False,
            "boundingBox": {"x": x, "y": y, "z": z},
            "mass": self.mass,
            "color": self.color,
            "material": self.category.material,
            "lemma": self.category.name,
            "descriptions": self.descriptions,
            "graspable": self.graspable,
            "pickupable": self.graspable,
            "receptacle": self.receptacle,
            "opening": None if self.shape.opening is None else self.shape.opening.as_dict(),
            "holds": [hold.as_dict() for hold in self.shape.holds],
            "rest_height": self.rest_height,
            "rest_quat": [1.0, 0.0, 0.0, 0.0],
            "footprint": self.footprint,
            "half_size": list(self.half_size),
        }


@functools.lru_cache(maxsize=4096)
def make_asset(category: str, color: str, step: int) -> Asset:
    """The asset of a category in one colour and size step (0 .. ``SIZE_STEPS``).

    Raises:
        UnknownName: no such category or colour.
    """
    if category not in CATEGORIES:
        raise UnknownName("object category", category, tuple(CATEGORIES))
    if color not in COLORS:
        raise UnknownName("colour", color, tuple(COLORS))
    kind, size = CATEGORIES[category], step / SIZE_STEPS
    raw = kind.build(size, COLORS[color])
    low, high = raw.bounds()
    shape, half = raw.centred()
    wide = max(2 * min(_width(hold)) for hold in shape.holds) if shape.holds else 0.0
    if wide > MAX_WIDTH:
        raise ValueError(f"a hold of {category} is {wide:.3f} m wide, over {MAX_WIDTH} m")
    return Asset(
        asset_id=f"{category}_{color}_{step:02d}",
        category=kind,
        color=color,
        size=size,
        shape=shape,
        half_size=half,
        rest_height=(low[2] + high[2]) / 2,
        footprint=max(_reach(part) for part in shape.parts),
        mass=round(lerp(*kind.mass, size), 4),
    )


def draw_asset(category: str, rng: np.random.Generator) -> Asset:
    """A random asset of a category."""
    colors = CATEGORIES[category].colors
    color = colors[int(rng.integers(len(colors)))]
    return make_asset(category, color, int(rng.integers(SIZE_STEPS + 1)))


def _width(hold: Hold) -> tuple[float, ...]:
    """Half widths (m) of a hold across which fingers may close."""
    if hold.kind == "block":
        return hold.size
    return (hold.size[0],) if hold.kind == "round" else (hold.size[1] / 2,)


def _reach(part: Part) -> float:
    """Largest distance (m) from the z axis to a point of the part."""
    x, y, _ = part.pos
    if part.mesh is not None:
        points = np.array(part.mesh.vertices) @ rotation(part.quat).T + np.array(part.pos)
        return float(np.hypot(points[:, 0], points[:, 1]).max())
    if part.kind == "cylinder" and abs(part.quat[0]) == 1.0:
        return math.hypot(x, y) + part.size[0]
    if part.kind == "sphere":
        return math.hypot(x, y) + part.size[0]
    low, high = bounds(part)
    return math.hypot(max(abs(low[0]), abs(high[0])), max(abs(low[1]), abs(high[1])))
