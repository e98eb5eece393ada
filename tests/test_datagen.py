"""The data engine: collecting, retrying, resuming, and the official layout."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import h5py
import numpy as np
import pytest

from molmospaces_gym.benchmarks.datagen import store
from molmospaces_gym.benchmarks.datagen.collect import attempt_seeds
from molmospaces_gym.benchmarks.datagen.engine import datagen, make_plan
from molmospaces_gym.benchmarks.datagen.folder import read_dataset_info
from molmospaces_gym.benchmarks.datagen.formats import get_format
from molmospaces_gym.benchmarks.datagen.json_rows import decode_name, decode_rows
from molmospaces_gym.benchmarks.datagen.replay import replay
from molmospaces_gym.benchmarks.datagen.trajectory import PER_STATE, PER_STEP, STATES, STEPS
from molmospaces_gym.cli.main import main
from molmospaces_gym.errors import InvalidConfig, InvalidTrajectory, UnknownName

SMALL = {
    "cameras": ("wrist_camera", "exo_camera_1"),
    "depth": ("wrist_camera",),
    "image_size": (64, 48),
    "houses": 2,
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A dataset of 3 episodes in 2 houses."""
    return datagen("Pick", 3, tmp_path_factory.mktemp("datagen") / "a", **SMALL)


@pytest.fixture(scope="module")
def collected(made):
    return list(store.load_all(made.out / "episodes"))


@pytest.fixture(scope="module")
def read_back(made):
    return list(get_format("hdf5").read(made.datasets["hdf5"]))


def assert_equal(first, second):
    """Two trajectories are equal in every array and every word."""
    for name in (*STATES, *STEPS, "success"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), name)
    for name in (*PER_STEP, *PER_STATE, "start_command"):
        one, other = getattr(first, name), getattr(second, name)
        assert list(one) == list(other), name
        for key in one:
            np.testing.assert_array_equal(one[key], other[key], f"{name}[{key}]")
    for name in ("index", "task", "env_id", "robot", "house", "instruction", "seed", "noise_seed"):
        assert getattr(first, name) == getattr(second, name), name
    assert first.episode.to_dict() == second.episode.to_dict()
    assert first.attempts == second.attempts
    assert dict(first.env_kwargs) == dict(second.env_kwargs)
    assert first.object_names == second.object_names
    assert list(first.cameras) == list(second.cameras)
    for name, track in first.cameras.items():
        other = second.cameras[name]
        assert track.size == other.size
        for part in ("intrinsic_cv", "extrinsic_cv", "cam2world_gl"):
            np.testing.assert_array_equal(getattr(track, part), getattr(other, part))
        np.testing.assert_array_equal(track.frames(), other.frames())
        np.testing.assert_array_equal(track.depth(), other.depth())


def contents(root):
    """Every file of a dataset by name; HDF5 by its datasets, all else by its bytes."""
    found = {}
    for file in sorted(path for path in root.rglob("*") if path.is_file()):
        name = file.relative_to(root).as_posix()
        found[name] = dump(file) if file.suffix == ".h5" else file.read_bytes()
    return found


def different(first, second):
    """Names of what is not the same in two datasets; their contents would fill the screen."""
    one, other = contents(first), contents(second)
    return [name for name in one.keys() | other.keys() if one.get(name) != other.get(name)]


def dump(file):
    found = {}

    def keep(name, item):
        found[name, "attrs"] = dict(item.attrs)
        if isinstance(item, h5py.Dataset):
            value = item[()]
            data = value if isinstance(value, bytes) else value.tobytes()
            found[name] = (item.shape, str(item.dtype), item.compression, data)

    with h5py.File(file) as opened:
        opened.visititems(keep)
    return found


def test_every_kept_episode_succeeded_and_held(made, collected):
    assert (made.kept, made.failed) == (3, 0)
    for number, trajectory in enumerate(collected):
        assert trajectory.index == number
        assert trajectory.success[-5:].all()
        assert not trajectory.success[0]
        assert trajectory.terminated[-1]
        assert not trajectory.terminated[:-1].any()
        assert trajectory.quantities["lift"][-1] > 0.01
        assert trajectory.grasps["gripper"][-1].all()
    assert [t.house for t in collected] == [f"generated/train/{i}" for i in (0, 1, 0)]


