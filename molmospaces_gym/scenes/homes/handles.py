"""Where a gripper holds the handle of a drawer, a door or a lever.

A grasp is a homogeneous transform (4, 4) in the moving body's frame. Its origin is the gripper's
``grasp_site``, +z the direction of approach and y the axis along which the fingers open, as in the
official grasp files. Lengths in m, angles in rad.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidConfig, InvalidScene
from molmospaces_gym.scenes.generator.grasps import PAD_HALF, grasp_candidates
from molmospaces_gym.scenes.generator.shapes import rotation
from molmospaces_gym.scenes.grasp_check import checked_grasps
from molmospaces_gym.scenes.grasp_files import grasp_file, save_grasps
from molmospaces_gym.scenes.homes.fixture import Moving
from molmospaces_gym.scenes.house import House

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
        grip = moving.parts[moving.handle]
        return bar_grasps(np.array(grip.pos), rotation(grip.quat)[:, 2], grip.size[1])
    if not any(child.handle >= 0 for child in moving.children):
        raise InvalidConfig(f"the {moving.lemma} has no handle to hold")
    found = []
    for child in moving.children:
        grasps = handle_grasps(child)
        grasps[:, :3, 3] += child.pos
        found.append(grasps)
    return np.concatenate(found)


def model_handle_grasps(model: mujoco.MjModel, geom: str) -> Array:
    """Grasps (N, 4, 4) of the handle ``geom`` of a compiled home, in the frame of its body.

    Raises:
        InvalidScene: the geom is missing or no bar (capsule).
    """
    index = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_GEOM, geom)
    if index < 0 or model.geom_type[index] != mujoco.mjtGeom.mjGEOM_CAPSULE:
        raise InvalidScene(f"geom {geom!r} is no handle; expected the name of a capsule")
    w, x, y, z = (float(value) for value in model.geom_quat[index])
    bar = rotation((w, x, y, z))[:, 2]
    return bar_grasps(model.geom_pos[index], bar, float(model.geom_size[index, 1]))


def save_home_grasps(house: House, model: mujoco.MjModel, root: Path, checked: bool = True) -> int:
    """Write the grasps of everything in a home that can be held, in the official layout.

    Objects and, per joint, handles: ``grasps/droid/<asset_id>/<asset_id or joint>``
    ``_grasps_filtered.npz``, where the joint is named as in the asset (``name_map.joints``).

    Args:
        house: a home.
        model: its compiled model.
        root: the assets directory.
        checked: whether the grasps of objects are first tried in simulation (half a second per
            kind and size of object) and only those that lift it are written.

    Returns:
        The number of files that belong to the home; those already there are not written again.
    """
    objects = house.metadata["objects"]
    found: dict[Path, Callable[[], Array]] = {}
    for entry in objects.values():
        if entry.get("holds"):
            file = grasp_file(root, LIBRARY, entry["asset_id"])
            found[file] = partial(_object_grasps, entry, checked)
    for owner, joint, geom in _handles(house.metadata):
        entry = objects[owner]
        file = grasp_file(root, LIBRARY, entry["asset_id"], entry["name_map"]["joints"][joint])
        found[file] = partial(model_handle_grasps, model, geom)
    for file, grasps in found.items():
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            save_grasps(file, grasps())
    return len(found)


def _object_grasps(entry: Mapping[str, Any], checked: bool) -> Array:
    if not checked:
        return grasp_candidates(entry)
    # the last part of a generated asset's id is its size step
    return checked_grasps(entry["lemma"], int(entry["asset_id"].rsplit("_", 1)[1]))


def _handles(metadata: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Piece, joint and handle geom of everything that opens."""
    for part in metadata["articulated"]:
        if part["handle"]:
            yield part["object"], part["joint"], part["handle"]
    for door in metadata["doors"]:
        for joint, geom in zip(door["handle_joints"], door["handles"], strict=True):
            yield door["name"], joint, geom


def bar_grasps(center: Array, bar: Array, half: float) -> Array:
    """Grasps (N, 4, 4) of an upright or level bar in front of a face at y = 0, best first.

    Args:
        center: (3,) its middle; the sign of its y says on which side of the face it stands.
        bar: (3,) unit vector along it.
        half: half its length.
    """
    straight = np.array([0.0, -math.copysign(1.0, center[1]), 0.0])
    room = max(0.0, half - POST - PAD_HALF[0])
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
