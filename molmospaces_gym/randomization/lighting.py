"""Draws lights.

Ranges of the official package (its lighting randomiser with the settings of its task samplers).
"""

from typing import Any

import mujoco
import numpy as np

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
    shifts = rng.uniform(-1.0, 1.0, (len(numbers), 4, 3))
    axes, angles = rng.uniform(-1.0, 1.0, (len(numbers), 3)), rng.uniform(-TURN, TURN, len(numbers))
    places = _rounded(model.light_pos[numbers] + POSITION * shifts[:, 0])
    colours = np.stack([model.light_diffuse, model.light_ambient, model.light_specular], axis=1)
    shown = _rounded(np.clip(colours[numbers] + COLOUR * shifts[:, 1:], 0.0, 1.0))
    found: list[LightSpec | None] = [None] * model.nlight
    aims = _rounded(turned(model.light_dir[numbers], axes, angles))
    for row, number in enumerate(numbers.tolist()):
        diffuse, ambient, specular = shown[row]
        found[number] = LightSpec.trusted(
            on=bool(on[row]),
            pos=places[row],
            dir=aims[row],
            diffuse=diffuse,
            ambient=ambient,
            specular=specular,
        )
    return found


def turned(vectors: Array, axes: Array, angles: Array) -> Array:
    """Vectors (n, 3) turned by angles (n,) in rad about axes (n, 3) of any length above zero."""
    lengths = np.sqrt((axes * axes).sum(axis=1, keepdims=True))
    units = axes / np.maximum(lengths, 1e-9)
    cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
    along = (units * vectors).sum(axis=1, keepdims=True)
    result: Array = cos * vectors + sin * np.cross(units, vectors) + (1 - cos) * along * units
    return result


def _rounded(values: Array) -> Any:
    """The values as lists of short numbers."""
    return np.round(values.astype(float), DIGITS).tolist()
