"""Grids of free floor, and where a robot can drive on them. Lengths in m."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from molmospaces_gym.scenes.homes.openings import across, open_leaf
from molmospaces_gym.scenes.homes.plan import WALL, Opening, Room
from molmospaces_gym.scenes.homes.rect import Rect, centred

CELL = 0.05
ROBOT_RADIUS = 0.35
"""Radius of the robot that must be able to drive everywhere (RB-Y1)."""
ENTRY = 0.5
"""Distance of the place behind a doorway that a robot must reach from the rest of the room."""


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
        part = self.free[self.cells(centred(x, y, half, half))]
        return bool(part.size) and bool(part.all())

    def drivable(self, radius: float = ROBOT_RADIUS) -> NDArray[np.int32]:
        """Number (1, 2, ...) of the connected area in which a round robot can drive, 0: not."""
        labels: NDArray[np.int32] = ndimage.label(self.clear >= radius)[0]
        return labels


def _first(offset: float, count: int) -> int:
    """Index of the first cell whose middle is not below an offset."""
    return min(max(math.ceil(offset / CELL - 0.5 - 1e-9), 0), count)


def paint(
    around: Rect, floors: Iterable[Rect], doorways: Sequence[Opening], taken: Iterable[Rect]
) -> FreeFloor:
    """The grid of some floors and doorways, all doors wide open, with what stands there."""
    outline = around.grown(2 * CELL)
    shape = tuple(math.ceil(length / CELL) for length in outline.size)
    grid = FreeFloor(
        (outline.x0, outline.y0), np.zeros(shape, dtype=bool), np.zeros(shape, dtype=float)
    )
    for rect in floors:
        grid.free[grid.cells(rect)] = True
    for opening in doorways:
        grid.free[grid.cells(across(opening, WALL / 2 + CELL))] = True
    for opening in doorways:
        if opening.kind == "door":
            grid.free[grid.cells(open_leaf(opening))] = False
    for rect in taken:
        grid.free[grid.cells(rect.grown(CELL / 2))] = False
    grid.clear[:] = ndimage.distance_transform_edt(grid.free, sampling=CELL) - CELL / 2
    return grid


def room_works(
    room: Room, doorways: Sequence[Opening], taken: Iterable[Rect], fronts: Iterable[Rect]
) -> bool:
    """Whether a robot gets from every doorway of a room to every other and to all ``fronts``."""
    grid = paint(room.area, [room.floor], doorways, taken)
    labels = grid.drivable()
    common: set[int] | None = None
    for opening in doorways:
        found = _labels(labels[grid.cells(_entry(opening, room))])
        common = found if common is None else common & found
    if common is None:
        common = _labels(labels)
    return bool(common) and all(common & _labels(labels[grid.cells(front)]) for front in fronts)


def _labels(cells: NDArray[np.int32]) -> set[int]:
    return {int(label) for label in np.unique(cells)} - {0}


def _entry(opening: Opening, room: Room) -> Rect:
    """A small square behind a doorway."""
    (x, y), (u, v) = opening.middle, room.area.middle
    if opening.wall.vertical:
        return centred(x + math.copysign(ENTRY, u - x), y, 0.08, 0.08)
    return centred(x, y + math.copysign(ENTRY, v - y), 0.08, 0.08)
