"""PickAndPlace and its kin: success on both sides of every threshold, rewards, sampling."""

import json
import math
from types import SimpleNamespace

import gymnasium as gym
import mujoco
import numpy as np
import pytest

import molmospaces_gym  # noqa: F401
from molmospaces_gym.backends.mjc import MujocoWorld
from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.errors import InvalidEpisode, UnknownBody
from molmospaces_gym.registration import env_id
from molmospaces_gym.robots import get_robot
from molmospaces_gym.scenes.compose import get_scene
from molmospaces_gym.scenes.house import House
from molmospaces_gym.tasks import get_task
from molmospaces_gym.tasks.next_to import NextToEpisode
from molmospaces_gym.tasks.pick_and_place import PickAndPlaceEpisode
from molmospaces_gym.tasks.support import judge_force

TASKS = ("PickAndPlace", "PickAndPlaceNextTo", "PickAndPlaceColor")
CUBE, PLATE = 0.03, (0.1, 0.1, 0.02)
"""Half sizes, m."""
ROOM = """
<mujoco model="room">
  <option timestep="0.002" integrator="implicitfast" cone="elliptic" impratio="10"
    gravity="0 0 -9.8"/>
  <worldbody>
    <geom name="floor" type="plane" size="5 5 0.1"/>
    <body name="table" pos="1.2 0 0.35"><geom type="box" size="0.6 0.8 0.35"/></body>
    <body name="shelf" pos="1.2 2 0.2"><geom type="box" size="0.4 0.4 0.2"/></body>
    <body name="cube" pos="1 0 0.73"><freejoint/>
      <geom type="box" size="0.03 0.03 0.03" mass="0.2" condim="4"/></body>
    <body name="plate" pos="1.3 0 0.72"><freejoint/>
      <geom type="box" size="0.1 0.1 0.02" mass="0.5" condim="4"/></body>
    <body name="twin" pos="1.3 0.5 0.72"><freejoint/>
      <geom type="box" size="0.1 0.1 0.02" mass="0.5" condim="4"/></body>
  </worldbody>
</mujoco>
"""
TABLE = 0.7
BASE = [0.0, 0.0, 0.1, 1.0, 0.0, 0.0, 0.0]
START = {"cube": [1.0, 0.0, TABLE + CUBE], "plate": [1.3, 0.0, TABLE + PLATE[2]]}
ON_PLATE = [1.3, 0.0, TABLE + 2 * PLATE[2] + CUBE]


def turned(axis: str, degrees: float) -> list[float]:
    half = math.radians(degrees) / 2
    return [math.cos(half), *(math.sin(half) * (axis == a) for a in "xyz")]


@pytest.fixture(scope="module")
def scene():
    house = House("room", mjcf=ROOM, metadata={"settled": True})
    return get_scene(house, get_robot("franka_droid"))


class Bench:
    """One slot in which bodies are put by hand."""

    def __init__(self, scene, task="PickAndPlace", rule="official", **fields):
        self.scene, self.world = scene, MujocoWorld(1)
        self.world.load(0, scene)
        self.task = get_task(task)
        given = {
            "pickup_obj_name": "cube",
            "place_receptacle_name": "plate",
            "robot_base_pose": BASE,
            "pickup_obj_start_pose": [*START["cube"], 1, 0, 0, 0],
            "place_receptacle_start_pose": [*START["plate"], 1, 0, 0, 0],
            **fields,
        }
        self.fields = self.task.defaults(given, scene)
        self.episode = self.task.bind(self.world, 0, scene, SimpleNamespace(task=self.fields), rule)
        self.put()

    def put(self, arm=None, **poses):
        """Put bodies (m, wxyz; missing quaternions are upright) and compute the contacts."""
        data = self.world.data(0)
        mujoco.mj_resetData(self.scene.model, data)
        data.qpos[:] = self.scene.rest_qpos
        if arm is not None:
            data.qpos[self.scene.robot.qpos] = arm
        data.mocap_pos[0], data.mocap_quat[0] = BASE[:3], BASE[3:]
        for name, pose in {**START, **poses}.items():
            address = self.scene.free_joint(name)[0]
            full = [*pose] if len(pose) == 7 else [*pose, 1, 0, 0, 0]
            data.qpos[address : address + 7] = full
        mujoco.mj_forward(self.scene.model, data)
        return self

    def settle(self, steps=200):
        self.world.step(steps)
        return self

    def state(self):
        return self.episode.evaluate()

    def success(self, **poses):
        self.put(**poses)
        return self.settle().state().success


