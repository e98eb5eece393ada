"""Randomised cameras: official systems, their ranges, and what they have to see."""

import math

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import molmospaces_gym  # noqa: F401
from molmospaces_gym.backends.rendering import make_renderer
from molmospaces_gym.cameras import CameraPose, look_rotation, mat_to_quat, quat_to_mat
from molmospaces_gym.episode import camera_mounts
from molmospaces_gym.errors import InvalidConfig, InvalidScene, UnknownName
from molmospaces_gym.randomization import cameras
from molmospaces_gym.randomization.camera_systems import (
    CAMERA_SYSTEMS,
    LEVELS,
    Around,
    Displaced,
    Mounted,
    eval_system,
    system_of,
)
from molmospaces_gym.robots import get_robot
from molmospaces_gym.scenes.compose import get_scene
from molmospaces_gym.scenes.resolve import resolve_house
from molmospaces_gym.tasks import get_task

ID = "molmospaces_gym/Pick-v1"
FRANKA = [name for name in CAMERA_SYSTEMS if name.startswith("Franka")]
SEEDS = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def scene():
    return get_scene(resolve_house("generated/train/0"), get_robot("franka_droid"))


@pytest.fixture(scope="module")
def episode(scene):
    return get_task("Pick").sample(scene, np.random.default_rng(0), None)


def stage_of(scene, episode, system):
    return cameras.CameraDraw(system)._stage(scene, episode)


@pytest.fixture(scope="module")
def stage(scene, episode):
    return stage_of(scene, episode, CAMERA_SYSTEMS["FrankaOmniPurpose"])


def turn_between(first, second):
    cosine = (np.trace(quat_to_mat(first).T @ quat_to_mat(second)) - 1) / 2
    return math.degrees(math.acos(min(max(cosine, -1.0), 1.0)))


@given(SEEDS, st.sampled_from(FRANKA))
def test_every_camera_stays_in_its_range(stage, seed, name):
    rng = np.random.default_rng(seed)
    for camera in CAMERA_SYSTEMS[name].cameras:
        mount = cameras.propose(stage, camera, rng)
        assert mount.name == camera.name
        if isinstance(camera, Mounted):
            own = stage.mounts[camera.of]
            assert mount.body == own.body and abs(mount.fov - camera.fov) <= camera.fov_noise
            shift = np.subtract(mount.pos, own.pos)
            if camera.in_camera:
                shift = quat_to_mat(own.quat).T @ shift
            assert (np.abs(shift) <= np.array(camera.pos_noise) + 1e-9).all()
            assert turn_between(mount.quat, own.quat) <= sum(camera.turn_noise) + 1e-4
            continue
        assert mount.body is None and camera.fov[0] <= mount.fov <= camera.fov[1]
        x, y, z = np.subtract(mount.pos, stage.middle)
        assert camera.distance[0] <= math.hypot(x, y) + 1e-9
        assert math.hypot(x, y) <= camera.distance[1] + 1e-9
        assert camera.height[0] - 1e-9 <= z <= camera.height[1] + 1e-9
        mat = quat_to_mat(mount.quat)
        assert mat[2, 1] >= 0 and abs(mat[2, 0]) < 1e-9  # upright
        offset = np.cross(-mat[:, 2], stage.middle - mount.pos)
        assert np.linalg.norm(offset) <= math.sqrt(3) * camera.lookat + 1e-9


@given(SEEDS, st.floats(0, 100))
def test_evaluation_levels_stay_in_their_range(stage, seed, level):
    wrist, camera = eval_system(level).cameras
    assert isinstance(wrist, Mounted) and isinstance(camera, Displaced)
    own = stage.body_pose(stage.mounts["exo_camera_1"])
    mount = cameras.propose(stage, camera, np.random.default_rng(seed))
    (x, y, z), (u, v, w) = np.subtract(mount.pos, stage.middle), own.pos - stage.middle
    turn = (math.atan2(y, x) - math.atan2(v, u) + math.pi) % (2 * math.pi) - math.pi
    assert abs(turn) <= camera.azimuth[1] + 1e-6
    shift = math.hypot(x, y) - math.hypot(u, v)
    assert shift <= camera.distance[1] + 1e-9
    assert shift >= camera.distance[0] - 1e-9 or math.hypot(x, y) >= cameras.NEAREST - 1e-9
    assert camera.height[0] - 1e-9 <= z - w <= camera.height[1] + 1e-9


def test_levels_are_linear_between_the_official_ones():
    values = {
        0: (0.0, 0.0, 0.0, 0.0, 71.0),
        10: (math.pi / 4, 0.05, 0.05, 0.01, 71.0),
        40: (math.pi / 2, 0.5, 0.5, 0.05, 72.0),
        75: (math.pi, 1.0, 0.7, 0.1, 72.0),
        100: (math.pi, 1.5, 0.8, 0.15, 78.0),
    }
    assert tuple(values) == LEVELS

    def row(level):
        camera = eval_system(level).cameras[1]
        highs = (camera.azimuth[1], camera.distance[1], camera.height[1])
        return np.array([*highs, camera.lookat, camera.fov[1]])

    for level, expected in values.items():
        np.testing.assert_allclose(row(level), expected)
    np.testing.assert_allclose(row(25), (row(10) + row(40)) / 2)
    assert eval_system(5).cameras[1].towards == 0.5
    assert eval_system(5).cameras[0].fov_noise == 2.0


