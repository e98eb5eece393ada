"""Action modes: layout, limits, inverse mapping and checks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molmospaces_gym.actions import (
    ACTION_MODES,
    EE_STEP,
    EE_TURN,
    JOINT_STEP,
    action_space,
    check_action,
    make_mapper,
)
from molmospaces_gym.errors import InvalidAction, UnknownName
from molmospaces_gym.robots import get_robot
from molmospaces_gym.robots.kinematics import Kinematics
from molmospaces_gym.scenes.compose import get_scene
from molmospaces_gym.scenes.house import House

EMPTY = House(
    "empty", mjcf='<mujoco><worldbody><geom type="plane" size="2 2 .1"/></worldbody></mujoco>'
)
vectors = st.lists(st.floats(-1, 1, width=32), min_size=8, max_size=8).map(np.array)


@pytest.fixture(scope="module")
def robot():
    return get_scene(EMPTY, get_robot("franka_droid")).robot


@pytest.fixture(scope="module")
def home(robot):
    config = robot.config
    return np.append(np.asarray(config.home["arm"]), config.gripper.open_ctrl)


@pytest.mark.parametrize(
    ("mode", "size"),
    [("joint_delta", 8), ("joint_position", 8), ("ee_delta", 7), ("ee_delta_pos", 4)],
)
def test_space_is_a_unit_box(mode, size):
    space = action_space(get_robot("franka_droid"), mode)
    assert space.shape == (size,)
    assert (space.low == -1).all() and (space.high == 1).all()


@settings(max_examples=50)
@given(vectors)
def test_joint_position_spans_the_control_range(robot, home, action):
    mapper = make_mapper("joint_position", robot)
    command = mapper.decode(action, home)
    expected = robot.ctrl_low + (action + 1) / 2 * (robot.ctrl_high - robot.ctrl_low)
    np.testing.assert_allclose(command, expected, atol=1e-12)
    np.testing.assert_allclose(mapper.encode(command, home), action, atol=1e-9)


@settings(max_examples=50)
@given(vectors)
def test_joint_delta_moves_the_target_and_stays_in_range(robot, home, action):
    command = make_mapper("joint_delta", robot).decode(action, home)
    moved = np.clip(home[:-1] + JOINT_STEP * action[:-1], robot.ctrl_low[:-1], robot.ctrl_high[:-1])
    np.testing.assert_allclose(command[:-1], moved)
    assert command[-1] == pytest.approx(255 * (action[-1] + 1) / 2)


def test_gripper_opens_at_minus_one_and_closes_at_plus_one(robot, home):
    for mode in ACTION_MODES:
        mapper = make_mapper(mode, robot)
        for value, command in ((-1.0, 0.0), (1.0, 255.0)):
            action = np.zeros(mapper.size)
            action[-1] = value
            assert mapper.decode(action, home)[-1] == pytest.approx(command)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=6, max_size=6).map(np.array))
def test_ee_delta_moves_the_tool_by_its_step(robot, home, move):
    mapper, kinematics = make_mapper("ee_delta", robot), Kinematics(robot)
    command = mapper.decode(np.append(move, -1.0), home)
    shift, turn = kinematics.displacement(home[:-1], command[:-1])
    # One linear step: the error is second order in the displacement.
    np.testing.assert_allclose(shift, EE_STEP * move[:3], atol=0.006)
    np.testing.assert_allclose(turn, EE_TURN * move[3:], atol=0.02)
    recovered = mapper.encode(command, home)
    np.testing.assert_allclose(recovered[:6], move, atol=0.2)


def test_ee_delta_pos_keeps_the_orientation(robot, home):
    mapper, kinematics = make_mapper("ee_delta_pos", robot), Kinematics(robot)
    rng, target = np.random.default_rng(0), home
    for _ in range(40):
        target = mapper.decode(np.append(rng.uniform(-1, 1, 3), 0.0), target)
    _, turn = kinematics.displacement(home[:-1], target[:-1])
    assert np.linalg.norm(turn) < 0.02


def test_inverse_kinematics_reaches_a_pose_and_gives_up_out_of_reach(robot, home):
    kinematics = Kinematics(robot)
    down = np.diag([1.0, -1.0, -1.0])
    found = kinematics.solve(np.array([0.5, 0.1, 0.2]), down, home[:-1])
    position, rotation = kinematics.tool_pose(found)
    np.testing.assert_allclose(position, [0.5, 0.1, 0.2], atol=1e-3)
    np.testing.assert_allclose(rotation, down, atol=1e-2)
    assert kinematics.solve(np.array([1.5, 0.0, 0.2]), down, home[:-1]) is None


@pytest.mark.parametrize(
    "action",
    [np.full(8, np.nan), np.full(8, np.inf), np.zeros(7), np.zeros((1, 8)), "left", None, {}],
)
def test_a_bad_action_is_named(action):
    with pytest.raises(InvalidAction):
        check_action(action, 8)


def test_actions_outside_the_box_are_clipped():
    np.testing.assert_array_equal(check_action([5, -5], 2), [1, -1])


def test_unknown_mode_is_named(robot):
    with pytest.raises(UnknownName, match="joint_delta"):
        make_mapper("velocity", robot)
