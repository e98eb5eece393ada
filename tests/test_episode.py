"""Episodes: the official schema, exact round trips, partial episodes and bad input."""

import copy
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molmospaces_gym.cameras import CameraMount
from molmospaces_gym.episode import (
    EpisodeSpec,
    Language,
    RobotSpec,
    SceneModifications,
    camera_mounts,
    camera_spec,
    house_name,
)
from molmospaces_gym.errors import InvalidEpisode
from molmospaces_gym.task_specs import (
    OFFICIAL_TASK_CLS,
    TASK_SPECS,
    DoorOpeningTaskSpec,
    NavToObjTaskSpec,
    OpenCloseTaskSpec,
    PickAndPlaceColorTaskSpec,
    PickAndPlaceNextToTaskSpec,
    PickTaskSpec,
    task_name,
)

POSE = [0.5, 0, 0.75, 1, 0, 0, 0]


def episode(**changes: Any) -> dict[str, Any]:
    """A small complete episode."""
    data: dict[str, Any] = {
        "house_index": 3,
        "scene_dataset": "generated",
        "data_split": "val",
        "seed": None,
        "robot": {"robot_name": "franka_droid", "init_qpos": {"base": [], "arm": [0, -0.5, 1]}},
        "cameras": [
            {
                "name": "wrist_camera",
                "type": "robot_mounted",
                "reference_body_names": ["robot_0/gripper/base"],
                "camera_offset": [0, 0.08, 0.02],
                "lookat_offset": [0, 0, 0.08],
                "camera_quaternion": [0, 0, 1, 0],
                "fov": 53,
            },
            {
                "name": "exo_camera_1",
                "type": "exocentric",
                "pos": [1, 2, 1.5],
                "up": [0, 0, 1],
                "forward": [1, 0, -0.5],
                "fov": 71.5,
            },
        ],
        "scene_modifications": {"object_poses": {"mug_1": list(POSE)}},
        "task": {
            "task_cls": "molmo_spaces.tasks.pick_task.PickTask",
            "robot_base_pose": [0, 0, 0, 1, 0, 0, 0],
            "pickup_obj_name": "mug_1",
            "pickup_obj_start_pose": list(POSE),
        },
        "language": {"task_description": "Pick up the mug"},
        "img_resolution": [640, 368],
    }
    return {**data, **changes}


def test_official_episodes_round_trip_exactly(official_episodes: list[dict[str, Any]]) -> None:
    assert len(official_episodes) == 10
    for data in official_episodes:
        spec = EpisodeSpec.parse(copy.deepcopy(data))
        assert json.dumps(spec.to_dict()) == json.dumps(data)


def test_official_episodes_read_as_expected(official_episodes: list[dict[str, Any]]) -> None:
    spec = EpisodeSpec.parse(official_episodes[0])
    task = spec.task_as(PickTaskSpec)
    assert house_name(spec) == "holodeck-objaverse/val/1194"
    assert spec.robot.robot_name == "franka_droid"
    assert spec.robot.init_qpos["base"] == []
    assert spec.img_resolution == (624, 352)
    assert spec.instruction == "Pick up the green glossy cup with spherical base"
    assert task.pickup_obj_name == "cup_b31afea732a344b3a47a266ce9bb531f_1_0_0"
    assert task.succ_pos_threshold == 0.01
    assert spec.horizon_sec is None
    assert spec.episode_id is None
    names = [mount.name for mount in camera_mounts(spec)]
    assert names == ["wrist_camera", "exo_camera_1", "exo_camera_2"]


def test_integers_and_unknown_keys_survive() -> None:
    data = episode(our_future_key={"a": [1, 2.0, None]}, seed=7)
    data["robot"]["maker"] = "unknown"
    data["cameras"][0]["is_warped"] = True
    data["task"]["task_horizon_sec"] = 20
    spec = EpisodeSpec.parse(data)
    assert json.dumps(spec.to_dict(), sort_keys=True) == json.dumps(data, sort_keys=True)
    assert spec.horizon_sec == 20.0


finite = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)
names = st.text(min_size=1, max_size=12)


