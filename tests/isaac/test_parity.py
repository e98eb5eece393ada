"""Isaac Lab's engines against MuJoCo from the same state, with the bounds of ``docs/backends.md``.

MJWarp is MuJoCo's solver in another language and slow without a GPU: ``test_world.py`` drops boxes
on it, here are MuJoCo C and PhysX.
"""

import numpy as np
import pytest

pytest.importorskip("isaaclab", reason="needs the extra isaac: Python 3.12, make isaac")

from molmospaces_gym.benchmarks.parity import measure
from molmospaces_gym.robots import get_robot
from molmospaces_gym.scenes.compose import get_scene
from molmospaces_gym.scenes.resolve import resolve_house
from molmospaces_gym.variations import DYNAMIC_FIELDS, Dynamics

ENGINES = ("mujoco", "physx")
SUBSTEPS = 33
"""Of an env step of 66 ms."""
FAR = (30.0, 0.0, 0.0)
BOXES = """
<body name="table" pos=".7 0 .2"><geom type="box" size=".4 .6 .2"/></body>
<body name="flat" pos=".6 0 .4302"><freejoint/>
  <geom type="box" size=".03 .04 .03" mass=".2"/></body>
<body name="tall" pos=".6 .2 .4502" euler="0 0 30"><freejoint/>
  <geom type="box" size=".02 .02 .05" mass=".3"/></body>
<body name="on_tall" pos=".6 .2 .5204"><freejoint/>
  <geom type="box" size=".02 .02 .02" mass=".1"/></body>
<body name="can" pos=".8 -.2 .43"><freejoint/>
  <geom type="cylinder" size=".03 .03" mass=".1"/></body>
<body name="dropped" pos=".6 -.4 .45"><freejoint/>
  <geom type="box" size=".05 .03 .02" mass=".2"/></body>
"""
PENDULUM = """
<body name="upper" pos="2 0 1.5" xyaxes="1 .2 0 0 1 .1">
  <joint name="upper" axis="0 1 .3" damping=".01" pos="0 0 .02" ref=".3"/>
  <geom type="capsule" size=".02" fromto="0 0 0 0 0 -.3" mass=".5" contype="0" conaffinity="0"/>
  <body name="lower" pos="0 0 -.3">
    <joint name="lower" axis="0 1 0" damping=".01" armature=".001"/>
    <geom type="box" size=".02 .03 .15" pos="0 0 -.15" mass=".4" contype="0" conaffinity="0"/>
  </body>
</body>
"""


@pytest.mark.parametrize("physics", ENGINES)
@pytest.mark.parametrize("robot", ["franka_droid", "franka_mobile", "rby1"])
def test_bodies_are_where_mujocos_kinematics_has_them(
    robot, physics, compose, start, worlds, degrees
):
    scene = compose(robot=robot)
    model, world, rng = scene.model, worlds(physics), np.random.default_rng(0)
    world.load(0, scene)
    low, high = np.where(model.jnt_limited[:, None], model.jnt_range, [-1.0, 1.0]).T
    off, turn = [], []
    for _ in range(20):
        qpos = scene.rest_qpos.copy()
        qpos[model.jnt_qposadr] = rng.uniform(low, high)
        world.set_state(0, start(scene, qpos))
        for body, pos, quat in world.stage(0).poses(0):
            off.append(np.linalg.norm(pos - world.body_pos(0)[body]))
            turn.append(degrees(quat, world.body_quat(0)[body]))
    # Single precision: a micron at the end of 24 joints.
    assert max(off) < 2e-6 and np.median(off) < 5e-7
    assert max(turn) < 1e-3


@pytest.mark.parametrize("physics", ENGINES)
def test_free_boxes_come_to_rest_in_the_same_place(physics, compose, start, twins, degrees):
    scene = compose(BOXES)
    pair = twins(scene, start(scene, at=FAR), physics)
    for world in pair:
        for _ in range(30):
            world.step(SUBSTEPS)
    for name in ("flat", "tall", "on_tall", "can", "dropped"):
        body = scene.body_id(name)
        places = [world.body_pos(0)[body] for world in pair]
        assert np.linalg.norm(places[0] - places[1]) < 5e-4, name
        assert degrees(*(world.body_quat(0)[body] for world in pair)) < 0.1, name