def test_level_zero_is_the_calibrated_pose(stage):
    wrist, exo = (
        cameras.propose(stage, camera, np.random.default_rng(0))
        for camera in eval_system(0).cameras
    )
    own = stage.body_pose(stage.mounts["exo_camera_1"])
    np.testing.assert_allclose(exo.pos, own.pos, atol=1e-9)
    np.testing.assert_allclose(quat_to_mat(exo.quat), own.mat, atol=1e-9)
    assert exo.fov == 71.0
    assert wrist.pos == pytest.approx(stage.mounts["wrist_camera"].pos)


@pytest.mark.parametrize("system", ["FrankaOmniPurpose", "FrankaRandomizedDroidCameraSystem", 60])
def test_cameras_see_the_object(scene, system):
    env = gym.make(ID, scene="generated/train/0", randomize_cameras=system).unwrapped
    wanted = system_of(system, env.robot)
    counted = 0
    for seed in range(6):
        env.reset(seed=seed)
        spec = env.episode
        assert tuple(camera.name for camera in spec.cameras) == wanted.names
        assert tuple(spec.img_resolution) == wanted.image_size
        target = scene.body_id(spec.task["pickup_obj_name"])
        renderer = make_renderer("raster", scene.model)
        for camera in wanted.cameras:
            if isinstance(camera, Mounted) and camera.task_share is None:
                continue
            pose = env.session.camera_pose(camera.name)
            image = renderer.render(env.world.data(0), pose, 640, 368, ("segmentation",))
            share = (image["segmentation"] == target).mean()
            assert share > 0
            counted += share >= 0.9 * camera.task_share
    # Small objects may never take up the tenth of a percent that shoulder cameras ask for.
    asked = sum(isinstance(c, Around | Displaced) for c in wanted.cameras)
    assert counted >= 6 * asked
    env.close()


def test_a_camera_that_sees_nothing_is_an_error(scene, episode, monkeypatch):
    draw = cameras.CameraDraw(CAMERA_SYSTEMS["FrankaDroid"])
    name = episode.task["pickup_obj_name"]
    below = {name: [*episode.scene_modifications.object_poses[name][:2], -5.0, 1.0, 0, 0, 0]}
    hidden = episode.replace(
        scene_modifications=episode.scene_modifications.replace(object_poses=below)
    )
    with pytest.raises(InvalidScene, match=r"exo_camera_1.*20 attempts"):
        draw.draw(scene, hidden, np.random.default_rng(0))


def test_cameras_never_stand_inside_something(scene, stage):
    inside = scene.body_id("robot_0/base")
    assert cameras.is_inside(stage, stage.data.xpos[inside] + [0, 0, 0.3])
    assert not cameras.is_inside(stage, stage.middle + [0, 0, 0.6])


def test_observations_follow_the_system():
    env = gym.make(ID, obs_mode="rgb", randomize_cameras="FrankaOmniPurpose", houses=1)
    names = list(CAMERA_SYSTEMS["FrankaOmniPurpose"].names)
    assert set(names) < set(env.observation_space) and "exo_camera_1" not in env.observation_space
    assert env.observation_space[names[0]].shape == (368, 640, 3)
    env.close()
    env = gym.make(ID, obs_mode="rgb", randomize_cameras=30, houses=1, cameras=["exo_camera_1"],
                   image_size=[32, 24], render_mode="rgb_array")  # fmt: skip
    observation, _ = env.reset(seed=0)
    assert env.observation_space.contains(observation) and "wrist_camera" not in observation
    assert env.render().shape == (24, 32, 3)
    env.close()


def test_default_systems_of_the_robots():
    assert system_of(True, get_robot("franka_droid")) is CAMERA_SYSTEMS["FrankaEasyRandomizedDroid"]
    assert (
        system_of(True, get_robot("franka_mobile")) is CAMERA_SYSTEMS["FrankaEasyRandomizedDroid"]
    )
    assert system_of(True, get_robot("rby1")) is CAMERA_SYSTEMS["RBY1GoProD455"]
    assert system_of(False, get_robot("rby1")) is None
    with pytest.raises(InvalidConfig, match=r"wrist_camera.*rby1"):
        system_of("FrankaOmniPurpose", get_robot("rby1"))
    with pytest.raises(InvalidConfig, match="rby1"):
        system_of(10, get_robot("rby1"))
    with pytest.raises(UnknownName, match="FrankaOmniPurpose"):
        gym.make(ID, randomize_cameras="FrankaAllPurpose")


def test_rotations():
    quarter = math.pi / 2
    turn = cameras.euler_mat(np.array([quarter, 0, quarter]))  # about x first, then about fixed z
    np.testing.assert_allclose(turn @ [0, 1, 0], [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(turn @ [1, 0, 0], [0, 1, 0], atol=1e-12)
    start, end = (1.0, 0, 0, 0), (math.cos(0.6), 0, 0, math.sin(0.6))
    half = cameras.between(np.array(start), -np.array(end), 0.5)
    np.testing.assert_allclose(half, (math.cos(0.3), 0, 0, math.sin(0.3)))
    down = cameras.looking(np.array([0, 0, 2.0]), np.zeros(3))
    np.testing.assert_allclose(-down[:, 2], [0, 0, -1], atol=1e-12)


def test_mounts_survive_the_episode(scene, episode):
    spec = cameras.CameraDraw(eval_system(100)).draw(scene, episode, np.random.default_rng(3))
    wrist, exo = camera_mounts(episode.replace(cameras=spec), scene.body_ids)
    assert wrist.body == "robot_0/gripper/base" and exo.body is None
    forward, up = np.array(spec[1].forward), np.array(spec[1].up)
    assert abs(forward @ up) < 1e-9
    pose = CameraPose(np.array(spec[1].pos), look_rotation(forward, up), exo.fov)
    np.testing.assert_allclose(mat_to_quat(pose.mat), exo.quat, atol=1e-9)