def test_tables_say_what_was_collected(made, collected):
    with (made.out / "episodes.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["steps"]) for row in rows] == [len(t) for t in collected]
    assert [int(row["seed"]) for row in rows] == [t.seed for t in collected]
    assert [int(r["first_success_step"]) for r in rows] == [
        int(t.success.argmax()) for t in collected
    ]
    info = read_dataset_info(made.out)
    assert info["complete"]
    assert info["kept"] == 3
    assert info["episodes_per_cpu_hour"] > 0


def test_noise_moves_the_robot_and_not_the_label(collected):
    for trajectory in collected:
        wanted, done = trajectory.commands["arm"], trajectory.executed["arm"]
        assert (wanted != done).any(axis=1).mean() > 0.5
        assert np.abs(wanted - done).max() < 0.2
        np.testing.assert_array_equal(
            trajectory.commands["gripper"], trajectory.executed["gripper"]
        )
        assert trajectory.noise_seed is not None


def test_seeds_depend_on_dataset_episode_and_attempt_alone(collected):
    assert [t.seed for t in collected] == [
        attempt_seeds(0, t.index, len(t.attempts))[0] for t in collected
    ]
    seeds = {attempt_seeds(s, i, a) for s in range(3) for i in range(5) for a in range(4)}
    assert len(seeds) == 60


def test_hdf5_gives_back_what_was_collected(collected, read_back):
    by_index = sorted(read_back, key=lambda trajectory: trajectory.index)
    assert len(by_index) == len(collected)
    for first, second in zip(collected, by_index, strict=True):
        assert_equal(first, second)


def test_own_file_replays_bit_for_bit(read_back):
    for trajectory in read_back:
        found = replay(trajectory)
        assert found.exact
        assert found.qpos_max == found.position_max == found.rotation_max == 0.0
        assert found.success_agreement == 1.0
        assert found.success_replayed


def test_a_tampered_action_shows(read_back):
    trajectory = read_back[0]
    actions = trajectory.actions.copy()
    actions[30, 0] = np.clip(actions[30, 0] + 0.05, -1, 1)
    found = replay(replace(trajectory, actions=actions))
    assert found.first_difference == 31
    assert found.qpos_max > 1e-3


def test_an_open_gripper_fails_in_the_replay(read_back):
    trajectory = read_back[0]
    actions = trajectory.actions.copy()
    actions[:, -1] = -1.0
    found = replay(replace(trajectory, actions=actions))
    assert found.success_recorded
    assert not found.success_replayed
    assert found.success_agreement < 1.0
    assert found.position_final > 0.01


def test_layout_has_every_official_dataset(made, collected):
    root = made.datasets["hdf5"]
    with h5py.File(root / "house_0" / "trajectories_batch_1_of_1.h5") as file:
        assert [key for key in file if key.startswith("traj_")] == ["traj_0", "traj_1"]
        group, trajectory = file["traj_0"], collected[0]
        rows = len(trajectory) + 2
        for name in ("obs/agent/qpos", "obs/agent/qvel", "obs/extra/task_info"):
            assert group[name].shape == (rows, 2000)
            assert group[name].dtype == np.uint8
            assert group[name].compression == "lzf"
        for name in ("commanded_action", "joint_pos", "joint_pos_rel", "ee_pose", "ee_twist"):
            assert group[f"actions/{name}"].shape == (rows, 2000)
        for name in ("tcp_pose", "robot_base_pose", "obj_start", "obj_end"):
            assert group[f"obs/extra/{name}"].shape == (rows, 7)
            assert group[f"obs/extra/{name}"].dtype == np.float32
        for camera in SMALL["cameras"]:
            params = group[f"obs/sensor_param/{camera}"]
            assert {name: params[name].shape for name in params} == {
                "cam2world_gl": (rows, 4, 4),
                "extrinsic_cv": (rows, 3, 4),
                "intrinsic_cv": (rows, 3, 3),
            }
            video = decode_name(group[f"obs/sensor_data/{camera}"][()])
            assert video == f"episode_00000000_{camera}_batch_1_of_1.mp4"
            assert (root / "house_0" / video).is_file()
        assert group["env_states/articulations/panda"].shape == (rows, 31)
        actors = group["env_states/actors"]
        assert set(actors) == set(trajectory.object_names)
        assert all(actors[name].shape == (rows, 13) for name in actors)
        for name, kind in {
            "rewards": np.float32,
            "success": np.bool_,
            "fail": np.bool_,
            "terminated": np.bool_,
            "truncated": np.bool_,
        }.items():
            assert group[name].shape == (rows,)
            assert group[name].dtype == kind
        assert (group["fail"][()] != group["success"][()]).all()
        assert group["terminated"][()].tolist() == [False] * (rows - 2) + [True, True]
        scene = json.loads(group["obs_scene"][()])
        assert scene["task_type"] == "pick"
        assert scene["task_description"] == trajectory.instruction
        assert scene["policy_dt_ms"] == pytest.approx(66.0)
        assert scene["object_name"] == trajectory.episode.task["pickup_obj_name"]
    index = json.loads((root / "valid_trajectory_index.json").read_text())
    lengths = index["house_0"]["house_0/trajectories_batch_1_of_1.h5"]
    assert lengths == {"traj_0": len(collected[0]) + 2, "traj_1": len(collected[2]) + 2}


def test_state_i_pairs_with_action_i_plus_1(made, collected):
    """As official loaders read it: rows 0 and last carry no action, nothing else is shifted."""
    trajectory = collected[0]
    with h5py.File(made.datasets["hdf5"] / "house_0" / "trajectories_batch_1_of_1.h5") as file:
        group = file["traj_0"]
        qpos = decode_rows(group["obs/agent/qpos"][()], "qpos")
        commands = decode_rows(group["actions/commanded_action"][()], "commands")
        relative = decode_rows(group["actions/joint_pos_rel"][()], "relative")
        twist = decode_rows(group["actions/ee_twist"][()], "twist")
        success = group["success"][()]
        tcp = group["obs/extra/tcp_pose"][()]
    assert commands[0] == {}
    assert commands[-1] == {}
    for t in (0, 10, len(trajectory) - 1):
        assert qpos[t]["arm"] == trajectory.qpos["arm"][t].tolist()
        assert commands[t + 1]["arm"] == trajectory.commands["arm"][t].tolist()
        np.testing.assert_allclose(
            np.array(commands[t + 1]["arm"]) - qpos[t]["arm"], relative[t + 1]["arm"], atol=1e-12
        )
        assert len(twist[t + 1]["arm"]) == 6
    assert qpos[-1] == qpos[-2]
    np.testing.assert_array_equal(success[:-1], trajectory.success)
    # The servos lag by 0.1 s: the tool is nearest to a command two states after it was given.
    wanted = np.array(trajectory.command_poses["arm"])[:, :3]
    far = [np.linalg.norm(wanted[:-6] - tcp[lag : lag - 8, :3], axis=1).mean() for lag in range(6)]
    assert np.argmin(far) == 2


def test_pictures_are_those_of_the_states(collected):
    track = collected[0].cameras["wrist_camera"]
    frames, depth = track.frames(), track.depth()
    assert frames.shape == (len(collected[0]) + 1, 48, 64, 3)
    assert depth.shape == (len(collected[0]) + 1, 48, 64)
    assert frames.std() > 10
    valid = depth[depth > 0]
    assert 0.05 <= valid.min() < valid.max() <= 0.55


def test_a_camera_projects_the_tool_to_where_it_is_seen(collected):
    """Both conventions of the camera matrices agree and put the tool into the exterior picture."""
    trajectory = collected[0]
    track = trajectory.cameras["exo_camera_1"]
    base, tool = trajectory.base_pose[0], trajectory.tcp_poses["arm"][0]
    point = np.append(base[:3] + rotate(base[3:], tool[:3]), 1.0)
    in_camera = track.extrinsic_cv[0] @ point
    pixel = track.intrinsic_cv[0] @ in_camera
    u, v = pixel[:2] / pixel[2]
    assert in_camera[2] > 0
    assert 0 < u < 64
    assert 0 < v < 48
    in_gl = np.linalg.inv(track.cam2world_gl[0].astype(np.float64)) @ point
    np.testing.assert_allclose(in_gl[:3] * [1, -1, -1], in_camera, atol=1e-5)


def rotate(quat, vector):
    w, axis = quat[0], quat[1:]
    return vector + 2 * np.cross(axis, np.cross(axis, vector) + w * vector)


def test_resume_keeps_whole_episodes_and_adds_the_missing(made, tmp_path):
    out = tmp_path / "part"
    datagen("Pick", 2, out, **SMALL)
    (out / "episodes" / ".partial-00000002").mkdir()
    (out / "episodes" / ".partial-00000002" / "junk").write_text("cut off")
    with pytest.raises(InvalidConfig, match="pass resume"):
        datagen("Pick", 3, out, **SMALL)
    with pytest.raises(InvalidConfig, match=r"other settings.*noise"):
        datagen("Pick", 3, out, resume=True, noise=0.0, **SMALL)
    before = (out / "episodes" / "00000000" / "arrays.npz").stat().st_mtime_ns
    datagen("Pick", 3, out, resume=True, **SMALL)
    assert (out / "episodes" / "00000000" / "arrays.npz").stat().st_mtime_ns == before
    assert not different(out / "hdf5", made.datasets["hdf5"])
    assert (out / "episodes.csv").read_bytes() == (made.out / "episodes.csv").read_bytes()
    with pytest.raises(InvalidConfig, match="at least 3"):
        datagen("Pick", 2, out, resume=True, **SMALL)


def test_failed_attempts_are_recorded_and_tried_anew(tmp_path):
    out = tmp_path / "random"
    options = {**SMALL, "cameras": (), "depth": ()}
    with pytest.raises(InvalidConfig, match="none of the episodes succeeded"):
        datagen("Pick", 1, out, policy="random", attempts=2, horizon=3, **options)
    about = store.read_about(store.episode_folder(out / "episodes", 0))
    assert [attempt["seed"] for attempt in about["attempts"]] == [
        attempt_seeds(0, 0, 0)[0],
        attempt_seeds(0, 0, 1)[0],
    ]
    assert {attempt["reason"] for attempt in about["attempts"]} == {"the policy did not succeed"}
    assert "2 attempts failed" in (out / "episodes.csv").read_text()


def test_failures_can_be_kept(tmp_path):
    options = {**SMALL, "cameras": (), "depth": ()}
    made = datagen(
        "Pick", 1, tmp_path / "all", policy="random", horizon=3, only_success=False, **options
    )
    (trajectory,) = get_format("hdf5").read(made.datasets["hdf5"])
    assert len(trajectory) == 3
    assert not trajectory.succeeded
    assert trajectory.truncated.tolist() == [False, False, True]
    assert replay(trajectory).exact


def test_wrong_arguments_are_named(tmp_path):
    with pytest.raises(UnknownName, match=r"camera 'nose'.*wrist_camera"):
        datagen("Pick", 1, tmp_path, cameras=("nose",))
    with pytest.raises(UnknownName, match="dataset format"):
        datagen("Pick", 1, tmp_path, formats=("zarr",))
    with pytest.raises(InvalidConfig, match="even numbers"):
        datagen("Pick", 1, tmp_path, image_size=(65, 48))
    with pytest.raises(InvalidConfig, match="no benchmark"):
        make_plan(
            "Pick",
            tmp_path,
            cameras=(),
            depth=(),
            image_size=None,
            noise=0.0,
            seed=0,
            attempts=1,
            hold=5,
            only_success=True,
            policy="expert",
            env_kwargs={"benchmark": "pick-mini"},
        )
    with pytest.raises(InvalidTrajectory, match="no HDF5 file"):
        list(get_format("hdf5").read(tmp_path))


def test_replay_command(made, tmp_path, capsys):
    file = made.datasets["hdf5"] / "house_0" / "trajectories_batch_1_of_1.h5"
    video = tmp_path / "replay.mp4"
    with pytest.raises(SystemExit) as ended:
        main(["replay", str(file), "--episode", "1", "--video", str(video)])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert "episode 1" in told
    assert "equal bit for bit" in told
    assert "100.0 % of the states agree" in told
    assert video.stat().st_size > 1000


@pytest.mark.slow
def test_two_workers_write_what_one_writes(made, tmp_path):
    two = datagen("Pick", 3, tmp_path / "b", workers=2, **SMALL)
    assert not different(two.datasets["hdf5"], made.datasets["hdf5"])
    assert (two.out / "episodes.csv").read_bytes() == (made.out / "episodes.csv").read_bytes()


@pytest.mark.slow
def test_killed_runs_lose_and_double_nothing(made, tmp_path):
    """kill -9 while collecting, again and again, then to the end: the same dataset."""
    out = tmp_path / "killed"
    command = [
        *(sys.executable, "-c", "from molmospaces_gym.cli.main import main; main()"),
        *("datagen", "--task", "Pick"),
        *("--episodes", "3", "--out", str(out), "--cameras", ",".join(SMALL["cameras"])),
        *("--depth", "wrist_camera", "--image-size", "64x48", "--env", "houses=2", "--resume"),
    ]
    episodes, kills = out / "episodes", 0
    for wanted in (".partial-*", "00000000", ".partial-00000002"):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
        deadline = time.monotonic() + 120
        while process.poll() is None and not list(episodes.glob(wanted)):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            kills += 1
        process.wait()
    assert kills >= 2
    assert not read_dataset_info(out)["complete"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    assert not different(out / "hdf5", made.datasets["hdf5"])
    assert (out / "episodes.csv").read_bytes() == (made.out / "episodes.csv").read_bytes()