@pytest.mark.parametrize("physics", ENGINES)
def test_ellipsoids_lie_where_they_are_put(physics, compose, start, twins):
    """Of the sizes of fruit: polyhedra that lie on a corner, which must not rock onto a side."""
    sizes = ((0.050, 0.031, 0.031), (0.052, 0.033, 0.033), (0.044, 0.03, 0.03))
    fruit = "".join(
        f'<body name="fruit{n}" pos=".6 {0.3 * n} {c}"><freejoint/><geom type="ellipsoid"'
        f' size="{a} {b} {c}" mass=".15" condim="6" friction=".9 .01 .005"/></body>'
        for n, (a, b, c) in enumerate(sizes)
    )
    scene = compose(fruit)
    pair = twins(scene, start(scene, at=FAR), physics)
    for world in pair:
        for _ in range(30):
            world.step(SUBSTEPS)
    for n in range(len(sizes)):
        places = [world.body_pos(0)[scene.body_id(f"fruit{n}")] for world in pair]
        assert np.linalg.norm(places[0] - places[1]) < 5e-4, n


@pytest.mark.parametrize("physics", ENGINES)
def test_a_double_pendulum_swings_the_same_for_six_seconds(physics, compose, start, twins):
    scene = compose(PENDULUM)
    qpos = scene.rest_qpos.copy()
    at = [scene.model.jnt_qposadr[scene.joint_ids[name]] for name in ("upper", "lower")]
    qpos[at] = 1.0, -0.6
    pair = twins(scene, start(scene, qpos, at=FAR), physics)
    for world in pair:
        for _ in range(3000):
            world.step(1)
    ends = [world.joint_pos(0)[at] for world in pair]
    np.testing.assert_allclose(*ends, atol=1e-3)
    assert abs(ends[0][0] - 1.0) > 0.1


@pytest.mark.parametrize("physics", ENGINES)
@pytest.mark.parametrize("house", ["generated/val/0", "homes/val/0"])
def test_drawers_and_doors_coast_to_the_same_place(house, physics, start, twins):
    scene = get_scene(resolve_house(house), get_robot("franka_droid"))
    model, qvel = scene.model, np.zeros(scene.model.nv)
    parts = [part for part in scene.articulations.values() if "doorway" not in part.name]
    for part in parts:
        qvel[model.jnt_dofadr[scene.joint_ids[part.name]]] = 1.2 if part.slides else 2.0
    pair = twins(scene, start(scene, scene.rest_qpos.copy(), qvel, FAR), physics)
    for _ in range(16):
        for world in pair:
            world.step(SUBSTEPS)
    for part in parts:
        ends = [world.joint_pos(0)[part.qpos] for world in pair]
        assert abs(ends[0] - ends[1]) < (1e-3 if part.slides else np.radians(0.1)), part.name
        assert abs(ends[0]) > 0.05
    assert {part.slides for part in parts} == {True, False}


@pytest.mark.parametrize("physics", ENGINES)
def test_the_grippers_linkage_closes_alike(physics, compose, start, twins):
    """Its springs hold the four-bar on one side; without their pull it snaps to the other."""
    scene = compose()
    model, actuator = scene.model, scene.robot.gripper_actuator
    joints = [j for j in range(model.njnt) if "gripper" in model.joint(j).name]
    at = model.jnt_qposadr[joints]
    pair = twins(scene, start(scene), physics)
    for share in (0.3, 0.9):
        for world in pair:
            low, high = model.actuator_ctrlrange[actuator]
            world.ctrl(0)[actuator] = low + share * (high - low)
            for _ in range(20):
                world.step(SUBSTEPS)
        places = [world.joint_pos(0)[at] for world in pair]
        np.testing.assert_allclose(*places, atol=5e-3)
        assert len(joints) == 8 and np.ptp(places[0]) > share


