"""``Stage``: one house in Isaac Lab, in one or several worlds, its state carried both ways.

The house is one USD file that Isaac Lab's ``InteractiveScene`` spawns and replicates; robots and
what opens are its ``Articulation`` views, loose things a ``RigidObjectCollection``.
"""

import math
from functools import cached_property

import mujoco
import numpy as np
from isaaclab.scene import InteractiveScene
from isaaclab.sim import SimulationCfg, SimulationContext

from molmospaces_gym.backends.isaac_scene.assets import OBJECTS, scene_cfg, sprung_joints
from molmospaces_gym.backends.isaac_scene.compat import (
    Context,
    FixedRoots,
    newton_steps,
    quiet,
)
from molmospaces_gym.backends.isaac_scene.dynamics import SolverDynamics
from molmospaces_gym.backends.isaac_scene.engines import PHYSX_STEP, Engine, physics_cfg
from molmospaces_gym.backends.isaac_scene.links import WXYZ, Group, Plan
from molmospaces_gym.backends.isaac_scene.resistance import Resistance
from molmospaces_gym.backends.isaac_scene.usd import scene_usd
from molmospaces_gym.backends.isaac_scene.views import Arm, Objects, to_numpy
from molmospaces_gym.backends.layout import Array
from molmospaces_gym.backends.servos import make_servos

CONTACTS, CONTACTS_EACH = 40, 12
"""Contacts that MJWarp keeps room for in every world: of the robot, and of each loose body."""
ROWS = 4
"""Constraint rows of a contact, at least for an elliptic cone with torsion."""
APART = 3.0
"""Distance of PhysX's worlds as a multiple of what MuJoCo takes for the size of the house."""