@pytest.fixture
def bench(scene):
    return Bench(scene)


def test_put_on_the_plate_and_left_alone(bench):
    assert not bench.success()
    assert bench.success(cube=[*ON_PLATE[:2], ON_PLATE[2] + 0.002])
    state = bench.state()
    assert state.quantities["weight_share"] == pytest.approx(1.0, abs=0.05)
    assert state.potentials["place"] == state.potentials["release"] == 1.0
    assert set(state.potentials) == set(bench.task.reward_scales)


@pytest.mark.parametrize("sleeping", [True, False])
def test_sleep_changes_nothing(scene, sleeping):
    bench = Bench(scene)
    bench.put(cube=ON_PLATE).settle(600)
    assert not bench.world.awake(0)[scene.body_id("cube")]
    if not sleeping:
        bench.put(cube=ON_PLATE).settle(3)
        assert bench.world.awake(0)[scene.body_id("cube")]
    fresh = PickAndPlaceEpisode(
        bench.world, 0, scene, SimpleNamespace(task=bench.fields), "official"
    )
    state = fresh.evaluate()
    assert state.success and state.quantities["supported_by_receptacle"] == 1.0
    assert state.quantities["weight_share"] == pytest.approx(1.0, abs=0.1 if sleeping else 0.5)


def test_a_second_sleep_is_judged_anew(bench):
    assert bench.success(cube=ON_PLATE)
    bench.settle(600)
    assert bench.state().success
    beside = [1.3, 0.3, TABLE + CUBE]
    bench.put(cube=beside).settle(600)
    assert not bench.state().success
    bench.put(cube=ON_PLATE).settle(600)
    assert bench.state().success


def test_asleep_beside_the_plate_is_no_success(bench):
    bench.put(cube=[1.3 - 0.13, 0.0, TABLE + CUBE]).settle(600)
    assert not bench.world.awake(0)[bench.scene.body_id("cube")]
    assert not bench.state().success


@pytest.mark.parametrize(
    ("angle", "share", "carried"),
    [
        (0.0, 1.0, True),
        (29.9, 1.0, True),
        (30.1, 1.0, False),
        (0.0, 0.51, True),
        (0.0, 0.49, False),
        (180.0, 1.0, False),
        (25.0, 0.51 / math.cos(math.radians(25)), True),
        (25.0, 0.51, False),
    ],
)
def test_force_angle_and_weight(angle, share, carried):
    weight, rad = 1.96, math.radians(angle)
    force = weight * share * np.array([math.sin(rad), 0.0, math.cos(rad)])
    assert judge_force(force, weight, 0.5).by_force == carried


@pytest.mark.parametrize(("share", "success"), [(0.5, True), (0.95, True), (1.2, False)])
def test_weight_share_of_the_episode_counts_in_the_paper(scene, share, success):
    bench = Bench(scene, rule="paper", receptacle_supported_weight_frac=share)
    assert bench.success(cube=ON_PLATE) == success


def test_half_on_the_plate_and_half_on_something_else(scene):
    """The official contact test lets any contact count; the force must be half the weight."""
    mjcf = ROOM.replace(
        '<body name="twin"',
        '<body name="block" pos="1.18 0 0.72"><geom type="box"'
        ' size="0.018 0.1 0.02"/></body><body name="twin"',
    )
    split = get_scene(House("split", mjcf=mjcf, metadata={"settled": True}), scene.robot.config)
    mostly_block = [1.1985, 0.0, ON_PLATE[2]]
    official, paper = Bench(split), Bench(split, rule="paper")
    assert official.success(cube=mostly_block)
    share = official.state().quantities["weight_share"]
    assert 0.02 < share < 0.48
    assert not paper.success(cube=mostly_block)
    assert paper.success(cube=[1.235, 0.0, ON_PLATE[2]])


@pytest.mark.parametrize(
    ("shift", "angle", "success"),
    [
        (0.0049, 0.0, True),
        (0.0051, 0.0, False),
        (0.0, 9.9, True),
        (0.0, 10.1, False),
        (0.0049, 9.9, True),
    ],
)
def test_carry_forward(bench, shift, angle, success):
    """Out of contact, but where it was supported before, in the receptacle's frame."""
    bench.put(cube=ON_PLATE)
    assert bench.settle(5).state().success
    world, bodies = bench.world, (bench.scene.body_id("cube"), bench.scene.body_id("plate"))
    cube, plate = (world.body_pos(0)[body].copy() for body in bodies)
    quat = world.body_quat(0)[bodies[1]].copy()
    bench.put(plate=[*plate, *quat], cube=[*cube[:2], cube[2] + shift, *turned("z", angle)])
    state = bench.state()
    assert state.quantities["carry_forward_pos_diff"] == pytest.approx(shift, abs=2e-4)
    assert bool(state.quantities["supported_by_carry_forward"]) == success
    if shift > 0.002:
        assert state.success == success, "nothing else supports it"


