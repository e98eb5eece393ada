"""Free space in a room while furniture is put into it. Lengths in m, world frame."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from molmospaces_gym.scenes.homes.fixture import Fixture
from molmospaces_gym.scenes.homes.rect import Rect, centred

Side = Literal["north", "west", "south", "east"]
SIDES: tuple[Side, ...] = ("north", "west", "south", "east")
YAWS: dict[Side, float] = {
    "north": 0.0,
    "west": math.pi / 2,
    "south": math.pi,
    "east": -math.pi / 2,
}
"""Yaw of a fixture (front at -y) whose back is at this side of a room."""
BACK_GAP = 0.006
"""Distance of a fixture's back from the wall: static things that touch are drawn badly."""
GRIP = 0.052
"""How far a handle stands out in front of its door or drawer."""


@dataclass(frozen=True)
class Zone:
    """A rectangle over a range of heights."""

    rect: Rect
    bottom: float = 0.0
    top: float = 2.6

    def meets(self, other: "Zone") -> bool:
        """Whether the two share space."""
        return (
            self.bottom < other.top - 1e-6
            and other.bottom < self.top - 1e-6
            and self.rect.overlaps(other.rect)
        )


@dataclass(frozen=True)
class Spot:
    """Where a fixture stands: its middle, the height of its z = 0, and its yaw."""

    x: float
    y: float
    yaw: float
    z: float = 0.0

    def at(self, x: float, y: float) -> tuple[float, float]:
        """A point of the fixture's frame in the world."""
        c, s = math.cos(self.yaw), math.sin(self.yaw)
        return (self.x + c * x - s * y, self.y + s * x + c * y)

    def rect(self, low: tuple[float, float], high: tuple[float, float]) -> Rect:
        """A rectangle of the fixture's frame in the world; yaws are multiples of 90 degrees."""
        (ax, ay), (bx, by) = self.at(*low), self.at(*high)
        return Rect(min(ax, bx), min(ay, by), max(ax, bx), max(ay, by))


def front_edge(fixture: Fixture) -> float:
    """The lowest y of a fixture in its frame, handles included."""
    faces = (moving.pos[1] - GRIP for moving in fixture.moving)
    return min(-fixture.half[1], *faces) if fixture.moving else -fixture.half[1]


def solid(fixture: Fixture, spot: Spot) -> Zone:
    """The space that a fixture takes."""
    hx, hy = fixture.half
    rect = spot.rect((-hx, front_edge(fixture)), (hx, hy))
    return Zone(rect, spot.z + fixture.hung, spot.z + fixture.height)


def clearance(fixture: Fixture, spot: Spot) -> Zone | None:
    """The space in front that must stay free, None where nothing needs to."""
    if fixture.clearance <= 0:
        return None
    hx, hy = fixture.half
    rect = spot.rect((-hx, -hy - fixture.clearance), (hx, -hy))
    return Zone(rect, spot.z + fixture.hung, spot.z + fixture.height)


@dataclass
class Space:
    """What a room holds so far: ``solids`` take space, nothing solid may stand in ``kept``.

    Doors of rooms sweep over ``swept``, so nothing may open there.
    """

    floor: Rect
    solids: list[Zone] = field(default_factory=list)
    kept: list[Zone] = field(default_factory=list)
    swept: list[Zone] = field(default_factory=list)

    def fits(
        self,
        taken: Zone,
        clear: Zone | None,
        ignored: Zone | None = None,
        granted: Zone | None = None,
        opens: bool = False,
    ) -> bool:
        """Whether something can stand there.

        Args:
            taken: the space it takes.
            clear: the space that must be free of solids for it.
            ignored: a solid that it may touch.
            granted: a kept zone in which it may stand.
            opens: whether it opens into the space that it needs.
        """
        if not taken.rect.inside(self.floor):
            return False
        if any(taken.meets(zone) for zone in self.kept if zone is not granted):
            return False
        if any(taken.meets(zone) for zone in self.solids if zone is not ignored):
            return False
        if clear is None:
            return True
        if opens and any(clear.meets(zone) for zone in self.swept):
            return False
        return clear.rect.inside(self.floor, 0.02) and not any(
            clear.meets(zone) for zone in self.solids
        )

    def add(self, taken: Zone, clear: Zone | None) -> None:
        """Put something down."""
        self.solids.append(taken)
        if clear is not None:
            self.kept.append(clear)

    def wall_span(self, side: Side, half: float) -> tuple[float, float]:
        """Range of the middle of something with this half width along a wall."""
        floor = self.floor
        if side in ("north", "south"):
            return (floor.x0 + half, floor.x1 - half)
        return (floor.y0 + half, floor.y1 - half)

    def wall_spot(self, side: Side, along: float, depth: float) -> Spot:
        """A spot with the back to a wall; ``depth`` is half the depth of the fixture."""
        floor, yaw, inset = self.floor, YAWS[side], depth + BACK_GAP
        match side:
            case "north":
                return Spot(along, floor.y1 - inset, yaw)
            case "south":
                return Spot(along, floor.y0 + inset, yaw)
            case "west":
                return Spot(floor.x0 + inset, along, yaw)
            case "east":
                return Spot(floor.x1 - inset, along, yaw)

    def neighbours(self, side: Side, half: float, gap: float) -> Iterator[float]:
        """Positions along a wall right beside what already stands at it."""
        for zone in self.solids:
            rect = zone.rect
            if not self._at(rect, side):
                continue
            low, high = (rect.x0, rect.x1) if side in ("north", "south") else (rect.y0, rect.y1)
            yield low - half - gap
            yield high + half + gap

    def _at(self, rect: Rect, side: Side) -> bool:
        floor, near = self.floor, 0.05
        match side:
            case "north":
                return rect.y1 > floor.y1 - near
            case "south":
                return rect.y0 < floor.y0 + near
            case "west":
                return rect.x0 < floor.x0 + near
            case "east":
                return rect.x1 > floor.x1 - near


def stand_squares(
    zone: Rect, side: tuple[float, float], half: float, gap: float, step: float = 0.1
) -> Iterable[tuple[float, Rect]]:
    """Squares of half size ``half`` in front of an edge of ``zone``.

    ``side`` is the outward unit direction, ``gap`` the distance of the square's middle from the
    edge. Yields the offset along the edge and the square, from the middle outwards.
    """
    x, y = zone.middle
    w, d = zone.size
    dx, dy = side
    reach = (w / 2 if dx else d / 2) + gap
    length = d if dx else w
    count = int(max(0.0, length / 2 - 0.15) / step)
    for k in sorted(range(-count, count + 1), key=abs):
        offset = k * step
        cx = x + dx * reach + (0.0 if dx else offset)
        cy = y + dy * reach + (offset if dx else 0.0)
        yield offset, centred(cx, cy, half, half)
