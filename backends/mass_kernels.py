"""Compiled linear algebra of what follows from masses: each kinematic tree is a small system."""

import math

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.jit import helper, kernel

Array = NDArray[np.float64]
Ids = NDArray[np.intp]

TINY = 1e-15
"""What MuJoCo takes for zero (``mjMINVAL``)."""


@helper
def _invert(matrix: Array, out: Array) -> None:
    """Write the inverse of a positive definite matrix (n, n); its lower half becomes its root."""
    count = len(matrix)
    for i in range(count):
        for j in range(i + 1):
            total = matrix[i, j]
            for k in range(j):
                total -= matrix[i, k] * matrix[j, k]
            matrix[i, j] = math.sqrt(total) if i == j else total / matrix[j, j]
    for column in range(count):
        for i in range(count):
            total = 1.0 if i == column else 0.0
            for k in range(i):
                total -= matrix[i, k] * out[k, column]
            out[i, column] = total / matrix[i, i]
        for i in range(count - 1, -1, -1):
            total = out[i, column]
            for k in range(i + 1, count):
                total -= matrix[k, i] * out[k, column]
            out[i, column] = total / matrix[i, i]


@helper
def _weight(jacobian: Array, inverse: Array, first: int) -> float:
    """Mean of the diagonal of ``J inverse J^T`` over three rows of a Jacobian (6, n)."""
    total, count = 0.0, len(inverse)
    for row in range(first, first + 3):
        for i in range(count):
            if jacobian[row, i] != 0.0:
                for j in range(count):
                    total += jacobian[row, i] * inverse[i, j] * jacobian[row, j]
    return total / 3.0


@kernel
def derive(
    mass: Array,
    inertia: Array,
    armature: Array,
    trees: Ids,
    bodies: Ids,
    places: Ids,
    jacobians: Array,
    inverses: Array,
    diagonal: Array,
    body_weights: Array,
) -> None:
    """Inverse inertia of every kinematic tree and how easily its bodies move.

    Args:
        mass, inertia: (nbody,) and (nbody, 3) of the bodies, about their own axes.
        armature: (nv,) added to the diagonal of the inertia matrix.
        trees: (t, 5) first degree of freedom and how many, first entry in ``bodies`` and how
            many, and where the inverse begins in ``inverses``.
        bodies: (n,) ids of the bodies that can move, tree by tree.
        places: (n,) where the Jacobian (6, dofs of the tree) of each begins in ``jacobians``: of
            its center of mass in world axes, and of its rotation in its own.
        inverses: written, inverse inertia matrices of the trees, each row by row.
        diagonal: (nv,) written, the diagonal of the inertia matrix.
        body_weights: (nbody, 2) written, mean inverse inertia of translation and rotation.
    """
    for tree in range(len(trees)):
        dof, count, first, members, start = trees[tree]
        matrix = np.zeros((count, count))
        for entry in range(first, first + members):
            body, size = bodies[entry], 6 * count
            jacobian = jacobians[places[entry] : places[entry] + size].reshape(6, count)
            for row in range(6):
                weight = mass[body] if row < 3 else inertia[body, row - 3]
                for i in range(count):
                    scaled = weight * jacobian[row, i]
                    if scaled != 0.0:
                        for j in range(i + 1):
                            matrix[i, j] += scaled * jacobian[row, j]
        for i in range(count):
            matrix[i, i] += armature[dof + i]
            diagonal[dof + i] = matrix[i, i]
        inverse = inverses[start : start + count * count].reshape(count, count)
        _invert(matrix, inverse)
        for entry in range(first, first + members):
            body, size = bodies[entry], 6 * count
            jacobian = jacobians[places[entry] : places[entry] + size].reshape(6, count)
            body_weights[body, 0] = _weight(jacobian, inverse, 0)
            body_weights[body, 1] = _weight(jacobian, inverse, 3)


@kernel
def dof_weights(trees: Ids, inverses: Array, groups: Ids, out: Array) -> None:
    """Write the mean inverse inertia (nv,) of the degrees of freedom of each group.

    ``groups`` (nv,) is the first one of the group: itself, or that of a ball or half a free joint.
    """
    out[:] = 0.0
    for tree in range(len(trees)):
        dof, count, start = trees[tree, 0], trees[tree, 1], trees[tree, 4]
        for i in range(count):
            size = 0
            for other in range(dof, dof + count):
                size += groups[other] == groups[dof + i]
            out[groups[dof + i]] += inverses[start + i * (count + 1)] / size
    for dof in range(len(groups)):
        out[dof] = out[groups[dof]]


@kernel
def responses(
    rows: Array, pairs: Ids, trees: Ids, inverses: Array, along: Array, size: Array
) -> None:
    """How the whole moves when pushed along each of ``rows`` (k, nv).

    ``pairs`` (p, 2) are the row and tree where a row is not zero. Written are the product (k,) of
    the row with the acceleration and the acceleration's length (k,).
    """
    along[:], size[:] = 0.0, 0.0
    for pair in range(len(pairs)):
        row, tree = pairs[pair]
        dof, count, start = trees[tree, 0], trees[tree, 1], trees[tree, 4]
        for i in range(count):
            moved = 0.0
            for j in range(count):
                moved += inverses[start + i * count + j] * rows[row, dof + j]
            along[row] += moved * rows[row, dof + i]
            size[row] += moved * moved
    for row in range(len(rows)):
        size[row] = math.sqrt(size[row])


@kernel
def subtree_masses(mass: Array, center: Array, parents: Ids, masses: Array, centers: Array) -> None:
    """Write mass (nbody,) and center of mass (nbody, 3) of each body with all below it.

    ``center`` (nbody, 3) are those of the bodies alone.
    """
    for body in range(len(mass)):
        masses[body] = mass[body]
        for axis in range(3):
            centers[body, axis] = mass[body] * center[body, axis]
    for body in range(len(mass) - 1, 0, -1):  # parents come before their children
        masses[parents[body]] += masses[body]
        for axis in range(3):
            centers[parents[body], axis] += centers[body, axis]
    for body in range(len(mass)):
        for axis in range(3):
            if masses[body] < TINY:
                centers[body, axis] = center[body, axis]
            else:
                centers[body, axis] /= masses[body]