def test_carry_forward_follows_the_receptacle_and_needs_an_earlier_support(scene):
    bench = Bench(scene)
    above = [1.3, 0.0, ON_PLATE[2] + 0.004]
    assert not bench.put(cube=above).state().success, "never supported there"
    assert bench.put(cube=ON_PLATE).settle(5).state().success
    moved = bench.put(plate=[1.38, 0.0, START["plate"][2]], cube=[1.38, 0.0, above[2]])
    state = moved.state()
    assert state.quantities["supported_by_receptacle"] == 0.0
    assert state.success, "4 mm over where it was, on a plate that has moved 8 cm"


@pytest.mark.parametrize(
    ("rule", "shift", "success"),
    [("official", 0.149, True), ("official", 0.151, False), ("paper", 0.099, True)]
    + [("paper", 0.101, False)],
)
def test_displacement(scene, rule, shift, success):
    bench, x = Bench(scene, rule=rule), 1.3 + shift
    bench.put(plate=[x, 0.0, START["plate"][2]], cube=[x, 0.0, ON_PLATE[2]])
    state = bench.settle(5).state()
    assert state.quantities["receptacle_pos_displacement"] == pytest.approx(shift, abs=5e-4)
    assert state.success == success
    assert (state.potentials["intact"] > 0) == success


@pytest.mark.parametrize(
    ("axis", "angle", "success"),
    [("y", 59.5, True), ("y", 60.5, False), ("x", 60.5, False), ("z", 170.0, True)],
)
def test_tilt_counts_and_turning_about_the_vertical_does_not(scene, axis, angle, success):
    """Carried forward with the plate, so that only its tilt decides."""
    bench = Bench(scene)
    assert bench.put(cube=ON_PLATE).settle(5).state().success
    up = 0.06
    mat = np.empty(9)
    quat = np.array(turned(axis, angle))
    mujoco.mju_quat2Mat(mat, quat)
    offset = mat.reshape(3, 3) @ [0.0, 0.0, PLATE[2] + CUBE]
    center = np.array([1.3, 0.0, START["plate"][2] + up])
    bench.put(plate=[*center, *quat], cube=[*(center + offset), *quat])
    state = bench.state()
    assert state.success == success
    tilt = 0.0 if axis == "z" else angle
    measured = math.degrees(state.quantities["receptacle_tilt_displacement"])
    assert measured == pytest.approx(tilt, abs=0.2)


def test_the_robot_must_have_let_go(scene):
    """The tool is closed on the object from above while it stands on the plate."""
    for rule, success in (("official", False), ("paper", True)):
        bench = Bench(scene, rule=rule)
        bench.put(cube=ON_PLATE).settle(5)
        placing = bench.episode.placing
        assert bench.state().success
        pad = np.flatnonzero(bench.scene.geom_owner & 4)[0]
        cube = bench.scene.subtree_geoms(placing.body)[0]
        real = bench.world.contact_geoms
        bench.world.contact_geoms = lambda slot, real=real, pair=(pad, cube): np.vstack(
            [real(slot), np.array([pair], dtype=np.int32)]
        )
        state = bench.state()
        assert state.quantities["robot_contact"] == 1.0
        assert state.potentials["release"] == 0.0 and state.potentials["place"] == 1.0
        assert state.success == success


def test_boxes_count_for_objects_with_metadata_only(scene):
    """Base between half the receptacle's height and 1 cm over its top, middle over it."""
    known = House(
        "known", mjcf=ROOM + "<!-- known -->", metadata={"settled": True, "objects": {"cube": {}}}
    )
    with_entry = get_scene(known, scene.robot.config)
    cases = {0.009: True, 0.011: False}
    for height, success in cases.items():
        pose = [1.3, 0.0, ON_PLATE[2] + height]
        assert Bench(with_entry).put(cube=pose).state().success == success
        assert not Bench(scene).put(cube=pose).state().success
    beside = [1.3 + PLATE[0] + 0.001, 0.0, ON_PLATE[2] + 0.009]
    assert not Bench(with_entry).put(cube=beside).state().success
    just = [1.3 + PLATE[0] - 0.001, 0.0, ON_PLATE[2] + 0.009]
    assert Bench(with_entry).put(cube=just).state().success


