"""The diffuse and ambient lights of a model as the rasteriser reads them."""

from collections.abc import Sequence

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.backends.rendering.arrays import LIGHT
from molmospaces_gym.cameras import CameraPose
from molmospaces_gym.variations import Lamp, Triple

Lights = NDArray[np.void]
Lamps = Sequence[Lamp | None]
"""What takes the place of the model's lights, see ``variations.Look.lamps``."""


def _shining(model: mujoco.MjModel) -> NDArray[np.intp]:
    """Ids of the lights that are switched on and are not images."""
    image = int(mujoco.mjtLightType.mjLIGHT_IMAGE)
    return np.flatnonzero((model.light_active != 0) & (model.light_type != image))


def moving_lights(model: mujoco.MjModel) -> bool:
    """Whether a light is attached to a body other than the world."""
    return bool(np.any(model.light_bodyid[_shining(model)]))


def shown_lamp(model: mujoco.MjModel, light: int, lamps: Lamps = ()) -> Lamp:
    """A light of the model as it is shown."""
    given = lamps[light] if lamps else None
    if given is not None:
        return given
    pos, aim, diffuse, ambient, specular = (
        tuple(values[light].tolist())
        for values in (
            model.light_pos,
            model.light_dir,
            model.light_diffuse,
            model.light_ambient,
            model.light_specular,
        )
    )
    return Lamp(True, pos, aim, diffuse, ambient, specular)


def model_lights(
    model: mujoco.MjModel, data: mujoco.MjData | None = None, lamps: Lamps = ()
) -> Lights:
    """All lights (LIGHT), the headlight last and still without direction.

    Without ``data``, lights are placed as if their bodies were the world.
    """
    types = mujoco.mjtLightType
    shining = _shining(model)
    lights = np.zeros(len(shining) + 1, LIGHT)
    for row, light in zip(lights, shining, strict=False):
        lamp = shown_lamp(model, light, lamps)
        pos, direction = np.array(lamp.pos), np.array(lamp.dir)
        if lamps:
            direction /= np.linalg.norm(direction)
        if data is not None:
            body = model.light_bodyid[light]
            turn = data.xmat[body].reshape(3, 3)
            pos, direction = data.xpos[body] + turn @ pos, turn @ direction
        kind = int(model.light_type[light])
        spot = kind == int(types.mjLIGHT_SPOT)
        row["position"], row["direction"] = pos, direction
        row["lamp"] = kind != int(types.mjLIGHT_DIRECTIONAL)
        row["strength"] = _strength(lamp, spot) if lamp.on else 0
        row["cutoff"] = np.cos(np.deg2rad(model.light_cutoff[light])) if spot else -2
        row["exponent"] = model.light_exponent[light] if spot else 0
        row["attenuation"] = model.light_attenuation[light]
    head = model.vis.headlight
    lights[-1]["strength"] = np.mean(head.diffuse) if head.active else 0
    return lights


def _strength(lamp: Lamp, spot: bool) -> float:
    """Mean colour of a light; the ambient part of a spot ends with its cone, as in OpenGL."""
    return float(_mean(lamp.diffuse)) + (float(_mean(lamp.ambient)) if spot else 0.0)


def _mean(colour: Triple) -> np.float32:
    """Mean of a colour, in the precision in which a model keeps it."""
    return np.float32(np.mean(np.asarray(colour, np.float32)))


def ambient_light(model: mujoco.MjModel, lamps: Lamps = ()) -> np.float32:
    """The light that is everywhere: of the headlight and of all but spots, their mean colour."""
    head = model.vis.headlight
    total = float(np.mean(head.ambient)) if head.active else 0.0
    spots = model.light_type == int(mujoco.mjtLightType.mjLIGHT_SPOT)
    shown = [shown_lamp(model, k, lamps) for k in _shining(model) if not spots[k]]
    return np.float32(total + sum(_mean(lamp.ambient) for lamp in shown if lamp.on))


def scaled(lights: Lights, brightness: float) -> Lights:
    """The lights, each ``brightness`` times as strong; changed in place."""
    lights["strength"] *= brightness
    return lights


def aim_headlight(lights: Lights, camera: CameraPose) -> Lights:
    """A copy of the lights whose last shines along the camera's optical axis."""
    aimed = lights.copy()
    aimed["direction"][-1] = -camera.mat[:, 2]
    return aimed
