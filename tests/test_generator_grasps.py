"""Grasp candidates close on opposite sides, fit the gripper and hold; grasp files round-trip."""

from pathlib import Path

import mujoco
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidScene
from molmospaces_gym.scenes.generator import (
    CATEGORIES,
    grasp_candidates,
    mjcf,
)
from molmospaces_gym.scenes.generator.catalog import MAX_WIDTH, SIZE_STEPS, Asset, make_asset
from molmospaces_gym.scenes.generator.draft import HEADER
from molmospaces_gym.scenes.grasp_files import load_grasps

OPENING = 0.085
PAD = (0.011, 0.004, 0.01875)
TIP_OPEN = 0.0046
"""Half size of a 2F-85 pad, and how far its end reaches beyond the grasp site when open (m)."""

GRIPPER = """
<body name="hand" mocap="true" {pose}/>
<body name="base" gravcomp="1" {pose}><freejoint/>
<inertial pos="0 0 0" mass="1" diaginertia="0.01 0.01 0.01"/>
<geom name="palm" type="box" size="0.012 0.036 0.024" pos="0 0 -0.081" mass="0"/>
<geom name="housing" type="cylinder" size="0.037 0.02" pos="0 0 -0.122" mass="0"/>
<body name="left" gravcomp="1"><joint name="left" type="slide" axis="0 -1 0" range="0 0.0425"
 damping="20"/>
<geom name="left" type="box" size="0.011 0.004 0.01875" pos="0 0.0465 {depth}" mass="0.05"
 priority="1" condim="4" friction="1 0.01 0.001" solref="0.004 1"/></body>
<body name="right" gravcomp="1"><joint name="right" type="slide" axis="0 1 0" range="0 0.0425"
 damping="20"/>
<geom name="right" type="box" size="0.011 0.004 0.01875" pos="0 -0.0465 {depth}" mass="0.05"
 priority="1" condim="4" friction="1 0.01 0.001" solref="0.004 1"/></body>
</body>
"""
"""Two pads that slide on a moving palm, in the place where a 2F-85 has them when it closes."""

CONTROL = """
<equality><weld body1="hand" body2="base" solref="0.01 1"/><joint joint1="left" joint2="right"/>
</equality>
<actuator><motor joint="left" ctrlrange="-50 50"/><motor joint="right" ctrlrange="-50 50"/>
</actuator>
"""


def graspable() -> list[str]:
    return sorted(name for name in CATEGORIES if any_asset(name).graspable)


