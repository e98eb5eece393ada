"""Draws colours and textures of walls, floors and furniture.

As in the official package, materials are swapped within what is at hand and each colour then
changes by up to 0.2 per channel around what it is. Its pool of materials is downloaded; here it
is the house's own: a plain material may take the colour of another one, a textured one the
texture of another one that repeats alike.
"""

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.randomization.fixtures import kept_bodies, under
from molmospaces_gym.randomization.lighting import DIGITS
from molmospaces_gym.randomization.spec import ColorsSpec, MaterialSpec
from molmospaces_gym.scenes.model import Array, SceneModel

SHIFT = 0.2
"""Each channel of a colour changes by up to this (official)."""
SWAP = 0.5
"""Probability that a plain material starts from the colour of another one (ours)."""
TEXTURE_ROLES = (
    int(mujoco.mjtTextureRole.mjTEXROLE_RGB),
    int(mujoco.mjtTextureRole.mjTEXROLE_RGBA),
)


def draw_colors(scene: SceneModel, episode: EpisodeSpec, rng: np.random.Generator) -> ColorsSpec:
    """New colours for what stands still, except what the task is about (``kept_bodies``)."""
    model = scene.model
    kept = kept_bodies(scene, episode)
    inside = under(scene, [scene.body_id(name) for name in kept])
    geoms = scene.still_geoms
    geoms = geoms[~inside[model.geom_bodyid[geoms]]]
    materials = model.geom_matid[geoms]
    used = np.unique(materials[materials >= 0])
    bare = np.unique(model.geom_bodyid[geoms[materials < 0]])
    textured = has_texture(scene)
    plain = used[~textured[used]]
    found, names = {}, list(scene.material_ids)
    for material in used.tolist():
        base, texture = model.mat_rgba[material, :3].astype(float), None
        if textured[material]:
            texture = _texture(scene, used[textured[used]], material, rng)
        elif rng.random() < SWAP:
            base = model.mat_rgba[int(plain[rng.integers(len(plain))]), :3].astype(float)
        rgb = _shifted(base, rng)
        found[names[material]] = MaterialSpec.trusted(rgb=rgb, texture=texture)
    shifts = np.round(rng.uniform(-SHIFT, SHIFT, (len(bare), 3)), DIGITS).tolist()
    bodies = {
        scene.body_names[body]: shift for body, shift in zip(bare.tolist(), shifts, strict=True)
    }
    bodies.pop("", None)
    return ColorsSpec.trusted(materials=found, bodies=bodies, kept=kept)


def has_texture(scene: SceneModel) -> NDArray[np.bool_]:
    """(nmat,) whether a material has a flat texture."""
    model = scene.model
    ids = model.mat_texid[:, TEXTURE_ROLES].max(axis=1)
    flat = int(mujoco.mjtTexture.mjTEXTURE_2D)
    found: NDArray[np.bool_] = (ids >= 0) & (model.tex_type[np.maximum(ids, 0)] == flat)
    return found


def _texture(
    scene: SceneModel, pool: NDArray[np.int32], material: int, rng: np.random.Generator
) -> str | None:
    """Name of the material that lends its texture; None: the own one stays."""
    model = scene.model
    alike = [
        other
        for other in pool.tolist()
        if (model.mat_texrepeat[other] == model.mat_texrepeat[material]).all()
        and model.mat_texuniform[other] == model.mat_texuniform[material]
    ]
    chosen = alike[int(rng.integers(len(alike)))]
    return None if chosen == material else list(scene.material_ids)[chosen]


def _shifted(base: Array, rng: np.random.Generator) -> list[float]:
    rgb = np.clip(base + rng.uniform(-SHIFT, SHIFT, 3), 0.0, 1.0)
    rounded: list[float] = np.round(rgb, DIGITS).tolist()
    return rounded
