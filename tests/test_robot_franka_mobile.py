"""The mobile Franka: ``franka_droid`` unchanged, on a base that drives."""

import mujoco
import numpy as np
import pytest

from molmospaces_gym.robots.base import PREFIX
from molmospaces_gym.robots.binding import RobotBinding, bind_robot
from molmospaces_gym.robots.franka_droid import FRANKA_DROID
from molmospaces_gym.robots.franka_mobile import FRANKA_MOBILE
from molmospaces_gym.robots.kinematics import Kinematics
from molmospaces_gym.scenes.compose import attach_robot, set_home


def house() -> mujoco.MjModel:
    spec = mujoco.MjSpec()
    spec.compiler.degree = False
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    plane = mujoco.mjtGeom.mjGEOM_PLANE
    spec.worldbody.add_geom(type=plane, size=[5, 5, 0.1], contype=8, conaffinity=15)
    attach_robot(spec, FRANKA_MOBILE)
    return spec.compile()


@pytest.fixture(scope="module")
def model() -> mujoco.MjModel:
    return house()


def at_home(model: mujoco.MjModel) -> tuple[mujoco.MjData, RobotBinding]:
    data, robot = mujoco.MjData(model), bind_robot(model, FRANKA_MOBILE)
    set_home(data, robot)
    return data, robot


def test_arm_is_that_of_franka_droid(model: mujoco.MjModel) -> None:
    arm = mujoco.MjModel.from_xml_path(str(FRANKA_DROID.mjcf))
    for i in range(1, arm.nbody):
        name = arm.body(i).name
        ours = model.body(PREFIX + name)
        assert ours.mass[0] == arm.body(i).mass[0]
        if name != FRANKA_DROID.root_body:
            np.testing.assert_array_equal(ours.pos, arm.body(i).pos)
    assert FRANKA_MOBILE.arms == FRANKA_DROID.arms
    assert FRANKA_MOBILE.cameras == FRANKA_DROID.cameras
    gains = [model.actuator(PREFIX + name).gainprm[0] for name in FRANKA_DROID.groups["arm"].joints]
    assert gains == arm.actuator_gainprm[:7, 0].tolist()


def test_base_has_the_published_gains_and_is_critically_damped(model: mujoco.MjModel) -> None:
    data, robot = at_home(model)
    assert robot.base is not None
    mujoco.mj_forward(model, data)
    unit, response = np.zeros(model.nv), np.zeros(model.nv)
    for dof, actuator, kp in zip(
        robot.base.dof, robot.base.actuators, (25000, 25000, 5000), strict=True
    ):
        unit[:] = 0
        unit[dof] = 1
        mujoco.mj_mulM(model, data, response, unit)
        assert model.actuator_gainprm[actuator, 0] == kp
        ratio = -model.actuator_biasprm[actuator, 2] / (2 * np.sqrt(kp * response[dof]))
        assert ratio == pytest.approx(1.0, abs=0.01)


def test_stands_still_and_touches_nothing(model: mujoco.MjModel) -> None:
    data, robot = at_home(model)
    assert robot.base is not None
    held = np.concatenate([robot.base.qpos, robot.qpos])
    start = data.qpos[held]
    mujoco.mj_step(model, data, 2500)
    np.testing.assert_allclose(data.qpos[held], start, atol=1e-5)
    assert np.abs(data.qvel).max() < 1e-6
    assert data.ncon == 0


def test_drives_with_its_arm_held(model: mujoco.MjModel) -> None:
    data, robot = at_home(model)
    assert robot.base is not None
    arm = data.qpos[robot.qpos].copy()
    for part in np.linspace(0, 1, 100):
        data.ctrl[robot.base.actuators] = part * np.array([0.6, 0.5, -2.0])
        mujoco.mj_step(model, data, 10)
    mujoco.mj_step(model, data, 500)
    np.testing.assert_allclose(data.qpos[robot.base.qpos], [0.6, 0.5, -2.0], atol=1e-3)
    np.testing.assert_allclose(data.qpos[robot.qpos], arm, atol=5e-3)


def test_tool_frame_moves_with_the_base(model: mujoco.MjModel) -> None:
    """Tool poses are relative to ``fr3_link0`` and do not depend on where the base is."""
    data, robot = at_home(model)
    kinematics, arm = Kinematics(robot), data.qpos[robot.qpos].copy()
    position, rotation = kinematics.tool_pose(arm)
    np.testing.assert_allclose(position, [0.3069, 0.0, 0.4344], atol=1e-3)
    kinematics.set_joints(robot.groups["base"].qpos, np.array([2.0, -1.0, 1.2]))
    again = kinematics.tool_pose(arm)
    np.testing.assert_allclose(again[0], position, atol=1e-12)
    np.testing.assert_allclose(again[1], rotation, atol=1e-12)


def test_pose_is_written_into_its_joints(model: mujoco.MjModel) -> None:
    data, robot = at_home(model)
    assert robot.base is not None
    half = 0.5 * 1.1
    pose = (0.4, -0.3, 0.7, np.cos(half), 0.0, 0.0, np.sin(half))
    robot.place_base(pose, data.qpos, data.mocap_pos, data.mocap_quat)
    np.testing.assert_allclose(data.qpos[robot.base.qpos], [0.4, -0.3, 1.1])
    mujoco.mj_kinematics(model, data)
    link = data.xpos[robot.link_id]
    np.testing.assert_allclose(link, [0.4, -0.3, 0.585], atol=1e-9)
