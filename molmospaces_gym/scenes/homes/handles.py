"""Where a gripper holds the handle of a drawer, a door or a lever.

A grasp is a homogeneous transform (4, 4) in the moving body's frame. Its origin is the gripper's
``grasp_site``, +z the direction of approach and y the axis along which the fingers open, as in the
official grasp files. Lengths in m, angles in rad.
"""

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.scenes.generator.grasps import PAD_HALF
from molmospaces_gym.scenes.generator.shapes import rotation
from molmospaces_gym.scenes.grasp_files import grasp_file, save_grasps
from molmospaces_gym.scenes.homes.fixture import Moving

Array = NDArray[np.float64]

TIP = 0.0177
"""How far the tips of a 2F-85 reach beyond its grasp site when it holds a bar (official model)."""
TILTS = tuple(math.radians(angle) for angle in (0, 15, -15, 30, -30))
"""Turns about the bar. At 30 degrees an open 2F-85 still keeps 5 mm off the face behind it."""
SHARES = (0.0, 0.4, -0.4, 0.8, -0.8)
POST = 0.014
"""Length (m) at either end of a bar where a post is in the way of the fingers."""
LIBRARY = "droid"
"""The official library that has grasps of joints."""


def handle_grasps(moving: Moving) -> Array:
    """Grasps (N, 4, 4) of a part that opens, in its body frame and best first.

    Fingers close across the bar, straight from the front or turned about the bar, in its middle
    or nearer to an end, and each way round. Of a door the grasps of its levers' at-rest poses are
    given, those of the first lever first; ask for a lever's own with ``moving.children[k]``.

    Raises:
        InvalidConfig: neither the part nor its children have a handle.
    """
    if moving.handle >= 0:
        return _bar_grasps(moving)
    if not any(child.handle >= 0 for child in moving.children):
        raise InvalidConfig(f"the {moving.lemma} has no handle to hold")
    found = []
    for child in moving.children:
        grasps = handle_grasps(child)
        grasps[:, :3, 3] += child.pos
        found.append(grasps)
    return np.concatenate(found)


def save_handle_grasps(root: Path, asset_id: str, joint: str, moving: Moving) -> Path:
    """Write the handle's grasps where the official layout has those of a joint; returns the file.

    Args:
        root: the assets directory, which holds ``grasps``.
        asset_id: ``asset_id`` of the body in the house's metadata.
        joint: name of the joint in the asset, the value of ``name_map.joints``.
        moving: the part that the joint moves.
    """
    file = grasp_file(root, LIBRARY, asset_id, joint)
    file.parent.mkdir(parents=True, exist_ok=True)
    save_grasps(file, handle_grasps(moving))
    return file


def _bar_grasps(moving: Moving) -> Array:
    grip = moving.parts[moving.handle]
    center, bar = np.array(grip.pos), rotation(grip.quat)[:, 2]
    # bars stand in front of their face or, the lever on a door's other side, behind it
    straight = np.array([0.0, -math.copysign(1.0, grip.pos[1]), 0.0])
    room = max(0.0, grip.size[1] - POST - PAD_HALF[0])
    found = []
    for tilt in TILTS:
        approach = math.cos(tilt) * straight + math.sin(tilt) * np.cross(bar, straight)
        for share in SHARES:
            for flip in (1.0, -1.0):
                pose = np.eye(4)
                pose[:3, 2] = approach
                pose[:3, 1] = flip * np.cross(bar, approach)
                pose[:3, 0] = np.cross(pose[:3, 1], approach)
                pose[:3, 3] = center + share * room * bar + (PAD_HALF[1] - TIP) * approach
                found.append(pose)
    return np.stack(found)
