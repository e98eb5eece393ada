"""Action modes of robots with several parts: layout, units, inverse mapping."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from molmospaces_gym.actions import (
    ACTION_MODES,
    BASE_MODES,
    BASE_STEP,
    BASE_TURN,
    EE_STEP,
    EE_TURN,
    JOINT_STEP,
    TORSO_STEP,
    action_parts,
    action_size,
    make_mapper,
)
from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.robots import get_robot
from molmospaces_gym.robots.binding import RobotBinding
from molmospaces_gym.robots.kinematics import Kinematics
from molmospaces_gym.scenes.compose import get_scene
from molmospaces_gym.scenes.house import House

Array = NDArray[np.float64]
EMPTY = House(
    "empty", mjcf='<mujoco><worldbody><geom type="plane" size="2 2 .1"/></worldbody></mujoco>'
)
unit = st.floats(-1, 1, width=32)


@pytest.fixture(scope="module", params=["rby1", "franka_mobile"])
def robot(request: pytest.FixtureRequest) -> RobotBinding:
    return get_scene(EMPTY, get_robot(request.param)).robot


@pytest.fixture(scope="module")
def rby1() -> RobotBinding:
    return get_scene(EMPTY, get_robot("rby1")).robot


def home(robot: RobotBinding, base: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Array:
    qpos = np.zeros(robot.model.nq)
    robot.home_qpos(qpos)
    assert robot.base is not None
    qpos[robot.base.qpos] = base
    return robot.hold_command(qpos)


SIZES = {
    "rby1": {
        "joint_delta": (3, 6, 7, 7, 1, 1, 2),
        "joint_position": (3, 6, 7, 7, 1, 1, 2),
        "ee_delta": (3, 1, 6, 6, 1, 1, 2),
        "ee_delta_pos": (3, 1, 3, 3, 1, 1, 2),
    },
    "franka_mobile": {
        "joint_delta": (3, 7, 1),
        "joint_position": (3, 7, 1),
        "ee_delta": (3, 6, 1),
        "ee_delta_pos": (3, 3, 1),
    },
}


@pytest.mark.parametrize("name", SIZES)
def test_parts_follow_the_groups_of_the_robot(name: str) -> None:
    robot = get_robot(name)
    for mode, sizes in SIZES[name].items():
        parts = action_parts(robot, mode)
        assert tuple(parts) == tuple(robot.groups)
        assert tuple(part.stop - part.start for part in parts.values()) == sizes
        assert [part.start for part in parts.values()] == [
            sum(sizes[:k]) for k in range(len(sizes))
        ]
        assert action_size(robot, mode) == sum(sizes)
    for mode in BASE_MODES:
        assert action_parts(robot, mode) == {"base": slice(0, 3)}


def test_a_robot_without_a_base_has_no_base_modes() -> None:
    with pytest.raises(InvalidConfig, match="rby1"):
        action_size(get_robot("franka_droid"), "base_velocity")


def test_zero_holds_everything_but_centres_grippers(robot: RobotBinding) -> None:
    target = home(robot, (1.0, 2.0, 3.0))
    for arm in robot.arms:
        target[arm.grip_control] = arm.config.gripper.open_ctrl
    for mode in (mode for mode in ACTION_MODES if mode != "joint_position"):
        mapper = make_mapper(mode, robot)
        action = np.zeros(mapper.size)
        for arm in robot.arms:
            part = action_parts(robot.config, mode)[arm.config.gripper.group]
            action[part] = -1.0
        np.testing.assert_allclose(mapper.decode(action, target), target, atol=4e-3)
        for arm in robot.arms:
            part = action_parts(robot.config, mode)[arm.config.gripper.group]
            action[part] = 1.0
            command = mapper.decode(action, target)[arm.grip_control]
            assert command == pytest.approx(arm.config.gripper.closed_ctrl)
    for mode in BASE_MODES:
        mapper = make_mapper(mode, robot)
        np.testing.assert_array_equal(mapper.decode(np.zeros(3), target), target)


@settings(max_examples=50, deadline=None)
@given(st.tuples(unit, unit, unit), st.floats(-4, 4))
def test_base_moves_in_its_own_axes(robot: RobotBinding, move: tuple[float, ...], heading: float):
    """Forward, left and turn; the axes are those half way through the turn."""
    target = home(robot, (0.5, -0.2, heading))
    assert robot.base is not None
    assert robot.config.base is not None
    scales = {
        "base_velocity": 0.2 * np.array(robot.config.base.max_speed),
        "base_delta": np.array([BASE_STEP, BASE_STEP, BASE_TURN]),
    }
    for mode, scale in scales.items():
        mapper = make_mapper(mode, robot, 0.2)
        command = mapper.decode(np.array(move), target)
        forward, left, turn = scale * move
        middle = heading + 0.5 * turn
        expected = [
            0.5 + math.cos(middle) * forward - math.sin(middle) * left,
            -0.2 + math.sin(middle) * forward + math.cos(middle) * left,
            heading + turn,
        ]
        np.testing.assert_allclose(command[robot.base.control], expected, atol=1e-12)
        others = np.ones(len(target), bool)
        others[robot.base.control] = False
        np.testing.assert_array_equal(command[others], target[others])
        np.testing.assert_allclose(mapper.encode(command, target), move, atol=1e-9)
    whole = make_mapper("joint_delta", robot, 0.2)
    action = np.zeros(whole.size)
    action[robot.base.control] = move
    decoded = whole.decode(action, target)[robot.base.control]
    np.testing.assert_allclose(
        decoded,
        make_mapper("base_velocity", robot, 0.2).decode(np.array(move), target)[robot.base.control],
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_joint_modes_are_inverted(robot: RobotBinding, seed: int) -> None:
    rng, target = np.random.default_rng(seed), home(robot)
    for mode in ("joint_delta", "joint_position"):
        mapper = make_mapper(mode, robot)
        action = rng.uniform(-1, 1, mapper.size)
        command = mapper.decode(action, target)
        assert (command >= robot.ctrl_low).all()
        assert (command <= robot.ctrl_high).all()
        np.testing.assert_allclose(
            mapper.decode(mapper.encode(command, target), target), command, atol=1e-9
        )


def test_steps_of_joints(rby1: RobotBinding) -> None:
    target, mapper = home(rby1), make_mapper("joint_delta", rby1)
    command = mapper.decode(np.full(mapper.size, 0.5), target)
    moved = {name: (command - target)[group.control] for name, group in rby1.groups.items()}
    np.testing.assert_allclose(moved["torso"], 0.5 * TORSO_STEP)
    np.testing.assert_allclose(moved["head"], 0.5 * JOINT_STEP)
    np.testing.assert_allclose(np.delete(moved["left_arm"], 1), 0.5 * JOINT_STEP)


@settings(max_examples=30, deadline=None)
@given(st.lists(unit, min_size=12, max_size=12).map(np.array), st.floats(0, 0.5))
def test_each_tool_moves_by_its_own_step(rby1: RobotBinding, moves: Array, lean: float) -> None:
    """Also with the torso bent, whose commands the inverse kinematics follow."""
    target, mapper = home(rby1), make_mapper("ee_delta", rby1)
    torso, parts = rby1.groups["torso"], action_parts(rby1.config, "ee_delta")
    target[torso.control] = [0.0, lean, 0.0, -lean, 0.0, 0.2]
    for arm, side in zip(rby1.arms, (-1, 1), strict=True):
        # Away from the ends of the joints, which cut steps short.
        target[arm.control] = [0.2, 0.4 * side, 0.0, -1.6, 0.0, 0.5, 0.0]
    action = np.zeros(mapper.size)
    for arm in rby1.arms:
        action[parts[arm.config.gripper.group]] = -1.0
    action[parts["left_arm"]], action[parts["right_arm"]] = moves[:6], moves[6:]
    command = mapper.decode(action, target)
    for number, arm in enumerate(rby1.arms):
        kinematics = Kinematics(rby1, number)
        kinematics.set_joints(torso.qpos, target[torso.control])
        shift, turn = kinematics.displacement(target[arm.control], command[arm.control])
        part = action[parts[arm.config.group]]
        # One step is right to first order only, and these are the largest steps on every axis.
        np.testing.assert_allclose(shift, EE_STEP * part[:3], atol=0.012)
        np.testing.assert_allclose(turn, EE_TURN * part[3:], atol=0.03)
    np.testing.assert_array_equal(command[torso.control], target[torso.control])
    np.testing.assert_allclose(
        mapper.decode(mapper.encode(command, target), target), command, atol=0.02
    )


def test_height_folds_the_torso_and_stops_at_its_ends(rby1: RobotBinding) -> None:
    torso, config = rby1.groups["torso"].control, rby1.config.torso
    assert config is not None
    target, mapper = home(rby1), make_mapper("ee_delta", rby1)
    part = action_parts(rby1.config, "ee_delta")["torso"]
    action = np.zeros(mapper.size)
    action[part] = 1.0
    once = mapper.decode(action, target)
    np.testing.assert_allclose(once[torso], TORSO_STEP * np.array(config.height), atol=1e-12)
    assert mapper.encode(once, target)[part][0] == pytest.approx(1.0)
    for _ in range(60):
        target = mapper.decode(action, target)
    np.testing.assert_allclose(target[torso], config.max_height * np.array(config.height))
    action[part] = -1.0
    for _ in range(60):
        target = mapper.decode(action, target)
    np.testing.assert_allclose(target[torso], 0.0, atol=1e-12)


def test_kinematics_with_the_torso_reach_further(rby1: RobotBinding) -> None:
    """The chain of torso and arm has 13 joints and finds what the arm alone does not."""
    down = np.diag([-1.0, 1.0, -1.0])
    goal = np.array([0.7, -0.25, 0.75])
    arm, whole = Kinematics(rby1), Kinematics(rby1, torso=True)
    qpos = np.zeros(rby1.model.nq)
    rby1.home_qpos(qpos)
    assert arm.solve(goal, down, qpos[arm.qpos_ids], iterations=200) is None
    found = whole.solve(goal, down, qpos[whole.qpos_ids], iterations=200)
    assert found is not None
    assert len(found) == 13
    position, rotation = whole.tool_pose(found)
    np.testing.assert_allclose(position, goal, atol=1e-3)
    np.testing.assert_allclose(rotation, down, atol=1e-2)
