"""How an object lies when it stands alone on a flat support: settled once, then remembered.

An object on a flat top rests in the same way wherever that top is, so a home is put together from
rest poses instead of being simulated as a whole. The colour of an asset does not matter.
"""

import functools
from dataclasses import replace

from molmospaces_gym.scenes.custom import CustomAsset
from molmospaces_gym.scenes.generator import mjcf
from molmospaces_gym.scenes.generator.catalog import CATEGORIES, SIZE_STEPS, Asset, make_asset
from molmospaces_gym.scenes.generator.plate import RestPose, settle_on_plate
from molmospaces_gym.scenes.generator.shapes import IDENTITY


def rest_pose(asset: Asset | CustomAsset) -> RestPose:
    """Where the asset comes to rest on a flat support."""
    if isinstance(asset, CustomAsset):
        return asset.rest
    return _settled(asset.category.name, round(asset.size * SIZE_STEPS))


@functools.cache
def _settled(category: str, step: int) -> RestPose:
    asset = make_asset(category, CATEGORIES[category].colors[0], step)
    touched = tuple(part for part in asset.shape.parts if part.role != "visual")
    bare = replace(asset, shape=replace(asset.shape, parts=touched))
    body, meshes = mjcf.object_body("asset", bare, (0.0, 0.0, asset.rest_height), IDENTITY)
    return settle_on_plate(body, "".join(meshes.values()))
