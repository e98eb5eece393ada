"""Axes: a level changes exactly what it says, the same every time, or is refused by name."""

import json
from dataclasses import replace
from functools import cache

import gymnasium as gym
import mujoco
import numpy as np
import pytest

import molmospaces_gym  # noqa: F401
from molmospaces_gym.benchmark_io import load_benchmark, save_benchmark
from molmospaces_gym.benchmarks.sweep import AXES
from molmospaces_gym.benchmarks.sweep.cases import UNPERTURBED, make_cases, wanted_axes
from molmospaces_gym.benchmarks.sweep.prompts import SENTENCE
from molmospaces_gym.benchmarks.sweep.setup import make_setup
from molmospaces_gym.episode import house_name
from molmospaces_gym.errors import AxisUnavailable, InvalidConfig, UnknownName
from molmospaces_gym.initial_state import initial_state
from molmospaces_gym.randomization.camera_systems import LEVELS
from molmospaces_gym.scenes.navigation import middle_of
from molmospaces_gym.scenes.referral import referral_phrases
from molmospaces_gym.tasks.sampling import touches_nothing

EPISODES = 2


@pytest.fixture(scope="module")
def pick():
    return make_setup("expert", "pick-mini", EPISODES, {})


@pytest.fixture(scope="module")
def place():
    return make_setup("expert", "pick-and-place-mini", EPISODES, {})


@cache
def cases(setup, axis, *levels):
    found, _ = make_cases(setup, AXES[axis], levels or None)
    return {case.level.name: case for case in found}


def differences(a, b, path=()):
    """Paths of the leaves in which two JSON values differ."""
    if isinstance(a, dict) or isinstance(b, dict):
        a, b = a or {}, b or {}
        return {
            found
            for key in a.keys() | b.keys()
            for found in differences(a.get(key), b.get(key), (*path, key))
        }
    return set() if a == b else {path}


def changes(setup, case):
    pairs = zip(setup.episodes, case.episodes, strict=True)
    return set().union(*(differences(a.to_dict(), b.to_dict()) for a, b in pairs))


EXPECTED = {
    "verbs": {("language", "task_description")},
    "words": {
        ("language", "task_description"),
        ("language", "referral_expressions", "pickup_obj_name"),
    },
    "joints": {("robot", "init_qpos", "arm")},
    "cameras": {("cameras",)},
    "lighting": {("randomization", "brightness")},
    "distance": {("task", "robot_base_pose")},
}


@pytest.mark.parametrize("axis", EXPECTED)
def test_a_level_changes_exactly_what_it_says(pick, axis):
    found = cases(pick, axis)
    assert len(found) >= 4
    for case in found.values():
        if case.path == UNPERTURBED:
            assert case.episodes == pick.episodes and case.changed == 0
            continue
        assert changes(pick, case) == EXPECTED[axis]
        assert case.changed + case.kept >= EPISODES and case.changed > 0
        assert case.level.env_kwargs == {}


def test_occlusion_changes_an_argument_and_no_episode(pick):
    found = cases(pick, "occlusion", "none", "wrist", "exterior:0.5", "exo_camera_1", "all")
    assert all(case.episodes == pick.episodes for case in found.values())
    covered = {name: case.level.env_kwargs.get("occlude_cameras") for name, case in found.items()}
    assert covered == {
        "none": None,
        "wrist": ["wrist_camera"],
        "exterior:0.5": {"exo_camera_1": 0.5},
        "exo_camera_1": ["exo_camera_1"],
        "all": ["exo_camera_1", "wrist_camera"],
    }
    assert found["exterior:0.5"].path == "occlusion/exterior-0.5"
    rby1 = make_setup("expert", "open-door-mini", 1, {})
    assert list(cases(rby1, "occlusion")) == ["none", "head", "wrist", "exterior", "all"]


@pytest.mark.parametrize("axis", EXPECTED)
def test_levels_follow_from_the_episodes_seed_alone(pick, axis):
    again = make_setup("random", "pick-mini", EPISODES, {})
    first, name = cases(pick, axis), list(cases(pick, axis))[-1]
    assert cases(again, axis, name)[name].episodes == first[name].episodes
    alone = make_setup("expert", "pick-mini", 1, {})
    assert cases(alone, axis, name)[name].episodes[0] == first[name].episodes[0]


