"""How a slot may differ from the compiled model that it shares: in looks and in dynamics.

Both are values that a world is given beside the ``SceneModel``; the model is never changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.cameras import Paint

Triple = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Tints:
    """Geoms in other colours that keep their materials; with a texture the two are multiplied.

    Attributes:
        geoms: (n,) their ids.
        rgb: (n, 3) colours in 0..1.
        lenders: (n,) the material that lends each its texture, -1: none does.
    """

    geoms: NDArray[np.intp]
    rgb: NDArray[np.float64]
    lenders: NDArray[np.intp]


NO_TINTS = Tints(np.zeros(0, np.intp), np.zeros((0, 3)), np.zeros(0, np.intp))


@dataclass(frozen=True)
class Lamp:
    """A light of the model as a slot has it: pose in the frame of its body (m), colours in 0..1.

    ``dir`` is where it shines, of any length above zero. A lamp that is not ``on`` gives no
    light, neither diffuse nor ambient nor specular.
    """

    on: bool
    pos: Triple
    dir: Triple
    diffuse: Triple
    ambient: Triple
    specular: Triple


@dataclass(frozen=True, eq=False)
class Look:
    """What a picture of a slot shows differently from its model.

    Attributes:
        paint: geoms in a plain colour, without texture and emission.
        tints: geoms in other colours; ``paint`` is put on top.
        lamps: one entry per light of the model, or empty; None leaves a light as it is, and a
            light that the model has switched off stays off.
        brightness: factor on all light, the headlight's too, but not on emission.
    """

    paint: Paint = ()
    tints: Tints = NO_TINTS
    lamps: tuple[Lamp | None, ...] = ()
    brightness: float = 1.0


PLAIN = Look()
"""Everything as the model has it."""

DYNAMIC_FIELDS = (
    "body_mass",
    "body_inertia",
    "geom_friction",
    "dof_damping",
    "dof_frictionloss",
)
"""Arrays of a model that may differ between slots."""


@dataclass(frozen=True, eq=False)
class Dynamics:
    """Physical properties of a slot: whole arrays under their names in ``DYNAMIC_FIELDS``.

    Shapes and units are the model's (kg, kg m^2, N m s, N m); what is not named is the model's.
    """

    arrays: Mapping[str, NDArray[np.float64]]
