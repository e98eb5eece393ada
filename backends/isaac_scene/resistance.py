"""Dry friction and damping of joints in PhysX, step by step as MuJoCo's substeps have them.

Newton reads both in USD. PhysX has dry friction per joint, whose value is set anew before every
step in which a joint that nothing drives moves (``brakes.Brake``); damping of joints without dry
friction is a drive's, which PhysX integrates implicitly as MuJoCo does.
"""

from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.backends.brakes import Brake, creep_rate
from molmospaces_gym.backends.isaac_scene.physx_schema import POSITION_ITERATIONS
from molmospaces_gym.backends.isaac_scene.views import to_numpy, to_tensor
from molmospaces_gym.backends.layout import Array
from molmospaces_gym.backends.servos import Servos

STILL = 1e-4
"""Speed (m/s, rad/s) of a joint with dry friction below which it is left to its friction."""
SPRING_SHARE = 0.5 * (1.0 + 1.0 / POSITION_ITERATIONS)
"""Share of a step after which its spring acts on the whole: once per iteration of the solver."""
HELD = 0.05
"""Share of the speed at which friction gets soft below which all of it acts, so that what pulls at
a joint, such as its spring, does not move it on."""


class Resistance:
    """What slows the joints of one articulation down, in every world.

    Args:
        view: Isaac Lab's articulation.
        joints: (n,) MuJoCo's ids of its joints.
    """

    def __init__(
        self,
        view: Any,
        joints: NDArray[np.intp],
        model: mujoco.MjModel,
        servos: Servos,
        num_worlds: int,
        device: str,
    ) -> None:
        self._view, self._device = view, device
        dofs = model.jnt_dofadr[joints]
        free = servos.actuator[joints] < 0
        self._dry = np.tile(model.dof_frictionloss[dofs], (num_worlds, 1))
        viscous = model.dof_damping.reshape(model.nv, -1)[dofs, 0]
        braked = free & (self._dry[0] > 0.0)
        # Damping beside dry friction is part of the brake while the joint moves.
        self._viscous = np.tile(np.where(free & ~braked, 0.0, viscous), (num_worlds, 1))
        damped = np.flatnonzero(free & ~braked & (viscous > 0.0))
        if len(damped):
            view.write_joint_damping_to_sim_index(
                damping=to_tensor(np.tile(viscous[damped], (num_worlds, 1)), device),
                joint_ids=damped.tolist(),
            )
        self._brakes = {
            row: Brake(
                friction=float(model.dof_frictionloss[dofs[row]]),
                viscous=float(viscous[row]),
                inertia=float(model.dof_M0[dofs[row]]),
                substep=float(model.opt.timestep),
                creep=creep_rate(model, int(dofs[row])),
            )
            for row in np.flatnonzero(braked).tolist()
        }
        self._stiffness = np.ravel(model.jnt_stiffness)[joints]
        self._sprung = [row for row in self._brakes if self._stiffness[row]]
        self._fresh = np.ones(num_worlds, np.bool_)
        self._loaded = False
        self._write(self._dry, self._viscous)

    def restart(self, world: int) -> None:
        """The speeds of a world are now those of a state, not those of a step before."""
        self._fresh[world] = True

    def moves(self, only_sprung: bool) -> bool:
        """Whether a joint moves that this slows down, or one whose spring carries a weight.

        PhysX takes the weight of an oven's door where its step begins and the spring later
        (``SPRING_SHARE``), so that the two balance in short steps only.
        """
        rows = self._sprung if only_sprung else list(self._brakes)
        return bool(rows and (np.abs(to_numpy(self._view.data.joint_vel)[:, rows]) > STILL).any())

    def load(self, step: float) -> None:
        """Set what the joints meet in a step of ``step`` seconds."""
        if not self._brakes:
            return
        velocities = to_numpy(self._view.data.joint_vel)
        rows = list(self._brakes)
        moving = (np.abs(velocities[:, rows]) > STILL).any(axis=1)
        if moving.any():
            dry, viscous = self._dry.copy(), self._viscous.copy()
            viscous[np.ix_(np.flatnonzero(moving), np.array(rows))] = 0.0
            for world in np.flatnonzero(moving).tolist():
                for row in rows:
                    speed = abs(float(velocities[world, row]))
                    dry[world, row] = self._friction(row, speed, step, bool(self._fresh[world]))
            self._write(dry, viscous)
            self._loaded = True
        elif self._loaded:
            self.rest()
        self._fresh[:] = False

    def _friction(self, row: int, speed: float, step: float, first: bool) -> float:
        """Friction (N, N m) of a joint in a step of ``step`` seconds."""
        brake = self._brakes[row]
        most, end = brake.use(speed, step, first)
        if speed > HELD * brake.slow:
            most = min(most, brake.inertia * (speed - end) / step)
        # The spring brakes by this much more than where the step begins.
        return max(0.0, most - SPRING_SHARE * step * speed * float(self._stiffness[row]))

    def rest(self) -> None:
        """Set what the joints meet at standstill."""
        if self._loaded:
            self._write(self._dry, self._viscous)
            self._loaded = False

    def _write(self, dry: Array, viscous: Array) -> None:
        friction = to_tensor(dry, self._device)
        self._view.write_joint_friction_coefficient_to_sim_index(
            joint_friction_coeff=friction,
            joint_dynamic_friction_coeff=friction,
            joint_viscous_friction_coeff=to_tensor(viscous, self._device),
        )
