"""Grasp poses computed for generated objects.

A grasp is a homogeneous transform (4, 4) in the object's body frame. Its origin is the gripper's
``grasp_site``, +z the direction of approach and y the axis along which the fingers open, as in
the official grasp files. Lengths in m, angles in rad.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidScene
from molmospaces_gym.scenes.generator.catalog import MAX_WIDTH
from molmospaces_gym.scenes.generator.objects import Hold

Array = NDArray[np.float64]

PAD_HALF = (0.011, 0.01875)
"""Half width and half length of a 2F-85 finger pad (official model)."""
_OPENING = (0.0022, 0.0228, 0.0452, 0.0664, 0.0852)
_TIP = (0.0177, 0.0177, 0.0154, 0.0109, 0.0046)
"""How far the finger tips reach beyond the grasp site at an opening (official model)."""
GROUND = 0.003
"""Space kept between the fingers and the support."""
PALM = np.array(
    [(x, back) for x in (-0.012, 0.0, 0.012) for back in (0.042, 0.052, 0.064, 0.084)]
    + [(x, back) for x in (-0.037, 0.037) for back in (0.088, 0.11)]
)
"""Points of the palm and the housing of an open 2F-85: across the pads, and behind their middle.
None may lie in the object's bounding box."""
BODY = (0.12, 0.045)
"""Distance from the pads to the gripper's body, and the radius of that body."""
TILTS = tuple(math.radians(angle) for angle in (0, 20, -20, 40, -40, 90))
BLOCKED = math.radians(40)
"""How near a closing axis may come to a handle that stands out."""
AROUND = 16
"""Directions tried around an upright axis."""


def grasp_candidates(object_metadata: Mapping[str, Any]) -> Array:
    """Candidate grasps (N, 4, 4) of an object, best first.

    Every grasp closes across a dimension of at most ``MAX_WIDTH`` and, while the object stands
    upright, keeps the fingers off its support. Grasps from above come first, then tilted ones,
    then grasps from the side. An object without ``holds`` (an official
    one) is treated as its ``boundingBox``; one that cannot be held gives N = 0.

    Raises:
        InvalidScene: the metadata has no bounding box.
    """
    holds, half_size, rest_height = _holds(object_metadata)
    found: list[tuple[tuple[float, float, float], Array]] = []
    for order, hold in enumerate(holds):
        for yaw, width, offset, point in _closings(hold):
            for tilt in TILTS:
                if hold.kind == "rim" and tilt != 0.0:
                    continue
                pose = _pose(hold, point, yaw, width, tilt, half_size, rest_height)
                if pose is not None:
                    found.append(((abs(tilt), order, offset), pose))
    found.sort(key=lambda item: item[0])
    if not found:
        return np.zeros((0, 4, 4))
    return np.stack([pose for _, pose in found])


def _holds(metadata: Mapping[str, Any]) -> tuple[list[Hold], Array, float]:
    """Holds of an object, half size of its box, height of its origin above its support."""
    size = metadata.get("boundingBox")
    if not isinstance(size, Mapping) or not {"x", "y", "z"} <= set(size):
        raise InvalidScene("object metadata needs a 'boundingBox' with x, y and z")
    half = np.array([size["x"], size["y"], size["z"]], dtype=np.float64) / 2
    if "holds" not in metadata:
        x, y, z = (float(value) for value in half)
        return [Hold("block", (0.0, 0.0, 0.0), (x, y, z))], half, z
    holds = [
        Hold(
            h["kind"],
            tuple(h["center"]),
            tuple(h["size"]),
            tuple(h.get("axes", (0, 1))),
            tuple(h.get("avoid", ())),
        )
        for h in metadata["holds"]
    ]
    return holds, half, float(metadata["rest_height"])


def _closings(hold: Hold) -> Iterator[tuple[float, float, float, Array]]:
    """Ways to close on a hold: yaw of the closing axis, width, distance off centre, point."""
    center = np.array(hold.center)
    if hold.kind == "round":
        for k in range(AROUND):
            yaw = 2 * math.pi * k / AROUND
            if all(abs(math.sin(yaw - beside)) > math.sin(BLOCKED) for beside in hold.avoid):
                yield yaw, 2 * hold.size[0], 0.0, center
        return
    if hold.kind == "rim":
        radius = hold.size[0] - hold.size[1] / 2
        for k in range(2 * AROUND):
            yaw = math.pi * k / AROUND
            out = np.array([math.cos(yaw), math.sin(yaw), 0.0]) * radius
            # the closing axis may point either way: outwards here, inwards half a turn later
            yield yaw, hold.size[1], 0.0, center + out
            yield yaw + math.pi, hold.size[1], 0.0, center + out
        return
    for axis in hold.axes:
        width, length = 2 * hold.size[axis], hold.size[1 - axis]
        if width > MAX_WIDTH:
            continue
        yaw = axis * math.pi / 2
        along = np.array([-math.sin(yaw), math.cos(yaw), 0.0])
        room = max(0.0, length - PAD_HALF[0])
        for share in (0.0, 0.5, -0.5) if room > 0.01 else (0.0,):
            for flip in (0.0, math.pi):
                yield yaw + flip, width, abs(share) * room, center + share * room * along


def _pose(
    hold: Hold,
    point: Array,
    yaw: float,
    width: float,
    tilt: float,
    half_size: Array,
    rest_height: float,
) -> Array | None:
    """Grasp that closes at ``point`` along ``yaw``, or None where the gripper has no room."""
    top, half = _vertical(hold)
    close = np.array([math.cos(yaw), math.sin(yaw), 0.0])
    level = np.array([-math.sin(yaw), math.cos(yaw), 0.0])
    approach = math.cos(tilt) * np.array([0.0, 0.0, -1.0]) + math.sin(tilt) * level
    down, side = math.cos(tilt), abs(math.sin(tilt))
    low = down * PAD_HALF[1] + side * PAD_HALF[0]
    low = GROUND - rest_height + max(low, side * BODY[1] - down * BODY[0])
    if hold.kind == "rim":
        middle = max(top - PAD_HALF[1] + GROUND, low)
    elif down < 0.5:
        middle = max(top - half, low)
        if middle > top - 0.6 * half:
            return None
    else:
        middle = max(top - half, top - PAD_HALF[1] - GROUND, low)
        if middle - 0.8 * PAD_HALF[1] > top:
            return None
    center = np.array([point[0], point[1], middle])
    across = np.cross(close, approach)
    palm = center + PALM[:, :1] * across - PALM[:, 1:] * approach
    if np.any(np.all(np.abs(palm) < half_size - 1e-3, axis=1)):
        return None
    tip = float(np.interp(width, _OPENING, _TIP))
    pose = np.eye(4)
    pose[:3, 0], pose[:3, 1], pose[:3, 2] = across, close, approach
    pose[:3, 3] = center + approach * (PAD_HALF[1] - tip)
    return pose


def _vertical(hold: Hold) -> tuple[float, float]:
    """Height of a hold's top and half of its height, in the body frame."""
    if hold.kind == "rim":
        return hold.center[2], PAD_HALF[1]
    half = hold.size[1] if hold.kind == "round" else hold.size[2]
    return hold.center[2] + half, half
