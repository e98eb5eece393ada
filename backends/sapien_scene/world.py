"""``ManiSkillWorld``: N SAPIEN scenes behind the ``World`` interface.

Each slot is a SAPIEN scene on the CPU, built from the compiled ``MjModel`` that MuJoCo would step,
beside an ``MjData`` that mirrors its state: names, ids, poses, sites and pictures are MuJoCo's.

Not represented, and refused with ``UnsupportedScene``: ball joints, weld and tendon equalities,
joints that follow another one nonlinearly or one of another parent, actuators that are no position
servos, spatial tendons, height fields, contact pairs, deformable bodies. Approximated, and listed
by ``losses``: friction between two geoms that both differ from what is common in the scene,
rolling friction, dry friction of driven joints, tendon limits, contact margins. Always different:
contacts are rigid (``solref``, ``solimp`` say nothing), cylinders and ellipsoids are polyhedra, and
contact forces have no friction part.
"""

import copy
import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.backends.base import Array, Contacts, State
from molmospaces_gym.backends.dynamics import write_dynamics
from molmospaces_gym.backends.pictures import Pictures
from molmospaces_gym.backends.sapien_scene.contacts import (
    Touches,
    read_geoms,
    read_touches,
    start_touches,
)
from molmospaces_gym.backends.sapien_scene.scene import STEP, PhysxScene
from molmospaces_gym.cameras import CameraPose, Images
from molmospaces_gym.errors import BackendUnavailable, NotReset
from molmospaces_gym.scenes.model import SceneModel
from molmospaces_gym.variations import PLAIN, Dynamics, Look

if TYPE_CHECKING:
    from mani_skill.envs.scene import ManiSkillScene

