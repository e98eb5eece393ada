"""Quality checks of houses: each finds what it is there for, and homes pass."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from molmospaces_gym.cli.main import app
from molmospaces_gym.errors import InvalidScene
from molmospaces_gym.scenes.homes import HomeConfig, generate_home
from molmospaces_gym.scenes.house import House
from molmospaces_gym.scenes.quality import check_house
from molmospaces_gym.scenes.quality_report import CHECKS, pass_rates

THING = '<joint name="thing_jntfree_0" type="free"/><geom type="box" size=".02 .02 .02" mass=".1"/>'
DRAWER = """<body name="drawer" pos="0 -.2 .3"><joint name="slide" type="slide" axis="0 -1 0"
 range="0 .3" frictionloss="3" damping="5" armature=".1"/>
<geom type="box" size=".2 .01 .1" mass="1" contype="0"/></body>"""


def scene(
    thing: str = "0 0 .6198", extra: str = "", drawer: str = DRAWER, headroom: float | None = None
) -> House:
    text = f"""<mujoco><option gravity="0 0 -9.8" integrator="implicitfast"/><worldbody>
    <geom type="plane" size="3 3 .1"/>
    <body name="table"><geom type="box" size=".3 .18 .05" pos="0 0 .55" contype="0"/>{drawer}</body>
    <body name="thing" pos="{thing}">{THING}</body>{extra}</worldbody></mujoco>"""
    surface = {"name": "table", "headroom": headroom, "inside": ""}
    entry = {"rest_height": 0.02, "half_size": [0.02] * 3, "graspable": True, "surface": "table"}
    return House("test", mjcf=text, metadata={"objects": {"thing": entry}, "surfaces": [surface]})


def failed(house: House) -> dict[str, list[str]]:
    report = check_house(house)
    return {c: [f for f in report.failures if f.startswith(c)] for c in CHECKS}


def test_a_good_scene_passes_everything() -> None:
    report = check_house(scene())
    assert not report.failures
    assert report.total == {"stability": 2, "lift": 1, "intersection": 2, "articulation": 1}
    assert report.passed == report.total


def test_what_falls_is_not_stable() -> None:
    found = failed(scene(thing="0 0 .65"))
    assert "shifts by" in found["stability"][0]
    assert not found["intersection"] and not found["lift"]


def test_a_drawer_without_friction_on_a_slope_is_not_stable() -> None:
    loose = DRAWER.replace('frictionloss="3"', "").replace("0 -1 0", "0 -1 -.3")
    found = failed(scene(drawer=loose))
    assert "slide" in found["stability"][0] and "let go" in found["articulation"][0]


def test_what_is_inside_another_intersects() -> None:
    found = failed(scene(thing="0 0 .61"))
    assert "10.0 mm into" in found["intersection"][0].replace("9.9", "10.0").replace("9.8", "10.0")


def test_a_board_over_an_object_keeps_it_from_being_lifted() -> None:
    board = '<body name="board"><geom type="box" size=".1 .1 .01" pos="0 0 .7" contype="0"/></body>'
    assert "into board" in failed(scene(extra=board))["lift"][0]
    assert not failed(scene(extra=board, headroom=0.09))["lift"]
    assert "of space above" in failed(scene(extra=board, headroom=0.05))["lift"][0]


def test_a_wall_before_a_drawer_is_in_its_way() -> None:
    wall = '<body name="wall"><geom type="box" size=".4 .01 .4" pos="0 -.4 .4" contype="0"/></body>'
    found = failed(scene(extra=wall))
    assert "into wall" in found["articulation"][0]
    assert not found["stability"] and not found["intersection"]


def test_what_lies_in_a_drawer_moves_with_it() -> None:
    box = DRAWER.replace(
        "</body>",
        '<geom type="box" size=".2 .15 .01" pos="0 .16 -.09" mass="1" contype="0"/></body>',
    )
    house = scene(thing="0 -.1 .24", drawer=box)
    surface = {"name": "table", "headroom": 0.2, "inside": "slide"}
    house = House("test", mjcf=house.mjcf, metadata={**house.metadata, "surfaces": [surface]})
    found = failed(house)
    assert not found["articulation"]
    assert not found["lift"], "the drawer is opened first, then nothing is above the object"


def test_homes_pass() -> None:
    for index in range(2):
        report = check_house(generate_home("val", index))
        assert not report.failures
        assert report.total["lift"] > 25 and report.total["articulation"] > 5
    report = check_house(generate_home("val", 0, HomeConfig(rooms=(2, 2), open_doors=0.0)))
    assert not report.failures


def test_pass_rates_count_objects_and_houses() -> None:
    reports = [check_house(scene()), check_house(scene(thing="0 0 .65"))]
    rates = pass_rates(reports)
    assert rates["stability"] == (3, 4, 1)
    assert rates["intersection"] == (4, 4, 2)


def test_a_house_without_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidScene, match="no text"):
        check_house(House("file", path=tmp_path / "a.xml"))


def test_check_command(tmp_path: Path) -> None:
    out = tmp_path / "report.csv"
    arguments = ["scenes", "check", "--split", "val", "--count", "1", "--out", str(out)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    for name in CHECKS:
        assert f"{name}" in result.output
    rows = out.read_text().splitlines()
    assert len(rows) == 2 and rows[1].startswith("homes/val/0,")


@pytest.mark.slow
def test_more_homes_pass_and_are_usable() -> None:
    for index in range(5):
        house = generate_home("train", 500 + index)
        assert not check_house(house).failures
        standing = [s for s in house.metadata["surfaces"] if s["front"]]
        assert standing, "a robot finds a place to work"