def vectors(length: int) -> st.SearchStrategy[list[float]]:
    return st.lists(finite, min_size=length, max_size=length)


poses = st.tuples(vectors(3), vectors(4).filter(any)).map(lambda parts: parts[0] + parts[1])
json_values = st.recursive(
    st.none() | st.booleans() | finite | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)
episodes = st.fixed_dictionaries(
    {
        "house_index": st.integers(0, 10**6),
        "scene_dataset": names,
        "robot": st.fixed_dictionaries(
            {"robot_name": names, "init_qpos": st.dictionaries(names, vectors(7), max_size=3)}
        ),
        "scene_modifications": st.fixed_dictionaries(
            {},
            optional={
                "object_poses": st.dictionaries(names, poses, max_size=3),
                "removed_objects": st.lists(names, max_size=2),
                "added_objects": st.dictionaries(names, names, max_size=2),
            },
        ),
        "task": st.fixed_dictionaries(
            {
                "task_cls": st.just(OFFICIAL_TASK_CLS["PickTask"]),
                "robot_base_pose": poses,
                "pickup_obj_name": names,
                "pickup_obj_start_pose": poses,
            },
            optional={"pickup_obj_goal_pose": st.none() | poses, "note": json_values},
        ),
        "language": st.fixed_dictionaries({"task_description": st.text()}),
        "img_resolution": st.lists(st.integers(1, 4096), min_size=2, max_size=2),
    },
    optional={
        "data_split": st.sampled_from(["train", "val", "test"]),
        "seed": st.none() | st.integers(),
        "state": st.fixed_dictionaries({"qpos": vectors(9)}, optional={"qvel": vectors(8)}),
        "control_dt": st.floats(1e-3, 1.0),
        "episode_id": names,
        "scene": names,
        "extra/key": json_values,
    },
)


@settings(max_examples=60, deadline=None)
@given(episodes)
def test_any_episode_round_trips(data: dict[str, Any]) -> None:
    again = EpisodeSpec.parse(json.loads(json.dumps(data))).to_dict()
    assert json.dumps(again, sort_keys=True) == json.dumps(data, sort_keys=True)
    assert EpisodeSpec.parse(again) == EpisodeSpec.parse(data)


def change(path: list[str | int], value: object) -> dict[str, Any]:
    """The small episode with one value replaced; ``...`` deletes it."""
    data: Any = episode()
    node = data
    for step in path[:-1]:
        node = node[step]
    if value is ...:
        del node[path[-1]]
    else:
        node[path[-1]] = value
    return dict(data)


BAD = [
    (["robot"], ..., "robot: found nothing"),
    (["robot", "init_qpos", "arm", 2], "x", r"robot\.init_qpos\.arm\[2\]: found 'x'"),
    (["robot", "init_qpos", "arm", 2], True, r"robot\.init_qpos\.arm\[2\]: found True"),
    (["robot", "init_qpos", "arm", 2], math.nan, "expected a finite number"),
    (["house_index"], ..., "scene_dataset and house_index, or scene"),
    (["house_index"], "3", "house_index: found '3'.*expected a whole number"),
    (["seed"], 1.5, "seed: .*expected a whole number"),
    (["cameras", 0, "fov"], ..., r"cameras\[0\]\.fov: found nothing"),
    (["cameras", 0, "fov"], 0, r"cameras\[0\]\.fov: found 0"),
    (["cameras", 1, "type"], "drone", r"cameras\[1\]: .*'robot_mounted' or 'exocentric'"),
    (["cameras", 1, "type"], ..., r"cameras\[1\]: .*'robot_mounted' or 'exocentric'"),
    (["cameras", 0, "camera_quaternion"], [0, 0, 0, 0], "must not be zero"),
    (["cameras", 0, "reference_body_names"], [], "found 0 items, expected at least 1"),
    (["cameras", 1, "pos"], [1, 2], "found 2 items, expected at least 3"),
    (["img_resolution"], [640], r"img_resolution.*"),
    (["img_resolution"], [640, 0], "at least 1"),
    (["scene_modifications", "object_poses", "mug_1"], [1, 2], "object_poses.mug_1: found 2 item"),
    (["scene_modifications", "object_poses", "mug_1"], [0] * 7, "quaternion.*'mug_1'"),
    (["scene_modifications", "removed_objects"], "mug_1", "removed_objects: .*expected a list"),
    (["task"], [], "task: .*expected an object"),
    (["task", "task_cls"], ..., "task.task_cls: found None"),
    (["task", "robot_base_pose"], ..., "task.robot_base_pose: found nothing"),
    (["task", "pickup_obj_start_pose"], [0] * 7, "task.pickup_obj_start_pose: .*zero"),
    (["task", "pickup_obj_name"], 4, "task.pickup_obj_name: found 4"),
    (["task", "succ_pos_threshold"], "1 cm", "task.succ_pos_threshold: found '1 cm'"),
    (["language"], "Pick it up", "language: found 'Pick it up'.*expected an object"),
    (["state"], {}, "state.qpos: found nothing"),
    (["control_dt"], -1, "control_dt: found -1"),
]


