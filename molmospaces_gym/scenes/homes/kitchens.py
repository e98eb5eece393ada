"""Kitchens and bathrooms: counter runs, islands, sinks and wall cabinets."""

from collections.abc import Callable

import numpy as np

from molmospaces_gym.scenes.generator.furniture import FINISH, board
from molmospaces_gym.scenes.generator.kitchen import PANEL, PLINTH, SLAB, SLOT, counter_frame
from molmospaces_gym.scenes.generator.layout import COUNTER_DEPTH, Piece
from molmospaces_gym.scenes.generator.shapes import Part, Rgba, rod
from molmospaces_gym.scenes.homes.fixture import Fixture
from molmospaces_gym.scenes.homes.parts import (
    Build,
    Side,
    between,
    block,
    carcass,
    either_side,
    gap,
    metal,
)

Sides = tuple[float, float]
STEEL: Rgba = (0.72, 0.73, 0.75, 1.0)
PORCELAIN: Rgba = (0.95, 0.95, 0.94, 1.0)


def kitchen_counter(rng: np.random.Generator) -> Fixture:
    """A run of two to four base cabinets."""
    return counter(rng, int(rng.integers(2, 5)))


def counter(rng: np.random.Generator, units: int, height: float = 0.0) -> Fixture:
    """A run of ``units`` base cabinets under one worktop; ``height`` 0 draws one."""
    build = Build(rng)
    pitch = between(rng, 0.44, 0.58)
    half = ((units * pitch + PANEL) / 2, COUNTER_DEPTH / 2)
    height = height or between(rng, 0.86, 0.92)
    build.add(*counter_frame(_piece(half, height), units))
    build.top("counter", (-half[0], half[0]), (-half[1], half[1] - 0.012), height)
    kinds: tuple[Callable[..., None], ...] = (_drawers, _drawer_over_door, _cupboard)
    first = int(rng.integers(3))
    for k in range(units):
        x = -half[0] + PANEL / 2 + (k + 0.5) * pitch
        kinds[(first + k) % 3](build, (x - pitch / 2, x + pitch / 2), half[1], height)
    return build.fixture(
        "counter", "CounterTop", "counter", half, height + 0.12, clearance=0.9
    )  # fmt: skip


def sink_cabinet(rng: np.random.Generator) -> Fixture:
    """Kitchen sink: a worktop with a basin over a two-door cabinet."""
    height = between(rng, 0.86, 0.92)
    return _sink(rng, "counter_sink", (between(rng, 0.40, 0.48), COUNTER_DEPTH / 2), height, STEEL)


def vanity(rng: np.random.Generator) -> Fixture:
    """Bathroom sink over a two-door cabinet."""
    half = (between(rng, 0.36, 0.50), between(rng, 0.25, 0.28))
    return _sink(rng, "vanity", half, between(rng, 0.80, 0.86), PORCELAIN)


def island(rng: np.random.Generator) -> Fixture:
    """Free-standing kitchen block with drawers and doors at its front."""
    build = Build(rng)
    units, pitch = int(rng.integers(2, 4)), between(rng, 0.46, 0.56)
    half = ((units * pitch + PANEL) / 2 + 0.05, between(rng, 0.36, 0.45))
    height = between(rng, 0.86, 0.92)
    body = (half[0] - 0.05, half[1])
    _, _, *frame = counter_frame(_piece(body, height), units)
    build.add(board((-half[0], -half[1], height - SLAB), (*half, height), FINISH.stone), *frame)
    build.top("counter", (-half[0], half[0]), (-half[1], half[1]), height)
    first = int(rng.integers(2))
    for k in range(units):
        x = -body[0] + PANEL / 2 + (k + 0.5) * pitch
        fill = (_drawers, _cupboard)[(first + k) % 2]
        fill(build, (x - pitch / 2, x + pitch / 2), half[1], height)
    return build.fixture(
        "island", "CounterTop", "island", half, height, clearance=0.9, wall=False
    )  # fmt: skip


def wall_cabinet(rng: np.random.Generator) -> Fixture:
    """One to three cabinets side by side that hang over a counter."""
    build = Build(rng)
    units, pitch = int(rng.integers(1, 4)), between(rng, 0.40, 0.52)
    half = ((units * pitch + PANEL) / 2, between(rng, 0.16, 0.18))
    low, tall = between(rng, 1.40, 1.48), between(rng, 0.60, 0.72)
    face = -half[1]
    front, middle = face + PANEL + SLOT, low + tall / 2
    build.add(*carcass(half[0], (front, half[1]), (low, low + tall), FINISH.front))
    for k in range(units):
        left = -half[0] + PANEL / 2 + k * pitch
        if k:
            low_corner = (left - PANEL / 2, front, low + PANEL)
            high_corner = (left + PANEL / 2, half[1] - 0.012, low + tall - PANEL)
            build.add(board(low_corner, high_corner, FINISH.front))
        x = gap((left, left + pitch))
        hinge = either_side(rng)
        index = build.door("cabinet", x, face, (low, low + tall), hinge, low + 0.12)
        inner = (left + PANEL / 2, left + pitch - PANEL / 2)
        build.add(
            board(
                (inner[0], front + 0.02, middle), (inner[1], half[1] - 0.012, middle + 0.016),
                FINISH.wood,
            )
        )  # fmt: skip
        deep = (front + 0.03, half[1] - 0.02)
        side = (inner[0] + 0.01, inner[1] - 0.01)
        build.top("inside", side, deep, low + PANEL, tall / 2 - PANEL, index)
        build.top("inside", side, deep, middle + 0.016, tall / 2 - PANEL - 0.016, index)
    return build.fixture(
        "wall_cabinet", "Cabinet", "cabinet", half, low + tall, clearance=0.6, hung=low
    )  # fmt: skip


