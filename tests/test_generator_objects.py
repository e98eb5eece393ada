"""The object catalog: enough kinds, real sizes, each at rest where it is put."""

import math

import mujoco
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from molmospaces_gym.errors import UnknownName
from molmospaces_gym.scenes.generator import CATEGORIES, catalog, mjcf
from molmospaces_gym.scenes.generator.catalog import (
    ROOM_CATEGORIES,
    SIZE_STEPS,
    Asset,
    draw_asset,
    make_asset,
)
from molmospaces_gym.scenes.generator.draft import HEADER
from molmospaces_gym.scenes.generator.meshes import lathe, prism
from molmospaces_gym.scenes.generator.settle import settle
from molmospaces_gym.scenes.generator.shapes import Mesh, axis_quat, rotation

SLEEP = int(mujoco.mjtEnableBit.mjENBL_SLEEP)


def scene_of(asset: Asset, pos: tuple[float, float, float], quat: tuple) -> str:
    body, meshes = mjcf.object_body("thing", asset, pos, quat)
    library = mjcf.element("asset", list(meshes.values()))
    table = '<geom type="box" size="0.6 0.4 0.02" pos="0 0 -0.02"/>'
    return f"<mujoco>{HEADER}{library}<worldbody>{table}{body}</worldbody></mujoco>"


def any_asset(category: str, step: int = SIZE_STEPS // 2) -> Asset:
    return make_asset(category, CATEGORIES[category].colors[0], step)


def test_enough_kinds() -> None:
    assert len(CATEGORIES) >= 30
    graspable = [name for name in CATEGORIES if any_asset(name).graspable]
    assert len(graspable) >= 20
    assert len({c.noun for c in CATEGORIES.values()}) == len(CATEGORIES)
    assert all(len(set(c.colors)) == len(c.colors) for c in CATEGORIES.values())


@pytest.mark.parametrize("category", sorted(CATEGORIES))
def test_every_kind_rests(category: str) -> None:
    for step in (0, SIZE_STEPS):
        asset = any_asset(category, step)
        start = (0.1, -0.05, asset.rest_height)
        rest = settle(scene_of(asset, start, (1.0, 0.0, 0.0, 0.0)), ["thing"])[0]
        assert rest.stayed
        assert math.dist(rest.pos, start) < 3e-3
        model = mujoco.MjModel.from_xml_string(scene_of(asset, rest.pos, rest.quat))
        model.opt.enableflags &= ~SLEEP
        data = mujoco.MjData(model)
        mujoco.mj_step(model, data, 1000)
        assert np.linalg.norm(data.qpos[:3] - model.qpos0[:3]) < 1e-3
        turn = 2 * math.acos(min(1.0, abs(float(data.qpos[3:7] @ model.qpos0[3:7]))))
        assert turn < math.radians(0.5)


@pytest.mark.parametrize("category", sorted(CATEGORIES))
def test_every_size_is_plausible(category: str) -> None:
    kind = CATEGORIES[category]
    assets = [any_asset(category, step) for step in range(SIZE_STEPS + 1)]
    for asset in assets:
        assert 0.005 <= min(asset.half_size) * 2 and max(asset.half_size) * 2 <= 0.4
        assert kind.mass[0] - 1e-9 <= asset.mass <= kind.mass[1] + 1e-9
        assert 0.0 < asset.rest_height <= asset.half_size[2] + 1e-3
        assert len(asset.shape.parts) <= 12
    volumes = [np.prod(asset.half_size) for asset in assets]
    assert all(a < b for a, b in zip(volumes, volumes[1:], strict=False))


def test_unknown_names() -> None:
    with pytest.raises(UnknownName, match="mug"):
        make_asset("spaceship", "red", 0)
    with pytest.raises(UnknownName, match="teal"):
        make_asset("mug", "ultraviolet", 0)


@given(st.sampled_from(sorted(CATEGORIES)), st.integers(0, 2**32))
def test_descriptions_grow_word_by_word(category: str, seed: int) -> None:
    asset = draw_asset(category, np.random.default_rng(seed))
    words = [asset.descriptions[key].split() for key in "123"]
    assert [len(w) for w in words] == [1, 2, 3]
    assert {w[-1] for w in words} == {CATEGORIES[category].noun}
    assert asset.color in words[1] and asset.color in words[2]
    assert make_asset(category, asset.color, round(asset.size * SIZE_STEPS)) == asset


def mesh_volume(mesh: Mesh) -> float:
    """Signed volume; positive when all faces wind outwards."""
    v, f = np.array(mesh.vertices), np.array(mesh.faces)
    return float(np.einsum("ij,ij->i", v[f[:, 0]], np.cross(v[f[:, 1]], v[f[:, 2]])).sum() / 6)


def is_closed(mesh: Mesh) -> bool:
    """Whether each edge is used once in each direction (equal vertices count as one)."""
    v = [mesh.vertices.index(vertex) for vertex in mesh.vertices]
    edges = [(v[f[k]], v[f[(k + 1) % 3]]) for f in mesh.faces for k in range(3)]
    return len(set(edges)) == len(edges) and all((b, a) in set(edges) for a, b in edges)


@given(st.floats(0.01, 0.1), st.floats(0.01, 0.3), st.integers(3, 24))
def test_turned_cylinder_has_its_volume(radius: float, height: float, segments: int) -> None:
    mesh = lathe([(0, 0), (radius, 0), (radius, height), (0, height)], segments)
    area = segments / 2 * math.sin(2 * math.pi / segments) * radius**2
    assert is_closed(mesh)
    assert mesh_volume(mesh) == pytest.approx(area * height, rel=1e-9)


@given(st.tuples(*[st.floats(0.005, 0.2)] * 3), st.floats(0.0005, 0.05))
def test_chamfered_box_is_closed(half: tuple[float, float, float], chamfer: float) -> None:
    mesh = prism(half, chamfer, (0, 0, 0), (1, 1, 1, 1)).mesh
    assert mesh is not None and is_closed(mesh)
    full = 8 * math.prod(half)
    assert 0.2 * full < mesh_volume(mesh) < full


@given(st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda v: math.hypot(*v) > 1e-3))
def test_axis_quat_points_z_along(direction: tuple[float, float, float]) -> None:
    turn = rotation(axis_quat(direction))
    unit = np.array(direction) / np.linalg.norm(direction)
    np.testing.assert_allclose(turn[:, 2], unit, atol=1e-7)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-9)


