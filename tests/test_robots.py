"""Robots by name and by path, and the errors for names and files that do not fit."""

import subprocess
import sys
from pathlib import Path

import pytest

from molmospaces_gym.errors import InvalidConfig, UnknownName
from molmospaces_gym.robots import RobotConfig, get_robot, robot_names
from molmospaces_gym.robots.franka_droid import FRANKA_DROID

MODEL = FRANKA_DROID.mjcf.read_text()


@pytest.mark.parametrize("name", robot_names())
def test_every_robot_is_consistent(name: str) -> None:
    robot = get_robot(name)
    assert isinstance(robot, RobotConfig)
    assert robot.name == name
    assert robot.mjcf.is_file()
    assert robot.groups.keys() == robot.home.keys() == robot.init_noise.keys()
    for group, members in robot.groups.items():
        assert len(members.joints) == len(robot.home[group]) == len(robot.init_noise[group])
    assert robot.gripper.group in robot.groups


def test_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UnknownName, match="franka_droid"):
        get_robot("panda")


@pytest.mark.parametrize("as_directory", [True, False])
def test_robot_from_a_path(tmp_path: Path, as_directory: bool) -> None:
    file = tmp_path / "model.xml"
    file.write_text(MODEL.replace('ctrlrange="0 255"', 'ctrlrange="0 0.8"'))
    robot = get_robot(str(tmp_path) if as_directory else file)
    assert robot.mjcf == file.resolve()
    assert robot.name == tmp_path.name
    assert robot.gripper.closed_ctrl == 0.8
    assert robot.groups == FRANKA_DROID.groups
    assert robot.tcp_site == FRANKA_DROID.tcp_site
    assert robot.cameras[1].pos == FRANKA_DROID.cameras[1].pos
    assert robot.cameras[1].quat == pytest.approx(FRANKA_DROID.cameras[1].quat, abs=1e-6)


def test_robot_from_a_path_without_official_extras(tmp_path: Path) -> None:
    """Menagerie's 2F-85 has a pinch site instead of a grasp site and no camera."""
    text = MODEL.replace('name="gripper/grasp_site"', "")
    start = text.index("<camera")
    text = text[:start] + text[text.index("/>", start) + 2 :]
    (tmp_path / "fr3_2f85.xml").write_text(text)
    robot = get_robot(tmp_path)
    assert robot.name == "fr3_2f85"
    assert robot.tcp_site == "gripper/pinch"
    assert robot.cameras == FRANKA_DROID.cameras


def test_wrist_camera_given_by_angles(tmp_path: Path) -> None:
    text = MODEL.replace('quat="0.122788 0.696364 0.696364 0.122788"', 'euler="0 1.5707963 0"')
    (tmp_path / "model.xml").write_text(text)
    quat = get_robot(tmp_path).cameras[1].quat
    assert quat == pytest.approx((0.5**0.5, 0.0, 0.5**0.5, 0.0), abs=1e-6)


def test_missing_names_are_all_named(tmp_path: Path) -> None:
    text = MODEL.replace("fr3_joint3", "panda_joint3").replace("gripper/fingers_actuator", "hand")
    (tmp_path / "model.xml").write_text(text)
    with pytest.raises(InvalidConfig) as caught:
        get_robot(tmp_path)
    message = str(caught.value)
    assert "joint fr3_joint3" in message
    assert "actuator fr3_joint3" in message
    assert "actuator gripper/fingers_actuator" in message


def test_unusable_paths(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match="does not exist"):
        get_robot(str(tmp_path / "nothing.xml"))
    with pytest.raises(InvalidConfig, match=r"no \*.xml"):
        get_robot(tmp_path)
    (tmp_path / "model.xml").write_text("<mujoco><worldbody>")
    with pytest.raises(InvalidConfig, match="cannot be read as MJCF"):
        get_robot(tmp_path)


def test_registry_is_light() -> None:
    code = (
        "import sys, molmospaces_gym.robots as r; r.get_robot('franka_droid');"
        "sys.exit('mujoco' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
