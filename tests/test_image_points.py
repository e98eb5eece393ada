"""Image points say where in an episode's first pictures the things are that its task names."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import molmospaces_gym  # noqa: F401
from molmospaces_gym.cameras import CameraPose, quat_to_mat
from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.image_points import projected
from molmospaces_gym.registration import env_id

SIZE = (160, 120)
POINTS: dict[str, Any] = {"obs_mode": "rgb", "image_points": True, "image_size": list(SIZE)}
share = st.floats(0.0, 1.0)


@given(u=share, v=share, depth=st.floats(0.1, 5.0), fov=st.floats(20.0, 120.0), seed=st.integers(0))
def test_a_point_of_a_ray_is_seen_where_the_ray_leaves_the_picture(
    u: float, v: float, depth: float, fov: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    pose = CameraPose(rng.normal(size=3), quat_to_mat(rng.normal(size=4).tolist()), fov)
    half = np.tan(np.deg2rad(fov) / 2)
    ray = np.array([(2 * u - 1) * half * SIZE[0] / SIZE[1], (1 - 2 * v) * half, -1.0])
    there = pose.pos + pose.mat @ (depth * ray)
    back = projected(there, pose, SIZE)
    if 1e-6 < min(u, v) and max(u, v) < 1.0 - 1e-6:  # at the edge rounding decides
        assert back is not None
        np.testing.assert_allclose(back, (u, v), atol=1e-6)
    assert projected(pose.pos - pose.mat @ (depth * ray), pose, SIZE) is None
    outside = pose.pos + pose.mat @ (depth * ray + [0.0, depth * 3 * half, 0.0])
    assert projected(outside, pose, SIZE) is None


@pytest.mark.parametrize("task", ["Pick", "PickAndPlace", "Open", "Close"])
def test_points_lie_on_the_things_in_the_picture(task: str) -> None:
    env: Any = gym.make(env_id(task), houses=4, **POINTS)
    checked = 0
    for seed in range(6):
        observation, _ = env.reset(seed=seed)
        session = env.unwrapped.session
        fields, scene = session.episode.task, session.scene
        names = [fields["pickup_obj_name"], fields.get("place_receptacle_name")]
        bodies = [None if name is None else scene.body_id(name) for name in names]
        if task in ("Open", "Close"):
            bodies[0] = session.bound.part.body
        pose = session.camera_pose("exo_camera_1")
        seen = session.world.render(0, pose, SIZE, ("segmentation",), "raster")["segmentation"]
        for body, point in zip(
            bodies, observation["exo_camera_1_points"].reshape(2, 2), strict=True
        ):
            if body is None:
                assert not point.any()
                continue
            rows, columns = np.nonzero(seen == body)
            if len(rows) < 8:
                continue
            x, y = point * SIZE
            assert columns.min() - 3 <= x <= columns.max() + 4, (seed, body)
            assert rows.min() - 3 <= y <= rows.max() + 4, (seed, body)
            checked += 1
    assert checked >= 4
    env.close()


def test_points_of_the_first_picture_are_held_and_the_same_in_several_worlds() -> None:
    single = gym.make(env_id("Pick"), houses=1, **POINTS)
    several = gym.make_vec(env_id("Pick"), num_envs=2, houses=1, **POINTS)
    first, _ = single.reset(seed=4)
    together, _ = several.reset(seed=4)
    assert single.observation_space.contains(first)
    keys = [key for key in first if key.endswith("_points")]
    assert sorted(keys) == ["exo_camera_1_points", "wrist_camera_points"]
    assert first["exo_camera_1_points"][:2].all()
    single.action_space.seed(0)
    for _ in range(3):
        later, *_ = single.step(single.action_space.sample())
        assert not np.array_equal(later["wrist_camera"], first["wrist_camera"])
        for key in keys:
            np.testing.assert_array_equal(later[key], first[key])
            np.testing.assert_array_equal(together[key][0], first[key])
    other, _ = single.reset(seed=6)
    assert not np.array_equal(other["exo_camera_1_points"], first["exo_camera_1_points"])
    single.close()
    several.close()


def test_a_depth_camera_says_where_that_is_which_is_seen_at_the_points() -> None:
    env: Any = gym.make(env_id("PickAndPlace"), houses=2, **{**POINTS, "obs_mode": "rgbd"})
    plain = gym.make(env_id("PickAndPlace"), houses=2, **POINTS)
    privileged = gym.make(env_id("PickAndPlace"), houses=2)
    for seed in range(3):
        first, _ = env.reset(seed=seed)
        places, away = first["exo_camera_1_points"].reshape(2, 2, 3)
        np.testing.assert_allclose(away, places - first["tcp_pose"][:3], atol=1e-6)
        points = plain.reset(seed=seed)[0]["exo_camera_1_points"].reshape(2, 2)
        session = env.unwrapped.session
        pose, link = session.camera_pose("exo_camera_1"), session.scene.robot.link_id
        mat, pos = session.world.body_mat(0)[link].reshape(3, 3), session.world.body_pos(0)[link]
        picture = first["exo_camera_1_depth"].reshape(SIZE[1], SIZE[0])
        for place, point in zip(places, points, strict=True):
            there = pos + mat @ place
            np.testing.assert_allclose(projected(there, pose, SIZE), point, atol=1e-5)
            column, row = (point * SIZE).astype(int)
            depth = -(pose.mat.T @ (there - pose.pos))[2]
            np.testing.assert_allclose(depth, picture[row, column], atol=1e-5)
        state, _ = privileged.reset(seed=seed)
        assert np.linalg.norm(places[0] - state["object_pose"][:3]) < 0.15
        later, *_ = env.step(env.action_space.sample())
        held, away = later["exo_camera_1_points"].reshape(2, 2, 3)
        np.testing.assert_array_equal(held, places)
        np.testing.assert_allclose(away, places - later["tcp_pose"][:3], atol=1e-6)
        assert not np.array_equal(later["tcp_pose"], first["tcp_pose"])
    for each in (env, plain, privileged):
        each.close()


def test_without_pictures_there_are_no_points() -> None:
    with pytest.raises(InvalidConfig, match="obs_mode"):
        gym.make(env_id("Pick"), image_points=True)
    with pytest.raises(InvalidConfig, match="image_points must be true or false"):
        gym.make(env_id("Pick"), obs_mode="rgb", image_points="exo_camera_1")
