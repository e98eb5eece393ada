"""What a floor plan is: rooms without gaps between them, their walls, doorways and windows.

Rooms meet at the centre lines of their walls. The house lies in x, y >= 0 with its outer walls'
centre lines starting at (0, 0). Lengths in m.
"""

from dataclasses import dataclass
from typing import Literal

from molmospaces_gym.scenes.homes.rect import Rect

RoomType = Literal[
    "kitchen", "living_room", "bedroom", "bathroom", "dining_room", "office", "hallway"
]

WALL = 0.1
WALL_HEIGHT = 2.6
"""Thickness and height of the walls."""
DOORWAY = 1.0
DOORWAY_HEIGHT = 2.08
"""Width and height of the opening for a hinged door, frame included."""


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
