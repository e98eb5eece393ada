"""Compiled kinematics of one arm in the frame of the robot's root link.

Only the joints between the root link and the tool are walked, however large the house is, as a
product of turns and slides about axes that stand where all joints are at ``qpos0``.

A ``chain`` of n joints is (n + 1, 8): for each joint its value in ``qpos0``, axis (3), anchor (3)
and 1 for a slide or 0 for a hinge; in the last row position (3) and quaternion (4) of the tool.
Lengths are in m, angles in rad, quaternions wxyz; all of it in the frame of the root link.
"""

import math

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.jit import helper, kernel

Array = NDArray[np.float64]
Ids = NDArray[np.intp]


@helper
def _rotate(quat: Array, vector: Array, out: Array) -> None:
    """Write ``vector`` (3,) turned by a unit quaternion into ``out``, which is another array."""
    w, x, y, z = quat[0], quat[1], quat[2], quat[3]
    a = 2.0 * (y * vector[2] - z * vector[1])
    b = 2.0 * (z * vector[0] - x * vector[2])
    c = 2.0 * (x * vector[1] - y * vector[0])
    out[0] = vector[0] + w * a + y * c - z * b
    out[1] = vector[1] + w * b + z * a - x * c
    out[2] = vector[2] + w * c + x * b - y * a


@helper
def _multiply(first: Array, second: Array, out: Array) -> None:
    """Write the product of two quaternions into ``out``, which may be one of them."""
    a, b, c, d = first[0], first[1], first[2], first[3]
    w, x, y, z = second[0], second[1], second[2], second[3]
    out[0] = a * w - b * x - c * y - d * z
    out[1] = a * x + b * w + c * z - d * y
    out[2] = a * y - b * z + c * w + d * x
    out[3] = a * z + b * y - c * x + d * w


@helper
def _walk(chain: Array, values: Array, frames: Array, tool: Array) -> None:
    """Write axis and anchor of every joint (n, 6) and the tool's pose (7,) at ``values`` (n,)."""
    position, quat = np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0])
    local, turn = np.empty(3), np.empty(4)
    for k in range(len(values)):
        axis, anchor, frame = chain[k, 1:4], chain[k, 4:7], frames[k]
        moved = values[k] - chain[k, 0]
        _rotate(quat, axis, frame[:3])
        _rotate(quat, anchor, frame[3:])
        for i in range(3):
            frame[3 + i] += position[i]
        if chain[k, 7] != 0.0:
            for i in range(3):
                position[i] += moved * frame[i]
            continue
        turn[0], sine = math.cos(0.5 * moved), math.sin(0.5 * moved)
        for i in range(3):
            turn[1 + i] = sine * axis[i]
        _multiply(quat, turn, quat)
        _rotate(quat, anchor, local)
        for i in range(3):
            position[i] = frame[3 + i] - local[i]
    last = len(values)
    _rotate(quat, chain[last, :3], tool[:3])
    for i in range(3):
        tool[i] += position[i]
    _multiply(quat, chain[last, 3:7], tool[3:])


@helper
def _rotation_vector(start: Array, end: Array, out: Array) -> None:
    """Write axis times angle (3,) of the turn from one orientation to another."""
    a, b, c, d = start[0], start[1], start[2], start[3]
    w, x, y, z = end[0], end[1], end[2], end[3]
    real = w * a + x * b + y * c + z * d
    out[0] = x * a - w * b + z * c - y * d
    out[1] = y * a - w * c + x * d - z * b
    out[2] = z * a - w * d + y * b - x * c
    sine = math.sqrt(out[0] * out[0] + out[1] * out[1] + out[2] * out[2])
    if sine > 0.0:
        scale = 2.0 * math.atan2(sine, abs(real)) / math.copysign(sine, real)
        for i in range(3):
            out[i] *= scale


@helper
def _solve_positive(matrix: Array, right: Array) -> None:
    """Solve ``matrix @ x = right`` in place by Cholesky's method; both (6, 6) and (6,) change."""
    for i in range(6):
        for j in range(i + 1):
            total = matrix[i, j]
            for k in range(j):
                total -= matrix[i, k] * matrix[j, k]
            matrix[i, j] = math.sqrt(total) if i == j else total / matrix[j, j]
    for i in range(6):
        for k in range(i):
            right[i] -= matrix[i, k] * right[k]
        right[i] /= matrix[i, i]
    for i in range(5, -1, -1):
        for k in range(i + 1, 6):
            right[i] -= matrix[k, i] * right[k]
        right[i] /= matrix[i, i]


@helper
def _damped_step(
    chain: Array,
    frames: Array,
    tool: Array,
    moving: Ids,
    motion: Array,
    damping: float,
    ends: Array,
    values: Array,
) -> None:
    """Move the joints ``moving`` in ``values`` by one damped least-squares step.

    ``motion`` (6,) is the wanted translation and rotation vector, ``ends`` (m, 2) the limits of
    the joints that move and ``damping`` what is added to the diagonal of J J^T.
    """
    count = len(moving)
    jacobian, gram, weights = np.zeros((6, count)), np.empty((6, 6)), motion.copy()
    for k in range(count):
        frame = frames[moving[k]]
        if chain[moving[k], 7] != 0.0:
            jacobian[:3, k] = frame[:3]
            continue
        x, y, z = tool[0] - frame[3], tool[1] - frame[4], tool[2] - frame[5]
        jacobian[0, k] = frame[1] * z - frame[2] * y
        jacobian[1, k] = frame[2] * x - frame[0] * z
        jacobian[2, k] = frame[0] * y - frame[1] * x
        jacobian[3:, k] = frame[:3]
    for i in range(6):
        for j in range(i + 1):
            total = damping if i == j else 0.0
            for k in range(count):
                total += jacobian[i, k] * jacobian[j, k]
            gram[i, j] = total
    _solve_positive(gram, weights)
    for k in range(count):
        change = 0.0
        for i in range(6):
            change += jacobian[i, k] * weights[i]
        moved = values[moving[k]] + change
        values[moving[k]] = min(max(moved, ends[k, 0]), ends[k, 1])


