"""Friction for engines that take the mean of two surfaces where MuJoCo takes the larger."""

from collections import Counter

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.backends.layout import Array

UNIFORM_DISK = 1.5
"""A disk of radius r under uniform pressure resists turning with 2/3 r times its friction."""


def scene_friction(model: mujoco.MjModel) -> float:
    """The sliding friction that most colliding geoms have, those of robots left out."""
    solid = (model.geom_contype | model.geom_conaffinity) != 0
    ordinary = solid & (model.geom_priority <= 0)
    house = ordinary & ~of_robots(model)
    counts = Counter(model.geom_friction[house if house.any() else ordinary, 0].tolist())
    return float(counts.most_common(1)[0][0]) if counts else 1.0


def of_robots(model: mujoco.MjModel) -> NDArray[np.bool_]:
    """(ngeom,) which geoms hang under the same body as a joint with an actuator."""
    joints = model.actuator_trnid[model.actuator_trntype == int(mujoco.mjtTrn.mjTRN_JOINT), 0]
    roots = model.body_rootid[model.jnt_bodyid[joints]]
    found: NDArray[np.bool_] = np.isin(model.body_rootid[model.geom_bodyid], roots)
    return found


def shape_friction(model: mujoco.MjModel, common: float) -> Array:
    """Friction (ngeom,) of each shape so that contacts with the common geoms are MuJoCo's.

    PhysX takes the mean of two frictions, MuJoCo the larger, or that of the geom of higher
    priority. Twice what the pair should have minus the common value gives exactly that against
    every geom of the common value, which in our scenes is all but robots and fingers.
    """
    own = model.geom_friction[:, 0]
    wanted = np.where(model.geom_priority > 0, own, np.maximum(own, common))
    found: Array = np.maximum(2.0 * wanted - common, 0.0)
    return found


def patch_radius(model: mujoco.MjModel, geom: int) -> float:
    """Radius (m) of the patch that resists turning as much as a geom's torsional friction."""
    if model.geom_condim[geom] < 4:
        return 0.0
    sliding, torsional = model.geom_friction[geom, :2]
    return UNIFORM_DISK * float(torsional) / max(float(sliding), 1e-6)
