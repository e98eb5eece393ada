"""Which receptacles an episode may use: those of the house, and a few that it may add."""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from molmospaces_gym.scenes.added import GENERATED_OBJECTS, resolve_added
from molmospaces_gym.scenes.compose import get_scene
from molmospaces_gym.scenes.model import SceneModel

CATEGORIES = frozenset({"Bowl", "Plate", "Pan"})
"""Official categories that count where the metadata does not say ``receptacle``."""
ADDED = ("bowl", "plate", "pan", "tray", "box", "casserole", "tupperware")
"""Categories of the generator that episodes add to houses."""
ADDED_STEPS = (8, 20)
"""Their sizes (steps of the catalog)."""
MAX_FOOTPRINT = {1: 0.19, 2: 0.13}
"""Largest radius (m) of an added receptacle, by how many copies there are: two must find room."""
PER_HOUSE = 2
"""Receptacles that the episodes of one house may add. Each makes a compiled scene of its own,
which is kept, so a few make resets fast."""
CACHE_SIZE = 64
"""Lists of added receptacles that are kept."""
FITS = 0.9
"""An object's footprint may have this share of the receptacle's inner half width."""


_added: "OrderedDict[tuple[str, int], list[Receptacle]]" = OrderedDict()


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


def own_receptacles(scene: SceneModel) -> list[Receptacle]:
    """The movable ones that the house holds."""
    return [
        Receptacle(scene, (name,), _half_width(scene, name))
        for name in scene.free_joints
        if is_receptacle(scene.objects.get(name, {}))
    ]


def added_receptacles(scene: SceneModel, copies: int = 1) -> list[Receptacle]:
    """Those that episodes may add to this house; none to a house without surfaces.

    Which ones is a pure function of the house's name. The scenes that hold them are compiled at
    the first time, and the last few lists are kept.
    """
    key = scene.key, copies
    if key not in _added:
        _added[key] = [with_added(scene, *one) for one in addable(scene, copies)]
        while len(_added) > CACHE_SIZE:
            _added.popitem(last=False)
    _added.move_to_end(key)
    return _added[key]


def addable(scene: SceneModel, copies: int) -> list[tuple[str, tuple[str, ...]]]:
    """Assets that episodes may add to this house, each with the body names of its copies."""
    from molmospaces_gym.scenes.generator.catalog import CATEGORIES as KINDS
    from molmospaces_gym.scenes.generator.catalog import make_asset
    from molmospaces_gym.scenes.generator.names import body_name

    if not scene.house.metadata.get("surfaces"):
        return []
    seed = hashlib.sha256(f"receptacles/{scene.house.name}".encode()).digest()[:8]
    rng = np.random.default_rng(int.from_bytes(seed, "little"))
    found: list[tuple[str, tuple[str, ...]]] = []
    for kind in rng.permutation(ADDED).tolist():
        colour = str(rng.choice(KINDS[kind].colors))
        asset = make_asset(kind, colour, int(rng.integers(ADDED_STEPS[0], ADDED_STEPS[1] + 1)))
        if asset.footprint > MAX_FOOTPRINT[copies] or len(found) == PER_HOUSE:
            continue
        names: list[str] = []
        count = 0
        while len(names) < copies:
            count += 1
            name = body_name(kind, asset.asset_id, count)
            if name not in scene.body_ids:
                names.append(name)
        found.append((asset.asset_id, tuple(names)))
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
    size = meta.get("footprint")
    if size is None:
        size = float(np.hypot(*scene.body_half_size(name)[:2]))
    return bool(size <= FITS * half_width) and not is_receptacle(meta)


def _half_width(scene: SceneModel, name: str) -> float:
    opening = scene.objects.get(name, {}).get("opening")
    if opening is not None:
        return float(min(opening["half"]))
    return float(scene.body_half_size(name)[:2].min())
