"""Where an object can be held: grasp files, the generator's holds, or the object's own box.

A grasp is a transform (4, 4) in the object's body frame whose origin is the tool site, z the
direction of approach and y the axis along which the fingers open (official convention). Lengths
in m, angles in rad.
"""

from functools import lru_cache
from itertools import product
from pathlib import Path

import numpy as np

from molmospaces_gym.scenes.assets import ASSETS_INDEX, AssetLibrary
from molmospaces_gym.scenes.generator.grasps import grasp_candidates
from molmospaces_gym.scenes.grasp_files import load_grasps, official_grasp_file
from molmospaces_gym.scenes.model import Array, SceneModel
from molmospaces_gym.transforms import pose_matrix

MAX_WIDTH = 0.078
"""Widest part (m) the 2F-85 (85 mm) closes on with room for both fingers."""
DEPTH = 0.008
"""How far behind the tool site the middle of a grasped part lies best: the pads reach from
37 mm behind their tips to 5 (open) .. 18 mm (closed) beyond the site."""
PALM = 0.05
"""How far a grasped part may reach behind the tool site before it meets the palm."""
TIP = 0.02
"""How far beyond the tool site the tips of closed fingers need free space."""
TILTS = tuple(np.deg2rad((0.0, 25.0, -25.0, 50.0, -50.0)))
"""Turns of the approach about the closing axis."""
UPRIGHT = 0.9975
"""Cosine from which an axis of a body counts as upright (4 degrees)."""
PARTS = 8
"""Largest parts of an object that are looked at one by one."""
HALF_TURN = np.diag([-1.0, -1.0, 1.0, 1.0])
"""Turn about the approach axis that swaps the fingers."""
POSITION_COST, ROTATION_COST, VERTICAL_COST, CENTER_COST = 1.0, 0.01, 2.0, 8.0
"""Official weights: per metre and per degree from the present tool pose, times 1 - cosine to the
vertical, and per metre between the tool and the centre of mass."""


def object_grasps(scene: SceneModel, name: str) -> Array:
    """Grasps (N, 4, 4) of one object from the best source there is.

    In order: the official grasp file of its asset, the grasp index of the asset library that it
    comes from or that lies beside the scene's file, the generator's holds, and the boxes around it
    and its geoms.
    """
    meta = scene.objects.get(name, {})
    asset = str(meta.get("asset_id", ""))
    file = official_grasp_file(asset) if asset else None
    if file is not None:
        return load_grasps(file)
    places = [Path(str(meta["library"]))] if "library" in meta else []
    if scene.house.path is not None:
        places.append(scene.house.path.parent)
    for place in places if asset else ():
        found = library_grasps(place, asset)
        if found is not None:
            return found
    if "holds" in meta:
        return grasp_candidates(meta)
    return shape_grasps(scene, name)


@lru_cache(maxsize=64)
def library_grasps(directory: Path, asset: str) -> Array | None:
    """Grasps (N, 4, 4) of an asset from a library in ``directory`` or directly below it."""
    for index in sorted([*directory.glob(ASSETS_INDEX), *directory.glob(f"*/{ASSETS_INDEX}")]):
        library = AssetLibrary.load(index.parent)
        if library.has_grasps(asset):
            return library.grasps(asset)
    return None


def shape_grasps(scene: SceneModel, name: str) -> Array:
    """Grasps (N, 4, 4) of the box around an object, and straight ones of its largest parts."""
    model, body = scene.model, scene.body_id(name)
    solid = (model.geom_contype | model.geom_conaffinity) != 0
    parts = np.flatnonzero(solid & (model.geom_bodyid == body))
    volume = model.geom_aabb[parts, 3:].prod(axis=1)
    found = [box_grasps(scene.body_half_size(name), scene.body_center(name))]
    for geom in parts[np.argsort(-volume, kind="stable")][:PARTS] if len(parts) > 1 else ():
        frame = pose_matrix(model.geom_pos[geom], model.geom_quat[geom])
        box = model.geom_aabb[geom]
        found.append(frame @ box_grasps(box[3:], box[:3], tilts=(0.0,)))
    return np.concatenate(found)


