"""Draws lights.

Ranges of the official package (its lighting randomiser with the settings of its task samplers).
"""

from collections.abc import Sequence

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.randomization.spec import LightSpec
from molmospaces_gym.scenes.model import Array, SceneModel

POSITION = 0.5
"""A light moves by up to this along each axis, m."""
TURN = 1.0
"""It turns by up to this about a random axis, rad."""
COLOUR = 0.1
"""Each channel of its diffuse, ambient and specular colour changes by up to this."""
ON = 0.5
"""Probability that a light is on; one always is."""
DIGITS = 4
"""Decimals of what is drawn, so that episodes stay short."""


def draw_lights(scene: SceneModel, rng: np.random.Generator) -> list[LightSpec | None]:
    """New values for every light that the scene has switched on; None for the others."""
    model = scene.model
    image = int(mujoco.mjtLightType.mjLIGHT_IMAGE)
    usable = (model.light_active != 0) & (model.light_type != image)
    numbers = np.flatnonzero(usable)
    on = rng.random(len(numbers)) < ON
    if len(on) and not on.any():
        on[int(rng.integers(len(on)))] = True
    found: list[LightSpec | None] = [None] * model.nlight
    for number, is_on in zip(numbers.tolist(), on.tolist(), strict=True):
        aim = model.light_dir[number] / np.linalg.norm(model.light_dir[number])
        found[number] = LightSpec.trusted(
            on=is_on,
            pos=_plain(model.light_pos[number] + rng.uniform(-POSITION, POSITION, 3)),
            dir=_plain(turned(aim, rng.uniform(-1.0, 1.0, 3), float(rng.uniform(-TURN, TURN)))),
            diffuse=_near(model.light_diffuse[number], rng),
            ambient=_near(model.light_ambient[number], rng),
            specular=_near(model.light_specular[number], rng),
        )
    return found


def turned(vector: Array, axis: Array, angle: float) -> Array:
    """A vector (3,) turned by an angle (rad) about an axis of any length above zero."""
    unit = axis / max(float(np.linalg.norm(axis)), 1e-9)
    cos, sin = np.cos(angle), np.sin(angle)
    result: Array = cos * vector + sin * np.cross(unit, vector) + (1 - cos) * (unit @ vector) * unit
    return result


def _near(colour: NDArray[np.float32], rng: np.random.Generator) -> list[float]:
    return _plain(np.clip(colour + rng.uniform(-COLOUR, COLOUR, 3), 0.0, 1.0))


def _plain(values: Sequence[float] | Array) -> list[float]:
    rounded: list[float] = np.round(np.asarray(values, float), DIGITS).tolist()
    return rounded
