"""Writes the dynamics of a slot into its copy of a compiled model."""

import mujoco

from molmospaces_gym.variations import DYNAMIC_FIELDS, Dynamics


def write_dynamics(
    model: mujoco.MjModel, shared: mujoco.MjModel, data: mujoco.MjData, dynamics: Dynamics
) -> None:
    """Write dynamics into a copy of the ``shared`` model, and what MuJoCo derives from masses.

    ``data`` is scratch memory. What is derived from shapes alone stays as it was compiled.
    """
    for name in DYNAMIC_FIELDS:
        given = dynamics.arrays.get(name)
        getattr(model, name)[:] = getattr(shared, name) if given is None else given
    # MuJoCo before 3.16 derives no constants of what sleeps; after a reset nothing does.
    mujoco.mj_resetData(model, data)
    mujoco.mj_setConst(model, data)
    for name in ("extent", "center", "meansize"):
        setattr(model.stat, name, getattr(shared.stat, name))
