"""Where a mobile robot stands to work in a house, and free spots on what it stands before."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from molmospaces_gym.robots.binding import heading
from molmospaces_gym.scenes.articulated import Articulation
from molmospaces_gym.scenes.model import Array
from molmospaces_gym.scenes.placement import Placement, in_reach, placements
from molmospaces_gym.scenes.reaching import free_stances, stands_over
from molmospaces_gym.scenes.stances import stances
from molmospaces_gym.session import Session
from molmospaces_gym.tasks.household_drawers import PULLED, SHUT
from molmospaces_gym.tasks.sampling import free

TRIES = 200
"""Places tried around something that is to be taken from where it is."""
LOW = 0.3
"""Height (m) over a surface up to which something lies on it."""
SPOT_STEP, SPOT_GAP, SPOTS = 0.05, 0.02, 10
"""Spacing (m) of the spots on a surface, free way (m) around an object there, and how many."""
DEFAULT_RADIUS = 0.1
"""Of an object (m) whose metadata tell none."""


@dataclass(frozen=True, eq=False)
class Workplace:
    """A pose of the base (x, y, heading), and the placement that it belongs to, if to one."""

    base: Array
    stand: Placement | None = None


def before_part(session: Session, part: Articulation, opens: bool) -> list[Workplace]:
    """Where the arm can open or close something from, the nearest first."""
    scene = session.scene
    ends = [part.position(share) for share in ((0.0, PULLED) if opens else (PULLED, SHUT))]
    found = free_stances(scene, part, ends[0], ends[1])
    poses = found or [s.base_pose for s in stances(scene, part, ends[0], ends[1])]
    return _nearest(session, [Workplace(planar(pose)) for pose in poses])


def before_object(session: Session, name: str, grasps: Array) -> list[Workplace]:
    """Where an object is in reach from, the nearest first: where it rested, else where it is."""
    found = [Workplace(planar(p.base_pose), p) for p in placements(session.scene)
             if name in p.objects]  # fmt: skip
    return _nearest(session, found) if found else _over(session, name, grasps)


def before_dropped(session: Session, name: str, grasps: Array) -> list[Workplace]:
    """Where an object is in reach from where it is now, the nearest first."""
    scene = session.scene
    at = session.world.body_pos(session.slot)[scene.body_id(name)]
    found = [
        Workplace(planar(p.base_pose), p)
        for p in placements(scene)
        if p.surface is not None
        and 0.0 < at[2] - p.surface.center[2] < LOW
        and in_reach(scene.robot.config.reach, at[:2] - p.base_pose[:2], p.yaw)
    ]
    return [*_nearest(session, found), *_over(session, name, grasps)]


def before_receptacle(session: Session, name: str) -> list[Workplace]:
    """Places before what something is put on, the nearest first; to a small one the nearest."""
    scene = session.scene
    on = str(scene.objects.get(name, {}).get("surface") or name).partition("/")[0]
    found = [
        Workplace(planar(p.base_pose), p)
        for p in placements(scene)
        if p.surface is not None and p.surface.name.partition("/")[0] == on
    ]
    if name not in scene.free_joints:
        return _nearest(session, found)
    at = session.world.body_pos(session.slot)[scene.body_id(name), :2]
    return sorted(found, key=lambda place: float(np.hypot(*(at - place.base[:2]))))


def _over(session: Session, name: str, grasps: Array) -> list[Workplace]:
    """From where the robot is, and from around something."""
    qpos, base = np.array(session.world.joint_pos(session.slot)), session.scene.robot.base
    assert base is not None  # checked by the solver
    found = [
        Workplace(planar(pose)) for pose in stands_over(session.scene, name, qpos, grasps, TRIES)
    ]
    return [Workplace(qpos[base.qpos]), *_nearest(session, found)]


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


def _nearest(session: Session, places: list[Workplace]) -> list[Workplace]:
    base = session.scene.robot.base
    assert base is not None  # checked by the solver
    here = session.world.joint_pos(session.slot)[base.qpos[:2]]
    return sorted(places, key=lambda place: float(np.hypot(*(place.base[:2] - here))))
