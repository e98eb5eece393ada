"""Lengths of the shortest ways over a house's floor to where something is near, kept by goal."""

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from molmospaces_gym.scenes.model import Array, SceneModel
from molmospaces_gym.scenes.navigation import RADIUS, FloorGrid, floor_grid
from molmospaces_gym.scenes.rooms import Room

CACHE_SIZE = 64
DEPTH = 0.3
"""Distance (m) from its walls at which one is well inside a room."""

_known: "OrderedDict[tuple[str, bytes], Ways]" = OrderedDict()


@dataclass(frozen=True, eq=False)
class Ways:
    """Lengths of the ways (m) to a goal; see ``navigate_kernels.survey``."""

    field: Array
    filled: Array
    to_map: Array


NO_WAYS = Ways(np.zeros((1, 1)), np.zeros((1, 1)), np.zeros((2, 4)))


def ways_near(
    scene: SceneModel,
    points: Array,
    distance: float,
    radius: float = RADIUS,
    room: Room | None = None,
) -> Ways:
    """The ways of a scene to within ``distance`` m of any of ``points`` (N, 2).

    Args:
        scene: where.
        points: what one wants to be near.
        distance: how near, m.
        radius: of the round robot that takes them, m.
        room: only places in this room count as near; None: those behind a wall too.
    """
    name = room.name if room else ""
    key = (f"{scene.key} {name}", np.round([*points.ravel(), distance, radius], 2).tobytes())
    grid = None if key in _known else floor_grid(scene, radius)
    if grid is not None:
        places = grid.places if room is None else _within(grid.places, room, 0.0)
        _keep(key, grid, near_cells(places, points, distance))
    return _known.get(key, NO_WAYS)


def ways_into(scene: SceneModel, room: Room, radius: float = RADIUS) -> Ways:
    """The ways of a scene for a round robot (m) to well inside a room."""
    key = (f"{scene.key} into {room.name}", np.round([radius], 2).tobytes())
    grid = None if key in _known else floor_grid(scene, radius)
    if grid is not None:
        _keep(key, grid, _within(grid.places, room, DEPTH))
    return _known.get(key, NO_WAYS)


def _keep(key: tuple[str, bytes], grid: FloorGrid, goals: Array) -> None:
    field = grid.field(goals) if len(goals) else np.full(grid.map.free.shape, np.inf)
    to_map = np.ascontiguousarray(grid.map.world_to_map)
    _known[key] = Ways(field, grid.everywhere(field), to_map)
    while len(_known) > CACHE_SIZE:
        _known.popitem(last=False)


def _within(places: Array, room: Room, depth: float) -> Array:
    """Those of the points (N, 2) that are in a room and at least ``depth`` m from its walls."""
    found: Array = places[room.inside(places) >= depth]
    return found


def near_cells(places: Array, points: Array, distance: float) -> Array:
    """Those of the ``places`` (N, 2) within ``distance`` m of any of ``points`` (M, 2).

    Where there are none, the nearest one.
    """
    gap = np.full(len(places), np.inf)
    for point in points:
        gap = np.minimum(gap, np.hypot(places[:, 0] - point[0], places[:, 1] - point[1]))
    found: Array = places[gap <= max(distance, float(gap.min(initial=np.inf)) + 1e-6)]
    return found
