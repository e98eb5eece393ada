"""Tables, shelves and storage without moving parts, and what else stands in a living space."""

import math

import numpy as np

from molmospaces_gym.scenes.generator import furniture as pieces
from molmospaces_gym.scenes.generator.furniture import FINISH, TOP, board, book_row
from molmospaces_gym.scenes.generator.layout import Piece
from molmospaces_gym.scenes.generator.shapes import (
    Rgba,
    axis_quat,
    disc,
    egg,
    quat_mul,
    rod,
    yaw_quat,
)
from molmospaces_gym.scenes.homes.fixture import Fixture
from molmospaces_gym.scenes.homes.parts import Build, between, block, metal, pick

SCREEN: Rgba = (0.06, 0.06, 0.07, 1.0)
PAPER: Rgba = (0.96, 0.91, 0.78, 1.0)
POTS: tuple[Rgba, ...] = (
    (0.72, 0.40, 0.28, 1), (0.90, 0.89, 0.86, 1), (0.30, 0.34, 0.40, 1), (0.78, 0.70, 0.52, 1),
)  # fmt: skip
LEAVES: tuple[Rgba, ...] = ((0.20, 0.42, 0.18, 1), (0.30, 0.52, 0.22, 1), (0.26, 0.46, 0.30, 1))
BINS: tuple[Rgba, ...] = (
    (0.25, 0.26, 0.28, 1), (0.70, 0.71, 0.73, 1), (0.30, 0.44, 0.58, 1), (0.80, 0.78, 0.72, 1),
)  # fmt: skip


def dining_table(rng: np.random.Generator) -> Fixture:
    """Table for four to eight in the middle of a room."""
    half = (between(rng, 0.60, 1.00), between(rng, 0.38, 0.50))
    return _table(
        rng, "dining_table", "DiningTable", "table", half, between(rng, 0.72, 0.77), False
    )


def side_table(rng: np.random.Generator) -> Fixture:
    """Small table beside a sofa or at a wall."""
    half = (between(rng, 0.24, 0.38), between(rng, 0.22, 0.28))
    return _table(
        rng, "side_table", "SideTable", "side table", half, between(rng, 0.45, 0.60), True
    )


def coffee_table(rng: np.random.Generator) -> Fixture:
    """Low table in front of a sofa."""
    half = (between(rng, 0.45, 0.62), between(rng, 0.26, 0.36))
    height = between(rng, 0.38, 0.46)
    return _table(rng, "coffee_table", "CoffeeTable", "coffee table", half, height, False)


def console_table(rng: np.random.Generator) -> Fixture:
    """Narrow table at the wall of a hallway."""
    half = (between(rng, 0.42, 0.60), between(rng, 0.16, 0.20))
    return _table(
        rng, "console_table", "SideTable", "console", half, between(rng, 0.74, 0.82), True
    )


def bedside_table(rng: np.random.Generator) -> Fixture:
    """Table beside a bed, with an open board below its top."""
    half, height = (between(rng, 0.20, 0.25), between(rng, 0.19, 0.22)), between(rng, 0.46, 0.58)
    build = Build(rng)
    low = 0.16
    build.add(*pieces.table(_piece(half, height), FINISH.wood, leg=0.018, inset=0.0))
    build.add(
        board(
            (-half[0] + 0.01, -half[1] + 0.01, low - 0.02),
            (half[0] - 0.01, half[1] - 0.01, low),
            FINISH.wood,
        )
    )
    build.top("table", (-half[0], half[0]), (-half[1], half[1]), height)
    x, y = (-half[0] + 0.05, half[0] - 0.05), (-half[1] + 0.02, half[1] - 0.05)
    build.top("shelf", x, y, low, height - TOP - low)
    return build.fixture("bedside_table", "SideTable", "bedside table", half, height)


