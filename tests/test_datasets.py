"""LeRobotDataset v3 and Minari: what is written, what comes back, and that it is repeatable."""

import json
import sys

import gymnasium as gym
import h5py
import minari
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from molmospaces_gym.benchmarks.datagen import store
from molmospaces_gym.benchmarks.datagen.engine import datagen, dataset_meta
from molmospaces_gym.benchmarks.datagen.folder import DatasetFolder, read_dataset_info
from molmospaces_gym.benchmarks.datagen.formats import get_format
from molmospaces_gym.benchmarks.datagen.lerobot_format import LeRobotWriter
from molmospaces_gym.benchmarks.datagen.lerobot_stats import (
    QUANTILES,
    array_stats,
    joint_stats,
    picture_stats,
)
from molmospaces_gym.benchmarks.datagen.lerobot_videos import Place, following, track_frames
from molmospaces_gym.benchmarks.datagen.replay import replay
from molmospaces_gym.benchmarks.datagen.video import read_video
from molmospaces_gym.errors import InvalidTrajectory, MissingPackage, UnknownName

FORMATS = ("lerobot", "minari")
SMALL = {"cameras": ("wrist_camera", "exo_camera_1"), "image_size": (64, 48), "houses": 2}
DATASET_ID = "Pick-expert-v0"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A dataset of 3 episodes in 2 houses, in both formats."""
    out = tmp_path_factory.mktemp("datasets") / "a"
    return datagen("Pick", 3, out, formats=FORMATS, **SMALL)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """One episode without pictures, in both formats."""
    out = tmp_path_factory.mktemp("datasets") / "plain"
    return datagen("Pick", 1, out, formats=FORMATS, cameras=(), houses=1)


@pytest.fixture(scope="module")
def collected(made):
    return list(store.load_all(made.out / "episodes"))


@pytest.fixture
def local_minari(made, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(made.datasets["minari"]))
    return minari.load_dataset(DATASET_ID)


def contents(root):
    """Every file by name; HDF5 and Minari's sizes of it by what they hold, all else by bytes."""
    found = {}
    for file in sorted(path for path in root.rglob("*") if path.is_file()):
        name = file.relative_to(root).as_posix()
        found[name] = file.read_bytes()
        if file.suffix == ".hdf5":
            found[name] = datasets(file)
        elif file.name == "metadata.json":
            found[name] = {k: v for k, v in json.loads(found[name]).items() if k != "dataset_size"}
    return found


def different(first, second):
    """Names of what is not the same in two datasets; their contents would fill the screen."""
    one, other = contents(first), contents(second)
    return [name for name in one.keys() | other.keys() if one.get(name) != other.get(name)]


def datasets(file):
    found = {}

    def keep(name, item):
        if isinstance(item, h5py.Dataset):
            rows = np.atleast_1d(item[()])
            ragged = rows.dtype == object
            found[name] = [bytes(row) for row in rows] if ragged else rows.tolist()

    with h5py.File(file) as opened:
        opened.visititems(keep)
    return found


@pytest.mark.parametrize("name", FORMATS)
def test_what_comes_back(made, collected, name):
    back = list(get_format(name).read(made.datasets[name]))
    assert [t.index for t in back] == [0, 1, 2]
    for first, second in zip(collected, back, strict=True):
        for part in ("success", "rewards", "terminated", "truncated", "actions", "expert_actions"):
            np.testing.assert_array_equal(getattr(first, part), getattr(second, part), part)
        for part in ("observations", "qpos", "start_command"):
            one, other = getattr(first, part), getattr(second, part)
            assert list(one) == list(other)
            for key in one:
                np.testing.assert_array_equal(one[key], other[key], f"{part}[{key}]")
        for part in ("commands", "executed"):
            for key, rows in getattr(first, part).items():
                np.testing.assert_allclose(rows, getattr(second, part)[key], rtol=1e-6)
        for part in ("task", "env_id", "robot", "house", "instruction", "seed", "noise_seed"):
            assert getattr(first, part) == getattr(second, part)
        assert first.control_dt == second.control_dt
        assert first.attempts == second.attempts
        assert first.episode.to_dict() == second.episode.to_dict()
        assert list(first.cameras) == list(second.cameras)
    assert replay(back[2]).exact


def test_lerobot_pictures_are_untouched(made, collected):
    for first, second in zip(
        collected, get_format("lerobot").read(made.datasets["lerobot"]), strict=True
    ):
        for camera, track in first.cameras.items():
            np.testing.assert_array_equal(track.frames(), second.cameras[camera].frames())


def test_minari_pictures_are_near(made, collected):
    first, second = collected[1], list(get_format("minari").read(made.datasets["minari"]))[1]
    for camera, track in first.cameras.items():
        frames, pictures = track.frames().astype(float), second.cameras[camera].frames()
        assert frames.shape == pictures.shape
        error = np.abs(frames - pictures).mean()
        assert error < 6
        assert error < 0.8 * np.abs(frames[::-1] - pictures).mean()


