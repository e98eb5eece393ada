"""``MirroredWorld``: what worlds share whose simulators stand beside an ``MjData`` per slot.

The mirror holds the state of the simulation, so that names, ids, poses, sites and pictures are
those of MuJoCo. How a scene gets into the simulator, how it steps and what touches is up to the
subclass.
"""

from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.backends.base import Array, State
from molmospaces_gym.backends.pictures import Pictures
from molmospaces_gym.cameras import CameraPose, Images
from molmospaces_gym.errors import NotReset
from molmospaces_gym.scenes.model import SceneModel
from molmospaces_gym.variations import Look

Callback = Callable[[int], None]


class MirrorSlot(Protocol):
    """A slot: its scene, the mirror, and the arrays that are read on every step."""

    scene: SceneModel
    model: mujoco.MjModel
    data: mujoco.MjData
    qpos: Array
    qvel: Array
    ctrl: Array
    awake: NDArray[np.int32]
    look: Look
    diverged: bool

    def set(self, state: State) -> None:
        """Overwrite everything."""
        ...

    def copy(self) -> State:
        """A complete copy of the state."""
        ...


SlotT = TypeVar("SlotT", bound=MirrorSlot)


class MirroredWorld(Generic[SlotT]):
    """``num_worlds`` slots with mirrors; see ``World`` for what the methods give."""

    def __init__(self, num_worlds: int) -> None:
        self.num_worlds = num_worlds
        self._slots: list[SlotT | None] = [None] * num_worlds
        self._pictures = Pictures()

    def _slot(self, slot: int) -> SlotT:
        found = self._slots[slot]
        if found is None:
            raise NotReset(f"slot {slot} holds no scene yet; call reset() first")
        return found

    def show(self, slot: int, look: Look) -> None:
        """The look is given to the renderer with each picture; the shared model has its own."""
        self._slot(slot).look = look

    def subtree_mass(self, slot: int) -> Array:
        found: Array = self._slot(slot).model.body_subtreemass
        return found

    def data(self, slot: int) -> mujoco.MjData:
        """The ``MjData`` that mirrors a slot: positions, velocities and poses, no forces."""
        return self._slot(slot).data

    def set_state(self, slot: int, state: State) -> None:
        """Overwrite a slot and wake it; a state of ``get_state`` restores bit for bit."""
        self._slot(slot).set(state)

    def get_state(self, slot: int) -> State:
        """A complete copy, from which the simulation itself goes on too.

        What a solver remembers of the last step cannot be copied. Both forget it, so that going on
        and coming back give the same numbers; what would have come without the copy may differ.
        """
        here = self._slot(slot)
        state = here.copy()
        if not here.diverged:
            here.set(state)
        return state

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

    def awake(self, slot: int) -> NDArray[np.int32]:
        """Ones: what a simulator puts to sleep by itself keeps its contacts listed."""
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
        """Close the renderers and drop the slots."""
        self._pictures.close()
        self._slots = [None] * self.num_worlds
