"""Official houses: names, files, metadata, the error of a missing one, and fetching."""

import functools
import gzip
import http.server
import io
import json
import os
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest

from molmospaces_gym.benchmark_io import load_benchmark
from molmospaces_gym.episode import EpisodeSpec, house_name
from molmospaces_gym.errors import InvalidScene, SceneNotFound, SuiteNotFound, UnknownName
from molmospaces_gym.official_suites import official_suites
from molmospaces_gym.scenes import fetch
from molmospaces_gym.scenes.house import House
from molmospaces_gym.scenes.official import (
    installed_houses,
    ithor_split,
    locate_house,
    official_house,
    parse_house_name,
)
from molmospaces_gym.scenes.resolve import resolve_house

StandinHouse = Callable[[dict[str, Any], Path], Path]

EMPTY = "<mujoco><worldbody/></mujoco>"
NAME = "holodeck-objaverse/val/1194"


def write(path: Path, text: str = EMPTY) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_every_official_episode_names_its_missing_house(
    official_episodes: list[dict[str, Any]], assets: Path
) -> None:
    for data in official_episodes:
        name = house_name(EpisodeSpec.parse(data))
        with pytest.raises(SceneNotFound) as caught:
            resolve_house(name)
        message = str(caught.value)
        file = assets / "scenes/holodeck-objaverse-val" / f"val_{data['house_index']}_ceiling.xml"
        assert str(file) in message
        assert 'pip install "molmospaces-gym[assets]"' in message
        assert f"molmospaces-gym scenes fetch {name}" in message
        assert "\n" not in message


def test_every_official_episode_finds_a_standin_house(
    official_episodes: list[dict[str, Any]], assets: Path, standin_house: StandinHouse
) -> None:
    for data in official_episodes:
        path = standin_house(data, assets)
        house = resolve_house(house_name(EpisodeSpec.parse(data)))
        assert house.path == path
        assert (
            house.metadata["objects"].keys() == data["scene_modifications"]["object_poses"].keys()
        )
    model = mujoco.MjModel.from_xml_path(str(resolve_house(NAME).path))
    poses = official_episodes[0]["scene_modifications"]["object_poses"]
    for name, pose in poses.items():
        np.testing.assert_allclose(model.body(name).pos, pose[:3])
    assert installed_houses("holodeck-objaverse", "val")[0] == NAME
    assert len(installed_houses("holodeck-objaverse", "val")) == 10
    assert installed_houses("holodeck-objaverse", "train") == ()


def test_ceiling_variant_is_preferred(assets: Path) -> None:
    base = write(assets / "scenes/procthor-10k-test/test_7.xml")
    write(assets / "scenes/procthor-10k-test/test_7_metadata.json", '{"objects": {"mug": {}}}')
    assert locate_house("procthor-10k/test/7") == base
    ceiling = write(base.with_name("test_7_ceiling.xml"))
    assert locate_house("procthor-10k/test/7") == ceiling
    assert locate_house("procthor-10k/test/7", variant="base") == base
    assert official_house("procthor-10k/test/7").metadata == {"objects": {"mug": {}}}
    with pytest.raises(UnknownName, match="house variant 'roof'"):
        locate_house("procthor-10k/test/7", variant="roof")


def test_folder_without_the_split_is_found_too(assets: Path) -> None:
    path = write(assets / "scenes/procthor-objaverse/val_3.xml")
    assert locate_house("procthor-objaverse/val/3") == path
    assert installed_houses("procthor-objaverse", "val") == ("procthor-objaverse/val/3",)


