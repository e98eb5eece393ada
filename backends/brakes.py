"""Friction and damping of joints that nothing drives, as MuJoCo's substeps have them."""

import math
from dataclasses import dataclass
from functools import cached_property

import mujoco


@dataclass(frozen=True)
class Brake:
    """What slows a joint down in MuJoCo, so that steps of PhysX take the same.

    ``friction`` N or N m, ``viscous`` N s/m or N m s/rad, ``inertia`` kg or kg m^2, MuJoCo's time
    step ``substep`` in s, and ``creep`` 1/s, the rate at which what is slow comes to rest: MuJoCo's
    friction is a soft constraint, which asks for the acceleration ``-creep * speed`` and uses all
    of the friction only where that is more.

    PhysX moves things with the velocity at the end of its step. The speed between two of its steps
    is therefore MuJoCo's half a step before, and a step is right when that speed times its duration
    is the way that MuJoCo goes in it.
    """

    friction: float
    viscous: float
    inertia: float
    substep: float
    creep: float

    def use(self, speed: float, step: float, first: bool) -> tuple[float, float]:
        """What a braking drive may use in a step of PhysX (N or N m), and to which speed it brakes.

        ``first`` says that ``speed`` is that of a state, not that of a step before. Where the speed
        falls so low that less than all of the friction acts, the drive may use all of it to reach
        its speed, so that something that pulls meets no less.
        """
        now = speed if first else self._after(speed, 0.5 * (step - self.substep))
        if self._later(now, step) <= self.slow:
            return self.friction + self.viscous * speed, self._way(now, step) / step
        # Half a step, and half of MuJoCo's, whose steps move with the speed at their ends too.
        share = 0.5 * (step + self.substep) if first else step
        return self.inertia * (speed - self._later(speed, min(share, step))) / step, 0.0

    @cached_property
    def slow(self) -> float:
        """Speed (m/s, rad/s) from which on less than all of the friction acts."""
        return self.friction / (self.inertia * self.creep)

    @cached_property
    def _rate(self) -> float:
        """Share of the speed per second that the viscous damping takes."""
        return math.log1p(self.viscous * self.substep / self.inertia) / self.substep

    @cached_property
    def _end_rate(self) -> float:
        """Share of the speed per second that is lost below ``_slow``, in MuJoCo's steps."""
        return -math.log(max(1.0 - self.creep * self.substep, 1e-3)) / self.substep

    @property
    def _final(self) -> float:
        """Speed at which viscous damping takes as much as the friction."""
        return self.friction / self.viscous

    def _later(self, speed: float, time: float) -> float:
        """Speed after a time under all of the friction, negative where it would have stopped."""
        if self.viscous <= 0.0:
            return speed - self.friction * time / self.inertia
        return (speed + self._final) * math.exp(-self._rate * time) - self._final

    def _after(self, speed: float, time: float) -> float:
        """Speed after a time."""
        slow = min(speed, self.slow)
        left = time - self._time_to(speed, slow)
        if left <= 0.0:
            return self._later(speed, time)
        return slow * math.exp(-self._end_rate * left)

    def _way(self, speed: float, time: float) -> float:
        """How far MuJoCo's substeps move something that is slow by the end of a time, m or rad."""
        slow = min(speed, self.slow)
        fast_time = self._time_to(speed, slow)
        if self.viscous <= 0.0:
            way = 0.5 * (speed + slow) * fast_time
        else:
            way = (speed - slow) / self._rate - self._final * fast_time
        kept = math.exp(-self._end_rate * max(time - fast_time, 0.0))
        way += slow * (1.0 - kept) / self._end_rate
        return max(0.0, way - 0.5 * self.substep * (speed - slow * kept))

    def _time_to(self, speed: float, slow: float) -> float:
        """Seconds from one speed to a lower one under all of the friction."""
        if self.viscous <= 0.0:
            return (speed - slow) * self.inertia / self.friction
        return math.log((speed + self._final) / (slow + self._final)) / self._rate


def creep_rate(model: mujoco.MjModel, dof: int) -> float:
    """Rate (1/s) at which MuJoCo's soft friction brings what is slow to rest.

    ``2 / (dmax * timeconst)``, or ``damping / dmax`` where the reference is given directly, with
    the share ``d0`` of the constraint (MuJoCo, "Computation", solver parameters).
    """
    time, ratio = model.dof_solref[dof]
    least, most = model.dof_solimp[dof, :2]
    safe = max(float(time), 2.0 * model.opt.timestep)  # MuJoCo's refsafe
    return float(least * (2.0 / (most * safe) if time > 0.0 else -ratio / most))
