"""``IsaacWorld``: houses in Isaac Lab behind the ``World`` interface.

The compiled ``MjModel`` becomes a USD scene that Isaac Lab's own scene, articulations and rigid
object collections hold (``stage``), beside an ``MjData`` per slot that mirrors its state: names,
ids, poses, sites, contacts and pictures come from there as with MuJoCo.

Not represented, and refused with ``UnsupportedScene``: see ``losses``. Contacts are searched where
the mirror is, and their forces are those that MuJoCo's solver finds there.
"""

import logging
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.backends.base import Array, Contacts
from molmospaces_gym.backends.isaac_scene.engines import choose_engine
from molmospaces_gym.backends.isaac_scene.links import make_plan
from molmospaces_gym.backends.isaac_scene.losses import losses, refuse
from molmospaces_gym.backends.isaac_scene.slot import Slot
from molmospaces_gym.backends.isaac_scene.stage import Stage
from molmospaces_gym.backends.losses import log_losses
from molmospaces_gym.backends.mirrored import Callback, MirroredWorld
from molmospaces_gym.errors import MixedHouses, UnsupportedScene
from molmospaces_gym.scenes.model import SceneModel
from molmospaces_gym.variations import PLAIN, Dynamics

_log = logging.getLogger(__name__)

STAGES = 4
"""Simulations that a world keeps for houses it may come back to, per slot with MuJoCo C."""


