"""Generated houses: deterministic, disjoint between splits, at rest, and described truly."""

import json
import math
import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import mujoco
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from molmospaces_gym.errors import InvalidConfig, InvalidScene, UnknownName
from molmospaces_gym.scenes.generator import SPLITS, HouseConfig, generate_house, write_house
from molmospaces_gym.scenes.generator.names import house_streams
from molmospaces_gym.scenes.house import House

BODY_NAME = re.compile(r"^[a-z_]+_[0-9a-f]{32}_\d+_\d+_\d+$")
SLEEP = int(mujoco.mjtEnableBit.mjENBL_SLEEP)
NAMES = [("train", 0), ("train", 1), ("val", 0), ("test", 7)]


@pytest.fixture(scope="module", params=NAMES, ids=lambda name: f"{name[0]}_{name[1]}")
def house(request: pytest.FixtureRequest) -> House:
    return generate_house(*request.param)


@pytest.fixture(scope="module")
def model(house: House) -> mujoco.MjModel:
    assert house.mjcf is not None
    return mujoco.MjModel.from_xml_string(house.mjcf)


def free_objects(house: House) -> dict[str, dict]:
    return {name: o for name, o in house.metadata["objects"].items() if "rest_height" in o}


def drift(model: mujoco.MjModel, names: list[str], steps: int) -> tuple[float, float]:
    """Largest shift (m) and turn (rad) of free bodies from their initial pose."""
    data = mujoco.MjData(model)
    mujoco.mj_step(model, data, steps)
    shift = turn = 0.0
    for name in names:
        a = int(model.jnt_qposadr[model.body(name).jntadr[0]])
        start, end = model.qpos0[a : a + 7], data.qpos[a : a + 7]
        shift = max(shift, float(np.linalg.norm(end[:3] - start[:3])))
        turn = max(turn, 2 * math.acos(min(1.0, abs(float(start[3:] @ end[3:])))))
    return shift, turn


def test_same_house_every_time() -> None:
    first, second = generate_house("val", 3), generate_house("val", 3)
    assert first.mjcf == second.mjcf
    assert first.metadata == second.metadata
    assert first.name == "generated/val/3"


def test_same_house_in_another_process() -> None:
    script = (
        "from molmospaces_gym.scenes.generator import generate_house as g;"
        "import sys; h = g('val', 3); sys.stdout.write(h.content_key)"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120
    )
    assert run.stdout == generate_house("val", 3).content_key


def test_splits_share_no_house() -> None:
    config = HouseConfig(num_objects=4, num_cabinets=2)
    houses = [generate_house(split, k, config) for split in SPLITS for k in range(5)]
    assert len({house.content_key for house in houses}) == len(houses)
    layouts = {json.dumps(house.metadata["surfaces"]) for house in houses}
    assert len(layouts) == len(houses)


@given(index=st.integers(0, 2**40), other=st.integers(0, 2**40))
def test_streams_differ_between_splits_and_indices(index: int, other: int) -> None:
    draws = {
        (split, k): tuple(rng.integers(2**63) for rng in house_streams(split, k, 2))
        for split in SPLITS
        for k in {index, other}
    }
    values = [value for draw in draws.values() for value in draw]
    assert len(set(values)) == len(values)


def test_bad_arguments_are_named() -> None:
    with pytest.raises(UnknownName, match="train"):
        generate_house("dev", 0)
    for index in (-1, 1.5, True, "0"):
        with pytest.raises(InvalidConfig, match="index"):
            generate_house("val", index)  # type: ignore[arg-type]
    bad: list[dict] = [
        {"num_objects": -1},
        {"num_cabinets": 9},
        {"room_size": (3.0, 5.0)},
        {"room_size": (5.0, 4.5)},
        {"finger_clearance": -0.1},
    ]
    for kwargs in bad:
        with pytest.raises(InvalidConfig):
            HouseConfig(**kwargs)


def test_number_of_things_is_configurable() -> None:
    for objects, cabinets in ((0, 0), (3, 1), (40, 8)):
        house = generate_house("train", 5, HouseConfig(objects, cabinets))
        joints = [o for o in house.metadata["objects"].values() if "joint" in o]
        assert len(free_objects(house)) == objects
        assert len(joints) == cabinets


@pytest.mark.parametrize("sleep", [True, False])
def test_nothing_drifts(house: House, model: mujoco.MjModel, sleep: bool) -> None:
    flags = model.opt.enableflags
    model.opt.enableflags = flags | SLEEP if sleep else flags & ~SLEEP
    shift, turn = drift(model, list(free_objects(house)), 1000)
    model.opt.enableflags = flags
    assert shift < 1e-3
    assert turn < math.radians(0.5)


def test_everything_falls_asleep(model: mujoco.MjModel) -> None:
    data = mujoco.MjData(model)
    mujoco.mj_step(model, data, 100)
    assert not np.any(data.tree_asleep < 0)


def test_physics_options_are_the_official_ones(model: mujoco.MjModel) -> None:
    assert model.opt.timestep == 0.002
    np.testing.assert_allclose(model.opt.gravity, [0, 0, -9.8])
    assert model.opt.integrator == mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    assert model.opt.cone == mujoco.mjtCone.mjCONE_ELLIPTIC
    assert model.opt.impratio == 10
    assert model.opt.solver == mujoco.mjtSolver.mjSOL_NEWTON