def box_grasps(half_size: Array, center: Array, tilts: tuple[float, ...] = TILTS) -> Array:
    """Grasps (N, 4, 4) across every side of a box that fits between the fingers.

    For each closing axis and each of the four approaches around it, straight and tilted, at the
    middle and at both ends: as deep as is best, unless the palm or the tips would touch first.
    """
    axes = np.eye(3)
    found = []
    for close in range(3):
        if 2 * half_size[close] > MAX_WIDTH:
            continue
        others = [axis for axis in range(3) if axis != close]
        for (down, along), sign, tilt in product((others, others[::-1]), (1.0, -1.0), tilts):
            approach = sign * np.cos(tilt) * axes[down] + np.sin(tilt) * axes[along]
            reach = float(np.abs(approach) @ half_size)
            ahead = min(DEPTH, PALM - reach, reach - TIP)
            for share in (0.0, 0.5, -0.5):
                pose = np.eye(4)
                pose[:3, 0] = np.cross(axes[close], approach)
                pose[:3, 1], pose[:3, 2] = axes[close], approach
                point = center + share * half_size[along] * axes[along]
                pose[:3, 3] = point + ahead * approach
                found.append(pose)
    return np.stack(found) if found else np.zeros((0, 4, 4))


def level_grasps(half_size: Array, center: Array, rotation: Array) -> Array:
    """``box_grasps`` (N, 4, 4), in the body's frame, of the level box around a tilted one.

    For what has rolled over: from straight above, whichever way up it lies. None where the body's
    ``rotation`` (3, 3) in the world leaves one of its axes upright.

    Args:
        half_size: (3,) of the body's box.
        center: (3,) of the box in the body's frame.
        rotation: the body's, in the world.
    """
    if np.abs(rotation[2]).max() > UPRIGHT:
        return np.zeros((0, 4, 4))
    flat = rotation[:2] * half_size
    long = rotation[:, int(np.argmax(np.hypot(*flat)))]
    yaw = float(np.arctan2(long[1], long[0]))
    level = np.array(
        [[np.cos(yaw), -np.sin(yaw), 0.0], [np.sin(yaw), np.cos(yaw), 0.0], [0.0, 0.0, 1.0]]
    )
    frame = np.eye(4)
    frame[:3, :3], frame[:3, 3] = rotation.T @ level, center
    found: Array = frame @ box_grasps(np.abs(level.T @ rotation) @ half_size, np.zeros(3))
    return found


def with_half_turns(grasps: Array) -> Array:
    """The grasps followed by the same ones with the fingers swapped (2 N, 4, 4)."""
    return np.concatenate([grasps, grasps @ HALF_TURN])


def grasp_costs(grasps: Array, tool: Array, center: Array) -> Array:
    """Cost (N,) of grasps, lower is better, with the official weights.

    Args:
        grasps: tool poses (N, 4, 4) in a frame whose z is up.
        tool: present tool pose (4, 4).
        center: centre of mass (3,) of the object.
    """
    distance = np.linalg.norm(grasps[:, :3, 3] - tool[:3, 3], axis=1)
    trace = np.einsum("nij,ij->n", grasps[:, :3, :3], tool[:3, :3])
    turn = np.rad2deg(np.arccos(np.clip((trace - 1.0) / 2, -1.0, 1.0)))
    tilt = 1.0 + grasps[:, 2, 2]
    offset = np.linalg.norm(grasps[:, :3, 3] - center, axis=1)
    cost: Array = (
        POSITION_COST * distance
        + ROTATION_COST * turn
        + VERTICAL_COST * tilt
        + CENTER_COST * offset
    )
    return cost