def test_lerobot_layout(made, collected):
    root = made.datasets["lerobot"]
    names = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    videos = {f"videos/observation.images.{c}/chunk-000/file-000.mp4" for c in SMALL["cameras"]}
    assert names == videos | {
        "meta/info.json",
        "meta/stats.json",
        "meta/tasks.parquet",
        "meta/molmospaces_gym.json",
        "meta/episodes/chunk-000/file-000.parquet",
        "data/chunk-000/file-000.parquet",
    }
    info = json.loads((root / "meta/info.json").read_text())
    assert info["codebase_version"] == "v3.0"
    assert (info["fps"], info["total_episodes"]) == (15, 3)
    assert info["total_frames"] == sum(map(len, collected))
    table = pq.read_table(root / "data/chunk-000/file-000.parquet")
    pictures = {key for key, f in info["features"].items() if f["dtype"] == "video"}
    assert pictures == {f"observation.images.{camera}" for camera in SMALL["cameras"]}
    assert set(table.column_names) == set(info["features"]) - pictures
    for key, feature in info["features"].items():
        assert feature["fps"] == 15
        if key in pictures:
            assert feature["shape"] == [48, 64, 3]
        elif feature["names"]:
            assert feature["shape"] == [len(feature["names"])]
    assert info["features"]["action"]["names"] == [f"arm.{i}" for i in range(7)] + ["gripper.0"]
    assert pq.ParquetFile(root / "data/chunk-000/file-000.parquet").num_row_groups == 3


def test_a_lerobot_row_is_a_state_and_the_action_chosen_there(made, collected):
    root = made.datasets["lerobot"]
    rows = pq.read_table(root / "data/chunk-000/file-000.parquet").to_pylist()
    names = json.loads((root / "meta/info.json").read_text())["features"]["observation.state"]
    assert not any(name.startswith(("object", "goal")) for name in names["names"])
    start = len(collected[0])
    for step in (0, 7, len(collected[1]) - 1):
        row, trajectory = rows[start + step], collected[1]
        assert (row["episode_index"], row["frame_index"]) == (1, step)
        assert row["index"] == start + step
        assert row["timestamp"] == pytest.approx(step / 15)
        assert row["observation.state"][:7] == trajectory.observations["arm_qpos"][step].tolist()
        assert row["action"] == trajectory.expert_actions[step].tolist()
        assert row["executed_action"] == trajectory.actions[step].tolist()
        assert row["next.reward"] == trajectory.rewards[step]
        assert row["next.success"] == trajectory.success[step + 1]
        assert row["next.done"] == (step == len(trajectory) - 1)
    episodes = pq.read_table(root / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    tasks = pq.read_table(root / "meta/tasks.parquet").to_pylist()
    words = {row["task_index"]: row["task"] for row in tasks}
    for episode, trajectory in zip(episodes, collected, strict=True):
        assert episode["tasks"] == [trajectory.instruction]
        assert words[rows[episode["dataset_from_index"]]["task_index"]] == trajectory.instruction
        assert episode["dataset_to_index"] - episode["dataset_from_index"] == len(trajectory)


def test_a_frame_is_at_its_number_over_fps(made, collected):
    """The joined video runs at exactly 15 Hz, so a time finds the picture of its row."""
    root = made.datasets["lerobot"]
    video = root / "videos/observation.images.wrist_camera/chunk-000/file-000.mp4"
    tracks = [t.cameras["wrist_camera"] for t in collected]
    whole = read_video(video)
    assert len(whole) == sum(map(track_frames, tracks))
    first = track_frames(tracks[0])
    for number in (first, first + 9, len(whole) - 1):
        np.testing.assert_array_equal(read_video(video, number, 1, 15)[0], whole[number])
    np.testing.assert_array_equal(whole[first + 9], tracks[1].frames()[9])


def test_full_files_are_followed_by_others(made, collected, tmp_path):
    folder = DatasetFolder(made.out, read_dataset_info(made.out)["settings"])
    writer = LeRobotWriter(data_file_mb=0.01, video_file_mb=0.001)
    writer.open(tmp_path, dataset_meta(folder, collected[0]))
    for trajectory in collected:
        writer.write(trajectory)
    writer.close()
    for pattern in ("data/*/*", "meta/episodes/*/*", "videos/observation.images.wrist_camera/*/*"):
        assert len(list(tmp_path.glob(pattern))) == 3
    back = list(get_format("lerobot").read(tmp_path))
    for first, second in zip(collected, back, strict=True):
        np.testing.assert_array_equal(first.actions, second.actions)
        camera = "exo_camera_1"
        np.testing.assert_array_equal(
            first.cameras[camera].frames(), second.cameras[camera].frames()
        )
    assert following(Place(0, 999, 5, 5), 1000) == Place(1, 0, 0, 0)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32))