@pytest.mark.parametrize("metadata", ["FloorPlan201_physics_metadata", "FloorPlan201_metadata"])
def test_ithor(assets: Path, metadata: str) -> None:
    path = write(assets / "scenes/ithor/FloorPlan201_physics.xml")
    write(assets / f"scenes/ithor/{metadata}.json", '{"objects": {"pan": {}}}')
    write(assets / "scenes/ithor/FloorPlan22_physics.xml")
    house = official_house("ithor/train/201")
    assert house.path == path
    assert house.metadata["objects"] == {"pan": {}}
    assert installed_houses("ithor", "train") == ("ithor/train/201",)
    assert installed_houses("ithor", "val") == ("ithor/val/22",)
    assert [ithor_split(i) for i in (1, 12, 13, 24, 25, 30, 31, 412)] == [
        *("train", "train", "val", "val", "test", "test", None, "train")
    ]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("holodeck/val/3", "scene dataset 'holodeck'; known: holodeck-objaverse, ithor"),
        ("holodeck-objaverse/test/3", "split of holodeck-objaverse 'test'; known: train, val"),
        ("ithor/val", "house 'ithor/val'; known: ithor/test/<number>"),
        ("ithor/val/-1", "house 'ithor/val/-1'"),
        ("ithor/val/1/2", "house 'ithor/val/1/2'"),
    ],
)
def test_bad_house_names(name: str, message: str) -> None:
    with pytest.raises(UnknownName, match=message):
        parse_house_name(name)


@pytest.mark.parametrize("name", ["holodeck/val/3", "", "kitchen", "generated", "generated/val"])
def test_unresolvable_names(name: str) -> None:
    with pytest.raises(UnknownName, match="unknown house"):
        resolve_house(name)


def test_unknown_split_of_generated_houses() -> None:
    with pytest.raises(UnknownName, match="split 'nowhere'"):
        resolve_house("generated/nowhere/3")


def test_generated_houses_come_from_the_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    from molmospaces_gym.scenes import generator

    calls = []

    def generate(split: str, index: int) -> House:
        calls.append((split, index))
        return House(name=f"generated/{split}/{index}", mjcf=EMPTY)

    monkeypatch.setattr(generator, "generate_house", generate, raising=False)
    house = resolve_house("generated/val/987654321")
    assert house.mjcf == EMPTY
    assert resolve_house("generated/val/987654321") is house
    assert calls == [("val", 987654321)]


def test_file_with_metadata_beside_it(tmp_path: Path) -> None:
    path = write(tmp_path / "kitchen.xml")
    assert resolve_house(str(path)).metadata == {}
    write(tmp_path / "kitchen_metadata.json", '{"objects": {"mug": {"category": "Mug"}}}')
    house = resolve_house(path)
    assert house.path == path
    assert house.metadata["objects"]["mug"]["category"] == "Mug"
    assert resolve_house(path) is house, "an unchanged file is read once"
    os.utime(path, (1, 1))
    assert resolve_house(path) is not house
    ceiling = write(tmp_path / "kitchen_ceiling.xml")
    assert resolve_house(ceiling).metadata == house.metadata


def test_relative_file_is_looked_for_in_the_base_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    here, there = write(tmp_path / "room.xml"), write(tmp_path / "suite/room.xml")
    assert resolve_house("room.xml").path == here
    assert resolve_house("room.xml", base=tmp_path / "suite").path == there
    there.unlink()
    assert resolve_house("room.xml", base=tmp_path / "suite").path == here


def test_official_custom_scene(reference_data: Path) -> None:
    house = resolve_house(reference_data / "official_custom_assets" / "scene.xml")
    assert house.metadata["objects"]["red_block"]["category"] == "block"


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SceneNotFound, match=r"no scene file at .*nowhere\.xml"):
        resolve_house(tmp_path / "nowhere.xml")
    with pytest.raises(SceneNotFound, match=r"suite/nowhere\.xml or "):
        resolve_house("nowhere.xml", base=tmp_path / "suite")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not valid XML"),
        ("\x00\x01", "not valid XML"),
        ("<mujoco><worldbody>", "not valid XML: .*line 1, column 19"),
        ("<robot name='x'/>", "root element is <robot>, expected <mujoco>"),
    ],
)
def test_corrupt_file(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path / "scene.xml", text)
    with pytest.raises(InvalidScene, match=f"scene.xml: .*{message}"):
        resolve_house(path)