@pytest.mark.parametrize(("path", "value", "message"), BAD, ids=str)
def test_bad_episode_names_the_field(path: list[str | int], value: object, message: str) -> None:
    with pytest.raises(InvalidEpisode, match=f"^b.json, episode 4: .*{message}"):
        EpisodeSpec.parse(change(path, value), "b.json, episode 4")


@pytest.mark.parametrize("data", [None, [], "episode", 3])
def test_bad_episode_is_no_object(data: object) -> None:
    with pytest.raises(InvalidEpisode, match="expected an object"):
        EpisodeSpec.parse(data)


def test_a_flood_of_faults_is_cut() -> None:
    with pytest.raises(InvalidEpisode, match="and 5 more") as caught:
        EpisodeSpec.parse(change(["robot", "init_qpos", "arm"], ["x"] * 8))
    assert len(str(caught.value)) < 400


def test_partial_episode_is_completed() -> None:
    defaults = episode()
    spec = EpisodeSpec.from_partial(
        {
            "task": {"pickup_obj_name": "bowl_2"},
            "robot": {"init_qpos": {"gripper": [0.1]}},
            "scene_modifications": {"object_poses": {"bowl_2": POSE}},
            "state": {"qpos": [0, 1]},
        },
        defaults,
    )
    assert spec.task["pickup_obj_name"] == "bowl_2"
    assert spec.task["task_cls"] == defaults["task"]["task_cls"]
    assert spec.robot.init_qpos == {"base": [], "arm": [0, -0.5, 1], "gripper": [0.1]}
    assert list(spec.scene_modifications.object_poses) == ["mug_1", "bowl_2"]
    assert spec.state is not None
    assert house_name(spec) == "generated/val/3"
    assert defaults == episode(), "the defaults are not written to"


def test_partial_episode_over_a_spec() -> None:
    base = EpisodeSpec.parse(episode(scene="room.xml"))
    spec = EpisodeSpec.from_partial({"seed": 5}, base)
    assert spec == base.replace(seed=5)
    assert house_name(spec) == "room.xml"
    assert base.seed is None


@pytest.mark.parametrize("data", [3, [], "mug", None])
def test_partial_episode_must_be_an_object(data: Any) -> None:
    with pytest.raises(InvalidEpisode, match="expected an object"):
        EpisodeSpec.from_partial(data, episode())


def test_partial_episode_without_defaults_says_what_is_missing() -> None:
    with pytest.raises(InvalidEpisode, match="robot: found nothing"):
        EpisodeSpec.from_partial({"task": {"pickup_obj_name": "mug"}}, {})


def test_trusted_equals_parsed() -> None:
    data = episode()
    parsed = EpisodeSpec.parse(data)
    built = EpisodeSpec.trusted(
        house_index=3,
        scene_dataset="generated",
        data_split="val",
        seed=None,
        robot=RobotSpec.trusted(**data["robot"]),
        cameras=parsed.cameras,
        scene_modifications=SceneModifications.trusted(**data["scene_modifications"]),
        task=data["task"],
        language=Language.trusted(**data["language"]),
        img_resolution=(640, 368),
    )
    assert built == parsed
    assert built.to_dict() == data


