"""Covered cameras: what is black, what is not, and what is refused."""

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import molmospaces_gym  # noqa: F401
from molmospaces_gym.errors import InvalidConfig, UnknownName
from molmospaces_gym.occlusion import cover, covered_blocks, occlusion_shares

ID = "molmospaces_gym/Pick-v1"
SMALL = {"scene": "generated/train/0", "image_size": [40, 24]}


@given(st.floats(1e-6, 1.0), st.integers(8, 90), st.integers(8, 90))
def test_a_block_has_its_share_and_lies_in_the_middle(share, width, height):
    block = covered_blocks({"a": share}, ["a"], (width, height))["a"]
    picture = np.ones((height, width))
    cover(picture, block)
    covered = (picture == 0).sum()
    rounding = 0.5 * (width + height) + 1  # half a pixel on each side
    assert abs(covered - share * width * height) <= rounding
    for axis in (0, 1):
        free = np.flatnonzero((picture == 1).any(axis=axis))
        margins = picture.shape[1 - axis]
        rows = np.flatnonzero((picture == 0).any(axis=axis))
        if len(rows):
            before, after = rows[0], margins - 1 - rows[-1]
            assert abs(int(before) - int(after)) <= 1
        else:
            assert len(free) == margins


def test_names_mean_the_whole_picture():
    assert occlusion_shares(["a", "b"]) == {"a": 1.0, "b": 1.0}
    assert occlusion_shares(None) == {}
    picture = np.ones((5, 7, 3), np.uint8)
    cover(picture, covered_blocks(["a"], ["a"], (7, 5))["a"])
    assert not picture.any()


@pytest.mark.parametrize(
    "wanted", ["wrist_camera", {"a": 0}, {"a": 1.5}, {"a": float("nan")}, {"a": True}, 3, [1]]
)
def test_what_is_no_occlusion_is_refused(wanted):
    with pytest.raises(InvalidConfig, match="occlude_cameras"):
        gym.make(ID, **SMALL, occlude_cameras=wanted)


def test_a_camera_that_is_not_observed_is_named():
    with pytest.raises(UnknownName, match="camera to occlude 'nose'.*wrist_camera"):
        gym.make(ID, **SMALL, occlude_cameras=["nose"])
    with pytest.raises(UnknownName, match="wrist_camera"):
        gym.make(ID, **SMALL, cameras=["exo_camera_1"], occlude_cameras=["wrist_camera"])


def test_only_the_covered_camera_changes_and_only_in_its_block():
    plain = gym.make(ID, obs_mode="rgbd", **SMALL)
    dark = gym.make(
        ID,
        obs_mode="rgbd",
        occlude_cameras={"wrist_camera": 0.25},
        render_mode="rgb_array",
        **SMALL,
    )
    whole = gym.make_vec(ID, num_envs=1, obs_mode="rgb", occlude_cameras=["wrist_camera"], **SMALL)
    seen, covered, black = (env.reset(seed=3)[0] for env in (plain, dark, whole))
    rows, columns = slice(6, 18), slice(10, 30)
    assert not covered["wrist_camera"][rows, columns].any()
    assert not covered["wrist_camera_depth"].reshape(24, 40)[rows, columns].any()
    for name in seen:
        if name.startswith("wrist_camera"):
            a, b = (obs[name].reshape(24, 40, -1).copy() for obs in (seen, covered))
            assert a[rows, columns].any()
            a[rows, columns] = b[rows, columns] = 0
            np.testing.assert_array_equal(a, b)
        else:
            np.testing.assert_array_equal(seen[name], covered[name])
    assert dark.render().any()
    assert not black["wrist_camera"].any() and black["exo_camera_1"].any()
    for env in (plain, dark, whole):
        env.close()


def test_it_does_not_touch_what_a_state_policy_sees():
    plain, dark = (
        gym.make(ID, **SMALL, occlude_cameras=cameras) for cameras in (None, ["wrist_camera"])
    )
    a, b = plain.reset(seed=1)[0], dark.reset(seed=1)[0]
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name])
