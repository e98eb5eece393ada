"""Walls, floors, windows and lights of a home.

What is touched and what is seen are different geoms: a window or a lintel costs no contact test,
and one collider reaches from doorway to doorway across as many rooms as it likes. Lengths in m.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from molmospaces_gym.scenes.generator.furniture import board
from molmospaces_gym.scenes.generator.mjcf import element
from molmospaces_gym.scenes.generator.shapes import GREY, Part, box
from molmospaces_gym.scenes.homes.finish import room_material
from molmospaces_gym.scenes.homes.plan import WALL, WALL_HEIGHT, FloorPlan, Opening, Room, Wall
from molmospaces_gym.scenes.homes.rect import Rect
from molmospaces_gym.scenes.homes.space import Zone

FRAME = 0.05
"""Width of the visible frames of windows and passages."""
WINDOW_DEPTH = 0.06
"""Half depth of a window's frame, which stands a little out of its wall."""
SLAB = 0.02
"""Thickness of visible floors and ceilings."""


@dataclass(frozen=True)
class Barrier:
    """A solid piece of wall: it keeps things in; ``room`` is the first room beside it."""

    room: int
    rooms: tuple[int, ...]
    part: Part


def barriers(plan: FloorPlan) -> list[Barrier]:
    """Colliders of all walls. Windows are closed, doorways free over their whole height."""
    lines: dict[tuple[bool, float], list[Wall]] = {}
    for wall in plan.walls:
        lines.setdefault((wall.vertical, wall.at), []).append(wall)
    found = []
    for (vertical, at), walls in lines.items():
        pieces = [(w.low, w.high, w) for w in walls]
        for opening in plan.doorways:
            if (opening.wall.vertical, opening.wall.at) == (vertical, at):
                pieces = [cut for piece in pieces for cut in _without(piece, opening)]
        for group in _joined(pieces):
            low, high = group[0][0], group[-1][1]
            rooms = sorted({r for _, _, w in group for r in w.rooms if r is not None})
            ends = [
                0.0 if _at_doorway(plan, vertical, at, end) else WALL / 2 for end in (low, high)
            ]
            rect = _strip(vertical, at, low - ends[0], high + ends[1], WALL / 2)
            found.append(Barrier(rooms[0], tuple(rooms), _block(rect, 0.0, WALL_HEIGHT)))
    return found


def _without(piece: tuple[float, float, Wall], hole: Opening) -> list[tuple[float, float, Wall]]:
    low, high, wall = piece
    if hole.high <= low or hole.low >= high:
        return [piece]
    parts = [(low, min(high, hole.low), wall), (max(low, hole.high), high, wall)]
    return [part for part in parts if part[1] - part[0] > 1e-6]


def _joined(
    pieces: list[tuple[float, float, Wall]],
) -> list[list[tuple[float, float, Wall]]]:
    groups: list[list[tuple[float, float, Wall]]] = []
    for piece in sorted(pieces, key=lambda piece: piece[0]):
        if groups and abs(groups[-1][-1][1] - piece[0]) < 1e-6:
            groups[-1].append(piece)
        else:
            groups.append([piece])
    return groups


def _at_doorway(plan: FloorPlan, vertical: bool, at: float, end: float) -> bool:
    return any(
        (o.wall.vertical, o.wall.at) == (vertical, at) and end in (o.low, o.high)
        for o in plan.doorways
    )


def _strip(vertical: bool, at: float, low: float, high: float, half: float) -> Rect:
    if vertical:
        return Rect(at - half, low, at + half, high)
    return Rect(low, at - half, high, at + half)


def _block(rect: Rect, bottom: float, top: float) -> Part:
    (x, y), (w, d) = rect.middle, rect.size
    half = (w / 2, d / 2, (top - bottom) / 2)
    return box(half, (x, y, (bottom + top) / 2), GREY, "hull")


