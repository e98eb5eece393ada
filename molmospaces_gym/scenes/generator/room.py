"""The shell of a room (floor, walls, decoration), its materials, lights and options."""

from dataclasses import replace
from typing import TypeVar

import numpy as np

from molmospaces_gym.scenes.generator.furniture import FINISH, board
from molmospaces_gym.scenes.generator.layout import Piece, RoomPlan
from molmospaces_gym.scenes.generator.mjcf import element
from molmospaces_gym.scenes.generator.shapes import Part, Rgba, Vec3, rod

T = TypeVar("T")

WALL_HEIGHT = 2.6
WALL = 0.08
"""Height and thickness (m) of the walls."""

WALLS: tuple[Rgba, ...] = (
    (0.88, 0.85, 0.78, 1),
    (0.80, 0.86, 0.87, 1),
    (0.85, 0.87, 0.80, 1),
    (0.90, 0.82, 0.77, 1),
    (0.86, 0.86, 0.88, 1),
)
FRONTS: tuple[Rgba, ...] = (
    (0.90, 0.90, 0.88, 1),
    (0.36, 0.46, 0.52, 1),
    (0.55, 0.63, 0.54, 1),
    (0.72, 0.60, 0.46, 1),
    (0.30, 0.36, 0.45, 1),
)
WOODS: tuple[tuple[Rgba, Rgba], ...] = (
    ((0.72, 0.53, 0.34, 1), (0.48, 0.33, 0.20, 1)),
    ((0.82, 0.68, 0.48, 1), (0.60, 0.46, 0.30, 1)),
    ((0.52, 0.36, 0.24, 1), (0.33, 0.22, 0.15, 1)),
)
STONES: tuple[Rgba, ...] = ((0.32, 0.33, 0.35, 1), (0.83, 0.82, 0.79, 1), (0.55, 0.53, 0.50, 1))
FLOORS: tuple[tuple[Rgba, Rgba, tuple[float, float]], ...] = (
    ((0.66, 0.50, 0.34, 1), (0.60, 0.44, 0.29, 1), (0.6, 3.2)),
    ((0.78, 0.74, 0.68, 1), (0.70, 0.66, 0.60, 1), (1.1, 1.1)),
    ((0.55, 0.42, 0.31, 1), (0.49, 0.37, 0.27, 1), (0.6, 3.2)),
    ((0.70, 0.72, 0.72, 1), (0.60, 0.62, 0.63, 1), (1.1, 1.1)),
)
"""Two colours and the number of checker repeats per metre along x and y."""
RUGS: tuple[Rgba, ...] = ((0.62, 0.30, 0.28, 1), (0.29, 0.42, 0.52, 1), (0.72, 0.66, 0.55, 1))


def assets(rng: np.random.Generator, plan: RoomPlan) -> list[str]:
    """Textures and materials. Checker and flat ones only: their pixels never change."""
    wood, dark = _pick(rng, WOODS)
    first, second, per_metre = _pick(rng, FLOORS)
    width, depth = plan.world_size
    repeat = (round(per_metre[0] * width), round(per_metre[1] * depth))
    sky = element(
        "texture", type="skybox", builtin="gradient", rgb1=(0.75, 0.85, 0.95),
        rgb2=(0.95, 0.95, 0.92), width=64, height=384,
    )  # fmt: skip
    floor = element(
        "texture", name="floor_texture", type="2d", builtin="checker", rgb1=first[:3],
        rgb2=second[:3], width=128, height=128,
    )  # fmt: skip
    colors = {
        "wall": _pick(rng, WALLS),
        FINISH.front: _pick(rng, FRONTS),
        FINISH.wood: wood,
        FINISH.dark: dark,
        FINISH.stone: _pick(rng, STONES),
        FINISH.metal: (0.72, 0.73, 0.75, 1.0),
        "trim": (0.94, 0.93, 0.90, 1.0),
        "pane": (0.56, 0.74, 0.90, 1.0),
        "rug": _pick(rng, RUGS),
        "picture": _pick(rng, RUGS),
    }
    glow = {"pane": 0.25}
    materials = [
        element(
            "material", name=name, rgba=rgba, specular=0.1, shininess=0.2,
            emission=glow.get(name),
        )
        for name, rgba in colors.items()
    ]  # fmt: skip
    floor_material = element(
        "material", name="floor", texture="floor_texture", texrepeat=repeat, specular=0.1,
        shininess=0.3,
    )  # fmt: skip
    return [sky, floor, floor_material, *materials]


