"""Compiled kernels against MuJoCo's own functions and plain NumPy."""

import os
import subprocess
import sys

import mujoco
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from molmospaces_gym import kernels, touch_kernels

SEEDS = st.integers(0, 2**32 - 1)


def poses(rng: np.random.Generator, count: int):
    """Positions (n, 3), quaternions (n, 4) and matrices (n, 9) of random poses."""
    quat = rng.normal(size=(count, 4))
    quat /= np.linalg.norm(quat, axis=1, keepdims=True)
    mat = np.empty((count, 9))
    for row, value in zip(mat, quat, strict=True):
        mujoco.mju_quat2Mat(row, value)
    return rng.uniform(-5, 5, (count, 3)), quat, mat


def in_frame(link, body):
    """Pose (7,) of ``body`` in the frame of ``link`` by MuJoCo; arguments (position, quat)."""
    position, quat, inverse, back = np.empty(3), np.empty(4), np.empty(4), np.empty(3)
    mujoco.mju_negPose(back, inverse, link[0], link[1])
    mujoco.mju_mulPose(position, quat, back, inverse, body[0], body[1])
    return np.concatenate([position, quat if quat[0] >= 0 else -quat])


@given(SEEDS)
def test_relative_pose_is_that_of_mujoco(seed):
    xpos, xquat, xmat = poses(np.random.default_rng(seed), 3)
    out = np.empty(7)
    kernels.relative_pose(xpos, xquat, xmat, 1, 2, out)
    expected = in_frame((xpos[1], xquat[1]), (xpos[2], xquat[2]))
    np.testing.assert_allclose(out, expected, atol=1e-9)
    point, vector = np.empty(3), np.empty(3)
    kernels.relative_point(xpos[2], xpos, xmat, 1, point)
    kernels.relative_vector(xpos[2] - xpos[1], xmat, 1, vector)
    np.testing.assert_allclose(point, expected[:3], atol=1e-9)
    np.testing.assert_allclose(vector, expected[:3], atol=1e-9)


@given(SEEDS)
def test_robot_values_are_in_order(seed):
    rng = np.random.default_rng(seed)
    xpos, xquat, xmat = poses(rng, 2)
    site_xpos, site_quat, site_xmat = poses(rng, 2)
    qpos, qvel, ctrl = rng.normal(size=6), rng.normal(size=5), rng.normal(size=4)
    joints, dofs, grips = np.array([3, 1]), np.array([0, 4]), np.array([5])
    out = np.empty(2 + 2 + 1 + 14 + 3)
    low, scale = np.array([-1.0, -2.0, 0.0]), np.array([1.0, 0.5, 2.0])
    kernels.observe_robot(
        *(qpos, qvel, ctrl, xpos, xquat, xmat, site_xpos, site_xmat, 1, joints, dofs, grips),
        *(np.array([0.3]), np.array([2.0]), np.array([1, 0]), np.array([0, 3, 2]), low, scale, out),
    )
    tools = [in_frame((xpos[1], xquat[1]), (site_xpos[k], site_quat[k])) for k in (1, 0)]
    command = (ctrl[[0, 3, 2]] - low) * scale - 1
    expected = np.concatenate([qpos[joints], qvel[dofs], 2 * (qpos[grips] - 0.3), *tools, command])
    # The matrix says nothing about which of the two equal quaternions was meant.
    np.testing.assert_allclose(np.abs(out), np.abs(expected), atol=1e-7)
    for start in (5, 12):
        quat = out[start + 3 : start + 7]
        assert quat[0] >= 0
        wanted = expected[start + 3 : start + 7]
        assert abs(quat @ wanted) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("axis", range(3))
def test_half_turns_have_a_quaternion(axis):
    """Where the trace gives no real part, the largest diagonal element does."""
    quat = np.zeros(4)
    quat[1 + axis] = 1.0
    mat = np.empty(9)
    mujoco.mju_quat2Mat(mat, quat)
    out = np.empty(7)
    none, one = np.empty(0), np.zeros(1, np.intp)
    kernels.observe_robot(
        *(none, none, none, np.zeros((1, 3)), np.array([[1.0, 0, 0, 0]]), np.eye(3).reshape(1, 9)),
        *(np.zeros((1, 3)), mat.reshape(1, 9), 0, one[:0], one[:0], one[:0], none, none, one),
        *(one[:0], none, none, out),
    )
    np.testing.assert_allclose(out[3:], quat, atol=1e-12)