Callback = Callable[[int], None]
SCENES_PER_SLOT = 4
"""Simulations a slot keeps for scenes it may come back to."""
TOO_LARGE = 1e10
"""A position or velocity beyond it is a diverged simulation (MuJoCo's bound)."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class _Snapshot:
    """What a slot's state has beside MuJoCo's arrays."""

    asleep: NDArray[np.bool_]
    touches: Touches


class _Slot:
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


class ManiSkillWorld:
    """N SAPIEN scenes stepped one after another on the CPU.

    ``longest_step`` (s) bounds the steps of PhysX: shorter is more exact and slower.

    Raises:
        BackendUnavailable: another device than ``cpu`` is asked for. ManiSkill's batched GPU
            simulation has no counterpart here: ``num_worlds`` are always scenes of their own.
    """

    def __init__(
        self, num_worlds: int = 1, device: str = "cpu", longest_step: float = STEP
    ) -> None:
        if device != "cpu":
            raise BackendUnavailable(
                f"the maniskill backend simulates on the CPU, not on {device!r}; leave device out"
            )
        self.num_worlds, self._longest_step = num_worlds, longest_step
        self._slots: list[_Slot | None] = [None] * num_worlds
        self._seen: list[OrderedDict[str, _Slot]] = [OrderedDict() for _ in range(num_worlds)]
        self._pictures = Pictures()

    def load(self, slot: int, scene: SceneModel) -> None:
        """Bind a slot to a scene; its last few simulations are kept for reuse.

        Raises:
            UnsupportedScene: the scene holds what SAPIEN cannot represent.
        """
        seen = self._seen[slot]
        if scene.key not in seen:
            seen[scene.key] = _Slot(scene, self._longest_step)
            for loss in seen[scene.key].physics.losses:
                _log.info("scene %s in SAPIEN: approximated %s", scene.house.name, loss)
        seen.move_to_end(scene.key)
        while len(seen) > SCENES_PER_SLOT:
            seen.popitem(last=False)
        here = self._slots[slot] = seen[scene.key]
        here.look = PLAIN
        if here.varied:
            here.use(scene.model)
            here.varied = False

    def losses(self, slot: int) -> tuple[str, ...]:
        """What of the slot's scene is only approximated, one line each."""
        return self._slot(slot).physics.losses

    def show(self, slot: int, look: Look) -> None:
        """The look is given to the renderer with each picture; the shared model has its own."""
        self._slot(slot).look = look

    def vary(self, slot: int, dynamics: Dynamics) -> None:
        """The slot's bodies, shapes and joints get their values from a model of its own."""
        here = self._slot(slot)
        if here.own is None:
            here.own = copy.copy(here.scene.model)
        write_dynamics(here.own, here.scene, mujoco.MjData(here.scene.model), dynamics)
        here.use(here.own)
        here.varied = True

    def subtree_mass(self, slot: int) -> Array:
        found: Array = self._slot(slot).model.body_subtreemass
        return found

    def data(self, slot: int) -> mujoco.MjData:
        """The ``MjData`` that mirrors a slot: positions, velocities and poses, no forces."""
        return self._slot(slot).data

    def physics(self, slot: int) -> PhysxScene:
        """The simulation of a slot."""
        return self._slot(slot).physics

    def scene(self, slot: int) -> "ManiSkillScene":
        """The slot's simulation as a ``ManiSkillScene``: the way out for ManiSkill users."""
        from molmospaces_gym.backends.sapien_scene.structs import maniskill_scene

        return maniskill_scene(self._slot(slot).physics)

    def _slot(self, slot: int) -> _Slot:
        found = self._slots[slot]
        if found is None:
            raise NotReset(f"slot {slot} holds no scene yet; call reset() first")
        return found

    def set_state(self, slot: int, state: State) -> None:
        """Overwrite a slot and wake it; a state of ``get_state`` restores bit for bit."""
        here = self._slot(slot)
        data = here.data
        mujoco.mj_resetData(here.model, data)
        data.qpos[:], data.qvel[:], data.ctrl[:] = state.qpos, state.qvel, state.ctrl
        data.mocap_pos[:], data.mocap_quat[:] = state.mocap_pos, state.mocap_quat
        mujoco.mj_kinematics(here.model, data)
        here.diverged = False
        here.push()
        if isinstance(state.snapshot, _Snapshot):
            here.physics.lull(state.snapshot.asleep)
            here.touches = state.snapshot.touches
        else:
            here.touches = start_touches(here.model, data)
        here.touching = here.touches.geoms

    def get_state(self, slot: int) -> State:
        """A complete copy, from which the simulation itself goes on too.

        PhysX cannot copy what its solver remembers of contacts. Both forget it, so that going on
        and coming back give the same numbers; what would have come without the copy may differ.
        """
        here = self._slot(slot)
        data = here.data
        state = State(
            data.qpos.copy(),
            data.qvel.copy(),
            data.ctrl.copy(),
            data.mocap_pos.copy(),
            data.mocap_quat.copy(),
            snapshot=_Snapshot(here.physics.asleep(), self._touches(slot)),
        )
        if not here.diverged:
            self.set_state(slot, state)
        return state

    def step(
        self,
        n_substeps: int,
        slots: Sequence[int] | None = None,
        before: Callback | None = None,
        after: Callback | None = None,
    ) -> None:
        """Advance slots one after another, in steps of PhysX of at most 10 ms."""
        for slot in range(self.num_worlds) if slots is None else slots:
            here = self._slot(slot)
            if before is not None:
                before(slot)
            if not here.diverged:
                here.advance(n_substeps)
            if after is not None:
                after(slot)

    def diverged(self, slot: int) -> bool:
        """Whether a position or velocity got out of bounds; the slot then stands still."""
        return self._slot(slot).diverged

    def ctrl(self, slot: int) -> Array:
        return self._slot(slot).ctrl

    def joint_pos(self, slot: int) -> Array:
        return self._slot(slot).qpos

    def joint_vel(self, slot: int) -> Array:
        return self._slot(slot).qvel

    def body_pos(self, slot: int) -> Array:
        found: Array = self._slot(slot).data.xpos
        return found

    def body_quat(self, slot: int) -> Array:
        found: Array = self._slot(slot).data.xquat
        return found

    def body_mat(self, slot: int) -> Array:
        found: Array = self._slot(slot).data.xmat
        return found

    def site_pos(self, slot: int) -> Array:
        found: Array = self._slot(slot).data.site_xpos
        return found

    def site_mat(self, slot: int) -> Array:
        found: Array = self._slot(slot).data.site_xmat
        return found

    def _touches(self, slot: int) -> Touches:
        here = self._slot(slot)
        if here.touches is None:
            here.touches = read_touches(here.physics.system, here.physics.geom_of)
        return here.touches

    def contact_geoms(self, slot: int) -> NDArray[np.int32]:
        here = self._slot(slot)
        if here.touching is None:
            here.touching = read_geoms(here.physics.system, here.physics.geom_of)
        return here.touching

    def contacts(self, slot: int) -> Contacts:
        """Contacts of the last step of PhysX, those of sleeping bodies as when they fell asleep."""
        return self._touches(slot).contacts(self._slot(slot).model)

    def resting_contacts(self, slot: int) -> Contacts:
        """The same as ``contacts``, which leaves out nothing that sleeps."""
        return self.contacts(slot)

    def awake(self, slot: int) -> NDArray[np.int32]:
        """Ones: PhysX does put bodies to sleep, but their contacts stay listed."""
        return self._slot(slot).awake

    def render(
        self,
        slot: int,
        camera: CameraPose,
        size: tuple[int, int],
        modes: Sequence[str] = ("rgb",),
        renderer: str = "raster",
    ) -> Images:
        """Images from one camera, drawn by this package's renderers from the mirror."""
        here = self._slot(slot)
        return self._pictures.draw(here.scene, here.data, here.look, camera, size, modes, renderer)

    def close(self) -> None:
        """Close the renderers and drop the simulations."""
        self._pictures.close()
        self._slots = [None] * self.num_worlds
        self._seen = [OrderedDict() for _ in range(self.num_worlds)]