def walls(plan: RoomPlan) -> list[Part]:
    """Four walls around the room, in the plan's frame."""
    hx, hy, h = plan.size[0] / 2, plan.size[1] / 2, WALL_HEIGHT
    return [
        board((-hx - WALL, hy, 0), (hx + WALL, hy + WALL, h), "wall"),
        board((-hx - WALL, -hy - WALL, 0), (hx + WALL, -hy, h), "wall"),
        board((hx, -hy, 0), (hx + WALL, hy, h), "wall"),
        board((-hx - WALL, -hy, 0), (-hx, hy, h), "wall"),
    ]


def decoration(plan: RoomPlan, rng: np.random.Generator) -> list[Part]:
    """Window, door, picture and rug: seen, never touched; in the plan's frame."""
    hx, hy = plan.size[0] / 2, plan.size[1] / 2
    pieces = {piece.lemma: piece for piece in plan.pieces}
    parts = _window(pieces["counter"].x + float(rng.uniform(-0.4, 0.4)), hy)
    parts += _door(hx - 0.75, -hy)
    side = pieces["side_table"]
    parts += [
        board((-hx, side.y - 0.34, 1.25), (-hx + 0.02, side.y + 0.34, 1.75), "trim", "visual"),
        board((-hx, side.y - 0.30, 1.29), (-hx + 0.025, side.y + 0.30, 1.71), "picture", "visual"),
    ]
    return parts + _rug(pieces["dining_table"])


def _window(x: float, wall: float) -> list[Part]:
    low, high, half = 1.25, 2.15, 0.6
    frame = board((x - half, wall - 0.03, low), (x + half, wall, high), "trim", "visual")
    panes = [
        board((x + a, wall - 0.035, low + 0.06), (x + b, wall, high - 0.06), "pane", "visual")
        for a, b in ((-half + 0.06, -0.025), (0.025, half - 0.06))
    ]
    return [frame, *panes]


def _door(x: float, wall: float) -> list[Part]:
    frame = board((x - 0.47, wall, 0), (x + 0.47, wall + 0.015, 2.08), "trim", "visual")
    leaf = board((x - 0.41, wall, 0.005), (x + 0.41, wall + 0.03, 2.02), FINISH.dark, "visual")
    start: Vec3 = (x - 0.35, wall + 0.07, 1.0)
    knob = rod("capsule", start, (x - 0.25, wall + 0.07, 1.0), 0.012, (1, 1, 1, 1), "visual")
    return [frame, leaf, replace(knob, material=FINISH.metal)]


def _rug(table: Piece) -> list[Part]:
    ex, ey = table.extent[0] + 0.35, table.extent[1] + 0.35
    x, y = table.x, table.y
    return [board((x - ex, y - ey, 0.0), (x + ex, y + ey, 0.006), "rug", "visual")]


def lights(plan: RoomPlan) -> list[str]:
    """A lamp under the ceiling that casts shadows, and a sun-like fill light that does not.

    A shadow-casting sun would draw the shadows of the walls across the floor.
    """
    width, depth = plan.world_size
    sun = element(
        "light", name="sun", pos=(0.2 * width, 0.3 * depth, 3.5), dir=(0.3, 0.2, -1.0),
        directional=True, diffuse=(0.24, 0.24, 0.23), specular=(0.05, 0.05, 0.05),
        castshadow=False,
    )  # fmt: skip
    lamp = element(
        "light", name="ceiling", pos=(0.46 * width, 0.54 * depth, 2.55), dir=(0.0, 0.0, -1.0),
        diffuse=(0.42, 0.41, 0.38), specular=(0.1, 0.1, 0.1), castshadow=True, cutoff=75.0,
        exponent=1.0, attenuation=(1.0, 0.0, 0.02),
    )  # fmt: skip
    return [sun, lamp]


def _pick(rng: np.random.Generator, choices: tuple[T, ...]) -> T:
    return choices[int(rng.integers(len(choices)))]
