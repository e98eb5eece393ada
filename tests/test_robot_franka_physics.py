"""How the FR3 + 2F-85 behaves: fingers, grip, rest, contact rules and cameras."""

import mujoco
import numpy as np
import pytest
from numpy.typing import NDArray

from molmospaces_gym.robots.base import PREFIX
from molmospaces_gym.robots.franka_droid import FRANKA_DROID

ARM = FRANKA_DROID.groups["arm"].joints
HOME = np.array(FRANKA_DROID.home["arm"])
DOWN = np.diag([1.0, -1.0, -1.0])
Array = NDArray[np.float64]


def house(*, box_mass: float = 0.0) -> mujoco.MjSpec:
    """The robot on its pedestal under a mocap body, on request with a box on a table."""
    spec = mujoco.MjSpec()
    spec.compiler.degree = False
    option = spec.option
    option.timestep = 0.002
    option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    option.impratio = 10
    option.enableflags |= int(mujoco.mjtEnableBit.mjENBL_SLEEP)
    base = spec.worldbody.add_body(name=f"{PREFIX}base", mocap=True)
    assert FRANKA_DROID.pedestal is not None
    frame = base.add_frame(pos=[0, 0, FRANKA_DROID.pedestal[2]])
    robot = mujoco.MjSpec.from_file(str(FRANKA_DROID.mjcf))
    frame.attach_body(robot.body(FRANKA_DROID.root_body), PREFIX, "")
    if box_mass:
        kind = mujoco.mjtGeom.mjGEOM_BOX
        spec.worldbody.add_geom(type=kind, size=[0.2, 0.3, 0.29], pos=[0.6, 0, 0.29])
        box = spec.worldbody.add_body(name="box", pos=[0.55, 0, 0.605])
        box.add_freejoint()
        box.add_geom(type=kind, size=[0.025] * 3, mass=box_mass)
    return spec


@pytest.fixture(scope="module")
def model() -> mujoco.MjModel:
    return house().compile()


def at_home(model: mujoco.MjModel) -> mujoco.MjData:
    data = mujoco.MjData(model)
    for joint, value in zip(ARM, HOME, strict=True):
        data.joint(PREFIX + joint).qpos[0] = value
    gripper = FRANKA_DROID.groups["gripper"]
    for joint, value in zip(gripper.joints, FRANKA_DROID.home["gripper"], strict=True):
        data.joint(PREFIX + joint).qpos[0] = value
    data.ctrl[:7] = HOME
    return data


def opening(data: mujoco.MjData) -> float:
    """Smallest distance (m) of the pads' inner faces along the axis on which they move."""
    frame = data.site(PREFIX + FRANKA_DROID.tcp_site)
    axis = frame.xmat.reshape(3, 3)[:, 1]
    reach = []
    for side, sign in (("left", 1.0), ("right", -1.0)):
        corners = []
        for pad in ("pad1", "pad2"):
            geom = data.geom(f"{PREFIX}gripper/{side}_{pad}")
            for z in (-0.009375, 0.009375):
                corner = geom.xpos + geom.xmat.reshape(3, 3) @ np.array([0, -0.004, z])
                corners.append(sign * float(axis @ (corner - frame.xpos)))
        reach.append(max(corners))
    return -sum(reach)


def test_fingers_open_and_close(model: mujoco.MjModel) -> None:
    """Open is within 2 mm of the nominal 87 mm, closed within 0.1 mm of nothing, in < 1 s."""
    data = at_home(model)
    mujoco.mj_step(model, data, 500)
    assert opening(data) == pytest.approx(FRANKA_DROID.gripper.max_opening, abs=0.002)
    data.ctrl[7] = FRANKA_DROID.gripper.closed_ctrl
    mujoco.mj_step(model, data, 300)
    assert opening(data) == pytest.approx(0.0, abs=1e-4)
    driver = data.joint(f"{PREFIX}gripper/left_driver_joint").qpos[0]
    assert driver == pytest.approx(0.782, abs=0.002)
    data.ctrl[7] = FRANKA_DROID.gripper.open_ctrl
    mujoco.mj_step(model, data, 500)
    assert opening(data) > 0.084


def test_stands_still_at_home(model: mujoco.MjModel) -> None:
    data = at_home(model)
    mujoco.mj_step(model, data, 2500)
    arm = np.array([data.joint(PREFIX + joint).qpos[0] for joint in ARM])
    np.testing.assert_allclose(arm, HOME, atol=1e-5)
    assert np.abs(data.qvel).max() < 1e-6
    assert data.ncon == 0


def solve_ik(model: mujoco.MjModel, target: Array, start: Array) -> Array:
    """Arm angles that bring the tool to ``target`` (3,), pointing down (damped least squares)."""
    data = mujoco.MjData(model)
    joints = [model.joint(PREFIX + joint) for joint in ARM]
    adr, dofs = [j.qposadr[0] for j in joints], [j.dofadr[0] for j in joints]
    site = model.site(PREFIX + FRANKA_DROID.tcp_site).id
    jac, q = np.zeros((6, model.nv)), start.copy()
    for _ in range(100):
        data.qpos[adr] = q
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_jacSite(model, data, jac[:3], jac[3:], site)
        mat = data.site_xmat[site].reshape(3, 3)
        turn = 0.5 * np.cross(mat.T, DOWN.T).sum(axis=0)
        error = np.concatenate([target - data.site_xpos[site], turn])
        part = jac[:, dofs]
        q = q + part.T @ np.linalg.solve(part @ part.T + 1e-4 * np.eye(6), error)
    return q