class IsaacWorld(MirroredWorld[Slot]):
    """N worlds of Isaac Lab. ``physics`` is ``auto``, ``newton``, ``mujoco`` or ``physx``.

    ``mixed`` tells ``auto`` that the worlds are in different houses at a time.

    Newton (MJWarp) and PhysX simulate the worlds of one house at once, and every house that a slot
    holds has a simulation of ``num_worlds`` worlds, of which those in other houses idle: with
    several worlds, play few houses. OvPhysX has one simulation in a process: slots in different
    houses cannot step together. MuJoCo C has a simulation per slot.

    Raises:
        InvalidConfig, BackendUnavailable: see ``choose_engine``.
    """

    def __init__(self, num_worlds: int = 1, physics: str = "auto", mixed: bool = False) -> None:
        super().__init__(num_worlds)
        self.engine = choose_engine(physics, num_worlds, mixed)
        self._seen: list[dict[str, Slot]] = [{} for _ in range(num_worlds)]
        self._stages: OrderedDict[tuple[int, str], Stage] = OrderedDict()

    def load(self, slot: int, scene: SceneModel) -> None:
        """Bind a slot to a scene; a house seen for the first time takes seconds.

        Raises:
            UnsupportedScene: the scene holds what Isaac Lab's engines cannot represent.
        """
        key = (-1 if self.engine.is_batched else slot, scene.key)
        if key not in self._stages:
            self._stages[key] = self._build(scene)
        self._stages.move_to_end(key)
        seen, stage = self._seen[slot], self._stages[key]
        if scene.key not in seen or seen[scene.key].stage is not stage:
            seen[scene.key] = Slot(scene, stage, slot if self.engine.is_batched else 0)
        here = self._slots[slot] = seen[scene.key]
        here.look = PLAIN
        if here.varied:
            here.vary(None)
        self._drop_old(key[0])

    def _build(self, scene: SceneModel) -> Stage:
        refuse(scene.model)
        where = f"scene {scene.house.name} in Isaac Lab ({self.engine.name})"
        log_losses(_log, where, losses(scene.model, self.engine.is_physx))
        worlds = self.num_worlds if self.engine.is_batched else 1
        return Stage(make_plan(scene.model), self.engine, worlds, scene.rest_qpos)

    def _drop_old(self, owner: int) -> None:
        """Close the simulations used longest ago that no slot is in."""
        used = {id(slot.stage) for slot in self._slots if slot is not None}
        mine = [key for key in self._stages if key[0] == owner]
        for key in mine[: max(0, len(mine) - STAGES)]:
            stage = self._stages[key]
            if id(stage) not in used:
                self._stages.pop(key).close()
                for seen in self._seen:
                    if key[1] in seen and seen[key[1]].stage is stage:
                        del seen[key[1]]

    @property
    def device(self) -> str:
        """Where the engine computes, as torch calls it."""
        return self.engine.device

    def losses(self, slot: int) -> tuple[str, ...]:
        """What of the slot's scene is only approximated, one line each."""
        return losses(self._slot(slot).scene.model, self.engine.is_physx)

    def own_poses(self, slot: int) -> tuple[NDArray[np.intp], Array, Array]:
        """Bodies (n,), positions (n, 3) and quaternions (n, 4) as the engine itself has them.

        In single precision; the accessors give the mirror's.
        """
        bodies, positions, quats = zip(*self.stage(slot).poses(self._slot(slot).world), strict=True)
        return np.array(bodies, np.intp), np.array(positions), np.array(quats)

    def vary(self, slot: int, dynamics: Dynamics) -> None:
        """Give a slot other masses, frictions and resistance of joints, with MuJoCo C.

        Raises:
            UnsupportedScene: the engine simulates several worlds with the properties of one house.
        """
        if self.engine.name != "mujoco":
            raise UnsupportedScene(
                f"the isaac backend cannot give a slot dynamics of its own with physics="
                f"{self.engine.name!r}; use physics='mujoco', or leave randomize_dynamics out"
            )
        self._slot(slot).vary(dynamics)

    def stage(self, slot: int) -> Stage:
        """The simulation of a slot, made current: the way out for Isaac Lab users.

        ``stage.scene`` is the ``InteractiveScene``, ``stage.sim`` the ``SimulationContext``.
        """
        here = self._slot(slot)
        here.prepare()
        return here.stage

    def step(
        self,
        n_substeps: int,
        slots: Sequence[int] | None = None,
        before: Callback | None = None,
        after: Callback | None = None,
    ) -> None:
        """Advance slots, house by house.

        Slots of a house that are not named but share its simulation are put back where they were.
        """
        chosen = list(range(self.num_worlds) if slots is None else slots)
        for slot in chosen:
            if before is not None:
                before(slot)
        if n_substeps:
            self._advance(n_substeps, [self._slot(slot) for slot in chosen])
        else:
            for slot in chosen:
                self._slot(slot).follow()
        for slot in chosen:
            if after is not None:
                after(slot)

    def _advance(self, n_substeps: int, chosen: Sequence[Slot]) -> None:
        moving = [here for here in chosen if not here.diverged]
        self._check_houses(moving)
        for here in moving:
            here.prepare()
        for stage in {id(here.stage): here.stage for here in moving}.values():
            stage.step(n_substeps)
            stage.read()
            duration = n_substeps * float(stage.model.opt.timestep)
            for here in (slot for slot in self._slots if slot is not None):
                if here.stage is stage and here in moving:
                    here.take(duration)
                elif here.stage is stage:
                    here.stale = True

    def _check_houses(self, moving: Sequence[Slot]) -> None:
        if self.engine.is_physx and len({id(here.stage) for here in moving}) > 1:
            houses = sorted({here.scene.house.name for here in moving})
            raise MixedHouses(
                f"OvPhysX simulates one house at a time, and the slots hold {', '.join(houses)}:"
                " pass scene='...' or houses=1, use physics='mujoco' or 'newton', or play"
                " the houses in processes of their own"
            )

    def contact_geoms(self, slot: int) -> NDArray[np.int32]:
        return self._slot(slot).touching()

    def contacts(self, slot: int) -> Contacts:
        """Contacts as MuJoCo's solver finds them where the slot is."""
        return self._slot(slot).contacts(moving=True)

    def resting_contacts(self, slot: int) -> Contacts:
        """The same at zero velocity."""
        return self._slot(slot).contacts(moving=False)

    def close(self) -> None:
        """Close the renderers and the simulations."""
        super().close()
        for stage in self._stages.values():
            stage.close()
        self._stages.clear()
        self._seen = [{} for _ in range(self.num_worlds)]