def test_other_dynamics_change_both_simulators_alike_and_leave_no_trace(start, twins):
    """Drawers and doors of other weight and resistance coast as far in one as in the other."""
    scene = get_scene(resolve_house("generated/val/0"), get_robot("franka_droid"))
    model, parts = scene.model, list(scene.articulations.values())
    qvel = np.zeros(model.nv)
    for part in parts:
        qvel[model.jnt_dofadr[scene.joint_ids[part.name]]] = 1.2 if part.slides else 2.0
    at, state = [part.qpos for part in parts], start(scene, scene.rest_qpos.copy(), qvel, FAR)
    rng = np.random.default_rng(0)
    other = Dynamics(
        {
            name: rng.uniform(0.5, 1.5, (len(values), *[1] * (values.ndim - 1))) * values
            for name, values in ((field, getattr(model, field)) for field in DYNAMIC_FIELDS)
        }
    )

    def coast(world, dynamics):
        world.load(0, scene)
        if dynamics is not None:
            world.vary(0, dynamics)
        world.set_state(0, state)
        for _ in range(16):
            world.step(SUBSTEPS)
        return world.joint_pos(0).copy()

    pair = twins(scene, state, "mujoco")
    plain, varied = [[coast(world, dynamics) for world in pair] for dynamics in (None, other)]
    np.testing.assert_allclose(varied[1][at], varied[0][at], atol=1e-3)
    assert np.abs(varied[1][at] - plain[1][at]).max() > 0.02
    np.testing.assert_array_equal(coast(pair[1], None), plain[1])
    np.testing.assert_array_equal(coast(pair[1], other), varied[1])


@pytest.mark.parametrize("physics", ENGINES)
@pytest.mark.parametrize("robot", ["franka_droid", "rby1"])
def test_joints_follow_random_targets_alike(robot, physics, compose, start, twins):
    scene = compose(robot=robot)
    bound, rng = scene.robot, np.random.default_rng(0)
    pair = twins(scene, start(scene), physics)
    groups = [name for name in bound.groups if "gripper" not in name]
    joints = np.concatenate([bound.groups[name].qpos for name in groups])
    control = np.concatenate([np.arange(99)[bound.groups[name].control] for name in groups])
    first = pair[0].joint_pos(0)[joints].copy()
    for _ in range(30):
        change = np.zeros(len(bound.actuators))
        change[control] = rng.uniform(-0.03, 0.03, len(control))
        for world in pair:
            wanted = world.ctrl(0)[bound.actuators] + change
            world.ctrl(0)[bound.actuators] = np.clip(wanted, bound.ctrl_low, bound.ctrl_high)
            world.step(SUBSTEPS)
        ends = [world.joint_pos(0)[joints] for world in pair]
        assert np.abs(ends[0] - ends[1]).max() < 5e-3
    assert np.abs(ends[0] - first).max() > 0.05


@pytest.mark.parametrize("physics", ENGINES)
def test_cameras_see_the_same_depth_and_an_episode_ends_alike(physics):
    """Cameras of the robot's wrist and of the room, after equal steps; the expert's targets."""
    checks = ("camera", "replay")
    report = measure("isaac", checks, tasks=("Pick",), episodes=1, physics=physics)
    assert not report.failures, [row.to_dict() for row in report.failures]
    depth = [row for row in report.rows if "depth" in row.quantity]
    assert {row.check for row in report.rows} == set(checks) and depth


def test_the_parity_suite_takes_isaac_as_it_is():
    """The command's checks see ``backend=`` alone; the engine's own poses are compared too."""
    report = measure("isaac", ("kinematics", "pendulum"), robots=("franka_droid",))
    assert not report.skipped
    assert not report.failures, [row.to_dict() for row in report.failures]
    found = {(row.subject, row.quantity): row.value for row in report.rows}
    assert found["franka_droid", "body position"] == 0.0 < found["franka_droid", "own position"]