def test_spec_is_immutable() -> None:
    spec = EpisodeSpec.parse(episode())
    with pytest.raises(ValueError, match="frozen"):
        spec.seed = 4  # type: ignore[misc]


def test_state_becomes_arrays() -> None:
    state = {"qpos": [1, 2.5], "qvel": [0], "mocap_pos": [[0, 1, 2]], "mocap_quat": [1, 0, 0, 0]}
    spec = EpisodeSpec.parse(episode(state=state))
    assert spec.state is not None
    arrays = spec.state.arrays()
    np.testing.assert_array_equal(arrays.qpos, [1, 2.5])
    assert arrays.mocap_pos is not None
    assert arrays.mocap_quat is not None
    assert arrays.mocap_pos.shape == (1, 3)
    assert arrays.mocap_quat.shape == (1, 4)
    assert spec.to_dict()["state"] == state


def test_state_with_broken_rows() -> None:
    spec = EpisodeSpec.parse(episode(state={"qpos": [0], "mocap_pos": [1, 2]}))
    assert spec.state is not None
    with pytest.raises(InvalidEpisode, match="state.mocap_pos: expected rows of 3"):
        spec.state.arrays()


@pytest.mark.parametrize("horizon", [0, -3, "20", True])
def test_bad_horizon(horizon: object) -> None:
    data = episode()
    data["task"]["task_horizon_sec"] = horizon
    with pytest.raises(InvalidEpisode, match="task_horizon_sec"):
        EpisodeSpec.parse(data)


def test_task_defaults_are_official() -> None:
    place = {"place_receptacle_name": "b", "place_receptacle_start_pose": POSE}
    pick = {
        "task_cls": "x.Y",
        "robot_base_pose": POSE,
        "pickup_obj_name": "a",
        "pickup_obj_start_pose": POSE,
    }
    spec = PickAndPlaceNextToTaskSpec.model_validate({**pick, **place})
    assert spec.receptacle_supported_weight_frac == 0.5
    assert spec.max_place_receptacle_pos_displacement == 0.15
    assert spec.max_place_receptacle_rot_displacement == math.radians(60)
    assert spec.min_surface_to_surface_gap is None
    color = PickAndPlaceColorTaskSpec.model_validate({**pick, **place})
    assert color.object_colors is None
    opening = OpenCloseTaskSpec.model_validate(
        {**pick, "joint_name": "j", "joint_start_position": [0.0]}
    )
    assert (opening.task_success_threshold, opening.joint_index) == (0.20, 0)
    assert not opening.any_inst_of_category
    nav = NavToObjTaskSpec.model_validate(pick)
    assert nav.succ_pos_threshold == 1.5
    door = DoorOpeningTaskSpec.model_validate({**pick, "door_body_name": "d"})
    assert door.door_openness_threshold == 0.67


def test_every_task_class_has_a_dotted_name() -> None:
    assert TASK_SPECS.keys() == OFFICIAL_TASK_CLS.keys()
    for name, dotted in OFFICIAL_TASK_CLS.items():
        assert task_name({"task_cls": dotted}) == name
    assert task_name({}) is None


def test_tasks_nobody_knows_still_load() -> None:
    data = change(["task"], {"task_cls": "molmo_spaces.tasks.packing_task.PackingTask", "x": 1})
    assert EpisodeSpec.parse(data).to_dict() == data


@pytest.mark.parametrize("body", [None, "robot_0/fr3_link0"])
def test_camera_spec_inverts_mounts(body: str | None) -> None:
    mount = CameraMount("cam", body, (0.1, 0.57, 0.66), (0.5, -0.5, 0.5, 0.5), 71.0)
    data = episode(cameras=[camera_spec(mount, record_depth=True).model_dump(mode="json")])
    (again,) = camera_mounts(EpisodeSpec.parse(data))
    assert (again.name, again.body, again.pos, again.fov) == (
        mount.name,
        mount.body,
        mount.pos,
        mount.fov,
    )
    np.testing.assert_allclose(again.quat, mount.quat, atol=1e-12)
