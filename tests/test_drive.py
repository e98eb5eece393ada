"""Mobile bases: what stops one that is put in place, and how far a simulated one is pushed."""

import math

import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from molmospaces_gym.backends.base import make_world
from molmospaces_gym.backends.mjc import MujocoWorld
from molmospaces_gym.robots import get_robot
from molmospaces_gym.robots.drive import LEAD, DynamicBase, KinematicBase
from molmospaces_gym.robots.drive_kernels import drive, meeting
from molmospaces_gym.scenes.compose import get_scene
from molmospaces_gym.scenes.house import House
from molmospaces_gym.scenes.model import SceneModel

Array = NDArray[np.float64]
ROOM = """
<mujoco><worldbody>
  <geom name="floor" type="plane" size="9 9 .1" contype="8" conaffinity="15"/>
  <geom name="rug" type="box" size="1 1 .004" pos="0 0 .004"/>
  <geom name="wall" type="box" size=".03 2 1.3" pos="1.5 0 1.3" contype="8" conaffinity="15"/>
  <geom name="ceiling" type="box" size="4 4 .05" pos="0 0 2.65" contype="8" conaffinity="15"/>
  <geom name="picture" type="box" size=".4 .4 .4" pos="-.5 0 1" contype="0" conaffinity="0"/>
  <body name="pillar" pos="0 -1.2 .5"><freejoint/>
    <geom name="pillar" type="cylinder" size=".2 .5" mass="30"/></body>
  <geom name="table" type="box" size=".3 .5 .02" pos="-1.4 0 .7"/>
  <body name="leaf" pos="-.5 1.6 1" euler="0 0 30"><joint axis="0 0 1"/>
    <geom name="leaf" type="box" size=".45 .02 1" contype="0" conaffinity="7" mass="20"/></body>
</worldbody></mujoco>
"""


def settled(robot: str, mjcf: str = ROOM) -> tuple[MujocoWorld, SceneModel]:
    """A world with the robot at home at the origin."""
    scene = get_scene(House("room", mjcf=mjcf, metadata={"settled": True}), get_robot(robot))
    world = make_world("mujoco")
    assert isinstance(world, MujocoWorld)
    world.load(0, scene)
    data = world.data(0)
    data.qpos[:] = scene.rest_qpos
    data.ctrl[scene.robot.actuators] = scene.robot.hold_command(scene.rest_qpos)
    mujoco.mj_forward(scene.model, data)
    return world, scene


def command(scene: SceneModel, pose: tuple[float, float, float]) -> Array:
    found = scene.robot.hold_command(scene.rest_qpos)
    assert scene.robot.base is not None
    found[scene.robot.base.control] = pose
    return found


def pose_of(world: MujocoWorld, scene: SceneModel) -> Array:
    """x, y and heading of the base."""
    assert scene.robot.base is not None
    found: Array = world.joint_pos(0)[scene.robot.base.qpos]
    return found


def penetration(world: MujocoWorld, scene: SceneModel) -> float:
    """How deep (m) the robot is in anything it can touch but a rug, by MuJoCo's own distances."""
    model, data = scene.model, world.data(0)
    mujoco.mj_kinematics(model, data)
    mine = scene.geom_root == scene.robot.root_id
    deepest = 0.0
    for a in np.flatnonzero(mine & (model.geom_contype != 0)):
        for b in np.flatnonzero(~mine & (model.geom_rbound > 0)):
            meets = model.geom_contype[a] & model.geom_conaffinity[b]
            if model.geom(b).name == "rug":
                continue
            if meets or model.geom_contype[b] & model.geom_conaffinity[a]:
                gap = mujoco.mj_geomDistance(model, data, int(a), int(b), 0.1, None)
                deepest = max(deepest, -gap)
    return deepest


sides = st.floats(0.02, 1.0)
places = st.floats(-1.5, 1.5, allow_subnormal=False)
angles = st.floats(-math.pi, math.pi, allow_subnormal=False)
PAIR = np.zeros((1, 2), np.intp)


@settings(max_examples=300, deadline=None)
@given(sides, sides, places, places, angles, sides, sides, places, places, angles, st.booleans())
def test_overlap_agrees_with_mujoco(a, b, x, y, angle, c, d, u, v, turn, column):
    """The part is off the base's middle; things are turned boxes or columns."""
    shape = f'type="cylinder" size="{c} 1"' if column else f'type="box" size="{c} {d} 1"'
    model = mujoco.MjModel.from_xml_string(
        f"""<mujoco><compiler angle="radian"/><worldbody>
        <body pos="{x} {y} 0" euler="0 0 {angle}"><freejoint/>
          <geom type="box" size="{a} {b} 1" pos=".1 .2 0"/></body>
        <geom {shape} pos="{u} {v} 0" euler="0 0 {turn}"/></worldbody></mujoco>"""
    )
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    world, body = model.geom_bodyid.argsort(kind="stable")
    gap = mujoco.mj_geomDistance(model, data, int(body), int(world), 1.0, None)
    part = np.array([[0.1, 0.2, a, b, math.hypot(a, b)]])
    half = (0.0, 0.0, c) if column else (c, d, math.hypot(c, d))
    thing = np.array([[u, v, math.cos(turn), math.sin(turn), *half]])
    overlaps = bool(meeting(np.array([x, y, angle]), part, thing, PAIR)[0])
    if abs(gap) > 1e-5:
        assert overlaps == (gap < 0)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(places, places, angles, sides, sides, st.booleans()), max_size=6),
    st.lists(st.tuples(st.floats(-0.3, 0.3), st.floats(-0.3, 0.3), st.floats(-0.5, 0.5))),
)
def test_a_drive_never_ends_in_anything(shapes, moves):
    """Whatever stands around and however it is steered, what was free stays free."""
    parts = np.array([[0.05, 0.0, 0.3, 0.25, math.hypot(0.3, 0.25)]])
    rows = [
        [x, y, math.cos(t), math.sin(t), *((0.0, 0.0, a) if round_ else (a, b, math.hypot(a, b)))]
        for x, y, t, a, b, round_ in shapes
    ]
    things = np.array(rows).reshape(-1, 7)
    pairs = np.stack([np.zeros(len(things), np.intp), np.arange(len(things))], axis=1)
    pose = np.zeros(3)
    pairs = np.ascontiguousarray(pairs[~meeting(pose, parts, things, pairs)])
    for move in moves:
        end = pose + move
        arrived = drive(pose, end, parts, things, pairs)
        assert not meeting(pose, parts, things, pairs).any()
        assert not arrived or np.abs(pose - end).max() < 1e-12


