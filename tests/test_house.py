"""``House``: what tells two of them apart."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from molmospaces_gym.robots import get_robot
from molmospaces_gym.scenes.compose import get_scene
from molmospaces_gym.scenes.house import House
from molmospaces_gym.scenes.resolve import resolve_house

MJCF = '<mujoco><worldbody><geom name="floor" type="plane" size="5 5 1"/></worldbody></mujoco>'
RED, BLUE = {"objects": {"cup": {"color": "red"}}}, {"objects": {"cup": {"color": "blue"}}}


def test_equal_scenes_with_other_metadata_do_not_share_one() -> None:
    robot = get_robot("franka_droid")
    red, blue = (get_scene(House("room", MJCF, metadata=m), robot) for m in (RED, BLUE))
    assert red.key != blue.key
    assert red.objects["cup"]["color"] == "red"
    assert blue.objects["cup"]["color"] == "blue"
    assert get_scene(House("room", MJCF, metadata=RED), robot) is red


def test_files_with_other_metadata_do_not_share_one(tmp_path: Path) -> None:
    file, robot = tmp_path / "room.xml", get_robot("franka_droid")
    file.write_text(MJCF)
    colors = []
    for text in ('{"objects": {"cup": {"color": "red"}}}', '{"objects": {"cup": {}}}'):
        (tmp_path / "room_metadata.json").write_text(text)
        colors.append(get_scene(resolve_house(file), robot).objects["cup"].get("color"))
    assert colors == ["red", None]


def test_a_replaced_house_has_a_key_of_its_own() -> None:
    house = House("room", MJCF, metadata=RED)
    assert house.content_key == House("other name", MJCF, metadata=RED).content_key
    assert replace(house, metadata=BLUE).content_key != house.content_key
    assert replace(house, mjcf=MJCF.replace("floor", "ground")).content_key != house.content_key


def test_metadata_need_not_be_json() -> None:
    def key(last: float) -> str:
        values = np.append(np.zeros(3000), last)
        return House("room", MJCF, metadata={"grid": values, "file": Path("a")}).content_key

    assert key(1.0) == key(1.0)
    assert key(1.0) != key(2.0)
