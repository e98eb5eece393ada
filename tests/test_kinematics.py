"""The compiled chains of arms against MuJoCo's own kinematics of the whole scene."""

import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidScene
from molmospaces_gym.robots import get_robot
from molmospaces_gym.robots import kinematics_kernels as kernels
from molmospaces_gym.robots.binding import RobotBinding
from molmospaces_gym.robots.kinematics import DAMPING, Kinematics, chain_of
from molmospaces_gym.scenes.compose import get_scene
from molmospaces_gym.scenes.resolve import resolve_house

Array = NDArray[np.float64]
seeds = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module", params=["franka_droid", "franka_mobile", "rby1"])
def robot(request: pytest.FixtureRequest) -> RobotBinding:
    return get_scene(resolve_house("generated/val/0"), get_robot(request.param)).robot


def drawn(robot: RobotBinding, rng: np.random.Generator) -> Array:
    """A configuration (nq,) with every joint of the robot somewhere."""
    qpos = robot.model.qpos0.copy()
    for group in robot.groups.values():
        low, high = robot.model.jnt_range[group.joints].T
        low, high = np.where(low < high, (low, high), [[-1.0], [1.0]])
        qpos[group.qpos] = rng.uniform(low, high)
    return qpos


def placed(robot: RobotBinding, qpos: Array) -> mujoco.MjData:
    data = mujoco.MjData(robot.model)
    data.qpos[:] = qpos
    mujoco.mj_kinematics(robot.model, data)
    mujoco.mj_comPos(robot.model, data)
    return data


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_tools_are_where_the_simulator_has_them(robot: RobotBinding, seed: int) -> None:
    qpos = drawn(robot, np.random.default_rng(seed))
    data = placed(robot, qpos)
    base, origin = data.xmat[robot.link_id].reshape(3, 3), data.xpos[robot.link_id]
    for number, arm in enumerate(robot.arms):
        for torso in (False, True):
            kinematics = Kinematics(robot, number, torso)
            kinematics.set_posture(qpos)
            position, rotation = kinematics.tool_pose(qpos[kinematics.qpos_ids])
            seen = data.site_xmat[arm.tcp_site].reshape(3, 3)
            wanted = base.T @ (data.site_xpos[arm.tcp_site] - origin)
            np.testing.assert_allclose(position, wanted, atol=1e-12)
            np.testing.assert_allclose(rotation, base.T @ seen, atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_a_step_is_damped_least_squares_on_the_simulator_s_jacobian(
    robot: RobotBinding, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    qpos = drawn(robot, rng)
    data, shift, turn = placed(robot, qpos), rng.uniform(-0.02, 0.02, 3), rng.uniform(-0.1, 0.1, 3)
    base, jacobian = data.xmat[robot.link_id].reshape(3, 3), np.zeros((6, robot.model.nv))
    arm = robot.arms[0]
    mujoco.mj_jacSite(robot.model, data, jacobian[:3], jacobian[3:], arm.tcp_site)
    local = np.vstack([base.T @ jacobian[:3, arm.dof], base.T @ jacobian[3:, arm.dof]])
    gram = local @ local.T + DAMPING * np.eye(6)
    change = local.T @ np.linalg.solve(gram, np.concatenate([shift, turn]))
    low, high = robot.model.jnt_range[arm.joints].T
    kinematics = Kinematics(robot)
    kinematics.set_posture(qpos)
    moved = kinematics.step(qpos[arm.qpos], shift, turn)
    np.testing.assert_allclose(moved, np.clip(qpos[arm.qpos] + change, low, high), atol=1e-9)


@given(st.tuples(*[st.floats(-1, 1)] * 3), st.floats(0, 3.14), seeds)
def test_rotation_vector_is_axis_times_angle(
    axis: tuple[float, float, float], angle: float, seed: int
) -> None:
    length = float(np.linalg.norm(axis))
    if length < 1e-3:
        return
    start, turn, end, found = np.empty(4), np.empty(4), np.empty(4), np.empty(3)
    mujoco.mju_euler2Quat(start, np.random.default_rng(seed).uniform(-3, 3, 3), "xyz")
    mujoco.mju_axisAngle2Quat(turn, np.array(axis) / length, angle)
    mujoco.mju_mulQuat(end, turn, start)
    for sign in (1.0, -1.0):  # both are the same orientation
        kernels.rotation_vector(start, sign * end, found)
        np.testing.assert_allclose(found, angle * np.array(axis) / length, atol=1e-9)


ARM = """
<mujoco><worldbody>
  <body name="link" pos="1 2 3" euler="10 20 30"><geom size="0.1"/>
    <body pos="0 0 0.3" euler="0 40 0"><joint name="rail" type="slide" axis="1 0 1" ref="0.1"/>
      <geom size="0.1"/>
      <body pos="0.1 0 0.3"><joint name="second" type="{kind}" axis="0 1 0" pos="0 0 -0.05"/>
        <joint name="third" axis="0 0 1"/><geom size="0.1"/>
        <site name="tool" pos="0 0.1 0.2" euler="5 0 90"/></body></body></body>
</worldbody></mujoco>
"""


def test_slides_offsets_and_several_joints_of_one_body() -> None:
    model = mujoco.MjModel.from_xml_string(ARM.format(kind="hinge"))
    joints, chain = chain_of(model, model.body("link").id, model.site("tool").id)
    assert [model.joint(i).name for i in joints] == ["rail", "second", "third"]
    data, values, pose = mujoco.MjData(model), np.array([-0.2, 0.7, -1.1]), np.empty(7)
    data.qpos[:] = values
    mujoco.mj_kinematics(model, data)
    base, mat = data.xmat[1].reshape(3, 3), np.empty(9)
    kernels.tool_pose(chain, values, pose)
    mujoco.mju_quat2Mat(mat, pose[3:])
    np.testing.assert_allclose(pose[:3], base.T @ (data.site_xpos[0] - data.xpos[1]), atol=1e-12)
    np.testing.assert_allclose(
        mat.reshape(3, 3), base.T @ data.site_xmat[0].reshape(3, 3), atol=1e-12
    )
    moving, ends = np.arange(3), np.tile([-9.0, 9.0], (3, 1))
    wanted = values + [0.05, 0.1, -0.1]
    goal = np.empty(7)
    kernels.tool_pose(chain, wanted, goal)
    settings = (goal, 1e-6, ends, values, (1e-6, 1e-6), (0.1, 0.5), 60)
    assert kernels.solve(chain, moving, *settings)
    np.testing.assert_allclose(values, wanted, atol=1e-4)


def test_a_ball_joint_is_named() -> None:
    text = ARM.format(kind="ball").replace('<joint name="third" axis="0 0 1"/>', "")
    model = mujoco.MjModel.from_xml_string(text)
    with pytest.raises(InvalidScene, match="'second'"):
        chain_of(model, model.body("link").id, model.site("tool").id)
