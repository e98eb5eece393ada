"""Appliances with doors and insides. Each has one colour of its own, drawn per piece."""

from dataclasses import replace

import numpy as np

from molmospaces_gym.scenes.generator.furniture import FINISH, board
from molmospaces_gym.scenes.generator.kitchen import SLAB, SLOT
from molmospaces_gym.scenes.generator.layout import COUNTER_DEPTH
from molmospaces_gym.scenes.generator.shapes import Part, Rgba, Vec3, rod
from molmospaces_gym.scenes.homes.fixture import Fixture, Moving
from molmospaces_gym.scenes.homes.parts import Build, between, block, either_side, metal, pick

ENAMEL: Rgba = (0.94, 0.94, 0.93, 1.0)
STEEL: Rgba = (0.70, 0.71, 0.73, 1.0)
ANTHRACITE: Rgba = (0.22, 0.23, 0.25, 1.0)
GLASS: Rgba = (0.10, 0.11, 0.13, 1.0)
INNER: Rgba = (0.86, 0.89, 0.91, 1.0)
RACK: Rgba = (0.55, 0.56, 0.58, 1.0)
BODIES = (ENAMEL, STEEL, ANTHRACITE)


def fridge(rng: np.random.Generator) -> Fixture:
    """Upright fridge with inner shelves; a freezer with a door of its own above it."""
    build, color = Build(rng), pick(rng, BODIES)
    half, height = (between(rng, 0.30, 0.37), between(rng, 0.31, 0.35)), between(rng, 1.60, 1.85)
    wall, thick, low = 0.04, 0.05, 0.06
    face = -half[1]
    front, split = face + thick + SLOT, height - 0.48
    _shell(build, half[0], (front, half[1]), (low, height), wall, color)
    build.add(block((-half[0] + 0.02, front, 0), (half[0] - 0.02, half[1], low), GLASS))
    inner = half[0] - wall
    build.add(block((-inner, front, split - 0.02), (inner, half[1] - wall, split + 0.02), color))
    hinge = either_side(rng)
    x = (-half[0], half[0])
    travel = 1.5
    main = build.door(
        "fridge", x, face, (low, split - SLOT), hinge, split - 0.32, thick=thick, travel=travel,
        grip_half=0.16, mass=9.0,
    )  # fmt: skip
    cold = build.door(
        "freezer", x, face, (split, height), hinge, split + 0.2, thick=thick, travel=travel,
        grip_half=0.1, mass=4.0,
    )  # fmt: skip
    for index in (main, cold):
        build.moving[index] = _paint(build.moving[index], color)
    floor = low + wall
    pitch = (split - 0.02 - floor) / 4
    for k in range(4):
        z = floor + k * pitch
        if k:
            build.add(block((-inner, front + 0.05, z - 0.012), (inner, half[1] - wall, z), INNER))
        build.top(
            "inside", (-inner + 0.02, inner - 0.02), (front + 0.06, half[1] - wall - 0.01), z,
            pitch - 0.02, main,
        )  # fmt: skip
    build.top(
        "inside", (-inner + 0.02, inner - 0.02), (front + 0.03, half[1] - wall - 0.01),
        split + 0.02, height - wall - split - 0.03, cold,
    )  # fmt: skip
    return build.fixture("fridge", "Fridge", "fridge", half, height, clearance=1.0)


def oven(rng: np.random.Generator) -> Fixture:
    """Stove: burners above, an oven with a rack and a door that folds down below."""
    build, color = Build(rng), pick(rng, BODIES)
    half, height = (0.30, COUNTER_DEPTH / 2), between(rng, 0.88, 0.92)
    face, thick = -half[1], 0.045
    front, low, high = face + thick + SLOT, 0.24, height - 0.15
    _shell(build, half[0], (front, half[1]), (low, high), 0.035, color)
    build.add(block((-half[0], front, 0.04), (half[0], half[1], low), color))
    build.add(block((-half[0], face + 0.01, high + SLOT), (half[0], half[1], height), color))
    build.add(block((-half[0] + 0.02, front + 0.03, 0), (half[0] - 0.02, half[1], 0.04), GLASS))
    drawer_front = ((-half[0] + 0.004, face + 0.01, 0.07), (half[0] - 0.004, front, low - 0.006))
    build.add(block(*drawer_front, color))
    build.add(*_burners(half, height), *_knobs(face + 0.01, (high + height) / 2 + 0.004))
    pane = block((-0.2, -0.003, 0.08), (0.2, 0.0, high - low - 0.12), GLASS, "visual")
    index = build.flap(
        "oven", half[0], face, (low, high), thick, 5.0, FINISH.metal, extra=(pane,)
    )  # fmt: skip
    build.moving[index] = _paint(build.moving[index], color)
    inner, rack = half[0] - 0.035, low + 0.035 + 0.14
    deep = (front + 0.02, half[1] - 0.05)
    build.add(block((-inner, front + 0.02, rack - 0.01), (inner, half[1] - 0.035, rack), RACK))
    side = (-inner + 0.02, inner - 0.02)
    build.top("inside", side, deep, rack, high - 0.035 - rack - 0.01, index)
    x, y = (-half[0] + 0.01, half[0] - 0.01), (-half[1] + 0.03, half[1] - 0.01)
    build.top("counter", x, y, height + 0.006)
    return build.fixture("oven", "Oven", "oven", half, height + 0.006, clearance=1.0)