def test_what_is_written_reads_back(pick, tmp_path):
    for axis in EXPECTED:
        case = list(cases(pick, axis).values())[-1]
        save_benchmark(case.episodes, tmp_path / axis)
        read = load_benchmark(tmp_path / axis).episodes
        assert [e.to_dict() for e in read] == [
            json.loads(json.dumps(e.to_dict())) for e in case.episodes
        ]


def test_verbs_replace_the_verb_and_nothing_else(pick, place):
    for case in cases(pick, "verbs").values():
        for own, new in zip(pick.episodes, case.episodes, strict=True):
            assert new.instruction == own.instruction.replace("pick up", case.level.name, 1)
    told = cases(place, "verbs", "hoist")["hoist"].episodes[0].instruction
    assert told == place.episodes[0].instruction.replace("pick up", "hoist")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("pick up the mug.", ("pick up", "mug", None)),
        ("Pick up the small red mug", ("Pick up", "small red mug", None)),
        ("pick up the pen and place it in or on the light blue bowl.",
         ("pick up", "pen", "light blue bowl")),
        ("pick up the pen and place it next to the cup.", ("pick up", "pen", "cup")),
        ("navigate to any marker (2 available).", ("navigate to", "marker", None)),
        ("close the second drawer from the left.", ("close", "second drawer from the left", None)),
    ],
)  # fmt: skip
def test_the_templates_are_taken_apart(text, parts):
    found = SENTENCE.fullmatch(text)
    assert found is not None
    assert (found["verb"], found["object"], found["place"]) == parts


def test_a_capital_stays_one(pick):
    own = pick.episodes[0]
    loud = own.replace(language=own.language.replace(task_description="Pick up the mug"))
    change = cases(pick, "verbs", "grab")["grab"].level.change
    assert change(loud).instruction == "Grab the mug"


def test_phrases_have_the_number_of_words_and_are_true(place):
    for count in (1, 2, 3):
        for own, new in zip(
            place.episodes, cases(place, "words", str(count))[str(count)].episodes, strict=True
        ):
            found = SENTENCE.fullmatch(new.instruction)
            for part, role in (("object", "pickup_obj_name"), ("place", "place_receptacle_name")):
                assert len(found[part].split()) == count
                assert new.language.referral_expressions[role] == found[part]
                phrases = referral_phrases(place.scene_of(own), own.task[role])
                assert found[part] == phrases[count]


def test_official_lists_of_phrases_come_first(pick):
    own = pick.episodes[0]
    listed = {"pickup_obj_name": [[0.4, 0.4, "old tin kettle"], [0.3, 0.2, "tin kettle"]]}
    language = own.language.replace(
        task_description="Pick up some old shiny kettle", referral_expressions_priority=listed
    )
    change = cases(pick, "words", "2")["2"].level.change
    assert change(own.replace(language=language)).instruction == "Pick up some tin kettle"
    assert cases(pick, "words", "1")["1"].level.change(own.replace(language=language)) is None


def test_a_receptacle_that_is_named_by_its_colour_keeps_its_name():
    setup = make_setup("expert", "pick-and-place-color-mini", 1, {})
    own, new = setup.episodes[0], cases(setup, "words", "3")["3"].episodes[0]
    roles = "object", "place"
    before, after = (SENTENCE.fullmatch(e.instruction).group(*roles) for e in (own, new))
    assert len(after[0].split()) == 3 and after[1] == before[1]


def test_joint_offsets_are_in_range_one_direction_and_free(pick):
    found = cases(pick, "joints", "0.1", "0.2", "0.5")
    home = [np.array(e.robot.init_qpos["arm"]) for e in pick.episodes]
    for name in ("0.1", "0.2", "0.5"):
        for own, episode in zip(home, found[name].episodes, strict=True):
            offset = np.array(episode.robot.init_qpos["arm"]) - own
            assert 0 < np.abs(offset).max() <= float(name) + 1e-9
            assert is_free(pick.scene_of(episode), episode)
    small, large = (found[name].episodes[0].robot.init_qpos["arm"] for name in ("0.1", "0.2"))
    np.testing.assert_allclose(2 * (np.array(small) - home[0]), np.array(large) - home[0])


