"""Benchmarks on disk: all forms load, a save is exact and atomic, faults are named."""

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from molmospaces_gym import benchmark_io, json_files
from molmospaces_gym.benchmark_io import (
    BENCHMARK_FILE,
    METADATA_FILE,
    Benchmark,
    describe,
    load_benchmark,
    save_benchmark,
    suite_names,
)
from molmospaces_gym.episode import EpisodeSpec, house_name
from molmospaces_gym.errors import InvalidEpisode, UnknownName


def episode(index: int = 0, **changes: Any) -> dict[str, Any]:
    return {
        "house_index": index,
        "scene_dataset": "generated",
        "data_split": "val",
        "robot": {"robot_name": "franka_droid", "init_qpos": {"arm": [0, 0.1]}},
        "cameras": [],
        "task": {
            "task_cls": "molmo_spaces.tasks.pick_task.PickTask",
            "robot_base_pose": [0, 0, 0, 1, 0, 0, 0],
            "pickup_obj_name": "mug",
            "pickup_obj_start_pose": [1, 0, 0, 1, 0, 0, 0],
        },
        "language": {"task_description": "Pick up the mug"},
        "img_resolution": [64, 48],
        **changes,
    }


def write(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_text(text, encoding="utf-8")
    return path


def test_official_directory_and_file(official_benchmark: Path) -> None:
    for source in (official_benchmark, str(official_benchmark / BENCHMARK_FILE)):
        loaded = load_benchmark(source)
        assert len(loaded) == 10
        assert loaded.name == "official_benchmark"
        assert loaded.metadata["num_episodes"] == 10
        assert loaded.path == official_benchmark / BENCHMARK_FILE
    assert house_name(loaded.find(9)) == "holodeck-objaverse/val/8226"


def test_official_benchmark_saved_again_is_equal(
    official_benchmark: Path, official_episodes: list[dict[str, Any]], tmp_path: Path
) -> None:
    loaded = load_benchmark(official_benchmark)
    folder = save_benchmark(loaded.episodes, tmp_path / "again", loaded.metadata)
    again = json.loads((folder / BENCHMARK_FILE).read_text(encoding="utf-8"))
    assert json.dumps(again) == json.dumps(official_episodes)
    assert json.loads((folder / METADATA_FILE).read_text(encoding="utf-8")) == loaded.metadata
    assert load_benchmark(folder).episodes == loaded.episodes


def test_legacy_form_of_the_official_episodes(
    official_benchmark: Path, official_episodes: list[dict[str, Any]], tmp_path: Path
) -> None:
    for data in reversed(official_episodes):
        write(tmp_path / f"house_{data['house_index']}" / "episode_00000000.json", data)
    legacy = load_benchmark(tmp_path)
    assert legacy.episodes == load_benchmark(official_benchmark).episodes
    assert legacy.ids[0] == "house_1194/episode_00000000"
    assert legacy.find("house_8226/episode_00000000") is legacy.episodes[9]


def test_legacy_houses_are_in_numeric_order(tmp_path: Path) -> None:
    for index in (10, 9, 100):
        for number in (1, 0):
            write(tmp_path / f"house_{index}" / f"episode_{number:08d}.json", episode(index))
    loaded = load_benchmark(tmp_path)
    assert [spec.house_index for spec in loaded] == [9, 9, 10, 10, 100, 100]
    assert loaded.ids[:2] == ("house_9/episode_00000000", "house_9/episode_00000001")


def test_find_by_index_and_id() -> None:
    specs = tuple(
        EpisodeSpec.parse(episode(i, **({"episode_id": f"mug-{i}"} if i else {}))) for i in range(3)
    )
    benchmark = Benchmark("b", None, specs)
    assert benchmark.ids == ("episode_00000000", "mug-1", "mug-2")
    assert benchmark.find("mug-2") is specs[2]
    assert benchmark.find(np.int64(1)) is specs[1]
    assert benchmark.index_of("episode_00000000") == 0
    for key in (3, -1, "mug-9", ""):
        with pytest.raises(InvalidEpisode, match="holds no episode"):
            benchmark.find(key)


def test_duplicate_ids(tmp_path: Path) -> None:
    content = [episode(episode_id="a"), episode(), episode(episode_id="a")]
    file = write(tmp_path / BENCHMARK_FILE, content)
    with pytest.raises(InvalidEpisode, match="episodes 0 and 2 share the id 'a'"):
        load_benchmark(file)
    specs = [EpisodeSpec.parse(item) for item in content]
    with pytest.raises(InvalidEpisode, match="share the id"):
        save_benchmark(specs, tmp_path / "new")
    assert not (tmp_path / "new").exists()


CORRUPT = [
    ("", "line 1, column 1"),
    ('[\n{"a": 1,\n]', "line 3, column 1"),
    ("[NaN]", "NaN is not valid JSON"),
    ("[" * 100_000, "nested too deeply"),
    ({"episodes": []}, "found dict, expected a list"),
    ("3", "found int, expected a list"),
    ([], "the list is empty"),
    ([None], "episode 0: found None"),
    ([episode(), {**episode(), "robot": {}}], r"episode 1: robot\.robot_name: found nothing"),
    ([episode(), episode(), "x"], "episode 2: found 'x'"),
]


@pytest.mark.parametrize(("content", "message"), CORRUPT, ids=[c[1] for c in CORRUPT])
def test_corrupt_benchmark(tmp_path: Path, content: object, message: str) -> None:
    file = write(tmp_path / BENCHMARK_FILE, content)
    for source in (file, tmp_path):
        with pytest.raises(InvalidEpisode, match=message) as caught:
            load_benchmark(source)
        assert str(file) in str(caught.value)


def test_corrupt_neighbours(tmp_path: Path) -> None:
    write(tmp_path / BENCHMARK_FILE, [episode()])
    for content, message in (("{", "line 1, column 2"), ("[]", "expected an object")):
        write(tmp_path / METADATA_FILE, content)
        with pytest.raises(InvalidEpisode, match=f"{METADATA_FILE}: .*{message}"):
            load_benchmark(tmp_path)
    legacy = write(tmp_path / "legacy" / "house_3" / "episode_1.json", '{"house_index": }')
    with pytest.raises(InvalidEpisode, match="house_3/episode_1.json.*line 1, column 17"):
        load_benchmark(legacy.parents[1])


def test_binary_file(tmp_path: Path) -> None:
    file = tmp_path / BENCHMARK_FILE
    file.write_bytes(b"[\xff\xfe]")
    with pytest.raises(InvalidEpisode, match="not UTF-8 text"):
        load_benchmark(file)


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(
        InvalidEpisode, match="no such file or directory; expected a benchmark.json"
    ):
        load_benchmark(tmp_path / "nowhere")
    with pytest.raises(InvalidEpisode, match="no such file or directory"):
        load_benchmark("./nowhere.json")
    with pytest.raises(InvalidEpisode, match="found neither benchmark.json nor house_"):
        load_benchmark(tmp_path)
    with pytest.raises(UnknownName, match="unknown benchmark suite 'pick-maxi'; known: "):
        load_benchmark("pick-maxi")


def test_suites_load_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write(tmp_path / "tiny" / BENCHMARK_FILE, [episode(), episode(1)])
    write(tmp_path / "tiny" / METADATA_FILE, {"description": "two"})
    write(tmp_path / "README.txt", "not a suite")
    monkeypatch.setattr(benchmark_io, "_suites", lambda: tmp_path)
    assert suite_names() == ["tiny"]
    suite = load_benchmark("tiny")
    assert (suite.name, len(suite), suite.metadata["description"]) == ("tiny", 2, "two")
    shutil.rmtree(tmp_path / "tiny")
    assert suite_names() == []


def test_shipped_suites_are_sound() -> None:
    for name in suite_names():
        suite = load_benchmark(name)
        assert suite.name == name
        assert suite.metadata.get("num_episodes", len(suite)) == len(suite)


def test_saving_nothing_or_what_json_cannot_hold(tmp_path: Path) -> None:
    with pytest.raises(InvalidEpisode, match="empty"):
        save_benchmark([], tmp_path)
    spec = EpisodeSpec.parse(episode())
    for value in (float("nan"), float("inf"), np.zeros(3), object()):
        broken = spec.replace(task={**spec.task, "note": value})
        with pytest.raises(InvalidEpisode, match="episode 1 cannot be written as JSON"):
            save_benchmark([spec, broken], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_interrupted_save_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = EpisodeSpec.parse(episode())
    save_benchmark([spec], tmp_path)

    def fail(_handle: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(json_files.os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        save_benchmark([spec, spec.replace(seed=1)], tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == [BENCHMARK_FILE]
    assert len(load_benchmark(tmp_path)) == 1


def test_describe_counts() -> None:
    specs = [EpisodeSpec.parse(copy.deepcopy(episode(i % 2))) for i in range(3)]
    counted = describe(specs, "three")
    assert counted["num_episodes"] == 3
    assert counted["num_houses"] == 2
    assert counted["robot_counts"] == {"franka_droid": 3}
    assert counted["task_cls_counts"] == {"molmo_spaces.tasks.pick_task.PickTask": 3}


def test_compressed_benchmarks_are_the_same_and_reproducible(tmp_path: Path) -> None:
    specs = [EpisodeSpec.parse(episode(index)) for index in range(3)]
    plain = save_benchmark(specs, tmp_path / "plain")
    packed = save_benchmark(specs, tmp_path / "packed", {"description": "x"}, compressed=True)
    file = packed / f"{BENCHMARK_FILE}.gz"
    assert not (packed / BENCHMARK_FILE).exists()
    assert load_benchmark(packed).episodes == load_benchmark(plain).episodes
    assert load_benchmark(file).metadata == {"description": "x"}
    first = file.read_bytes()
    save_benchmark(specs, packed, compressed=True)
    assert file.read_bytes() == first
    save_benchmark(specs[:1], packed)
    assert len(load_benchmark(packed)) == 1 and not file.exists()


@pytest.mark.parametrize("damage", [lambda data: data[:40], lambda data: b"{}" + data])
def test_damaged_compressed_benchmark(tmp_path: Path, damage: Any) -> None:
    folder = save_benchmark([EpisodeSpec.parse(episode())], tmp_path / "b", compressed=True)
    file = folder / f"{BENCHMARK_FILE}.gz"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(InvalidEpisode, match=r"benchmark\.json\.gz: cannot be read"):
        load_benchmark(folder)
