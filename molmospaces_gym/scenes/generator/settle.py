"""Lets a generated scene come to rest, so that it can be written down at rest."""

import math
from dataclasses import dataclass

import mujoco
import numpy as np

from molmospaces_gym.scenes.generator.shapes import Quat, Vec3

STEPS = 300
"""Physics steps (0.6 s) for which a scene settles. Nothing sleeps meanwhile: a thing may fall
asleep while it still creeps, and would then drift wherever sleeping is switched off."""
MAX_SHIFT = 0.01
MAX_TILT = math.radians(4)
"""An object that settles further than this (m, rad) from where it was put is not stable there."""


@dataclass(frozen=True)
class Rest:
    """Pose of a body at rest, and whether it stayed where it was put."""

    pos: Vec3
    quat: Quat
    stayed: bool


def settle(mjcf: str, bodies: list[str]) -> list[Rest]:
    """Simulate for ``STEPS`` and read the poses of free bodies."""
    model = mujoco.MjModel.from_xml_string(mjcf)
    data = mujoco.MjData(model)
    addresses = [int(model.jnt_qposadr[model.body(name).jntadr[0]]) for name in bodies]
    model.opt.enableflags &= ~int(mujoco.mjtEnableBit.mjENBL_SLEEP)
    mujoco.mj_step(model, data, STEPS)
    return [_read(model.qpos0[a : a + 7], data.qpos[a : a + 7]) for a in addresses]


def _read(start: np.ndarray, end: np.ndarray) -> Rest:
    x, y, z = (round(float(value), 7) for value in end[:3])
    w, i, j, k = (float(value) for value in end[3:] / np.linalg.norm(end[3:]))
    shift = float(np.linalg.norm(end[:3] - start[:3]))
    turn = 2 * math.acos(min(1.0, abs(float(np.dot(start[3:], end[3:])))))
    stayed = bool(np.isfinite(end).all()) and shift < MAX_SHIFT and turn < MAX_TILT
    return Rest((x, y, z), (w, i, j, k), stayed)
