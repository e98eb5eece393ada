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
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.backends.base import Array, Contacts
from molmospaces_gym.backends.dynamics import write_dynamics
from molmospaces_gym.backends.losses import log_losses
from molmospaces_gym.backends.mirrored import Callback, MirroredWorld
from molmospaces_gym.backends.sapien_scene.scene import STEP, PhysxScene
from molmospaces_gym.backends.sapien_scene.slot import Slot
from molmospaces_gym.errors import BackendUnavailable
from molmospaces_gym.scenes.model import SceneModel
from molmospaces_gym.variations import PLAIN, Dynamics

if TYPE_CHECKING:
    from mani_skill.envs.scene import ManiSkillScene

SCENES_PER_SLOT = 4
"""Simulations a slot keeps for scenes it may come back to."""

_log = logging.getLogger(__name__)


class ManiSkillWorld(MirroredWorld[Slot]):
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
        super().__init__(num_worlds)
        self._longest_step = longest_step
        self._seen: list[OrderedDict[str, Slot]] = [OrderedDict() for _ in range(num_worlds)]

    def load(self, slot: int, scene: SceneModel) -> None:
        """Bind a slot to a scene; its last few simulations are kept for reuse.

        Raises:
            UnsupportedScene: the scene holds what SAPIEN cannot represent.
        """
        seen = self._seen[slot]
        if scene.key not in seen:
            seen[scene.key] = Slot(scene, self._longest_step)
            where = f"scene {scene.house.name} in SAPIEN"
            log_losses(_log, where, seen[scene.key].physics.losses)
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

    def own_poses(self, slot: int) -> tuple[NDArray[np.intp], Array, Array]:
        """Bodies (n,), positions (n, 3) and quaternions (n, 4) as PhysX itself has them.

        In single precision, of the first body of each part; the accessors give the mirror's.
        """
        return self._slot(slot).physics.bodies.poses()

    def vary(self, slot: int, dynamics: Dynamics) -> None:
        """The slot's bodies, shapes and joints get their values from a model of its own."""
        here = self._slot(slot)
        if here.own is None:
            here.own = copy.copy(here.scene.model)
        write_dynamics(here.own, here.scene, here.scratch, dynamics)
        here.use(here.own)
        here.varied = True

    def physics(self, slot: int) -> PhysxScene:
        """The simulation of a slot."""
        return self._slot(slot).physics

    def scene(self, slot: int) -> "ManiSkillScene":
        """The slot's simulation as a ``ManiSkillScene``: the way out for ManiSkill users."""
        from molmospaces_gym.backends.sapien_scene.structs import maniskill_scene

        return maniskill_scene(self._slot(slot).physics)

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

    def contact_geoms(self, slot: int) -> NDArray[np.int32]:
        return self._slot(slot).touching_geoms()

    def contacts(self, slot: int) -> Contacts:
        """Contacts of the last step of PhysX, those of sleeping bodies as when they fell asleep."""
        here = self._slot(slot)
        return here.all_touches().contacts(here.model)

    def resting_contacts(self, slot: int) -> Contacts:
        """The same as ``contacts``, which leaves out nothing that sleeps."""
        return self.contacts(slot)

    def close(self) -> None:
        """Close the renderers and drop the simulations."""
        super().close()
        self._seen = [OrderedDict() for _ in range(self.num_worlds)]
