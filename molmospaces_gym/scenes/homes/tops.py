"""The places of a home where objects stand, with what a robot needs to know to use them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from molmospaces_gym.scenes.generator.shapes import Vec3
from molmospaces_gym.scenes.homes.floor import FreeFloor
from molmospaces_gym.scenes.homes.furnish import Placed

PEDESTAL = 0.31
"""Half size (m) of the square that a robot on its pedestal needs, turned by 15 degrees."""
STAND_GAP = 0.33
"""Distance (m) of the robot's middle from an edge at which it works."""
STEP = 0.15
"""Distance (m) between the positions tried along an edge."""
WEIGHTS = {"table": 1.0, "counter": 1.0, "shelf": 0.6, "inside": 0.45}
RARE = {"bed": 0.25, "sofa": 0.12, "armchair": 0.2, "toilet": 0.6, "bin": 0.3, "stool": 0.3}
"""Furniture on which less lies than its size suggests."""
MAX_TOP = 1.75
"""Tops above this height (m) hold nothing: no robot gets there."""


@dataclass(frozen=True)
class Board:
    """One top of one piece of furniture, in the furniture's frame (front at -y).

    ``blocked`` are rectangles that something else takes, ``stands`` the x of robot positions
    before its front edge and ``fronts`` the directions (rad, world) in which a robot finds room.
    """

    placed: int
    index: int
    room: int
    lemma: str
    kind: str
    center: Vec3
    half: tuple[float, float]
    headroom: float
    inside: int | None
    blocked: tuple[tuple[tuple[float, float], tuple[float, float]], ...]
    stands: tuple[float, ...]
    fronts: tuple[float, ...]

    @property
    def weight(self) -> float:
        """How many objects it draws, relative to others."""
        area = 4 * self.half[0] * self.half[1]
        if min(self.half) < 0.05 or self.center[2] > MAX_TOP:
            return 0.0
        return WEIGHTS[self.kind] * RARE.get(self.lemma, 1.0) * min(area, 0.9)

    def reach_score(self, x: float) -> float:
        """How much space a robot at ``x`` has before it."""
        width = min(self.center[0] + self.half[0], x + 0.5) - max(self.center[0] - self.half[0], x - 0.5)
        depth = min(2 * self.half[1], 0.62)
        taken = sum(
            max(0.0, min(high[0], x + 0.5) - max(low[0], x - 0.5))
            * max(0.0, min(high[1], self.center[1] - self.half[1] + 0.4) - low[1])
            for low, high in self.blocked
        )
        return width * depth - taken


def find_boards(placed: Sequence[Placed], floor: FreeFloor, openable: set[int]) -> list[Board]:
    """All tops of the furniture; inside ones only where their part may move.

    Args:
        placed: the furniture.
        floor: free floor of the home.
        openable: numbers of the pieces whose moving parts move.
    """
    boards = []
    for k, piece in enumerate(placed):
        for index, top in enumerate(piece.fixture.tops):
            if top.inside is not None and k not in openable:
                continue
            blocked = _blocked(placed, k, top.center[2])
            fronts, stands = _fronts(piece, index, floor) if top.inside is None else ((), ())
            boards.append(
                Board(
                    placed=k,
                    index=index,
                    room=piece.room,
                    lemma=piece.key,
                    kind=top.kind,
                    center=(top.center[0], top.center[1], top.center[2]),
                    half=top.half,
                    headroom=_headroom(placed, k, top.center[2], top.headroom),
                    inside=top.inside,
                    blocked=blocked,
                    stands=stands if top.kind in ("table", "counter") else (),
                    fronts=fronts,
                )
            )
    return boards


def _blocked(
    placed: Sequence[Placed], k: int, height: float
) -> tuple[tuple[tuple[float, float], tuple[float, float]], ...]:
    """What stands on a piece, in its frame, with the space in front of its door."""
    rects = []
    base = placed[k].spot
    for other in placed:
        if other.on != k or abs(other.spot.z - base.z - height) > 1e-6:
            continue
        dx, dy = other.spot.x - base.x, other.spot.y - base.y
        c, s = math.cos(base.yaw), math.sin(base.yaw)
        x, y = c * dx + s * dy, c * dy - s * dx
        hx, hy = other.fixture.half
        rects.append(((x - hx, y - hy - 0.06), (x + hx, y + hy)))
    return tuple(rects)


def _headroom(placed: Sequence[Placed], k: int, height: float, own: float) -> float:
    """Free height over a top, with what hangs above it."""
    base = placed[k]
    if math.isfinite(own):
        return own
    above = [
        other.fixture.hung - height
        for other in placed
        if other.fixture.hung > 0 and other.zone.rect.overlaps(base.zone.rect)
    ]
    return min(above, default=math.inf)


def _fronts(
    piece: Placed, index: int, floor: FreeFloor
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """World directions with room for a robot, and its positions along the front edge."""
    top = piece.fixture.tops[index]
    (cx, cy, _), (hx, hy) = top.center, top.half
    fronts: list[float] = []
    stands: list[float] = []
    # the robot stands before the furniture, which may reach further out than the top
    reach_x, reach_y = piece.fixture.half
    for side in range(4):
        out = (0.0, -1.0) if side == 0 else (1.0, 0.0) if side == 1 else (0.0, 1.0) if side == 2 else (-1.0, 0.0)
        if (piece.fixture.wall and side == 2) or piece.fixture.hung > 0:
            continue
        along = hx if out[1] else hy
        count = int(max(0.0, along - 0.15) / STEP)
        free = []
        for n in range(-count, count + 1):
            if out[1]:
                x, y = cx + n * STEP, out[1] * (reach_y + STAND_GAP)
            else:
                x, y = out[0] * (reach_x + STAND_GAP), cy + n * STEP
            if floor.square_free(*piece.spot.at(x, y), PEDESTAL):
                free.append(x if out[1] else y)
        if not free:
            continue
        yaw = math.atan2(out[1], out[0]) + piece.spot.yaw
        fronts.append(math.remainder(yaw, 2 * math.pi))
        if side == 0 and piece.spot.z + top.center[2] >= 0.4:
            stands = free
    return tuple(fronts), tuple(stands)
