"""What people sit, lie and wash in: sofas, chairs, beds, toilet, bathtub, shower-free bathroom."""

import numpy as np

from molmospaces_gym.scenes.generator.furniture import FINISH, board
from molmospaces_gym.scenes.generator.shapes import Rgba, Role, Vec3, ball, disc, egg, rod
from molmospaces_gym.scenes.homes.fixture import Fixture
from molmospaces_gym.scenes.homes.parts import Build, between, block, metal, pick

FABRICS: tuple[Rgba, ...] = (
    (0.36, 0.42, 0.50, 1), (0.58, 0.52, 0.45, 1), (0.34, 0.44, 0.36, 1), (0.62, 0.36, 0.28, 1),
    (0.45, 0.45, 0.47, 1), (0.72, 0.66, 0.56, 1), (0.24, 0.30, 0.44, 1),
)  # fmt: skip
SHEETS: tuple[Rgba, ...] = (
    (0.90, 0.90, 0.92, 1), (0.62, 0.70, 0.80, 1), (0.80, 0.72, 0.62, 1), (0.56, 0.64, 0.56, 1),
)  # fmt: skip
PILLOW: Rgba = (0.96, 0.95, 0.93, 1.0)
PORCELAIN: Rgba = (0.95, 0.95, 0.94, 1.0)
SHADOW: Rgba = (0.16, 0.15, 0.15, 1.0)


def sofa(rng: np.random.Generator) -> Fixture:
    """Sofa with two or three seats."""
    return _couch(rng, "sofa", "Sofa", int(rng.integers(2, 4)))


def armchair(rng: np.random.Generator) -> Fixture:
    """Armchair of the same make as the sofas."""
    return _couch(rng, "armchair", "ArmChair", 1)


def chair(rng: np.random.Generator) -> Fixture:
    """Dining chair."""
    build = Build(rng)
    half, seat, height = (
        (between(rng, 0.20, 0.23), between(rng, 0.21, 0.24)),
        0.45,
        between(rng, 0.84, 0.96),
    )
    wood, leg = pick(rng, (FINISH.wood, FINISH.dark)), 0.018
    for sx in (-1, 1):
        for sy, top in ((-1, seat - 0.03), (1, height)):
            x, y = sx * (half[0] - leg), sy * (half[1] - leg)
            build.add(board((x - leg, y - leg, 0), (x + leg, y + leg, top), wood))
    build.add(board((-half[0], -half[1], seat - 0.03), (half[0], half[1] - 2 * leg, seat), wood))
    inner, y = half[0] - 2 * leg, half[1]
    build.add(board((-inner, y - 0.028, height - 0.16), (inner, y - 0.008, height - 0.02), wood))
    build.add(board((-inner, y - 0.026, seat + 0.14), (inner, y - 0.010, seat + 0.20), wood))
    return build.fixture("chair", "Chair", "chair", half, height, clearance=0.4, wall=False)


def stool(rng: np.random.Generator) -> Fixture:
    """Square stool."""
    build, half, height = Build(rng), between(rng, 0.16, 0.19), between(rng, 0.44, 0.64)
    wood, leg = pick(rng, (FINISH.wood, FINISH.dark)), 0.018
    build.add(board((-half, -half, height - 0.035), (half, half, height), wood))
    for sx in (-1, 1):
        for sy in (-1, 1):
            x, y = sx * (half - leg - 0.01), sy * (half - leg - 0.01)
            build.add(board((x - leg, y - leg, 0), (x + leg, y + leg, height - 0.035), FINISH.dark))
    rung = half - leg - 0.01
    for sy in (-1, 1):
        build.add(
            board(
                (-rung, sy * rung - 0.01, 0.18),
                (rung, sy * rung + 0.01, 0.20),
                FINISH.dark,
                "visual",
            )
        )
    build.top("table", (-half, half), (-half, half), height)
    return build.fixture("stool", "Stool", "stool", (half, half), height, clearance=0.3, wall=False)


