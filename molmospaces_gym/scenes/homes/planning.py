"""Draws floor plans: a rectangle is cut into rooms, then rooms are joined by doorways."""

from collections.abc import Sequence

import numpy as np

from molmospaces_gym.scenes.homes.config import HomeConfig
from molmospaces_gym.scenes.homes.openings import (
    CORNER,
    count_conflicts,
    draw_doorway,
    draw_windows,
)
from molmospaces_gym.scenes.homes.plan import DOORWAY, FloorPlan, Opening, Room, RoomType, Wall
from molmospaces_gym.scenes.homes.rect import Rect
from molmospaces_gym.scenes.homes.rooms import COSTS, MIXES, RULES, YARD

GRID = 0.05
"""Walls stand on multiples of this."""
ATTEMPTS = 3000
CANDIDATES = 4
"""Layouts that are tried at most, and of how many valid ones the most usual is taken."""
IN_THE_WAY = 20.0
"""Cost of a door that swings where another doorway is used: more than any odd connection."""
CUTS = 2
"""Cuts tried per direction when a part of the outline is divided."""


def plan_home(rng: np.random.Generator, config: HomeConfig) -> FloorPlan:
    """Draw a floor plan."""
    count = int(rng.integers(config.rooms[0], config.rooms[1] + 1))
    mixes = MIXES[count - 1]
    types = mixes[int(rng.integers(len(mixes)))]
    best: tuple[float, FloorPlan] | None = None
    valid = 0
    for _ in range(ATTEMPTS):
        layout = _layout(rng, types)
        if layout is None:
            continue
        rooms, walls = layout
        tree = _doorway_walls(rng, rooms, walls)
        if tree is None:
            continue
        doorways = _doorways(rng, rooms, tree, config)
        cost = _tree_cost(rooms, tree) + IN_THE_WAY * count_conflicts(doorways)
        if best is None or cost < best[0]:
            windows = draw_windows(rng, rooms, walls)
            best = (cost, FloorPlan(tuple(rooms), walls, doorways, windows))
        valid += 1
        if cost < 1.0 + 0.5 * count or (
            valid >= max(2, CANDIDATES - count // 3) and best[0] < IN_THE_WAY
        ):
            break
    if best is None:
        raise AssertionError(f"no layout for {types} in {ATTEMPTS} attempts")
    return best[1]


def _doorways(
    rng: np.random.Generator, rooms: Sequence[Room], tree: Sequence[Wall], config: HomeConfig
) -> tuple[Opening, ...]:
    doorways: list[Opening] = []
    for wall in tree:
        doorways.append(draw_doorway(rng, rooms, wall, doorways, config))
    return tuple(doorways)


def _layout(
    rng: np.random.Generator, types: Sequence[RoomType]
) -> tuple[list[Room], tuple[Wall, ...]] | None:
    """Rooms and walls of one random slicing, or None where a room gets a bad shape."""
    kinds: list[str] = list(types)
    if len(kinds) >= 3 and rng.random() < 0.45:
        kinds.append(YARD)
    areas = [float(rng.uniform(*RULES[kind].area)) for kind in kinds]
    items = [(k, kinds[k], areas[k]) for k in map(int, rng.permutation(len(kinds)))]
    total = sum(areas)
    width = float(np.sqrt(total * np.exp(rng.uniform(-0.55, 0.55))))
    frame = Rect(0.0, 0.0, _snap(width), _snap(total / width))
    cells = _slice(rng, items, frame)
    if cells is None:
        return None
    rooms: list[Room] = []
    for k, cell in sorted(cells):
        if kinds[k] == YARD:
            if not _in_corner(cell, frame):
                return None
            continue
        rooms.append(Room(len(rooms), types[k], cell))
    low_x = min(room.area.x0 for room in rooms)
    low_y = min(room.area.y0 for room in rooms)
    if low_x > 0 or low_y > 0:
        return None
    return rooms, tuple(_walls(rooms))


def _slice(
    rng: np.random.Generator, items: list[tuple[int, str, float]], area: Rect
) -> list[tuple[int, Rect]] | None:
    """Cut a rectangle into one per (number, type, area), with areas in proportion.

    Cuts are tried in random order, those across the longer side first; None where no order of
    cuts gives every room a good shape.
    """
    width, depth = area.size
    if len(items) == 1:
        rule = RULES[items[0][1]]
        short, long = sorted((width, depth))
        good = short >= rule.least and long <= rule.aspect * short
        return [(items[0][0], area)] if good else None
    if min(width, depth) < min(RULES[kind].least for _, kind, _ in items):
        return None
    total = sum(a for _, _, a in items)
    cuts = [1 + int(k) for k in rng.permutation(len(items) - 1)[:CUTS]]
    first_across = rng.random() < (width / (width + depth) - 0.5) * 2.5 + 0.5
    for across in (first_across, not first_across):
        for cut in cuts:
            share = sum(a for _, _, a in items[:cut]) / total
            low, high = _cut(area, share, across)
            left = _slice(rng, items[:cut], low)
            right = None if left is None else _slice(rng, items[cut:], high)
            if left is not None and right is not None:
                return left + right
    return None


def _cut(area: Rect, share: float, across: bool) -> tuple[Rect, Rect]:
    """Two parts, the lower with this share of the length along x (``across``) or y."""
    if across:
        x = _snap(area.x0 + share * (area.x1 - area.x0))
        return Rect(area.x0, area.y0, x, area.y1), Rect(x, area.y0, area.x1, area.y1)
    y = _snap(area.y0 + share * (area.y1 - area.y0))
    return Rect(area.x0, area.y0, area.x1, y), Rect(area.x0, y, area.x1, area.y1)


def _snap(value: float) -> float:
    return round(round(value / GRID) * GRID, 6)


def _in_corner(cell: Rect, frame: Rect) -> bool:
    return (cell.x0 == frame.x0 or cell.x1 == frame.x1) and (
        cell.y0 == frame.y0 or cell.y1 == frame.y1
    )


def _walls(rooms: Sequence[Room]) -> list[Wall]:
    """Every piece of wall between two neighbours, cut where a neighbour changes."""
    walls = []
    for vertical in (True, False):
        lines = sorted({v for room in rooms for v in _ends(room.area, vertical)})
        for at in lines:
            ends = sorted(
                {
                    v
                    for room in rooms
                    if at in _ends(room.area, vertical)
                    for v in _ends(room.area, not vertical)
                }
            )
            pieces: list[Wall] = []
            for low, high in zip(ends, ends[1:], strict=False):
                below = _room_at(rooms, at - GRID / 2, (low + high) / 2, vertical)
                above = _room_at(rooms, at + GRID / 2, (low + high) / 2, vertical)
                if below == above:
                    continue
                last = pieces[-1] if pieces else None
                if last is not None and last.rooms == (below, above) and last.high == low:
                    pieces[-1] = Wall(vertical, at, last.low, high, last.rooms)
                else:
                    pieces.append(Wall(vertical, at, low, high, (below, above)))
            walls += pieces
    return walls


def _ends(area: Rect, vertical: bool) -> tuple[float, float]:
    return (area.x0, area.x1) if vertical else (area.y0, area.y1)


def _room_at(rooms: Sequence[Room], at: float, along: float, vertical: bool) -> int | None:
    x, y = (at, along) if vertical else (along, at)
    for room in rooms:
        if room.area.contains(x, y):
            return room.index
    return None


def _doorway_walls(
    rng: np.random.Generator, rooms: Sequence[Room], walls: Sequence[Wall]
) -> list[Wall] | None:
    """Walls with a doorway: the cheapest tree over all rooms and some usual further ones."""
    choices = []
    for wall in walls:
        low, high = wall.rooms
        if low is None or high is None or wall.high - wall.low < DOORWAY + 2 * CORNER:
            continue
        cost = COSTS[frozenset((rooms[low].type, rooms[high].type))]
        choices.append((cost + 0.5 * float(rng.random()), cost, wall))
    choices.sort(key=lambda choice: choice[0])
    group = list(range(len(rooms)))
    tree: list[Wall] = []
    linked: set[tuple[int | None, int | None]] = set()
    for _, cost, wall in choices:
        low, high = wall.rooms
        assert low is not None and high is not None
        a, b = group[low], group[high]
        if a == b and (cost > 0.3 or wall.rooms in linked or rng.random() < 0.5):
            continue
        linked.add(wall.rooms)
        tree.append(wall)
        group = [a if g == b else g for g in group]
    return tree if len(set(group)) == 1 else None


def _tree_cost(rooms: Sequence[Room], tree: Sequence[Wall]) -> float:
    """Oddness of the connections; walking through a bathroom or a bedroom counts extra."""
    cost, degree = 0.0, [0] * len(rooms)
    for wall in tree:
        low, high = wall.rooms
        assert low is not None and high is not None
        cost += COSTS[frozenset((rooms[low].type, rooms[high].type))]
        degree[low] += 1
        degree[high] += 1
    for room in rooms:
        if room.type == "bathroom":
            cost += 8.0 * (degree[room.index] - 1)
        elif room.type in ("bedroom", "office"):
            cost += 1.5 * max(0, degree[room.index] - 1)
    return cost
