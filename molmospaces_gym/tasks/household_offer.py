"""What a house has for household episodes: rooms, things to take, and where to put them."""

from collections.abc import Sequence
from dataclasses import dataclass

import mujoco
import numpy as np
from scipy import ndimage

from molmospaces_gym.scenes.model import Array, SceneModel
from molmospaces_gym.scenes.navigation import NARROW, FloorGrid
from molmospaces_gym.scenes.part_phrases import is_ambiguous
from molmospaces_gym.scenes.placement import Placement, in_reach, is_graspable, placements
from molmospaces_gym.scenes.rooms import Room, room_phrase, rooms_of
from molmospaces_gym.tasks.household_text import is_one_of_its_kind
from molmospaces_gym.tasks.receptacles import own_receptacles
from molmospaces_gym.tasks.sampling import scratch_of
from molmospaces_gym.tasks.ways import ways_into

DOCK = 0.6
"""Longest way (m) between a place to work and the drivable floor beside it."""
FLUSH = 0.03
"""Difference (m) between a surface and the highest point of its furniture up to which things are
put on it: not on a sofa."""


@dataclass(frozen=True, eq=False)
class Offer:
    """What a house has for household episodes; everything can be reached over its floor.

    ``things`` are (object, room) that can be picked where they rest, ``tops`` (receptacle, where
    one stands) that things are put on.
    """

    rooms: tuple[Room, ...]
    things: tuple[tuple[str, str], ...]
    tops: tuple[tuple[str, Placement], ...]
    grid: FloorGrid
    field: Array
    """Lengths of the ways (m) over the grid's cells to the largest part of the floor."""
    categories: frozenset[str] | None = None
    """What may be taken; None: anything."""

    def docks(self, base: Sequence[float]) -> bool:
        """Whether the drivable floor comes near a place to work at, a base pose (7,)."""
        return _docks(self.grid, self.field, base)


def offer_of(scene: SceneModel, grid: FloorGrid, categories: frozenset[str] | None) -> Offer:
    """What the rooms on the largest part of the floor have, with things of these categories."""
    main = _largest(grid)
    rooms = tuple(
        room
        for room in rooms_of(scene).values()
        if room_phrase(scene, room.name)[1]
        and np.isfinite(ways_into(scene, room, NARROW).field[main])
    )
    known = {room.name for room in rooms}
    field = grid.field(grid.map.points(np.array([main])))
    stands = [
        p
        for p in placements(scene)
        if p.surface is not None and p.surface.room in known and _docks(grid, field, p.base_pose)
    ]
    things = {
        name: p.surface.room
        for p in stands
        if p.surface is not None
        for name in p.objects
        if _wanted(scene, name, categories)
    }
    tops = tuple(_tops(scene, stands))
    return Offer(rooms, tuple(sorted(things.items())), tops, grid, field, categories)


def _largest(grid: FloorGrid) -> tuple[int, int]:
    """A cell of the largest connected part of the floor."""
    parts, _ = ndimage.label(grid.map.free)
    number = int(np.argmax(np.bincount(parts.ravel())[1:])) + 1
    row, column = np.argwhere(parts == number)[0].tolist()
    return row, column


def _docks(grid: FloorGrid, field: Array, base: Sequence[float]) -> bool:
    """Whether the drivable floor comes near a place to work at."""
    point = np.array([base[:2]])
    cell = grid.snap(point)
    gap = float(np.hypot(*(grid.map.points(cell) - point)[0]))
    return gap < DOCK and bool(np.isfinite(field[tuple(cell[0])]))


def _tops(scene: SceneModel, stands: list[Placement]) -> list[tuple[str, Placement]]:
    """What things are put on: level furniture, and receptacles within reach of where one stands."""
    own = {r.names[0] for r in own_receptacles(scene)}
    reach = scene.robot.config.reach
    found = []
    for p in stands:
        assert p.surface is not None
        body = p.surface.name.partition("/")[0]
        if body in scene.objects and _is_flush(scene, body, p.surface.center[2]):
            if is_one_of_its_kind(scene, body):
                found.append((body, p))
        for name, meta in scene.objects.items():
            if name in own and meta.get("surface") == p.surface.name:
                if in_reach(reach, scene.rest_pose(name)[:2] - p.base_pose[:2], p.yaw):
                    found.append((name, p))
    return found


def _is_flush(scene: SceneModel, body: str, height: float) -> bool:
    data, geoms = scratch_of(scene).data, scene.subtree_geoms(scene.body_id(body))
    data.qpos[:] = scene.rest_qpos
    mujoco.mj_kinematics(scene.model, data)
    solid = geoms[scene.solid[geoms]]
    extent = (
        np.abs(data.geom_xmat[solid].reshape(-1, 3, 3)[:, 2]) * scene.model.geom_aabb[solid, 3:]
    )
    top = (data.geom_xpos[solid, 2] + extent.sum(axis=1)).max()
    return bool(top < height + FLUSH)


def insides(scene: SceneModel, offer: Offer) -> list[tuple[str, tuple[str, ...], str]]:
    """Drawers with things in them: (joint, objects, room). One reaches into them from above."""
    rooms = {room.name for room in offer.rooms}
    found = []
    for surface in scene.house.metadata.get("surfaces", ()):
        part = scene.articulations.get(surface.get("inside") or "")
        if part is None or not part.slides or surface.get("room") not in rooms:
            continue
        names = tuple(
            name
            for name in scene.free_joints
            if scene.objects.get(name, {}).get("surface") == surface["name"]
            and is_graspable(scene, name)
            and _wanted(scene, name, offer.categories)
        )
        if names and not is_ambiguous(scene, part):
            found.append((part.name, names, str(surface["room"])))
    return found


def _wanted(scene: SceneModel, name: str, categories: frozenset[str] | None) -> bool:
    return categories is None or scene.objects.get(name, {}).get("category") in categories
