"""One slot of a ``ManiSkillWorld``: a PhysX simulation and the ``MjData`` that mirrors it."""

from dataclasses import dataclass
from functools import cached_property

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.backends.base import Array, State
from molmospaces_gym.backends.sapien_scene.contacts import (
    Touches,
    read_geoms,
    read_touches,
    start_touches,
)
from molmospaces_gym.backends.sapien_scene.scene import PhysxScene
from molmospaces_gym.scenes.model import SceneModel
from molmospaces_gym.variations import PLAIN, Look

TOO_LARGE = 1e10
"""A position or velocity beyond it is a diverged simulation (MuJoCo's bound)."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What a slot's state has beside MuJoCo's arrays."""

    asleep: NDArray[np.bool_]
    touches: Touches


class Slot:
    """A PhysX simulation with its mirror, and the arrays that are read on every step."""

    def __init__(self, scene: SceneModel, longest_step: float) -> None:
        self.scene, self.model = scene, scene.model
        self.data = data = mujoco.MjData(scene.model)
        self.physics = PhysxScene(scene.model, longest_step)
        self.qpos: Array = data.qpos
        self.qvel: Array = data.qvel
        self.ctrl: Array = data.ctrl
        self.touches: Touches | None = None
        self.touching: NDArray[np.int32] | None = None
        self.awake = np.ones(scene.model.nbody, np.int32)
        self.look: Look = PLAIN
        self.own: mujoco.MjModel | None = None
        self.varied = self.diverged = False
        self.pushed = np.empty(scene.model.nq), np.empty(scene.model.nv)
        ctrl_low, ctrl_high = scene.model.actuator_ctrlrange.T
        limited = scene.model.actuator_ctrllimited.astype(bool)
        self.low = np.where(limited, ctrl_low, -np.inf)
        self.high = np.where(limited, ctrl_high, np.inf)

    @cached_property
    def scratch(self) -> mujoco.MjData:
        """Memory to compute something beside the mirror."""
        return mujoco.MjData(self.scene.model)

    def use(self, model: mujoco.MjModel) -> None:
        """Simulate with the masses, friction and damping of a copy of the scene's model."""
        self.model = model
        self.physics.vary(model)

    def push(self) -> None:
        """Put the simulation where the mirror is."""
        data = self.data
        self.physics.push(self.qpos, self.qvel, data.mocap_pos, data.mocap_quat)
        self._remember()

    def _remember(self) -> None:
        self.pushed[0][:], self.pushed[1][:] = self.qpos, self.qvel

    def set(self, state: State) -> None:
        """Overwrite everything; what slept in a snapshot goes on sleeping."""
        data = self.data
        mujoco.mj_resetData(self.model, data)
        data.qpos[:], data.qvel[:], data.ctrl[:] = state.qpos, state.qvel, state.ctrl
        data.mocap_pos[:], data.mocap_quat[:] = state.mocap_pos, state.mocap_quat
        mujoco.mj_kinematics(self.model, data)
        self.diverged = False
        self.push()
        if isinstance(state.snapshot, Snapshot):
            self.physics.lull(state.snapshot.asleep)
            self.touches = state.snapshot.touches
        else:
            self.touches = start_touches(self.model, data)
        self.touching = self.touches.geoms

    def copy(self) -> State:
        """The whole state, as ``set`` takes it."""
        data = self.data
        return State(
            data.qpos.copy(),
            data.qvel.copy(),
            data.ctrl.copy(),
            data.mocap_pos.copy(),
            data.mocap_quat.copy(),
            snapshot=Snapshot(self.physics.asleep(), self.all_touches()),
        )

    def written(self) -> bool:
        """Whether someone has written into the mirror since the simulation was read."""
        return not (
            np.array_equal(self.qpos, self.pushed[0]) and np.array_equal(self.qvel, self.pushed[1])
        )

    def advance(self, n_substeps: int) -> None:
        """Let time pass, or with 0 substeps only take over what was written."""
        if n_substeps:
            if self.written():
                self.push()
            self.physics.command(np.clip(self.ctrl, self.low, self.high))
            duration = n_substeps * float(self.model.opt.timestep)
            self.physics.step(duration, self.qpos, self.qvel)
            self.physics.pull(self.qpos, self.qvel)
            self._remember()
            self.touches = self.touching = None
            self.data.time += duration
            largest = max(np.abs(self.qpos).max(), np.abs(self.qvel).max(initial=0.0))
            self.diverged |= not largest < TOO_LARGE  # a NaN is not smaller either
        mujoco.mj_kinematics(self.model, self.data)

    def touching_geoms(self) -> NDArray[np.int32]:
        """Geoms (n, 2) of the contacts of the last step."""
        if self.touching is None:
            self.touching = read_geoms(self.physics.system, self.physics.geom_of)
        return self.touching

    def all_touches(self) -> Touches:
        """The contacts of the last step."""
        if self.touches is None:
            self.touches = read_touches(self.physics.system, self.physics.geom_of)
        return self.touches