def test_holds_a_box_of_one_kilogram_through_lift_and_shake() -> None:
    model = house(box_mass=1.0).compile()
    data = at_home(model)
    joints = HOME.copy()
    site = data.site(PREFIX + FRANKA_DROID.tcp_site)
    box = data.body("box")
    grasp = np.array([0.55, 0.0, 0.605])

    def move(target: Array, seconds: float, grip: float) -> None:
        nonlocal joints
        goal, steps = solve_ik(model, target, joints), round(seconds / model.opt.timestep)
        data.ctrl[7] = grip
        for i in range(steps):
            share = (1 - np.cos(np.pi * (i + 1) / steps)) / 2
            data.ctrl[:7] = joints + share * (goal - joints)
            mujoco.mj_step(model, data)
        joints = goal

    def held() -> Array:
        return np.asarray(site.xmat.reshape(3, 3).T @ (box.xpos - site.xpos))

    closed = FRANKA_DROID.gripper.closed_ctrl
    move(grasp + [0, 0, 0.12], 1.0, 0)
    move(grasp, 1.2, 0)
    move(grasp, 0.6, closed)
    before, height = held(), box.xpos[2]
    high = grasp + [0, 0, 0.25]
    move(high, 0.6, closed)
    lifted = held()
    for shake in ([0, 0.1, 0], [0.08, 0, 0], [0, 0, 0.08]):
        for sign in (1, -1, 1, -1):
            move(high + sign * np.array(shake), 0.3, closed)
    move(high, 0.5, closed)
    assert box.xpos[2] - height > 0.23
    assert np.linalg.norm(held() - before) < 0.008
    assert np.linalg.norm(held() - lifted) < 0.004


@pytest.mark.parametrize("bits", [(1, 1), (8, 15), (1, 15), (0, 7)])
@pytest.mark.parametrize("part", ["fr3_link3", "gripper/base", "gripper/left_pad"])
def test_collides_with_every_kind_of_scene_geom(bits: tuple[int, int], part: str) -> None:
    """The masks of plain MJCF and of structure, objects and doors in MolmoSpaces houses."""
    spec = house()
    ball = spec.worldbody.add_body(name="ball", mocap=True)
    ball.add_geom(size=[0.05, 0, 0], contype=bits[0], conaffinity=bits[1])
    model = spec.compile()
    data = at_home(model)
    mujoco.mj_kinematics(model, data)
    mocap = model.body_mocapid[model.body("ball").id]
    data.mocap_pos[mocap] = data.body(PREFIX + part).xpos
    mujoco.mj_kinematics(model, data)
    mujoco.mj_collision(model, data)
    touched = {model.geom_bodyid[geom] for pair in data.contact.geom for geom in pair}
    assert model.body(PREFIX + part).id in touched


def test_hand_collides_with_own_base_only(model: mujoco.MjModel) -> None:
    data = at_home(model)
    mujoco.mj_forward(model, data)
    assert data.ncon == 0
    folded = (0.0, -1.2, 0.0, -3.0, 0.0, 1.1, 0.0)
    for joint, value in zip(ARM, folded, strict=True):
        data.joint(PREFIX + joint).qpos[0] = value
    mujoco.mj_forward(model, data)
    bodies = {model.body(model.geom_bodyid[g]).name for pair in data.contact.geom for g in pair}
    torso = {f"{PREFIX}fr3_link{i}" for i in range(3)}
    assert bodies & torso and bodies - torso


def test_cameras_look_at_the_workspace(model: mujoco.MjModel) -> None:
    data = at_home(model)
    mujoco.mj_forward(model, data)
    shoulder, wrist = FRANKA_DROID.cameras
    mat = np.zeros(9)
    mujoco.mju_quat2Mat(mat, np.array(shoulder.quat) / np.linalg.norm(shoulder.quat))
    right, up, back = mat.reshape(3, 3).T
    position = np.array(shoulder.pos)
    hit = position - back * position[2] / back[2]
    np.testing.assert_allclose(hit, [0.659, -0.093, 0.0], atol=1e-3)
    assert up[2] > 0.75 and abs(right[2]) < 0.15
    camera = model.camera(f"{PREFIX}gripper/wrist_camera")
    assert model.body(camera.bodyid[0]).name == PREFIX + str(wrist.body)
    np.testing.assert_allclose(camera.pos, wrist.pos)
    np.testing.assert_allclose(camera.quat, wrist.quat, atol=1e-6)
    assert camera.fovy[0] == pytest.approx(wrist.fov)
    live = data.camera(camera.name)
    tool = live.xmat.reshape(3, 3).T @ (data.site(PREFIX + FRANKA_DROID.tcp_site).xpos - live.xpos)
    assert -tool[2] > 0.1 and np.hypot(tool[0], tool[1]) < 0.25 * -tool[2]
