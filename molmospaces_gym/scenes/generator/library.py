"""Single objects of the generator, for episodes that add some to a house."""

from molmospaces_gym.errors import UnknownName
from molmospaces_gym.scenes.generator.catalog import CATEGORIES, Asset, make_asset
from molmospaces_gym.scenes.generator.draft import COMPILER, DEFAULTS
from molmospaces_gym.scenes.generator.mjcf import element, object_body
from molmospaces_gym.scenes.generator.shapes import IDENTITY


def asset_of(asset_id: str) -> Asset:
    """The asset with this id, e.g. ``bowl_red_07``; raises ``UnknownName``."""
    parts = asset_id.rsplit("_", 2)
    if len(parts) != 3 or not parts[2].isdigit():
        raise UnknownName(
            "generated object", asset_id, [f"<{'|'.join(CATEGORIES)}>_<colour>_<size>"]
        )
    return make_asset(parts[0], parts[1], int(parts[2]))


def object_mjcf(asset: Asset) -> str:
    """MJCF with the asset as its only body, free to move, its origin at the world's."""
    body, meshes = object_body("object", asset, (0.0, 0.0, 0.0), IDENTITY)
    library, world = element("asset", list(meshes.values())), element("worldbody", [body])
    return f'<mujoco model="object">\n{COMPILER}{DEFAULTS}{library}\n{world}\n</mujoco>\n'
