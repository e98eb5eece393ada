"""The world of Isaac Lab: several worlds, states, and what it refuses."""

import numpy as np
import pytest

pytest.importorskip("isaaclab", reason="needs the extra isaac: Python 3.12, make isaac")

import torch

from molmospaces_gym.backends.isaac_scene.engines import choose_engine
from molmospaces_gym.errors import InvalidConfig, MixedHouses, UnsupportedScene

FAR = (30.0, 0.0, 0.0)
TABLES = """
<body name="table" pos=".7 0 .2"><geom type="box" size=".4 .6 .2"/></body>
<body name="low" pos=".7 2 .1"><geom type="box" size=".4 .6 .1"/></body>
<body name="on_table" pos=".6 0 .45"><freejoint/>
  <geom type="box" size=".03 .04 .03" mass=".2"/></body>
<body name="on_low" pos=".6 2 .25"><freejoint/>
  <geom type="box" size=".02 .02 .02" mass=".1"/></body>
<body name="case" pos="2 0 .3"><geom type="box" size=".1 .1 .01"/>
  <body name="drawer"><joint name="drawer" type="slide" axis="1 0 0" range="0 .3" damping="2"
  frictionloss=".5"/><geom type="box" size=".1 .1 .02" pos="0 0 .04" mass="1"/></body></body>
"""


@pytest.mark.parametrize("physics", ["physx", pytest.param("newton", marks=pytest.mark.slow)])
def test_boxes_rest_on_the_tables_of_their_own_world(physics, compose, start, worlds):
    """Each of three worlds has its boxes elsewhere; all rest at the heights of their tables."""
    scene = compose(TABLES)
    world = worlds(physics, 3)
    for slot in range(3):
        qpos = start(scene).qpos
        for name in ("on_table", "on_low"):
            qpos[scene.free_joints[name][0]] += 0.1 * slot
        world.load(slot, scene)
        world.set_state(slot, start(scene, qpos, at=(-1.0 - slot, 0.0, 0.0)))
    for _ in range(12):
        world.step(33)
    for slot in range(3):
        for name, height in (("on_table", 0.43), ("on_low", 0.22)):
            x, _, z = world.body_pos(slot)[scene.body_id(name)]
            assert z == pytest.approx(height, abs=5e-4), (slot, name)
            assert x == pytest.approx(0.6 + 0.1 * slot, abs=1e-3), (slot, name)
        base = world.body_pos(slot)[scene.robot.root_id]
        assert base[0] == pytest.approx(-1.0 - slot)


@pytest.mark.parametrize("physics", ["mujoco", "physx"])
def test_a_state_restores_bit_for_bit(physics, compose, start, worlds):
    scene = compose(TABLES)
    world = worlds(physics)
    world.load(0, scene)
    world.set_state(0, start(scene, at=(-1.0, 0.0, 0.0)))
    world.ctrl(0)[scene.robot.actuators[0]] += 0.2
    for _ in range(3):
        world.step(33)
    saved = world.get_state(0)
    ends = []
    for turn in range(3):
        if turn:
            world.set_state(0, saved)
        for _ in range(5):
            world.step(33)
        ends.append((world.joint_pos(0).copy(), world.joint_vel(0).copy()))
    for end in ends[1:]:
        np.testing.assert_array_equal(end[0], ends[0][0])
        np.testing.assert_array_equal(end[1], ends[0][1])


def test_slots_that_do_not_step_stay_where_they_are(compose, start, worlds):
    scene = compose(TABLES)
    world = worlds("physx", 2)
    for slot in range(2):
        world.load(slot, scene)
        world.set_state(slot, start(scene, at=(-1.0, 0.0, 0.0)))
    before = world.joint_pos(1).copy()
    for _ in range(3):
        world.step(33, [0])
    np.testing.assert_array_equal(world.joint_pos(1), before)
    for _ in range(3):
        world.step(33, [1])
    np.testing.assert_allclose(world.joint_pos(1), world.joint_pos(0), atol=1e-4)
    assert not np.array_equal(world.joint_pos(1), before)


