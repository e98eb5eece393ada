"""Floor plans: rooms that fill a rectilinear outline without gaps, and the doorways between them.

Rooms meet at the centre lines of their walls. The house lies in x, y >= 0 with its outer walls'
centre lines starting at (0, 0). Lengths in m.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from molmospaces_gym.scenes.homes.config import HomeConfig
from molmospaces_gym.scenes.homes.rect import Rect

RoomType = Literal["kitchen", "living_room", "bedroom", "bathroom", "dining_room", "office", "hallway"]
Side = Literal["north", "south", "east", "west"]

WALL = 0.1
WALL_HEIGHT = 2.6
"""Thickness and height of the walls."""
DOORWAY = 1.0
DOORWAY_HEIGHT = 2.08
"""Width and height of the opening for a hinged door, frame included."""
CORNER = 0.2
"""Least distance of a doorway from the centre line of a crossing wall: room for door frames."""
GRID = 0.05
"""Walls stand on multiples of this."""
ATTEMPTS = 3000
CANDIDATES = 4
"""Layouts that are tried at most, and of how many valid ones the most usual is taken."""
CUTS = 2
"""Cuts tried per direction when a part of the outline is divided."""
YARD = "yard"
"""Part of the outer rectangle that stays open, so that outlines are not all rectangles."""


@dataclass(frozen=True)
class RoomRule:
    """Bounds for one type of room: area range (m^2), shortest side, longest side over shortest."""

    area: tuple[float, float]
    least: float
    aspect: float


RULES: dict[str, RoomRule] = {
    "kitchen": RoomRule((11.0, 16.0), 2.9, 2.0),
    "living_room": RoomRule((15.0, 24.0), 3.5, 1.9),
    "bedroom": RoomRule((11.0, 16.0), 3.0, 1.7),
    "bathroom": RoomRule((5.5, 8.5), 2.2, 2.0),
    "dining_room": RoomRule((10.5, 15.0), 3.0, 1.8),
    "office": RoomRule((8.5, 12.0), 2.7, 1.7),
    "hallway": RoomRule((6.0, 10.0), 1.7, 4.5),
    YARD: RoomRule((8.0, 16.0), 1.8, 5.0),
}

_MIXES: tuple[tuple[tuple[RoomType, ...], ...], ...] = (
    (("kitchen",), ("kitchen",), ("living_room",), ("bedroom",)),
    (("kitchen", "living_room"), ("kitchen", "bedroom"), ("living_room", "bedroom")),
    (
        ("kitchen", "living_room", "bedroom"),
        ("kitchen", "living_room", "bathroom"),
        ("kitchen", "bedroom", "bathroom"),
    ),
    (
        ("kitchen", "living_room", "bedroom", "bathroom"),
        ("kitchen", "living_room", "bedroom", "office"),
        ("kitchen", "living_room", "dining_room", "bathroom"),
    ),
    (
        ("kitchen", "living_room", "bedroom", "bathroom", "hallway"),
        ("kitchen", "living_room", "bedroom", "bathroom", "dining_room"),
        ("kitchen", "living_room", "bedroom", "bathroom", "bedroom"),
        ("kitchen", "living_room", "bedroom", "bathroom", "office"),
    ),
    (
        ("kitchen", "living_room", "bedroom", "bathroom", "hallway", "bedroom"),
        ("kitchen", "living_room", "bedroom", "bathroom", "hallway", "office"),
        ("kitchen", "living_room", "bedroom", "bathroom", "dining_room", "bedroom"),
    ),
    (
        ("kitchen", "living_room", "bedroom", "bathroom", "hallway", "bedroom", "dining_room"),
        ("kitchen", "living_room", "bedroom", "bathroom", "hallway", "bedroom", "office"),
    ),
    (
        (
            *("kitchen", "living_room", "bedroom", "bathroom"),
            *("hallway", "bedroom", "dining_room", "office"),
        ),
        (
            *("kitchen", "living_room", "bedroom", "bathroom"),
            *("hallway", "bedroom", "bathroom", "office"),
        ),
    ),
)
"""Which rooms a home of 1, 2, ... rooms may have."""

_COSTS: dict[frozenset[str], float] = {
    frozenset(pair): cost
    for pair, cost in (
        (("hallway", "kitchen"), 0.3),
        (("hallway", "living_room"), 0.0),
        (("hallway", "bedroom"), 0.0),
        (("hallway", "bathroom"), 0.0),
        (("hallway", "dining_room"), 0.3),
        (("hallway", "office"), 0.0),
        (("living_room", "kitchen"), 0.2),
        (("living_room", "dining_room"), 0.1),
        (("kitchen", "dining_room"), 0.0),
        (("living_room", "bedroom"), 1.0),
        (("living_room", "office"), 1.0),
        (("living_room", "bathroom"), 2.0),
        (("bedroom", "bathroom"), 1.2),
        (("bedroom", "office"), 3.0),
        (("dining_room", "bedroom"), 2.5),
        (("dining_room", "bathroom"), 3.0),
        (("dining_room", "office"), 2.0),
        (("kitchen", "bedroom"), 3.0),
        (("kitchen", "office"), 2.5),
        (("kitchen", "bathroom"), 3.5),
        (("bathroom", "office"), 4.0),
        (("bedroom",), 4.0),
        (("bathroom",), 9.0),
    )
}
"""How odd it is to walk from one kind of room straight into the other."""
OPEN_AREAS = ("kitchen", "living_room", "dining_room", "hallway")
"""Rooms between which a passage without a door is usual."""


@dataclass(frozen=True)
class Room:
    """One room; ``area`` reaches to the centre lines of its walls."""

    index: int
    type: RoomType
    area: Rect

    @property
    def name(self) -> str:
        """Name of its body."""
        return f"room_{self.index}"

    @property
    def floor(self) -> Rect:
        """Floor between the walls."""
        return self.area.grown(-WALL / 2)


@dataclass(frozen=True)
class Wall:
    """A straight piece of wall between two rooms, or between a room and the outside (None).

    It stands on the line x = ``at`` (``vertical``) or y = ``at`` from ``low`` to ``high``;
    ``rooms`` are on its lower and its upper side.
    """

    vertical: bool
    at: float
    low: float
    high: float
    rooms: tuple[int | None, int | None]

    @property
    def outer(self) -> bool:
        """Whether the outside is on one of its sides."""
        return None in self.rooms


@dataclass(frozen=True)
class Opening:
    """A hole in a wall: a doorway from the floor, or a window.

    ``low`` and ``high`` are its ends along the wall, ``bottom`` and ``top`` its heights. A
    ``hinged`` doorway has a door; ``hinge`` is +1 where its hinge is at the ``high`` end, and
    ``opens_into`` is the room into which it swings.
    """

    kind: Literal["door", "passage", "window"]
    wall: Wall
    low: float
    high: float
    bottom: float
    top: float
    hinge: int = -1
    opens_into: int = -1

    @property
    def middle(self) -> tuple[float, float]:
        """Its middle on the floor."""
        along = (self.low + self.high) / 2
        return (self.wall.at, along) if self.wall.vertical else (along, self.wall.at)


@dataclass(frozen=True)
class FloorPlan:
    """Rooms with the walls between them and the holes in these."""

    rooms: tuple[Room, ...]
    walls: tuple[Wall, ...]
    doorways: tuple[Opening, ...]
    windows: tuple[Opening, ...]

    @property
    def outline(self) -> Rect:
        """Rectangle around everything."""
        areas = [room.area for room in self.rooms]
        return Rect(
            min(a.x0 for a in areas),
            min(a.y0 for a in areas),
            max(a.x1 for a in areas),
            max(a.y1 for a in areas),
        )


def plan_home(rng: np.random.Generator, config: HomeConfig) -> FloorPlan:
    """Draw a floor plan."""
    count = int(rng.integers(config.rooms[0], config.rooms[1] + 1))
    mixes = _MIXES[count - 1]
    types = mixes[int(rng.integers(len(mixes)))]
    best: tuple[float, list[Room], tuple[Wall, ...], list[Wall]] | None = None
    valid = 0
    for _ in range(ATTEMPTS):
        layout = _layout(rng, types)
        if layout is None:
            continue
        rooms, walls = layout
        tree = _doorway_walls(rng, rooms, walls)
        if tree is None:
            continue
        cost = _tree_cost(rooms, tree)
        if best is None or cost < best[0]:
            best = (cost, rooms, walls, tree)
        valid += 1
        if cost < 1.0 + 0.5 * count or valid == CANDIDATES:
            break
    if best is None:
        raise AssertionError(f"no layout for {types} in {ATTEMPTS} attempts")
    _, rooms, walls, tree = best
    doorways = tuple(_doorway(rng, rooms, wall, config) for wall in tree)
    return FloorPlan(tuple(rooms), walls, doorways, _windows(rng, rooms, walls))


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
    rooms = []
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
        cost = _COSTS[frozenset((rooms[low].type, rooms[high].type))]
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
        cost += _COSTS[frozenset((rooms[low].type, rooms[high].type))]
        degree[low] += 1
        degree[high] += 1
    for room in rooms:
        if room.type == "bathroom":
            cost += 8.0 * (degree[room.index] - 1)
        elif room.type in ("bedroom", "office"):
            cost += 1.5 * max(0, degree[room.index] - 1)
    return cost


def _doorway(
    rng: np.random.Generator, rooms: Sequence[Room], wall: Wall, config: HomeConfig
) -> Opening:
    low, high = wall.rooms
    assert low is not None and high is not None
    pair = (rooms[low], rooms[high])
    start, end = wall.low + CORNER, wall.high - CORNER
    both_open = all(room.type in OPEN_AREAS for room in pair)
    if both_open and rng.random() >= config.hinged_doors:
        width = float(rng.uniform(1.1, max(1.1, min(2.2, 0.6 * (end - start)))))
        at = float(rng.uniform(start, max(start, end - min(width, end - start))))
        return Opening("passage", wall, at, min(at + width, end), 0.0, DOORWAY_HEIGHT + 0.12)
    slack = end - start - DOORWAY
    # near a corner the door takes least of the room
    at = start + slack * float(rng.choice([rng.uniform(0, 0.2), rng.uniform(0.8, 1.0)]))
    hinge = -1 if at - start < slack / 2 else 1
    into = min(pair, key=lambda room: (_privacy(room.type), room.area.area))
    return Opening("door", wall, at, at + DOORWAY, 0.0, DOORWAY_HEIGHT, hinge, into.index)


def _privacy(kind: str) -> int:
    """Doors open into the more private room, but not into a narrow hallway or a small bathroom."""
    return {"bedroom": 0, "office": 0, "living_room": 1, "dining_room": 1, "kitchen": 2}.get(kind, 3)


def _windows(
    rng: np.random.Generator, rooms: Sequence[Room], walls: Sequence[Wall]
) -> tuple[Opening, ...]:
    """One or two windows on the outer walls of every room but hallways."""
    windows = []
    for room in rooms:
        outer = [w for w in walls if w.outer and room.index in w.rooms and w.high - w.low > 1.4]
        if room.type == "hallway" or not outer:
            continue
        order = [outer[int(k)] for k in rng.permutation(len(outer))]
        for wall in order[: 1 + int(rng.random() < 0.4)]:
            small = room.type == "bathroom"
            width = float(rng.uniform(0.6, 0.9) if small else rng.uniform(1.0, 1.6))
            slack = wall.high - wall.low - 0.7 - min(width, wall.high - wall.low - 0.7)
            width = min(width, wall.high - wall.low - 0.7)
            low = wall.low + 0.35 + slack * float(rng.random())
            bottom = 1.35 if small else float(rng.uniform(0.95, 1.1))
            windows.append(Opening("window", wall, low, low + width, bottom, 2.1))
    return tuple(windows)
