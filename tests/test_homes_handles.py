"""Handles of homes are held and opened by the grippers of both robots, with the grasps given."""

from dataclasses import replace
from pathlib import Path

import mujoco
import numpy as np
import pytest
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidConfig, InvalidScene
from molmospaces_gym.robots import get_robot
from molmospaces_gym.scenes.grasp_files import load_grasps, official_grasp_file
from molmospaces_gym.scenes.hand import FloatingHand
from molmospaces_gym.scenes.homes import HomeConfig, generate_home
from molmospaces_gym.scenes.homes.catalog import FIXTURES
from molmospaces_gym.scenes.homes.doors import door
from molmospaces_gym.scenes.homes.fixture import Fixture, Moving
from molmospaces_gym.scenes.homes.handles import (
    handle_grasps,
    model_handle_grasps,
    save_home_grasps,
)
from molmospaces_gym.scenes.homes.single import fixture_mjcf

Pose = NDArray[np.float64]
HANDS = {"franka_droid": "gripper/base_mount", "rby1": "link_right_arm_6"}
PIECES = (
    "counter", "sink", "dresser", "drawer_desk", "nightstand", "wall_cabinet", "wardrobe",
    "sideboard", "fridge", "oven", "dishwasher", "microwave", "washing_machine", "door",
)  # fmt: skip


def draw(name: str, seed: int) -> Fixture:
    rng = np.random.default_rng(seed)
    return door(0.9, 2.06, 0.1, rng) if name == "door" else FIXTURES[name](rng)


def hand_at(fixture: Fixture, robot: str) -> FloatingHand:
    return FloatingHand(fixture_mjcf(fixture), get_robot(robot), HANDS[robot])


def back_off(grasp: Pose, distance: float) -> Pose:
    pose = grasp.copy()
    pose[:3, 3] -= distance * grasp[:3, 2]
    return pose


def opened(hand: FloatingHand, k: int, moving: Moving, grasp: Pose, goal: float) -> float:
    """Share of the range that the joint opens when the hand follows its arc to ``goal``."""
    home = np.eye(4)
    home[:3, 3] = moving.pos
    mujoco.mj_resetData(hand.model, hand.data)
    hand.place(back_off(home @ grasp, 0.1))
    for part in np.linspace(0.1, 0.0, 30):
        hand.go(back_off(home @ grasp, part), 8)
    hand.close(250)
    # a goal that jumps would jerk a heavy door out of the fingers
    for phase in np.linspace(0.0, np.pi, 2000):
        share = goal * (1 - np.cos(phase)) / 2
        hand.go(moved_home(moving, share) @ grasp, 1)
    return float(hand.data.qpos[hand.model.joint(f"joint_{k}").qposadr[0]]) / moving.travel


def moved_home(moving: Moving, share: float) -> Pose:
    """World pose of a moving body at a share of its range."""
    pose = np.eye(4)
    pose[:3, 3] = moving.pos
    if moving.slides:
        pose[:3, 3] += share * moving.travel * np.array(moving.axis)
        return pose
    quat, turn = np.zeros(4), np.zeros(9)
    mujoco.mju_axisAngle2Quat(quat, np.array(moving.axis), share * moving.travel)
    mujoco.mju_quat2Mat(turn, quat)
    pose[:3, :3] = turn.reshape(3, 3)
    return pose


@pytest.mark.parametrize("robot", HANDS)
@pytest.mark.parametrize("name", PIECES)
def test_open_gripper_reaches_every_handle(name: str, robot: str) -> None:
    fixture = draw(name, 0)
    hand = hand_at(fixture, robot)
    for moving in fixture.moving:
        home = np.eye(4)
        home[:3, 3] = moving.pos
        grasps = handle_grasps(moving)
        assert grasps.shape[1:] == (4, 4) and len(grasps) >= 20
        for grasp in grasps:
            mujoco.mj_resetData(hand.model, hand.data)
            hand.place(home @ grasp)
            assert not hand.touches()


@pytest.mark.parametrize(("robot", "seed"), [("franka_droid", 0), ("franka_droid", 1), ("rby1", 2)])
@pytest.mark.parametrize("name", PIECES)
def test_gripper_opens_by_the_handle(name: str, robot: str, seed: int) -> None:
    fixture = draw(name, seed)
    hand = hand_at(fixture, robot)
    for k in {0, len(fixture.moving) - 1}:
        moving = fixture.moving[k]
        assert opened(hand, k, moving, handle_grasps(moving)[0], goal=0.6) > 0.5


def test_grasps_of_a_home_are_written_in_the_official_layout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLSPACES_ASSETS_DIR", str(tmp_path))
    house = generate_home("val", 0, HomeConfig(rooms=(3, 3), num_objects=12, hinged_doors=1.0))
    assert house.mjcf is not None
    model = mujoco.MjModel.from_xml_string(house.mjcf)
    count = save_home_grasps(house, model, tmp_path, checked=False)
    assert count == len(list(tmp_path.glob("grasps/droid/*/*_grasps_filtered.npz")))
    objects = house.metadata["objects"]
    for part in house.metadata["articulated"]:
        entry = objects[part["object"]]
        label = entry["name_map"]["joints"][part["joint"]]
        file = official_grasp_file(entry["asset_id"], label)
        assert file is not None
        np.testing.assert_allclose(
            load_grasps(file), model_handle_grasps(model, part["handle"]), atol=1e-7
        )
    for door_entry in house.metadata["doors"]:
        labels = objects[door_entry["name"]]["name_map"]["joints"]
        for joint in door_entry["handle_joints"]:
            assert official_grasp_file(objects[door_entry["name"]]["asset_id"], labels[joint])
    held = [entry for entry in objects.values() if entry.get("graspable")]
    assert held
    for entry in held:
        assert official_grasp_file(entry["asset_id"]) is not None


def test_a_model_and_its_fixture_agree_about_grasps() -> None:
    for name in ("counter", "door", "oven"):
        fixture = draw(name, 2)
        model = mujoco.MjModel.from_xml_string(fixture_mjcf(fixture))
        for k, moving in enumerate(fixture.moving):
            for geom, part in [(f"moving_{k}_part_{moving.handle}", moving)] + [
                (f"moving_{k}_{c}_part_{child.handle}", child)
                for c, child in enumerate(moving.children)
            ]:
                if part.handle >= 0:
                    found = model_handle_grasps(model, geom)
                    order = np.lexsort(handle_grasps(part)[:, :3, 3].round(6).T)
                    again = np.lexsort(found[:, :3, 3].round(6).T)
                    np.testing.assert_allclose(
                        found[again][:, :3, 3], handle_grasps(part)[order][:, :3, 3], atol=1e-6
                    )
    with pytest.raises(InvalidScene, match="no handle"):
        model_handle_grasps(model, "fixture_0")


def test_parts_without_handles_are_named() -> None:
    bare = replace(draw("counter", 0).moving[0], handle=-1)
    with pytest.raises(InvalidConfig, match="no handle"):
        handle_grasps(bare)