def test_furniture_can_be_the_receptacle(scene):
    bench = Bench(
        scene, place_receptacle_name="shelf", place_receptacle_start_pose=[1.2, 2, 0.2, 1, 0, 0, 0]
    )
    assert not bench.success()
    assert bench.success(cube=[1.2, 2.0, 0.4 + CUBE])
    assert bench.state().quantities["receptacle_pos_displacement"] == 0.0


def test_the_twin_of_another_colour_does_not_count(scene):
    colours = {"plate": [1, 0, 0, 1], "twin": [0, 0, 1, 1]}
    bench = Bench(
        scene, "PickAndPlaceColor", object_colors=colours, other_receptacle_names=["twin"]
    )
    on_twin = [1.3, 0.5, ON_PLATE[2]]
    assert not bench.success(cube=on_twin, twin=[1.3, 0.5, START["plate"][2]])
    assert bench.success(cube=ON_PLATE, twin=[1.3, 0.5, START["plate"][2]])
    assert bench.task.instruction(bench.fields, scene).endswith("in or on the red plate.")


GAP_AT = 1.3 - PLATE[0] - CUBE


@pytest.mark.parametrize(
    ("rule", "gap", "limits", "success"),
    [
        ("official", 0.0005, {}, True),
        ("official", 0.0595, {}, True),
        ("official", 0.0605, {}, False),
        ("official", 0.019, {"min_surface_to_surface_gap": 0.02}, False),
        ("official", 0.021, {"min_surface_to_surface_gap": 0.02}, True),
        ("official", 0.259, {"max_surface_to_surface_gap": 0.25}, True),
        ("official", 0.261, {"max_surface_to_surface_gap": 0.25}, False),
        ("official", 0.059, {"max_surface_to_surface_gap": None}, True),
        ("paper", 0.0495, {}, True),
        ("paper", 0.0505, {}, False),
    ],
)
def test_gap(scene, rule, gap, limits, success):
    bench = Bench(scene, "PickAndPlaceNextTo", rule, **limits)
    pose = [GAP_AT - gap, 0.0, TABLE + CUBE]
    state = bench.put(cube=pose).settle(3).state()
    assert state.quantities["gap"] == pytest.approx(gap, abs=2e-4)
    assert state.success == success
    assert bench.settle(600).state().success == success, "asleep as awake"


def test_gap_runs_over_corners(scene):
    bench = Bench(scene, "PickAndPlaceNextTo")
    pose = [GAP_AT - 0.03, PLATE[1] + CUBE + 0.04, TABLE + CUBE]
    assert bench.put(cube=pose).state().quantities["gap"] == pytest.approx(0.05, abs=1e-6)


@pytest.mark.parametrize(
    ("cube", "success", "why"),
    [
        ([GAP_AT - 0.02, 0.0, TABLE + CUBE], True, "both on the table"),
        ([*ON_PLATE[:2], ON_PLATE[2]], False, "on the reference itself"),
        ([GAP_AT - 0.02, 0.0, TABLE + CUBE + 0.019], True, "official: within 2 cm of the table"),
        ([GAP_AT - 0.02, 0.0, TABLE + CUBE + 0.021], False, "held in the air"),
    ],
)
def test_both_stand_on_the_same(scene, cube, success, why):
    state = Bench(scene, "PickAndPlaceNextTo").put(cube=cube).state()
    assert state.success == success, why


@pytest.mark.parametrize(("share", "success"), [(0.51, True), (0.49, False)])
def test_half_of_the_area_must_be_over_the_support(scene, share, success):
    """Beyond the edge of the table, out of contact."""
    edge = 1.2 - 0.6
    x = edge - CUBE + share * 2 * CUBE
    plate = [x + CUBE + PLATE[0] + 0.02, 0.0, START["plate"][2]]
    bench = Bench(scene, "PickAndPlaceNextTo", place_receptacle_start_pose=[*plate, 1, 0, 0, 0])
    state = bench.put(cube=[x, 0.0, TABLE + CUBE + 0.015], plate=plate).state()
    assert state.success == success


