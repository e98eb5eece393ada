"""The free floor of a home on a grid: where a robot can stand and drive. Lengths in m."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from molmospaces_gym.scenes.homes.furnish import Placed, across
from molmospaces_gym.scenes.homes.plan import WALL, FloorPlan, Opening
from molmospaces_gym.scenes.homes.rect import Rect

CELL = 0.05
ROBOT_RADIUS = 0.35
"""Radius of the robot that must be able to drive everywhere (RB-Y1)."""
LEAF = 0.045
"""Thickness of an open door's leaf with its distance from the jamb."""
REACHED_WITHIN = 0.9
"""Distance (m) before furniture that opens within which a robot must find room."""


@dataclass(frozen=True)
class FreeFloor:
    """``free`` (nx, ny): cells nothing stands on; cell (0, 0) has its corner at ``origin``.

    ``clear`` (nx, ny) are the distances (m) of the cells' middles to what is not free.
    """

    origin: tuple[float, float]
    free: NDArray[np.bool_]
    clear: NDArray[np.float64]

    def cells(self, rect: Rect) -> tuple[slice, slice]:
        """Cells whose middle lies in a rectangle."""
        (x, y), (nx, ny) = self.origin, self.free.shape
        return (
            slice(_first(rect.x0 - x, nx), _first(rect.x1 - x, nx)),
            slice(_first(rect.y0 - y, ny), _first(rect.y1 - y, ny)),
        )

    def square_free(self, x: float, y: float, half: float) -> bool:
        """Whether a square around a point stands on nothing."""
        part = self.free[self.cells(Rect(x - half, y - half, x + half, y + half))]
        return bool(part.size) and bool(part.all())

    def drivable(self, radius: float = ROBOT_RADIUS) -> NDArray[np.int32]:
        """Number (1, 2, ...) of the connected area in which a round robot can drive, 0: not."""
        labels: NDArray[np.int32] = ndimage.label(self.clear >= radius)[0]
        return labels


def _first(offset: float, count: int) -> int:
    """Index of the first cell whose middle is not below an offset."""
    return min(max(math.ceil(offset / CELL - 0.5 - 1e-9), 0), count)


def free_floor(plan: FloorPlan, placed: Sequence[Placed]) -> FreeFloor:
    """The free floor with all doors wide open."""
    outline = plan.outline.grown(2 * CELL)
    shape = tuple(math.ceil(length / CELL) for length in outline.size)
    grid = FreeFloor(
        (outline.x0, outline.y0), np.zeros(shape, dtype=bool), np.zeros(shape, dtype=float)
    )
    for room in plan.rooms:
        grid.free[grid.cells(room.floor)] = True
    for opening in plan.doorways:
        grid.free[grid.cells(across(opening, WALL / 2 + CELL))] = True
    for opening in plan.doorways:
        if opening.kind == "door":
            grid.free[grid.cells(open_leaf(opening))] = False
    for piece in placed:
        if piece.on is None:
            grid.free[grid.cells(piece.zone.rect.grown(CELL / 2))] = False
    grid.clear[:] = ndimage.distance_transform_edt(grid.free, sampling=CELL) - CELL / 2
    return grid


def open_leaf(opening: Opening) -> Rect:
    """Floor under the leaf of a door that stands wide open."""
    wall = opening.wall
    end = opening.low if opening.hinge < 0 else opening.high
    low, high = sorted((end, end - opening.hinge * LEAF))
    reach = WALL / 2 + opening.high - opening.low
    upwards = wall.rooms[1] == opening.opens_into
    start, stop = (wall.at, wall.at + reach) if upwards else (wall.at - reach, wall.at)
    if wall.vertical:
        return Rect(start, low, stop, high)
    return Rect(low, start, high, stop)


def unreachable(plan: FloorPlan, placed: Sequence[Placed], floor: FreeFloor) -> list[int]:
    """Pieces to take away, worst first, so that a robot gets to every room and what opens there.

    Empty when the drivable floor connects all doorways and reaches the front of everything that
    opens or stands away from the walls.
    """
    labels = floor.drivable()
    main = _main_label(plan, floor, labels)
    blocked = [room for room in plan.rooms if not _reaches(labels[floor.cells(room.floor)], main)]
    ways = [o for o in plan.doorways if not _reaches(labels[floor.cells(_sides(o))], main)]
    rooms = {room.index for room in blocked}
    rooms |= {r for o in ways for r in o.wall.rooms if r is not None}
    if rooms:
        return [k for k in reversed(range(len(placed))) if placed[k].room in rooms]
    found = []
    for k, piece in enumerate(placed):
        if piece.on is not None or piece.fixture.hung > 0 or not piece.fixture.tops:
            continue
        hx, hy = piece.fixture.half
        front = piece.spot.rect((-hx, -hy - REACHED_WITHIN), (hx, -hy))
        if not _reaches(labels[floor.cells(front)], main):
            found.append(k)
    return found


def _main_label(plan: FloorPlan, floor: FreeFloor, labels: NDArray[np.int32]) -> int:
    counts = np.bincount(labels.ravel())
    counts[0] = 0
    return int(counts.argmax()) if counts.size > 1 else -1


def _reaches(labels: NDArray[np.int32], main: int) -> bool:
    return bool((labels == main).any())


def _sides(opening: Opening) -> Rect:
    """The middle of a doorway."""
    return across(opening, 2 * CELL)
