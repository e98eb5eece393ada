"""Where a mobile robot stands to work in a house, and free spots on what it stands before."""

from typing import Any

import numpy as np

from molmospaces_gym.robots.binding import heading
from molmospaces_gym.scenes.articulated import Articulation
from molmospaces_gym.scenes.model import Array
from molmospaces_gym.scenes.placement import Placement, in_reach, placements
from molmospaces_gym.scenes.stances import stances
from molmospaces_gym.session import Session
from molmospaces_gym.tasks.household_sampler import PULLED
from molmospaces_gym.tasks.sampling import free

STANDS = 3
"""Places to work that are tried for one thing."""
SPOT_STEP, SPOT_GAP, SPOTS = 0.05, 0.02, 10
"""Spacing (m) of the spots on a surface, free way (m) around an object there, and how many."""
DEFAULT_RADIUS = 0.1
"""Of an object (m) whose metadata tell none."""


def before_part(session: Session, part: Articulation, opens: bool) -> list[Array]:
    """Base poses (3,) from which the arm opens or closes something, the nearest first."""
    ends = part.position(0.0), part.position(PULLED)
    found = stances(session.scene, part, *(ends if opens else ends[::-1]))
    return _nearest(session, [planar(s.base_pose) for s in found])


def before_object(session: Session, name: str) -> list[Array]:
    """Base poses (3,) from which an object is in reach where it rested, the nearest first.

    For one that was behind something: from where the robot has opened that.
    """
    found = [planar(p.base_pose) for p in placements(session.scene) if name in p.objects]
    return _nearest(session, found) if found else [_here(session)] * STANDS


def before_receptacle(session: Session, name: str, taken: str) -> list[Placement]:
    """Places before what an object ``taken`` is put on: those with the most free spots in reach."""
    scene = session.scene
    on = str(scene.objects.get(name, {}).get("surface") or name).partition("/")[0]
    found = [
        p
        for p in placements(scene)
        if p.surface is not None and p.surface.name.partition("/")[0] == on
    ]
    if name in scene.free_joints:
        at = session.world.body_pos(session.slot)[scene.body_id(name), :2]
        found.sort(key=lambda p: float(np.hypot(*(at - p.base_pose[:2]))))
    else:
        found.sort(key=lambda p: -len(free_spots(session, taken, p)))
    return found[:STANDS]


def nearest_spots(session: Session, name: str, taken: str) -> Array:
    """Free spots (N, 2) on furniture before the place that is nearest to the robot."""
    here = _here(session)[:2]
    stands = before_receptacle(session, name, taken)
    if not stands:
        return np.zeros((0, 2))
    stand = min(stands, key=lambda p: float(np.hypot(*(here - p.base_pose[:2]))))
    return free_spots(session, taken, stand)


def free_spots(session: Session, name: str, stand: Placement) -> Array:
    """Free spots (N, 2) for an object on the surface before a place, best first."""
    scene, surface = session.scene, stand.surface
    assert surface is not None
    reach, meta = scene.robot.config.reach, scene.objects.get(name, {})
    at, base = session.world.body_pos(session.slot), np.array(stand.base_pose[:2])
    circles = np.array(
        [
            [*at[scene.body_id(other), :2], entry["footprint"]]
            for other, entry in scene.objects.items()
            if entry.get("surface") == surface.name and other in scene.free_joints
            and other != name
        ]
    ).reshape(-1, 3)  # fmt: skip
    cos, sin = np.cos(surface.yaw), np.sin(surface.yaw)
    steps = [np.arange(-half, half, SPOT_STEP) for half in surface.half_size]
    local = np.stack(np.meshgrid(*steps), axis=-1).reshape(-1, 2)
    points = np.array(surface.center[:2]) + local @ np.array([[cos, sin], [-sin, cos]])
    radius = float(meta.get("footprint", DEFAULT_RADIUS))
    good = free(points, surface, circles, radius, SPOT_GAP)
    good &= np.array([in_reach(reach, point - base, stand.yaw) for point in points], dtype=bool)
    ahead = np.mean(reach.distance) * np.array([np.cos(stand.yaw), np.sin(stand.yaw)])
    off = np.hypot(*(points[good] - base - ahead).T)
    found: Array = points[good][np.argsort(off, kind="stable")[:SPOTS]]
    return found


def planar(pose: Any) -> Array:
    """Position and heading (3,) of a base pose (7,)."""
    return np.array([pose[0], pose[1], heading(pose[3:7])])


def _here(session: Session) -> Array:
    base = session.scene.robot.base
    assert base is not None  # checked by the solver
    here: Array = session.world.joint_pos(session.slot)[base.qpos].copy()
    return here


def _nearest(session: Session, poses: list[Array]) -> list[Array]:
    here = _here(session)
    return sorted(poses, key=lambda p: float(np.hypot(*(p - here)[:2])))[:STANDS]