def _drawers(build: Build, x: Sides, hy: float, height: float) -> None:
    """Three drawers under a worktop, the top one flat."""
    low, high, face = PLINTH + SLOT, height - SLAB - SLOT, -hy + 0.03
    flat = 0.16
    build.drawers(x, face, (high - flat, high), min(0.5, 2 * hy - 0.1), 1)
    build.drawers(x, face, (low, high - flat), min(0.5, 2 * hy - 0.1), 2)


def _drawer_over_door(build: Build, x: Sides, hy: float, height: float) -> None:
    """A drawer, and a door below it."""
    high = height - SLAB - SLOT
    build.drawers(x, -hy + 0.03, (high - 0.2, high), min(0.5, 2 * hy - 0.1), 1)
    _cupboard(build, x, hy, height - 0.2)


def _cupboard(build: Build, x: Sides, hy: float, height: float) -> None:
    """A door in front of the cabinet's floor and one shelf."""
    low, high, face = PLINTH + SLOT, height - SLAB - SLOT, -hy + 0.03
    spans = gap(x)
    hinge = either_side(build.rng)
    index = build.door("cabinet", spans, face, (low, high), hinge, high - 0.12)
    room = (spans[0] + PANEL / 2 - SLOT / 2, spans[1] - PANEL / 2 + SLOT / 2)
    middle = (low + high) / 2
    build.add(
        board(
            (room[0], face + 0.06, middle - 0.008),
            (room[1], hy - 0.02, middle + 0.008),
            FINISH.wood,
        )
    )
    side, deep = (room[0] + 0.01, room[1] - 0.01), (-hy + 0.1, hy - 0.03)
    build.top("inside", side, deep, PLINTH, middle - 0.008 - PLINTH, index)
    build.top("inside", side, deep, middle + 0.008, high - middle - 0.02, index)


def _sink(rng: np.random.Generator, lemma: str, half: Sides, height: float, basin: Rgba) -> Fixture:
    """A worktop around a basin with a tap, over two doors."""
    build = Build(rng)
    hx, hy = half
    _, splash, plinth, back, *panels = counter_frame(_piece(half, height), 1)
    build.add(splash, plinth, back, *panels)
    bx, by, deep = min(hx - 0.12, 0.27), hy - 0.13, 0.16
    y0, y1 = -hy + 0.07, -hy + 0.07 + 2 * by
    under = height - SLAB
    build.add(
        board((-hx, -hy, under), (-bx, hy, height), FINISH.stone),
        board((bx, -hy, under), (hx, hy, height), FINISH.stone),
        board((-bx, -hy, under), (bx, y0, height), FINISH.stone),
        board((-bx, y1, under), (bx, hy, height), FINISH.stone),
        *_basin(bx, (y0, y1), (height - deep, height - 0.001), basin),
    )
    spout = (0.0, y1 + 0.035, height)
    tip = (0.0, y1 + 0.035, height + 0.2)
    build.add(
        metal(rod("cylinder", spout, tip, 0.014, STEEL)),
        metal(rod("capsule", tip, (0.0, y1 - 0.08, height + 0.18), 0.011, STEEL, "visual")),
        metal(
            rod(
                "capsule",
                (0.05, y1 + 0.035, height + 0.03),
                (0.09, y1 + 0.02, height + 0.06),
                0.008,
                STEEL,
                "visual",
            )
        ),
    )
    build.top("counter", (-bx + 0.015, bx - 0.015), (y0 + 0.015, y1 - 0.015), height - deep + 0.012)
    for x in ((-hx, -bx), (bx, hx)):
        if x[1] - x[0] > 0.1:
            build.top("counter", x, (-hy, hy - 0.012), height)
    face, low, high = -hy + 0.03, PLINTH + SLOT, under - SLOT
    for side, x in ((-1, (-hx, 0.0)), (1, (0.0, hx))):
        hinge: Side = -1 if side < 0 else 1
        index = build.door("cabinet", gap(x), face, (low, high), hinge, high - 0.12)
        room = (x[0] + 0.03, x[1] - 0.02)
        clear = height - deep - PLINTH - 0.02
        build.top("inside", room, (-hy + 0.1, hy - 0.03), PLINTH, clear, index)
    return build.fixture(lemma, "Sink", "sink", half, height + 0.21, clearance=0.8)


def _basin(hx: float, y: Sides, z: Sides, rgba: Rgba) -> list[Part]:
    """Four walls and a floor."""
    t = 0.012
    return [
        block((-hx, y[0], z[0]), (hx, y[1], z[0] + t), rgba),
        block((-hx, y[0], z[0] + t), (-hx + t, y[1], z[1]), rgba),
        block((hx - t, y[0], z[0] + t), (hx, y[1], z[1]), rgba),
        block((-hx + t, y[0], z[0] + t), (hx - t, y[0] + t, z[1]), rgba),
        block((-hx + t, y[1] - t, z[0] + t), (hx - t, y[1], z[1]), rgba),
    ]


def _piece(half: Sides, height: float) -> Piece:
    return Piece("counter", "counter", 0.0, 0.0, 0.0, half, height)
