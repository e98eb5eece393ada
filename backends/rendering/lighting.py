"""Before the projection: the light that reaches each geom, in the geom's own frame."""

import math
from typing import Any

from molmospaces_gym.backends.rendering.arrays import Arr, View
from molmospaces_gym.jit import helper, kernel

SHARPNESS = 5.0
"""A spot reaches its strength where the cosine is this much (inverse) inside its cone."""


@helper
def _lamp_strength(light: Any, x: Any, y: Any, z: Any) -> Any:
    """Strength of a lamp at the offset x, y, z from a place to it: distance and cone."""
    distance = max(1e-6, math.sqrt(x * x + y * y + z * z))
    aim = light.direction
    along = -(aim[0] * x + aim[1] * y + aim[2] * z) / distance
    cone = min(1.0, (along - light.cutoff) * SHARPNESS)
    if cone <= 0:
        return 0.0
    fall = light.attenuation
    fade = fall[0] + fall[1] * distance + fall[2] * distance * distance
    if light.exponent != 0:
        cone *= max(along, 0.0) ** light.exponent
    return light.strength * cone / (max(fade, 1e-6) * distance)


@kernel
def aim_lights(
    geoms: Arr, xpos: Arr, xmat: Arr, view: View, lights: Arr, local: Arr, lamps: Arr
) -> int:
    """Turn lights into the frames of geoms, and lamps into the frame of the camera.

    A lamp shines on a geom from one direction, as strongly as at the geom's origin. Only ``wide``
    geoms are left to the shading, pixel by pixel.

    Args:
        geoms: (G,) GEOM.
        xpos, xmat: (ngeom, 3) and (ngeom, 9) float64 poses of all geoms of the model.
        view: the camera.
        lights: (L,) LIGHT.
        local: (G, L, 3) float32 out, vectors towards the lights, as long as they are strong.
        lamps: (L,) LAMP out.

    Returns:
        The number of lamps.
    """
    for g in range(len(geoms)):
        at = geoms[g].geom
        for k in range(len(lights)):
            light = lights[k]
            x, y, z = -light.direction[0], -light.direction[1], -light.direction[2]
            scale = 1.0 * light.strength
            if light.lamp:
                x = light.position[0] - xpos[at, 0]
                y = light.position[1] - xpos[at, 1]
                z = light.position[2] - xpos[at, 2]
                scale = 0.0 if geoms[g].wide else _lamp_strength(light, x, y, z)
            for j in range(3):
                turned = x * xmat[at, j] + y * xmat[at, 3 + j] + z * xmat[at, 6 + j]
                local[g, k, j] = scale * turned
    count = 0
    for k in range(len(lights)):
        light, lamp = lights[k], lamps[count]
        if light.lamp:
            for i, axis in enumerate((view.right, view.down, view.ahead)):
                place, aim = 0.0, 0.0
                for j in range(3):
                    place += axis[j] * (light.position[j] - view.eye[j])
                    aim += axis[j] * light.direction[j]
                lamp.position[i], lamp.direction[i] = place, aim
                lamp.attenuation[i] = light.attenuation[i]
            lamp.strength, lamp.cutoff = light.strength, light.cutoff
            lamp.exponent = light.exponent
            count += 1
    return count
