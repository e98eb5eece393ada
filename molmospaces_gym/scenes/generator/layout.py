"""Where the furniture of a room stands.

A room is planned in its own frame: origin in the middle of the floor, kitchen counter along the
+y wall. ``RoomPlan`` then turns it by a multiple of 90 degrees and moves its corner to (0, 0).
Lengths in m, angles in rad.
"""

import math
from dataclasses import dataclass

import numpy as np

from molmospaces_gym.errors import InvalidConfig

FREE_DEPTH = 1.0
"""Free floor (m) in front of a side from which a robot can reach a surface."""

_GAP = FREE_DEPTH + 0.05
COUNTER_DEPTH = 0.62


@dataclass(frozen=True)
class HouseConfig:
    """What a generated house holds. ``room_size`` is the range of a side in m."""

    num_objects: int = 20
    num_cabinets: int = 6
    room_size: tuple[float, float] = (4.2, 5.8)
    reachable_objects: int = 7
    """Objects that stand together within the reach of one robot position."""
    finger_clearance: float = 0.045
    """Free space (m) between the bounding circles of neighbours."""

    def __post_init__(self) -> None:
        low, high = self.room_size
        if not 0 <= self.num_objects <= 60:
            raise InvalidConfig(f"num_objects is 0..60, not {self.num_objects}")
        if not 0 <= self.num_cabinets <= 8:
            raise InvalidConfig(f"num_cabinets is 0..8, not {self.num_cabinets}")
        if not 4.2 <= low <= high <= 12.0:
            raise InvalidConfig(f"room_size is a range within 4.2..12 m, not {self.room_size}")
        if not 0.0 <= self.finger_clearance <= 0.2:
            raise InvalidConfig(f"finger_clearance is 0..0.2 m, not {self.finger_clearance}")


@dataclass(frozen=True)
class Piece:
    """One piece of furniture with a usable top, in the frame of the room plan.

    Seen from its own frame a piece has its front at -y; ``half`` are the half sizes of its top
    along its own x and y, ``yaw`` is 0, 90, 180 or 270 degrees.
    """

    lemma: str
    kind: str
    x: float
    y: float
    yaw: float
    half: tuple[float, float]
    height: float

    @property
    def extent(self) -> tuple[float, float]:
        """Half sizes along the plan's x and y."""
        turned = abs(math.sin(self.yaw)) > 0.5
        return (self.half[1], self.half[0]) if turned else self.half


@dataclass(frozen=True)
class RoomPlan:
    """A planned room. ``size`` is its extent in x and y in the plan's frame."""

    size: tuple[float, float]
    quarter: int
    """Number of 90 degree turns from the plan to the world."""
    pieces: tuple[Piece, ...]

    @property
    def yaw(self) -> float:
        """Rotation from the plan to the world."""
        return self.quarter * math.pi / 2

    @property
    def world_size(self) -> tuple[float, float]:
        """Extent of the room along the world's x and y."""
        return self.size[::-1] if self.quarter % 2 else self.size

    def to_world(self, x: float, y: float) -> tuple[float, float]:
        """A point of the plan in the world."""
        c, s = ((1, 0), (0, 1), (-1, 0), (0, -1))[self.quarter % 4]
        width, depth = self.world_size
        return (c * x - s * y + width / 2, s * x + c * y + depth / 2)

    def fronts(self, piece: Piece) -> tuple[float, ...]:
        """World yaws of the outward directions with ``FREE_DEPTH`` of free floor."""
        found = []
        for side in range(4):
            direction = piece.yaw - math.pi / 2 + side * math.pi / 2
            if self._is_free(piece, direction):
                found.append(_wrap(direction + self.yaw))
        return tuple(found)

    def _is_free(self, piece: Piece, direction: float) -> bool:
        dx, dy = round(math.cos(direction)), round(math.sin(direction))
        hx, hy = piece.extent
        half = FREE_DEPTH / 2
        cx, cy = piece.x + dx * (hx + half), piece.y + dy * (hy + half)
        ex, ey = (half, hy) if dx else (hx, half)
        if abs(cx) + ex > self.size[0] / 2 + 1e-9 or abs(cy) + ey > self.size[1] / 2 + 1e-9:
            return False
        return not any(
            abs(cx - other.x) < ex + other.extent[0] - 1e-9
            and abs(cy - other.y) < ey + other.extent[1] - 1e-9
            for other in self.pieces
            if other is not piece
        )


