"""Compiled kernels of a step: what would otherwise be dozens of small array operations.

After a physics step the interpreter's own code and data have left the processor's caches, so each
array operation costs several times what it does in a loop. One compiled call replaces them. All
arrays are float64 and contiguous unless stated; poses are world poses, quaternions wxyz.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.jit import helper, kernel

Array = NDArray[np.float64]
Ids = NDArray[np.intp]


@helper
def _into_frame(point: Array, origin: Array, mat: Array, out: Array) -> None:
    """Write ``mat.T @ (point - origin)`` for a row-major rotation (9,) into ``out`` (3,)."""
    x, y, z = point[0] - origin[0], point[1] - origin[1], point[2] - origin[2]
    out[0] = mat[0] * x + mat[3] * y + mat[6] * z
    out[1] = mat[1] * x + mat[4] * y + mat[7] * z
    out[2] = mat[2] * x + mat[5] * y + mat[8] * z


@helper
def _relative_quat(first: Array, second: Array, out: Array) -> None:
    """Write ``conjugate(first) * second``, with a real part that is not negative."""
    a, b, c, d = first[0], first[1], first[2], first[3]
    w, x, y, z = second[0], second[1], second[2], second[3]
    real = a * w + b * x + c * y + d * z
    sign = 1.0 if real >= 0.0 else -1.0
    out[0] = sign * real
    out[1] = sign * (a * x - b * w - c * z + d * y)
    out[2] = sign * (a * y - c * w - d * x + b * z)
    out[3] = sign * (a * z - b * y + c * x - d * w)


@helper
def _mat_quat(mat: Array, out: Array) -> None:
    """Write the quaternion of a row-major rotation (9,) into ``out`` (4,)."""
    trace = mat[0] + mat[4] + mat[8]
    if trace > 0.0:
        out[0] = 0.5 * math.sqrt(1.0 + trace)
        scale = 0.25 / out[0]
        out[1] = scale * (mat[7] - mat[5])
        out[2] = scale * (mat[2] - mat[6])
        out[3] = scale * (mat[3] - mat[1])
        return
    i = 0
    if mat[4] > mat[0]:
        i = 1
    if mat[8] > mat[4 * i]:
        i = 2
    j, k = (i + 1) % 3, (i + 2) % 3
    # Rounding may leave the largest diagonal a hair below what a rotation has.
    out[1 + i] = 0.5 * math.sqrt(max(1.0 + mat[4 * i] - mat[4 * j] - mat[4 * k], 1e-15))
    scale = 0.25 / out[1 + i]
    out[0] = scale * (mat[3 * k + j] - mat[3 * j + k])
    out[1 + j] = scale * (mat[3 * i + j] + mat[3 * j + i])
    out[1 + k] = scale * (mat[3 * i + k] + mat[3 * k + i])


@kernel
def clip_action(action: Array, out: Array) -> bool:
    """Write ``action`` clipped to [-1, 1] into ``out``; whether every element was finite."""
    finite = True
    for i in range(len(action)):
        value = action[i]
        finite &= math.isfinite(value)
        out[i] = min(max(value, -1.0), 1.0)
    return finite


@kernel
def joint_actions(
    action: Array,
    source: Ids,
    target: Array,
    step: Array,
    middle: Array,
    half: Array,
    base: int,
    low: Array,
    high: Array,
    out: Array,
) -> None:
    """Commands within [low, high]: ``target + step * value``, or ``middle + half * value``.

    The second where ``half`` is not zero. ``value`` is the element ``source`` of the action; -1:
    the command stays. From index ``base`` on (-1: none) are x, y and heading of a mobile base,
    whose step is along its own axes, turned by half of what it turns.
    """
    for i in range(len(source)):
        if source[i] < 0:
            out[i] = target[i]
            continue
        value = action[source[i]]
        value = middle[i] + half[i] * value if half[i] != 0.0 else target[i] + step[i] * value
        out[i] = min(max(value, low[i]), high[i])
    if base >= 0:
        x = step[base] * action[source[base]]
        y = step[base + 1] * action[source[base + 1]]
        heading = 0.5 * (target[base + 2] + out[base + 2])
        cos, sin = math.cos(heading), math.sin(heading)
        out[base] = target[base] + cos * x - sin * y
        out[base + 1] = target[base + 1] + sin * x + cos * y


@kernel
def observe_base(
    qpos: Array,
    qvel: Array,
    ctrl: Array,
    joints: Ids,
    dofs: Ids,
    actuators: Ids,
    start: Array,
    out: Array,
) -> None:
    """Pose, velocity and lag of a mobile base (10 numbers).

    x, y in the frame of ``start`` (x, y, heading), cosine and sine of the heading in it; velocity
    forward, to the left and turning; what is left of its commands, also in its own axes.
    """
    x, y = qpos[joints[0]] - start[0], qpos[joints[1]] - start[1]
    cos, sin = math.cos(start[2]), math.sin(start[2])
    heading = qpos[joints[2]]
    out[0], out[1] = cos * x + sin * y, cos * y - sin * x
    out[2], out[3] = math.cos(heading - start[2]), math.sin(heading - start[2])
    cos, sin = math.cos(heading), math.sin(heading)
    x, y = qvel[dofs[0]], qvel[dofs[1]]
    out[4], out[5], out[6] = cos * x + sin * y, cos * y - sin * x, qvel[dofs[2]]
    x, y = ctrl[actuators[0]] - qpos[joints[0]], ctrl[actuators[1]] - qpos[joints[1]]
    out[7], out[8], out[9] = cos * x + sin * y, cos * y - sin * x, ctrl[actuators[2]] - heading


@kernel
def observe_robot(
    qpos: Array,
    qvel: Array,
    ctrl: Array,
    xpos: Array,
    xquat: Array,
    xmat: Array,
    site_xpos: Array,
    site_xmat: Array,
    link: int,
    joints: Ids,
    dofs: Ids,
    grips: Ids,
    grip_zero: Array,
    grip_scale: Array,
    tools: Ids,
    actuators: Ids,
    ctrl_low: Array,
    ctrl_scale: Array,
    out: Array,
) -> None:
    """Joint positions and velocities, grippers, tool poses and last commands, one after another.

    ``joints`` are addresses in ``qpos`` and ``dofs`` in ``qvel``; ``grips`` those of one joint per
    gripper, ``(qpos - zero) * scale``; ``tools`` site ids, whose poses (7) are written in the
    frame of the body ``link``; the commands of ``actuators`` become ``(ctrl - low) * scale - 1``.
    """
    at = 0
    for i in joints:
        out[at] = qpos[i]
        at += 1
    for i in dofs:
        out[at] = qvel[i]
        at += 1
    for k in range(len(grips)):
        out[at] = (qpos[grips[k]] - grip_zero[k]) * grip_scale[k]
        at += 1
    quat = np.empty(4)
    for site in tools:
        _into_frame(site_xpos[site], xpos[link], xmat[link], out[at : at + 3])
        _mat_quat(site_xmat[site], quat)
        _relative_quat(xquat[link], quat, out[at + 3 : at + 7])
        at += 7
    for k in range(len(actuators)):
        out[at] = (ctrl[actuators[k]] - ctrl_low[k]) * ctrl_scale[k] - 1.0
        at += 1


@kernel
def relative_pose(xpos: Array, xquat: Array, xmat: Array, link: int, body: int, out: Array) -> None:
    """Write the pose (7,) of a body in the frame of the body ``link``."""
    _into_frame(xpos[body], xpos[link], xmat[link], out[:3])
    _relative_quat(xquat[link], xquat[body], out[3:])


@kernel
def describe_pair(
    xpos: Array,
    xquat: Array,
    xmat: Array,
    link: int,
    first: int,
    second: int,
    sizes: Array,
    offset: Array,
    corners: Array,
    goal: Array,
    out: Array,
) -> None:
    """Write what a policy may know of two bodies and a goal, in the frame of the body ``link``.

    In order: pose of ``first`` (7), ``sizes[:3]``, the world vector ``offset`` (3), pose of
    ``second`` (7), ``sizes[3:]``, the way (3) to ``goal`` from the middle of the box whose corners
    are the first two rows of ``corners``, and ``goal`` (3); both are world points.
    """
    vector, zero = np.empty(3), np.zeros(3)
    _into_frame(xpos[first], xpos[link], xmat[link], out[:3])
    _relative_quat(xquat[link], xquat[first], out[3:7])
    out[7:10] = sizes[:3]
    _into_frame(offset, zero, xmat[link], out[10:13])
    _into_frame(xpos[second], xpos[link], xmat[link], out[13:16])
    _relative_quat(xquat[link], xquat[second], out[16:20])
    out[20:23] = sizes[3:]
    for i in range(3):
        vector[i] = goal[i] - 0.5 * (corners[0, i] + corners[1, i])
    _into_frame(vector, zero, xmat[link], out[23:26])
    _into_frame(goal, xpos[link], xmat[link], out[26:29])


@kernel
def relative_point(point: Array, xpos: Array, xmat: Array, link: int, out: Array) -> None:
    """Write a world point (3,) in the frame of the body ``link``."""
    _into_frame(point, xpos[link], xmat[link], out)


@kernel
def relative_vector(vector: Array, xmat: Array, link: int, out: Array) -> None:
    """Write a world vector (3,) in the axes of the body ``link``."""
    _into_frame(vector, np.zeros(3), xmat[link], out)


@kernel
def store(values: Array, low: Array, high: Array, clean: bool, out: Any) -> None:
    """Write ``values`` clipped to [low, high] into ``out``, as 0 where NaN and ``clean``."""
    for i in range(len(values)):
        value = values[i]
        if clean and value != value:
            value = 0.0
        out[i] = min(max(value, low[i]), high[i])


@kernel
def widest(qpos: Array, addresses: Ids, scales: Array) -> float:
    """The largest ``|qpos[address]| * scale``: how far the widest of several joints is open."""
    found = 0.0
    for i in range(len(addresses)):
        found = max(found, abs(qpos[addresses[i]]) * scales[i])
    return found


@kernel
def relative_direction(vector: Array, mat: Array, xmat: Array, link: int, out: Array) -> None:
    """Write ``vector`` (3,), given in axes ``mat`` (9,), in the axes of the body ``link``."""
    turned = np.empty(3)
    for i in range(3):
        turned[i] = mat[3 * i] * vector[0] + mat[3 * i + 1] * vector[1] + mat[3 * i + 2] * vector[2]
    _into_frame(turned, np.zeros(3), xmat[link], out)


@kernel
def relative_body_point(
    point: Array, xpos: Array, xmat: Array, body: int, link: int, out: Array
) -> None:
    """Write a point (3,) of a body's frame in the frame of the body ``link``."""
    world, mat = np.empty(3), xmat[body]
    for i in range(3):
        a, b, c = mat[3 * i], mat[3 * i + 1], mat[3 * i + 2]
        world[i] = xpos[body, i] + a * point[0] + b * point[1] + c * point[2]
    _into_frame(world, xpos[link], xmat[link], out)
