"""The surfaces of a model in the colours of a ``Look``."""

from collections.abc import Sequence

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.backends.rendering.geometry import material_of, texture_of
from molmospaces_gym.backends.rendering.textures import mean_colour
from molmospaces_gym.variations import Look


def tinted(
    geoms: NDArray[np.void], model: mujoco.MjModel, textures: Sequence[int], look: Look
) -> NDArray[np.void]:
    """A copy of the drawn geoms (GEOM) in other colours.

    Args:
        geoms: as the model has them.
        model: the compiled model.
        textures: model texture ids in the order that ``GEOM.texture`` counts.
        look: what changes; a texture that the model draws nowhere else is not lent.
    """
    geoms = geoms.copy()
    rows = {geom: row for row, geom in enumerate(geoms["geom"].tolist())}
    colour, texture, emission = geoms["colour"], geoms["texture"], geoms["emission"]
    for geom, rgb, material in look.tints:
        row = rows.get(geom)
        if row is None:
            continue
        colour[row] = 255 * np.asarray(rgb)
        own = material_of(model, geom)[2]
        if texture[row] < 0 and own >= 0:
            colour[row] *= mean_colour(model, own)
        elif texture[row] >= 0 and material >= 0:
            lent = texture_of(model, material)
            if lent in textures:
                texture[row] = textures.index(lent)
    for geom, rgb in look.paint:
        row = rows.get(geom)
        if row is not None:
            colour[row] = 255 * np.asarray(rgb)
            texture[row], emission[row] = -1, 0.0
    return geoms
