"""Storage with drawers and doors: dressers, chests, nightstands, wardrobes, sideboards, desks."""

import numpy as np

from molmospaces_gym.scenes.generator.furniture import FINISH, TOP, board
from molmospaces_gym.scenes.generator.kitchen import PANEL, SLOT
from molmospaces_gym.scenes.generator.shapes import GREY, Part, Vec3, rod
from molmospaces_gym.scenes.homes.fixture import Fixture
from molmospaces_gym.scenes.homes.parts import (
    Build,
    Side,
    between,
    carcass,
    gap,
    metal,
    pick,
)

Sides = tuple[float, float]


def dresser(rng: np.random.Generator) -> Fixture:
    """Chest with two columns of drawers."""
    half, rows = (between(rng, 0.50, 0.65), between(rng, 0.22, 0.25)), int(rng.integers(2, 4))
    return _chest(rng, "dresser", "Dresser", "dresser", half, rows * between(rng, 0.22, 0.25), 2)


def chest(rng: np.random.Generator) -> Fixture:
    """Tall chest with one column of drawers."""
    half, rows = (between(rng, 0.32, 0.40), between(rng, 0.22, 0.25)), int(rng.integers(3, 5))
    size = rows * between(rng, 0.20, 0.23)
    return _chest(rng, "chest_of_drawers", "Dresser", "chest", half, size, 1)


def nightstand(rng: np.random.Generator) -> Fixture:
    """Bedside cabinet with one or two drawers."""
    half = (between(rng, 0.21, 0.26), between(rng, 0.19, 0.22))
    size = int(rng.integers(1, 3)) * between(rng, 0.19, 0.22)
    return _chest(rng, "nightstand", "SideTable", "nightstand", half, size, 1, legs=0.18)


def wardrobe(rng: np.random.Generator) -> Fixture:
    """Two tall doors in front of a rail, a shelf above and a floor below."""
    build = Build(rng)
    half, height = (between(rng, 0.45, 0.60), 0.29), between(rng, 1.85, 2.05)
    face, low = -half[1], 0.08
    front = face + PANEL + SLOT
    material = pick(rng, (FINISH.wood, FINISH.front, FINISH.dark))
    build.add(*carcass(half[0], (front, half[1]), (low, height), material))
    build.add(board((-half[0], front, 0), (half[0], half[1], low), FINISH.dark))
    shelf, inner = height - 0.38, half[0] - PANEL
    build.add(
        board((-inner, front + 0.02, shelf), (inner, half[1] - 0.012, shelf + PANEL), material)
    )
    ends: tuple[Vec3, Vec3] = ((-inner, 0.02, shelf - 0.08), (inner, 0.02, shelf - 0.08))
    build.add(metal(rod("cylinder", *ends, 0.014, GREY, "visual")))
    deep = (front + 0.03, half[1] - 0.02)
    for hinge, x in ((-1, (-half[0], 0.0)), (1, (0.0, half[0]))):
        side: Side = -1 if hinge < 0 else 1
        index = build.door("wardrobe", gap(x), face, (low, height), side, 1.05, material)
        room = (
            (x[0] + PANEL + 0.01, x[1] - 0.02) if hinge < 0 else (x[0] + 0.02, x[1] - PANEL - 0.01)
        )
        build.top("inside", room, deep, low + PANEL, shelf - low - PANEL - 0.1, index)
        build.top("inside", room, deep, shelf + PANEL, height - shelf - 3 * PANEL, index)
    return build.fixture("wardrobe", "Wardrobe", "wardrobe", half, height, clearance=0.9)


