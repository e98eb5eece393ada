"""Compiled linear algebra of inverse kinematics: six equations are too few for numpy's calls."""

import math

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.jit import helper, kernel

Array = NDArray[np.float64]
Ids = NDArray[np.intp]


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


@kernel
def damped_step(
    jacobian: Array,
    dofs: Ids,
    base: Array,
    shift: Array,
    turn: Array,
    damping: float,
    qpos: Array,
    low: Array,
    high: Array,
) -> Array:
    """Joint positions (n,) within [low, high] after one damped least-squares step.

    Args:
        jacobian: (6, nv) of the tool in world axes, translation first.
        dofs: (n,) its columns of the joints that move.
        base: (9,) rotation of the base, row-major.
        shift, turn: (3,) wanted translation (m) and rotation vector (rad) in the base frame.
        damping: added to the diagonal of J J^T.
        qpos, low, high: (n,) joint positions and their limits, rad.
    """
    count = len(dofs)
    local = np.empty((6, count))
    for k in range(count):
        dof = dofs[k]
        for half in range(0, 6, 3):
            x, y, z = jacobian[half, dof], jacobian[half + 1, dof], jacobian[half + 2, dof]
            for i in range(3):
                local[half + i, k] = base[i] * x + base[3 + i] * y + base[6 + i] * z
    gram, weights = np.empty((6, 6)), np.empty(6)
    for i in range(6):
        weights[i] = shift[i] if i < 3 else turn[i - 3]
        for j in range(i + 1):
            total = damping if i == j else 0.0
            for k in range(count):
                total += local[i, k] * local[j, k]
            gram[i, j] = total
    _solve_positive(gram, weights)
    moved = np.empty(count)
    for k in range(count):
        change = 0.0
        for i in range(6):
            change += local[i, k] * weights[i]
        moved[k] = min(max(qpos[k] + change, low[k]), high[k])
    return moved