def bed(rng: np.random.Generator) -> Fixture:
    """Bed with its headboard at the wall; the blanket is flat enough to put things on."""
    build, sheet = Build(rng), pick(rng, SHEETS)
    hx, hy = between(rng, 0.45, 0.80), between(rng, 1.00, 1.05)
    frame, top, head = 0.28, between(rng, 0.46, 0.54), between(rng, 0.88, 1.05)
    wood = pick(rng, (FINISH.wood, FINISH.dark))
    build.add(
        board((-hx, -hy, 0.10), (hx, hy - 0.05, frame), wood),
        board((-hx, hy - 0.05, 0), (hx, hy, head), wood),
        block((-hx + 0.03, -hy + 0.03, frame), (hx - 0.03, hy - 0.05, top - 0.03), PILLOW),
        block((-hx + 0.01, -hy + 0.01, top - 0.14), (hx - 0.01, hy - 0.50, top), sheet),
    )
    for sx in (-1, 1):
        x = sorted((sx * hx, sx * (hx - 0.06)))
        build.add(board((x[0], -hy, 0), (x[1], -hy + 0.06, 0.10), wood))
    middles = (0.0,) if hx < 0.6 else (-hx / 2, hx / 2)
    half = min(0.33, hx / len(middles) - 0.07)
    for middle in middles:
        build.add(egg((half, 0.19, 0.085), (middle, hy - 0.27, top + 0.01), PILLOW))
    build.top("table", (-hx + 0.03, hx - 0.03), (-hy + 0.03, hy - 0.52), top)
    return build.fixture("bed", "Bed", "bed", (hx, hy), head, clearance=0.7)


def toilet(rng: np.random.Generator) -> Fixture:
    """Toilet with a tank whose lid carries small things."""
    build = Build(rng)
    half, tank = (between(rng, 0.18, 0.20), between(rng, 0.33, 0.36)), between(rng, 0.78, 0.84)
    hx, y = half[0], half[1] - 0.19
    nose = -half[1] + hx
    foot: Vec3 = (-0.11, nose, 0)
    build.add(
        block(foot, (0.11, half[1] - 0.05, 0.22), PORCELAIN),
        block((-hx + 0.025, nose, 0.22), (hx - 0.025, y, 0.39), PORCELAIN),
        block((-hx, nose, 0.39), (hx, y + 0.01, 0.43), PILLOW),
        block((-hx, y + 0.01, 0.36), (hx, half[1], tank - 0.02), PORCELAIN),
        block((-hx - 0.006, y + 0.004, tank - 0.02), (hx + 0.006, half[1], tank), PILLOW),
        # bowl, seat and lid end in half circles
        disc(0.11, 0.0, 0.22, PORCELAIN).moved((0, nose, 0)),
        disc(hx - 0.025, 0.22, 0.39, PORCELAIN, "visual").moved((0, nose, 0)),
        disc(hx, 0.39, 0.43, PILLOW).moved((0, nose, 0)),
        disc(hx - 0.02, 0.43, 0.436, PORCELAIN, "visual").moved((0, nose, 0)),
        block((-hx + 0.02, nose, 0.43), (hx - 0.02, y - 0.01, 0.436), PORCELAIN, "visual"),
        metal(disc(0.02, tank, tank + 0.006, SHADOW, "visual").moved((0.0, y + 0.09, 0))),
    )
    build.top("shelf", (-half[0], -0.03), (y + 0.01, half[1] - 0.005), tank)
    build.top("shelf", (0.03, half[0]), (y + 0.01, half[1] - 0.005), tank)
    return build.fixture(
        "toilet", "Toilet", "toilet", (half[0] + 0.006, half[1]), tank, clearance=0.7
    )