def test_metadata_is_json_and_names_real_bodies(house: House, model: mujoco.MjModel) -> None:
    assert json.loads(json.dumps(house.metadata)) == house.metadata
    objects = house.metadata["objects"]
    for name, entry in objects.items():
        assert model.body(name).parentid[0] == 0
        for joint in entry["name_map"]["joints"]:
            assert model.joint(joint).bodyid[0] == model.body(name).id
        for child in entry["children"]:
            assert objects[child]["parent"] == name
        if entry["parent"] is not None:
            assert name in objects[entry["parent"]]["children"]
    moving = [name for name, o in objects.items() if not o["is_static"]]
    assert all(BODY_NAME.match(name) for name in moving)
    assert len(moving) == sum(model.body(k).jntnum[0] for k in range(model.nbody))


def test_objects_are_what_their_metadata_says(house: House, model: mujoco.MjModel) -> None:
    heights = {s["name"]: s["center"][2] for s in house.metadata["surfaces"]}
    for name, entry in free_objects(house).items():
        body = model.body(name)
        assert body.mass[0] == pytest.approx(entry["mass"], rel=1e-5)
        low, high = body_box(model, body.id)
        half = np.array(entry["half_size"])
        np.testing.assert_allclose(high, half, atol=2e-5)
        np.testing.assert_allclose(low, -half, atol=2e-5)
        assert [2 * v for v in half] == pytest.approx(list(entry["boundingBox"].values()))
        assert entry["footprint"] <= math.hypot(half[0], half[1]) + 1e-6
        assert body.pos[2] == pytest.approx(
            heights[entry["surface"]] + entry["rest_height"], abs=2e-3
        )
        words = entry["descriptions"]
        assert {k: len(v.split()) for k, v in words.items()} == {"1": 1, "2": 2, "3": 3}
        assert words["2"].startswith(entry["color"])


def body_box(model: mujoco.MjModel, body: int) -> tuple[np.ndarray, np.ndarray]:
    """Box (in the body frame) around all geoms of a body, from the compiled model."""
    lows, highs = [], []
    for k in range(model.body_geomadr[body], model.body_geomadr[body] + model.body_geomnum[body]):
        turn = np.zeros(9)
        mujoco.mju_quat2Mat(turn, model.geom_quat[k])
        turn = turn.reshape(3, 3)
        size, kind = model.geom_size[k], model.geom_type[k]
        if kind == mujoco.mjtGeom.mjGEOM_MESH:
            mesh = model.geom_dataid[k]
            first, count = model.mesh_vertadr[mesh], model.mesh_vertnum[mesh]
            points = model.mesh_vert[first : first + count] @ turn.T
            low, high = points.min(0), points.max(0)
        else:
            if kind == mujoco.mjtGeom.mjGEOM_BOX:
                high = np.abs(turn) @ size
            elif kind == mujoco.mjtGeom.mjGEOM_ELLIPSOID:
                high = np.sqrt(turn**2 @ size**2)
            elif kind == mujoco.mjtGeom.mjGEOM_SPHERE:
                high = np.full(3, size[0])
            else:
                axis = np.abs(turn[:, 2])
                capsule = kind == mujoco.mjtGeom.mjGEOM_CAPSULE
                round_part = 1.0 if capsule else np.sqrt(np.maximum(0, 1 - axis**2))
                high = axis * size[1] + size[0] * round_part
            low = -high
        lows.append(model.geom_pos[k] + low)
        highs.append(model.geom_pos[k] + high)
    return np.min(lows, axis=0), np.max(highs, axis=0)


def test_six_objects_stand_apart_within_reach_of_one_robot(house: House) -> None:
    assert house.mjcf is not None
    spec = mujoco.MjSpec.from_string(house.mjcf)
    table = house.metadata["surfaces"][0]
    on_table = {n: o for n, o in free_objects(house).items() if o["surface"] == table["name"]}
    places = {n: (np.array(spec.body(n).pos)[:2], o["footprint"]) for n, o in on_table.items()}
    for (p, r), (q, s) in combinations(places.values(), 2):
        assert np.linalg.norm(p - q) - r - s > 0.04
    center, yaw = np.array(table["center"][:2]), table["yaw"]
    along, out = np.array([math.cos(yaw), math.sin(yaw)]), np.array([math.sin(yaw), -math.cos(yaw)])
    best = 0
    for shift in np.linspace(-table["half_size"][0], table["half_size"][0], 41):
        base = center + shift * along + (table["half_size"][1] + 0.3) * out
        distances = [np.linalg.norm(p - base) for p, _ in places.values()]
        best = max(best, sum(0.35 <= d <= 0.7 for d in distances))
    assert best >= 6


def test_written_house_is_the_same_house(house: House, tmp_path: Path) -> None:
    path = write_house(house, tmp_path / "scenes")
    _, split, index = house.name.split("/")
    assert path.name == f"{split}_{index}.xml"
    assert path.read_text() == house.mjcf
    metadata = path.with_name(f"{split}_{index}_metadata.json")
    assert json.loads(metadata.read_text()) == house.metadata
    assert sorted(p.name for p in path.parent.iterdir()) == sorted([path.name, metadata.name])
    with pytest.raises(InvalidScene, match="not a generated house"):
        write_house(House("mine", mjcf="<mujoco/>"), tmp_path)