@pytest.mark.parametrize("category", sorted(CATEGORIES))
def test_visual_meshes_are_closed_and_face_outwards(category: str) -> None:
    for part in any_asset(category).shape.parts:
        if part.mesh is not None:
            assert is_closed(part.mesh)
            assert mesh_volume(part.mesh) > 0


def test_one_room_houses_keep_their_kinds() -> None:
    assert len(ROOM_CATEGORIES) == 57
    assert len(CATEGORIES) >= 100
    assert set(ROOM_CATEGORIES) < set(CATEGORIES)


RECEPTACLES = sorted(name for name in CATEGORIES if any_asset(name).receptacle)


def test_many_kinds_hold_others() -> None:
    wanted = "bowl plate pan pot tray basket box storage_bin tupperware organizer"
    assert set(wanted.split()) <= set(RECEPTACLES)
    for name in RECEPTACLES:
        metadata = any_asset(name).metadata()
        assert metadata["receptacle"] and metadata["opening"]["depth"] > 0
    assert any_asset("apple").metadata()["opening"] is None
    assert any_asset("apple").metadata()["pickupable"]


@pytest.mark.parametrize("step", [0, SIZE_STEPS])
@pytest.mark.parametrize("category", RECEPTACLES)
def test_openings_are_as_free_as_they_claim(category: str, step: int) -> None:
    """Rays that fall in at the corners of the opening reach the floor inside."""
    asset = any_asset(category, step)
    opening = asset.shape.opening
    assert opening is not None
    model = mujoco.MjModel.from_xml_string(scene_of(asset, (0, 0, 1), (1, 0, 0, 0)))
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    touched = np.array([1, 0, 0, 0, 1, 0], dtype=np.uint8)
    x, y, floor = opening.center[0], opening.center[1], 1 + opening.center[2]
    rim = floor + opening.depth
    corner = math.sqrt(0.5) if opening.round else 1.0
    for u, v in ((0, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)):
        for half, low in ((opening.floor_half, floor), (opening.half, None)):
            start = np.array(
                [x + u * corner * half[0] * 0.93, y + v * corner * half[1] * 0.93, rim]
            )
            hit = np.zeros(1, dtype=np.int32)
            down = np.array([0.0, 0.0, -1.0])
            depth = mujoco.mj_ray(model, data, start, down, touched, 1, -1, hit)
            if low is not None:
                assert rim - depth == pytest.approx(low, abs=0.004)
            assert depth > 1e-4


@pytest.mark.parametrize("category", RECEPTACLES)
def test_receptacles_keep_what_is_dropped_into_them(category: str) -> None:
    asset = any_asset(category)
    opening = asset.shape.opening
    assert opening is not None
    pos = (0.0, 0.0, asset.rest_height)
    body, meshes = mjcf.object_body("thing", asset, pos, (1.0, 0.0, 0.0, 0.0))
    x, y, floor = opening.center
    drop = (x, y, asset.rest_height + floor + 0.04)
    cube = make_asset("toy_block", "red", 0)
    loose, more = mjcf.object_body("cube", cube, drop, (1.0, 0.0, 0.0, 0.0))
    library = mjcf.element("asset", list((meshes | more).values()))
    ground = '<geom type="plane" size="1 1 0.1"/>'
    text = f"<mujoco>{HEADER}{library}<worldbody>{ground}{body}{loose}</worldbody></mujoco>"
    model = mujoco.MjModel.from_xml_string(text)
    data = mujoco.MjData(model)
    mujoco.mj_step(model, data, 1500)
    inside = data.body("cube").xpos - data.body("thing").xpos - opening.center
    assert abs(inside[0]) < opening.half[0] and abs(inside[1]) < opening.half[1]
    assert 0.015 < inside[2] < 0.03


def test_named_receptacles_are_those_with_an_opening() -> None:
    assert sorted(catalog.RECEPTACLES) == RECEPTACLES