def test_joint_statistics_are_those_of_all_rows(first, second, seed):
    rng = np.random.default_rng(seed)
    parts = [rng.normal(i, 1 + i, (n, 3)) for i, n in enumerate((first, second))]
    joint = joint_stats([{"a": array_stats(part)} for part in parts])["a"]
    whole = array_stats(np.concatenate(parts))
    for name in ("min", "max", "mean", "std", "count"):
        np.testing.assert_allclose(joint[name], whole[name], atol=1e-9)


@given(st.integers(1, 120), st.integers(0, 2**32))
def test_picture_statistics_are_those_of_the_numbers(count, seed):
    frames = np.random.default_rng(seed).integers(0, 256, (count, 4, 6, 3), dtype=np.uint8)
    found, values = picture_stats(frames), frames.reshape(-1, 3) / 255.0
    assert found["count"].tolist() == [count]
    for name, wanted in array_stats(values).items():
        if name != "count":
            assert found[name].shape == (3, 1, 1)
        if name in QUANTILES:
            level, share = found[name].ravel(), QUANTILES[name]
            assert ((values < level - 1e-9).mean(axis=0) <= share).all()
            assert ((values <= level + 1e-9).mean(axis=0) >= share - 1e-9).all()
        elif name != "count":
            np.testing.assert_allclose(found[name].ravel(), wanted, atol=1e-9)


def test_minari_loads_it(local_minari, collected):
    env = local_minari.recover_environment()
    assert local_minari.observation_space == env.observation_space
    assert local_minari.action_space == env.action_space
    env.close()
    assert local_minari.total_steps == sum(map(len, collected))
    for episode, trajectory in zip(local_minari, collected, strict=True):
        np.testing.assert_array_equal(episode.rewards, trajectory.rewards)
        np.testing.assert_array_equal(episode.actions, trajectory.actions)
        assert episode.terminations.tolist() == [False] * (len(trajectory) - 1) + [True]
        assert not episode.truncations.any()
        for step in (0, len(trajectory)):
            row = {key: values[step] for key, values in episode.observations.items()}
            assert local_minari.observation_space.contains(row)
        np.testing.assert_array_equal(episode.infos["is_success"], trajectory.success)
    assert DATASET_ID in minari.list_local_datasets()


def test_minari_without_pictures_has_the_state(plain, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(plain.datasets["minari"]))
    dataset = minari.load_dataset(DATASET_ID)
    env = gym.make("molmospaces_gym/Pick-v1", action_mode="joint_position")
    assert dataset.observation_space == env.observation_space
    assert "object_pose" in dataset[0].observations
    env.close()


def test_lerobot_without_pictures(plain):
    root = plain.datasets["lerobot"]
    info = json.loads((root / "meta/info.json").read_text())
    assert info["video_path"] is None
    assert not (root / "videos").exists()
    (trajectory,) = get_format("lerobot").read(root)
    assert replay(trajectory).exact


def test_writing_again_gives_the_same_files(made):
    before = {name: contents(made.datasets[name]) for name in FORMATS}
    left = made.out / ".lerobot.partial" / "data"
    left.mkdir(parents=True)
    (left / "half.parquet").write_text("left by a killed run")
    again = datagen("Pick", 3, made.out, formats=FORMATS, resume=True, **SMALL)
    assert {name: contents(again.datasets[name]) for name in FORMATS} == before
    assert not left.exists()


@pytest.mark.slow
def test_two_workers_and_a_resumed_run_write_the_same(made, tmp_path):
    datagen("Pick", 1, tmp_path / "b", formats=("lerobot",), **SMALL)
    two = datagen("Pick", 3, tmp_path / "b", formats=FORMATS, workers=2, resume=True, **SMALL)
    for name in FORMATS:
        assert not different(two.datasets[name], made.datasets[name])


def test_errors_say_what_is_missing(tmp_path, made, monkeypatch):
    with pytest.raises(InvalidTrajectory, match="info.json"):
        list(get_format("lerobot").read(tmp_path))
    with pytest.raises(InvalidTrajectory, match="0 Minari datasets"):
        list(get_format("minari").read(tmp_path))
    with pytest.raises(UnknownName, match="lerobot"):
        get_format("lerobto")
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta/info.json").write_text('{"codebase_version": "v2.1"}')
    with pytest.raises(InvalidTrajectory, match=r"v2\.1, expected v3"):
        list(get_format("lerobot").read(tmp_path))
    for package, name in (("pyarrow", "lerobot"), ("minari", "minari")):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(MissingPackage, match=rf"molmospaces-gym\[{name}\]"):
            get_format(name).writer()