def bathtub(rng: np.random.Generator) -> Fixture:
    """Tub with its long side at the wall."""
    build = Build(rng)
    x, y, height = between(rng, 0.75, 0.85), between(rng, 0.35, 0.40), between(rng, 0.52, 0.60)
    rim, floor = 0.06, 0.12
    build.add(
        block((-x, -y, 0), (x, y, floor), PORCELAIN),
        block((-x, -y, floor), (-x + rim, y, height), PORCELAIN),
        block((x - rim, -y, floor), (x, y, height), PORCELAIN),
        block((-x + rim, -y, floor), (x - rim, -y + rim, height), PORCELAIN),
        block((-x + rim, y - rim, floor), (x - rim, y, height), PORCELAIN),
        block(
            (-x + rim, -y + rim, floor),
            (x - rim, y - rim, floor + 0.002),
            (0.84, 0.87, 0.89, 1),
            "visual",
        ),
        metal(rod("capsule", (x - 0.03, 0, height), (x - 0.03, 0, height + 0.14), 0.014, SHADOW)),
        metal(
            rod(
                "capsule",
                (x - 0.03, 0, height + 0.14),
                (x - 0.2, 0, height + 0.12),
                0.012,
                SHADOW,
                "visual",
            )
        ),
        metal(ball(0.02, (x - 0.03, -0.12, height + 0.03), SHADOW, "visual")),
        metal(ball(0.02, (x - 0.03, 0.12, height + 0.03), SHADOW, "visual")),
    )
    return build.fixture("bathtub", "Bathtub", "bathtub", (x, y), height + 0.15, clearance=0.7)


def _couch(rng: np.random.Generator, lemma: str, category: str, seats: int) -> Fixture:
    """Base, seat cushions, back cushions and two arms."""
    build, fabric = Build(rng), pick(rng, FABRICS)
    arm, wide = between(rng, 0.12, 0.17), between(rng, 0.56, 0.66)
    hx, hy = seats * wide / 2 + arm, between(rng, 0.40, 0.46)
    seat, height, rest = between(rng, 0.40, 0.45), between(rng, 0.76, 0.86), 0.20
    cushion: Rgba = (*(min(1.0, c * 1.14) for c in fabric[:3]), 1.0)  # type: ignore[assignment]
    build.add(
        block((-hx + arm, -hy, 0.07), (hx - arm, hy, seat - 0.14), fabric),
        block((-hx + arm, hy - 0.12, seat - 0.14), (hx - arm, hy, height), fabric),
    )
    for sx in (-1, 1):
        x = sorted((sx * hx, sx * (hx - arm)))
        build.add(block((x[0], -hy, 0.07), (x[1], hy, seat + 0.18), fabric))
        for sy in (-1, 1):
            foot = (sx * (hx - 0.06), sy * (hy - 0.06))
            build.add(
                board(
                    (foot[0] - 0.025, foot[1] - 0.025, 0),
                    (foot[0] + 0.025, foot[1] + 0.025, 0.07),
                    FINISH.dark,
                )
            )
    # one collider for all seats: nothing drops between two cushions
    back = hy - 0.12 - rest + 0.06
    for role, edges, inset in _cushions(-hx + arm, wide, seats):
        for x0, x1 in zip(edges, edges[1:], strict=False):
            ends = (x0 + inset, x1 - inset)
            low = (ends[0], -hy - 0.015, seat - 0.14)
            build.add(
                block(low, (ends[1], back, seat), cushion, role),
                block(
                    (ends[0], back, seat - 0.14), (ends[1], hy - 0.12, height - 0.04), cushion, role
                ),
            )
    build.top("table", (-hx + arm + 0.02, hx - arm - 0.02), (-hy, hy - 0.28), seat)
    return build.fixture(lemma, category, lemma, (hx, hy + 0.015), height, clearance=0.7)


def _cushions(x: float, wide: float, seats: int) -> list[tuple[Role, list[float], float]]:
    """Role, edges and seam width of what is touched and of what is seen."""
    edges = [x + k * wide for k in range(seats + 1)]
    return [("hull", [edges[0], edges[-1]], 0.0), ("visual", edges, 0.006)]
