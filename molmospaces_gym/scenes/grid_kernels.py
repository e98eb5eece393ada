"""Compiled loops over a floor grid: distances around obstacles and free lines of sight."""

import math
from typing import Any

import numpy as np

from molmospaces_gym.jit import helper, kernel


@helper
def _sift_up(keys: Any, items: Any, at: int) -> None:
    while at > 0:
        parent = (at - 1) // 2
        if keys[parent] <= keys[at]:
            return
        keys[parent], keys[at] = keys[at], keys[parent]
        items[parent], items[at] = items[at], items[parent]
        at = parent


@helper
def _sift_down(keys: Any, items: Any, count: int) -> None:
    at = 0
    while True:
        child = 2 * at + 1
        if child >= count:
            return
        if child + 1 < count and keys[child + 1] < keys[child]:
            child += 1
        if keys[at] <= keys[child]:
            return
        keys[child], keys[at] = keys[at], keys[child]
        items[child], items[at] = items[at], items[child]
        at = child


@kernel
def distances(free: Any, sources: Any, out: Any) -> None:
    """Write the length (cells) of the shortest way to any source into ``out`` (rows, columns).

    Ways go to the eight neighbours and never cut the corner of an obstacle. ``free`` (rows,
    columns) are the cells that may be entered, ``sources`` (n, 2) where ways end; inf where no
    way leads.
    """
    rows, columns = free.shape
    out[:] = np.inf
    keys, items = np.empty(8 * free.size + 8), np.empty(8 * free.size + 8, np.int64)
    count = 0
    for k in range(len(sources)):
        row, column = sources[k, 0], sources[k, 1]
        if 0 <= row < rows and 0 <= column < columns and free[row, column]:
            out[row, column] = 0.0
            keys[count], items[count] = 0.0, row * columns + column
            _sift_up(keys, items, count)
            count += 1
    while count:
        key, item = keys[0], items[0]
        count -= 1
        keys[0], items[0] = keys[count], items[count]
        _sift_down(keys, items, count)
        row, column = item // columns, item % columns
        if key > out[row, column]:
            continue
        for dr in range(-1, 2):
            for dc in range(-1, 2):
                r, c = row + dr, column + dc
                if not (0 <= r < rows and 0 <= c < columns) or not free[r, c]:
                    continue
                if dr and dc and not (free[row, c] and free[r, column]):
                    continue
                way = key + math.sqrt(float(dr * dr + dc * dc))
                if way < out[r, c] - 1e-9:
                    out[r, c] = way
                    keys[count], items[count] = way, r * columns + c
                    _sift_up(keys, items, count)
                    count += 1


@kernel
def is_straight(free: Any, row: float, column: float, to_row: float, to_column: float) -> bool:
    """Whether the straight line between two points (cells) stays on free cells."""
    steps = int(math.ceil(2.0 * max(abs(to_row - row), abs(to_column - column)))) + 1
    for k in range(steps + 1):
        r = int(round(row + (to_row - row) * k / steps))
        c = int(round(column + (to_column - column) * k / steps))
        if not (0 <= r < free.shape[0] and 0 <= c < free.shape[1]) or not free[r, c]:
            return False
    return True


@kernel
def descend(field: Any, free: Any, row: int, column: int, out: Any) -> int:
    """Write the cells (n, 2) of the way from a cell down to where ``field`` is 0; returns n.

    ``field`` are lengths in cells as ``distances`` writes them. Ends early where no neighbour is
    lower or ``out`` is full.
    """
    rows, columns = field.shape
    count = 0
    while count < len(out):
        out[count, 0], out[count, 1] = row, column
        count += 1
        if field[row, column] <= 0.0:
            break
        best, to_row, to_column = np.inf, row, column
        for dr in range(-1, 2):
            for dc in range(-1, 2):
                r, c = row + dr, column + dc
                if not (0 <= r < rows and 0 <= c < columns) or (dr == 0 and dc == 0):
                    continue
                if dr and dc and not (free[row, c] and free[r, column]):
                    continue
                way = field[r, c] + math.sqrt(float(dr * dr + dc * dc))
                if way < best:
                    best, to_row, to_column = way, r, c
        if field[to_row, to_column] >= field[row, column]:
            break
        row, column = to_row, to_column
    return count