def sideboard(rng: np.random.Generator) -> Fixture:
    """Low cabinet: a door at each end and drawers between them."""
    build = Build(rng)
    half, height = (between(rng, 0.62, 0.80), between(rng, 0.20, 0.23)), between(rng, 0.72, 0.86)
    low, face = 0.14, -half[1]
    under, front = height - TOP, face + PANEL + SLOT
    build.add(board((-half[0], face, under), (half[0], half[1], height), FINISH.wood))
    left, right, bottom, _, back = carcass(half[0], (front, half[1]), (low, under), FINISH.wood)
    build.add(left, right, bottom, back, *_legs(half, low))
    third = 2 * half[0] / 3
    for x in (-third / 2, third / 2):
        low_corner: Vec3 = (x - PANEL / 2, front, low + PANEL)
        build.add(board(low_corner, (x + PANEL / 2, half[1] - 0.012, under - PANEL), FINISH.wood))
    build.top("table", (-half[0], half[0]), (-half[1], half[1]), height)
    heights = (low, under - SLOT)
    outer = ((-half[0], -third / 2), (third / 2, half[0]))
    for hinge, x_span in zip((-1, 1), outer, strict=True):
        side: Side = -1 if hinge < 0 else 1
        index = build.door("cabinet", gap(x_span), face, heights, side, under - 0.13)
        room = (x_span[0] + 0.03, x_span[1] - 0.03)
        deep = (front + 0.03, half[1] - 0.02)
        build.top("inside", room, deep, low + PANEL, under - low - 2 * PANEL, index)
    build.drawers((-third / 2, third / 2), face, heights, 2 * half[1] - 0.02, 3)
    return build.fixture("sideboard", "Sideboard", "sideboard", half, height, clearance=0.8)


def drawer_desk(rng: np.random.Generator) -> Fixture:
    """Desk with a pedestal of drawers at one side and a panel at the other."""
    build = Build(rng)
    half, height = (between(rng, 0.58, 0.75), between(rng, 0.29, 0.35)), between(rng, 0.72, 0.76)
    under, side, wide = height - TOP, pick(rng, (-1, 1)), between(rng, 0.36, 0.42)
    build.add(board((-half[0], -half[1], under), (half[0], half[1], height), FINISH.wood))
    edge = side * half[0]
    near, far = sorted((edge, edge - side * wide))
    face = -half[1] + 0.02
    front = face + PANEL + SLOT
    for x in (near, far - PANEL):
        build.add(board((x, front, 0), (x + PANEL, half[1] - 0.02, under), FINISH.front))
    foot = sorted((-edge, -edge + side * 0.03))
    build.add(board((foot[0], face, 0), (foot[1], half[1], under), FINISH.front))
    build.add(board((-half[0], half[1] - 0.02, 0.3), (half[0], half[1], under), FINISH.front))
    build.top("table", (-half[0], half[0]), (-half[1], half[1]), height)
    build.drawers((near, far), face, (0.06, under - SLOT), 2 * half[1] - 0.07, 3)
    return build.fixture("drawer_desk", "Desk", "desk", half, height, clearance=0.9)


def _chest(
    rng: np.random.Generator,
    lemma: str,
    category: str,
    noun: str,
    half: Sides,
    size: float,
    columns: int,
    legs: float = 0.09,
) -> Fixture:
    """Columns of drawers (``size`` high in all) on legs under a top."""
    build = Build(rng)
    rows, height = max(1, round(size / 0.22)), legs + size + TOP + 2 * SLOT
    face, under = -half[1], height - TOP
    front = face + PANEL + SLOT
    material = pick(rng, (FINISH.wood, FINISH.front, FINISH.dark))
    build.add(board((-half[0], face, under), (half[0], half[1], height), FINISH.wood))
    left, right, bottom, _, back = carcass(half[0], (front, half[1]), (legs, under), material)
    build.add(left, right, bottom, back, *_legs(half, legs))
    pitch = 2 * half[0] / columns
    for k in range(columns):
        x = -half[0] + k * pitch
        if k:
            low_corner: Vec3 = (x - PANEL / 2, front, legs + PANEL)
            build.add(board(low_corner, (x + PANEL / 2, half[1] - 0.012, under), material))
        spans = (x, x + pitch)
        build.drawers(spans, face, (legs, under - SLOT), 2 * half[1] - 0.025, rows, material)
    build.top("table", (-half[0], half[0]), (-half[1], half[1]), height)
    return build.fixture(lemma, category, noun, half, height, clearance=0.8)


def _legs(half: Sides, height: float, width: float = 0.045) -> list[Part]:
    """Four square feet at the corners."""
    legs = []
    for sx in (-1, 1):
        for sy in (-1, 1):
            x = sorted((sx * half[0], sx * (half[0] - width)))
            y = sorted((sy * (half[1] - 0.025), sy * (half[1] - 0.025 - width)))
            legs.append(board((x[0], y[0], 0), (x[1], y[1], height), FINISH.dark))
    return legs
