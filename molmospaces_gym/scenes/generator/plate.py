"""How one object comes to rest alone on a flat support."""

import math
from dataclasses import dataclass

import mujoco
import numpy as np

from molmospaces_gym.scenes.generator.draft import HEADER
from molmospaces_gym.scenes.generator.settle import MAX_TILT
from molmospaces_gym.scenes.generator.shapes import Quat

MAX_STEPS = 1500
"""Physics steps (3 s) after which an asset that still moves counts as unstable."""
CHUNK = 15
"""Steps between two looks."""
QUIET = (1e-5, 1e-3)
"""Change of position (m) and of orientation between two looks, two times in a row, below which an
object rests. (A can on a box never stops rocking by 0.0002 rad, hence poses and not speeds.)"""
MAX_SHIFT = 0.02
"""An asset that moves further (m) from where it is put does not stand by itself."""
PLATE = '<geom name="plate" type="box" size="0.6 0.6 0.1" pos="0 0 -0.1"/>'


@dataclass(frozen=True)
class RestPose:
    """Height (m) of an asset's origin over its support and its orientation, at yaw 0."""

    height: float
    quat: Quat
    stable: bool


def settle_on_plate(body: str, assets: str = "", defaults: str = "") -> RestPose:
    """Where a free body, given as MJCF text with what it needs, comes to rest."""
    text = (
        f"<mujoco>\n{HEADER}{defaults}<asset>{assets}</asset>\n"
        f"<worldbody>{PLATE}\n{body}</worldbody>\n</mujoco>"
    )
    model = mujoco.MjModel.from_xml_string(text)
    model.opt.enableflags &= ~int(mujoco.mjtEnableBit.mjENBL_SLEEP)
    data = mujoco.MjData(model)
    last, calm = np.array(data.qpos), 0
    for _ in range(MAX_STEPS // CHUNK):
        mujoco.mj_step(model, data, CHUNK)
        change = np.abs(data.qpos - last)
        last = np.array(data.qpos)
        still = change[:3].max() < QUIET[0] and change[3:].max() < QUIET[1]
        calm = calm + 1 if still else 0
        if calm == 2:
            break
    return _read(data.qpos[:7], calm == 2)


def _read(qpos: np.ndarray, quiet: bool) -> RestPose:
    quat = qpos[3:] / np.linalg.norm(qpos[3:])
    # a turn about the vertical means nothing, so it is taken out: q = yaw * tilt
    yaw = 2 * math.atan2(float(quat[3]), float(quat[0]))
    spin = np.array([math.cos(yaw / 2), 0.0, 0.0, -math.sin(yaw / 2)])
    tilt = np.zeros(4)
    mujoco.mju_mulQuat(tilt, spin, quat)
    if tilt[0] < 0:
        tilt = -tilt
    turned = 2 * math.acos(min(1.0, abs(float(tilt[0]))))
    shift = float(np.hypot(qpos[0], qpos[1]))
    w, x, y, z = (float(v) for v in tilt)
    return RestPose(
        height=float(qpos[2]),
        quat=(w, x, y, z),
        stable=quiet and shift < MAX_SHIFT and turned < MAX_TILT,
    )
