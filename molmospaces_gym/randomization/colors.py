"""Draws colours and textures of walls, floors and furniture.

As in the official package, materials are swapped within what is at hand and each colour then
changes by up to 0.2 per channel around what it is. Its pool of materials is downloaded; here it
is the house's own: a plain material may take the colour of another one, a textured one the
texture of another one that repeats alike.
"""

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.randomization.fixtures import kept_bodies, under
from molmospaces_gym.randomization.lighting import DIGITS
from molmospaces_gym.randomization.spec import ColorsSpec, MaterialSpec
from molmospaces_gym.randomization.surfaces import Surfaces, surfaces_of
from molmospaces_gym.scenes.model import SceneModel

SHIFT = 0.2
"""Each channel of a colour changes by up to this (official)."""
SWAP = 0.5
"""Probability that a plain material starts from the colour of another one (ours)."""


def draw_colors(scene: SceneModel, episode: EpisodeSpec, rng: np.random.Generator) -> ColorsSpec:
    """New colours for what stands still, except what the task is about (``kept_bodies``)."""
    kept, surfaces = kept_bodies(scene, episode), surfaces_of(scene)
    inside = under(scene, [scene.body_id(name) for name in kept])
    free = ~inside[surfaces.bodies]
    materials = surfaces.materials[free]
    used = np.unique(materials[materials >= 0])
    bare = np.unique(surfaces.bodies[free][materials < 0]).tolist()
    found = _materials(surfaces, used, rng)
    shifts = np.round(rng.uniform(-SHIFT, SHIFT, (len(bare), 3)), DIGITS).tolist()
    bodies = {scene.body_names[body]: shift for body, shift in zip(bare, shifts, strict=True)}
    bodies.pop("", None)
    return ColorsSpec.trusted(materials=found, bodies=bodies, kept=kept)


def _materials(
    surfaces: Surfaces, used: NDArray[np.int32], rng: np.random.Generator
) -> dict[str, MaterialSpec]:
    """New colours and textures of the materials with the ids ``used``, by name."""
    textured, names = surfaces.textured[used], surfaces.names
    plain, pool = used[~textured].tolist(), used[textured].tolist()
    textures, bases, shifts = [], [], []
    for material, has_texture in zip(used.tolist(), textured.tolist(), strict=True):
        base, texture = material, None
        if has_texture:
            texture = _texture(surfaces, pool, material, rng)
        elif rng.random() < SWAP:
            base = plain[int(rng.integers(len(plain)))]
        textures.append(texture)
        bases.append(base)
        shifts.append(rng.uniform(-SHIFT, SHIFT, 3))
    moved = surfaces.colours[bases] + np.reshape(shifts, (-1, 3))
    colours = np.round(np.clip(moved, 0.0, 1.0), DIGITS).tolist()
    return {
        names[material]: MaterialSpec.trusted(rgb=rgb, texture=texture)
        for material, rgb, texture in zip(used.tolist(), colours, textures, strict=True)
    }


def _texture(
    surfaces: Surfaces, pool: list[int], material: int, rng: np.random.Generator
) -> str | None:
    """Name of the material that lends its texture; None: the own one stays."""
    repeats = surfaces.repeats
    alike = [other for other in pool if repeats[other] == repeats[material]]
    chosen = alike[int(rng.integers(len(alike)))]
    return None if chosen == material else surfaces.names[chosen]