def any_asset(category: str, step: int = SIZE_STEPS // 2) -> Asset:
    return make_asset(category, CATEGORIES[category].colors[0], step)


def scene_of(asset: Asset, extra: str = "", control: str = "") -> mujoco.MjModel:
    pos = (0.0, 0.0, asset.rest_height)
    body, meshes = mjcf.object_body("thing", asset, pos, (1.0, 0.0, 0.0, 0.0))
    library = mjcf.element("asset", list(meshes.values()))
    floor = '<geom name="floor" type="plane" size="2 2 0.1"/>'
    return mujoco.MjModel.from_xml_string(
        f"<mujoco>{HEADER}{library}<worldbody>{floor}{body}{extra}</worldbody>{control}</mujoco>"
    )


def width_at(
    model: mujoco.MjModel, data: mujoco.MjData, grasp: NDArray[np.float64], height: float
) -> float | None:
    """Distance between the first hits of two fingers that close around the object, or None.

    Rays run along the closing axis at several depths of the pads; the widest pair counts.
    """
    origin, close, approach = grasp[:3, 3] + [0, 0, height], grasp[:3, 1], grasp[:3, 2]
    half = OPENING / 2
    widths = []
    for depth in np.linspace(-0.028, 0.0165, 24):
        middle = origin + depth * approach
        hit = np.zeros(1, dtype=np.int32)
        gaps = []
        for sign in (1.0, -1.0):
            start = middle + sign * close * half
            gap = mujoco.mj_ray(model, data, start, -sign * close, None, 1, 0, hit)
            if 0 < gap < OPENING:
                gaps.append(half - gap)
        if len(gaps) == 2:
            widths.append(sum(gaps))
    return max(widths) if widths else None


@pytest.mark.parametrize("category", graspable())
def test_fingers_close_on_opposite_sides(category: str) -> None:
    for step in (0, SIZE_STEPS // 2, SIZE_STEPS):
        asset = any_asset(category, step)
        model = scene_of(asset)
        data = mujoco.MjData(model)
        mujoco.mj_kinematics(model, data)
        grasps = grasp_candidates(asset.metadata())
        assert len(grasps) > 0
        for grasp in grasps[:: max(1, len(grasps) // 12)]:
            width = width_at(model, data, grasp, asset.rest_height)
            assert width is not None
            assert 0.0 < width <= MAX_WIDTH + 1e-3


@pytest.mark.parametrize("category", graspable())
def test_open_gripper_touches_nothing(category: str) -> None:
    for step in (0, SIZE_STEPS):
        asset = any_asset(category, step)
        extra = GRIPPER.format(pose="", depth=mjcf.number(TIP_OPEN - PAD[2]))
        model = scene_of(asset, extra)
        data = mujoco.MjData(model)
        hand = [model.body(name).id for name in ("base", "left", "right")]
        address = int(model.jnt_qposadr[model.body("base").jntadr[0]])
        for grasp in grasp_candidates(asset.metadata())[::2]:
            data.qpos[address : address + 3] = grasp[:3, 3] + [0, 0, asset.rest_height]
            mujoco.mju_mat2Quat(data.qpos[address + 3 : address + 7], grasp[:3, :3].ravel())
            mujoco.mj_kinematics(model, data)
            mujoco.mj_collision(model, data)
            deep = data.contact.dist < -1e-4
            pairs = model.geom_bodyid[data.contact.geom[deep]]
            assert not np.isin(pairs, hand).any()


@pytest.mark.parametrize("category", graspable())
def test_fingers_keep_off_the_support(category: str) -> None:
    asset = any_asset(category)
    grasps = grasp_candidates(asset.metadata())
    turn = grasps[:, :3, :3]
    unit = np.broadcast_to(np.eye(3), turn.shape)
    np.testing.assert_allclose(turn @ turn.transpose(0, 2, 1), unit, atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(turn), 1.0)
    tips = grasps[:, :3, 3] + TIP_OPEN * turn[:, :, 2]
    low = tips[:, 2] - PAD[0] * np.abs(turn[:, 2, 0]) + asset.rest_height
    assert low.min() > 0.002
    down = -turn[:, 2, 2]
    assert np.all(np.diff(np.round(down, 6)) <= 0), "steepest first"
    assert down[0] == pytest.approx(1.0)


def hold_and_lift(asset: Asset, grasp: NDArray[np.float64], depth: float) -> float:
    """Height (m) by which the object rises when the gripper closes and goes up by 0.1 m."""
    quat = np.zeros(4)
    mujoco.mju_mat2Quat(quat, grasp[:3, :3].ravel())
    pos = grasp[:3, 3] + [0, 0, asset.rest_height]
    pose = f'pos="{mjcf.numbers(pos)}" quat="{mjcf.numbers(quat)}"'
    model = scene_of(asset, GRIPPER.format(pose=pose, depth=mjcf.number(depth)), CONTROL)
    data = mujoco.MjData(model)
    mujoco.mj_step(model, data, 20)
    start = data.body("thing").xpos[2]
    data.ctrl[:] = 20.0
    mujoco.mj_step(model, data, 100)
    for _ in range(50):
        data.mocap_pos[0, 2] += 0.002
        mujoco.mj_step(model, data, 4)
    mujoco.mj_step(model, data, 50)
    return float(data.body("thing").xpos[2] - start)


@pytest.mark.parametrize("category", graspable())
def test_best_grasps_hold(category: str) -> None:
    asset = any_asset(category, SIZE_STEPS)
    grasps = grasp_candidates(asset.metadata())
    last_from_above = int(np.sum(grasps[:, 2, 2] < -0.99)) - 1
    for k in {0, last_from_above}:
        # the tips of a closed 2F-85 reach 17.7 mm beyond the site, those of a wide one 8 mm
        flat = asset.half_size[2] < 0.014
        rise = hold_and_lift(asset, grasps[k], (0.0177 if flat else 0.01) - PAD[2])
        assert rise > 0.03


@given(st.tuples(*[st.floats(0.01, 0.3)] * 3))
def test_official_objects_are_treated_as_boxes(size: tuple[float, float, float]) -> None:
    grasps = grasp_candidates({"boundingBox": dict(zip("xyz", size, strict=True))})
    narrow = [axis for axis in (0, 1) if size[axis] <= MAX_WIDTH]
    assert (len(grasps) > 0) == bool(narrow)
    for grasp in grasps:
        axis = int(np.argmax(np.abs(grasp[:3, 1])))
        assert axis in narrow
        assert abs(grasp[axis, 3]) < 1e-9
        assert np.all(np.abs(grasp[:2, 3]) <= np.array(size[:2]) / 2 + 0.02)


def test_objects_that_cannot_be_held() -> None:
    for category in set(CATEGORIES) - set(graspable()):
        assert grasp_candidates(any_asset(category).metadata()).shape == (0, 4, 4)
    with pytest.raises(InvalidScene, match="boundingBox"):
        grasp_candidates({})


def test_official_grasp_file(reference_data: Path) -> None:
    library = reference_data / "official_custom_assets" / "asset_library"
    grasps = load_grasps(library / "red_block" / "droid" / "grasps.npz")
    assert grasps.shape == (1, 4, 4) and grasps.dtype == np.float64
    ours = grasp_candidates({"boundingBox": {"x": 0.05, "y": 0.05, "z": 0.05}})
    np.testing.assert_allclose(ours[0, :3, 2], grasps[0, :3, 2], atol=1e-9)
