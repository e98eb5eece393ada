"""``PhysxScene``: one model in one SAPIEN scene, its state carried both ways."""

import math
import pickle
from functools import cached_property

import mujoco
import numpy as np
import sapien
from numpy.typing import NDArray
from sapien import Pose, physx

from molmospaces_gym.backends.brakes import Brake, creep_rate
from molmospaces_gym.backends.friction import scene_friction, shape_friction
from molmospaces_gym.backends.layout import Array, Layout
from molmospaces_gym.backends.motion import centre_velocity, free_states
from molmospaces_gym.backends.sapien_scene.bodies import (
    Arm,
    build_bodies,
    excluded_pairs,
)
from molmospaces_gym.backends.sapien_scene.drives import Drives, make_drives
from molmospaces_gym.backends.sapien_scene.losses import losses, refuse
from molmospaces_gym.backends.sapien_scene.masses import set_mass
from molmospaces_gym.backends.sapien_scene.shapes import ShapeMaker
from molmospaces_gym.backends.weights import free_joint_damping

STEP = 0.01
"""Longest step of PhysX, s."""
POSITION_ITERATIONS, VELOCITY_ITERATIONS = 15, 1
"""Of the solver; ManiSkill's defaults."""
SLEEP_THRESHOLD = 0.005
"""Energy per mass (m^2/s^2) below which a body may fall asleep; ManiSkill's default."""
BOUNCE_THRESHOLD = 2.0
"""Speed (m/s) below which nothing bounces; restitution is 0 anyway."""
STILL = 1e-4
"""Speed (m/s, rad/s) of a joint with dry friction below which it is left to its brake."""


class _ArmState:
    """An articulation with the addresses of its joints and its drives."""

    def __init__(self, arm: Arm, model: mujoco.MjModel) -> None:
        self.arm, self.articulation, self.root = arm, arm.articulation, arm.root
        self.qpos = model.jnt_qposadr[arm.joints]
        self.dofs = model.jnt_dofadr[arm.joints]
        self.free, self.mocap = arm.tree.free_joint, arm.tree.mocap
        self.driven: list[tuple[physx.PhysxArticulationJoint, int]] = []
        self.brakes: list[tuple[int, Brake, physx.PhysxArticulationJoint, float]] = []
        self.sprung = False
        self.resting = False
        self.fresh = False