def wall_panels(plan: FloorPlan, room: Room) -> list[Part]:
    """What is seen of the walls of one room: its own half of each, and the outer half outside."""
    parts: list[Part] = []
    for wall in plan.walls:
        if room.index not in wall.rooms:
            continue
        holes = sorted(
            (o for o in (*plan.doorways, *plan.windows) if o.wall == wall),
            key=lambda o: o.low,
        )
        lower = wall.rooms[0] == room.index
        material = room_material("wall", room.index)
        parts += _panel(plan, wall, holes, -1 if lower else 1, material)
        if wall.outer:
            parts += _panel(plan, wall, holes, 1 if lower else -1, "facade")
        for hole in holes:
            if hole.kind == "passage" and lower:
                parts += _lining(hole)
    return parts


def _panel(
    plan: FloorPlan, wall: Wall, holes: Sequence[Opening], side: int, material: str
) -> list[Part]:
    """Half of a wall with its holes cut out; ``side`` -1 is the half towards lower coordinates."""
    start, end = (
        wall.low + _fill(plan, wall, wall.low, side),
        wall.high - _fill(plan, wall, wall.high, side),
    )
    spans: list[tuple[float, float, float, float]] = []
    at = start
    for hole in holes:
        spans.append((at, hole.low, 0.0, WALL_HEIGHT))
        spans.append((hole.low, hole.high, hole.top, WALL_HEIGHT))
        if hole.bottom > 0:
            spans.append((hole.low, hole.high, 0.0, hole.bottom))
        at = hole.high
    spans.append((at, end, 0.0, WALL_HEIGHT))
    middle = wall.at + side * WALL / 4
    return [
        replace(
            _block(_strip(wall.vertical, middle, low, high, WALL / 4), bottom, top),
            role="visual",
            material=material,
        )
        for low, high, bottom, top in spans
        if high - low > 1e-6
    ]


def _fill(plan: FloorPlan, wall: Wall, end: float, side: int) -> float:
    """How much (m) shorter a half is at one end: negative where it reaches around a corner."""
    x, y = wall.at + side * WALL, end
    step = WALL if end == wall.low else -WALL
    probes = [(x, y + step), (x, y - step)]
    if not wall.vertical:
        probes = [(b, a) for a, b in probes]
    inner, beyond = (_room(plan, *probe) for probe in probes)
    if inner is not None:
        # one of the two walls of an inner corner fills it
        return WALL / 2 if beyond != inner and not wall.vertical else 0.0
    return -WALL / 2 if beyond is None else 0.0


def _room(plan: FloorPlan, x: float, y: float) -> int | None:
    return next((room.index for room in plan.rooms if room.area.contains(x, y)), None)


def window_parts(hole: Opening) -> list[Part]:
    """Frame and two panes of a window, in the world."""
    at, vertical = hole.wall.at, hole.wall.vertical
    low, high, bottom, top = hole.low, hole.high, hole.bottom, hole.top
    middle = (low + high) / 2
    pieces = [
        (low, high, bottom, bottom + FRAME, WINDOW_DEPTH),
        (low, high, top - FRAME, top, 0.055),
        (low, low + FRAME, bottom + FRAME, top - FRAME, 0.055),
        (high - FRAME, high, bottom + FRAME, top - FRAME, 0.055),
        (middle - FRAME / 2, middle + FRAME / 2, bottom + FRAME, top - FRAME, 0.03),
    ]
    parts = [
        replace(_block(_strip(vertical, at, a, b, half), z0, z1), role="visual", material="trim")
        for a, b, z0, z1, half in pieces
    ]
    pane = _block(
        _strip(vertical, at, low + FRAME, high - FRAME, 0.01), bottom + FRAME, top - FRAME
    )
    return [*parts, replace(pane, role="visual", material="pane")]


def _lining(hole: Opening) -> list[Part]:
    """Frame around a passage without a door."""
    half = WALL / 2 + 0.012
    pieces = [
        (hole.low, hole.low + 0.02, 0.0, hole.top),
        (hole.high - 0.02, hole.high, 0.0, hole.top),
        (hole.low + 0.02, hole.high - 0.02, hole.top - 0.02, hole.top),
    ]
    return [
        replace(
            _block(_strip(hole.wall.vertical, hole.wall.at, a, b, half), z0, z1),
            role="visual",
            material="trim",
        )
        for a, b, z0, z1 in pieces
    ]


