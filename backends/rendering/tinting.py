"""The surfaces of a model in the colours of a ``Look``."""

from collections.abc import Sequence

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.backends.rendering.geometry import material_of, texture_of
from molmospaces_gym.backends.rendering.textures import mean_colour
from molmospaces_gym.variations import Look, Tints


class Tinting:
    """Gives the drawn geoms of one model other colours.

    Args:
        geoms: the drawn geoms (GEOM) as the model has them.
        model: the compiled model.
        textures: model texture ids in the order that ``GEOM.texture`` counts.
    """

    def __init__(
        self, geoms: NDArray[np.void], model: mujoco.MjModel, textures: Sequence[int]
    ) -> None:
        self._geoms = geoms
        self._rows = np.full(model.ngeom, -1)
        self._rows[geoms["geom"]] = np.arange(len(geoms))
        shown = {texture: k for k, texture in enumerate(textures)}
        lent = [shown.get(texture_of(model, material), -1) for material in range(model.nmat)]
        self._lent = np.array([*lent, -1])
        """Place in ``textures`` of what each material lends, -1 for nothing; last: no material."""
        self._means = np.ones((model.ngeom, 3))
        """Mean colour of the texture that a geom has and does not show."""
        means: dict[int, NDArray[np.float64]] = {}
        for geom in geoms["geom"][geoms["texture"] < 0].tolist():
            own = material_of(model, geom)[2]
            if own >= 0:
                means.setdefault(own, mean_colour(model, own))
                self._means[geom] = means[own]

    def __call__(self, look: Look) -> NDArray[np.void]:
        """A copy of the geoms in a look; a texture that the model draws nowhere is not lent."""
        geoms = self._geoms.copy()
        self._tint(geoms, look.tints)
        colour, texture, emission = geoms["colour"], geoms["texture"], geoms["emission"]
        for geom, rgb in look.paint:
            row = self._rows[geom]
            if row >= 0:
                colour[row] = 255 * np.asarray(rgb)
                texture[row], emission[row] = -1, 0.0
        return geoms

    def _tint(self, geoms: NDArray[np.void], tints: Tints) -> None:
        drawn = self._rows[tints.geoms] >= 0
        ids, lent = tints.geoms[drawn], self._lent[tints.lenders[drawn]]
        rows, colours = self._rows[ids], (255 * tints.rgb[drawn]).astype(geoms["colour"].dtype)
        geoms["colour"][rows] = colours * self._means[ids]
        lends = (lent >= 0) & (geoms["texture"][rows] >= 0)
        geoms["texture"][rows[lends]] = lent[lends]
