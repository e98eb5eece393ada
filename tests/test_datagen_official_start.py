"""Starts of official recordings: a pickle that is read and not run."""

import base64
import json
import pickle
import sys
import types
from pathlib import Path

import h5py
import numpy as np
import pydantic
import pytest

from molmospaces_gym.benchmarks.datagen.formats import get_format
from molmospaces_gym.benchmarks.datagen.official_start import read_start, unpickle_plain
from molmospaces_gym.benchmarks.datagen.replay import replay
from molmospaces_gym.errors import InvalidTrajectory

ARM = 7


def pickled(episode):
    """An episode as the official package freezes it: nested models of its own modules."""
    module = types.ModuleType("molmo_spaces_configs")

    class Frozen(pydantic.BaseModel, extra="allow"):
        pass

    Frozen.__module__, Frozen.__qualname__ = module.__name__, "Frozen"
    module.Frozen = Frozen
    sys.modules[module.__name__] = module
    try:
        task = dict(episode["task"])
        for name in ("task_horizon_sec", "task_type"):
            task.pop(name, None)
        changes = episode["scene_modifications"]
        config = Frozen.model_construct(
            task_cls_str=task.pop("task_cls"),
            robot_config=Frozen.model_construct(
                name=episode["robot"]["robot_name"],
                init_qpos={k: np.array(v) for k, v in episode["robot"]["init_qpos"].items()},
            ),
            camera_config=Frozen.model_construct(
                cameras=[Frozen.model_construct(**camera) for camera in episode["cameras"]],
                img_resolution=tuple(episode["img_resolution"]),
            ),
            task_config=Frozen.model_construct(
                **{k: np.array(v) if isinstance(v, list) else v for k, v in task.items()},
                added_objects={
                    name: Path("/somewhere/assets") / path
                    for name, path in changes.get("added_objects", {}).items()
                },
                object_poses={k: np.array(v) for k, v in changes["object_poses"].items()},
                referral_expressions={},
                referral_expressions_priority={},
            ),
        )
        return pickle.dumps(config)
    finally:
        del sys.modules[module.__name__]


def write_official(file, episode, content, rows=8):
    """A short official file in which the robot holds its first pose."""
    qpos = episode["robot"]["init_qpos"]

    def pack(entry):
        line = np.zeros(2000, np.uint8)
        text = json.dumps(entry).encode()
        line[: len(text)] = list(text)
        return line

    state = {"arm": list(qpos["arm"])[:ARM], "gripper": list(qpos["gripper"])}
    hold = {"arm": state["arm"], "gripper": [0.0]}
    file.parent.mkdir()
    with h5py.File(file, "w") as h5:
        group = h5.create_group("traj_0")
        group["obs/agent/qpos"] = group["obs/agent/qvel"] = np.tile(pack(state), (rows, 1))
        group["obs/extra/robot_base_pose"] = np.zeros((rows, 7), np.float32)
        group["actions/joint_pos"] = np.stack([pack(hold)] * (rows - 1) + [pack({})])
        for name in ("rewards", "success", "terminated", "truncated"):
            group[name] = np.zeros(rows, np.float32 if name == "rewards" else np.bool_)
        scene = {
            "task_type": "pick",
            "task_description": episode["language"]["task_description"],
            "policy_dt_ms": 66.0,
            "frozen_config": base64.b64encode(content).decode(),
        }
        group["obs_scene"] = json.dumps(scene)
    return file


def test_start_of_an_official_file_is_read_and_played(
    official_episodes, standin_house, assets, tmp_path
):
    episode = official_episodes[0]
    index = episode["house_index"]
    name = f"house_{index}"
    file = write_official(
        tmp_path / name / "trajectories_batch_1_of_1.h5", episode, pickled(episode)
    )
    houses = f"{episode['scene_dataset']}/{episode['data_split']}"
    start = read_start(file, 0, houses)
    assert start.house_index == index
    assert start.robot.robot_name == episode["robot"]["robot_name"]
    assert start.scene_modifications.object_poses == episode["scene_modifications"]["object_poses"]
    assert [c.name for c in start.cameras] == [c["name"] for c in episode["cameras"]]
    for key in ("task_cls", "pickup_obj_name", "pickup_obj_start_pose", "robot_base_pose"):
        assert start.task[key] == episode["task"][key]
    standin_house(episode, assets)
    (trajectory,) = get_format("hdf5").read(file)
    found = replay(trajectory, episode=start)
    assert found.steps == 6
    assert found.qpos_max < 0.05
    assert not found.success_replayed


class Bomb:
    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return Path.write_text, (Path(self.file), "it ran")


def test_nothing_in_a_pickle_runs(tmp_path):
    target = tmp_path / "bomb"
    plain = unpickle_plain(pickle.dumps({"a": Bomb(str(target)), "b": np.arange(3), "c": (1, "x")}))
    assert plain["b"] == [0, 1, 2]
    assert plain["c"] == [1, "x"]
    assert not target.exists()
    pickle.loads(pickle.dumps(Bomb(str(target))))
    assert target.read_text() == "it ran"


def test_broken_starts_are_named(official_episodes, tmp_path):
    file = tmp_path / "house_3" / "trajectories_batch_1_of_1.h5"
    write_official(file, official_episodes[0], b"no pickle")
    with pytest.raises(InvalidTrajectory, match="cannot be read"):
        read_start(file, 0, "procthor-objaverse/val")
    with pytest.raises(InvalidTrajectory, match="traj_1"):
        read_start(file, 1, "procthor-objaverse/val")
    with pytest.raises(InvalidTrajectory, match="<dataset>/<split>"):
        read_start(file, 0, "procthor-objaverse")
