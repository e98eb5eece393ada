"""``IsaacWorld``: houses in Isaac Lab behind the ``World`` interface.

The compiled ``MjModel`` becomes a USD scene that Isaac Lab's own scene, articulations and rigid
object collections hold (``stage``), beside an ``MjData`` per slot that mirrors its state: names,
ids, poses, sites, contacts and pictures come from there as with MuJoCo.

Not represented, and refused with ``UnsupportedScene``: see ``losses``. Contacts are searched where
the mirror is, and their forces are those that MuJoCo's solver finds there.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.backends.base import Array, Contacts, State
from molmospaces_gym.backends.isaac_scene.engines import choose_engine
from molmospaces_gym.backends.isaac_scene.links import make_plan
from molmospaces_gym.backends.isaac_scene.losses import losses, refuse
from molmospaces_gym.backends.isaac_scene.slot import Slot
from molmospaces_gym.backends.isaac_scene.stage import Stage
from molmospaces_gym.backends.pictures import Pictures
from molmospaces_gym.cameras import CameraPose, Images
from molmospaces_gym.errors import MixedHouses, NotReset, UnsupportedScene
from molmospaces_gym.scenes.model import SceneModel
from molmospaces_gym.variations import PLAIN, Dynamics, Look

Callback = Callable[[int], None]
STAGES = 4
"""Simulations that a world keeps for houses it may come back to, per slot with MuJoCo C."""


class IsaacWorld:
    """N worlds of Isaac Lab. ``physics`` is ``auto``, ``newton``, ``mujoco`` or ``physx``.

    Newton (MJWarp) and PhysX simulate the worlds of one house at once, and every house that a slot
    holds has a simulation of ``num_worlds`` worlds, of which those in other houses idle: with
    several worlds, play few houses. OvPhysX has one simulation in a process: slots in different
    houses cannot step together. MuJoCo C has a simulation per slot.

    Raises:
        InvalidConfig, BackendUnavailable: see ``choose_engine``.
    """

    def __init__(self, num_worlds: int = 1, physics: str = "auto") -> None:
        self.num_worlds, self.engine = num_worlds, choose_engine(physics, num_worlds)
        self._slots: list[Slot | None] = [None] * num_worlds
        self._seen: list[dict[str, Slot]] = [{} for _ in range(num_worlds)]
        self._stages: OrderedDict[tuple[int, str], Stage] = OrderedDict()
        self._pictures = Pictures()

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
        here.look, here.varied, here.model = PLAIN, False, scene.model
        self._drop_old(key[0])

    def _build(self, scene: SceneModel) -> Stage:
        refuse(scene.model)
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

    def losses(self, slot: int) -> tuple[str, ...]:
        """What of the slot's scene is only approximated, one line each."""
        return losses(self._slot(slot).scene.model, self.engine.is_physx)

    def show(self, slot: int, look: Look) -> None:
        """The look is given to the renderer with each picture; the shared model has its own."""
        self._slot(slot).look = look

    def vary(self, slot: int, dynamics: Dynamics) -> None:
        """Refused: other masses and friction do not reach Isaac Lab's engines yet.

        Raises:
            UnsupportedScene: always.
        """
        raise UnsupportedScene(
            "the isaac backend cannot give a slot other dynamics; leave randomize_dynamics out, or"
            " use backend='mujoco' or 'maniskill'"
        )

    def subtree_mass(self, slot: int) -> Array:
        found: Array = self._slot(slot).model.body_subtreemass
        return found

    def data(self, slot: int) -> mujoco.MjData:
        """The ``MjData`` that mirrors a slot: positions, velocities and poses, no forces."""
        return self._slot(slot).data

    def stage(self, slot: int) -> Stage:
        """The simulation of a slot, made current: the way out for Isaac Lab users.

        ``stage.scene`` is the ``InteractiveScene``, ``stage.sim`` the ``SimulationContext``.
        """
        here = self._slot(slot)
        here.prepare()
        return here.stage

    def _slot(self, slot: int) -> Slot:
        found = self._slots[slot]
        if found is None:
            raise NotReset(f"slot {slot} holds no scene yet; call reset() first")
        return found

    def set_state(self, slot: int, state: State) -> None:
        """Overwrite a slot; a state of ``get_state`` restores bit for bit."""
        self._slot(slot).set(state)

    def get_state(self, slot: int) -> State:
        """A complete copy, from which the simulation itself goes on too.

        What the solvers remember of the last step cannot be copied. Both forget it, so that going
        on and coming back give the same numbers.
        """
        here = self._slot(slot)
        state = here.copy()
        if not here.diverged:
            here.set(state)
        return state

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
        houses = sorted({here.scene.house.name for here in moving})
        if self.engine.is_physx and len({id(here.stage) for here in moving}) > 1:
            raise MixedHouses(
                f"OvPhysX simulates one house at a time, and the slots hold {', '.join(houses)}:"
                " pass scene='...' or houses=1, use backend='isaac-mujoco' or 'isaac-newton', or"
                " play the houses in processes of their own"
            )

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

    def contact_geoms(self, slot: int) -> NDArray[np.int32]:
        return self._slot(slot).touching()

    def contacts(self, slot: int) -> Contacts:
        """Contacts as MuJoCo's solver finds them where the slot is."""
        return self._slot(slot).contacts(moving=True)

    def resting_contacts(self, slot: int) -> Contacts:
        """The same at zero velocity."""
        return self._slot(slot).contacts(moving=False)

    def awake(self, slot: int) -> NDArray[np.int32]:
        """Ones: nothing is put to sleep as far as can be told from outside."""
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
        """Close the renderers and the simulations."""
        self._pictures.close()
        for stage in self._stages.values():
            stage.close()
        self._stages.clear()
        self._slots = [None] * self.num_worlds
        self._seen = [{} for _ in range(self.num_worlds)]