@given(SEEDS)
def test_store_clips_and_cleans(seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(scale=3, size=8)
    low, high = -rng.uniform(0, 2, 8), rng.uniform(0, 2, 8)
    out = np.empty(8, np.float32)
    kernels.store(values, low, high, False, out)
    np.testing.assert_array_equal(out, np.clip(values, low, high).astype(np.float32))
    values[3], values[5] = np.nan, np.inf
    kernels.store(values, low, high, True, out)
    assert out[3] == 0 and out[5] == np.float32(high[5])


def test_a_number_that_is_none_is_not_hidden():
    """Only a diverged simulation may be cleaned; elsewhere NaN must show."""
    out = np.empty(1, np.float32)
    kernels.store(np.array([np.nan]), np.array([-1.0]), np.array([1.0]), False, out)
    assert np.isnan(out[0])


@given(SEEDS)
def test_actions_are_clipped_and_checked(seed):
    rng = np.random.default_rng(seed)
    action, out = rng.normal(size=5), np.empty(5)
    assert kernels.clip_action(action, out)
    np.testing.assert_array_equal(out, np.clip(action, -1, 1))
    action[int(rng.integers(5))] = rng.choice([np.nan, np.inf, -np.inf])
    assert not kernels.clip_action(action, out)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=8))
def test_touches_are_those_of_the_object(pairs):
    owner = np.array([0, touch_kernels.OBJECT, touch_kernels.ROBOT, 6, 10], np.uint8)
    geoms = np.array(pairs, np.int32).reshape(-1, 2)
    partners = [b if a == 1 else a for a, b in pairs if 1 in (a, b)]
    expected = 0
    for partner in partners:
        expected |= touch_kernels.BY_ROBOT if partner >= 2 else touch_kernels.BY_OTHER
        expected |= {3: touch_kernels.BY_LEFT, 4: touch_kernels.BY_RIGHT}.get(partner, 0)
    assert touch_kernels.touches(geoms, owner) == expected


def test_reach_draws_the_tool_in_from_above():
    potential = touch_kernels.reach_potential
    assert potential(0.0, 0.0, 0.0) == 1.0
    assert potential(0.0, 0.0, 0.3) < potential(0.0, 0.0, 0.1) < potential(0.0, 0.0, 0.02)
    # Beside the object, the way leads up before it leads in.
    assert potential(0.1, 0.0, 0.1) > potential(0.1, 0.0, 0.0)


@given(SEEDS)
def test_approach_measures_from_the_middle_of_the_box(seed):
    rng = np.random.default_rng(seed)
    xpos, _, xmat = poses(rng, 2)
    center, tool, offset = rng.normal(size=3), rng.normal(size=3), np.empty(3)
    geoms, owner = np.zeros((0, 2), np.int32), np.zeros(1, np.uint8)
    bits, distance, reach = touch_kernels.approach(
        geoms, owner, xpos, xmat, 1, center, tool, offset
    )
    expected = tool - xpos[1] - xmat[1].reshape(3, 3) @ center
    np.testing.assert_allclose(offset, expected, atol=1e-9)
    assert (bits, distance) == (0, pytest.approx(np.linalg.norm(expected)))
    assert reach == pytest.approx(touch_kernels.reach_potential(*expected))


def test_kernels_compile_where_nothing_can_be_cached(monkeypatch):
    import numba

    from molmospaces_gym import jit

    plain = numba.njit

    def refuse(**options):
        if options.pop("cache", False):
            raise RuntimeError("cannot cache function: no locator available")
        return plain(**options)

    monkeypatch.setattr(numba, "njit", refuse)
    assert jit.kernel(lambda x: x + 1)(1) == 2


WALK = """
import numpy as np
from molmospaces_gym.robots import kinematics_kernels as kernels

rng = np.random.default_rng(0)
chain = rng.normal(size=(8, 8))
chain[:, 1:4] /= np.linalg.norm(chain[:, 1:4], axis=1, keepdims=True)
chain[7, 3:7] /= np.linalg.norm(chain[7, 3:7])
chain[:, 7] = 0.0
pose = np.empty(7)
for values in rng.normal(size=(50, 7)):
    kernels.tool_pose(chain, values, pose)
    print(pose.tobytes().hex())
"""


def test_compiled_code_rounds_as_it_is_written():
    """Fused operations would round otherwise, and not in every process alike."""
    runs = [
        subprocess.run(
            [sys.executable, "-c", WALK],
            env={**os.environ, "NUMBA_DISABLE_JIT": disabled},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for disabled in ("0", "1")
    ]
    assert len(runs[0].split()) == 50
    assert runs[0] == runs[1]
