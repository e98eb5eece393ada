"""Actuators, springs, damping and dry friction as the one drive that a PhysX joint has.

A position servo and a spring are the drive itself, with MuJoCo's gains. Dry friction of a joint
that nothing drives is a drive that brakes: it asks for standstill and may use no more than the
friction, to which viscous damping is added while the joint moves (``Brake``).
"""

from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.backends.layout import Array
from molmospaces_gym.backends.servos import make_servos

BRAKE = 1e6
"""Damping (N s/m, N m s/rad) of a braking drive: stops within a step what friction can stop."""


@dataclass(frozen=True, eq=False)
class Drives:
    """The drive of every joint of a model, arrays by joint id (free joints: nothing).

    ``stiffness``, ``damping`` and ``limit`` are those of the drive; its target is
    ``scale * ctrl[actuator] + offset``, with ``actuator`` -1 where there is none. ``friction`` and
    ``viscous`` are what a braking drive may use; ``spring`` and ``rest`` a spring beside it.
    """

    actuator: NDArray[np.intp]
    scale: Array
    offset: Array
    stiffness: Array
    damping: Array
    limit: Array
    friction: Array
    viscous: Array
    spring: Array
    rest: Array

    @property
    def brakes(self) -> NDArray[np.bool_]:
        """(njnt,) which joints have dry friction and nothing that drives them."""
        return self.friction > 0.0


def make_drives(model: mujoco.MjModel) -> Drives:
    """The drives of a model whose actuators are position servos on joints or fixed tendons."""
    joints = model.njnt
    dofs = model.jnt_dofadr
    single = model.jnt_type != int(mujoco.mjtJoint.mjJNT_FREE)
    servos = make_servos(model)
    actuator, gain, target, offset = servos.actuator, servos.stiffness, servos.scale, servos.offset
    damping, limit = servos.damping, servos.limit
    driven = actuator >= 0
    spring = np.where(single, np.ravel(model.jnt_stiffness)[:joints], 0.0)
    rest = np.where(single, model.qpos_spring[model.jnt_qposadr], 0.0)
    viscous = np.where(single, model.dof_damping[dofs], 0.0)
    friction = np.where(single & ~driven, model.dof_frictionloss[dofs], 0.0)
    brakes = friction > 0.0
    stiffness = np.where(brakes, 0.0, gain + spring)
    share = np.divide(gain, stiffness, out=np.zeros(joints), where=stiffness > 0.0)
    return Drives(
        actuator=actuator,
        scale=share * target,
        offset=np.where(brakes, 0.0, share * offset + (1.0 - share) * rest),
        stiffness=stiffness,
        damping=np.where(brakes, BRAKE, damping + viscous),
        limit=np.where(brakes, friction, limit),
        friction=friction,
        viscous=viscous,
        spring=np.where(brakes, spring, 0.0),
        rest=rest,
    )
