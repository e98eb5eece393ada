"""Homes: deterministic, disjoint between splits, at rest, drivable, and described truly."""

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import mujoco
import numpy as np
import pytest
from scipy import ndimage

from molmospaces_gym.errors import InvalidConfig, UnknownName
from molmospaces_gym.robots import get_robot
from molmospaces_gym.scenes.compose import get_scene
from molmospaces_gym.scenes.generator import SPLITS
from molmospaces_gym.scenes.homes import HomeConfig, generate_home
from molmospaces_gym.scenes.house import House
from molmospaces_gym.scenes.occupancy import occupancy_map
from molmospaces_gym.scenes.placement import placements
from molmospaces_gym.scenes.resolve import resolve_house

BODY_NAME = re.compile(r"^[a-z]+(_door|_handle)?_[0-9a-f]{32}_\d+_\d+_\d+$")
SLEEP = int(mujoco.mjtEnableBit.mjENBL_SLEEP)
OFFICIAL_KEYS = {
    "hash_name": str,
    "asset_id": str,
    "object_id": str,
    "category": str,
    "object_enum": str,
    "is_static": bool,
    "name_map": dict,
    "parent": str,
    "room_id": int,
    "children": list,
}
ENUMS = {"generic", "wall", "room", "door", "window", "thor_obj"}
HOMES = [
    ("val", 0, HomeConfig()),
    ("train", 3, HomeConfig(rooms=(6, 6), open_doors=0.5, hinged_doors=1.0)),
    ("test", 1, HomeConfig(rooms=(2, 2), num_objects=25, ceiling=True)),
]


@pytest.fixture(scope="module", params=HOMES, ids=lambda p: f"{p[0]}_{p[1]}")
def house(request: pytest.FixtureRequest) -> House:
    return generate_home(*request.param)


@pytest.fixture(scope="module")
def model(house: House) -> mujoco.MjModel:
    assert house.mjcf is not None
    return mujoco.MjModel.from_xml_string(house.mjcf)


def free_objects(house: House) -> dict[str, dict]:
    return {name: o for name, o in house.metadata["objects"].items() if "rest_height" in o}


def test_same_home_in_another_process_with_another_hash_seed() -> None:
    script = (
        "from molmospaces_gym.scenes.homes import generate_home as g; import sys, json;"
        "h = g('val', 3); sys.stdout.write(h.content_key + json.dumps(h.metadata))"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True,
            timeout=120, env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    ]  # fmt: skip
    here = generate_home("val", 3)
    assert runs[0] == runs[1] == here.content_key + json.dumps(here.metadata)


def test_a_home_does_not_depend_on_those_made_before() -> None:
    first = generate_home("train", 11)
    generate_home("val", 5, HomeConfig(num_objects=10))
    assert generate_home("train", 11).mjcf == first.mjcf


def test_splits_share_no_home() -> None:
    config = HomeConfig(rooms=(2, 3), num_objects=6)
    houses = [generate_home(split, k, config) for split in SPLITS for k in range(4)]
    assert len({house.content_key for house in houses}) == len(houses)
    assert len({json.dumps(house.metadata["rooms"]) for house in houses}) == len(houses)


def test_names_resolve() -> None:
    house = resolve_house("homes/val/3")
    assert house.name == "homes/val/3"
    assert house is resolve_house("homes/val/3")
    for name in ("homes/val/x", "homes/val", "homes/dev/0"):
        with pytest.raises(UnknownName):
            resolve_house(name)
    with pytest.raises(InvalidConfig, match="index"):
        generate_home("val", -1)


def test_nothing_moves_with_or_without_sleeping(house: House, model: mujoco.MjModel) -> None:
    flags = model.opt.enableflags
    for setting in (flags | SLEEP, flags & ~SLEEP):
        model.opt.enableflags = setting
        data = mujoco.MjData(model)
        mujoco.mj_step(model, data, 1000)
        for name in free_objects(house):
            a = model.jnt_qposadr[model.body(name).jntadr[0]]
            assert np.linalg.norm(data.qpos[a : a + 3] - model.qpos0[a : a + 3]) < 1e-3
        hinges = model.jnt_type != mujoco.mjtJoint.mjJNT_FREE
        a = model.jnt_qposadr[hinges]
        assert np.abs(data.qpos[a] - model.qpos0[a]).max() < 1e-3
    model.opt.enableflags = flags


def test_everything_falls_asleep(model: mujoco.MjModel) -> None:
    data = mujoco.MjData(model)
    mujoco.mj_step(model, data, 100)
    assert not np.any(data.tree_asleep < 0)


