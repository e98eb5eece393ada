"""One slot of an ``IsaacWorld``: a world of a stage and the ``MjData`` that mirrors it."""

import copy
from dataclasses import dataclass
from functools import cached_property

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.backends.base import Array, Contacts, State
from molmospaces_gym.backends.dynamics import write_dynamics
from molmospaces_gym.backends.isaac_scene.stage import Stage
from molmospaces_gym.scenes.model import SceneModel
from molmospaces_gym.variations import PLAIN, Dynamics, Look

TOO_LARGE = 1e10
"""A position or velocity beyond it is a diverged simulation (MuJoCo's bound)."""
TOUCHING = 5e-5
"""Gap (m) up to which two surfaces touch in PhysX, which leaves it between things at rest."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Says that a state was taken from a simulation: its mirror is complete."""


class Slot:
    """A world of a stage with its mirror, and the arrays that are read on every step."""

    def __init__(self, scene: SceneModel, stage: Stage, world: int) -> None:
        self.scene, self.model, self.stage, self.world = scene, scene.model, stage, world
        self.data = data = mujoco.MjData(scene.model)
        self.qpos: Array = data.qpos
        self.qvel: Array = data.qvel
        self.ctrl: Array = data.ctrl
        self.awake = np.ones(scene.model.nbody, np.int32)
        self.look: Look = PLAIN
        self.varied = self.diverged = False
        self.stale, self._epoch = True, -1
        self._searched = False
        self._pushed = np.full(scene.model.nq, np.nan), np.full(scene.model.nv, np.nan)
        low, high = scene.model.actuator_ctrlrange.T
        limited = scene.model.actuator_ctrllimited.astype(bool)
        self.low, self.high = np.where(limited, low, -np.inf), np.where(limited, high, np.inf)

    @cached_property
    def scratch(self) -> mujoco.MjData:
        """Memory to compute something beside the mirror."""
        return mujoco.MjData(self.scene.model)

    def vary(self, dynamics: Dynamics | None) -> None:
        """Simulate with these dynamics, or with those of the scene."""
        self.varied, self.model = dynamics is not None, self.scene.model
        if dynamics is not None:
            self.model = self._own
            write_dynamics(self._own, self.scene, self.scratch, dynamics)
        self.stage.vary(self.model if self.varied else None)
        self.__dict__.pop("touch_model", None)

    @cached_property
    def _own(self) -> mujoco.MjModel:
        return copy.copy(self.scene.model)

    @cached_property
    def touch_model(self) -> mujoco.MjModel:
        """The model in which contacts are searched, with PhysX's gap as a margin."""
        if not self.stage.engine.is_physx:
            return self.model
        model = copy.copy(self.model)
        model.geom_margin[:] += TOUCHING / 2
        return model

    def set(self, state: State) -> None:
        """Overwrite everything; the simulation follows in the next step."""
        data = self.data
        mujoco.mj_resetData(self.model, data)
        data.qpos[:], data.qvel[:], data.ctrl[:] = state.qpos, state.qvel, state.ctrl
        data.mocap_pos[:], data.mocap_quat[:] = state.mocap_pos, state.mocap_quat
        mujoco.mj_normalizeQuat(self.model, data.qpos)
        mujoco.mj_kinematics(self.model, data)
        self.diverged = self._searched = False
        self.stale = True

    def push(self) -> None:
        """Put the simulation where the mirror is; its solver starts afresh."""
        data = self.data
        self.stage.push(self.world, self.qpos, self.qvel, data.mocap_pos, data.mocap_quat)
        self.stale, self._epoch = False, self.stage.epoch
        self._remember()

    def _remember(self) -> None:
        self._pushed[0][:], self._pushed[1][:] = self.qpos, self.qvel

    def copy(self) -> State:
        """The whole state, as ``set`` takes it."""
        data = self.data
        return State(
            data.qpos.copy(),
            data.qvel.copy(),
            data.ctrl.copy(),
            data.mocap_pos.copy(),
            data.mocap_quat.copy(),
            snapshot=Snapshot(),
        )

    def prepare(self) -> None:
        """Hand over what was written into the mirror, and the commands."""
        self.stage.enter()
        here = not self.stale and self._epoch == self.stage.epoch
        same = here and np.array_equal(self.qpos, self._pushed[0])
        if not same or not np.array_equal(self.qvel, self._pushed[1]):
            self.push()
        self.stage.command(self.world, np.clip(self.ctrl, self.low, self.high))

    def take(self, duration: float) -> None:
        """Take over what the stage has read after a step of ``duration`` seconds."""
        self.stage.pull(self.world, self.qpos, self.qvel)
        self._remember()
        self.data.time += duration
        largest = max(np.abs(self.qpos).max(), np.abs(self.qvel).max(initial=0.0))
        self.diverged |= not largest < TOO_LARGE  # a NaN is not smaller either
        self.follow()

    def follow(self) -> None:
        """Let the poses follow the positions."""
        mujoco.mj_kinematics(self.model, self.data)
        self._searched = False

    def touching(self) -> NDArray[np.int32]:
        """Geoms (n, 2) that touch where the mirror is."""
        if not self._searched:
            mujoco.mj_collision(self.touch_model, self.data)
            self._searched = True
        geoms: NDArray[np.int32] = self.data.contact.geom
        return geoms

    def contacts(self, moving: bool) -> Contacts:
        """Contacts with the forces of MuJoCo's solver where the mirror is, or at rest there."""
        from molmospaces_gym.backends.mjc import read_contacts

        data, scratch = self.data, self.scratch
        mujoco.mj_resetData(self.touch_model, scratch)
        scratch.qpos[:], scratch.ctrl[:] = self.qpos, self.ctrl
        scratch.mocap_pos[:], scratch.mocap_quat[:] = data.mocap_pos, data.mocap_quat
        if moving:
            scratch.qvel[:] = self.qvel
        mujoco.mj_forward(self.touch_model, scratch)
        return read_contacts(self.touch_model, scratch)
