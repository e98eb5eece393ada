"""The RB-Y1 model against the published URDF and MJCF: kinematics, inertia, limits, gains."""

import math
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import mujoco
import numpy as np
import pytest
from numpy.typing import NDArray

from molmospaces_gym.robots.base import PlanarBase
from molmospaces_gym.robots.rby1 import RBY1

REFERENCE = Path(__file__).resolve().parents[2] / "shared/data/rby1"
FUSED = {
    "base": ("wheel_fr_link", "wheel_fl_link", "wheel_rr_link", "wheel_rl_link"),
    "link_torso_5": ("link_head_0",),
    "link_right_arm_6": ("ee_right",),
    "link_left_arm_6": ("ee_left",),
}
"""Links of the URDF that are part of another body of ours: they never move against it."""
TOOL_DEPTH = 0.2572 - 0.1261
"""Distance of the tool site in front of ``ee_left`` and ``ee_right``, m."""
Array = NDArray[np.float64]
Inertia = tuple[float, Array, Array]
"""Mass (kg), centre (3,) and inertia (3, 3) about it."""


@dataclass(frozen=True)
class Joint:
    """One joint of a URDF; ``origin`` (4, 4) is the child's frame in the parent's at zero."""

    name: str
    kind: str
    parent: str
    child: str
    origin: Array
    axis: Array
    limits: dict[str, float]


class Urdf:
    """As much of a URDF as forward kinematics and inertia need."""

    def __init__(self, path: Path) -> None:
        root = ElementTree.parse(path).getroot()
        self.joints = [self._joint(element) for element in root.findall("joint")]
        self.inertia = {
            str(link.get("name")): self._inertia(link.find("inertial"))
            for link in root.findall("link")
        }

    @staticmethod
    def _joint(element: ElementTree.Element) -> Joint:
        parts = {tag: element.find(tag) for tag in ("parent", "child", "origin", "axis", "limit")}
        given = {tag: dict(part.attrib) for tag, part in parts.items() if part is not None}
        return Joint(
            name=str(element.get("name")),
            kind=str(element.get("type")),
            parent=given["parent"]["link"],
            child=given["child"]["link"],
            origin=transform(given["origin"]),
            axis=numbers(given["axis"]["xyz"]),
            limits={key: float(value) for key, value in given.get("limit", {}).items()},
        )

    @staticmethod
    def _inertia(element: ElementTree.Element | None) -> Inertia:
        assert element is not None
        mass, origin, tensor = (element.find(tag) for tag in ("mass", "origin", "inertia"))
        assert mass is not None
        assert origin is not None
        assert tensor is not None
        frame = transform(dict(origin.attrib))
        xx, xy, xz, yy, yz, zz = (
            float(tensor.get(key, 0)) for key in ("ixx", "ixy", "ixz", "iyy", "iyz", "izz")
        )
        turned = frame[:3, :3] @ np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
        return float(mass.get("value", 0)), frame[:3, 3], turned @ frame[:3, :3].T

    def poses(self, positions: dict[str, float]) -> dict[str, Array]:
        """Frames (4, 4) of all links in the frame of ``base``."""
        found, waiting = {"base": np.eye(4)}, list(self.joints)
        while waiting:
            joint = next(j for j in waiting if j.parent in found)
            waiting.remove(joint)
            moved = motion(joint, positions.get(joint.name, 0.0))
            found[joint.child] = found[joint.parent] @ joint.origin @ moved
        return found

    def fused(self, name: str) -> Inertia:
        """Inertia of a link together with what is rigidly fixed to it, in its frame."""
        at_zero, parts = self.poses({}), []
        for link in (name, *FUSED.get(name, ())):
            mass, center, tensor = self.inertia[link]
            frame = np.linalg.inv(at_zero[name]) @ at_zero[link]
            rotation = frame[:3, :3]
            parts.append((mass, rotation @ center + frame[:3, 3], rotation @ tensor @ rotation.T))
        mass = sum(part[0] for part in parts)
        center = sum((part[0] * part[1] for part in parts), np.zeros(3)) / mass
        total = np.zeros((3, 3))
        for part, at, tensor in parts:
            arm = at - center
            total += tensor + part * (arm @ arm * np.eye(3) - np.outer(arm, arm))
        return mass, center, total


def numbers(text: str) -> Array:
    return np.array([float(value) for value in text.split()])


def axis_rotation(axis: Array, angle: float) -> Array:
    """Rodrigues' formula."""
    x, y, z = axis / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    rotation: Array = np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross
    return rotation


def transform(origin: dict[str, str]) -> Array:
    frame, (roll, pitch, yaw) = np.eye(4), numbers(origin.get("rpy", "0 0 0"))
    x, y, z = np.eye(3)
    frame[:3, :3] = axis_rotation(z, yaw) @ axis_rotation(y, pitch) @ axis_rotation(x, roll)
    frame[:3, 3] = numbers(origin.get("xyz", "0 0 0"))
    return frame


