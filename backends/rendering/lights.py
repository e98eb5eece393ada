"""The diffuse and ambient lights of a model as the rasteriser reads them.

A light is a row x, y, z, w, strength in the world: a homogeneous position (w 0: a direction towards
a light at infinity) and the mean of its diffuse colour.
"""

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.cameras import CameraPose

Lights = NDArray[np.float64]


def _shining(model: mujoco.MjModel) -> NDArray[np.intp]:
    """Ids of the lights that are switched on and are not images."""
    image = int(mujoco.mjtLightType.mjLIGHT_IMAGE)
    return np.flatnonzero((model.light_active != 0) & (model.light_type != image))


def moving_lights(model: mujoco.MjModel) -> bool:
    """Whether a light is attached to a body other than the world."""
    return bool(np.any(model.light_bodyid[_shining(model)]))


def model_lights(
    model: mujoco.MjModel, data: mujoco.MjData | None = None
) -> tuple[Lights, np.float32]:
    """Lights (L, 5), the headlight last and still without direction, and all ambient light.

    Without ``data``, lights are placed as if their bodies were the world.
    """
    head = model.vis.headlight
    rows, ambient = [], float(np.mean(head.ambient)) * bool(head.active)
    for light in _shining(model):
        pos, direction = model.light_pos[light], model.light_dir[light]
        if data is not None:
            body = model.light_bodyid[light]
            turn = data.xmat[body].reshape(3, 3)
            pos, direction = data.xpos[body] + turn @ pos, turn @ direction
        ambient += float(np.mean(model.light_ambient[light]))
        strength = float(np.mean(model.light_diffuse[light]))
        if model.light_type[light] == int(mujoco.mjtLightType.mjLIGHT_DIRECTIONAL):
            rows.append([*-direction, 0.0, strength])
        else:
            rows.append([*pos, 1.0, strength])
    rows.append([0.0, 0.0, 0.0, 0.0, float(np.mean(head.diffuse)) * bool(head.active)])
    return np.array(rows), np.float32(ambient)


def aim_headlight(lights: Lights, camera: CameraPose) -> Lights:
    """A copy of the lights whose last shines along the camera's optical axis."""
    aimed = lights.copy()
    aimed[-1, :3] = camera.mat[:, 2]
    return aimed
