"""Asset libraries in the official index format, grasp files and object paths of episodes."""

import json
from pathlib import Path

import mujoco
import numpy as np
import pytest
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidScene, SceneNotFound, UnknownName
from molmospaces_gym.scenes.assets import AssetLibrary, resolve_asset
from molmospaces_gym.scenes.grasp_files import load_grasps, official_grasp_file, save_grasps


def write(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_text(text, encoding="utf-8")
    return path


def grasp_file(path: Path, **arrays: NDArray[np.float64]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays)
    return path


def entry(uid: str) -> dict[str, str | None]:
    return {
        "uid": uid,
        "object_path": f"{uid}/{uid}.xml",
        "metadata_path": f"{uid}/{uid}.json",
        "metadata_npz_path": None,
    }


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A library of a mug with grasps and a cabinet with grasps of one joint."""
    root = tmp_path / "library"
    write(root / "assets_index.json", {uid: entry(uid) for uid in ("mug", "cabinet")})
    for uid in ("mug", "cabinet"):
        write(root / uid / f"{uid}.xml", "<mujoco/>")
        write(root / uid / f"{uid}.json", {"category": uid, "mass": 1})
    write(
        root / "grasps_index.json",
        {
            "grasp_paths": {"droid": {"mug": "mug/droid.npz"}},
            "articulated_grasp_paths": {"droid": {"cabinet": {"door": "cabinet/door.npz"}}},
        },
    )
    grasp_file(root / "mug" / "droid.npz", transforms=np.stack([np.eye(4)] * 3))
    grasp_file(root / "cabinet" / "door.npz", transforms=np.eye(4)[None])
    return root


def test_official_library(reference_data: Path) -> None:
    library = AssetLibrary.load(reference_data / "official_custom_assets" / "asset_library")
    assert library.uids == ("red_block",)
    model = mujoco.MjModel.from_xml_path(str(library.object_path("red_block")))
    assert model.body("red_block").mass == pytest.approx(0.125)
    assert library.metadata("red_block")["boundingBox"] == {"x": 0.05, "y": 0.05, "z": 0.05}
    grasps = library.grasps("red_block", robot="droid")
    assert grasps.ndim == 3
    assert grasps.shape[1:] == (4, 4)
    assert len(grasps) > 0


def test_library(library: Path) -> None:
    loaded = AssetLibrary.load(str(library))
    assert loaded.uids == ("mug", "cabinet")
    assert loaded.object_path("mug") == library / "mug" / "mug.xml"
    assert loaded.metadata("cabinet")["category"] == "cabinet"
    assert loaded.grasps("mug").shape == (3, 4, 4)
    assert loaded.grasps("cabinet", joint="door").shape == (1, 4, 4)
    assert loaded.has_grasps("mug")
    assert not loaded.has_grasps("cabinet")
    assert not loaded.has_grasps("mug", robot="rum")


def test_unknown_names(library: Path) -> None:
    loaded = AssetLibrary.load(library)
    with pytest.raises(UnknownName, match="'bowl'; known: cabinet, mug"):
        loaded.object_path("bowl")
    with pytest.raises(UnknownName, match="'bowl'; known: cabinet, mug"):
        loaded.grasps("bowl")
    with pytest.raises(UnknownName, match="grasps of 'droid' for 'cabinet'; known: mug"):
        loaded.grasps("cabinet")
    with pytest.raises(UnknownName, match="'cabinet/lid'; known: cabinet/door"):
        loaded.grasps("cabinet", joint="lid")
    with pytest.raises(UnknownName, match="grasps of 'rum' for 'mug'; known: none"):
        loaded.grasps("mug", robot="rum")


def test_missing_files(library: Path, tmp_path: Path) -> None:
    with pytest.raises(SceneNotFound, match=r"assets_index\.json"):
        AssetLibrary.load(tmp_path)
    for file in ("mug/mug.xml", "mug/mug.json", "mug/droid.npz"):
        (library / file).unlink()
    loaded = AssetLibrary.load(library)
    for call in (loaded.object_path, loaded.metadata, loaded.grasps):
        with pytest.raises(SceneNotFound, match="of 'mug': missing"):
            call("mug")


def test_grasps_are_optional(library: Path) -> None:
    (library / "grasps_index.json").unlink()
    assert not AssetLibrary.load(library).has_grasps("mug")


CORRUPT = [
    ("assets_index.json", "{", "line 1, column 2"),
    ("assets_index.json", [], "expected"),
    ("assets_index.json", {"mug": {"uid": "mug"}}, r"mug\.object_path: found nothing"),
    ("assets_index.json", {"mug": entry("bowl")}, "'mug' calls itself 'bowl'"),
    ("grasps_index.json", {"grasp_paths": {"droid": ["mug"]}}, r"grasp_paths\.droid: found"),
    ("grasps_index.json", "", "line 1, column 1"),
]


@pytest.mark.parametrize(("file", "content", "message"), CORRUPT, ids=[c[2] for c in CORRUPT])
def test_corrupt_index(library: Path, file: str, content: object, message: str) -> None:
    write(library / file, content)
    with pytest.raises(InvalidScene, match=f"{file}: .*{message}"):
        AssetLibrary.load(library)


def test_corrupt_metadata(library: Path) -> None:
    write(library / "mug" / "mug.json", "[]")
    with pytest.raises(InvalidScene, match=r"mug\.json: found list"):
        AssetLibrary.load(library).metadata("mug")


def test_grasp_file_of_nothing(tmp_path: Path) -> None:
    empty = grasp_file(tmp_path / "grasps.npz", transforms=np.zeros((0, 4, 4)))
    assert load_grasps(empty).shape == (0, 4, 4)
    with pytest.raises(SceneNotFound, match="no grasp file"):
        load_grasps(tmp_path / "nowhere.npz")


SHEAR = np.eye(4)
SHEAR[0, 1] = 0.2


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"poses": np.eye(4)[None]}, "expected an array 'transforms'"),
        ({"transforms": np.eye(4)}, "expected"),
        ({"transforms": np.full((1, 4, 4), np.nan)}, "not finite"),
        ({"transforms": SHEAR[None]}, "no rigid transforms"),
        ({"transforms": 2 * np.eye(4)[None]}, "no rigid transforms"),
        ({"transforms": np.diag([1.0, 1.0, -1.0, 1.0])[None]}, "no rigid transforms"),
        ({"transforms": np.array(["a"])}, "not a readable"),
        ({"transforms": np.array([{}], dtype=object)}, "not a readable"),
    ],
)
def test_corrupt_grasps(
    tmp_path: Path, arrays: dict[str, NDArray[np.float64]], message: str
) -> None:
    with pytest.raises(InvalidScene, match=message):
        load_grasps(grasp_file(tmp_path / "grasps.npz", **arrays))


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 cut off"])
def test_grasp_file_that_is_no_archive(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "grasps.npz"
    path.write_bytes(content)
    with pytest.raises(InvalidScene, match="not a readable"):
        load_grasps(path)


def test_grasp_files_round_trip(tmp_path: Path) -> None:
    turned = np.eye(4)[[1, 2, 0, 3]]
    turned[:3, 3] = 0.1, -0.2, 0.3
    grasps = np.stack([np.eye(4), turned])
    save_grasps(tmp_path / "mug_grasps_filtered.npz", grasps)
    np.testing.assert_array_equal(load_grasps(tmp_path / "mug_grasps_filtered.npz"), grasps)
    save_grasps(str(tmp_path / "none.npz"), np.zeros((0, 4, 4)))
    assert load_grasps(str(tmp_path / "none.npz")).shape == (0, 4, 4)
    with pytest.raises(InvalidScene, match="no rigid transforms"):
        save_grasps(tmp_path / "new.npz", 2 * np.eye(4)[None])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mug_grasps_filtered.npz", "none.npz"]


def test_single_array_file(tmp_path: Path) -> None:
    path = tmp_path / "grasps.npy"
    np.save(path, np.eye(4))
    with pytest.raises(InvalidScene, match="not a readable"):
        load_grasps(path)


def test_official_grasp_files(assets: Path) -> None:
    assert official_grasp_file("Mug_1") is None
    whole = grasp_file(
        assets / "grasps/droid/Mug_1/Mug_1_grasps_filtered.npz", transforms=np.eye(4)[None]
    )
    joint = grasp_file(
        assets / "grasps/droid/Fridge_2/door_grasps_filtered.npz", transforms=np.eye(4)[None]
    )
    assert official_grasp_file("Mug_1") == whole
    assert official_grasp_file("Fridge_2") is None
    assert official_grasp_file("Fridge_2", joint="door") == joint


def test_resolve_asset(assets: Path, tmp_path: Path) -> None:
    installed = write(assets / "objects/thor/Bowl_27.xml", "<mujoco/>")
    own = write(tmp_path / "suite/objects/thor/Bowl_27.xml", "<mujoco/>")
    assert resolve_asset("objects/thor/Bowl_27.xml") == installed
    assert resolve_asset("objects/thor/Bowl_27.xml", base=tmp_path / "suite") == own
    assert resolve_asset("objects/thor/Bowl_27.xml", base=tmp_path) == installed
    assert resolve_asset(str(own)) == own
    with pytest.raises(SceneNotFound, match=r"scenes fetch objects/thor/Bowl_1\.xml"):
        resolve_asset("objects/thor/Bowl_1.xml")