class Stage:
    """Built once per house, with the joints where ``start`` (nq,) has them.

    ``push`` and ``pull`` carry the state of a world from and to MuJoCo's arrays.

    Every method makes Isaac Lab look at this simulation first. OvPhysX holds one simulation in a
    process: making another one ends it, and it is made anew when it is needed again (``epoch``
    counts that, for whoever has to put its state back).
    """

    _physx: "Stage | None" = None

    def __init__(self, plan: Plan, engine: Engine, num_worlds: int, start: Array) -> None:
        self.plan, self.model, self.engine, self.num_worlds = plan, plan.model, engine, num_worlds
        self.servos, self._start = make_servos(plan.model), start
        self.context, self.epoch, self._alive = Context(), 0, False
        self.enter()

    def enter(self) -> None:
        """Make this the simulation that Isaac Lab looks at, built where there is none."""
        if self._alive:
            self.context.enter()
            return
        if self.engine.is_physx:
            if Stage._physx is not None:
                Stage._physx.close()
            Stage._physx = self
        self.context = Context()
        self.context.enter()
        self.epoch, self._alive = self.epoch + 1, True
        try:
            self._build()
        except BaseException:
            self.close()
            raise

    def _build(self) -> None:
        plan, model = self.plan, self.model
        usd = scene_usd(plan, self.engine.is_physx)
        with quiet():
            self.sim = SimulationContext(
                SimulationCfg(
                    dt=float(model.opt.timestep),
                    device=self.engine.device,
                    gravity=tuple(model.opt.gravity.tolist()),
                    physics=physics_cfg(self.engine, model, *self._room()),
                    create_stage_in_memory=True,
                    save_logs_to_file=False,
                    logging_level="ERROR",
                )
            )
            # MuJoCo's worlds are apart by themselves; PhysX would test all against all.
            apart = APART * float(model.stat.extent) if self.engine.is_physx else 0.0
            self.scene = InteractiveScene(
                scene_cfg(
                    plan,
                    self.servos,
                    self._start,
                    str(usd),
                    self.num_worlds,
                    apart,
                    self.engine.is_physx,
                )
            )
            self.sim.reset()
        self.arms = [self._arm(group) for group in plan.articulations]
        resisted = [arm for arm in self.arms if self.engine.is_physx and len(arm.joints)]
        self._resistances = [self._resistance(arm) for arm in resisted]
        for arm in resisted:
            self._pull(arm)
        self._is_fine = False
        self.objects = (
            Objects(self.scene[OBJECTS], plan, self.engine.device) if plan.singles else None
        )
        self.origins = self.scene.env_origins.cpu().numpy().astype(np.float64)

    @property
    def _views(self) -> "list[Arm | Objects]":
        return [*self.arms, *([] if self.objects is None else [self.objects])]

    def _room(self) -> tuple[int, int]:
        """Constraints and contacts per world."""
        contacts = CONTACTS + CONTACTS_EACH * len(self.plan.singles)
        return ROWS * contacts + 2 * self.model.nv, contacts

    def _resistance(self, arm: Arm) -> Resistance:
        device = self.engine.device
        return Resistance(arm.view, arm.joints, self.model, self.servos, self.num_worlds, device)

    def _pull(self, arm: Arm) -> None:
        """Aim the springs of an articulation at where they rest."""
        model = self.model
        springs = sprung_joints(model, self.servos, arm.joints.tolist())
        rows = np.flatnonzero(np.isin(arm.joints, springs))
        if len(rows):
            rest = model.qpos_spring[arm.qpos[rows]]
            for world in range(self.num_worlds):
                arm.aim(world, rows, rest)

    def _arm(self, group: Group) -> Arm:
        link, carried = self.plan.links[group.links[0]], group.mocap >= 0
        root = FixedRoots(link.name) if carried and not self.engine.is_physx else None
        return Arm(self.scene[group.name], group, self.model, root, self.engine.device)

    def command(self, world: int, ctrl: Array) -> None:
        """Set the targets of a world's servos; ``ctrl`` (nu,) within its limits."""
        self.enter()
        servos = self.servos
        for arm in self.arms:
            driven = np.flatnonzero(servos.actuator[arm.joints] >= 0)
            if not len(driven):
                continue
            joints = arm.joints[driven]
            wanted = servos.scale[joints] * ctrl[servos.actuator[joints]] + servos.offset[joints]
            arm.aim(world, driven, wanted)

    def vary(self, model: mujoco.MjModel | None) -> None:
        """Take over what may vary of a model of the same sizes, or nothing; MuJoCo C only."""
        self.enter()
        if model is not None:
            self._dynamics.write(model)
        else:
            self._dynamics.restore()

    @cached_property
    def _dynamics(self) -> SolverDynamics:
        return SolverDynamics(self.plan)

    def push(
        self, world: int, qpos: Array, qvel: Array, mocap_pos: Array, mocap_quat: Array
    ) -> None:
        """Put everything in a world where MuJoCo's arrays have it."""
        self.enter()
        origin = self.origins[world]
        for arm in self.arms:
            arm.push(world, origin, qpos, qvel, mocap_pos, mocap_quat)
        if self.objects is not None:
            self.objects.push(world, origin, qpos, qvel)
        self._is_fine = False
        for resistance in self._resistances:
            resistance.restart(world)

    def step(self, n_substeps: int) -> None:
        """Advance every world by so many steps of the model's time step."""
        self.enter()
        timestep = float(self.model.opt.timestep)
        self.scene.write_data_to_sim()
        if self.engine.is_physx:
            duration = n_substeps * timestep
            # Short until all stand still: a step goes on from the speed of one as long.
            self._is_fine = any(arm.moves(not self._is_fine) for arm in self._resistances)
            longest = timestep if self._is_fine else PHYSX_STEP
            count = max(1, math.ceil(duration / longest - 1e-9))
            self.sim.cfg.dt = step = duration / count
            for _ in range(count):
                for resistance in self._resistances:
                    resistance.load(step)
                self.sim.step(render=False)
                self.scene.update(step)
            for resistance in self._resistances:
                resistance.rest()
        else:
            newton_steps(n_substeps, timestep)
            self.sim.step(render=False)
            self.scene.update(n_substeps * timestep)

    def read(self) -> None:
        """Fetch the state of all worlds, for ``pull``."""
        self.enter()
        for view in self._views:
            view.read()

    def poses(self, world: int) -> list[tuple[int, Array, Array]]:
        """Body id, position (3,) and quaternion (4,), wxyz, of every link of a world."""
        self.enter()
        views = [(arm.view.body_names, arm.view.data.body_link_pose_w) for arm in self.arms]
        if self.objects is not None:
            view = self.objects.view
            views.append((view.body_names, view.data.body_link_pose_w))
        by_name = {link.name: link.body for link in self.plan.links if link.body >= 0}
        return [
            (by_name[name], row[:3] - self.origins[world], row[3:][WXYZ])
            for names, poses in views
            for name, row in zip(names, to_numpy(poses)[world], strict=True)
            if name in by_name
        ]

    def pull(self, world: int, qpos: Array, qvel: Array) -> None:
        """Write into MuJoCo's arrays what ``read`` has fetched of a world."""
        for view in self._views:
            view.pull(world, self.origins[world], qpos, qvel)

    def close(self) -> None:
        """Release the simulation; safe to call twice."""
        if not self._alive:
            return
        self.context.enter()
        with quiet():
            SimulationContext.clear_instance()
        self.context.leave()
        self._alive = False
        if Stage._physx is self:
            Stage._physx = None