def desk(rng: np.random.Generator) -> Fixture:
    """Desk on two panels."""
    half, height = (between(rng, 0.55, 0.75), between(rng, 0.29, 0.36)), between(rng, 0.72, 0.76)
    build = Build(rng)
    build.add(*pieces.desk(_piece(half, height)))
    build.top("table", (-half[0], half[0]), (-half[1], half[1]), height)
    return build.fixture("desk", "Desk", "desk", half, height, clearance=0.9)


def shelf(rng: np.random.Generator) -> Fixture:
    """Low bookcase whose top is free."""
    half, height = (between(rng, 0.40, 0.60), between(rng, 0.16, 0.20)), between(rng, 0.62, 0.95)
    build = Build(rng)
    build.add(*pieces.shelf(_piece(half, height), rng))
    build.top("shelf", (-half[0], half[0]), (-half[1], half[1]), height)
    return build.fixture("shelf", "ShelvingUnit", "shelf", half, height)


def bookcase(rng: np.random.Generator) -> Fixture:
    """Tall open shelves: books on some boards, room for things on the others."""
    half, height = (between(rng, 0.38, 0.52), between(rng, 0.16, 0.19)), between(rng, 1.55, 1.95)
    build = Build(rng)
    wall, levels, low = 0.022, 5, 0.08
    pitch = (height - wall - low) / levels
    build.add(
        board((-half[0], -half[1], 0), (-half[0] + wall, half[1], height), FINISH.wood),
        board((half[0] - wall, -half[1], 0), (half[0], half[1], height), FINISH.wood),
        board(
            (-half[0] + wall, half[1] - 0.012, 0), (half[0] - wall, half[1], height), FINISH.dark
        ),
        board(
            (-half[0] + wall, -half[1], height - wall),
            (half[0] - wall, half[1] - 0.012, height),
            FINISH.wood,
        ),
    )
    free = sorted(int(k) for k in rng.permutation(levels)[:3])
    inner = half[0] - wall
    for k in range(levels):
        z = low + k * pitch
        build.add(board((-inner, -half[1], z - 0.02), (inner, half[1] - 0.012, z), FINISH.wood))
        if k in free:
            x, y = (-inner + 0.02, inner - 0.02), (-half[1], half[1] - 0.03)
            build.top("shelf", x, y, z, pitch - 0.03)
        else:
            build.add(*book_row(rng, inner, half[1], z, pitch - 0.06))
    return build.fixture("bookcase", "ShelvingUnit", "bookcase", half, height)


def tv_stand(rng: np.random.Generator) -> Fixture:
    """Low board with a television at its back and free space in front of it and beside it."""
    half, height = (between(rng, 0.65, 0.90), between(rng, 0.20, 0.24)), between(rng, 0.42, 0.52)
    build = Build(rng)
    under = height - TOP
    build.add(board((-half[0], -half[1], under), (half[0], half[1], height), FINISH.wood))
    for x in (-half[0], -0.012, half[0] - 0.024):
        build.add(board((x, -half[1] + 0.01, 0), (x + 0.024, half[1], under), FINISH.wood))
    build.add(board((-half[0], half[1] - 0.012, 0.1), (half[0], half[1], under), FINISH.dark))
    build.add(
        board(
            (-half[0] + 0.024, -half[1] + 0.01, 0.1),
            (half[0] - 0.024, half[1] - 0.012, 0.12),
            FINISH.wood,
        )
    )
    wide, tall = between(rng, 0.46, 0.58), between(rng, 0.56, 0.66)
    y, z = half[1] - 0.06, height + 0.09
    build.add(
        block((-wide, y - 0.02, z), (wide, y + 0.02, z + tall), SCREEN),
        block(
            (-wide + 0.012, y - 0.022, z + 0.012),
            (wide - 0.012, y - 0.02, z + tall - 0.012),
            (0.13, 0.15, 0.19, 1),
            "visual",
        ),
        block((-0.14, y - 0.05, height), (0.14, y + 0.05, height + 0.012), SCREEN),
        block((-0.03, y - 0.012, height + 0.012), (0.03, y + 0.012, z), SCREEN),
    )
    build.top("table", (-half[0], half[0]), (-half[1], y - 0.06), height)
    for bay in ((-half[0] + 0.04, -0.03), (0.03, half[0] - 0.04)):
        build.top("shelf", bay, (-half[1] + 0.01, half[1] - 0.02), 0.12, under - 0.13)
    return build.fixture("tv_stand", "TVStand", "TV stand", half, z + tall)


