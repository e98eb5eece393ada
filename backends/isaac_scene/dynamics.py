"""Other masses, inertias, frictions and resistance of joints in a simulation of MuJoCo C."""

import copy
import re
from collections.abc import Iterable

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.backends.isaac_scene.compat import mujoco_c_model
from molmospaces_gym.backends.isaac_scene.links import Plan
from molmospaces_gym.backends.mass_constants import DERIVED_FIELDS

WRITTEN = (
    "body_mass",
    "body_ipos",
    "body_iquat",
    "body_inertia",
    "geom_friction",
    "dof_damping",
    "dof_frictionloss",
)
_NUMBER = re.compile(r".*/g(\d+)_[^/]*$")
_MIDPHASE = int(mujoco.mjtDisableBit.mjDSBL_MIDPHASE)


class SolverDynamics:
    """Writes the dynamics of a model into the one that Newton compiled for MuJoCo C.

    Make it with the simulation entered. Bodies of a plan that are welded together are one there.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan, self._model = plan, mujoco_c_model()
        self._plain, self._scratch = copy.copy(self._model), mujoco.MjData(self._model)
        model = self._model
        by_name = {model.body(body).name: body for body in range(1, model.nbody)}
        self._links = [
            (link, next(body for name, body in by_name.items() if name.endswith(f"_{link.name}")))
            for link in plan.links
            if link.body >= 0
        ]
        self._geoms = _numbered(model.geom(geom).name for geom in range(model.ngeom))
        dofs = [
            (model.body_dofadr[body], plan.model.jnt_dofadr[link.joint])
            for link, body in self._links
            if link.joint >= 0 and model.body_dofnum[body] == 1
        ]
        self._dofs = np.array(dofs, np.intp).reshape(-1, 2)

    def write(self, model: mujoco.MjModel) -> None:
        """Take over what may vary of ``model``, which has the sizes of the plan's."""
        mine, layout = self._model, self._plan.layout
        for link, body in self._links:
            mass, pos, quat, moments = layout.combined(link.bodies, link.body, model)
            mine.body_mass[body], mine.body_inertia[body] = mass, moments
            mine.body_ipos[body], mine.body_iquat[body] = pos, quat
        mine.geom_friction[self._geoms[:, 0]] = model.geom_friction[self._geoms[:, 1]]
        for name in ("dof_damping", "dof_frictionloss"):
            getattr(mine, name)[self._dofs[:, 0]] = getattr(model, name)[self._dofs[:, 1]]
        mujoco.mj_setConst(mine, self._scratch)
        # Bounding volumes are kept in frames of the masses, which have moved.
        mine.opt.disableflags |= _MIDPHASE

    def restore(self) -> None:
        """Put everything back as it was compiled, bit for bit."""
        for name in (*WRITTEN, *DERIVED_FIELDS):
            getattr(self._model, name)[:] = getattr(self._plain, name)
        self._model.opt.disableflags = self._plain.opt.disableflags


def _numbered(names: Iterable[str]) -> NDArray[np.intp]:
    """Rows (n, 2) of the solver's id and the number of the same thing in the plan's model."""
    found = [(index, _NUMBER.match(name)) for index, name in enumerate(names)]
    return np.array([(index, int(match[1])) for index, match in found if match], np.intp)
