"""The places of a home where objects stand, with what a robot needs to know to use them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from molmospaces_gym.scenes.generator.shapes import Vec3
from molmospaces_gym.scenes.homes.fixture import Top
from molmospaces_gym.scenes.homes.grid import FreeFloor
from molmospaces_gym.scenes.homes.placed import Placed
from molmospaces_gym.scenes.homes.space import front_edge

PEDESTAL = 0.31
"""Half size (m) of the square that a robot on its pedestal needs, turned by 15 degrees."""
STAND_GAP = 0.33
"""Distance (m) of the robot's middle from an edge at which it works."""
STEP = 0.15
"""Distance (m) between the positions tried along an edge."""
WEIGHTS = {"table": 1.0, "counter": 1.0, "shelf": 0.6, "inside": 0.45}
RARE = {"bed": 0.25, "sofa": 0.12, "armchair": 0.2, "toilet": 0.6, "bin": 0.3, "stool": 0.3}
"""Furniture on which less lies than its size suggests."""
GAP = 0.01
"""Distance (m) of what lies in an open drawer from the worktop over it, and the like."""
MAX_TOP = 1.75
"""Tops above this height (m) hold nothing: no robot gets there."""


@dataclass(frozen=True)
class Access:
    """How a robot gets at a board.

    ``fronts`` are the directions (rad, world) in which it finds room, ``overhangs`` how far the
    furniture stands out beyond the board there, and ``stands`` the x of its positions before the
    front, where it can pick and place.
    """

    fronts: tuple[float, ...] = ()
    overhangs: tuple[float, ...] = ()
    stands: tuple[float, ...] = ()


@dataclass(frozen=True)
class Board:
    """One top of one piece of furniture, or what is left of it, in its frame (front at -y)."""

    placed: int
    index: int
    room: int
    lemma: str
    kind: str
    center: Vec3
    half: tuple[float, float]
    headroom: float
    inside: int | None
    access: Access

    @property
    def overhang(self) -> float:
        """How far (m) the furniture stands out before the board where a robot works."""
        return self.access.overhangs[0] if self.access.stands else 0.0

    @property
    def weight(self) -> float:
        """How many objects it draws, relative to others."""
        area = 4 * self.half[0] * self.half[1]
        if min(self.half) < 0.05 or self.center[2] > MAX_TOP:
            return 0.0
        return WEIGHTS[self.kind] * RARE.get(self.lemma, 1.0) * min(area, 0.9)

    def reach_score(self, x: float) -> float:
        """How much space a robot at ``x`` has before it."""
        width = min(self.center[0] + self.half[0], x + 0.5) - max(
            self.center[0] - self.half[0], x - 0.5
        )
        depth = min(2 * self.half[1], 0.62)
        return width * depth


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
            center, half = _usable(piece, top, _standing(placed, k, top.center[2]))
            if min(half) <= 0:
                continue
            access = _access(piece, index, floor)
            boards.append(
                Board(
                    placed=k,
                    index=index,
                    room=piece.room,
                    lemma=piece.key,
                    kind=top.kind,
                    center=center,
                    half=half,
                    headroom=_headroom(placed, k, top.center[2], top.headroom),
                    inside=top.inside,
                    access=access,
                )
            )
    return boards


def _usable(
    piece: Placed, top: Top, standing: Sequence[tuple[float, float]]
) -> tuple[Vec3, tuple[float, float]]:
    """Middle and half sizes of what can be used of a top.

    Of a drawer that is what comes out from under the worktop; of a worktop on which something
    stands it is the larger side beside it.
    """
    (x, y, z), (hx, hy) = top.center, top.half
    left, right, low, high = x - hx, x + hx, y - hy, y + hy
    if top.inside is not None and piece.fixture.moving[top.inside].slides:
        high = min(high, piece.fixture.moving[top.inside].travel - piece.fixture.half[1] - GAP)
    for start, end in standing:
        if start - left > right - end:
            right = min(right, start - GAP)
        else:
            left = max(left, end + GAP)
    return ((left + right) / 2, (low + high) / 2, z), ((right - left) / 2, (high - low) / 2)


def _standing(placed: Sequence[Placed], k: int, height: float) -> list[tuple[float, float]]:
    """Ranges of x (frame of piece ``k``) that furniture on its top takes."""
    found = []
    base = placed[k].spot
    for other in placed:
        if other.on == k and abs(other.spot.z - base.z - height) < 1e-6:
            dx, dy = other.spot.x - base.x, other.spot.y - base.y
            x = math.cos(base.yaw) * dx + math.sin(base.yaw) * dy
            found.append((x - other.fixture.half[0], x + other.fixture.half[0]))
    return found


def _headroom(placed: Sequence[Placed], k: int, height: float, own: float) -> float:
    """Free height over a top, with what hangs above it."""
    base = placed[k]
    if math.isfinite(own):
        return own
    above = [
        other.fixture.hung - base.spot.z - height
        for other in placed
        if other.fixture.hung > 0 and other.zone.rect.overlaps(base.zone.rect)
    ]
    return min(above, default=math.inf)


_OUTWARD = ((0, -1), (1, 0), (0, 1), (-1, 0))
"""Front, right, back and left of a piece."""


def _access(piece: Placed, index: int, floor: FreeFloor) -> Access:
    """World directions with room for a robot, and its positions along the front edge."""
    top = piece.fixture.tops[index]
    if top.inside is not None or piece.fixture.hung > 0:
        return Access()
    (cx, cy, _), (hx, hy) = top.center, top.half
    half_x, half_y = piece.fixture.half
    edges = (-front_edge(piece.fixture), half_x, half_y, half_x)
    tops = (hy - cy, hx + cx, hy + cy, hx - cx)
    fronts: list[float] = []
    overhangs: list[float] = []
    stands: tuple[float, ...] = ()
    for side, (dx, dy) in enumerate(_OUTWARD):
        if piece.fixture.wall and side == 2:
            continue
        count = int(max(0.0, (hy if dx else hx) - 0.15) / STEP)
        reach = edges[side] + STAND_GAP
        free = []
        for n in range(-count, count + 1):
            x, y = (dx * reach, cy + n * STEP) if dx else (cx + n * STEP, dy * reach)
            if floor.square_free(*piece.spot.at(x, y), PEDESTAL):
                free.append(y if dx else x)
        if not free:
            continue
        fronts.append(math.remainder(math.atan2(dy, dx) + piece.spot.yaw, 2 * math.pi))
        overhangs.append(edges[side] - tops[side])
        if side == 0 and _suits_work(piece, top):
            stands = tuple(free)
    return Access(tuple(fronts), tuple(overhangs), stands)


def _suits_work(piece: Placed, top: Top) -> bool:
    """Whether a robot at the front can pick and place on this top."""
    height = piece.spot.z + top.center[2]
    return top.kind in ("table", "counter") and piece.key not in RARE and height >= 0.4
