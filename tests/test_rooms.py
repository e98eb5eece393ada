"""Rooms of a house: outlines, what is inside, and words that mean one of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from molmospaces_gym.robots import get_robot
from molmospaces_gym.scenes.compose import get_scene
from molmospaces_gym.scenes.resolve import resolve_house
from molmospaces_gym.scenes.rooms import Room, room_phrase, rooms_of

SQUARE = Room("room_0", "kitchen", np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 1.0], [0.0, 1.0]]))
PLANES = """
<mujoco><worldbody>
  <body name="room_a"><geom name="room_a" type="box" size="1 2 0.1"/></body>
  <body name="room_b" pos="3 0 0"><geom name="room_b" type="box" size="2 2 0.1"/></body>
</worldbody></mujoco>
"""


def scene_of(name):
    return get_scene(resolve_house(name), get_robot("franka_mobile"))


@given(st.floats(-1, 3), st.floats(-1, 2))
def test_the_distance_to_the_nearest_wall(x, y):
    expected = min(x, 2 - x, y, 1 - y)
    assert SQUARE.inside(np.array([[x, y]]))[0] == pytest.approx(expected)
    assert SQUARE.contains(x, y) is (expected >= 0)


def test_area_and_middle():
    assert SQUARE.area == pytest.approx(2.0)
    np.testing.assert_allclose(SQUARE.middle, [1.0, 0.5])


def test_rooms_of_a_home_are_those_of_its_metadata():
    scene = scene_of("homes/train/4")
    entries = {e["name"]: e for e in scene.house.metadata["rooms"]}
    rooms = rooms_of(scene)
    assert rooms.keys() == entries.keys()
    for name, room in rooms.items():
        width, depth, _ = entries[name]["size"]
        assert room.area == pytest.approx(width * depth, rel=1e-6)
        assert room.kind == entries[name]["type"].replace("_", " ")


def test_rooms_without_metadata_are_the_floors(tmp_path):
    (tmp_path / "planes.xml").write_text(PLANES)
    scene = scene_of(str(tmp_path / "planes.xml"))
    rooms = rooms_of(scene)
    assert {name: round(room.area, 6) for name, room in rooms.items()} == {
        "room_a": 8.0,
        "room_b": 16.0,
    }
    assert room_phrase(scene, "room_a") == ("smaller room", True)
    assert room_phrase(scene, "room_b") == ("larger room", True)


def test_words_mean_one_room_or_say_so():
    for index in range(4):
        scene = scene_of(f"homes/train/{index}")
        told = [room_phrase(scene, name) for name in rooms_of(scene)]
        unique = [text for text, alone in told if alone]
        assert len(set(unique)) == len(unique)
        assert not {text for text, alone in told if not alone} & set(unique)
