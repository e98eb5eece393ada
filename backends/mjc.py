"""``MujocoWorld``: the MuJoCo backend, the reference for every other one.

It represents everything a ``SceneModel`` holds. Each slot owns an ``MjData`` over the shared
``MjModel``; slots step in threads, since ``mj_step`` releases the interpreter lock.
"""

import copy
import logging
import os
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.backends.base import Array, Contacts, State
from molmospaces_gym.backends.dynamics import write_dynamics
from molmospaces_gym.backends.pictures import Pictures
from molmospaces_gym.cameras import CameraPose, Images
from molmospaces_gym.errors import NotReset
from molmospaces_gym.scenes.model import SceneModel
from molmospaces_gym.variations import PLAIN, Dynamics, Look

Callback = Callable[[int], None]

DATA_PER_SLOT = 4
"""Simulation states a slot keeps for scenes it may come back to."""

_UNSTABLE = tuple(
    int(getattr(mujoco.mjtWarning, f"mjWARN_BAD{what}")) for what in ("QPOS", "QVEL", "QACC")
)

_log = logging.getLogger(__name__)

# MuJoCo would otherwise write MUJOCO_LOG.TXT into the user's working folder.
if mujoco.get_mju_user_warning() is None:
    mujoco.set_mju_user_warning(_log.warning)


class _Slot:
    """One simulation with the array views that are read on every step."""

    def __init__(self, scene: SceneModel) -> None:
        data = mujoco.MjData(scene.model)
        self.scene, self.model, self.data = scene, scene.model, data
        # A view costs ~0.2 us to create and stays valid as long as its MjData lives.
        self.qpos: Array = data.qpos
        self.qvel: Array = data.qvel
        self.ctrl: Array = data.ctrl
        self.xpos: Array = data.xpos
        self.xquat: Array = data.xquat
        self.xmat: Array = data.xmat
        self.site_xpos: Array = data.site_xpos
        self.site_xmat: Array = data.site_xmat
        self.warnings: NDArray[np.int32] = data.warning.number
        self.awake: NDArray[np.int32] = data.body_awake
        self.look: Look = PLAIN
        self.own: mujoco.MjModel | None = None
        self._scratch: mujoco.MjData | None = None

    def scratch(self) -> mujoco.MjData:
        """A second simulation, for computing something beside the live one."""
        if self._scratch is None:
            self._scratch = mujoco.MjData(self.scene.model)
        return self._scratch