@pytest.mark.parametrize("text", ["", "[]", '{"objects": []}', '{"objects": {"mug": 3}}', "{"])
def test_corrupt_metadata(tmp_path: Path, text: str) -> None:
    path = write(tmp_path / "scene.xml")
    write(tmp_path / "scene_metadata.json", text)
    with pytest.raises(InvalidScene, match="scene_metadata.json: "):
        resolve_house(path)


def test_fetching_without_the_package(assets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "molmospaces_resources", None)
    with pytest.raises(SceneNotFound, match=r'pip install "molmospaces-gym\[assets\]"'):
        fetch.fetch(NAME)
    with pytest.raises(UnknownName, match="scene dataset 'kitchen'"):
        fetch.fetch("kitchen")
    with pytest.raises(SceneNotFound, match="expected objects/thor/<file> or"):
        fetch.fetch("objects/lego/brick.xml")


def test_referenced_objects(tmp_path: Path) -> None:
    path = write(
        tmp_path / "scene.xml",
        '<mujoco><asset><mesh file="../../objects/objaverse/ab/ab.obj"/>'
        '<mesh file="../../objects/thor/Mug/Mug.obj"/><mesh file="own.obj"/>'
        '<texture file="../../objects/objaverse/ab/ab.png"/></asset></mujoco>',
    )
    assert fetch.referenced_objects(path) == {
        "objaverse": ["ab/ab.obj", "ab/ab.png"],
        "thor": ["Mug/Mug.obj"],
    }


