"""Occupancy maps: geometry, the official PNG, and inflating for a robot."""

import io
import json
import struct
import zlib
from pathlib import Path

import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from molmospaces_gym.errors import InvalidScene
from molmospaces_gym.robots import get_robot
from molmospaces_gym.scenes.compose import get_scene
from molmospaces_gym.scenes.footprints import convex_hull, fill_convex
from molmospaces_gym.scenes.occupancy import (
    OccupancyMap,
    free_space,
    load_map,
    occupancy_map,
    save_map,
)
from molmospaces_gym.scenes.png import SIGNATURE, decode_png, encode_png
from molmospaces_gym.scenes.resolve import resolve_house

ROOM = """<mujoco><worldbody>
<body name="room_0"><geom name="room_0_visual_0" type="box" size="2 1.5 .01" pos="2 1.5 -.01"
 contype="0" conaffinity="0"/></body>
<geom type="box" size=".3 .2 .4" pos="1 .5 .4"/>
<geom type="cylinder" size=".25 .5" pos="3 2 .5"/>
<geom type="box" size=".5 .1 .1" pos="3 .5 2.4"/>
<geom type="box" size=".4 .02 .5" pos="2 2 .6" euler="0 0 45"/>
<body name="machine" pos=".5 2.5 .3"><body name="arm"><geom type="sphere" size=".2"/></body></body>
</worldbody></mujoco>"""


def room_map(px_per_m: float = 50, **kwargs: object) -> OccupancyMap:
    model = mujoco.MjModel.from_xml_string(ROOM)
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    return occupancy_map(model, data, px_per_m, **kwargs)


def test_the_map_shows_what_stands_on_the_floor() -> None:
    found = room_map()
    assert found.free.shape == (300, 250), "rows along x, columns along y, a metre around the house"
    points = np.array(
        [
            [0.1, 0.1], [1.0, 0.5], [1.29, 0.69], [1.33, 0.5], [3.0, 2.0], [3.24, 2.0],
            [3.2, 2.2], [3.0, 0.5], [2.2, 2.2], [2.2, 1.8], [0.5, 2.5], [-0.1, 1.0], [9.0, 9.0],
        ]
    )  # fmt: skip
    free = [True, False, False, True, False, False, True, True, False, True, False, False, False]
    assert found.is_free(points).tolist() == free
    assert room_map(ignored=("machine",)).is_free(points[10:11]).all()
    assert found.room_of(0.1, 0.1) == "room_0"
    assert found.room_of(1.0, 0.5) is None and found.room_of(20.0, 0.0) is None


def test_axes_and_matrices_are_those_of_the_official_files() -> None:
    """Worked by hand for a 4 m x 3 m floor whose border makes it 6 m x 5 m at 50 px per metre."""
    found = room_map()
    np.testing.assert_allclose(found.world_to_map, [[-50, 0, 0, 250], [0, -50, 0, 200]])
    expected = [[-0.02, 0, 5], [0, -0.02, 4], [0, 0, 0]]
    np.testing.assert_allclose(found.map_to_world, expected, atol=1e-12)


@given(st.floats(-0.9, 4.9), st.floats(-0.9, 3.9))
def test_cells_and_points_are_inverse(x: float, y: float) -> None:
    found = room_map(40)
    back = found.points(found.cells(np.array([[x, y]])))[0]
    assert np.abs(back - [x, y]).max() <= 0.5 / 40 + 1e-9


def test_inflated_by_the_radius() -> None:
    found = room_map(100).inflated(0.35)
    points = np.array([[1.0, 0.7 + 0.33], [1.0, 0.7 + 0.37], [0.33, 1.5], [0.37, 1.5]])
    assert found.is_free(points).tolist() == [False, True, False, True]


def test_coarser_is_free_only_where_all_is() -> None:
    fine = room_map(200)
    coarse = fine.coarser(5)
    assert coarse.px_per_m == 40
    rows, columns = np.nonzero(coarse.free)
    points = coarse.points(np.stack([rows, columns], axis=1))
    assert fine.is_free(points).all()
    np.testing.assert_allclose(
        coarse.points(np.array([[3, 7]])), fine.points(np.array([[17, 37]])), atol=1e-9
    )


def test_png_round_trip(tmp_path: Path) -> None:
    found = room_map(200)
    save_map(tmp_path / "map.png", found)
    back = load_map(tmp_path / "map.png")
    assert (back.free == found.free).all() and (back.rooms == found.rooms).all()
    assert back.px_per_m == 200 and back.room_names == {1: "room_0"} == dict(found.room_names)
    np.testing.assert_array_equal(back.world_to_map, found.world_to_map)
    np.testing.assert_array_equal(back.map_to_world, found.map_to_world)