def is_free(scene, episode):
    data, state = mujoco.MjData(scene.model), initial_state(scene, episode)
    data.qpos[:] = state.qpos
    data.mocap_pos[:], data.mocap_quat[:] = state.mocap_pos, state.mocap_quat
    mujoco.mj_kinematics(scene.model, data)
    return touches_nothing(scene, data)


def gap_of(setup, episode):
    """Horizontal distance (m) of the base from the nearest of the objects that count."""
    scene = setup.scene_of(episode)
    data, state = mujoco.MjData(scene.model), initial_state(scene, episode)
    data.qpos[:] = state.qpos
    mujoco.mj_kinematics(scene.model, data)
    names = episode.task.get("pickup_obj_candidates") or [episode.task["pickup_obj_name"]]
    base = np.array(episode.task["robot_base_pose"][:2])
    return min(float(np.hypot(*(middle_of(scene, data, name)[:2] - base))) for name in names)


@pytest.mark.parametrize(
    ("name", "offset", "slack"),
    [("pick", 0.1, 1e-9), pytest.param("nav", -1.0, 0.1001, marks=pytest.mark.slow)],
)
def test_distances_are_what_they_say(pick, name, offset, slack):
    setup = pick if name == "pick" else make_setup("expert", "navigate-to-mini", EPISODES, {})
    case = cases(setup, "distance", str(offset))[f"{offset:+g}"]
    moved = 0
    for own, new in zip(setup.episodes, case.episodes, strict=True):
        if new == own:
            continue
        moved += 1
        assert gap_of(setup, new) - gap_of(setup, own) == pytest.approx(offset, abs=slack)
        assert new.task["robot_base_pose"][3:] == own.task["robot_base_pose"][3:]
        assert is_free(setup.scene_of(new), new)
    assert moved == case.changed > 0 and case.changed + case.kept == EPISODES


def test_an_arm_does_not_move_into_the_furniture(pick):
    with pytest.raises(AxisUnavailable, match=r"no episode .* level '-0\.1'"):
        cases(pick, "distance", "-0.1", "0.1")  # these arms stand at the counter


def test_camera_levels_are_those_of_the_official_system(pick):
    found = cases(pick, "cameras")
    assert [float(name) for name in found] == list(LEVELS)
    own = {camera.name: camera for camera in pick.episodes[0].cameras}
    start = {camera.name: camera for camera in found["0"].episodes[0].cameras}
    assert list(start) == list(own)
    assert start["wrist_camera"].camera_offset == own["wrist_camera"].camera_offset
    assert (start["wrist_camera"].fov, start["exo_camera_1"].fov) == (52.0, 71.0)
    places = [
        np.array(next(c.pos for c in found[level].episodes[0].cameras if c.name == "exo_camera_1"))
        for level in ("0", "10", "100")
    ]
    assert 0 < np.linalg.norm(places[1] - places[0])
    assert not np.allclose(places[2], places[1])


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_brightness_scales_the_light(pick, factor):
    looks = {"obs_mode": "rgb", "image_size": [64, 36], "cameras": ["exo_camera_1"]}
    env = gym.make("molmospaces_gym/Pick-v1", **looks)
    name = f"{factor:g}"
    bright = cases(pick, "lighting", name)[name].episodes[0]
    pictures = [
        env.reset(seed=0, options={"episode": episode})[0]["exo_camera_1"].astype(float)
        for episode in (pick.episodes[0], bright)
    ]
    env.close()
    unclipped = (pictures[0] > 20) & (pictures[0] * factor < 250)
    assert unclipped.mean() > 0.05
    ratio = pictures[1][unclipped] / pictures[0][unclipped]
    assert np.median(ratio) == pytest.approx(factor, rel=0.03)


def test_brightness_adds_to_what_an_episode_has(pick):
    half = cases(pick, "lighting", "0.5")["0.5"].level.change
    assert half(half(pick.episodes[0])).randomization.brightness == 0.25


