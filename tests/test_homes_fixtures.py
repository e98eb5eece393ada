"""Furniture of homes: what opens does so freely, rests where it is left and has room inside."""

from collections.abc import Iterator

import mujoco
import numpy as np
import pytest

from molmospaces_gym.scenes.generator.shapes import bounds
from molmospaces_gym.scenes.homes.catalog import FIXTURES, ROOM_FIXTURES
from molmospaces_gym.scenes.homes.doors import door
from molmospaces_gym.scenes.homes.fixture import Fixture, Moving
from molmospaces_gym.scenes.homes.single import fixture_mjcf

SEEDS = range(4)
MOVING = sorted(name for name in FIXTURES if FIXTURES[name](np.random.default_rng(0)).moving)
AWAKE = '<flag sleep="disable"'


def draw(name: str, seed: int) -> Fixture:
    rng = np.random.default_rng(seed)
    if name == "door":
        return door(float(rng.uniform(0.82, 0.96)), 2.06, 0.1, rng)
    return FIXTURES[name](rng)


def load(fixture: Fixture) -> tuple[mujoco.MjModel, mujoco.MjData]:
    text = fixture_mjcf(fixture).replace('<flag sleep="enable"', AWAKE)
    model = mujoco.MjModel.from_xml_string(text)
    return model, mujoco.MjData(model)


def grips(fixture: Fixture) -> Iterator[tuple[str, str, Moving]]:
    """Joint that opens, geom to hold it by, and the moving part."""
    for k, moving in enumerate(fixture.moving):
        if moving.handle >= 0:
            yield f"joint_{k}", f"moving_{k}_part_{moving.handle}", moving
        for c, child in enumerate(moving.children):
            yield f"joint_{k}", f"moving_{k}_{c}_part_{child.handle}", moving


def put(model: mujoco.MjModel, data: mujoco.MjData, joint: str, share: float) -> int:
    mujoco.mj_resetData(model, data)
    at = int(model.joint(joint).qposadr[0])
    data.qpos[at] = share * model.joint(joint).range[1]
    mujoco.mj_forward(model, data)
    return at


