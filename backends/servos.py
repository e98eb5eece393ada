"""Position servos of a model, on joints and fixed tendons, as one servo per joint."""

from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.backends.layout import Array

UNLIMITED = float(np.finfo(np.float32).max)
_JOINT = int(mujoco.mjtTrn.mjTRN_JOINT)


@dataclass(frozen=True, eq=False)
class Servos:
    """The servo of every joint of a model, arrays by joint id.

    The position asked for is ``scale * ctrl[actuator] + offset``, with ``actuator`` -1 where there
    is none; ``stiffness``, ``damping`` and ``limit`` (the largest force) are the servo's.
    """

    actuator: NDArray[np.intp]
    scale: Array
    offset: Array
    stiffness: Array
    damping: Array
    limit: Array


def make_servos(model: mujoco.MjModel) -> Servos:
    """The servos of a model whose actuators are position servos on joints or fixed tendons."""
    joints = model.njnt
    actuator = np.full(joints, -1, dtype=np.intp)
    stiffness, damping = np.zeros(joints), np.zeros(joints)
    scale, offset = np.zeros(joints), np.zeros(joints)
    limit = np.full(joints, UNLIMITED)
    for number in range(model.nu):
        for joint, part, ratio in _driven(model, number):
            stiff, speed = -model.actuator_biasprm[number, 1:3]
            actuator[joint] = number
            stiffness[joint] = part * ratio * stiff
            damping[joint] = part * ratio * speed
            scale[joint] = model.actuator_gainprm[number, 0] / stiff / ratio
            offset[joint] = model.actuator_biasprm[number, 0] / stiff / ratio
            if model.actuator_forcelimited[number]:
                limit[joint] = abs(part) * np.abs(model.actuator_forcerange[number]).max()
            if model.jnt_actfrclimited[joint]:
                most = np.abs(model.jnt_actfrcrange[joint]).max()
                limit[joint] = min(limit[joint], most)
    return Servos(actuator, scale, offset, stiffness, damping, limit)


def driven_joints(model: mujoco.MjModel) -> list[int]:
    """Ids of the joints that an actuator moves, by itself or by a fixed tendon."""
    return [joint for number in range(model.nu) for joint, _, _ in _driven(model, number)]


def _driven(model: mujoco.MjModel, actuator: int) -> list[tuple[int, float, float]]:
    """Joints that an actuator moves: id, share of its force, length of the drive per position.

    Joints on one tendon are geared together by an equality: each then follows the tendon's length
    alone, at a fixed ratio.
    """
    target = int(model.actuator_trnid[actuator, 0])
    gear = float(model.actuator_gear[actuator, 0])
    if model.actuator_trntype[actuator] == _JOINT:
        return [(target, gear, gear)]
    first, count = int(model.tendon_adr[target]), int(model.tendon_num[target])
    joints = [int(joint) for joint in model.wrap_objid[first : first + count]]
    coefs = [float(coef) for coef in model.wrap_prm[first : first + count]]
    speeds = _gears(model, joints)
    length = sum(coef * speed for coef, speed in zip(coefs, speeds, strict=True))
    return [
        (joint, gear * coef, gear * length / speed)
        for joint, coef, speed in zip(joints, coefs, speeds, strict=True)
    ]


def _gears(model: mujoco.MjModel, joints: list[int]) -> list[float]:
    """How far each joint moves when the first moves by one, 1 where no equality says it."""
    speeds = dict.fromkeys(joints, 1.0)
    for follower, leader, ratio, _ in linear_equalities(model):
        if leader == joints[0] and follower in speeds:
            speeds[follower] = ratio
        elif follower == joints[0] and leader in speeds:
            speeds[leader] = 1.0 / ratio
    return [speeds[joint] for joint in joints]


def linear_equalities(model: mujoco.MjModel) -> list[tuple[int, int, float, float]]:
    """Joints that follow others: follower, leader, ratio and the follower's position at zero."""
    found = []
    for number in np.flatnonzero(model.eq_active0):
        if model.eq_type[number] != int(mujoco.mjtEq.mjEQ_JOINT):
            continue
        follower, leader = int(model.eq_obj1id[number]), int(model.eq_obj2id[number])
        start, ratio = (float(value) for value in model.eq_data[number, :2])
        zero = model.qpos0[model.jnt_qposadr[[follower, leader]]]
        found.append((follower, leader, ratio, float(start + zero[0] - ratio * zero[1])))
    return found
