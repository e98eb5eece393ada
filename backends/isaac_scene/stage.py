"""``Stage``: one house in Isaac Lab, in one or several worlds, its state carried both ways.

The house is one USD file that Isaac Lab's ``InteractiveScene`` spawns and replicates; robots and
what opens are its ``Articulation`` views, loose things a ``RigidObjectCollection``.
"""

import math
import re
from typing import Any

import mujoco
import numpy as np
import torch
from isaaclab.scene import InteractiveScene
from isaaclab.sim import SimulationCfg, SimulationContext
from isaaclab_newton.physics.newton_manager import NewtonManager

from molmospaces_gym.backends.isaac_scene.assets import OBJECTS, scene_cfg
from molmospaces_gym.backends.isaac_scene.compat import Context, FixedRoots, quiet
from molmospaces_gym.backends.isaac_scene.engines import PHYSX_STEP, Engine, physics_cfg
from molmospaces_gym.backends.isaac_scene.links import Group, Plan
from molmospaces_gym.backends.isaac_scene.resistance import Resistance
from molmospaces_gym.backends.isaac_scene.usd import scene_usd
from molmospaces_gym.backends.layout import Array
from molmospaces_gym.backends.motion import centre_velocity, free_states
from molmospaces_gym.backends.servos import make_servos

CONTACTS, CONTACTS_EACH = 40, 12
"""Contacts that MJWarp keeps room for in every world: of the robot, and of each loose body."""
ROWS = 4
"""Constraint rows of a contact, at least for an elliptic cone with torsion."""
APART = 3.0
"""Distance of PhysX's worlds as a multiple of what MuJoCo takes for the size of the house."""
_JOINT = re.compile(r"j(\d+)_")
_WXYZ, _XYZW = [3, 0, 1, 2], [1, 2, 3, 0]


