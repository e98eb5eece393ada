"""A kitchen counter made of base cabinets with drawers and doors that open.

Lengths in m. Each unit is one static top-level body with a moving child body; the joint is at 0
when closed and positive when open, as the official opening tasks expect.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from molmospaces_gym.scenes.generator.furniture import FINISH, board
from molmospaces_gym.scenes.generator.layout import Piece
from molmospaces_gym.scenes.generator.meshes import tube
from molmospaces_gym.scenes.generator.shapes import GREY, Part, Quat, Vec3, axis_quat, rod

PLINTH = 0.1
SLAB = 0.04
PANEL = 0.018
SLOT = 0.003
"""Gap between a front and what is beside it, so that nothing moving touches its frame."""
UPRIGHT: Quat = (0.5, 0.5, -0.5, 0.5)
"""Takes x to z and z to -y: how a handle stands on a door."""
DRAWER_HEIGHT = 0.22
DRAWER_TRAVEL = 0.38
DOOR_TRAVEL = 1.6
"""Joint ranges: drawers slide in m, doors swing in rad."""


@dataclass(frozen=True)
class Unit:
    """One cabinet in the counter's frame.

    ``pos`` is the origin of the moving body: the middle of a drawer's front, or the hinge of a
    door at mid height. ``fixed`` parts are in the counter's frame, ``moving`` ones in their own.
    """

    kind: Literal["drawer", "cabinet"]
    index: int
    fixed: tuple[Part, ...]
    moving: tuple[Part, ...]
    pos: Vec3
    axis: Vec3
    travel: float
    mass: float


def counter_frame(piece: Piece, units: int) -> list[Part]:
    """What does not move and belongs to no unit: slab, plinth, back and upright panels."""
    (hx, hy), height = piece.half, piece.height
    under = height - SLAB
    front = -hy + 0.03 + PANEL + SLOT
    slab = board((-hx, -hy, under), (hx, hy, height), FINISH.stone)
    splash = board((-hx, hy - 0.012, height), (hx, hy, height + 0.12), FINISH.stone)
    plinth = board((-hx, -hy + 0.09, 0), (hx, hy, PLINTH), FINISH.dark)
    back = board((-hx, hy - 0.02, PLINTH), (hx, hy - 0.008, under), FINISH.front)
    panels = []
    for k in range(max(units, 1) + 1):
        x = -hx + PANEL / 2 + k * (2 * hx - PANEL) / max(units, 1)
        low, high = (x - PANEL / 2, front, PLINTH), (x + PANEL / 2, hy - 0.02, under)
        panels.append(board(low, high, FINISH.front))
    return [slab, splash, plinth, back, *panels]


def counter_units(piece: Piece, count: int, rng: np.random.Generator) -> list[Unit]:
    """The units from left to right, drawers and doors in turn."""
    (hx, hy), height = piece.half, piece.height
    pitch = (2 * hx - PANEL) / max(count, 1)
    first = int(rng.integers(2))
    units = []
    for k in range(count):
        x = -hx + PANEL / 2 + (k + 0.5) * pitch
        low, high = PLINTH + SLOT, height - SLAB - SLOT
        half = pitch / 2 - SLOT / 2
        face = -hy + 0.03
        if (k + first) % 2 == 0:
            units.append(_drawer(k, x, half, face, hy, low, high))
        else:
            units.append(_door(k, x, half, face, hy, low, high, int(rng.integers(2)) * 2 - 1))
    return units


def _handle(middle: Vec3, along: Literal["x", "z"]) -> list[Part]:
    """Bar handle in front of ``middle``: a capsule to hold and the bent bar that is seen."""
    reach, half, radius = 0.034, 0.064, 0.0055
    x, y, z = middle
    bar = y - reach
    if along == "x":
        grip = rod("capsule", (x - half, bar, z), (x + half, bar, z), radius, GREY, "hull")
    else:
        grip = rod("capsule", (x, bar, z - half), (x, bar, z + half), radius, GREY, "hull")
    path = [(-half, 0.0, 0.0), (-half, 0.0, reach), (half, 0.0, reach), (half, 0.0, 0.0)]
    seen = tube(path, radius, (0.75, 0.76, 0.78, 1.0), sides=4)
    # the tube lies in x-z with z outwards; turn z to -y, and for upright bars x to z
    out: Quat = axis_quat((0, -1, 0))
    if along == "z":
        out = UPRIGHT
    return [grip, replace(seen, pos=middle, quat=out, material=FINISH.metal)]


def drawer_box(half: float, tall: float, depth: float) -> tuple[Part, ...]:
    """Front of half width ``half`` and height ``tall``, and behind it a box to put things in.

    The frame's origin is in the middle of the front's face; ``depth`` is measured from there.
    """
    side, low, high = half - PANEL, -tall / 2 + 0.03, tall / 2 - 0.05
    front = board((-half, 0, -tall / 2), (half, PANEL, tall / 2), FINISH.front)
    floor = board((-side, PANEL, low - 0.01), (side, depth, low), FINISH.wood)
    left = board((-side, PANEL, low), (-side + 0.012, depth, high), FINISH.wood)
    right = board((side - 0.012, PANEL, low), (side, depth, high), FINISH.wood)
    rear = board((-side + 0.012, depth - 0.012, low), (side - 0.012, depth, high), FINISH.wood)
    return (front, floor, left, right, rear)


def _drawer(k: int, x: float, half: float, face: float, hy: float, low: float, high: float) -> Unit:
    """Drawer at the top of a unit above a fixed panel."""
    bottom = high - DRAWER_HEIGHT
    panel = board((x - half, face, low), (x + half, face + PANEL, bottom - SLOT), FINISH.front)
    box = drawer_box(half, DRAWER_HEIGHT, min(0.48, 2 * hy - 0.12))
    moving = (*box, *_handle((0, 0, 0.02), "x"))
    pos = (x, face, (bottom + high) / 2)
    return Unit("drawer", k, (panel,), moving, pos, (0, -1, 0), DRAWER_TRAVEL, 2.0)


def _door(
    k: int, x: float, half: float, face: float, hy: float, low: float, high: float, hinge: int
) -> Unit:
    """Door with its hinge at the left (-1) or right (+1) edge, above a shelf board."""
    shelf = board(
        (x - half + PANEL / 2, face + 0.06, (low + high) / 2 - 0.008),
        (x + half - PANEL / 2, hy - 0.02, (low + high) / 2 + 0.008),
        FINISH.wood,
    )
    tall = (high - low) / 2
    span = sorted((0.0, -hinge * 2 * half))
    leaf = board((span[0], 0, -tall), (span[1], PANEL, tall), FINISH.front)
    grip = (-hinge * (2 * half - 0.045), 0.0, tall - 0.12)
    pos = (x + hinge * half, face, (low + high) / 2)
    moving = (leaf, *_handle(grip, "z"))
    return Unit("cabinet", k, (shelf,), moving, pos, (0, 0, hinge), DOOR_TRAVEL, 3.0)