@pytest.mark.parametrize(
    ("rule", "shift", "angle", "success"),
    [
        ("official", 0.149, 0.0, True),
        ("official", 0.151, 0.0, False),
        ("official", 0.0, 59.5, True),
        ("official", 0.0, 60.5, False),
        ("paper", 0.049, 0.0, True),
        ("paper", 0.051, 0.0, False),
        ("paper", 0.0, 44.5, True),
        ("paper", 0.0, 45.5, False),
    ],
)
def test_reference_moves_and_turns_about_any_axis(scene, rule, shift, angle, success):
    bench = Bench(scene, "PickAndPlaceNextTo", rule)
    quat, half = turned("z", angle), math.radians(angle)
    reach = PLATE[0] * (abs(math.cos(half)) + abs(math.sin(half)))
    x = 1.3 + shift
    plate = [x, 0.0, START["plate"][2], *quat]
    state = bench.put(plate=plate, cube=[x - reach - CUBE - 0.02, 0.0, TABLE + CUBE]).state()
    assert state.quantities["same_support"] == 1.0
    assert state.success == success


def test_missing_and_unknown_bodies_are_named(scene):
    task = get_task("PickAndPlace")
    with pytest.raises(InvalidEpisode, match="pickup_obj_name"):
        task.defaults({}, scene)
    with pytest.raises(InvalidEpisode, match="place_receptacle_name"):
        task.defaults({"pickup_obj_name": "cube"}, scene)
    with pytest.raises(UnknownBody, match="plat"):
        Bench(scene, place_receptacle_name="plat")
    with pytest.raises(UnknownBody, match="table"):
        Bench(scene, pickup_obj_name="table")
    with pytest.raises(InvalidEpisode, match="two bodies"):
        Bench(scene, place_receptacle_name="cube")
    assert NextToEpisode is not PickAndPlaceEpisode


def test_official_reward_is_the_distance_to_the_middle(bench):
    bench.put(cube=[1.0, 0.0, TABLE + CUBE])
    state = bench.state()
    expected = math.exp(-math.hypot(0.3, 0.01))
    assert bench.episode.official_reward(state) == pytest.approx(expected, rel=1e-6)


# Sampled episodes.


@pytest.fixture(scope="module", params=TASKS)
def env(request):
    made = gym.make(env_id(request.param), split="val", houses=3, disable_env_checker=True)
    yield made
    made.close()


def test_sampled_starts(env):
    """Apart as asked, no success yet, everything in the spec, and equal when played again."""
    for seed in range(4):
        obs, info = env.reset(seed=seed)
        assert not info["is_success"]
        inner = env.unwrapped
        episode, scene = inner.episode, inner.scene
        task, poses = episode.task, episode.scene_modifications.object_poses
        first, second = (
            np.array(poses[task[k]]) for k in ("pickup_obj_name", "place_receptacle_name")
        )
        low, high = (0.3, 0.5) if inner.task.name == "PickAndPlaceNextTo" else (0.15, 0.5)
        assert low <= np.linalg.norm((first - second)[:2]) <= high
        assert episode.horizon_sec == 40.0
        stored = EpisodeSpec.parse(json.loads(json.dumps(episode.to_dict())))
        again, info = env.reset(options={"episode": stored})
        assert inner.scene is scene
        for key, value in obs.items():
            np.testing.assert_array_equal(again[key], value)
        assert info["instruction"] == episode.instruction


def test_sampling_is_a_function_of_the_seed(env):
    specs = [env.reset(seed=7) and env.unwrapped.episode.to_dict() for _ in range(2)]
    assert specs[0] == specs[1]


def test_things_stay_where_they_were_put(env):
    env.reset(seed=11)
    inner = env.unwrapped
    names = ("pickup_obj_name", "place_receptacle_name")
    bodies = [inner.scene.body_id(inner.episode.task[name]) for name in names]
    before = inner.world.body_pos(0)[bodies].copy()
    hold = inner.session.action_mapper.encode(inner.session.ctrl, inner.session.ctrl)
    for _ in range(25):
        env.step(hold.astype(np.float32))
    moved = np.linalg.norm(inner.world.body_pos(0)[bodies] - before, axis=1)
    assert (moved < 4e-3).all()