@pytest.mark.parametrize("robot", ["rby1", "franka_mobile"])
def test_free_motion_is_exact_and_takes_no_physics(robot: str) -> None:
    world, scene = settled(robot)
    base, data = KinematicBase(world, 0, scene, 0.1), world.data(0)
    wanted = command(scene, (0.2, -0.1, 0.3))
    base.follow(wanted)
    world.step(0)
    assert not base.blocked
    assert scene.robot.base is not None
    np.testing.assert_array_equal(pose_of(world, scene), [0.2, -0.1, 0.3])
    np.testing.assert_allclose(data.qvel[scene.robot.base.dof], [2, -1, 3])
    np.testing.assert_allclose(world.body_pos(0)[scene.robot.root_id][:2], [0.2, -0.1])
    assert data.time == 0


@pytest.mark.parametrize("robot", ["rby1", "franka_mobile"])
@pytest.mark.parametrize("direction", range(12))
def test_nothing_is_driven_through(robot: str, direction: int) -> None:
    """Full speed in twelve directions, turning: it ends at what is there, never inside."""
    world, scene = settled(robot)
    base = KinematicBase(world, 0, scene, 0.2)
    angle, pose = 2 * math.pi * direction / 12, np.zeros(3)
    assert scene.robot.base is not None
    for _ in range(15):
        step = np.array([0.2 * math.cos(angle), 0.2 * math.sin(angle), 0.1])
        x, y, heading = pose + step
        base.follow(command(scene, (x, y, heading)))
        pose = pose_of(world, scene)
        assert penetration(world, scene) < 1e-6
    if direction == 0:
        assert base.blocked
        assert pose[0] < 1.5 - 0.25


def test_a_base_at_a_wall_turns_and_slides_on() -> None:
    world, scene = settled("rby1")
    base = KinematicBase(world, 0, scene, 0.1)
    base.follow(command(scene, (3.0, 0.0, 0.0)))
    at = pose_of(world, scene)
    assert base.blocked
    # The hands reach 0.09 m further than the base: they are what stops it.
    assert at[0] == pytest.approx(1.47 - 0.395, abs=0.03)
    base.follow(command(scene, (at[0] + 0.1, 0.2, 0.0)))
    assert base.blocked
    np.testing.assert_allclose(pose_of(world, scene), [at[0], 0.2, 0.0], atol=2e-3)
    base.follow(command(scene, (at[0] - 0.2, 0.2, 0.1)))
    assert not base.blocked
    base.follow(command(scene, (at[0] + 0.1, 0.2, -0.1)))
    assert pose_of(world, scene)[0] > at[0] - 0.1
    assert base.blocked


def test_heights_matter() -> None:
    """The base slips under a table as far as the torso lets it; a rug and a picture do not stop."""
    world, scene = settled("rby1")
    base = KinematicBase(world, 0, scene, 0.1)
    base.follow(command(scene, (-2.0, 0.0, 0.0)))
    assert base.blocked
    # The edge of the table is at -1.1; what comes to it is the torso, 0.135 m behind the middle.
    assert -1.1 + 0.1 < pose_of(world, scene)[0] < -1.1 + 0.16


def test_what_overlaps_at_the_start_does_not_stop() -> None:
    crate = '<geom type="box" size=".3 .3 .3" pos=".3 0 .3"/></worldbody>'
    world, scene = settled("rby1", ROOM.replace("</worldbody>", crate))
    base = KinematicBase(world, 0, scene, 0.1)
    base.follow(command(scene, (0.3, 0.0, 0.0)))
    assert not base.blocked


def test_a_simulated_base_is_not_pushed_ever_harder() -> None:
    world, scene = settled("rby1")
    drive_, data = DynamicBase(world, 0, scene), world.data(0)
    robot = scene.robot
    assert robot.base is not None
    target = data.ctrl[robot.actuators].copy()
    for _ in range(60):
        target[robot.base.control] += (0.1, 0.0, 0.0)
        drive_.follow(target)
        data.ctrl[robot.actuators] = target
        world.step(25)
        ahead = target[robot.base.control] - data.qpos[robot.base.qpos]
        assert (np.abs(ahead) <= LEAD + 0.2).all()
    assert pose_of(world, scene)[0] < 1.5 - 0.3
    assert np.abs(data.actuator_force[robot.base.actuators]).max() <= 950 + 1e-9
