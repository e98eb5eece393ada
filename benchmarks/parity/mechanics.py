"""Checks of bodies and joints alone: kinematics, resting, swinging, coasting, following."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.backends.base import World
from molmospaces_gym.benchmarks.parity.bench import Array, Bench, own_poses, worst_poses
from molmospaces_gym.benchmarks.parity.results import Measured
from molmospaces_gym.benchmarks.parity.scenes import (
    BOX_NAMES,
    BOXES,
    PENDULUM,
    PENDULUM_START,
    SUBSTEPS,
    finer,
    floor,
    start,
)
from molmospaces_gym.robots import get_robot
from molmospaces_gym.scenes.compose import get_scene
from molmospaces_gym.scenes.model import SceneModel
from molmospaces_gym.scenes.resolve import resolve_house

Ids = NDArray[np.intp]
CONFIGURATIONS = 100
HOUSES = ("generated/val/0", "homes/val/0")
SLIDE_SPEED, TURN_SPEED = 1.2, 2.0
"""Speeds (m/s, rad/s) at which everything that opens is pushed."""
TARGET_STEP = 0.03
"""Largest change (rad or m) of a joint target per env step."""
TARGET_STEPS, GRIP_STEPS, GRIP = 60, 20, 0.6
FINER = 10
"""How many times finer MuJoCo's steps are in a second reference."""


def kinematics(bench: Bench, robot: str) -> Iterator[Measured]:
    """Body poses of random configurations within the joint limits."""
    scene = floor(robot=robot)
    model, rng = scene.model, np.random.default_rng(bench.seed)
    low, high = np.where(model.jnt_limited[:, None], model.jnt_range, [-1.0, 1.0]).T
    shown, own = [], []
    for _ in range(CONFIGURATIONS):
        qpos = scene.rest_qpos.copy()
        qpos[model.jnt_qposadr] = rng.uniform(low, high)
        reference, other = bench.pair(scene, start(scene, qpos, at=0.0))
        pos, quat = reference.body_pos(0), reference.body_quat(0)
        shown.append(worst_poses((pos, other.body_pos(0)), (quat, other.body_quat(0))))
        if (found := own_poses(other)) is not None:
            bodies, own_pos, own_quat = found
            own.append(worst_poses((pos[bodies], own_pos), (quat[bodies], own_quat)))
    for what, rows in (("body", shown), ("own", own)):
        if rows:
            off, turn = np.max(rows, axis=0)
            yield bench.row("kinematics", robot, f"{what} position", off)
            yield bench.row("kinematics", robot, f"{what} orientation", turn)


def boxes(bench: Bench, subject: str) -> Iterator[Measured]:
    """Boxes after 2 s: standing, stacked, dropped."""
    scene = floor(BOXES)
    worlds = bench.pair(scene, start(scene))
    for world in worlds:
        for _ in range(30):
            world.step(SUBSTEPS)
    ids = [scene.body_id(name) for name in BOX_NAMES]
    off, turn = worst_poses(
        (worlds[0].body_pos(0)[ids], worlds[1].body_pos(0)[ids]),
        (worlds[0].body_quat(0)[ids], worlds[1].body_quat(0)[ids]),
    )
    yield bench.row("settled", subject, "box position", off)
    yield bench.row("settled", subject, "box orientation", turn)


