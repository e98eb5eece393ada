"""How an object lies when it stands alone on a flat support.

An object on a flat top rests in the same way wherever that top is, so a home is put together from
rest poses instead of being simulated as a whole. The colour of an asset does not matter. The poses
of the sizes that homes use are shipped in ``rest_poses.json``: a new process need not simulate
them, and a home is the same under every version of the simulator.

``homes.rest_table`` writes that file; it must after a change of an object, as a test will say.
"""

import functools
import json
from dataclasses import replace
from pathlib import Path

from molmospaces_gym.scenes.custom import CustomAsset
from molmospaces_gym.scenes.generator import mjcf
from molmospaces_gym.scenes.generator.catalog import CATEGORIES, SIZE_STEPS, Asset, make_asset
from molmospaces_gym.scenes.generator.plate import RestPose, settle_on_plate
from molmospaces_gym.scenes.generator.shapes import IDENTITY

SIZES = tuple(range(0, SIZE_STEPS + 1, 4))
"""Size steps that homes use; few, so that all their rest poses are known."""
TABLE = Path(__file__).with_name("rest_poses.json")
"""Category -> for each of ``SIZES``: height (m) and quaternion."""


def rest_pose(asset: Asset | CustomAsset) -> RestPose:
    """Where the asset comes to rest on a flat support."""
    if isinstance(asset, CustomAsset):
        return asset.rest
    name, step = asset.category.name, round(asset.size * SIZE_STEPS)
    known = _table().get(name)
    if known is None or step not in SIZES:
        return settled(name, step)
    height, w, x, y, z = known[SIZES.index(step)]
    return RestPose(height, (w, x, y, z), True)


@functools.cache
def _table() -> dict[str, list[list[float]]]:
    table: dict[str, list[list[float]]] = json.loads(TABLE.read_text(encoding="utf-8"))
    return table


@functools.cache
def settled(category: str, step: int) -> RestPose:
    """The rest pose of an asset as simulation finds it."""
    asset = make_asset(category, CATEGORIES[category].colors[0], step)
    touched = tuple(part for part in asset.shape.parts if part.role != "visual")
    bare = replace(asset, shape=replace(asset.shape, parts=touched))
    body, meshes = mjcf.object_body("asset", bare, (0.0, 0.0, asset.rest_height), IDENTITY)
    return settle_on_plate(body, "".join(meshes.values()))
