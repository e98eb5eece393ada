"""How a gripper holds a handle and where its tool goes while the handle moves.

Grasps are transforms (4, 4) in the frame of the moving part: origin at the tool site, z the
direction of approach, y the axis along which the fingers open. Lengths in m, angles in rad.
"""

from itertools import product

import numpy as np

from molmospaces_gym.scenes.articulated import Array, Articulation, Handle, turns

DEPTH = 0.002
"""How far the tool site goes beyond the middle of the bar: fingertips stay clear of the front."""
TILTS = tuple(np.deg2rad((0.0, -15.0, 15.0, -30.0, 30.0, -45.0, 45.0)))
"""Turns of the approach about the bar, the easy ones first."""
EASY = 10
"""So many of the grasps of ``bar_grasps`` hold the middle of the bar and tilt up to 30 degrees."""
PLACES = (0.0, 0.4, -0.4)
"""Where along the bar it is held, in shares of its half length."""
PARALLEL = 0.9
"""Cosine from which a bar counts as parallel to the hinge, so that it may turn in the fingers."""


def bar_grasps(handle: Handle) -> Array:
    """Grasps (N, 4, 4) across a bar, from straight ahead to steeply tilted."""
    toward = handle.outward - (handle.outward @ handle.along) * handle.along
    toward = toward / np.linalg.norm(toward)
    normal = np.cross(handle.along, toward)
    found = []
    for place, tilt, finger in product(PLACES, TILTS, (1.0, -1.0)):
        approach = -np.cos(tilt) * toward + np.sin(tilt) * normal
        opening = finger * np.cross(handle.along, approach)
        pose = np.eye(4)
        pose[:3, 0] = np.cross(opening, approach)
        pose[:3, 1], pose[:3, 2] = opening, approach
        pose[:3, 3] = handle.middle + place * handle.half * handle.along + DEPTH * approach
        found.append(pose)
    return np.stack(found)


def held_poses(
    part: Articulation, pose: Array, grasps: Array, change: float, follow: float
) -> Array:
    """Tool poses (N, 4, 4) after the part moved by ``change``, given its pose (4, 4) before.

    ``follow`` is the share of a hinge's turn that the tool makes too; the bar turns in the fingers
    by the rest. 1 for slides and for bars that are not parallel to the hinge.
    """
    placed: Array = part.moved(pose, np.array([change]))[0] @ grasps
    if part.slides or follow == 1.0:
        return placed
    back = turns(pose[:3, :3] @ part.axis, np.array([(follow - 1.0) * change]))[0]
    # about the bar, which lies DEPTH behind the tool site
    bar = placed[:, :3, 3] - DEPTH * placed[:, :3, 2]
    placed[:, :3, :3] = back @ placed[:, :3, :3]
    placed[:, :3, 3] = bar + DEPTH * placed[:, :3, 2]
    return placed


def follows(part: Articulation, handle: Handle) -> tuple[float, ...]:
    """Shares of a turn worth trying (see ``held_poses``)."""
    if part.slides or abs(handle.along @ part.axis) < PARALLEL:
        return (1.0,)
    return (0.6, 1.0, 0.2, 1.4)