def motion(joint: Joint, position: float) -> Array:
    frame = np.eye(4)
    if joint.kind == "prismatic":
        frame[:3, 3] = joint.axis * position
    elif joint.kind in ("revolute", "continuous"):
        frame[:3, :3] = axis_rotation(joint.axis, position)
    return frame


@pytest.fixture(scope="module")
def model() -> mujoco.MjModel:
    return mujoco.MjModel.from_xml_path(str(RBY1.mjcf))


@pytest.fixture(scope="module")
def urdf() -> Urdf:
    if not REFERENCE.is_dir():
        pytest.skip(f"the reference data is absent: {REFERENCE}")
    return Urdf(REFERENCE / "model_v1.2.urdf")


def own_links(model: mujoco.MjModel) -> list[str]:
    """Names of our bodies that are links of the URDF."""
    names = [model.body(i).name for i in range(1, model.nbody)]
    return [name for name in names if not name.endswith("_shell")]


def test_forward_kinematics_equals_the_urdf(model: mujoco.MjModel, urdf: Urdf) -> None:
    data, rng, links = mujoco.MjData(model), np.random.default_rng(0), own_links(model)
    moving = [j for j in urdf.joints if j.kind in ("revolute", "prismatic")]
    bodies = [model.body(name).id for name in links]
    sites = [model.site(f"ee_site_{side}").id for side in "rl"]
    for _ in range(1000):
        values = {j.name: rng.uniform(j.limits["lower"], j.limits["upper"]) for j in moving}
        base = rng.uniform([-5, -5, -math.pi], [5, 5, math.pi])
        data.qpos[:3] = base
        for name, value in values.items():
            data.joint(name).qpos[0] = value
        mujoco.mj_kinematics(model, data)
        world = np.eye(4)
        world[:3, :3], world[:2, 3] = axis_rotation(np.array([0.0, 0, 1]), base[2]), base[:2]
        poses = urdf.poses(values)
        expected = np.array([world @ poses[name] for name in links])
        np.testing.assert_allclose(data.xpos[bodies], expected[:, :3, 3], atol=1e-6, rtol=0)
        rotations = data.xmat[bodies].reshape(-1, 3, 3)
        np.testing.assert_allclose(rotations, expected[:, :3, :3], atol=1e-6, rtol=0)
        tools = np.array([world @ poses[name] for name in ("ee_right", "ee_left")])
        tips = tools[:, :3, 3] - TOOL_DEPTH * tools[:, :3, 2]
        np.testing.assert_allclose(data.site_xpos[sites], tips, atol=1e-6, rtol=0)


def test_every_link_is_there_with_its_mass_and_inertia(model: mujoco.MjModel, urdf: Urdf) -> None:
    links = own_links(model)
    assert {*links, *sum(FUSED.values(), ())} == set(urdf.inertia)
    total = sum(mass for mass, _, _ in urdf.inertia.values())
    assert model.body_subtreemass[0] == pytest.approx(total, abs=1e-6)
    for name in links:
        body, (mass, center, tensor) = model.body(name), urdf.fused(name)
        assert body.mass[0] == pytest.approx(mass, abs=1e-7)
        np.testing.assert_allclose(body.ipos, center, atol=1e-7)
        mat = np.empty(9)
        mujoco.mju_quat2Mat(mat, body.iquat)
        rotation = mat.reshape(3, 3)
        ours = rotation @ np.diag(body.inertia) @ rotation.T
        np.testing.assert_allclose(ours, tensor, atol=1e-6, err_msg=name)


def test_joint_limits_and_forces_equal_the_urdf(model: mujoco.MjModel, urdf: Urdf) -> None:
    joints = [j for j in urdf.joints if j.limits]
    assert len(joints) + 3 == model.njnt
    for joint in joints:
        ours = model.joint(joint.name)
        expected = [joint.limits["lower"], joint.limits["upper"]]
        np.testing.assert_allclose(ours.range, expected, atol=1e-9, err_msg=joint.name)
        if "acceleration" not in joint.limits:
            continue
        actuator = model.actuator(actuator_of(joint.name))
        force = (
            joint.limits["effort"]
            + model.dof_armature[ours.dofadr[0]] * (joint.limits["acceleration"])
        )
        np.testing.assert_allclose(actuator.forcerange, [-force, force], err_msg=joint.name)


