"""The MuJoCo world: slots, threads, state, contacts, divergence; and scene composition."""

import shutil
from dataclasses import replace

import mujoco
import numpy as np
import pytest

from molmospaces_gym.backends.base import State, make_world
from molmospaces_gym.backends.mjc import MujocoWorld
from molmospaces_gym.errors import (
    InvalidConfig,
    InvalidScene,
    NotReset,
    SceneNotFound,
    UnknownBody,
    UnknownName,
)
from molmospaces_gym.robots import get_robot
from molmospaces_gym.scenes.added import AddedObject, resolve_added
from molmospaces_gym.scenes.compose import get_scene
from molmospaces_gym.scenes.house import House
from molmospaces_gym.scenes.placement import placements
from molmospaces_gym.scenes.resolve import resolve_house

MJCF = """
<mujoco>
  <option timestep="0.002" integrator="implicitfast" cone="elliptic" impratio="10"/>
  <worldbody>
    <geom name="floor" type="plane" size="3 3 .1"/>
    <body name="cube" pos="1 0 {height}">
      <freejoint/><geom type="box" size=".03 .03 .03" mass="0.2"/>
    </body>
  </worldbody>
</mujoco>
"""


def house(height=0.03):
    return House(f"cube-{height}", mjcf=MJCF.format(height=height))


@pytest.fixture(scope="module")
def robot():
    return get_robot("franka_droid")


def start(scene, push=0.0):
    model = scene.model
    qpos, qvel, ctrl = scene.rest_qpos.copy(), np.zeros(model.nv), np.zeros(model.nu)
    ctrl[:7] = qpos[scene.robot.qpos]
    qvel[scene.free_joint("cube")[1]] = push
    mocap = np.zeros((1, 3)), np.array([[1.0, 0, 0, 0]])
    return State(qpos, qvel, ctrl, *mocap)


def test_slots_are_independent_and_threads_change_nothing(robot):
    scenes = [get_scene(house(), robot), get_scene(house(0.2), robot)]
    results = []
    for threads in (1, 3):
        world = MujocoWorld(4, threads=threads)
        seen = []
        for slot in range(4):
            world.load(slot, scenes[slot % 2])
            world.set_state(slot, start(scenes[slot % 2], push=0.3 * slot))
        for _ in range(5):
            world.step(20, after=seen.append)
        assert sorted(seen) == sorted(list(range(4)) * 5)
        results.append([world.joint_pos(slot).copy() for slot in range(4)])
        world.close()
    for first, second in zip(*results, strict=True):
        np.testing.assert_array_equal(first, second)
    assert not np.array_equal(results[0][0], results[0][2])


def test_only_the_chosen_slots_move(robot):
    world = MujocoWorld(2)
    scene = get_scene(house(), robot)
    for slot in range(2):
        world.load(slot, scene)
        world.set_state(slot, start(scene, push=1.0))
    before = world.joint_pos(0).copy()
    world.step(10, slots=[1])
    np.testing.assert_array_equal(world.joint_pos(0), before)
    assert not np.array_equal(world.joint_pos(1), before)


def test_an_error_in_one_slot_is_raised_after_all_have_stopped(robot):
    world = MujocoWorld(4, threads=2)
    scene = get_scene(house(), robot)
    for slot in range(4):
        world.load(slot, scene)
        world.set_state(slot, start(scene))

    def fail(slot):
        if slot == 1:
            raise ValueError("slot 1")

    with pytest.raises(ValueError, match="slot 1"):
        world.step(5, after=fail)
    world.step(5)
    world.close()


def test_state_restores_bit_for_bit_with_sleeping_bodies(robot):
    world = make_world("mujoco")
    scene = get_scene(house(), robot)
    world.load(0, scene)
    world.set_state(0, start(scene))
    world.step(300)
    assert world.data(0).ntree_awake == 1, "the cube should be asleep by now"
    saved = world.get_state(0)
    world.step(50)
    expected = world.joint_pos(0).copy()
    world.set_state(0, saved)
    world.step(50)
    np.testing.assert_array_equal(world.joint_pos(0), expected)


def test_set_state_does_not_depend_on_the_past(robot):
    scene = get_scene(house(0.2), robot)
    ends = []
    for history in (0, 77):
        world = make_world("mujoco")
        world.load(0, scene)
        world.set_state(0, start(scene, push=2.0))
        world.step(history) if history else None
        world.set_state(0, start(scene))
        world.step(40)
        ends.append(world.joint_pos(0).copy())
    np.testing.assert_array_equal(*ends)