def plan_room(rng: np.random.Generator, config: HouseConfig) -> RoomPlan:
    """Draw a room: counter, main table, shelf, low table and, where there is space, a desk."""
    width, depth = (float(rng.uniform(*config.room_size)) for _ in range(2))
    right, back = width / 2, depth / 2
    counter = _counter(rng, config.num_cabinets, width, depth)
    half_shelf = (float(rng.uniform(0.40, 0.60)), float(rng.uniform(0.16, 0.20)))
    shelf_x = float(rng.uniform(-right + half_shelf[0] + 0.1, right - half_shelf[0] - 1.3))
    shelf = Piece(
        "shelf",
        "shelf",
        shelf_x,
        -back + half_shelf[1],
        math.pi,
        half_shelf,
        float(rng.uniform(0.60, 0.95)),
    )
    # between the counter's and the shelf's free floor; nothing else may stand outside this band
    low_y = -back + 2 * half_shelf[1] + _GAP
    high_y = back - COUNTER_DEPTH - _GAP
    side = _wall_piece(rng, "side_table", (0.30, 0.45), (0.22, 0.29), (0.38, 0.55))
    side = _against(rng, side, -right, (low_y, high_y))
    west, east = -right + 2 * side.half[1] + _GAP, right - 0.15
    pieces = [counter, shelf, side]
    if width >= 5.2:
        desk = _wall_piece(rng, "desk", (0.42, 0.53), (0.27, 0.31), (0.60, 0.74))
        desk = _against(rng, desk, right, (low_y, high_y))
        pieces.append(desk)
        east = right - 2 * desk.half[1] - _GAP
    hx = float(rng.uniform(0.50, min(0.75, (east - west) / 2)))
    hy = float(rng.uniform(0.32, min(0.42, (high_y - low_y) / 2)))
    x = float(rng.uniform(west + hx, min(east - hx, west + hx + 1.2)))
    y = float(rng.uniform(low_y + hy, high_y - hy))
    yaw = math.pi * int(rng.integers(2))
    table = Piece("dining_table", "table", x, y, yaw, (hx, hy), float(rng.uniform(0.70, 0.78)))
    return RoomPlan((width, depth), int(rng.integers(4)), (table, *pieces))


def _counter(rng: np.random.Generator, units: int, width: float, depth: float) -> Piece:
    unit = float(rng.uniform(0.45, 0.60))
    length = min(units * unit, width - 0.4) if units else 1.6
    slack = width - 0.2 - length
    x = float(rng.uniform(-slack / 2, slack / 2))
    half = (length / 2, COUNTER_DEPTH / 2)
    height = float(rng.uniform(0.86, 0.94))
    return Piece("counter", "counter", x, depth / 2 - half[1], 0.0, half, height)


def _wall_piece(
    rng: np.random.Generator,
    lemma: str,
    width: tuple[float, float],
    depth: tuple[float, float],
    height: tuple[float, float],
) -> Piece:
    half = (float(rng.uniform(*width)), float(rng.uniform(*depth)))
    return Piece(lemma, "table", 0.0, 0.0, 0.0, half, float(rng.uniform(*height)))


def _against(
    rng: np.random.Generator, piece: Piece, wall_x: float, band: tuple[float, float]
) -> Piece:
    """Stand a piece with its back to the wall at x = ``wall_x``, inside ``band`` of y."""
    sign = 1.0 if wall_x < 0 else -1.0
    y = float(rng.uniform(band[0] + piece.half[0], band[1] - piece.half[0]))
    x = wall_x + sign * piece.half[1]
    return Piece(piece.lemma, piece.kind, x, y, sign * math.pi / 2, piece.half, piece.height)


def _wrap(angle: float) -> float:
    """Angle in (-pi, pi]."""
    wrapped = math.remainder(angle, 2 * math.pi)
    return math.pi if wrapped <= -math.pi + 1e-9 else wrapped