def test_official_fields(house: House, model: mujoco.MjModel) -> None:
    assert json.loads(json.dumps(house.metadata)) == house.metadata
    objects = house.metadata["objects"]
    for name, entry in objects.items():
        for key, kind in OFFICIAL_KEYS.items():
            assert type(entry[key]) is kind, (name, key)
        assert entry["hash_name"] == name
        assert entry["object_enum"] in ENUMS
        assert set(entry["name_map"]) == {"bodies", "joints", "sites"}
        assert model.body(name).parentid[0] == 0
        root = model.body(name).id
        for body in entry["name_map"]["bodies"]:
            assert model.body_rootid[model.body(body).id] == root
        for joint in entry["name_map"]["joints"]:
            assert joint.startswith(model.body(model.joint(joint).bodyid[0]).name)
        for child in entry["children"]:
            assert objects[child]["parent"] == name
        if entry["parent"]:
            assert name in objects[entry["parent"]]["children"]
        if entry["object_enum"] in ("thor_obj", "door", "window"):
            assert BODY_NAME.match(name), name
            assert set(entry["boundingBox"]) == {"x", "y", "z"}
            assert int(name.split("_")[-1]) == entry["room_id"]
    tops = {model.body(k).name for k in range(1, model.nbody) if model.body_parentid[k] == 0}
    extra = tops - set(objects)
    assert all(name.startswith(("decoration_", "ceiling_")) for name in extra)
    labels = [v for o in objects.values() for v in o["name_map"]["bodies"].values()]
    assert any("_door_" in label for label in labels) == bool(house.metadata["doors"])


def test_geom_names_are_official(model: mujoco.MjModel) -> None:
    for geom in range(model.ngeom):
        name = model.geom(geom).name
        if name == "floor":
            continue
        found = re.fullmatch(r"(.+)_(visual|collision)_\d+", name)
        assert found, name
        seen = model.geom_contype[geom] == 0 and model.geom_conaffinity[geom] == 0
        assert (found[2] == "visual") == seen
        root = model.body_rootid[model.geom_bodyid[geom]]
        assert model.body_rootid[model.body(found[1]).id] == root


def test_rooms_and_walls_have_their_bodies(house: House, model: mujoco.MjModel) -> None:
    objects = house.metadata["objects"]
    for number, room in enumerate(house.metadata["rooms"]):
        assert room["name"] == f"room_{number}" == objects[room["name"]]["hash_name"]
        assert model.geom(f"room_{number}_visual_0").bodyid[0] == model.body(room["name"]).id
        w, d, h = room["size"]
        assert 1.5 < min(w, d) and h == 2.6 and len(room["polygon"]) == 4
    walls = [name for name, o in objects.items() if o["object_enum"] == "wall"]
    assert walls and all(re.fullmatch(r"wall_\d+_\d+", name) for name in walls)


def test_doors_are_described(house: House, model: mujoco.MjModel) -> None:
    rooms = {room["name"] for room in house.metadata["rooms"]}
    for door in house.metadata["doors"]:
        assert door["name"].startswith("doorway_")
        assert "_door_" in door["body"]
        joint = model.joint(door["joint"])
        assert joint.bodyid[0] == model.body(door["body"]).id
        assert list(joint.range) == pytest.approx(door["range"])
        assert joint.qpos0[0] == pytest.approx(door["rest"])
        assert len(door["rooms"]) == 2 and set(door["rooms"]) <= rooms
        assert door["opens_into"] in door["rooms"]
        assert len(door["handles"]) == len(door["handle_joints"]) == 2
        for geom, name in zip(door["handles"], door["handle_joints"], strict=True):
            assert "handle" in name
            body = model.joint(name).bodyid[0]
            assert model.geom(geom).bodyid[0] == body
            assert not (model.body_parentid == body).any(), "handles are leaf bodies"
            assert model.body_parentid[body] == model.body(door["body"]).id


def test_a_door_swings_into_its_room(house: House, model: mujoco.MjModel) -> None:
    polygons = {r["name"]: np.array(r["polygon"]) for r in house.metadata["rooms"]}
    for door in house.metadata["doors"]:
        data = mujoco.MjData(model)
        data.joint(door["joint"]).qpos[0] = door["range"][1]
        mujoco.mj_kinematics(model, data)
        tip = np.mean([data.geom(geom).xpos[:2] for geom in door["handles"]], axis=0)
        corners = polygons[door["opens_into"]]
        assert (tip > corners.min(axis=0)).all() and (tip < corners.max(axis=0)).all()
        out = np.array([math.cos(door["swing"]), math.sin(door["swing"])])
        assert (tip - door["center"][:2]) @ out > 0.5
        data.joint(door["joint"]).qpos[0] = 0.0
        mujoco.mj_kinematics(model, data)
        tip = np.mean([data.geom(geom).xpos[:2] for geom in door["handles"]], axis=0)
        assert abs((tip - door["center"][:2]) @ out) < 0.1


def test_articulated_parts_are_described(house: House, model: mujoco.MjModel) -> None:
    objects = house.metadata["objects"]
    moving = np.flatnonzero(model.jnt_type != mujoco.mjtJoint.mjJNT_FREE)
    doors = house.metadata["doors"]
    assert len(moving) == len(house.metadata["articulated"]) + 3 * len(doors)
    for part in house.metadata["articulated"]:
        joint = model.joint(part["joint"])
        body = model.body(part["body"])
        assert joint.bodyid[0] == body.id and body.rootid[0] == model.body(part["object"]).id
        assert list(joint.range) == pytest.approx(part["range"]) and joint.range[0] == 0
        assert (joint.type[0] == mujoco.mjtJoint.mjJNT_SLIDE) == part["slides"]
        assert model.geom(part["handle"]).bodyid[0] == body.id
        assert part["joint"] in objects[part["object"]]["name_map"]["joints"]
        assert objects[part["object"]]["room_id"] == int(part["room"].removeprefix("room_"))