def test_poses_belong_to_the_positions(robot):
    world = make_world("mujoco")
    scene = get_scene(house(0.3), robot)
    world.load(0, scene)
    world.set_state(0, start(scene))
    world.step(20)
    address, _ = scene.free_joint("cube")
    np.testing.assert_array_equal(
        world.body_pos(0)[scene.body_id("cube")], world.joint_pos(0)[address : address + 3]
    )


def test_contacts_carry_the_weight(robot):
    world = make_world("mujoco")
    scene = get_scene(house(), robot)
    world.load(0, scene)
    world.set_state(0, start(scene))
    world.step(5)
    contacts = world.contacts(0)
    cube = scene.body_id("cube")
    rows = (contacts.bodies == cube).any(axis=1)
    assert rows.sum() == 4
    np.testing.assert_allclose(contacts.force[rows].sum(), 0.2 * 9.81, rtol=0.02)
    np.testing.assert_allclose(np.abs(contacts.normal[rows, 2]), 1, atol=1e-6)
    np.testing.assert_array_equal(world.contact_geoms(0), contacts.geoms)


def test_divergence_is_reported_and_cleared_and_writes_no_log(robot, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    world = make_world("mujoco")
    scene = get_scene(house(), robot)
    world.load(0, scene)
    world.set_state(0, start(scene, push=1e13))
    world.step(2)
    assert world.diverged(0)
    world.set_state(0, start(scene))
    assert not world.diverged(0)
    assert not list(tmp_path.iterdir())


def test_an_unused_slot_is_named():
    with pytest.raises(NotReset, match="slot 0"):
        make_world("mujoco").joint_pos(0)
    with pytest.raises(UnknownName, match="mujoco"):
        make_world("no-such-simulator")
    with pytest.raises(InvalidConfig, match="leave out physics"):
        make_world("mujoco", physics="physx")


def test_equal_houses_share_one_model_and_keep_it_unchanged(robot):
    first, second = get_scene(house(), robot), get_scene(house(), robot)
    assert first is second
    assert get_scene(house(0.031), robot) is not first
    assert first.model.opt.enableflags & int(mujoco.mjtEnableBit.mjENBL_SLEEP)


def test_objects_are_added_and_removed(robot, tmp_path):
    mug = tmp_path / "mug.xml"
    mug.write_text(
        '<mujoco><worldbody><body name="m"><geom size=".04"/></body></worldbody></mujoco>'
    )
    scene = get_scene(
        house(), robot, added={"pickup/0_1/mug": AddedObject(path=mug)}, removed=("cube",)
    )
    assert set(scene.free_joints) == {"pickup/0_1/mug"}
    with pytest.raises(UnknownBody, match="pickup/0_1/mug"):
        scene.free_joint("pickup/0_1/mag")
    with pytest.raises(InvalidScene, match="exactly one"):
        AddedObject()
    with pytest.raises(InvalidScene, match="sofa"):
        get_scene(house(), robot, removed=("sofa",))
    with pytest.raises(SceneNotFound, match="cup.xml"):
        get_scene(house(), robot, added={"cup": AddedObject(path=tmp_path / "cup.xml")})


def test_two_copies_of_a_generated_object_get_along(robot):
    plate = resolve_added("generated/objects/plate_red_07")
    scene = get_scene(house(), robot, added={"plate_a_1": plate, "plate_a_2": plate})
    assert {"plate_a_1", "plate_a_2"} < set(scene.free_joints)
    assert scene.objects["plate_a_2"]["category"] == "Plate"
    halves = [scene.body_half_size(name) for name in ("plate_a_1", "plate_a_2")]
    np.testing.assert_allclose(halves[0], halves[1])
    mass = scene.model.body_mass[scene.body_id("plate_a_1")]
    assert mass == pytest.approx(plate.metadata["mass"], abs=1e-5)
    assert get_scene(house(), robot, added={"plate_a_1": plate}) is not scene
    with pytest.raises(UnknownName, match="plate_red"):
        resolve_added("generated/objects/plate_red")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<mujoco><worldbody>", "readable"),
        ("<mujoco><worldbody><geom/></worldbody></mujoco>", "broken"),
    ],
)
def test_a_broken_scene_is_named(robot, text, reason):
    with pytest.raises(InvalidScene, match=reason):
        get_scene(House("broken", mjcf=text), robot)