def test_scene_modules_import_no_simulator() -> None:
    code = (
        "import sys; import molmospaces_gym.scenes.resolve, molmospaces_gym.benchmark_io, "
        "molmospaces_gym.scenes.fetch; "
        "sys.exit(any(m in sys.modules for m in ('mujoco', 'numba', 'molmospaces_resources')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class Storage:
    """A stand-in for the official storage: archives served over HTTP on this machine."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def add(self, data_type: str, source: str, archives: dict[str, dict[str, str]]) -> None:
        zstandard = pytest.importorskip("zstandard")
        folder = self.root / data_type / source / fetch.VERSIONS[data_type][source]
        folder.mkdir(parents=True)
        for name, files in archives.items():
            buffer = io.BytesIO()
            with tarfile.open(fileobj=buffer, mode="w") as tar:
                for path, text in files.items():
                    info = tarfile.TarInfo(path)
                    info.size = len(text.encode())
                    tar.addfile(info, io.BytesIO(text.encode()))
            packed = zstandard.ZstdCompressor().compress(buffer.getvalue())
            (folder / name).write_bytes(packed)
        sizes = dict.fromkeys(archives, 0.1)
        write(folder / "mjthor_resource_file_to_size_mb.json", json.dumps(sizes))
        tries = {name: _trie(files) for name, files in archives.items()}
        packed_tries = gzip.compress(json.dumps(tries).encode())
        (folder / "mjthor_resources_combined_meta.json.gz").write_bytes(packed_tries)


def _trie(paths: dict[str, str]) -> dict[str, Any]:
    root: dict[str, Any] = {}
    for path in paths:
        node = root
        for part in path.split("/"):
            node = node.setdefault(part, {})
    return root


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_args: object) -> None:
        return


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Storage, str]]:
    pytest.importorskip("molmospaces_resources")
    root = tmp_path / "remote"
    root.mkdir()
    monkeypatch.setenv("MLSPACES_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    handler = functools.partial(_Quiet, directory=str(root))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Storage(root), f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


EPISODE = {
    "house_index": 3,
    "scene_dataset": "procthor-10k",
    "robot": {"robot_name": "franka_droid", "init_qpos": {}},
    "img_resolution": [640, 368],
    "cameras": [
        {"name": name, "type": "exocentric", "pos": [0, 0, 1], "up": [0, 0, 1],
         "forward": [1, 0, 0], "fov": 60.0}
        for name in ("exo_camera_1", "wrist_camera")
    ],
    "scene_modifications": {"added_objects": {}, "object_poses": {}, "removed_objects": []},
    "task": {"task_cls": "molmo_spaces.tasks.pick_task.PickTask", "task_horizon_sec": 30,
             "robot_base_pose": [0, 0, 0, 1, 0, 0, 0], "pickup_obj_name": "mug_1",
             "pickup_obj_start_pose": [0, 0, 0, 1, 0, 0, 0]},
    "language": {"task_description": "pick up the mug."},
}  # fmt: skip

MESH = "objects/objaverse/ab12/ab12.obj"
TETRAHEDRON = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n"


def test_fetch_house(assets: Path, storage: tuple[Storage, str]) -> None:
    remote, url = storage
    with pytest.raises(SceneNotFound, match=f"could not fetch {NAME} .*404"):
        fetch.fetch(NAME, url)
    scene = f'<mujoco><asset><mesh name="m" file="../../{MESH}"/></asset></mujoco>'
    houses = {
        f"holodeck_val_{index}.tar.zst": {
            f"val_{index}.xml": scene,
            f"val_{index}_ceiling.xml": scene,
            f"val_{index}_metadata.json": '{"objects": {}}',
        }
        for index in range(1185, 1196)
    }
    shared = {"holodeck_shared.tar.zst": {"shared/wall.png": "pixels"}}
    remote.add("scenes", "holodeck-objaverse-val", {**houses, **shared})
    objects = {"objaverse_ab12.tar.zst": {"ab12/ab12.obj": TETRAHEDRON, "ab12/ab12.xml": EMPTY}}
    remote.add("objects", "objaverse", {**objects, "objaverse_cd34.tar.zst": {"cd34/cd34.xml": ""}})

    path = fetch.fetch(NAME, url)

    assert path == locate_house(NAME)
    assert path.name == "val_1194_ceiling.xml"
    assert official_house(NAME).metadata == {"objects": {}}
    assert mujoco.MjModel.from_xml_path(str(path)).nmesh == 1
    assert (assets / "scenes/holodeck-objaverse-val/shared/wall.png").is_file()
    assert not (assets / "objects/objaverse/cd34/cd34.xml").exists()
    assert installed_houses("holodeck-objaverse", "val") == (NAME,)
    assert fetch.fetch(NAME, url) == path, "a second fetch changes nothing"
    with pytest.raises(SceneNotFound, match=r"No archive contains 'val_77\.xml'"):
        fetch.fetch("holodeck-objaverse/val/77", url)
    assert fetch.fetch("objects/objaverse/cd34/cd34.xml", url).is_file()


def test_fetch_suite(assets: Path, storage: tuple[Storage, str]) -> None:
    remote, url = storage
    record = official_suites()["ms-pick-v1.1"]
    with pytest.raises(SceneNotFound, match=r"could not fetch ms-pick-v1\.1 .*404"):
        fetch.fetch(record.name, url)
    files = {f"{record.path}/benchmark.json": json.dumps([EPISODE])}
    remote.add("benchmarks", record.package, {"benchmarks_v1.tar.zst": files})

    assert fetch.fetch(record.name, url) == record.directory

    loaded = load_benchmark(record.name)
    assert loaded.metadata["official_suite"]["data_version"] == "20260408"
    assert fetch.missing_houses(loaded.episodes) == ["procthor-10k/val/3"]
    write(assets / "scenes/procthor-10k-val/val_3.xml")
    assert fetch.missing_houses(loaded.episodes) == []
    assert fetch.fetch(record.name, "http://127.0.0.1:9") == record.directory
    with pytest.raises(SuiteNotFound, match="ms-open-v1.*benchmark.json"):
        fetch.fetch("ms-open-v1", url)
    with pytest.raises(UnknownName, match="official suite 'ms-lift'"):
        fetch.fetch_suite("ms-lift", url)


def test_fetch_from_a_dead_server(assets: Path, storage: tuple[Storage, str]) -> None:
    with pytest.raises(SceneNotFound, match="could not fetch .*URLError.*check the network"):
        fetch.fetch(NAME, "http://127.0.0.1:9")