def test_the_official_reader_understands_our_png(tmp_path: Path) -> None:
    """It uses Pillow: red is free floor, blue the room, texts are JSON, points are rounded."""
    found = room_map(200)
    save_map(tmp_path / "map.png", found)
    image = Image.open(tmp_path / "map.png")
    pixels = np.array(image)
    assert pixels.shape == (*found.free.shape, 3)
    assert ((pixels[:, :, 0] > 0) == found.free).all()
    assert (pixels[:, :, 2] == found.rooms).all()
    matrix = np.array(json.loads(image.info["world_to_map"]))
    cell = np.round(np.array([0.1, 0.2, 0.0, 1.0]) @ matrix.T).astype(int)
    assert cell.tolist() == found.cells(np.array([[0.1, 0.2]]))[0].tolist()
    world = np.array([*cell, 1]) @ np.array(json.loads(image.info["map_to_world"])).T
    np.testing.assert_allclose(world, [0.1, 0.2, 0.0], atol=0.003)
    assert json.loads(image.info["px_per_m"]) == 200
    assert json.loads(image.info["room_ids_to_name"]) == {"1": "room_0"}


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_our_reader_understands_pillow(mode: str, tmp_path: Path) -> None:
    """Pillow chooses filters row by row, and iTHOR maps have one channel and no rooms."""
    rng = np.random.default_rng(0)
    shape = {"L": (40, 31), "RGB": (40, 31, 3), "RGBA": (40, 31, 4)}[mode]
    noise = rng.integers(0, 256, shape).astype(np.uint8)
    noise[10:30] = np.cumsum(noise[10:30] % 5, axis=1).astype(np.uint8)
    info = PngInfo()
    info.add_text("world_to_map", json.dumps([[1, 0, 0, 0], [0, 1, 0, 0]]))
    info.add_text("map_to_world", json.dumps(np.eye(3).tolist()), zip=True)
    info.add_itxt("px_per_m", "200", zip=True)
    path = tmp_path / "map.png"
    Image.fromarray(noise).save(path, pnginfo=info, optimize=True)
    image, _ = decode_png(path.read_bytes())
    assert (image.reshape(shape) == noise).all()
    found = load_map(path)
    first = noise if mode == "L" else noise[:, :, 0]
    assert (found.free == (first > 0)).all() and found.room_names == {}


@settings(deadline=None)
@given(
    arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4))),
    st.dictionaries(st.text("abc", min_size=1), st.text("xyz{}\n")),
)
def test_png_codec_round_trip(image: np.ndarray, text: dict[str, str]) -> None:
    back, texts = decode_png(encode_png(image, text))
    assert (back == image).all() and texts == text
    pillow = np.array(Image.open(io.BytesIO(encode_png(image, text))))
    assert (pillow.reshape(image.shape) == image).all()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def test_damaged_files_are_named(tmp_path: Path) -> None:
    good = encode_png(np.zeros((3, 3, 3), np.uint8), {})
    header = struct.pack(">IIBBBBB", 2, 2, 8, 3, 0, 0, 0)
    palette = SIGNATURE + chunk(b"IHDR", header) + chunk(b"IEND", b"")
    for data, message in (
        (b"GIF89a", "not a PNG"),
        (good[:60], "damaged"),
        (good[:50] + b"\xff" + good[51:], "damaged"),
        (palette, "no palette"),
        (good, "lacks or garbles its text 'world_to_map'"),
    ):
        path = tmp_path / "map.png"
        path.write_bytes(data)
        with pytest.raises(InvalidScene, match=message):
            load_map(path)
    with pytest.raises(InvalidScene, match="cannot be read"):
        load_map(tmp_path / "none.png")
    with pytest.raises(InvalidScene, match="no floor"):
        model = mujoco.MjModel.from_xml_string("<mujoco/>")
        occupancy_map(model, mujoco.MjData(model))


@given(arrays(np.float64, (7, 2), elements=st.floats(0, 20)))
def test_fill_covers_the_hull(points: np.ndarray) -> None:
    grid = np.zeros((22, 22), dtype=bool)
    fill_convex(grid, points, True)
    hull = convex_hull(points)
    if len(hull) < 3:
        return
    middle = hull.mean(axis=0)
    edges = np.roll(hull, -1, axis=0) - hull
    for i, j in np.argwhere(grid):
        offset = np.array([i, j]) - hull
        assert (edges[:, 0] * offset[:, 1] - edges[:, 1] * offset[:, 0] >= -1e-6).all()
    low, high = np.ceil(points.min(axis=0)), np.floor(points.max(axis=0))
    if (high - low >= 4).all() and np.linalg.norm(edges, axis=1).min() > 3:
        assert grid[tuple(np.rint(middle).astype(int))]


def test_free_space_of_a_scene_leaves_its_robot_out() -> None:
    scene = get_scene(resolve_house("homes/val/0"), get_robot("franka_droid"))
    found = free_space(scene, 0.35)
    assert found.px_per_m == 40 and set(found.room_names.values()) >= {"room_0", "room_1"}
    robot = scene.model.body(scene.robot.root_id).name
    data = mujoco.MjData(scene.model)
    data.qpos[:] = scene.rest_qpos
    mujoco.mj_kinematics(scene.model, data)
    assert (found.free == occupancy_map(scene.model, data, 40, (robot,)).inflated(0.35).free).all()
    assert found.free.any()
