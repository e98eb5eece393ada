"""Camera matrices in the two conventions of the official layout."""

import math

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.cameras import CameraPose

Floats = NDArray[np.float32]

GL_TO_CV = np.diag([1.0, -1.0, -1.0])
"""MuJoCo and OpenGL look along -z with y up, OpenCV along +z with y down."""


def intrinsic_cv(fov: float, size: tuple[int, int]) -> Floats:
    """Pinhole matrix (3, 3) in pixels of a vertical field of view (degrees)."""
    width, height = size
    focal = 0.5 * height / math.tan(0.5 * math.radians(fov))
    return np.array(
        [[focal, 0, 0.5 * width], [0, focal, 0.5 * height], [0, 0, 1]], dtype=np.float32
    )


def cam2world_gl(pose: CameraPose) -> Floats:
    """Camera to world (4, 4), OpenGL axes, metres."""
    matrix = np.eye(4, dtype=np.float32)
    matrix[:3, :3], matrix[:3, 3] = pose.mat, pose.pos
    return matrix


def extrinsic_cv(pose: CameraPose) -> Floats:
    """World to camera (3, 4), OpenCV axes, metres."""
    rotation = GL_TO_CV @ pose.mat.T
    shift = -rotation @ pose.pos
    return np.column_stack([rotation, shift]).astype(np.float32)
