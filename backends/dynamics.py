"""Writes the dynamics of a slot into its copy of a compiled model."""

import mujoco

from molmospaces_gym.backends.mass_constants import DERIVED_FIELDS, constants_of
from molmospaces_gym.scenes.model import SceneModel
from molmospaces_gym.variations import DYNAMIC_FIELDS, Dynamics


def write_dynamics(
    model: mujoco.MjModel, scene: SceneModel, data: mujoco.MjData, dynamics: Dynamics
) -> None:
    """Write dynamics into a copy of a scene's model, and what MuJoCo derives from masses.

    ``data`` is scratch memory. What is derived from shapes alone stays as it was compiled.
    """
    arrays = dynamics.arrays
    for name in DYNAMIC_FIELDS:
        getattr(model, name)[:] = arrays.get(name, getattr(scene.model, name))
    if "body_mass" in arrays or "body_inertia" in arrays:
        constants_of(scene)(model, data)
    else:
        for name in DERIVED_FIELDS:
            getattr(model, name)[:] = getattr(scene.model, name)
