"""Which receptacles an episode may use: those of the house, and a few that it may add."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from molmospaces_gym.scenes.added import GENERATED_OBJECTS, resolve_added
from molmospaces_gym.scenes.compose import get_scene
from molmospaces_gym.scenes.house import Surface
from molmospaces_gym.scenes.model import SceneModel

CATEGORIES = frozenset({"Bowl", "Plate", "Pan"})
"""Official categories that count where the metadata does not say ``receptacle``."""
ADDED = ("bowl", "plate", "pan", "tray", "box", "casserole")
"""Categories of the generator that episodes add to houses."""
ADDED_STEPS = (12, 20)
"""Their sizes (steps of the catalog): 14 to 25 cm across; official receptacles have 17 to 50."""
PER_HOUSE = 2
"""Receptacles that the episodes of one house may add. Each makes a compiled scene of its own,
which is kept, so a few make resets fast."""
FITS = 0.9
"""An object's footprint may have this share of the receptacle's inner half width."""


@dataclass(frozen=True)
class Receptacle:
    """A receptacle, the scene that holds it, and what had to be added for that.

    ``names`` are its bodies, the first of which is the target; ``half_width`` the smaller of its
    half extents seen from above, m.
    """

    scene: SceneModel
    names: tuple[str, ...]
    half_width: float
    added: Mapping[str, str] = field(default_factory=dict)


def is_receptacle(meta: Mapping[str, Any]) -> bool:
    """Whether objects are placed on or in what this metadata describes."""
    return bool(meta.get("receptacle", meta.get("category") in CATEGORIES))


def own_receptacles(scene: SceneModel, surface: Surface | None) -> list[Receptacle]:
    """The movable ones of the house, on one surface where it has any.

    Only those, since a name such as ``shelf plate`` would not fit what was moved elsewhere.
    """
    return [
        Receptacle(scene, (name,), _half_width(scene, name))
        for name in scene.free_joints
        if is_receptacle(meta := scene.objects.get(name, {}))
        and (surface is None or meta.get("surface") == surface.name)
    ]


def addable(scene: SceneModel, copies: int = 1) -> list[tuple[str, ...]]:
    """Assets that episodes may add to this house, each with the body names of its copies.

    A pure function of the house's name; empty for a house without surfaces to stand them on.
    """
    from molmospaces_gym.scenes.generator.catalog import CATEGORIES as KINDS
    from molmospaces_gym.scenes.generator.names import body_name

    if not scene.house.metadata.get("surfaces"):
        return []
    seed = hashlib.sha256(f"receptacles/{scene.house.name}".encode()).digest()[:8]
    rng = np.random.default_rng(int.from_bytes(seed, "little"))
    found = []
    for kind in rng.permutation(ADDED)[:PER_HOUSE].tolist():
        colour = str(rng.choice(KINDS[kind].colors))
        asset = f"{kind}_{colour}_{int(rng.integers(ADDED_STEPS[0], ADDED_STEPS[1] + 1)):02d}"
        names, count = [], 0
        while len(names) < copies:
            count += 1
            name = body_name(kind, asset, count)
            if name not in scene.body_ids:
                names.append(name)
        found.append((asset, *names))
    return found


def with_added(scene: SceneModel, asset: str, names: tuple[str, ...]) -> Receptacle:
    """The scene with copies of an asset, compiled at the first time."""
    path = GENERATED_OBJECTS + asset
    added = dict.fromkeys(names, path)
    item = resolve_added(path)
    wider = get_scene(scene.house, scene.robot.config, dict.fromkeys(names, item))
    return Receptacle(wider, names, _half_width(wider, names[0]), added)


def fits(scene: SceneModel, name: str, half_width: float) -> bool:
    """Whether an object is small enough for a receptacle of this half width (m)."""
    meta = scene.objects.get(name, {})
    size = meta.get("footprint", float(np.hypot(*scene.body_half_size(name)[:2])))
    return bool(size <= FITS * half_width) and not is_receptacle(meta)


def _half_width(scene: SceneModel, name: str) -> float:
    opening = scene.objects.get(name, {}).get("opening")
    if opening is not None:
        return float(min(opening["half"]))
    return float(scene.body_half_size(name)[:2].min())