class _Arm:
    """An articulation view with the addresses of its joints."""

    def __init__(
        self, view: Any, group: Group, model: mujoco.MjModel, root: FixedRoots | None
    ) -> None:
        self.view, self.group, self.root = view, group, root
        found = [_JOINT.match(name) for name in view.joint_names]
        self.joints = np.array([int(match[1]) for match in found if match], dtype=np.intp)
        self.qpos, self.dofs = model.jnt_qposadr[self.joints], model.jnt_dofadr[self.joints]
        self.zero = model.qpos0[self.qpos]
        self.free = group.free_joint


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
                scene_cfg(plan, self.servos, self._start, str(usd), self.num_worlds, apart)
            )
            self.sim.reset()
        self.arms = [self._arm(group) for group in plan.articulations]
        resisted = [arm for arm in self.arms if self.engine.is_physx and len(arm.joints)]
        self._resistances = [self._resistance(arm) for arm in resisted]
        self._is_fine = False
        self.objects: Any = self.scene[OBJECTS] if plan.singles else None
        joints = [group.free_joint for group in plan.singles]
        self._addresses = np.column_stack(
            [model.jnt_qposadr[joints], model.jnt_dofadr[joints]]
        ).astype(np.intp)
        self._middles = np.zeros((len(joints), 3))
        self._which = np.arange(len(joints), dtype=np.intp)
        self._weigh(model)
        self.origins = self.scene.env_origins.cpu().numpy().astype(np.float64)

    def _room(self) -> tuple[int, int]:
        """Constraints and contacts per world."""
        contacts = CONTACTS + CONTACTS_EACH * len(self.plan.singles)
        return ROWS * contacts + 2 * self.model.nv, contacts

    def _resistance(self, arm: _Arm) -> Resistance:
        device = self.engine.device
        return Resistance(arm.view, arm.joints, self.model, self.servos, self.num_worlds, device)

    def _arm(self, group: Group) -> _Arm:
        link, carried = self.plan.links[group.links[0]], group.mocap >= 0
        root = FixedRoots(link.name) if carried and not self.engine.is_physx else None
        return _Arm(self.scene[group.name], group, self.model, root)

    def _weigh(self, model: mujoco.MjModel) -> None:
        layout = self.plan.layout
        for row, group in enumerate(self.plan.singles):
            link = self.plan.links[group.links[0]]
            self._middles[row] = layout.combined(link.bodies, link.body, model)[1]

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
            target = self._tensor(wanted - arm.zero[driven])
            arm.view.actuators.target_command.set_position_index(
                value=target, joint_ids=driven.tolist(), env_ids=[world]
            )

    def _tensor(self, values: Array) -> torch.Tensor:
        rows = np.ascontiguousarray(values, dtype=np.float32)
        return torch.from_numpy(rows).to(self.engine.device)[None]

    def push(
        self, world: int, qpos: Array, qvel: Array, mocap_pos: Array, mocap_quat: Array
    ) -> None:
        """Put everything in a world where MuJoCo's arrays have it."""
        self.enter()
        for arm in self.arms:
            self._push_root(arm, world, qpos, qvel, mocap_pos, mocap_quat)
            if len(arm.joints):
                arm.view.write_joint_position_to_sim_index(
                    position=self._tensor(qpos[arm.qpos] - arm.zero), env_ids=[world]
                )
                arm.view.write_joint_velocity_to_sim_index(
                    velocity=self._tensor(qvel[arm.dofs]), env_ids=[world]
                )
        if self.objects is not None:
            self._push_objects(world, qpos, qvel)
        self._is_fine = False
        for resistance in self._resistances:
            resistance.restart(world)

    def _push_root(
        self,
        arm: _Arm,
        world: int,
        qpos: Array,
        qvel: Array,
        mocap_pos: Array,
        mocap_quat: Array,
    ) -> None:
        if arm.group.mocap >= 0:
            pose = np.concatenate([mocap_pos[arm.group.mocap], mocap_quat[arm.group.mocap][_XYZW]])
            pose[:3] += self.origins[world]
            if arm.root is not None:
                arm.root.move(world, pose)
            arm.view.write_root_link_pose_to_sim_index(
                root_pose=self._tensor(pose), env_ids=[world]
            )
        elif arm.free >= 0:
            at = int(self.model.jnt_qposadr[arm.free])
            dof = int(self.model.jnt_dofadr[arm.free])
            pose = np.concatenate([qpos[at : at + 3], qpos[at + 3 : at + 7][_XYZW]])
            pose[:3] += self.origins[world]
            velocity = np.zeros(6)
            centre_velocity(qpos[at : at + 7], qvel[dof : dof + 6], np.zeros(3), velocity)
            arm.view.write_root_link_pose_to_sim_index(
                root_pose=self._tensor(pose), env_ids=[world]
            )
            arm.view.write_root_link_velocity_to_sim_index(
                root_velocity=self._tensor(velocity), env_ids=[world]
            )

    def _push_objects(self, world: int, qpos: Array, qvel: Array) -> None:
        count = len(self._addresses)
        poses, velocities = np.zeros((count, 7)), np.zeros((count, 6))
        for row, (at, dof) in enumerate(self._addresses.tolist()):
            poses[row, :3] = qpos[at : at + 3] + self.origins[world]
            poses[row, 3:] = qpos[at + 3 : at + 7][_XYZW]
            centre_velocity(
                qpos[at : at + 7], qvel[dof : dof + 6], self._middles[row], velocities[row]
            )
        self.objects.write_body_link_pose_to_sim_index(
            body_poses=self._tensor(poses), env_ids=[world]
        )
        self.objects.write_body_com_velocity_to_sim_index(
            body_velocities=self._tensor(velocities), env_ids=[world]
        )

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
            NewtonManager._num_substeps, NewtonManager._solver_dt = n_substeps, timestep
            self.sim.step(render=False)
            self.scene.update(n_substeps * timestep)

    def read(self) -> None:
        """Fetch the state of all worlds, for ``pull``."""
        self.enter()
        self._joints = [
            (_numpy(arm.view.data.joint_pos), _numpy(arm.view.data.joint_vel)) for arm in self.arms
        ]
        self._roots = [
            (_numpy(arm.view.data.root_link_pose_w), _numpy(arm.view.data.root_link_vel_w))
            if arm.free >= 0
            else None
            for arm in self.arms
        ]
        if self.objects is not None:
            data = self.objects.data
            self._poses = _numpy(data.body_link_pose_w)
            self._velocities = _numpy(data.body_com_vel_w)

    def poses(self, world: int) -> list[tuple[int, Array, Array]]:
        """Body id, position (3,) and quaternion (4,), wxyz, of every link of a world."""
        self.enter()
        views = [(arm.view.body_names, arm.view.data.body_link_pose_w) for arm in self.arms]
        if self.objects is not None:
            views.append((self.objects.body_names, self.objects.data.body_link_pose_w))
        by_name = {link.name: link.body for link in self.plan.links if link.body >= 0}
        return [
            (by_name[name], row[:3] - self.origins[world], row[3:][_WXYZ])
            for names, poses in views
            for name, row in zip(names, _numpy(poses)[world], strict=True)
            if name in by_name
        ]

    def pull(self, world: int, qpos: Array, qvel: Array) -> None:
        """Write into MuJoCo's arrays what ``read`` has fetched of a world."""
        for arm, (positions, velocities), root in zip(
            self.arms, self._joints, self._roots, strict=True
        ):
            qpos[arm.qpos] = positions[world] + arm.zero
            qvel[arm.dofs] = velocities[world]
            if root is not None:
                at = [self.model.jnt_qposadr[arm.free], self.model.jnt_dofadr[arm.free]]
                rows = self._rows(root[0][world : world + 1], root[1][world : world + 1], world)
                free_states(
                    rows,
                    np.zeros((1, 3)),
                    np.zeros(1, np.intp),
                    np.array([at], np.intp),
                    qpos,
                    qvel,
                )
        if self.objects is not None:
            rows = self._rows(self._poses[world], self._velocities[world], world)
            free_states(rows, self._middles, self._which, self._addresses, qpos, qvel)

    def _rows(self, poses: Array, velocities: Array, world: int) -> Array:
        return np.concatenate(
            [poses[:, :3] - self.origins[world], poses[:, 3:][:, _WXYZ], velocities], axis=1
        )

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


def _numpy(array: Any) -> Array:
    values: Array = array.torch.cpu().numpy().astype(np.float64)
    return values