@pytest.mark.parametrize(
    ("benchmark", "axis", "message"),
    [
        ("open-door-mini", "verbs", "'pull the door open.' is not of the form"),
        ("open-mini", "words", "no episode of 'open-mini'"),
        ("navigate-to-mini", "cameras", "robot 'rby1' has head_camera"),
    ],
)
def test_what_a_benchmark_cannot_have_is_refused(benchmark, axis, message):
    with pytest.raises(AxisUnavailable, match=message):
        make_cases(make_setup("expert", benchmark, 2, {}), AXES[axis], None)


def test_cameras_that_episodes_lack_are_named(pick):
    episodes = [e.replace(cameras=e.cameras[1:]) for e in pick.episodes]
    bare = replace(pick, episodes=tuple(episodes))
    with pytest.raises(AxisUnavailable, match="has no camera exo_camera_1, only wrist_camera"):
        cases(bare, "cameras")


def test_a_camera_that_the_policy_does_not_see_cannot_be_occluded():
    setup = make_setup("expert", "pick-mini", 1, {"cameras": ["wrist_camera"]})
    assert list(cases(setup, "occlusion")) == ["none", "wrist"]
    with pytest.raises(AxisUnavailable, match="sees no camera 'exterior'"):
        cases(setup, "occlusion", "exterior")
    given = make_setup("expert", "pick-mini", 1, {"occlude_cameras": ["wrist_camera"]})
    with pytest.raises(AxisUnavailable, match="already"):
        cases(given, "occlusion")


@pytest.mark.parametrize(
    ("axis", "level"),
    [
        ("joints", "much"), ("joints", "-1"), ("joints", "nan"), ("cameras", "101"),
        ("lighting", "0"), ("words", "4"), ("verbs", "pick_up"), ("occlusion", "wrist:0"),
        ("occlusion", "wrist:2"), ("distance", "inf"),
    ],
)  # fmt: skip
def test_what_is_no_level_is_refused(pick, axis, level):
    with pytest.raises(InvalidConfig, match=axis):
        cases(pick, axis, level)


def test_axes_are_found_by_name():
    assert [axis.name for axis, _ in wanted_axes(None, None)] == list(AXES)
    with pytest.raises(UnknownName, match="axis 'weather'.*verbs"):
        wanted_axes(["weather"], None)
    with pytest.raises(UnknownName, match="axis 'weather'"):
        wanted_axes(["verbs"], {"weather": ["wet"]})
    with pytest.raises(InvalidConfig, match="not among"):
        wanted_axes(["verbs"], {"joints": ["1"]})


def test_default_levels_that_do_not_exist_are_left_out(pick):
    own = pick.episodes[0]
    listed = {"pickup_obj_name": [[0.4, 0.4, "kettle"], [0.3, 0.2, "tin kettle"]]}
    language = own.language.replace(referral_expressions_priority=listed)
    setup = replace(pick, episodes=(own.replace(language=language),))
    found, missing = make_cases(setup, AXES["words"], None)
    assert [case.level.name for case in found] == ["own", "1", "2"]
    assert list(missing) == ["words 3"]
    with pytest.raises(AxisUnavailable, match="level '3'"):
        make_cases(setup, AXES["words"], ("2", "3"))


def test_pins_of_an_official_suite_hold_unless_the_policy_decides(monkeypatch):
    pinned = {"horizon": 7, "action_mode": "ee_delta"}
    suite = replace(load_benchmark("pick-mini"), pins=pinned)
    monkeypatch.setattr("molmospaces_gym.benchmarks.sweep.setup.load_benchmark", lambda _: suite)
    own = make_setup("expert", "pick-mini", 1, {"renderer": "raster"})
    assert own.env_kwargs == {"horizon": 7, "renderer": "raster"}
    assert own.config.horizon == 7 and own.config.action_mode != "ee_delta"
    free = make_setup("random", "pick-mini", 1, {"horizon": 9})
    assert free.env_kwargs == {"horizon": 9, "action_mode": "ee_delta"}


def test_files_beside_a_benchmark_are_found_from_elsewhere(pick, tmp_path):
    own = pick.episodes[0]
    (tmp_path / "room.xml").write_text("<mujoco/>")
    save_benchmark([own.replace(scene="room.xml")], tmp_path)
    setup = make_setup("expert", tmp_path, None, {})
    assert house_name(setup.episodes[0]) == str(tmp_path / "room.xml")
