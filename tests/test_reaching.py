"""Where the whole arm has room: at a drawer, over what lies in it, and above what has rolled."""

import numpy as np
import pytest

from molmospaces_gym.policies.grasping import box_grasps, level_grasps
from molmospaces_gym.robots import get_robot
from molmospaces_gym.scenes.collision import CollisionProbe
from molmospaces_gym.scenes.compose import get_scene
from molmospaces_gym.scenes.navigation import NARROW, floor_grid
from molmospaces_gym.scenes.placement import in_reach
from molmospaces_gym.scenes.reaching import free_stances, stands_over
from molmospaces_gym.scenes.resolve import resolve_house
from molmospaces_gym.scenes.stances import stances
from molmospaces_gym.tasks.household_drawers import PULLED, closes, opened, opens, taken
from molmospaces_gym.tasks.household_offer import insides, offer_of


@pytest.fixture(scope="module")
def home():
    scene = get_scene(resolve_house("homes/val/105"), get_robot("franka_mobile"))
    return scene, offer_of(scene, floor_grid(scene, NARROW), None)


def test_free_stances_are_some_of_the_stances(home):
    scene, offer = home
    parts = [scene.articulations[joint] for joint, _, _ in insides(scene, offer)]
    assert parts
    for part in parts:
        ends = part.position(0.0), part.position(PULLED)
        found = free_stances(scene, part, *ends)
        assert set(found) <= {s.base_pose for s in stances(scene, part, *ends)}
        assert opens(scene, offer, part) == any(offer.docks(base) for base in found)
    assert any(closes(scene, offer, part) for part in parts)


def test_things_in_an_open_drawer_are_reached_and_in_a_closed_one_not(home):
    scene, offer = home
    joint, names, _ = insides(scene, offer)[0]
    part = scene.articulations[joint]
    assert set(taken(scene, offer, part, names, np.random.default_rng(0))) <= set(names)
    open_qpos = opened(scene, part, PULLED)
    address = scene.free_joint(names[0])[0]
    moved = open_qpos[address : address + 3] - scene.rest_pose(names[0])[:3]
    assert np.linalg.norm(moved) == pytest.approx(PULLED * part.span, abs=1e-6)
    found = stands_over(scene, names[0], open_qpos)
    assert found and found == stands_over(scene, names[0], open_qpos)
    for pose in found:
        yaw = 2 * np.arctan2(pose[6], pose[3])
        offset = open_qpos[address : address + 2] - pose[:2]
        assert in_reach(scene.robot.config.reach, offset, yaw)
    assert not stands_over(scene, names[0], scene.rest_qpos)


def test_what_has_rolled_over_is_held_from_above():
    half, angle = np.array([0.1, 0.02, 0.02]), np.deg2rad(28.0)
    cos, sin = np.cos(angle), np.sin(angle)
    rolled = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    center = np.array([0.01, 0.0, 0.0])

    def steepest(grasps):
        return float((rolled @ grasps[:, :3, 2].T)[2].min())

    assert steepest(box_grasps(half, center, tilts=(0.0,))) > -0.9
    found = level_grasps(half, center, rolled)
    assert steepest(found) == pytest.approx(-1.0)
    turns = found[:, :3, :3]
    identity = np.tile(np.eye(3), (len(found), 1, 1))
    np.testing.assert_allclose(turns @ turns.transpose(0, 2, 1), identity, atol=1e-9)
    assert not len(level_grasps(half, center, np.eye(3)))


def test_the_hands_closure_does_not_depend_on_what_stands_where_the_robot_rests():
    """In home 5 it rests in a piece of furniture, which threw the simulation off."""
    robot = get_robot("franka_mobile")
    hands = []
    for index in (5, 105):
        scene = get_scene(resolve_house(f"homes/val/{index}"), robot)
        probe = CollisionProbe(scene, closure=0.6)
        probe.place_world(scene.rest_qpos, {})
        hands.append(probe.data.qpos[scene.robot.gripper_qpos])
    assert np.abs(hands[0]).max() > 0.1
    np.testing.assert_allclose(hands[0], hands[1], atol=1e-4)
