"""SAPIEN against MuJoCo from the same state, with the tolerances of ``docs/backends.md``."""

import numpy as np
import pytest

pytest.importorskip("sapien", reason="needs the extra maniskill")

from molmospaces_gym.backends.mjc import MujocoWorld
from molmospaces_gym.robots import get_robot
from molmospaces_gym.scenes.compose import get_scene
from molmospaces_gym.scenes.resolve import resolve_house

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


@pytest.mark.parametrize("robot", ["franka_droid", "franka_mobile", "rby1"])
def test_bodies_are_where_mujocos_kinematics_has_them(robot, compose, start, degrees):
    from molmospaces_gym.backends.sapien_scene.world import ManiSkillWorld

    scene = compose(robot=robot)
    model, world, rng = scene.model, ManiSkillWorld(), np.random.default_rng(0)
    world.load(0, scene)
    low, high = np.where(model.jnt_limited[:, None], model.jnt_range, [-1.0, 1.0]).T
    off, turn = [], []
    for _ in range(50):
        qpos = scene.rest_qpos.copy()
        qpos[model.jnt_qposadr] = rng.uniform(low, high)
        world.set_state(0, start(scene, qpos))
        for body, component in world.physics(0).bodies.parts.items():
            pose = component.entity.pose
            off.append(np.linalg.norm(pose.p - world.body_pos(0)[body]))
            turn.append(degrees(pose.q, world.body_quat(0)[body]))
    # Single precision: half a micron at the end of 24 joints.
    assert max(off) < 2e-6 and np.median(off) < 5e-7
    assert max(turn) < 1e-3


def test_free_boxes_come_to_rest_in_the_same_place(compose, start, twins, degrees):
    scene = compose(BOXES)
    mujoco_world, sapien_world = twins(scene, start(scene, at=FAR))
    for world in (mujoco_world, sapien_world):
        for _ in range(30):
            world.step(SUBSTEPS)
    for name in ("flat", "tall", "on_tall", "can", "dropped"):
        body = scene.body_id(name)
        places = [world.body_pos(0)[body] for world in (mujoco_world, sapien_world)]
        assert np.linalg.norm(places[0] - places[1]) < 5e-4, name
        turns = [world.body_quat(0)[body] for world in (mujoco_world, sapien_world)]
        assert degrees(*turns) < 0.1, name


def test_a_double_pendulum_swings_the_same_for_six_seconds(compose, start, twins):
    scene = compose(PENDULUM)
    qpos = scene.rest_qpos.copy()
    at = [scene.model.jnt_qposadr[scene.joint_ids[name]] for name in ("upper", "lower")]
    qpos[at] = 1.0, -0.6
    worlds = twins(scene, start(scene, qpos, at=FAR), longest_step=0.002)
    for world in worlds:
        for _ in range(300):
            world.step(10)
    ends = [world.joint_pos(0)[at] for world in worlds]
    np.testing.assert_allclose(*ends, atol=1e-3)
    assert abs(ends[0][0] - 1.0) > 0.1


def test_drawers_and_doors_coast_to_the_same_place(start, twins):
    scene = get_scene(resolve_house("generated/val/0"), get_robot("franka_droid"))
    model, parts = scene.model, list(scene.articulations.values())
    qvel = np.zeros(model.nv)
    for part in parts:
        qvel[model.jnt_dofadr[scene.joint_ids[part.name]]] = 1.2 if part.slides else 2.0
    worlds = twins(scene, start(scene, scene.rest_qpos.copy(), qvel, FAR))
    for _ in range(16):
        for world in worlds:
            world.step(SUBSTEPS)
        for part in parts:
            ends = [world.joint_pos(0)[part.qpos] for world in worlds]
            assert abs(ends[0] - ends[1]) < (1e-3 if part.slides else np.radians(0.1)), part.name
    assert {part.slides for part in parts} == {True, False}
    assert all(abs(worlds[0].joint_pos(0)[part.qpos]) > 0.1 for part in parts)


@pytest.mark.parametrize("robot", ["franka_droid", "franka_mobile", "rby1"])
def test_joints_follow_their_targets_alike(robot, compose, start, twins):
    scene = compose(robot=robot)
    worlds, bound = twins(scene, start(scene)), scene.robot
    rng = np.random.default_rng(0)
    groups = [name for name in bound.groups if "gripper" not in name]
    joints = np.concatenate([bound.groups[name].qpos for name in groups])
    control = np.concatenate([np.arange(99)[bound.groups[name].control] for name in groups])
    for number in range(40):
        step = np.zeros(len(bound.actuators))
        if number < 30:
            step[control] = rng.uniform(-0.03, 0.03, len(control))
        for world in worlds:
            ctrl = world.ctrl(0)
            wanted = ctrl[bound.actuators] + step
            ctrl[bound.actuators] = np.clip(wanted, bound.ctrl_low, bound.ctrl_high)
            world.step(SUBSTEPS)
        ends = [world.joint_pos(0)[joints] for world in worlds]
        np.testing.assert_allclose(*ends, atol=5e-3)


@pytest.mark.parametrize("robot", ["franka_droid", "rby1"])
def test_grippers_close_alike(robot, compose, start, twins):
    scene = compose(robot=robot)
    worlds, arm = twins(scene, start(scene)), scene.robot.arms[0]
    for world in worlds:
        world.ctrl(0)[arm.gripper_actuator] = arm.grip_command(0.6)
        for _ in range(20):
            world.step(SUBSTEPS)
    ends = [arm.closure(world.joint_pos(0)) for world in worlds]
    assert ends[0] == pytest.approx(ends[1], abs=0.01)
    assert ends[0] > 0.5


def test_depth_pictures_agree():
    import gymnasium as gym

    pictures = []
    episode = None
    for backend in ("mujoco", "maniskill"):
        env = gym.make(
            "molmospaces_gym/Pick-v1",
            backend=backend,
            scene="generated/val/0",
            obs_mode="rgbd",
            image_size=[64, 48],
        )
        env.reset(seed=0, options=None if episode is None else {"episode": episode})
        episode = env.unwrapped.episode
        for _ in range(10):
            observation, *_ = env.step(np.full(env.action_space.shape, 0.2, np.float32))
        pictures.append(observation)
        env.close()
    for camera in ("exo_camera_1", "wrist_camera"):
        first, second = (picture[f"{camera}_depth"] for picture in pictures)
        assert first.std() > 0.01
        assert np.median(np.abs(first - second)) < 5e-3
        colours = [picture[camera].astype(float) for picture in pictures]
        assert np.median(np.abs(colours[0] - colours[1])) < 2.0


def test_contacts_carry_the_same_weight(compose, start, twins):
    scene = compose(BOXES)
    worlds = twins(scene, start(scene, at=FAR))
    flat, table = scene.body_id("flat"), scene.body_id("table")
    for world in worlds:
        assert world.contact_geoms(0).shape[1] == 2
        world.step(1000)
        assert isinstance(world, MujocoWorld) or world.awake(0)[flat]
        contacts = world.resting_contacts(0)
        rows = (contacts.bodies == flat).any(axis=1)
        assert set(contacts.bodies[rows].ravel().tolist()) == {flat, table}
        signs = np.where(contacts.bodies[rows, 1] == flat, 1.0, -1.0)
        weight = (contacts.push[rows] * signs[:, None]).sum(axis=0)
        np.testing.assert_allclose(weight, [0.0, 0.0, 0.2 * 9.81], atol=0.05)
        np.testing.assert_allclose(contacts.normal[rows, 2] * signs, 1.0, atol=1e-3)
        assert np.abs(contacts.position[rows, 2] - 0.4).max() < 1e-3