def dishwasher(rng: np.random.Generator) -> Fixture:
    """Dishwasher under a worktop; its door folds down in front of two racks."""
    build, color = Build(rng), pick(rng, BODIES)
    half, height = (0.30, COUNTER_DEPTH / 2), between(rng, 0.86, 0.92)
    face, thick = -half[1] + 0.03, 0.04
    front, low, high = face + thick + SLOT, 0.11, height - SLAB - SLOT
    build.add(board((-half[0], -half[1], height - SLAB), (half[0], half[1], height), FINISH.stone))
    _shell(build, half[0], (front, half[1]), (low, high), 0.02, color)
    build.add(block((-half[0], front + 0.05, 0), (half[0], half[1], low), GLASS))
    panel = block(
        (-0.26, -0.002, high - low - 0.035), (0.26, 0.0, high - low - 0.01), GLASS, "visual"
    )
    index = build.flap(
        "dishwasher", half[0] - 0.003, face, (low, high - SLOT), thick, 6.0, FINISH.metal,
        extra=(panel,),
    )  # fmt: skip
    build.moving[index] = _paint(build.moving[index], color)
    inner, deep = half[0] - 0.03, (front + 0.03, half[1] - 0.03)
    for z, room in ((low + 0.08, 0.30), (low + 0.42, high - low - 0.46)):
        build.add(block((-inner, deep[0], z - 0.012), (inner, deep[1], z), RACK))
        build.top("inside", (-inner + 0.02, inner - 0.02), deep, z, room, index)
    build.top("counter", (-half[0], half[0]), (-half[1], half[1]), height)
    return build.fixture("dishwasher", "Dishwasher", "dishwasher", half, height, clearance=1.0)


def microwave(rng: np.random.Generator) -> Fixture:
    """Microwave that is put on a counter; the buttons stay at the right of its door."""
    build, color = Build(rng), pick(rng, BODIES)
    half, height = (between(rng, 0.24, 0.27), between(rng, 0.17, 0.20)), between(rng, 0.28, 0.32)
    face, thick, panel = -half[1], 0.03, 0.11
    front, low, edge = face + thick + SLOT, 0.012, half[0] - 0.11
    _shell(build, half[0], (front, half[1]), (low, height), 0.02, color)
    build.add(block((edge, face, low), (half[0], half[1] - 0.02, height), color))
    build.add(
        block(
            (edge + 0.02, face - 0.002, height - 0.07),
            (half[0] - 0.02, face, height - 0.03),
            GLASS,
            "visual",
        )
    )
    for sx in (-1, 1):
        for sy in (-1, 1):
            x, y = sx * (half[0] - 0.04), sy * (half[1] - 0.07)
            build.add(block((x - 0.015, y - 0.015, 0), (x + 0.015, y + 0.015, low), GLASS))
    width = 2 * half[0] - panel - SLOT
    window = block((0.05, -0.002, -0.07), (width - 0.09, 0.0, 0.07), GLASS, "visual")
    index = build.door(
        "microwave", (-half[0], edge - SLOT), face, (low, height), -1, (low + height) / 2,
        thick=thick, grip_half=0.06, extra=(window,), mass=1.5,
    )  # fmt: skip
    build.moving[index] = _paint(build.moving[index], color)
    room = (-half[0] + 0.035, edge - 0.02)
    build.top(
        "inside", room, (front + 0.02, half[1] - 0.03), low + 0.02, height - low - 0.05, index
    )
    build.top("shelf", (-half[0], half[0]), (front, half[1]), height)
    return build.fixture(
        "microwave", "Microwave", "microwave", half, height, clearance=0.6, on="counter"
    )  # fmt: skip


