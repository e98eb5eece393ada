"""The free floor of a furnished home, and which furniture keeps a robot from what it needs."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.scenes.homes.grid import CELL, FreeFloor, paint
from molmospaces_gym.scenes.homes.openings import across
from molmospaces_gym.scenes.homes.placed import Placed, front_of
from molmospaces_gym.scenes.homes.plan import FloorPlan


def free_floor(plan: FloorPlan, placed: Sequence[Placed]) -> FreeFloor:
    """The free floor with all doors wide open."""
    floors = [room.floor for room in plan.rooms]
    taken = [piece.zone.rect for piece in placed if piece.on is None]
    return paint(plan.outline, floors, plan.doorways, taken)


def unreachable(plan: FloorPlan, placed: Sequence[Placed], floor: FreeFloor) -> list[int]:
    """Pieces to take away, worst first, so that a robot gets to every room and what opens there.

    Empty when the drivable floor connects all rooms and doorways and reaches the front of
    everything on which objects stand.
    """
    labels = floor.drivable()
    main = _main_label(labels)
    rooms = {r.index for r in plan.rooms if not _reaches(labels[floor.cells(r.floor)], main)}
    for opening in plan.doorways:
        if not _reaches(labels[floor.cells(across(opening, 2 * CELL))], main):
            rooms |= {room for room in opening.wall.rooms if room is not None}
    if rooms:
        beside = {r for o in plan.doorways if rooms & set(o.wall.rooms) for r in o.wall.rooms}
        return [k for k in reversed(range(len(placed))) if placed[k].room in beside]
    fronts = [(k, front_of(piece)) for k, piece in enumerate(placed)]
    return [
        k
        for k, front in fronts
        if front is not None and not _reaches(labels[floor.cells(front)], main)
    ]


def _main_label(labels: NDArray[np.int32]) -> int:
    counts = np.bincount(labels.ravel())
    counts[0] = 0
    return int(counts.argmax()) if counts.size > 1 else -1


def _reaches(labels: NDArray[np.int32], main: int) -> bool:
    return bool((labels == main).any())