@pytest.mark.parametrize("physics", ["mujoco", "physx"])
def test_what_is_written_into_the_positions_is_simulated(physics, compose, start, worlds):
    """Also of a thing that has rested for seconds: what fell asleep would hang in the air."""
    scene = compose(TABLES)
    world = worlds(physics)
    world.load(0, scene)
    world.set_state(0, start(scene, at=(-1.0, 0.0, 0.0)))
    for _ in range(60):
        world.step(33)
    address = scene.free_joints["on_table"][0]
    world.joint_pos(0)[address + 2] = 1.0
    world.step(0)
    assert world.body_pos(0)[scene.body_id("on_table")][2] == pytest.approx(1.0)
    world.step(50)  # 0.1 s of free fall
    # In steps of 10 ms a fall is longer by half a step's gain in speed.
    late = 0.5 * 9.81 * 0.1 * 0.01 if physics == "physx" else 0.0
    fallen = 0.5 * 9.81 * 0.1**2 + late
    assert world.joint_pos(0)[address + 2] == pytest.approx(1.0 - fallen, abs=2e-3)


def test_contacts_carry_the_weight(compose, start, worlds):
    scene = compose(TABLES)
    for physics in ("mujoco", "physx"):
        world = worlds(physics)
        world.load(0, scene)
        world.set_state(0, start(scene, at=(-1.0, 0.0, 0.0)))
        for _ in range(15):
            world.step(33)
        body = scene.body_id("on_table")
        contacts = world.resting_contacts(0)
        mine = (contacts.bodies == body).any(axis=1)
        assert contacts.force[mine].sum() == pytest.approx(0.2 * 9.81, rel=0.05), physics
        touching = scene.model.geom_bodyid[world.contact_geoms(0)]
        assert (touching == body).any()


def test_physx_names_houses_that_cannot_step_together(compose, start, worlds):
    world = worlds("physx", 2)
    for slot, scene in enumerate((compose(TABLES), compose())):
        world.load(slot, scene)
        world.set_state(slot, start(scene, at=FAR))
    with pytest.raises(MixedHouses, match="physics='mujoco'"):
        world.step(1)
    world.step(1, [0])
    world.step(1, [1])


def test_mujoco_c_steps_different_houses_together(compose, start, worlds):
    world = worlds("mujoco", 2)
    scenes = compose(TABLES), compose()
    for slot, scene in enumerate(scenes):
        world.load(slot, scene)
        world.set_state(slot, start(scene, at=(-1.0, 0.0, 0.0)))
    for _ in range(10):
        world.step(33)
    assert world.body_pos(0)[scenes[0].body_id("on_table")][2] == pytest.approx(0.43, abs=5e-4)
    for slot, scene in enumerate(scenes):
        home = start(scene).qpos
        np.testing.assert_allclose(
            world.joint_pos(slot)[scene.robot.qpos], home[scene.robot.qpos], atol=1e-3
        )


def test_a_ball_joint_is_refused_by_name(compose, worlds):
    scene = compose(
        '<body name="lamp" pos="1 1 1"><joint name="swing" type="ball"/><geom size=".1"/></body>'
    )
    with pytest.raises(UnsupportedScene, match="swing"):
        worlds("mujoco").load(0, scene)


def test_what_physx_approximates_is_listed_and_odd_friction_is_a_warning(compose, worlds, caplog):
    scene = compose(
        '<body pos="1 0 .1"><freejoint/><geom name="ice" size=".1" friction=".2"/></body>'
        '<body pos="2 0 .1"><freejoint/>'
        '<geom name="glue" size=".1" friction="2" condim="6"/></body>'
    )
    world = worlds("physx")
    with caplog.at_level("WARNING"):
        world.load(0, scene)
    assert any("rolling friction" in line and "glue" in line for line in world.losses(0))
    assert "Isaac Lab (physx): approximated friction" in caplog.text and "ice" in caplog.text
    caplog.clear()
    with caplog.at_level("WARNING"):
        worlds("mujoco").load(0, scene)
    assert not caplog.text


def test_engines_are_chosen_by_the_number_of_worlds():
    if not torch.cuda.is_available():
        assert choose_engine("auto", 3).name == "physx"
        assert choose_engine("auto", 3, mixed=True).name == "mujoco"
    assert choose_engine("auto", 1).name in ("mujoco", "newton")
    assert choose_engine("newton", 1).is_batched
    assert not choose_engine("mujoco", 3).is_batched
    with pytest.raises(InvalidConfig, match="bullet"):
        choose_engine("bullet", 1)
