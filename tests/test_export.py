"""Exported homes are an official assets directory."""

import json
from pathlib import Path

import mujoco
import numpy as np
import pytest
from typer.testing import CliRunner

from molmospaces_gym.cli.main import app
from molmospaces_gym.errors import InvalidScene, UnknownName
from molmospaces_gym.robots import get_robot
from molmospaces_gym.scenes.compose import get_scene
from molmospaces_gym.scenes.export import export_home
from molmospaces_gym.scenes.homes import HomeConfig, generate_home
from molmospaces_gym.scenes.house import House
from molmospaces_gym.scenes.occupancy import load_map, map_file
from molmospaces_gym.scenes.official import installed_houses, locate_house, official_house
from molmospaces_gym.scenes.resolve import resolve_house

SMALL = HomeConfig(rooms=(2, 3), num_objects=10)


def test_exported_home_is_found_as_an_official_house(assets: Path) -> None:
    home = generate_home("val", 4, SMALL)
    path = export_home(home, assets, check_grasps=False)
    assert path == locate_house("procthor-10k/val/4", "base")
    assert path.read_text() == home.mjcf
    names = sorted(file.name for file in path.parent.iterdir())
    assert names == ["val_4.xml", "val_4_ceiling.xml", "val_4_map.png", "val_4_metadata.json"]
    assert installed_houses("procthor-10k", "val") == ("procthor-10k/val/4",)
    house = official_house("procthor-10k/val/4")
    assert house.path == locate_house("procthor-10k/val/4") == path.with_stem("val_4_ceiling")
    assert house.metadata == home.metadata
    scene = get_scene(resolve_house("procthor-10k/val/4"), get_robot("franka_droid"))
    assert set(scene.objects) <= set(scene.body_ids)


def test_ceiling_variant_only_adds_ceilings(assets: Path) -> None:
    path = export_home(generate_home("train", 2, SMALL), assets, check_grasps=False)
    base = mujoco.MjModel.from_xml_path(str(path))
    roofed = mujoco.MjModel.from_xml_path(str(path.with_stem("train_2_ceiling")))
    names = [{model.body(k).name for k in range(model.nbody)} for model in (base, roofed)]
    rooms = sum(name.startswith("room_") for name in names[0])
    assert names[1] - names[0] == {f"ceiling_{k}" for k in range(rooms)}
    assert not (names[0] - names[1])
    for k in range(rooms):
        geom = roofed.geom(f"ceiling_{k}_visual_0")
        assert geom.pos[2] - geom.size[2] == pytest.approx(2.6)
        floor = base.geom(f"room_{k}_visual_0")
        assert (geom.size[:2] <= floor.size[:2] + 1e-9).all()


def test_a_home_with_ceilings_gets_no_second_ones(assets: Path) -> None:
    home = generate_home("val", 4, HomeConfig(rooms=(2, 2), num_objects=4, ceiling=True))
    path = export_home(home, assets, check_grasps=False)
    assert path.with_stem("val_4_ceiling").read_text() == home.mjcf


def test_the_map_is_that_of_the_home(assets: Path) -> None:
    home = generate_home("test", 1, SMALL)
    path = export_home(home, assets, check_grasps=False)
    file = map_file(official_house("procthor-10k/test/1"))
    assert file == path.with_name("test_1_map.png")
    assert map_file(home) is None
    found = load_map(file)
    assert found.px_per_m == 200
    assert list(found.room_names.values()) == [room["name"] for room in home.metadata["rooms"]]
    for room in home.metadata["rooms"]:
        corners = np.array(room["polygon"])
        x, y = corners.mean(axis=0)
        xs = np.linspace(corners[0, 0], corners[2, 0], 30)[1:-1]
        points = np.array([[u, v] for u in xs for v in np.linspace(y - 0.5, y + 0.5, 20)])
        free = found.is_free(points)
        assert free.any()
        assert found.room_of(*points[free][0]) == room["name"]
    for door in home.metadata["doors"]:
        assert found.is_free(np.array([door["center"][:2]])).all(), "open doors leave the way free"


def test_what_cannot_be_exported_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidScene, match="not a home"):
        export_home(House("mine", mjcf="<mujoco/>"), tmp_path)
    with pytest.raises(InvalidScene, match="not a home"):
        export_home(resolve_house("generated/val/0"), tmp_path)
    home = generate_home("test", 1, SMALL)
    with pytest.raises(UnknownName, match="dataset to export as 'ithor'"):
        export_home(home, tmp_path, "ithor")
    with pytest.raises(UnknownName, match="split of holodeck-objaverse 'test'"):
        export_home(home, tmp_path, "holodeck-objaverse")


def test_export_command(assets: Path) -> None:
    arguments = [
        "scenes",
        "export",
        str(assets),
        "--homes",
        "1",
        "--split",
        "val",
        "--first",
        "7",
        "--no-check-grasps",
    ]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    folder = assets / "scenes" / "procthor-10k-val"
    assert str(folder / "val_7.xml") in result.output.replace("\n", "")
    metadata = json.loads((folder / "val_7_metadata.json").read_text())
    assert metadata["generator"]["index"] == 7
