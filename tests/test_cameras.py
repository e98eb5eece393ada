"""Camera geometry: rotations, look-at frames, world poses and mounts."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from molmospaces_gym.cameras import (
    CameraMount,
    forward_up,
    look_rotation,
    mat_to_quat,
    mounts_from_spec,
    quat_to_mat,
    world_pose,
)
from molmospaces_gym.episode import ExocentricCameraSpec, RobotMountedCameraSpec
from molmospaces_gym.errors import InvalidEpisode, UnknownBody

component = st.floats(-10, 10).map(lambda value: round(value, 6))
vectors = st.tuples(component, component, component)
quats = st.tuples(component, component, component, component).filter(
    lambda quat: math.hypot(*quat) > 1e-2
)


@given(quats)
def test_quat_to_mat_is_a_rotation(quat: tuple[float, ...]) -> None:
    mat = quat_to_mat(quat)
    np.testing.assert_allclose(mat @ mat.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(mat) == pytest.approx(1.0)


@given(quats)
def test_quat_and_mat_are_inverse(quat: tuple[float, ...]) -> None:
    mat = quat_to_mat(quat)
    again = mat_to_quat(mat)
    assert math.hypot(*again) == pytest.approx(1.0)
    assert again[0] >= 0
    np.testing.assert_allclose(quat_to_mat(again), mat, atol=1e-9)


def test_quat_to_mat_agrees_with_mujoco() -> None:
    mujoco = pytest.importorskip("mujoco")
    quat = np.array([0.3, -0.5, 0.7, 0.2])
    quat /= np.linalg.norm(quat)
    expected = np.zeros(9)
    mujoco.mju_quat2Mat(expected, quat)
    np.testing.assert_allclose(quat_to_mat(quat).ravel(), expected, atol=1e-15)


@given(vectors, vectors)
def test_look_rotation(forward: tuple[float, ...], up: tuple[float, ...]) -> None:
    f, u = np.array(forward), np.array(up)
    assume(np.linalg.norm(f) > 1e-2)
    assume(np.linalg.norm(u) > 1e-2)
    f, u = f / np.linalg.norm(f), u / np.linalg.norm(u)
    assume(np.linalg.norm(np.cross(f, u)) > 1e-3)
    mat = look_rotation(forward, up)
    np.testing.assert_allclose(mat @ mat.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(mat) == pytest.approx(1.0)
    np.testing.assert_allclose(mat[:, 2], -f, atol=1e-9)
    assert mat[:, 1] @ u > 0, "the image's up direction must be on the side of up"
    assert abs(mat[:, 0] @ u) < 1e-9, "up has no sideways part"


@given(quats)
def test_forward_up_inverts_look_rotation(quat: tuple[float, ...]) -> None:
    forward, up = forward_up(quat)
    np.testing.assert_allclose(look_rotation(forward, up), quat_to_mat(quat), atol=1e-9)


@pytest.mark.parametrize(
    ("forward", "up"),
    [
        ([0, 0, 0], [0, 0, 1]),
        ([1, 0, 0], [0, 0, 0]),
        ([1, 2, 3], [2, 4, 6]),
        ([0, 0, 1], [0, 0, -1]),
    ],
)
def test_degenerate_directions(forward: list[float], up: list[float]) -> None:
    with pytest.raises(InvalidEpisode, match="zero|parallel"):
        look_rotation(forward, up)


@given(vectors, quats, vectors, quats)
def test_world_pose_composes(
    offset: tuple[float, float, float],
    turn: tuple[float, float, float, float],
    body_pos: tuple[float, ...],
    body_quat: tuple[float, ...],
) -> None:
    mount = CameraMount("cam", "hand", offset, turn, 60.0)
    body_mat = quat_to_mat(body_quat)
    pose = world_pose(mount, np.array(body_pos), body_mat)
    np.testing.assert_allclose(pose.pos, np.array(body_pos) + body_mat @ offset, atol=1e-9)
    np.testing.assert_allclose(pose.mat, body_mat @ quat_to_mat(turn), atol=1e-12)
    flat = world_pose(mount, np.array(body_pos), body_mat.ravel())
    np.testing.assert_array_equal(flat.mat, pose.mat)
    assert pose.fov == 60.0


def test_world_pose_of_a_standing_camera_ignores_the_body() -> None:
    mount = CameraMount("cam", None, (1, 2, 3), (1, 0, 0, 0), 45.0)
    pose = world_pose(mount, np.full(3, 9.0), np.zeros((3, 3)))
    np.testing.assert_array_equal(pose.pos, [1, 2, 3])
    np.testing.assert_array_equal(pose.mat, np.eye(3))


def mounted(*bodies: str) -> RobotMountedCameraSpec:
    return RobotMountedCameraSpec(
        name="wrist",
        type="robot_mounted",
        reference_body_names=list(bodies),
        camera_offset=[0, 0, 0.1],
        lookat_offset=[0, 0, 0.2],
        camera_quaternion=[0, 0, 2, 0],
        fov=53,
    )


def test_mounts_take_the_first_body_that_exists() -> None:
    camera = mounted("robot_0/left", "robot_0/right")
    assert mounts_from_spec([camera])[0].body == "robot_0/left"
    (mount,) = mounts_from_spec([camera], bodies={"robot_0/right"})
    assert mount == CameraMount("wrist", "robot_0/right", (0, 0, 0.1), (0, 0, 1, 0), 53)
    with pytest.raises(UnknownBody, match="'wrist'.*robot_0/left or robot_0/right"):
        mounts_from_spec([camera], bodies={"world"})


def test_exocentric_mount_looks_along_forward() -> None:
    camera = ExocentricCameraSpec(
        name="exo", type="exocentric", pos=[1, 0, 2], up=[0, 0, 1], forward=[1, 0, -1], fov=70
    )
    (mount,) = mounts_from_spec([camera])
    forward, up = forward_up(mount.quat)
    assert mount.body is None
    np.testing.assert_allclose(forward, np.array([1, 0, -1]) / math.sqrt(2), atol=1e-12)
    np.testing.assert_allclose(up, np.array([1, 0, 1]) / math.sqrt(2), atol=1e-12)


def test_degenerate_camera_is_named() -> None:
    camera = ExocentricCameraSpec(
        name="exo", type="exocentric", pos=[1, 0, 2], up=[0, 0, 1], forward=[0, 0, -1], fov=70
    )
    with pytest.raises(InvalidEpisode, match="camera 'exo'.*parallel"):
        mounts_from_spec([camera])
