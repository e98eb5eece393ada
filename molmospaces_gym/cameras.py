"""Cameras of an episode: where they are mounted and how that becomes a world pose.

A camera frame follows MuJoCo: it looks along its -z axis, +y is up in the image, +x is right.
Quaternions are wxyz, positions metres, ``fov`` the vertical field of view in degrees.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class CameraMount:
    """A camera fixed to ``body`` (``None``: the world) at ``pos``/``quat`` in that body's frame."""

    name: str
    body: str | None
    pos: tuple[float, float, float]
    quat: tuple[float, float, float, float]
    fov: float


@dataclass(frozen=True)
class CameraPose:
    """A camera in the world at one instant: ``pos`` (3,), ``mat`` (3, 3) with columns x, y, z."""

    pos: Array
    mat: Array
    fov: float
    """Vertical field of view in degrees."""


Images = dict[str, NDArray[Any]]
"""``rgb`` (H, W, 3) uint8, ``depth`` (H, W) float32 metres along the optical axis (0 where
nothing is hit), ``segmentation`` (H, W) int32 body ids (-1 where nothing is hit)."""