def floor_panel(room: Room) -> Part:
    """The visible floor of a room, up to the middle of its walls."""
    slab = _block(room.area, -SLAB, 0.0)
    return replace(slab, role="visual", material=room_material("floor", room.index))


def ceiling_panel(floor: Rect) -> Part:
    """The visible ceiling over the floor of a room."""
    slab = _block(floor.grown(WALL / 2), WALL_HEIGHT, WALL_HEIGHT + SLAB)
    return replace(slab, role="visual", material="trim")


def lights(plan: FloorPlan) -> list[str]:
    """One lamp under the ceiling of each room and a sun-like fill light without shadows."""
    x, y = plan.outline.middle
    sun = element(
        "light", name="sun", pos=(x, y, 4.0), dir=(0.3, 0.2, -1.0), directional=True,
        diffuse=(0.24, 0.24, 0.23), specular=(0.05, 0.05, 0.05), castshadow=False,
    )  # fmt: skip
    lamps = []
    for room in plan.rooms:
        u, v = room.area.middle
        reach = float(np.hypot(*room.area.size)) / 2
        lamps.append(
            element(
                "light",
                name=f"lamp_{room.index}",
                pos=(u, v, 2.5),
                dir=(0.0, 0.0, -1.0),
                diffuse=(0.34, 0.33, 0.31),
                specular=(0.08, 0.08, 0.08),
                castshadow=False,
                cutoff=80.0,
                exponent=1.0,
                attenuation=(1.0, 0.0, round(1.2 / reach**2, 4)),
            )  # fmt: skip
        )
    return [sun, *lamps]


def rug(rect: Rect, room: int) -> Part:
    """A rug on the floor: seen, not touched."""
    low, high = (rect.x0, rect.y0, 0.0), (rect.x1, rect.y1, 0.006)
    return board(low, high, room_material("rug", room), "visual")


def decoration(
    plan: FloorPlan, room: Room, taken: Sequence[Zone], rng: np.random.Generator
) -> list[Part]:
    """Pictures on walls and a rug, where there is space between what ``taken`` takes."""
    parts: list[Part] = []
    if room.type in ("living_room", "bedroom", "dining_room", "office") and rng.random() < 0.7:
        (x, y), (w, d) = room.floor.middle, room.floor.size
        share = float(rng.uniform(0.2, 0.28))
        parts.append(
            rug(Rect(x - share * w, y - share * d, x + share * w, y + share * d), room.index)
        )
    for wall in plan.walls:
        holes = [o for o in (*plan.doorways, *plan.windows) if o.wall == wall]
        if room.index not in wall.rooms or holes or wall.high - wall.low < 1.2:
            continue
        if rng.random() < 0.4:
            at, half = float(rng.uniform(wall.low + 0.5, wall.high - 0.5)), rng.uniform(0.22, 0.35)
            space = Zone(_strip(wall.vertical, wall.at, at - half, at + half, 0.2), 1.3, 1.85)
            if not any(space.meets(zone) for zone in taken):
                parts += _picture(wall, room, at, float(half))
    return parts


def _picture(wall: Wall, room: Room, at: float, half: float) -> list[Part]:
    side = -1 if wall.rooms[0] == room.index else 1
    face = wall.at + side * WALL / 2
    parts = []
    for thick, inset, material in ((0.02, 0.0, "trim"), (0.025, 0.04, "picture")):
        strip = _strip(
            wall.vertical, face + side * thick / 2, at - half + inset, at + half - inset, thick / 2
        )
        block = _block(strip, 1.3 + inset, 1.3 + 1.5 * half - inset)
        name = room_material(material, room.index)
        parts.append(replace(block, role="visual", material=name))
    return parts
