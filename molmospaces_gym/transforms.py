"""Rigid transforms as homogeneous matrices (4, 4); quaternions are wxyz, lengths in m."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def pose_matrix(position: Array, quat: Array) -> Array:
    """Homogeneous transform (4, 4) of a position (3,) and a quaternion wxyz (4,)."""
    w, x, y, z = quat
    matrix = np.eye(4)
    matrix[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    matrix[:3, 3] = position
    return matrix


def inverse(pose: Array) -> Array:
    """Inverse of a rigid transform (4, 4)."""
    result = np.eye(4)
    result[:3, :3] = pose[:3, :3].T
    result[:3, 3] = -pose[:3, :3].T @ pose[:3, 3]
    return result
