"""Where doorways and windows are in their walls. Lengths in m."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from molmospaces_gym.scenes.homes.config import HomeConfig
from molmospaces_gym.scenes.homes.plan import (
    DOORWAY,
    DOORWAY_HEIGHT,
    WALL,
    Opening,
    Room,
    Wall,
)
from molmospaces_gym.scenes.homes.rect import Rect
from molmospaces_gym.scenes.homes.rooms import OPEN_AREAS

CORNER = 0.2
"""Least distance of a doorway from the centre line of a crossing wall: room for door frames."""
SWING_MARGIN = 0.13
"""How far a door that is wide open reaches beyond its opening, levers included."""
LEAF = 0.045
"""Thickness of an open door's leaf with its distance from the jamb."""
DOORWAY_DRAWS = 24
"""Doorways drawn for a wall, of which one that is in no other's way is taken."""


def draw_doorway(
    rng: np.random.Generator,
    rooms: Sequence[Room],
    wall: Wall,
    others: Sequence[Opening],
    config: HomeConfig,
) -> Opening:
    """The doorway of a wall, clear of the doorways that are there already if that can be."""
    low, high = wall.rooms
    assert low is not None and high is not None
    pair = (rooms[low], rooms[high])
    both_open = all(room.type in OPEN_AREAS for room in pair)
    hinged = not both_open or rng.random() < config.hinged_doors
    for number in range(DOORWAY_DRAWS):
        draw = _draw_doorway(rng, wall, pair, hinged, usual=number < DOORWAY_DRAWS // 3)
        if not any(_in_the_way(draw, other) for other in others):
            break
    return draw


def _draw_doorway(
    rng: np.random.Generator, wall: Wall, pair: tuple[Room, Room], hinged: bool, usual: bool
) -> Opening:
    """A random doorway; a ``usual`` door is near a corner and opens into the private room."""
    start, end = wall.low + CORNER, wall.high - CORNER
    if not hinged:
        width = float(rng.uniform(1.1, max(1.1, min(2.2, 0.6 * (end - start)))))
        at = float(rng.uniform(start, max(start, end - min(width, end - start))))
        return Opening("passage", wall, at, min(at + width, end), 0.0, DOORWAY_HEIGHT + 0.12)
    slack = end - start - DOORWAY
    share = float(rng.random())
    if usual:  # near a corner the door takes least of the room
        share = 0.2 * share if share < 0.5 else 1.0 - 0.2 * (1.0 - share)
    at = start + slack * share
    hinge = -1 if at - start < slack / 2 else 1
    into = min(pair, key=lambda room: (_privacy(room.type), room.area.area))
    if not usual and rng.random() < 0.5:
        into = pair[0] if into is pair[1] else pair[1]
    return Opening("door", wall, at, at + DOORWAY, 0.0, DOORWAY_HEIGHT, hinge, into.index)


def _in_the_way(first: Opening, second: Opening) -> bool:
    """Whether a door swings over the floor that the other doorway needs."""
    doors = "door" in (first.kind, second.kind)
    return doors and swept(first).overlaps(swept(second))


def count_conflicts(doorways: Sequence[Opening]) -> int:
    """Number of pairs of doorways of which one is in the other's way."""
    return sum(_in_the_way(first, second) for first, second in combinations(doorways, 2))


def swept(opening: Opening) -> Rect:
    """Floor that a doorway needs: what its door sweeps, or a step to both sides."""
    wall, width = opening.wall, opening.high - opening.low
    low, high, below, above = opening.low, opening.high, 0.6, 0.6
    if opening.kind == "door":
        margin = SWING_MARGIN
        low, high = (low - margin, high) if opening.hinge < 0 else (low, high + margin)
        above = width + WALL if wall.rooms[1] == opening.opens_into else 0.6
        below = width + WALL if wall.rooms[0] == opening.opens_into else 0.6
    if wall.vertical:
        return Rect(wall.at - below, low, wall.at + above, high)
    return Rect(low, wall.at - below, high, wall.at + above)


def _privacy(kind: str) -> int:
    """Doors open into the more private room, but not into a narrow hallway or a small bathroom."""
    return {"bedroom": 0, "office": 0, "living_room": 1, "dining_room": 1, "kitchen": 2}.get(
        kind, 3
    )


def draw_windows(
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


def across(opening: Opening, depth: float) -> Rect:
    """The rectangle of an opening, ``depth`` to both sides of the middle of its wall."""
    at, low, high = opening.wall.at, opening.low, opening.high
    if opening.wall.vertical:
        return Rect(at - depth, low, at + depth, high)
    return Rect(low, at - depth, high, at + depth)


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