def test_privileged_keys_say_where_things_are(env):
    obs, _ = env.reset(seed=3)
    inner = env.unwrapped
    placing = inner.session._task.placing
    link = inner.scene.robot.link_id
    base = inner.world.body_mat(0)[link].reshape(3, 3)
    origin = inner.world.body_pos(0)[link]
    goal = base.T @ (placing.goal - origin)
    np.testing.assert_allclose(obs["goal_position"], goal, atol=1e-6)
    receptacle = base.T @ (inner.world.body_pos(0)[placing.receptacle] - origin)
    np.testing.assert_allclose(obs["receptacle_pose"][:3], receptacle, atol=1e-6)
    middle = placing.corners[:2].mean(axis=0)
    np.testing.assert_allclose(obs["object_to_goal"], base.T @ (placing.goal - middle), atol=1e-6)


def test_colours_are_in_the_picture_and_not_in_the_model():
    env = gym.make(
        env_id("PickAndPlaceColor"), split="val", houses=1, obs_mode="rgb", image_size=[160, 92],
        cameras=["exo_camera_1"], disable_env_checker=True,
    )  # fmt: skip
    env.reset(seed=1)
    inner = env.unwrapped
    rgba = inner.scene.model.geom_rgba.copy()
    episode = inner.episode
    target = episode.task["place_receptacle_name"]
    pictures = []
    for colour in ([0.9, 0.05, 0.05, 1.0], [0.05, 0.05, 0.9, 1.0]):
        task = {**episode.task, "object_colors": {target: colour}}
        obs, _ = env.reset(options={"episode": episode.replace(task=task)})
        pictures.append(obs["exo_camera_1"].astype(int))
    changed = np.abs(pictures[0] - pictures[1]).sum(axis=2) > 60
    assert changed.sum() > 20
    red, blue = (picture[changed].mean(axis=0) for picture in pictures)
    assert red[0] > red[2] + 40 and blue[2] > blue[0] + 40
    np.testing.assert_array_equal(inner.scene.model.geom_rgba, rgba)
    broken = episode.replace(task={**episode.task, "object_colors": {target: [2, 0, 0]}})
    with pytest.raises(InvalidEpisode, match="object_colors"):
        env.reset(options={"episode": broken})
    env.close()


def test_partial_episodes_are_completed(tmp_path):
    file = tmp_path / "room.xml"
    file.write_text(ROOM)
    names = {"pickup_obj_name": "cube", "place_receptacle_name": "plate"}
    for name in TASKS:
        env = gym.make(env_id(name), scene=str(file), disable_env_checker=True)
        fields = dict(names)
        if name == "PickAndPlaceColor":
            fields["other_receptacle_names"] = ["twin"]
        _, info = env.reset(options={"episode": {"task": fields}})
        assert info["instruction"].startswith("pick up the cube and place it")
        task = env.unwrapped.episode.task
        assert task["max_place_receptacle_pos_displacement"] == 0.15
        assert EpisodeSpec.parse(env.unwrapped.episode.to_dict()).task == task
        env.close()


@pytest.mark.parametrize("name", TASKS)
def test_official_episodes_parse_and_play(name, official_episodes, assets, standin_house):
    """Fields as the official writer has them, nulls included; boxes stand in for the assets."""
    episode = json.loads(json.dumps(official_episodes[0]))
    poses, task = episode["scene_modifications"]["object_poses"], episode["task"]
    other, twin = (body for body in list(poses)[:3] if body != task["pickup_obj_name"])
    cls = {"PickAndPlace": "PickAndPlaceTask", "PickAndPlaceNextTo": "PickAndPlaceNextToTask"}
    task["task_cls"] = f"molmo_spaces.tasks.some_module.{cls.get(name, 'PickAndPlaceColorTask')}"
    task |= {"place_receptacle_name": other, "place_receptacle_start_pose": poses[other]}
    if name == "PickAndPlaceNextTo":
        task |= {"min_surface_to_surface_gap": None, "max_surface_to_surface_gap": None}
    if name == "PickAndPlaceColor":
        task["object_colors"] = {other: [1.0, 0.0, 0.0, 1.0], twin: [0.0, 0.0, 1.0, 1.0]}
        task["other_receptacle_names"] = [twin]
        task["other_receptacle_start_poses"] = {twin: poses[twin]}
    standin_house(episode, assets)
    spec = EpisodeSpec.parse(episode)
    env = gym.make(env_id(name), obs_mode="state", disable_env_checker=True)
    _, info = env.reset(options={"episode": spec})
    assert info["instruction"] == episode["language"]["task_description"]
    for _ in range(3):
        _, _, terminated, truncated, info = env.step(env.action_space.sample())
    assert not (terminated or truncated or info["is_success"])
    env.close()