def floor_lamp(rng: np.random.Generator) -> Fixture:
    """Lamp on a pole with a round shade."""
    build, height = Build(rng), between(rng, 1.45, 1.70)
    radius = between(rng, 0.15, 0.20)
    build.add(disc(0.14, 0.0, 0.02, SCREEN))
    build.add(metal(rod("cylinder", (0, 0, 0.02), (0, 0, height - 0.1), 0.012, SCREEN)))
    build.add(disc(radius, height - 0.26, height, PAPER))
    return build.fixture("floor_lamp", "FloorLamp", "lamp", (radius, radius), height, clearance=0.3)


def plant(rng: np.random.Generator) -> Fixture:
    """House plant in a pot."""
    build, radius = Build(rng), between(rng, 0.13, 0.18)
    tall, height = between(rng, 0.24, 0.34), between(rng, 0.80, 1.30)
    pot, leaf = pick(rng, POTS), pick(rng, LEAVES)
    build.add(
        disc(radius, 0.0, tall, pot),
        disc(radius - 0.015, tall, tall + 0.004, (0.2, 0.14, 0.1, 1), "visual"),
    )
    build.add(rod("cylinder", (0, 0, tall), (0, 0, height - 0.2), 0.014, (0.42, 0.32, 0.2, 1)))
    start = between(rng, 0.0, 2.0)
    for k in range(7):
        angle, rise = start + 2.4 * k, (height - tall - 0.2) * (0.35 + 0.65 * k / 6)
        out = 0.17 - 0.11 * k / 6
        pos = (out * math.cos(angle), out * math.sin(angle), tall + rise)
        turn = quat_mul(yaw_quat(angle), axis_quat((0.7, 0.0, 0.8)))
        build.add(egg((0.05, 0.085, 0.16), pos, leaf, "visual", turn))
    build.add(disc(0.16, tall + 0.1, height, leaf, "hull"))
    return build.fixture("plant", "HousePlant", "plant", (0.28, 0.28), height, clearance=0.2)


def bin_(rng: np.random.Generator) -> Fixture:
    """Open waste bin."""
    build, color = Build(rng), pick(rng, BINS)
    half, height, t = (
        (between(rng, 0.12, 0.17), between(rng, 0.10, 0.14)),
        between(rng, 0.28, 0.42),
        0.008,
    )
    x, y = half
    build.add(
        block((-x, -y, 0), (x, y, t), color),
        block((-x, -y, t), (-x + t, y, height), color),
        block((x - t, -y, t), (x, y, height), color),
        block((-x + t, -y, t), (x - t, -y + t, height), color),
        block((-x + t, y - t, t), (x - t, y, height), color),
    )
    inner = ((-x + 0.02, x - 0.02), (-y + 0.02, y - 0.02))
    build.top("shelf", *inner, t, height)
    return build.fixture("bin", "GarbageCan", "bin", half, height, clearance=0.4)


def _table(
    rng: np.random.Generator,
    lemma: str,
    category: str,
    noun: str,
    half: tuple[float, float],
    height: float,
    wall: bool,
) -> Fixture:
    build = Build(rng)
    leg = 0.03 if half[0] > 0.4 else 0.02
    material = pick(rng, (FINISH.wood, FINISH.wood, FINISH.dark))
    build.add(*pieces.table(_piece(half, height), material, leg, inset=0.02))
    build.top("table", (-half[0], half[0]), (-half[1], half[1]), height)
    return build.fixture(lemma, category, noun, half, height, wall=wall)


def _piece(half: tuple[float, float], height: float) -> Piece:
    return Piece("", "table", 0.0, 0.0, 0.0, half, height)