@helper
def _limit(vector: Array, length: float) -> float:
    """Shorten a vector (3,) to ``length`` where it is longer; how long it was."""
    norm = math.sqrt(vector[0] * vector[0] + vector[1] * vector[1] + vector[2] * vector[2])
    if norm > length:
        for i in range(3):
            vector[i] *= length / norm
    return norm


@kernel
def tool_pose(chain: Array, values: Array, out: Array) -> None:
    """Write position and quaternion of the tool (7,) at joint values (n,)."""
    _walk(chain, values, np.empty((len(values), 6)), out)


@kernel
def rotation_vector(start: Array, end: Array, out: Array) -> None:
    """Write axis times angle (3,) of the turn from one unit quaternion (4,) to another."""
    _rotation_vector(start, end, out)


@kernel
def step(
    chain: Array, moving: Ids, motion: Array, damping: float, ends: Array, values: Array
) -> None:
    """Change ``values`` (n,) by one step that moves the tool by ``motion`` (6,)."""
    frames, tool = np.empty((len(values), 6)), np.empty(7)
    _walk(chain, values, frames, tool)
    _damped_step(chain, frames, tool, moving, motion, damping, ends, values)


@kernel
def solve(
    chain: Array,
    moving: Ids,
    goal: Array,
    damping: float,
    ends: Array,
    values: Array,
    tolerance: tuple[float, float],
    largest: tuple[float, float],
    iterations: int,
) -> bool:
    """Change ``values`` (n,) until the tool is at ``goal`` (7,); whether that was reached.

    ``tolerance`` and ``largest`` are a position (m) and a rotation (rad) each: the largest error
    of a solution, and of what one step tries to remove.
    """
    frames, tool, motion = np.empty((len(values), 6)), np.empty(7), np.empty(6)
    for _ in range(iterations):
        _walk(chain, values, frames, tool)
        for i in range(3):
            motion[i] = goal[i] - tool[i]
        _rotation_vector(tool[3:], goal[3:], motion[3:])
        away, turned = _limit(motion[:3], largest[0]), _limit(motion[3:], largest[1])
        if away < tolerance[0] and turned < tolerance[1]:
            return True
        _damped_step(chain, frames, tool, moving, motion, damping, ends, values)
    return False


@kernel
def move_tool(
    chain: Array,
    moving: Ids,
    damping: float,
    ends: Array,
    home: Array,
    columns: Ids,
    units: tuple[float, float],
    action: Array,
    kept: Array,
    target: Array,
    command: Array,
) -> None:
    """Write the commands of an arm whose tool moves as an action says.

    Args:
        chain, moving, damping: see above.
        ends: (m, 4) limits of the joints that move, and of their commands.
        home: (n,) values of the joints of the chain that no command moves.
        columns: (n,) where the others are in ``target`` and ``command``, -1 for none.
        units: translation (m) and turn (rad) of one unit of the action.
        action: (6,) steps of position and rotation vector, or (3,) of the position alone.
        kept: (4,) the orientation that an action of position alone keeps; zeros: that of now,
            which is written there.
        target: (n_actuators,) the last commands.
        command: (n_actuators,) the new ones.
    """
    count = len(home)
    frames, tool, values, motion = np.empty((count, 6)), np.empty(7), home.copy(), np.empty(6)
    for k in range(count):
        if columns[k] >= 0:
            values[k] = target[columns[k]]
    _walk(chain, values, frames, tool)
    for i in range(3):
        motion[i] = units[0] * action[i]
    if len(action) == 6:
        for i in range(3, 6):
            motion[i] = units[1] * action[i]
    else:
        if not kept.any():
            kept[:] = tool[3:]
        _rotation_vector(tool[3:], kept, motion[3:])
        for i in range(3, 6):
            motion[i] = min(max(motion[i], -units[1]), units[1])
    _damped_step(chain, frames, tool, moving, motion, damping, ends, values)
    for k in range(len(moving)):
        value = min(max(values[moving[k]], ends[k, 2]), ends[k, 3])
        command[columns[moving[k]]] = value


@kernel
def fold(
    angle: float,
    most: float,
    weights: Array,
    knee: int,
    ends: Array,
    target: Array,
    command: Array,
) -> None:
    """Write the commands (n,) of a torso that folds by an angle (rad), within its limits.

    ``weights`` (n,) says how far each joint turns per rad and ``ends`` (n, 2) its limits divided
    by that; the joint ``knee`` never turns back beyond 0 nor further than ``most``.
    """
    turned = target[knee] / weights[knee]
    down, up = -turned, most - turned
    for k in range(len(weights)):
        if weights[k] != 0.0:
            down = max(down, ends[k, 0] - target[k] / weights[k])
            up = min(up, ends[k, 1] - target[k] / weights[k])
    change = min(max(angle, min(down, 0.0)), max(up, 0.0))
    for k in range(len(weights)):
        command[k] = target[k] + change * weights[k]