def test_compiled_scenes_are_kept_on_disk(robot, tmp_path, monkeypatch):
    from molmospaces_gym.scenes import compose

    monkeypatch.setenv("MOLMOSPACES_GYM_CACHE", str(tmp_path))
    built = compose.build_scene("a-key", house(), robot, {}, (), True)
    assert {path.suffix for path in (tmp_path / "scenes").iterdir()} == {".mjb", ".rest"}
    stored = compose.build_scene("a-key", house(), robot, {}, (), True)
    np.testing.assert_array_equal(stored.rest_qpos, built.rest_qpos)
    assert stored.model.nbody == built.model.nbody
    (tmp_path / "scenes" / "a-key.rest").write_bytes(b"damaged")
    rebuilt = compose.build_scene("a-key", house(), robot, {}, (), True)
    np.testing.assert_array_equal(rebuilt.rest_qpos, built.rest_qpos)


@pytest.mark.parametrize("cone", ["elliptic", "pyramidal"])
def test_pushes_are_those_of_mujoco_and_carry_the_weight(robot, cone):
    text = MJCF.format(height=0.03).replace('cone="elliptic"', f'cone="{cone}"')
    scene = get_scene(House(f"cube-{cone}", mjcf=text), robot)
    world = MujocoWorld(1)
    world.load(0, scene)
    world.set_state(0, start(scene))
    world.step(10)
    contacts, data, cube = world.contacts(0), world.data(0), scene.body_id("cube")
    force, total = np.zeros(6), np.zeros(3)
    for i, pair in enumerate(contacts.bodies):
        mujoco.mj_contactForce(scene.model, data, i, force)
        world_force = data.contact[i].frame.reshape(3, 3).T @ force[:3]
        np.testing.assert_allclose(contacts.push[i], world_force, atol=1e-9)
        np.testing.assert_allclose(contacts.force[i], force[0], atol=1e-9)
        total += contacts.push[i] * (1.0 if pair[1] == cube else -1.0)
    assert total[2] == pytest.approx(0.2 * 9.81, rel=0.1)
    world.close()


def test_sleeping_bodies_have_resting_contacts(robot):
    world, scene = MujocoWorld(1), get_scene(house(), robot)
    world.load(0, scene)
    world.set_state(0, start(scene))
    cube = scene.body_id("cube")
    assert world.awake(0)[cube]
    before = world.awake(0)
    world.step(400)
    assert not before[cube], "the view is live"
    assert not (world.contacts(0).bodies == cube).any()
    snapshot = world.joint_pos(0).copy()
    resting = world.resting_contacts(0)
    on_cube = (resting.bodies == cube).any(axis=1)
    assert abs(resting.push[on_cube, 2].sum()) == pytest.approx(0.2 * 9.81, rel=0.02)
    np.testing.assert_array_equal(world.joint_pos(0), snapshot)
    assert not before[cube], "the simulation was left alone"
    world.close()


def test_no_substeps_only_take_over_written_joints():
    world, scene = MujocoWorld(1), get_scene(house(), get_robot("rby1"))
    world.load(0, scene)
    base = scene.robot.base
    qpos, ctrl = scene.rest_qpos.copy(), np.zeros(scene.model.nu)
    qpos[scene.free_joint("cube")[0] + 2] = 0.5
    none = np.zeros((0, 3)), np.zeros((0, 4))
    world.set_state(0, State(qpos, np.zeros(scene.model.nv), ctrl, *none))

    def move(slot):
        world.joint_pos(slot)[base.qpos] = [-1.0, 0.5, 0.2]

    world.step(0, before=move)
    np.testing.assert_allclose(world.body_pos(0)[scene.robot.root_id], [-1.0, 0.5, 0.0])
    tool = world.site_pos(0)[scene.robot.tcp_site]
    assert np.hypot(*(tool[:2] - [-1.0, 0.5])) < 0.6
    # The cube hangs in the air: had time passed, it would have fallen.
    assert world.body_pos(0)[scene.body_id("cube")][2] == 0.5
    assert world.data(0).time == 0
    world.close()


def test_searches_in_a_scene_do_not_depend_on_where_files_lie(tmp_path):
    """Where robots can stand was once drawn with a hash of the path of the robot's file."""
    robot = get_robot("franka_droid")
    copy = tmp_path / "model.xml"
    shutil.copy(robot.mjcf, copy)
    moved = replace(robot, mjcf=copy)
    house = resolve_house("generated/train/0")
    scenes = [get_scene(house, each) for each in (robot, moved)]
    assert scenes[0].key != scenes[1].key
    assert placements(scenes[0]) == placements(scenes[1])