class PhysxScene:
    """Built from a model once; ``push`` and ``pull`` carry the state from and to MuJoCo's arrays.

    Raises:
        UnsupportedScene: the model holds what SAPIEN cannot represent.
    """

    def __init__(self, model: mujoco.MjModel, longest_step: float = STEP) -> None:
        self.model, self.layout = model, Layout(model)
        self.longest_step = longest_step
        refuse(self.layout)
        self.losses = losses(self.layout)
        self.system = _make_system(model)
        self.scene = sapien.Scene([self.system])
        self.shapes = ShapeMaker(model, excluded_pairs(model))
        self.bodies = build_bodies(self.scene, self.layout, self.shapes)
        for _, body in self.bodies.singles:
            _tune(body)
        for arm in self.bodies.arms:
            _tune(arm.articulation)
        self._free = [(t, b) for t, b in self.bodies.singles if t.free_joint >= 0]
        self._carried = [(t, b) for t, b in self.bodies.singles if t.mocap >= 0]
        joints = [tree.free_joint for tree, _ in self._free]
        self._addresses = np.column_stack([model.jnt_qposadr[joints], model.jnt_dofadr[joints]])
        self._middles = np.zeros((len(joints), 3))
        self._rows, self._which = np.zeros((len(joints), 13)), np.zeros(len(joints), np.intp)
        self._resting = np.zeros(len(joints), np.bool_)
        self._arms = [_ArmState(arm, model) for arm in self.bodies.arms]
        self.drives: Drives = make_drives(model)
        self._weigh(model)
        self._set_drives(model)

    def vary(self, model: mujoco.MjModel) -> None:
        """Take over masses, friction and damping of a copy of the model."""
        friction = shape_friction(model, scene_friction(self.model))
        for geom, shape in self.shapes.shapes.items():
            shape.physical_material = self.shapes.material(float(friction[geom]))
        for body, component in self.bodies.parts.items():
            if not getattr(component, "kinematic", False):
                set_mass(self.layout, self.layout.parts[body], component, model)
        self.drives = make_drives(model)
        self._weigh(model)
        self._set_drives(model)

    def _weigh(self, model: mujoco.MjModel) -> None:
        for row, (tree, body) in enumerate(self._free):
            part = tree.parts[0]
            self._middles[row] = self.layout.inertia(part, model)[1]
            rates = free_joint_damping(model, tree.free_joint, part.body)
            body.linear_damping, body.angular_damping = rates

    def _set_drives(self, model: mujoco.MjModel) -> None:
        drives = self.drives
        for state in self._arms:
            state.driven, state.brakes, state.sprung = [], [], False
            for row, (number, joint) in enumerate(
                zip(state.arm.joints.tolist(), state.arm.drives, strict=True)
            ):
                found = drives.stiffness[number], drives.damping[number], drives.limit[number]
                gains = tuple(float(gain) for gain in found)
                joint.set_drive_properties(*gains, "force")
                joint.set_drive_velocity_target(0.0)
                joint.set_drive_target(float(drives.offset[number]))
                if drives.actuator[number] >= 0:
                    state.driven.append((joint, number))
                if drives.brakes[number]:
                    state.brakes.append((row, self._brake(number, model), joint, gains[1]))
                    state.sprung |= bool(drives.spring[number])

    def _brake(self, joint: int, model: mujoco.MjModel) -> Brake:
        dof = int(model.jnt_dofadr[joint])
        return Brake(
            friction=float(self.drives.friction[joint]),
            viscous=float(self.drives.viscous[joint]),
            inertia=float(model.dof_M0[dof]),
            substep=float(model.opt.timestep),
            creep=creep_rate(model, dof),
        )

    def push(self, qpos: Array, qvel: Array, mocap_pos: Array, mocap_quat: Array) -> None:
        """Put everything where MuJoCo's arrays have it, and awake."""
        velocity = np.zeros(6)
        for tree, body in self._carried:
            body.entity.pose = Pose(mocap_pos[tree.mocap], mocap_quat[tree.mocap])
        for row, (_, body) in enumerate(self._free):
            at, dof = self._addresses[row]
            body.entity.pose = Pose(qpos[at : at + 3], qpos[at + 3 : at + 7])
            centre_velocity(qpos[at : at + 7], qvel[dof : dof + 6], self._middles[row], velocity)
            body.linear_velocity, body.angular_velocity = velocity[:3], velocity[3:]
            body.wake_up()
        self._resting[:] = False
        for state in self._arms:
            self._push_arm(state, qpos, qvel, mocap_pos, mocap_quat)

    def _push_arm(
        self, state: _ArmState, qpos: Array, qvel: Array, mocap_pos: Array, mocap_quat: Array
    ) -> None:
        articulation = state.articulation
        if state.mocap >= 0:
            articulation.root_pose = Pose(mocap_pos[state.mocap], mocap_quat[state.mocap])
        elif state.free >= 0:
            at = int(self.model.jnt_qposadr[state.free])
            dof = int(self.model.jnt_dofadr[state.free])
            articulation.root_pose = Pose(qpos[at : at + 3], qpos[at + 3 : at + 7])
            velocity = np.zeros(6)
            # SAPIEN takes and gives the velocity of the root link's origin here.
            centre_velocity(qpos[at : at + 7], qvel[dof : dof + 6], np.zeros(3), velocity)
            articulation.root_linear_velocity = velocity[:3]
            articulation.root_angular_velocity = velocity[3:]
        articulation.qpos = qpos[state.qpos].astype(np.float32)
        articulation.qvel = qvel[state.dofs].astype(np.float32)
        self._load_springs(state, qpos[state.qpos])
        state.root.wake_up()
        state.resting, state.fresh = False, True

    def pull(self, qpos: Array, qvel: Array) -> None:
        """Write into MuJoCo's arrays what has moved since the last time."""
        count, rows, resting = 0, self._rows, self._resting
        for number, (_, body) in enumerate(self._free):
            asleep = body.is_sleeping
            if asleep and resting[number]:
                continue
            resting[number] = asleep
            pose, row = body.entity.pose, rows[count]
            row[0:3], row[3:7] = pose.p, pose.q
            row[7:10], row[10:13] = body.linear_velocity, body.angular_velocity
            self._which[count] = number
            count += 1
        if count:
            free_states(rows[:count], self._middles, self._which, self._addresses, qpos, qvel)
        for state in self._arms:
            asleep = state.root.sleeping
            if asleep and state.resting:
                continue
            state.resting = asleep
            qpos[state.qpos] = state.articulation.qpos
            qvel[state.dofs] = state.articulation.qvel
            if state.free >= 0:
                self._pull_root(state, qpos, qvel)

    def _pull_root(self, state: _ArmState, qpos: Array, qvel: Array) -> None:
        pose, articulation = state.articulation.root_pose, state.articulation
        row = np.concatenate(
            [pose.p, pose.q, articulation.root_linear_velocity, articulation.root_angular_velocity]
        )
        at = [self.model.jnt_qposadr[state.free], self.model.jnt_dofadr[state.free]]
        free_states(
            row[None].astype(np.float64),
            np.zeros((1, 3)),
            np.zeros(1, np.intp),
            np.array([at], np.intp),
            qpos,
            qvel,
        )

    def command(self, ctrl: Array) -> None:
        """Set the targets of the servos; ``ctrl`` (nu,) within its limits."""
        drives = self.drives
        for state in self._arms:
            for joint, number in state.driven:
                value = ctrl[drives.actuator[number]]
                joint.set_drive_target(float(drives.scale[number] * value + drives.offset[number]))

    def step(self, duration: float, qpos: Array, qvel: Array) -> None:
        """Advance by ``duration`` seconds; ``qpos`` and ``qvel`` are those of its start."""
        moving = [
            state
            for state in self._arms
            if state.brakes and not state.resting and np.abs(qvel[state.dofs]).max() > STILL
        ]
        count = max(1, math.ceil(duration / self.longest_step - 1e-9))
        self.system.timestep = step = duration / count
        for number in range(count):
            for state in moving:
                first = state.fresh and number == 0
                if number:
                    at, velocity = state.articulation.qpos, state.articulation.qvel
                else:
                    at, velocity = qpos[state.qpos], qvel[state.dofs]
                half = 0.5 * (1.0 + float(self.model.opt.timestep) / step) if first else 1.0
                self._load_springs(state, at, min(1.0, half))
                for row, brake, drive, damping in state.brakes:
                    speed = float(velocity[row])
                    most, end = brake.use(abs(speed), step, first)
                    drive.set_drive_properties(0.0, damping, most)
                    drive.set_drive_velocity_target(math.copysign(end, speed))
            self.system.step()
        for state in moving:
            for _, brake, drive, damping in state.brakes:
                drive.set_drive_properties(0.0, damping, brake.friction)
                drive.set_drive_velocity_target(0.0)
        for state in self._arms:
            state.fresh = False

    def _load_springs(self, state: _ArmState, at: Array, share: float = 1.0) -> None:
        """Apply a share of the springs beside the drives, where the joints are at ``at``."""
        if state.sprung:
            spring, rest = (
                values[state.arm.joints] for values in (self.drives.spring, self.drives.rest)
            )
            state.articulation.qf = (share * spring * (rest - at)).astype(np.float32)

    def asleep(self) -> NDArray[np.bool_]:
        """Which of the free bodies, then of the articulations, sleep."""
        free = [body.is_sleeping for _, body in self._free]
        return np.array(free + [state.root.sleeping for state in self._arms], np.bool_)

    def lull(self, asleep: NDArray[np.bool_]) -> None:
        """Put bodies to sleep that slept when ``asleep`` was asked."""
        bodies = [body for _, body in self._free] + [state.root for state in self._arms]
        for body, sleeps in zip(bodies, asleep.tolist(), strict=True):
            if sleeps:
                body.put_to_sleep()

    @cached_property
    def geom_of(self) -> dict[physx.PhysxCollisionShape, int]:
        """Collision shape -> geom id."""
        return {shape: geom for geom, shape in self.shapes.shapes.items()}


def _make_system(model: mujoco.MjModel) -> physx.PhysxCpuSystem:
    """A CPU simulation with the model's gravity. SAPIEN's settings are global: put back at once."""
    before = pickle.dumps(physx.get_scene_config())
    config = physx.PhysxSceneConfig()
    config.gravity = model.opt.gravity.astype(np.float32)
    config.bounce_threshold = BOUNCE_THRESHOLD
    config.enable_enhanced_determinism = config.enable_tgs = config.enable_pcm = True
    config.enable_friction_every_iteration = True
    config.enable_ccd = False
    physx.set_scene_config(config)
    try:
        return physx.PhysxCpuSystem()
    finally:
        physx.set_scene_config(pickle.loads(before))


def _tune(body: "physx.PhysxRigidDynamicComponent | physx.PhysxArticulation") -> None:
    """Effort of the solver and sleep of a free body or an articulation."""
    body.solver_position_iterations = POSITION_ITERATIONS
    body.solver_velocity_iterations = VELOCITY_ITERATIONS
    body.sleep_threshold = SLEEP_THRESHOLD
