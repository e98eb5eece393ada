"""The FR3 + 2F-85 model against the published numbers: kinematics, inertia, limits, gains."""

from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest

from molmospaces_gym.robots.base import PREFIX
from molmospaces_gym.robots.franka_droid import FRANKA_DROID

OFFICIAL = Path(__file__).resolve().parents[2] / "shared/data/official_pick_episode/scene.xml"
ARM = FRANKA_DROID.groups["arm"].joints
SITES = (FRANKA_DROID.tcp_site, "attachment_site")
CAMERA = "gripper/wrist_camera"


@pytest.fixture(scope="module")
def model() -> mujoco.MjModel:
    return mujoco.MjModel.from_xml_path(str(FRANKA_DROID.mjcf))


@pytest.fixture(scope="module")
def official() -> mujoco.MjModel:
    if not OFFICIAL.is_file():
        pytest.skip(f"the reference data is absent: {OFFICIAL}")
    return mujoco.MjModel.from_xml_path(str(OFFICIAL))


@pytest.fixture(scope="module")
def bodies(model: mujoco.MjModel, official: mujoco.MjModel) -> tuple[list[int], list[int]]:
    """Ids of our bodies and of those of the same names in the official file."""
    ours = list(range(1, model.nbody))
    return ours, [official.body(PREFIX + model.body(i).name).id for i in ours]


@pytest.fixture(scope="module")
def joints(model: mujoco.MjModel, official: mujoco.MjModel) -> tuple[list[int], list[int]]:
    """Ids of our joints and of those of the same names in the official file."""
    ours = list(range(model.njnt))
    return ours, [official.joint(PREFIX + model.joint(i).name).id for i in ours]


Pairs = tuple[list[int], list[int]]


def test_forward_kinematics_equals_the_official_file(
    model: mujoco.MjModel, official: mujoco.MjModel, bodies: Pairs, joints: Pairs
) -> None:
    ours, theirs = mujoco.MjData(model), mujoco.MjData(official)
    adr, ref_adr = model.jnt_qposadr[joints[0]], official.jnt_qposadr[joints[1]]
    low, high = model.jnt_range[joints[0]].T
    rng = np.random.default_rng(0)
    for _ in range(1000):
        q = rng.uniform(low, high)
        ours.qpos[adr], theirs.qpos[ref_adr] = q, q
        for m, d in ((model, ours), (official, theirs)):
            mujoco.mj_kinematics(m, d)
            mujoco.mj_camlight(m, d)
        for field in ("xpos", "xmat", "xipos"):
            a, b = getattr(ours, field)[bodies[0]], getattr(theirs, field)[bodies[1]]
            np.testing.assert_allclose(a, b, atol=1e-6, rtol=0)
        frames = [(ours.site(name), theirs.site(PREFIX + name)) for name in SITES]
        frames.append((ours.camera(CAMERA), theirs.camera(PREFIX + CAMERA)))
        for a, b in frames:
            np.testing.assert_allclose(a.xpos, b.xpos, atol=1e-6, rtol=0)
            np.testing.assert_allclose(a.xmat, b.xmat, atol=1e-6, rtol=0)


def test_masses_limits_and_gains_equal_the_official_file(
    model: mujoco.MjModel, official: mujoco.MjModel, bodies: Pairs, joints: Pairs
) -> None:
    def same(prefix: str, fields: str, ours: Any, theirs: Any, atol: float = 1e-8) -> None:
        for field in (prefix + name for name in fields.split()):
            a, b = getattr(model, field)[ours], getattr(official, field)[theirs]
            np.testing.assert_allclose(a, b, atol=atol, rtol=0, err_msg=field)

    same("body_", "mass inertia ipos", *bodies)
    # Two bodies get their inertia from a mesh there, whose axes differ between MuJoCo versions.
    same("body_", "iquat", *bodies, atol=2e-5)
    same("jnt_", "range actfrcrange stiffness solref solimp pos axis", *joints)
    dofs = model.jnt_dofadr[joints[0]], official.jnt_dofadr[joints[1]]
    same("dof_", "damping armature frictionloss solref solimp", *dofs)
    same("qpos_", "spring", model.jnt_qposadr[joints[0]], official.jnt_qposadr[joints[1]])
    every = slice(None)
    same("actuator_", "gainprm biasprm biastype ctrlrange forcerange gear", every, every)
    same("eq_", "type data solref solimp", every, every)
    pads = [f"gripper/{side}_pad{k}" for side in ("left", "right") for k in (1, 2)]
    ours, theirs = ([m.geom(p + n).id for n in pads] for m, p in ((model, ""), (official, PREFIX)))
    same("geom_", "size pos friction priority solref solimp", ours, theirs)