@pytest.mark.parametrize("name", [*FIXTURES, "door"])
def test_drawn_from_the_generator_alone(name: str) -> None:
    assert draw(name, 3) == draw(name, 3)
    assert len({draw(name, seed) for seed in range(8)}) == 8


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", [*FIXTURES, "door"])
def test_footprint_holds_everything_that_stands(name: str, seed: int) -> None:
    fixture = draw(name, seed)
    low = np.min([bounds(part)[0] for part in fixture.parts], axis=0)
    high = np.max([bounds(part)[1] for part in fixture.parts], axis=0)
    extra = 0.08 if name == "door" else 0.026
    assert np.all(low[:2] >= -np.array(fixture.half) - extra)
    assert np.all(high[:2] <= np.array(fixture.half) + extra)
    assert high[2] <= fixture.height + (0.07 if name == "door" else 0.012)
    assert low[2] == pytest.approx(fixture.hung, abs=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", [*MOVING, "door"])
def test_opens_without_touching_anything(name: str, seed: int) -> None:
    fixture = draw(name, seed)
    model, data = load(fixture)
    for k, moving in enumerate(fixture.moving):
        for share in np.linspace(0, 1, 25):
            put(model, data, f"joint_{k}", share)
            assert not data.ncon, (k, share, names_of(model, data))
        assert 0.25 <= moving.travel <= 0.4 if moving.slides else 1.4 <= moving.travel <= 1.7


def names_of(model: mujoco.MjModel, data: mujoco.MjData) -> list[tuple[str, ...]]:
    return [tuple(model.geom(int(g)).name for g in c.geom) for c in data.contact]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", MOVING)
def test_doors_stay_within_their_sides(name: str, seed: int) -> None:
    """A fixture may stand in a corner: nothing that opens sweeps past its footprint's sides."""
    fixture = draw(name, seed)
    model, data = load(fixture)
    for k in range(len(fixture.moving)):
        for share in np.linspace(0, 1, 9):
            put(model, data, f"joint_{k}", share)
            for geom in range(model.ngeom):
                if not model.geom(geom).name.startswith("moving"):
                    continue
                reach = np.abs(data.geom_xmat[geom].reshape(3, 3)) @ model.geom_aabb[geom, 3:]
                assert abs(data.geom_xpos[geom][0]) + reach[0] < fixture.half[0] + 0.012


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", [*MOVING, "door"])
def test_rests_where_it_is_left(name: str, seed: int) -> None:
    fixture = draw(name, seed)
    model, data = load(fixture)
    for k, moving in enumerate(fixture.moving):
        for share in (0.0, 0.5, 1.0):
            at = put(model, data, f"joint_{k}", share)
            mujoco.mj_step(model, data, round(2 / model.opt.timestep))
            assert data.qpos[at] == pytest.approx(share * moving.travel, abs=0.01 * moving.travel)
            lids = [j for j in range(model.njnt) if j != model.joint(f"joint_{k}").id]
            assert np.all(np.abs(data.qpos[lids]) < 0.01)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", [*MOVING, "door"])
@pytest.mark.parametrize("force, least, most", [(30.0, 0.9, 1.1), (3.0, -0.01, 0.01)])
def test_a_hand_opens_it_and_a_touch_does_not(
    name: str, seed: int, force: float, least: float, most: float
) -> None:
    """Pull by the handle, at right angles to the way it stands, for 4 s or a moment."""
    fixture = draw(name, seed)
    model, data = load(fixture)
    for joint, grip, moving in grips(fixture):
        at = put(model, data, joint, 0.0)
        dof, geom = int(model.joint(joint).dofadr[0]), model.geom(grip).id
        body = int(model.geom_bodyid[geom])
        jacobian, zeros = np.zeros((3, model.nv)), np.zeros((3, model.nv))
        seconds = 4.0 if least > 0 else 0.5
        for _ in range(round(seconds / model.opt.timestep)):
            mujoco.mj_jac(model, data, jacobian, zeros, data.geom_xpos[geom], body)
            pull = jacobian[:, dof] / np.linalg.norm(jacobian[:, dof])
            data.qfrc_applied[:] = jacobian.T @ (force * pull)
            mujoco.mj_step(model, data)
            if data.qpos[at] > least * moving.travel > 0:
                break
        assert least < data.qpos[at] / moving.travel < most


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", [*MOVING, "door"])
def test_fingers_fit_behind_and_around_handles(name: str, seed: int) -> None:
    fixture = draw(name, seed)
    model, data = load(fixture)
    mujoco.mj_forward(model, data)
    for _, grip, _ in grips(fixture):
        own = model.geom(grip).id
        assert model.geom_type[own] == mujoco.mjtGeom.mjGEOM_CAPSULE
        assert 2 * model.geom_size[own, 0] < 0.03
        for other in range(model.ngeom):
            solid = model.geom_contype[other] and other != own
            spindle = name == "door" and model.geom_bodyid[other] == model.geom_bodyid[own]
            if solid and not spindle:
                gap = mujoco.mj_geomDistance(model, data, own, other, 0.2, None)
                assert gap >= 0.03, (grip, model.geom(other).name)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", sorted(FIXTURES))
def test_tops_hold_and_leave_room(name: str, seed: int) -> None:
    """Under every top is something solid; above it, nothing up to its headroom."""
    fixture = draw(name, seed)
    model, data = load(fixture)
    mujoco.mj_forward(model, data)
    for top in fixture.tops:
        (cx, cy, cz), (hx, hy) = top.center, top.half
        room = min(top.headroom, 0.5)
        assert room > 0.05
        assert min(top.half) > 0.03
        if top.inside is None:
            assert top.kind != "inside"
        for u, v in ((0, 0), (0.97, 0.97), (0.97, -0.97), (-0.97, 0.97), (-0.97, -0.97)):
            start = np.array([cx + u * hx, cy + v * hy, cz + room - 1e-4])
            hit = np.zeros(1, dtype=np.int32)
            solid = np.array([1, 0, 0, 0, 1, 0], dtype=np.uint8)
            down = np.array([0.0, 0.0, -1.0])
            length = mujoco.mj_ray(model, data, start, down, solid, 1, -1, hit)
            assert length == pytest.approx(room, abs=0.003), (top, model.geom(hit[0]).name)
            mover = model.geom(hit[0]).name.startswith("moving")
            assert not mover or model.geom(hit[0]).name.startswith(f"moving_{top.inside}_")


def test_rooms_name_fixtures_that_exist() -> None:
    for room, pieces in ROOM_FIXTURES.items():
        names = {piece.name for piece in pieces}
        for piece in pieces:
            assert piece.name in FIXTURES, room
            assert not piece.near or piece.near in names
            assert 0 < piece.chance <= 1
            assert 1 <= piece.count[0] <= piece.count[1]


def test_room_doors_have_levers_with_official_names() -> None:
    leaf = draw("door", 0).moving[0]
    assert leaf.lemma == "door"
    assert [child.lemma for child in leaf.children] == ["handle", "handle"]
    model, data = load(draw("door", 0))
    sides = [data.geom(f"moving_0_{c}_part_0") for c in (0, 1)]
    mujoco.mj_forward(model, data)
    assert sides[0].xpos[1] < -0.08 and sides[1].xpos[1] > 0.03


def test_a_pressed_lever_returns() -> None:
    model, data = load(draw("door", 1))
    at = put(model, data, "joint_0_0", 1.0)
    mujoco.mj_step(model, data, 1500)
    assert abs(data.qpos[at]) < 0.02
