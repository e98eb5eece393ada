"""Which furniture stands where. Lengths in m, angles in rad, world frame."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from molmospaces_gym.scenes.generator.shapes import bounds
from molmospaces_gym.scenes.homes.catalog import FIXTURES, ROOM_FIXTURES, Typical
from molmospaces_gym.scenes.homes.fixture import Fixture, Moving
from molmospaces_gym.scenes.homes.grid import room_works
from molmospaces_gym.scenes.homes.openings import across, swept
from molmospaces_gym.scenes.homes.placed import Placed, front_of
from molmospaces_gym.scenes.homes.plan import WALL, FloorPlan, Opening, Room
from molmospaces_gym.scenes.homes.rect import centred
from molmospaces_gym.scenes.homes.space import (
    SIDES,
    YAWS,
    Side,
    Space,
    Spot,
    Zone,
    clearance,
    solid,
)

TRIES = 24
"""Random positions tried for one piece."""
AROUND = 0.75
"""Free floor on all sides of a table in the middle of a room."""
FRONT = 0.95
"""Free floor at the front of a table, where no chair stands: a robot works there."""
WALKWAY = 0.85
"""Depth of the free floor on both sides of a doorway."""
SWING_ROOM = 0.04
"""Distance of furniture with doors from the wall at its side: their handles swing out there."""
RUNS = ("counter", "sink", "oven", "dishwasher", "fridge")
"""Kitchen pieces that stand side by side."""
SEATS = ("chair", "stool")


@dataclass
class _Furnisher:
    """Furnishes one room."""

    room: Room
    doorways: Sequence[Opening]
    space: Space
    rng: np.random.Generator
    placed: list[Placed] = field(default_factory=list)
    _solids: list[Zone] = field(default_factory=list)
    _clears: list[Zone | None] = field(default_factory=list)
    """The zones of each placed piece."""

    def run(self) -> list[Placed]:
        for typical in ROOM_FIXTURES[self.room.type]:
            if self.rng.random() >= typical.chance:
                continue
            anchors = [k for k, p in enumerate(self.placed) if p.key == typical.near]
            if typical.near and not anchors:
                continue
            low, high = typical.count
            for number in range(int(self.rng.integers(low, high + 1))):
                if not self._place(typical, anchors, number):
                    break
        return self.placed

    def _place(self, typical: Typical, anchors: list[int], number: int) -> bool:
        fixture = FIXTURES[typical.name](self.rng)
        if fixture.on == "counter":
            return self._on_counter(typical.name, fixture)
        for spot, host in self._spots(typical, fixture, anchors, number):
            taken = solid(fixture, spot)
            clear = self._clear(typical.name, fixture, spot)
            ignored = None if host is None else self._solids[host]
            granted = None if host is None else self._clears[host]
            piece = Placed(typical.name, fixture, self.room.index, spot)
            fits = self.space.fits(taken, clear, ignored, granted, bool(fixture.moving))
            if fits and self._drivable(piece):
                self._put(piece, taken, clear)
                return True
        return False

    def _drivable(self, piece: Placed) -> bool:
        """Whether a robot still gets through the room, and to what stands in it."""
        pieces = [p for p in (*self.placed, piece) if p.on is None]
        fronts = [front for front in map(front_of, pieces) if front is not None]
        return room_works(self.room, self.doorways, [p.zone.rect for p in pieces], fronts)

    def _put(self, piece: Placed, taken: Zone, clear: Zone | None) -> None:
        self.space.add(taken, clear)
        self.placed.append(piece)
        self._solids.append(taken)
        self._clears.append(clear)

    def _clear(self, name: str, fixture: Fixture, spot: Spot) -> Zone | None:
        """Free space that the piece needs."""
        if name in SEATS or fixture.hung > 0:
            return None
        if not fixture.wall:
            zone = clearance(replace(fixture, clearance=max(FRONT, fixture.clearance)), spot)
            return zone if name != "coffee_table" else None
        return clearance(fixture, spot)

    def _spots(
        self, typical: Typical, fixture: Fixture, anchors: list[int], number: int
    ) -> Iterator[tuple[Spot, int | None]]:
        """Positions in order of preference, each with the piece to which it belongs there."""
        if typical.name in SEATS:
            yield from self._seats(fixture, anchors, number)
        elif typical.name == "coffee_table":
            yield from self._in_front(fixture, anchors)
        elif not fixture.wall:
            yield from self._free(fixture)
        elif fixture.hung > 0:
            yield from self._above(fixture, anchors)
        else:
            gap = 0.004 if typical.name in RUNS else 0.03
            if anchors:
                yield from self._beside(fixture, anchors, gap)
            yield from self._at_walls(typical.name, fixture, gap)

    def _at_walls(self, name: str, fixture: Fixture, gap: float) -> Iterator[tuple[Spot, None]]:
        """Along the walls: kitchen pieces next to others and in corners, the rest anywhere."""
        half, depth = fixture.half
        order: list[Side] = [SIDES[int(k)] for k in self.rng.permutation(4)]
        facing = self._facing_seat() if name == "tv_stand" else None
        if name in RUNS or fixture.half[0] > 0.8:
            order.sort(key=lambda side: -self._length(side))
        if facing is not None:
            order.sort(key=lambda side: side != facing)
        for side in order:
            aside = SWING_ROOM if any(not m.slides for m in fixture.moving) else 0.01
            low, high = self.space.wall_span(side, half + aside)
            if high < low:
                continue
            if name in RUNS:
                for along in self.space.neighbours(side, half, gap):
                    yield self.space.wall_spot(side, along, depth), None
            ends = [low, high]
            if name in RUNS or self.rng.random() < 0.5:
                self.rng.shuffle(ends)
                yield from ((self.space.wall_spot(side, end, depth), None) for end in ends)
            for along in self.rng.uniform(low, high, TRIES // 4):
                yield self.space.wall_spot(side, float(along), depth), None

    def _facing_seat(self) -> Side | None:
        """The wall that people on the sofa look at."""
        for piece in self.placed:
            if piece.key == "sofa":
                return min(SIDES, key=lambda s: math.cos(YAWS[s] - piece.spot.yaw))
        return None

    def _length(self, side: Side) -> float:
        low, high = self.space.wall_span(side, 0.0)
        return high - low

    def _beside(
        self, fixture: Fixture, anchors: list[int], gap: float
    ) -> Iterator[tuple[Spot, None]]:
        """At the same wall, to the left or right of an anchor."""
        half, depth = fixture.half
        for k in anchors:
            anchor = self.placed[k]
            shift = anchor.fixture.half[0] + half + gap
            back = anchor.fixture.half[1] - depth
            signs = [-1, 1] if self.rng.random() < 0.5 else [1, -1]
            for sign in signs:
                x, y = anchor.spot.at(sign * shift, back)
                yield Spot(x, y, anchor.spot.yaw), None

    def _above(self, fixture: Fixture, anchors: list[int]) -> Iterator[tuple[Spot, None]]:
        """On the wall over an anchor."""
        half, depth = fixture.half
        for k in anchors:
            anchor = self.placed[k]
            slack = anchor.fixture.half[0] - half
            shifts = [-slack, slack] if slack < 0 else list(self.rng.uniform(-slack, slack, 4))
            for shift in shifts:
                x, y = anchor.spot.at(float(shift), anchor.fixture.half[1] - depth)
                yield Spot(x, y, anchor.spot.yaw), None

    def _in_front(self, fixture: Fixture, anchors: list[int]) -> Iterator[tuple[Spot, int]]:
        """In front of a seat, far enough for legs."""
        for k in anchors:
            anchor = self.placed[k]
            for gap in (0.42, 0.36, 0.5):
                y = -anchor.fixture.half[1] - gap - fixture.half[1]
                yield Spot(*anchor.spot.at(0.0, y), anchor.spot.yaw), k

    def _free(self, fixture: Fixture) -> Iterator[tuple[Spot, None]]:
        """Away from the walls."""
        floor = self.space.floor
        for _ in range(TRIES):
            yaw = float(self.rng.choice(list(YAWS.values())))
            hx, hy = fixture.half if abs(math.sin(yaw)) < 0.5 else fixture.half[::-1]
            low = (floor.x0 + hx + AROUND, floor.y0 + hy + AROUND)
            high = (floor.x1 - hx - AROUND, floor.y1 - hy - AROUND)
            if high[0] < low[0] or high[1] < low[1]:
                continue
            x, y = (float(v) for v in self.rng.uniform(low, high))
            around = Zone(centred(x, y, hx + AROUND - 0.1, hy + AROUND - 0.1))
            if not any(around.meets(zone) for zone in self.space.solids):
                yield Spot(x, y, yaw), None

    def _seats(
        self, fixture: Fixture, anchors: list[int], number: int
    ) -> Iterator[tuple[Spot, int]]:
        """Around a table or at a desk, facing it. The front of a table stays free, and a drawer."""
        for k in anchors:
            anchor = self.placed[k]
            hx, hy = anchor.fixture.half
            tucked = 0.16 if anchor.fixture.lemma != "island" else -0.02
            if anchor.fixture.wall:
                y = -hy - fixture.half[1] + tucked
                spots = [(x, y, math.pi) for x in (0.0, 0.2, -0.2, 0.3, -0.3)]
                spots = [spot for spot in spots if not self._before_drawer(fixture, anchor, spot)]
            else:
                out = hy + fixture.half[1] - tucked
                end = hx + fixture.half[1] - tucked
                spots = [(-0.3, out, 0.0), (0.3, out, 0.0), (end, 0.0, -math.pi / 2)]
                spots += [(-end, 0.0, math.pi / 2), (0.0, out, 0.0)]
            for x, y, yaw in spots[number:]:
                yield Spot(*anchor.spot.at(x, y), anchor.spot.yaw + yaw), k

    def _before_drawer(
        self, fixture: Fixture, anchor: Placed, spot: tuple[float, float, float]
    ) -> bool:
        """Whether a seat would stand in the way of something that opens."""
        half = fixture.half[0] + 0.02
        return any(
            low < spot[0] + half and spot[0] - half < high
            for moving in anchor.fixture.moving
            for low, high in [_span(moving)]
        )

    def _on_counter(self, name: str, fixture: Fixture) -> bool:
        """At the back of a worktop, if nothing hangs too low over it."""
        for k, anchor in enumerate(self.placed):
            if anchor.key not in ("counter", "island"):
                continue
            hx, hy = anchor.fixture.half
            top = next(top for top in anchor.fixture.tops if top.kind == "counter")
            slack = hx - fixture.half[0] - 0.04
            if slack <= 0:
                continue
            for shift in (slack, -slack, *self.rng.uniform(-slack, slack, 3)):
                x, y = anchor.spot.at(float(shift), hy - fixture.half[1] - 0.04)
                spot = Spot(x, y, anchor.spot.yaw, top.center[2])
                zone = solid(fixture, spot)
                others = (z for z in self.space.solids if z is not self._solids[k])
                if any(zone.meets(other) for other in others):
                    continue
                self._put(Placed(name, fixture, self.room.index, spot, k), zone, None)
                return True
        return False


def _span(moving: Moving) -> tuple[float, float]:
    """Range of x that a moving part takes when closed, in the fixture's frame."""
    boxes = [bounds(part) for part in moving.parts]
    low = min(float(box[0][0]) for box in boxes)
    high = max(float(box[1][0]) for box in boxes)
    return moving.pos[0] + low, moving.pos[0] + high


def furnish(plan: FloorPlan, rng: np.random.Generator) -> list[Placed]:
    """Furniture of all rooms; a piece's ``on`` counts within the returned list."""
    placed: list[Placed] = []
    for room in plan.rooms:
        here = [opening for opening in plan.doorways if room.index in opening.wall.rooms]
        own = _Furnisher(room, here, empty_space(plan, room), rng).run()
        first = len(placed)
        placed += [p if p.on is None else replace(p, on=p.on + first) for p in own]
    return placed


def empty_space(plan: FloorPlan, room: Room) -> Space:
    """The free room with what has to stay free at doorways and windows."""
    here = [opening for opening in plan.doorways if room.index in opening.wall.rooms]
    kept = [Zone(across(opening, WALKWAY + WALL / 2)) for opening in here]
    swings = [
        Zone(swept(opening))
        for opening in here
        if opening.kind == "door" and opening.opens_into == room.index
    ]
    for window in plan.windows:
        if room.index in window.wall.rooms:
            rect = across(window, 0.25)
            kept.append(Zone(rect, window.bottom, window.top))
    return Space(room.floor, [], kept + swings, swings)