def test_gains_and_command_ranges_equal_the_published_mjcf(
    model: mujoco.MjModel, urdf: Urdf
) -> None:
    """Command ranges are the published ones, cut to the joint limits of the (newer) URDF."""
    root = ElementTree.parse(REFERENCE / "model_act.xml").getroot()
    gains = root.find("default/position")
    robot = ElementTree.parse(REFERENCE / "rby1_v1.2.xml").getroot()
    drive = robot.find("default/joint")
    assert gains is not None
    assert drive is not None
    for element in root.findall("actuator/position"):
        name = str(element.get("joint"))
        ours, joint = model.actuator(str(element.get("name"))), model.joint(name)
        assert model.joint(ours.trnid[0]).name == name
        low, high = numbers(str(element.get("ctrlrange")))
        expected = [max(low, joint.range[0]), min(high, joint.range[1])]
        np.testing.assert_allclose(ours.ctrlrange, expected, atol=1e-9, err_msg=name)
        assert ours.gainprm[0] == float(gains.get("kp", 0)) == -ours.biasprm[1]
        assert -ours.biasprm[2] == float(gains.get("kv", 0))
        assert model.dof_armature[joint.dofadr[0]] == float(drive.get("armature", 0))
        assert float(np.ravel(model.dof_damping[joint.dofadr[0]])[0]) == float(
            drive.get("damping", 0)
        )


def actuator_of(joint: str) -> str:
    """Actuator names count from one, joint names from zero."""
    for group in RBY1.groups.values():
        if joint in group.joints and len(group.joints) == len(group.actuators):
            return group.actuators[group.joints.index(joint)]
    raise AssertionError(joint)


def test_numbers_without_the_reference_data(model: mujoco.MjModel) -> None:
    assert model.nv == 29
    assert model.nu == 27
    assert model.body_subtreemass[0] == pytest.approx(162.490475, abs=1e-5)
    assert model.joint("left_arm_5").range.tolist() == [-1.570796327, 1.919862177]
    assert model.actuator("head_1_act").ctrlrange.tolist() == [-0.35, 1.57]
    assert model.actuator("base_x_act").gainprm[0] == 25000
    assert model.actuator("base_theta_act").gainprm[0] == 5000
    assert isinstance(RBY1.base, PlanarBase)


def test_tool_frames_and_cameras(model: mujoco.MjModel) -> None:
    """z is the approach, fingers move along y, the wrist camera is on the +x side."""
    data = mujoco.MjData(model)
    for side in "rl":
        data.joint(f"gripper_finger_{side}1").qpos[0] = -0.05
        data.joint(f"gripper_finger_{side}2").qpos[0] = 0.05
    mujoco.mj_kinematics(model, data)
    mujoco.mj_camlight(model, data)
    for side, sign in (("r", 1), ("l", -1)):
        site = data.site(f"ee_site_{side}")
        frame = site.xmat.reshape(3, 3)
        np.testing.assert_allclose(frame[:, 2], [0, 0, -1], atol=1e-12)
        first, second = (
            frame.T @ (data.body(f"ee_finger_{side}{k}").xpos - site.xpos) for k in (1, 2)
        )
        np.testing.assert_allclose(first, [0, sign * 0.053, -0.0561], atol=1e-9)
        np.testing.assert_allclose(second, [0, -sign * 0.053, -0.0561], atol=1e-9)
        camera = data.camera(f"wrist_camera_{side}")
        assert (frame.T @ (camera.xpos - site.xpos))[0] == pytest.approx(0.1)
    for mount in RBY1.cameras:
        ours = model.camera(mount.name)
        assert model.body(ours.bodyid[0]).name == mount.body
        np.testing.assert_allclose(ours.pos, mount.pos)
        np.testing.assert_allclose(ours.quat, mount.quat, atol=1e-6)
        assert ours.fovy[0] == mount.fov


def test_height_folds_the_torso_upright(model: mujoco.MjModel) -> None:
    torso = RBY1.torso
    assert torso is not None
    data, chest = mujoco.MjData(model), model.body("link_torso_5").id
    mujoco.mj_kinematics(model, data)
    tall = data.xpos[chest].copy()
    angle = torso.max_height
    for name, factor in zip(RBY1.groups[torso.group].joints, torso.height, strict=True):
        data.joint(name).qpos[0] = factor * angle
    mujoco.mj_kinematics(model, data)
    np.testing.assert_allclose(data.xmat[chest].reshape(3, 3), np.eye(3), atol=1e-12)
    low = tall - [0, 0, 0.7 * (1 - math.cos(angle))]
    np.testing.assert_allclose(data.xpos[chest], low, atol=1e-12)


def test_is_low_poly(model: mujoco.MjModel) -> None:
    assert model.nmesh == 0
    assert model.ngeom <= 40
    colliding = (model.geom_contype | model.geom_conaffinity) != 0
    mixed = {
        int(body)
        for body in model.geom_bodyid[colliding]
        if not colliding[model.geom_bodyid == body].all()
    }
    assert not mixed, "the broad phase would pay for pictures on colliding bodies"
