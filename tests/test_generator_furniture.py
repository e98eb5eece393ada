"""Generated furniture: surfaces where they claim, doors that open, rooms with free floor."""

import math
from itertools import combinations

import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molmospaces_gym.scenes.generator import HouseConfig, generate_house
from molmospaces_gym.scenes.generator.layout import FREE_DEPTH, plan_room

NAMES = [("train", 0), ("train", 1), ("val", 0), ("test", 7)]


@pytest.mark.parametrize("split, index", NAMES)
def test_surfaces_are_where_they_claim(split: str, index: int) -> None:
    furnished = generate_house(split, index)
    bare = generate_house(split, index, HouseConfig(num_objects=0))
    assert bare.metadata["surfaces"] == furnished.metadata["surfaces"]
    assert bare.mjcf is not None
    model = mujoco.MjModel.from_xml_string(bare.mjcf)
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)

    def look_down(x: float, y: float) -> tuple[float, int]:
        hit = np.zeros(1, dtype=np.int32)
        down = mujoco.mj_ray(
            model, data, np.array([x, y, 2.4]), np.array([0, 0, -1.0]), None, 1, -1, hit
        )
        return 2.4 - down, int(model.geom_bodyid[hit[0]])

    assert {s["kind"] for s in bare.metadata["surfaces"]} == {"table", "counter", "shelf"}
    for surface in bare.metadata["surfaces"]:
        body = model.body(surface["name"]).id
        (cx, cy, cz), (hx, hy) = surface["center"], surface["half_size"]
        c, s = math.cos(surface["yaw"]), math.sin(surface["yaw"])
        for u, v in ((0, 0), (1, 1), (1, -1), (-1, 1), (-1, -1)):
            x, y = u * (hx - 0.02), v * (hy - 0.02)
            assert look_down(cx + c * x - s * y, cy + s * x + c * y) == pytest.approx((cz, body))
        assert 0.38 <= cz <= 0.95
        assert surface["front"]
        for front in surface["front"]:
            toward = np.array([math.cos(front), math.sin(front)])
            depth = hy if abs(toward @ [-s, c]) > 0.5 else hx
            for ahead in np.linspace(0.05, FREE_DEPTH - 0.02, 8):
                x, y = np.array([cx, cy]) + (depth + ahead) * toward
                assert look_down(x, y)[0] < 0.01


@pytest.mark.parametrize("split, index", NAMES)
def test_cabinets_open_without_touching_their_frame(split: str, index: int) -> None:
    house = generate_house(split, index, HouseConfig(num_objects=0))
    assert house.mjcf is not None
    model = mujoco.MjModel.from_xml_string(house.mjcf)
    data = mujoco.MjData(model)
    entries = {n: o for n, o in house.metadata["objects"].items() if "joint" in o}
    assert sorted(o["category"] for o in entries.values()) == ["cabinet"] * 3 + ["drawer"] * 3
    for name, entry in entries.items():
        joint = model.joint(entry["joint"])
        assert joint.range[0] == 0.0
        assert list(joint.range) == entry["range"]
        assert model.geom(entry["handle"]).bodyid[0] == model.body(name).id
        front = handle_position(model, data, entry["handle"])
        for share in (0.0, 0.1, 0.5, 1.0):
            mujoco.mj_resetData(model, data)
            data.qpos[joint.qposadr[0]] = share * joint.range[1]
            mujoco.mj_forward(model, data)
            pairs = model.geom_bodyid[data.contact.geom]
            assert not np.any(pairs == model.body(name).id)
            assert not data.qfrc_bias[joint.dofadr[0]] > 1e-3
        opened = data.geom(entry["handle"]).xpos - front
        counter = model.body(entry["parent"]).pos
        assert np.linalg.norm(opened[:2]) > 0.3
        room = np.array(house.metadata["room"]["size"][:2]) / 2
        assert opened[:2] @ (room - counter[:2]) > 0


def handle_position(model: mujoco.MjModel, data: mujoco.MjData, geom: str) -> np.ndarray:
    mujoco.mj_resetData(model, data)
    mujoco.mj_kinematics(model, data)
    return np.array(data.geom(geom).xpos)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), cabinets=st.integers(0, 8))
def test_rooms_are_walkable(seed: int, cabinets: int) -> None:
    config = HouseConfig(num_cabinets=cabinets)
    plan = plan_room(np.random.default_rng(seed), config)
    for piece in plan.pieces:
        ex, ey = piece.extent
        assert abs(piece.x) + ex <= plan.size[0] / 2 + 1e-9
        assert abs(piece.y) + ey <= plan.size[1] / 2 + 1e-9
        fronts = plan.fronts(piece)
        own = math.remainder(piece.yaw - math.pi / 2 + plan.yaw, 2 * math.pi)
        assert any(abs(math.remainder(front - own, 2 * math.pi)) < 1e-6 for front in fronts)
    for a, b in combinations(plan.pieces, 2):
        gap_x = abs(a.x - b.x) - a.extent[0] - b.extent[0]
        gap_y = abs(a.y - b.y) - a.extent[1] - b.extent[1]
        assert max(gap_x, gap_y) > 0