def pendulum(bench: Bench, subject: str) -> Iterator[Measured]:
    """A double pendulum after 6 s, in steps of the model and in env steps."""
    scene = floor(PENDULUM)
    at = [scene.model.jnt_qposadr[scene.joint_ids[name]] for name in ("upper", "lower")]
    for count in (1, SUBSTEPS):
        qpos = scene.rest_qpos.copy()
        qpos[at] = PENDULUM_START
        worlds = bench.pair(scene, start(scene, qpos))
        for world in worlds:
            for _ in range(3000 // count):
                world.step(count)
        off = np.abs(worlds[0].joint_pos(0)[at] - worlds[1].joint_pos(0)[at]).max()
        yield bench.row("pendulum", subject, f"steps of {2 * count} ms", off)


def coasting(bench: Bench, house: str) -> Iterator[Measured]:
    """A second of everything that opens, after a push: how far apart it ever gets."""
    scene = get_scene(resolve_house(house), get_robot("franka_droid"))
    model, qvel = scene.model, np.zeros(scene.model.nv)
    parts = [part for part in scene.articulations.values() if "doorway" not in part.name]
    for part in parts:
        dof = model.jnt_dofadr[scene.joint_ids[part.name]]
        qvel[dof] = SLIDE_SPEED if part.slides else TURN_SPEED
    worlds = bench.pair(scene, start(scene, scene.rest_qpos.copy(), qvel))
    at = np.array([part.qpos for part in parts])
    touching = worlds[0].resting_contacts(0).bodies
    free = {scene.body_id(name) for name in scene.free_joints}
    others = np.isin(touching, sorted(free))
    filled = np.array([bool(others[(touching == part.body).any(axis=1)].any()) for part in parts])
    off = np.zeros(len(parts))
    for _ in range(16):
        for world in worlds:
            world.step(SUBSTEPS)
        off = np.maximum(off, np.abs(worlds[0].joint_pos(0)[at] - worlds[1].joint_pos(0)[at]))
    slides = np.array([part.slides for part in parts])
    for name, which, scale in (
        ("empty drawers", slides & ~filled, 1e3),
        ("drawers with things in them", slides & filled, 1e3),
        ("doors", ~slides, np.degrees(1.0)),
    ):
        if which.any():
            yield bench.row("coasting", house, f"{name}, worst", scale * off[which].max())
            yield bench.row("coasting", house, f"{name}, median", scale * np.median(off[which]))


def tracking(bench: Bench, robot: str) -> Iterator[Measured]:
    """Four seconds of random targets for all joints, then the grippers close."""
    scene = floor(robot=robot)
    joints, _ = _joints(scene)
    worlds = bench.pair(scene, start(scene, at=0.0))
    follow = [_follow(world, scene, SUBSTEPS, bench.seed) for world in worlds]
    worst = np.abs(follow[0] - follow[1]).max(axis=0)[joints]
    yield bench.row("tracking", robot, "joints, worst", worst.max())
    yield bench.row("tracking", robot, "joints, median", float(np.median(worst)))
    closed = [_grip(world, scene) for world in worlds]
    yield bench.row("tracking", robot, "gripper closure", np.abs(closed[0] - closed[1]).max())
    fine = finer(scene, FINER)
    worlds[0].load(0, fine)
    worlds[0].set_state(0, start(fine, at=0.0))
    exact = _follow(worlds[0], fine, SUBSTEPS * FINER, bench.seed)
    worst = np.abs(exact - follow[1]).max(axis=0)[joints]
    yield bench.row("tracking", robot, "joints, worst, MuJoCo in steps of 0.2 ms", worst.max())


def _follow(world: World, scene: SceneModel, substeps: int, seed: int) -> Array:
    """Positions (steps, nq) of everything while the joints get random targets."""
    (_, control), bound, rng = _joints(scene), scene.robot, np.random.default_rng(seed)
    rows = []
    for _ in range(TARGET_STEPS):
        step = np.zeros(len(bound.actuators))
        step[control] = rng.uniform(-TARGET_STEP, TARGET_STEP, len(control))
        wanted = world.ctrl(0)[bound.actuators] + step
        world.ctrl(0)[bound.actuators] = np.clip(wanted, bound.ctrl_low, bound.ctrl_high)
        world.step(substeps)
        rows.append(world.joint_pos(0).copy())
    return np.array(rows)


def _grip(world: World, scene: SceneModel) -> Array:
    """How far the grippers are closed, some time after they were told to close."""
    for arm in scene.robot.arms:
        world.ctrl(0)[arm.gripper_actuator] = arm.grip_command(GRIP)
    for _ in range(GRIP_STEPS):
        world.step(SUBSTEPS)
    return np.array([arm.closure(world.joint_pos(0)) for arm in scene.robot.arms])


def _joints(scene: SceneModel) -> tuple[Ids, Ids]:
    """Addresses in ``qpos`` and in a command of all joints but the grippers'."""
    bound = scene.robot
    groups = [group for name, group in bound.groups.items() if "gripper" not in name]
    numbers = np.arange(len(bound.actuators))
    return (
        np.concatenate([group.qpos for group in groups]),
        np.concatenate([numbers[group.control] for group in groups]),
    )