class MujocoWorld:
    """N MuJoCo simulations stepped by a few threads (``threads``; default: the cores)."""

    def __init__(self, num_worlds: int = 1, threads: int | None = None) -> None:
        self.num_worlds = num_worlds
        self._slots: list[_Slot | None] = [None] * num_worlds
        self._seen: list[OrderedDict[str, _Slot]] = [OrderedDict() for _ in range(num_worlds)]
        self._threads = min(num_worlds, threads or os.cpu_count() or 1)
        self._pool: ThreadPoolExecutor | None = None
        self._pictures = Pictures()

    def load(self, slot: int, scene: SceneModel) -> None:
        """Bind a slot to a scene; its last few simulations are kept for reuse."""
        seen = self._seen[slot]
        if scene.key not in seen:
            seen[scene.key] = _Slot(scene)
        seen.move_to_end(scene.key)
        while len(seen) > DATA_PER_SLOT:
            seen.popitem(last=False)
        self._slots[slot] = seen[scene.key]
        seen[scene.key].look, seen[scene.key].model = PLAIN, scene.model

    def show(self, slot: int, look: Look) -> None:
        """The look is given to the renderer with each picture; the shared model has its own."""
        self._slot(slot).look = look

    def vary(self, slot: int, dynamics: Dynamics) -> None:
        """The slot gets a model of its own, made once per scene and rewritten afterwards."""
        here = self._slot(slot)
        if here.own is None:
            here.own = copy.copy(here.scene.model)
        write_dynamics(here.own, here.scene, here.scratch(), dynamics)
        here.model = here.own

    def subtree_mass(self, slot: int) -> Array:
        found: Array = self._slot(slot).model.body_subtreemass
        return found

    def data(self, slot: int) -> mujoco.MjData:
        """The live ``MjData`` of a slot: the way out for MuJoCo users."""
        return self._slot(slot).data

    def _slot(self, slot: int) -> _Slot:
        found = self._slots[slot]
        if found is None:
            raise NotReset(f"slot {slot} holds no scene yet; call reset() first")
        return found

    def set_state(self, slot: int, state: State) -> None:
        """Overwrite a slot; a state from ``get_state`` of the same scene restores bit for bit."""
        here = self._slot(slot)
        if isinstance(state.snapshot, mujoco.MjData):
            mujoco.mj_copyData(here.data, here.model, state.snapshot)
            return
        data = here.data
        mujoco.mj_resetData(here.model, data)
        data.qpos[:], data.qvel[:], data.ctrl[:] = state.qpos, state.qvel, state.ctrl
        data.mocap_pos[:], data.mocap_quat[:] = state.mocap_pos, state.mocap_quat
        mujoco.mj_forward(here.model, data)

    def get_state(self, slot: int) -> State:
        """A complete copy, sleep state and solver warm start included."""
        here = self._slot(slot)
        data = mujoco.MjData(here.model)
        mujoco.mj_copyData(data, here.model, here.data)
        return State(
            data.qpos, data.qvel, data.ctrl, data.mocap_pos, data.mocap_quat, snapshot=data
        )

    def step(
        self,
        n_substeps: int,
        slots: Sequence[int] | None = None,
        before: Callback | None = None,
        after: Callback | None = None,
    ) -> None:
        """Advance slots in thread chunks: one slot's callbacks overlap another's physics."""
        chosen = range(self.num_worlds) if slots is None else slots
        if self._threads == 1:
            self._advance(n_substeps, chosen, before, after)
            return
        chunks = [list(chosen[i :: self._threads]) for i in range(self._threads)]
        pending = [self._submit(n_substeps, chunk, before, after) for chunk in chunks[1:] if chunk]
        try:
            self._advance(n_substeps, chunks[0], before, after)
        finally:
            for future in pending:
                future.result()

    def _submit(
        self, n_substeps: int, slots: list[int], before: Callback | None, after: Callback | None
    ) -> "Future[None]":
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads - 1, "mujoco-world")
        return self._pool.submit(self._advance, n_substeps, slots, before, after)

    def _advance(
        self,
        n_substeps: int,
        slots: Sequence[int],
        before: Callback | None,
        after: Callback | None,
    ) -> None:
        for slot in slots:
            here = self._slot(slot)
            if before is not None:
                before(slot)
            mujoco.mj_step(here.model, here.data, n_substeps)
            mujoco.mj_kinematics(here.model, here.data)  # poses lag one substep without it
            if after is not None:
                after(slot)

    def diverged(self, slot: int) -> bool:
        """Whether MuJoCo reported a bad position, velocity or acceleration."""
        counts = self._slot(slot).warnings.tolist()
        return any(counts[kind] for kind in _UNSTABLE)

    def ctrl(self, slot: int) -> Array:
        return self._slot(slot).ctrl

    def joint_pos(self, slot: int) -> Array:
        return self._slot(slot).qpos

    def joint_vel(self, slot: int) -> Array:
        return self._slot(slot).qvel

    def body_pos(self, slot: int) -> Array:
        return self._slot(slot).xpos

    def body_quat(self, slot: int) -> Array:
        return self._slot(slot).xquat

    def body_mat(self, slot: int) -> Array:
        return self._slot(slot).xmat

    def site_pos(self, slot: int) -> Array:
        return self._slot(slot).site_xpos

    def site_mat(self, slot: int) -> Array:
        return self._slot(slot).site_xmat

    def contact_geoms(self, slot: int) -> NDArray[np.int32]:
        geoms: NDArray[np.int32] = self._slot(slot).data.contact.geom
        return geoms

    def awake(self, slot: int) -> NDArray[np.int32]:
        return self._slot(slot).awake

    def contacts(self, slot: int) -> Contacts:
        """Active contacts, as they were in the last substep."""
        here = self._slot(slot)
        return read_contacts(here.model, here.data)

    def resting_contacts(self, slot: int) -> Contacts:
        """Contacts of the slot's configuration, computed in a copy in which nothing sleeps."""
        here = self._slot(slot)
        still, data = here.scratch(), here.data
        mujoco.mj_resetData(here.model, still)
        still.qpos[:] = data.qpos
        still.mocap_pos[:], still.mocap_quat[:] = data.mocap_pos, data.mocap_quat
        mujoco.mj_forward(here.model, still)
        return read_contacts(here.model, still)

    def render(
        self,
        slot: int,
        camera: CameraPose,
        size: tuple[int, int],
        modes: Sequence[str] = ("rgb",),
        renderer: str = "raster",
    ) -> Images:
        """Images from one camera; a renderer is made per scene on first use."""
        here = self._slot(slot)
        return self._pictures.draw(here.scene, here.data, here.look, camera, size, modes, renderer)

    def close(self) -> None:
        """Stop the threads, close the renderers and drop the simulations."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
        self._pictures.close()
        self._slots = [None] * self.num_worlds
        self._seen = [OrderedDict() for _ in range(self.num_worlds)]


def read_contacts(model: mujoco.MjModel, data: mujoco.MjData) -> Contacts:
    """The contacts of ``data`` as arrays."""
    from molmospaces_gym.backends.contact_forces import contact_pushes

    found = data.contact
    geoms, frame = np.array(found.geom), np.array(found.frame)
    force, push = np.zeros(len(geoms)), np.zeros((len(geoms), 3))
    pyramidal = model.opt.cone == int(mujoco.mjtCone.mjCONE_PYRAMIDAL)
    contact_pushes(
        frame, found.dim, found.efc_address, found.friction, data.efc_force, pyramidal, force, push
    )
    return Contacts(
        geoms=geoms,
        bodies=model.geom_bodyid[geoms].reshape(-1, 2),
        position=np.array(found.pos),
        normal=frame[:, :3],
        distance=np.array(found.dist),
        force=force,
        push=push,
    )
