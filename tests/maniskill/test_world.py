"""The SAPIEN world: state, slots, wake-ups, contacts, what it refuses."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("sapien", reason="needs the extra maniskill")

from molmospaces_gym.backends.sapien_scene.world import ManiSkillWorld
from molmospaces_gym.errors import BackendUnavailable, NotReset, UnsupportedScene

SUBSTEPS = 33
TABLE_AND_BOX = """
<body name="table" pos="{x} 0 .2"><geom type="box" size=".3 .3 .2"/></body>
<body name="box" pos="{x} 0 {height}"><freejoint/>
  <geom name="box" type="box" size=".03 .03 .03" mass=".2"/></body>
<body name="ball" pos="{x} .15 {height}"><freejoint/><geom size=".03" mass=".2"/></body>
"""
FAR = (30.0, 0.0, 0.0)


def world_in(scene, state, slots=1):
    world = ManiSkillWorld(slots)
    for slot in range(slots):
        world.load(slot, scene)
        world.set_state(slot, state)
    return world


def test_things_rest_on_their_own_tables_in_every_world(compose, start):
    scenes = [compose(TABLE_AND_BOX.format(x=1 + 0.2 * n, height=0.6)) for n in range(4)]
    world = ManiSkillWorld(4)
    for slot, scene in enumerate(scenes):
        world.load(slot, scene)
        world.set_state(slot, start(scene, at=FAR))
    for _ in range(30):
        world.step(SUBSTEPS)
    for slot, scene in enumerate(scenes):
        at = world.body_pos(slot)[scene.body_id("box")]
        np.testing.assert_allclose(at, [1 + 0.2 * slot, 0.0, 0.43], atol=2e-3)
        assert world.body_pos(slot)[scene.body_id("ball")][2] == pytest.approx(0.43, abs=1e-3)
        pairs = world.contacts(slot).bodies.tolist()
        assert all(pair in ([1, 2], [2, 1], [1, 3], [3, 1]) for pair in pairs) and pairs
    world.close()


def test_worlds_of_one_scene_do_not_touch_one_another(compose, start):
    scene = compose(TABLE_AND_BOX.format(x=1, height=0.6))
    world = world_in(scene, start(scene, at=FAR), 3)
    alone = world_in(scene, start(scene, at=FAR))
    for _ in range(10):
        world.step(SUBSTEPS)
        alone.step(SUBSTEPS)
    for slot in range(3):
        np.testing.assert_array_equal(world.joint_pos(slot), alone.joint_pos(0))
    before = world.joint_pos(1).copy()
    world.step(SUBSTEPS, slots=[0])
    np.testing.assert_array_equal(world.joint_pos(1), before)


def test_what_rested_falls_when_its_support_is_moved_away(compose, start):
    scene = compose(
        '<body name="tray" pos="1 0 .4"><freejoint/><geom type="box" size=".2 .2 .02"/></body>'
        '<body name="box" pos="1 0 .451"><freejoint/><geom type="box" size=".03 .03 .03"/></body>'
        '<body name="stand" pos="1 0 .19"><geom type="box" size=".1 .1 .19"/></body>'
    )
    world = world_in(scene, start(scene, at=FAR))
    world.step(1500)
    box, tray = scene.body_id("box"), scene.free_joint("tray")[0]
    assert world.physics(0).asleep().any()
    height = world.body_pos(0)[box][2]
    world.joint_pos(0)[tray] = 2.5
    world.step(200)
    assert world.body_pos(0)[box][2] < height - 0.03


def test_a_state_restores_bit_for_bit_with_sleeping_bodies(compose, start):
    scene = compose(TABLE_AND_BOX.format(x=1, height=0.431))
    world = world_in(scene, start(scene, at=FAR))
    world.step(1500)
    asleep = world.physics(0).asleep()
    assert asleep.any()
    saved = world.get_state(0)
    np.testing.assert_array_equal(world.physics(0).asleep(), asleep)
    arm = scene.robot.actuators[:4]
    ends = []
    for _ in range(2):
        world.ctrl(0)[arm] += 0.1
        world.step(200)
        ends.append(world.joint_pos(0).copy())
        np.testing.assert_array_equal(world.contact_geoms(0), world.contacts(0).geoms)
        world.set_state(0, saved)
        np.testing.assert_array_equal(world.joint_pos(0), saved.qpos)
    np.testing.assert_array_equal(*ends)


def test_free_bodies_keep_mujocos_velocities(compose, start, twins):
    scene = compose(
        '<body name="rod" pos="2 0 2" euler="20 30 40"><freejoint/>'
        '<geom type="capsule" size=".02 .1" pos=".05 .02 .1" mass=".3"/></body>'
    )
    qvel = np.zeros(scene.model.nv)
    dof = scene.free_joint("rod")[1]
    qvel[dof : dof + 6] = 0.3, -0.2, 1.0, 1.0, 2.0, -1.5
    state = start(scene, qvel=qvel, at=FAR)
    mujoco_world, world = twins(scene, state, longest_step=0.002)
    np.testing.assert_array_equal(world.joint_vel(0), qvel)
    for each in (mujoco_world, world):
        each.step(100)
    found, wanted = (each.joint_vel(0)[dof : dof + 6] for each in (world, mujoco_world))
    np.testing.assert_allclose(found, wanted, atol=0.02)
    address = scene.free_joint("rod")[0]
    places = [each.joint_pos(0)[address : address + 7] for each in (mujoco_world, world)]
    np.testing.assert_allclose(*places, atol=2e-3)


def test_no_substeps_only_take_over_written_joints(compose, start):
    scene = compose(TABLE_AND_BOX.format(x=1, height=0.6), robot="rby1")
    world, base = world_in(scene, start(scene)), scene.robot.base

    def move(slot):
        world.joint_pos(slot)[base.qpos] = [-1.0, 0.5, 0.2]

    world.step(0, before=move)
    np.testing.assert_allclose(world.body_pos(0)[scene.robot.root_id], [-1.0, 0.5, 0.0])
    assert world.body_pos(0)[scene.body_id("box")][2] == 0.6
    world.ctrl(0)[scene.robot.actuators[base.control]] = [-1.0, 0.5, 0.2]
    world.step(SUBSTEPS)
    np.testing.assert_allclose(world.joint_pos(0)[base.qpos], [-1.0, 0.5, 0.2], atol=5e-3)
    assert world.body_pos(0)[scene.body_id("box")][2] < 0.6


def test_a_diverged_slot_stands_still_until_its_next_state(compose, start):
    scene = compose(TABLE_AND_BOX.format(x=1, height=0.6))
    qvel = np.zeros(scene.model.nv)
    qvel[scene.free_joint("box")[1]] = 1e13
    world = world_in(scene, start(scene, qvel=qvel))
    world.step(SUBSTEPS)
    assert world.diverged(0)
    state = start(scene, at=FAR)
    world.set_state(0, state)
    assert not world.diverged(0)
    fresh = world_in(scene, state)
    for each in (world, fresh):
        each.step(300)
    np.testing.assert_array_equal(world.joint_pos(0), fresh.joint_pos(0))


def test_collision_masks_and_excluded_pairs_are_mujocos(compose, start):
    bodies = TABLE_AND_BOX.format(x=1, height=0.45).replace(
        'mass=".2"/></body>\n<body name="ball"',
        'mass=".2" contype="2" conaffinity="4"/></body>\n<body name="ball"',
    )
    excluded = '<contact><exclude body1="table" body2="ball"/></contact>'
    scene = compose(bodies, excluded)
    world = world_in(scene, start(scene, at=FAR))
    world.step(300)
    for name in ("box", "ball"):
        assert world.body_pos(0)[scene.body_id(name)][2] < 0.3, name


def test_it_is_a_maniskill_scene_too(compose, start):
    pytest.importorskip("mani_skill")
    scene = compose(TABLE_AND_BOX.format(x=1, height=0.431))
    world = world_in(scene, start(scene, at=FAR))
    world.step(300)
    found = world.scene(0)
    assert {"box", "ball"} <= set(found.actors)
    height = found.actors["box"].pose.p[0, 2].item()
    assert height == pytest.approx(world.body_pos(0)[scene.body_id("box")][2], abs=1e-6)
    (robot,) = found.articulations.values()
    qpos = robot.get_qpos()[0].numpy()
    assert sorted(qpos.tolist()) == pytest.approx(
        sorted(world.joint_pos(0)[scene.model.jnt_qposadr[2:]].tolist()), abs=1e-6
    )


BODY = '<body name="b" pos="1 0 1">{}<geom size=".1"/></body>'


@pytest.mark.parametrize(
    ("bodies", "rest", "reason"),
    [
        (BODY.format('<joint name="knob" type="ball"/>'), "", "knob"),
        (
            BODY.format("<freejoint/>"),
            '<equality><weld name="glue" body1="b"/></equality>',
            "glue",
        ),
        (
            BODY.format('<joint name="j"/>'),
            '<actuator><motor name="push" joint="j"/></actuator>',
            "push",
        ),
        (
            BODY.format('<joint name="j"/><joint name="k" axis="1 0 0"/>'),
            '<equality><joint joint1="j" joint2="k" polycoef="0 1 2 0 0" name="cam"/></equality>',
            "cam",
        ),
        (BODY.format("<freejoint/>").replace("<body", '<body gravcomp=".5"'), "", "share"),
    ],
)
def test_what_cannot_be_represented_is_refused_by_name(compose, bodies, rest, reason):
    with pytest.raises(UnsupportedScene, match=reason):
        ManiSkillWorld().load(0, compose(bodies, rest))


def test_what_is_approximated_is_listed(compose, start, caplog):
    plain = world_in(scene := compose(), start(scene))
    assert any("dry friction of 7 driven joints" in line for line in plain.losses(0))
    assert not caplog.records
    sticky = BODY.format("<freejoint/>").replace(
        '<geom size=".1"/>', '<geom name="glue" size=".1" friction="2 .1 .1" condim="6"/>'
    )
    world = ManiSkillWorld()
    world.load(0, compose(sticky))
    assert any("rolling" in line and "glue" in line for line in world.losses(0))
    assert "glue" in caplog.text and "friction between" in caplog.text


def test_misuse_is_named(compose, start):
    with pytest.raises(NotReset, match="slot 0"):
        ManiSkillWorld().joint_pos(0)
    with pytest.raises(BackendUnavailable, match="cuda"):
        ManiSkillWorld(4, device="cuda")
    scene = compose()
    world = world_in(scene, start(scene))
    state = world.get_state(0)
    world.set_state(0, replace(state, snapshot=None))
    world.close()
    world.close()


def test_pairs_slide_as_in_mujoco():
    """PhysX takes the mean of two frictions: with the house's it must give MuJoCo's."""
    from molmospaces_gym.robots import get_robot
    from molmospaces_gym.scenes.compose import get_scene
    from molmospaces_gym.scenes.resolve import resolve_house

    scene = get_scene(resolve_house("generated/val/0"), get_robot("franka_droid"))
    world = ManiSkillWorld()
    world.load(0, scene)
    model, shapes = scene.model, world.physics(0).shapes.shapes
    assert set(shapes) == set(np.flatnonzero(scene.solid).tolist())
    house = 0.9
    for geom, shape in shapes.items():
        material = shape.physical_material
        assert material.static_friction == material.dynamic_friction
        own = float(model.geom_friction[geom, 0])
        wanted = own if model.geom_priority[geom] else max(own, house)
        assert (material.static_friction + house) / 2 == pytest.approx(wanted, abs=1e-6)
    pads = [geom for geom in shapes if model.geom_priority[geom]]
    assert sorted({round(float(model.geom_friction[g, 0]), 3) for g in pads}) == [0.6, 0.7]


@pytest.mark.parametrize(("slope", "slides"), [(0.85, False), (0.95, True)])
def test_a_box_slides_where_the_slope_exceeds_the_friction(compose, start, twins, slope, slides):
    angle = np.degrees(np.arctan(slope))
    scene = compose(
        f'<body name="ramp" pos="2 0 1" euler="0 {angle} 0">'
        '<geom type="box" size="1 .5 .05"/></body>'
        f'<body name="box" pos="2 0 1" euler="0 {angle} 0"><freejoint/>'
        '<geom type="box" pos="0 0 .0701" size=".1 .1 .02" mass=".2"/></body>'
    )
    body, ends = scene.body_id("box"), []
    for world in twins(scene, start(scene, at=FAR)):
        begin = world.body_pos(0)[body].copy()
        world.step(500)
        ends.append(float(np.linalg.norm(world.body_pos(0)[body] - begin)))
    if slides:
        assert ends[1] == pytest.approx(ends[0], rel=0.05) and ends[0] > 0.05
    else:
        assert max(ends) < 5e-3