def washing_machine(rng: np.random.Generator) -> Fixture:
    """Front loader with a round window in its door."""
    build, color = Build(rng), pick(rng, (ENAMEL, ENAMEL, ANTHRACITE))
    half, height = (0.30, between(rng, 0.28, 0.31)), between(rng, 0.84, 0.88)
    face, thick = -half[1], 0.04
    front, low, high = face + thick + SLOT, 0.20, height - 0.16
    edge = 0.24
    _shell(build, half[0], (front, half[1]), (low, high), 0.03, color)
    build.add(block((-half[0], face, 0), (half[0], half[1], low - SLOT), color))
    build.add(block((-half[0], face, high + SLOT), (half[0], half[1], height), color))
    for sign in (-1, 1):
        x = sorted((sign * half[0], sign * (edge + SLOT)))
        build.add(block((x[0], face, low - SLOT), (x[1], half[1] - 0.03, high + SLOT), color))
    build.add(
        block(
            (-half[0] + 0.02, face - 0.002, high + 0.04),
            (-0.06, face, height - 0.03),
            RACK,
            "visual",
        )
    )
    build.add(
        metal(
            rod(
                "cylinder",
                (0.06, face, high + 0.09),
                (0.06, face - 0.02, high + 0.09),
                0.028,
                RACK,
                "visual",
            )
        )
    )
    middle = (edge, 0.0, 0.0)
    ring = rod("cylinder", middle, (edge, -0.014, 0.0), 0.19, RACK, "visual")
    pane = rod("cylinder", middle, (edge, -0.02, 0.0), 0.145, GLASS, "visual")
    index = build.door(
        "washing_machine", (-edge, edge), face, (low, high), -1, (low + high) / 2, thick=thick,
        extra=(ring, pane), mass=3.0, travel=1.5,
    )  # fmt: skip
    build.moving[index] = _paint(build.moving[index], color)
    inner = (-half[0] + 0.08, half[0] - 0.08)
    build.top("inside", inner, (front + 0.03, half[1] - 0.05), low + 0.03, high - low - 0.07, index)
    build.top("counter", (-half[0], half[0]), (face, half[1]), height)
    return build.fixture(
        "washing_machine", "WashingMachine", "washing machine", half, height, clearance=0.9
    )  # fmt: skip


def _shell(
    build: Build,
    hx: float,
    y: tuple[float, float],
    z: tuple[float, float],
    wall: float,
    rgba: Rgba,
) -> None:
    """Five walls of an insulated box that is open at the front."""
    (y0, y1), (z0, z1) = y, z
    build.add(
        block((-hx, y0, z0), (-hx + wall, y1, z1), rgba),
        block((hx - wall, y0, z0), (hx, y1, z1), rgba),
        block((-hx + wall, y0, z0), (hx - wall, y1, z0 + wall), rgba),
        block((-hx + wall, y0, z1 - wall), (hx - wall, y1, z1), rgba),
        block((-hx + wall, y1 - wall, z0 + wall), (hx - wall, y1, z1 - wall), rgba),
    )


def _paint(moving: Moving, rgba: Rgba) -> Moving:
    """The door with its leaf in the appliance's colour."""
    leaf, *rest = moving.parts
    return replace(moving, parts=(replace(leaf, rgba=rgba, material=""), *rest))


def _burners(half: tuple[float, float], height: float) -> list[Part]:
    """A glass field and four rings on it; the field carries pans."""
    field = block(
        (-half[0] + 0.01, -half[1] + 0.03, height),
        (half[0] - 0.01, half[1] - 0.01, height + 0.006),
        GLASS,
    )
    rings = []
    for sx, sy, radius in ((-1, -1, 0.085), (1, -1, 0.07), (-1, 1, 0.07), (1, 1, 0.085)):
        low: Vec3 = (sx * 0.14, sy * 0.13, height)
        rings.append(rod("cylinder", low, (low[0], low[1], height + 0.008), radius, RACK, "visual"))
    return [field, *rings]


def _knobs(face: float, z: float) -> list[Part]:
    """Five knobs on the front below the burners."""
    return [
        metal(rod("cylinder", (x, face, z), (x, face - 0.02, z), 0.018, STEEL, "visual"))
        for x in (-0.22, -0.12, 0.0, 0.12, 0.22)
    ]