def test_only_massless_bodies_are_left_out(official: mujoco.MjModel, bodies: Pairs) -> None:
    names = {i: official.body(i).name for i in range(official.nbody)}
    left_out = {i for i, name in names.items() if name.startswith(PREFIX)} - set(bodies[1])
    assert sum(official.body_mass[i] for i in left_out) == 0
    assert not any(names[i].endswith("_pad") and "silicone" not in names[i] for i in left_out)


HOME_TOOL = ((0.3068997, 0.0, 0.4344535), (-0.0001, 0.0, -1.0), (0.306903, 0.0493, 0.4675335))
BENT = dict(zip(ARM, (2.0, -0.4, -0.04, -1.07, -2.53, 2.76, -1.39), strict=True)) | {
    "gripper/left_spring_link_joint": 0.66,
    "gripper/left_follower_joint": -0.84,
}
BENT_TOOL = (
    (-0.088726, 0.2753982, 1.2331577),
    (0.081652, 0.3991519, 0.9132419),
    (-0.0760523, 0.2609436, 1.2168942),
)


@pytest.mark.parametrize(
    ("angles", "expected"),
    [
        (dict(zip(ARM, FRANKA_DROID.home["arm"], strict=True)), HOME_TOOL),
        (BENT, BENT_TOOL),
    ],
    ids=["home", "bent"],
)
def test_forward_kinematics_literals(
    model: mujoco.MjModel, angles: dict[str, float], expected: tuple[tuple[float, ...], ...]
) -> None:
    """Tool position, approach axis and left pad in the frame of ``fr3_link0``."""
    data = mujoco.MjData(model)
    for name, value in angles.items():
        data.joint(name).qpos[0] = value
    mujoco.mj_kinematics(model, data)
    site = data.site(FRANKA_DROID.tcp_site)
    found = (site.xpos, site.xmat.reshape(3, 3)[:, 2], data.body("gripper/left_pad").xpos)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_numbers_without_the_reference_data(model: mujoco.MjModel) -> None:
    """A few published numbers: moving masses (kg), gains and command ranges."""
    arm = [model.body(f"fr3_link{i}").mass[0] for i in range(1, 8)]
    assert arm == [2.92747, 2.93554, 2.2449, 2.6156, 2.32712, 1.81704, 0.627143]
    assert model.actuator_gainprm[:7, 0].tolist() == [4500, 4500, 3500, 3500, 2000, 2000, 2000]
    assert model.actuator_ctrlrange[[0, 3, 5, 7]].tolist() == [
        [-2.9007, 2.9007],
        [-3.077, -0.1169],
        [0.4398, 4.6216],
        [0, 255],
    ]


def test_the_arm_bears_no_weight(model: mujoco.MjModel) -> None:
    """Gravity compensation, gathered on few bodies, leaves at most 0.04 N m in any arm joint."""
    carried = (model.body_gravcomp * model.body_mass)[2:].sum()
    assert carried == pytest.approx(model.body_mass[2:].sum(), rel=1e-6)
    data, rng = mujoco.MjData(model), np.random.default_rng(0)
    low, high = model.jnt_range[:7].T
    for _ in range(200):
        data.qpos[:7] = rng.uniform(low, high)
        mujoco.mj_forward(model, data)
        left = (data.qfrc_gravcomp - data.qfrc_bias)[:7]
        assert np.abs(left).max() < 0.04


def test_is_low_poly(model: mujoco.MjModel) -> None:
    assert model.nmesh == 0
    assert model.ngeom <= 45
