"""How the RB-Y1 behaves: fingers, grip, rest, drive and contact rules."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import mujoco
import numpy as np
import pytest
from numpy.typing import NDArray

from molmospaces_gym.robots.base import PREFIX
from molmospaces_gym.robots.binding import RobotBinding, bind_robot
from molmospaces_gym.robots.kinematics import Kinematics
from molmospaces_gym.robots.rby1 import RBY1
from molmospaces_gym.scenes.compose import attach_robot, set_home

DOWN = np.diag([-1.0, 1.0, -1.0])
"""Tool rotation: pointing down, wrist camera towards the robot."""
CLAP = np.array([0.0, -0.02, -0.84, -1.64, 1.63, -0.84, 0.68])
"""Left arm with its hand in the middle in front of the chest."""
MIRROR = np.array([1.0, -1.0, -1.0, 1.0, -1.0, 1.0, -1.0])
REACHING = {"torso": (0.0, 0.4, 0.0, -0.4, 0.0, 0.0)}
Array = NDArray[np.float64]
Posture = Mapping[str, Sequence[float] | Array]


def house(*, box_mass: float = 0.0) -> mujoco.MjModel:
    """The robot on a floor, on request with a table in front of its right arm and a box on it."""
    spec = mujoco.MjSpec()
    spec.compiler.degree = False
    option = spec.option
    option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    option.impratio = 10
    option.enableflags |= int(mujoco.mjtEnableBit.mjENBL_SLEEP)
    plane, box = mujoco.mjtGeom.mjGEOM_PLANE, mujoco.mjtGeom.mjGEOM_BOX
    spec.worldbody.add_geom(type=plane, size=[5, 5, 0.1], contype=8, conaffinity=15)
    if box_mass:
        spec.worldbody.add_geom(type=box, size=[0.2, 0.4, 0.02], pos=[0.65, -0.2, 0.73])
        body = spec.worldbody.add_body(name="box", pos=[0.6, -0.22, 0.775])
        body.add_freejoint()
        body.add_geom(type=box, size=[0.025] * 3, mass=box_mass)
    attach_robot(spec, RBY1)
    return spec.compile()


@pytest.fixture(scope="module")
def model() -> mujoco.MjModel:
    return house()


def at_home(
    model: mujoco.MjModel, posture: Posture | None = None
) -> tuple[mujoco.MjData, RobotBinding]:
    data, robot = mujoco.MjData(model), bind_robot(model, RBY1)
    set_home(data, robot)
    for group, values in (posture or {}).items():
        data.qpos[robot.groups[group].qpos] = values
    data.ctrl[robot.actuators] = robot.hold_command(data.qpos)
    return data, robot


def opening(model: mujoco.MjModel, data: mujoco.MjData, side: str) -> float:
    """Distance (m) of the inner faces of two fingers."""
    fingers = [model.geom(f"{PREFIX}ee_finger_{side}{k}").id for k in (1, 2)]
    centers = data.geom_xpos[fingers]
    half = model.geom_size[fingers, 0].sum()
    return float(np.linalg.norm(centers[0] - centers[1]) - half)


def test_runs_at_the_official_timestep(model: mujoco.MjModel) -> None:
    assert model.opt.timestep == 0.004


@pytest.mark.parametrize("arm", [0, 1])
def test_fingers_open_and_close(model: mujoco.MjModel, arm: int) -> None:
    """Open is 10 cm, closed 0, each within 1 mm and in half a second."""
    data, robot = at_home(model)
    actuator, side = robot.arms[arm].gripper_actuator, "rl"[arm]
    gripper = RBY1.arms[arm].gripper
    for command, expected in ((gripper.closed_ctrl, 0.0), (gripper.open_ctrl, 0.1)):
        data.ctrl[actuator] = command
        mujoco.mj_step(model, data, 125)
        assert opening(model, data, side) == pytest.approx(expected, abs=1e-3)
        assert robot.arms[arm].closure(data.qpos) == pytest.approx(1 - expected * 10, abs=0.02)
    data.ctrl[actuator] = -0.02
    mujoco.mj_step(model, data, 250)
    assert opening(model, data, side) == pytest.approx(0.04, abs=1e-3)
    assert robot.hold_command(data.qpos)[robot.arms[arm].grip_control] == pytest.approx(
        -0.02, abs=1e-3
    )


@pytest.mark.parametrize("posture", [{}, REACHING], ids=["home", "reaching"])
def test_stands_still(model: mujoco.MjModel, posture: Posture) -> None:
    """No part drifts in 10 s, and nothing touches anything."""
    data, _ = at_home(model, posture)
    start = data.qpos.copy()
    mujoco.mj_step(model, data, 2500)
    np.testing.assert_allclose(data.qpos, start, atol=1e-4)
    assert np.abs(data.qvel).max() < 1e-6
    assert data.ncon == 0


def test_holds_a_box_of_one_kilogram_through_lift_and_shake() -> None:
    model = house(box_mass=1.0)
    data, robot = at_home(model, REACHING)
    arm, kinematics = robot.arms[0], Kinematics(robot)
    kinematics.set_posture(data.qpos)
    joints = data.qpos[arm.qpos].copy()

    def move_to(x: float, y: float, z: float, steps: int) -> None:
        nonlocal joints
        goal = kinematics.solve(np.array([x, y, z]), DOWN, joints, (1e-4, 1e-3), 200)
        assert goal is not None, (x, y, z)
        for part in np.linspace(0, 1, steps):
            data.ctrl[robot.actuators[arm.control]] = joints + part * (goal - joints)
            mujoco.mj_step(model, data, 5)
        joints = goal

    def in_tool() -> Array:
        site, box = data.site_xpos[arm.tcp_site], data.body("box")
        frame = data.site_xmat[arm.tcp_site].reshape(3, 3)
        found: Array = frame.T @ (box.xpos - site)
        return found

    move_to(0.6, -0.22, 0.95, 60)
    move_to(0.6, -0.22, 0.78, 60)
    data.ctrl[arm.gripper_actuator] = 0.0
    mujoco.mj_step(model, data, 150)
    held = in_tool()
    move_to(0.6, -0.22, 0.98, 40)
    assert data.body("box").xpos[2] > 0.92
    for y in (-0.12, -0.32, -0.12, -0.32, -0.22):
        move_to(0.6, y, 0.98, 15)
    mujoco.mj_step(model, data, 500)
    assert data.body("box").xpos[2] > 0.92
    np.testing.assert_allclose(in_tool(), held, atol=6e-3)


def test_arm_follows_a_ramp_at_the_pace_of_actions(model: mujoco.MjModel) -> None:
    """A joint that is asked to turn 1 rad in 1 s lags less than 0.25 rad and does not overshoot."""
    data, robot = at_home(model)
    arm = robot.arms[0]
    joint, actuator = arm.qpos[4], robot.actuators[arm.control][4]
    positions = []
    for step in range(500):
        target = min(step / 250, 1.0)
        data.ctrl[actuator] = target
        mujoco.mj_step(model, data)
        positions.append(float(data.qpos[joint]))
        assert target - positions[-1] < 0.25
    assert max(positions) < 1.001
    assert positions[-1] == pytest.approx(1.0, abs=1e-3)


def test_dynamic_base_drives_where_it_is_told(model: mujoco.MjModel) -> None:
    data, robot = at_home(model)
    assert robot.base is not None
    for part in np.linspace(0, 1, 100):
        data.ctrl[robot.base.actuators] = part * np.array([0.8, -0.4, 4.0])
        mujoco.mj_step(model, data, 5)
    mujoco.mj_step(model, data, 500)
    np.testing.assert_allclose(data.qpos[robot.base.qpos], [0.8, -0.4, 4.0], atol=1e-3)


def test_dynamic_base_stops_at_a_wall() -> None:
    spec = mujoco.MjSpec()
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    kind = mujoco.mjtGeom.mjGEOM_BOX
    spec.worldbody.add_geom(
        type=kind, size=[0.1, 2, 1.2], pos=[1.1, 0, 1.2], contype=8, conaffinity=15
    )
    attach_robot(spec, RBY1)
    model = spec.compile()
    data, robot = at_home(model)
    assert robot.base is not None
    for x in np.linspace(0, 1.0, 200):
        data.ctrl[robot.base.actuators[0]] = x
        mujoco.mj_step(model, data, 5)
    front = data.qpos[robot.base.qpos[0]] + 0.318
    assert 0.95 < front < 1.02


def touching(model: mujoco.MjModel, posture: Posture) -> set[frozenset[str]]:
    data, _ = at_home(model, posture)
    mujoco.mj_kinematics(model, data)
    mujoco.mj_comPos(model, data)
    mujoco.mj_collision(model, data)
    names = [
        frozenset(model.body(model.geom_bodyid[g]).name.removeprefix(PREFIX) for g in pair)
        for pair in data.contact.geom
    ]
    return set(names)


def test_collision_rules(model: mujoco.MjModel) -> None:
    assert touching(model, {}) == set()
    straight = {"right_arm": (0.0,) * 7, "left_arm": (0.0,) * 7}
    assert touching(model, straight) == set()
    hugging = {"right_arm": (0.9, -0.3, 1.4, -2.1, 1.6, -1.3, -0.4)}
    assert frozenset({"link_right_arm_3", "link_torso_5"}) in touching(model, hugging)
    clapping = {"left_arm": CLAP, "right_arm": CLAP * MIRROR}
    hands = frozenset({"link_left_arm_6", "link_right_arm_6"})
    assert hands in touching(model, clapping)


def test_neighbouring_links_never_touch(model: mujoco.MjModel) -> None:
    """Random postures touch only what can be touched: never a link and its neighbour."""
    robot, rng = bind_robot(model, RBY1), np.random.default_rng(1)
    chains = {
        frozenset(f"link_{side}_arm_{i}" for i in pair)
        for side in ("left", "right")
        for pair in pairwise(range(7))
    }
    low, high = robot.ctrl_low, robot.ctrl_high
    for _ in range(200):
        posture = {
            arm.config.group: tuple(rng.uniform(low[arm.control], high[arm.control]))
            for arm in robot.arms
        }
        assert not touching(model, posture) & chains