def test_objects_stand_on_their_surfaces(house: House, model: mujoco.MjModel) -> None:
    surfaces = {s["name"]: s for s in house.metadata["surfaces"]}
    assert len(surfaces) == len(house.metadata["surfaces"])
    joints = {model.joint(k).name for k in range(model.njnt)}
    for name, entry in free_objects(house).items():
        surface = surfaces[entry["surface"]]
        assert surface["name"].split("/")[0] == entry["parent"]
        assert surface["room"] == f"room_{entry['room_id']}"
        dx, dy = model.body(name).pos[:2] - np.array(surface["center"][:2])
        c, s = math.cos(surface["yaw"]), math.sin(surface["yaw"])
        local = np.abs([c * dx + s * dy, c * dy - s * dx])
        assert (local + entry["footprint"] <= np.array(surface["half_size"]) + 1e-6).all()
        height = surface["center"][2] + entry["rest_height"]
        assert model.body(name).pos[2] == pytest.approx(height, abs=1e-6)
        if surface["headroom"] is not None:
            assert entry["rest_height"] + entry["half_size"][2] < surface["headroom"]
    for surface in surfaces.values():
        assert (surface["kind"] == "inside") == (surface["inside"] in joints)
        assert len(surface["front"]) == len(surface["overhang"])


def test_a_robot_drives_through_all_rooms(house: House, model: mujoco.MjModel) -> None:
    data = mujoco.MjData(model)
    for door in house.metadata["doors"]:
        data.joint(door["joint"]).qpos[0] = door["range"][1]
    mujoco.mj_kinematics(model, data)
    free = occupancy_map(model, data, 40).inflated(0.35)
    areas = ndimage.label(free.free)[0]
    counts = np.bincount(areas.ravel())
    counts[0] = 0
    main = areas == counts.argmax()
    for room in house.metadata["rooms"]:
        corners = np.array(room["polygon"])
        cells = free.cells(np.array([corners.min(axis=0), corners.max(axis=0)]))
        (r0, c0), (r1, c1) = cells.min(axis=0), cells.max(axis=0)
        assert main[r0:r1, c0:c1].any(), room["type"]


def test_seven_objects_within_reach_of_one_robot() -> None:
    for index in range(3):
        scene = get_scene(resolve_house(f"homes/val/{index}"), get_robot("franka_droid"))
        best = max(placements(scene), key=lambda placement: len(placement.objects))
        assert len(best.objects) >= 7


def test_config_is_kept() -> None:
    house = generate_home("val", 1, HomeConfig(num_objects=0, num_articulated=0))
    assert not free_objects(house) and not house.metadata["articulated"]
    house = generate_home("val", 1, HomeConfig(num_objects=120, num_articulated=5, open_doors=0.0))
    assert len(free_objects(house)) > 90
    assert len(house.metadata["articulated"]) <= 5
    assert all(door["rest"] == 0 for door in house.metadata["doors"])
    assert house.metadata["generator"]["config"]["num_objects"] == 120


def test_furniture_neither_overlaps_nor_leaves_its_room(
    house: House, model: mujoco.MjModel
) -> None:
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    rooms = [np.array(room["polygon"]) for room in house.metadata["rooms"]]
    for name, entry in house.metadata["objects"].items():
        if entry["object_enum"] != "thor_obj" or not entry["is_static"]:
            continue
        body = data.body(name)
        box = entry["boundingBox"]
        half = np.abs(body.xmat.reshape(3, 3)[:2, :2]) @ np.array([box["x"], box["y"]]) / 2
        corners = rooms[entry["room_id"]]
        assert (body.xpos[:2] - half >= corners.min(axis=0) - 1e-6).all(), name
        assert (body.xpos[:2] + half <= corners.max(axis=0) + 1e-6).all(), name


def test_what_is_only_seen_costs_no_contact_test(house: House, model: mujoco.MjModel) -> None:
    free = {model.body(name).id for name in free_objects(house)}
    for body in range(1, model.nbody):
        name = model.body(body).name
        if body in free or name.startswith("doorway_"):
            continue
        first, count = model.body_geomadr[body], model.body_geomnum[body]
        touched = (model.geom_contype | model.geom_conaffinity)[first : first + count] != 0
        assert touched.all() or not touched.any(), name


def test_documentation_lists_every_field(house: House) -> None:
    text = (Path(__file__).resolve().parents[1] / "docs" / "homes.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \|[^|]*\|(.*)\|$", text, re.MULTILINE))
    assert set(rows) | {"objects"} == set(house.metadata)
    for key in ("rooms", "doors", "passages", "articulated"):
        fields = set(re.findall(r"`(\w+)`", rows[key]))
        assert all(set(entry) == fields for entry in house.metadata[key]), key
