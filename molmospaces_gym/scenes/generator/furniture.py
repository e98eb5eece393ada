"""Furniture parts in a piece's own frame: front at -y, floor at z = 0. Lengths in m."""

from dataclasses import dataclass, replace

import numpy as np

from molmospaces_gym.scenes.generator.layout import Piece
from molmospaces_gym.scenes.generator.objects import COLORS
from molmospaces_gym.scenes.generator.shapes import Part, Rgba, Role, box

TOP = 0.036
"""Thickness of table tops and boards."""


@dataclass(frozen=True)
class Finish:
    """Material names of a room's furniture."""

    wood: str = "wood"
    dark: str = "dark_wood"
    front: str = "cabinet_front"
    stone: str = "counter_top"
    metal: str = "metal"


FINISH = Finish()


def board(
    low: tuple[float, float, float],
    high: tuple[float, float, float],
    material: str,
    role: Role = "solid",
) -> Part:
    """Box between two corners."""
    hx, hy, hz = ((b - a) / 2 for a, b in zip(low, high, strict=True))
    x, y, z = ((a + b) / 2 for a, b in zip(low, high, strict=True))
    return replace(box((hx, hy, hz), (x, y, z), (1, 1, 1, 1), role), material=material)


def furniture_parts(piece: Piece, rng: np.random.Generator) -> list[Part]:
    """Parts of every piece except the kitchen counter."""
    match piece.lemma:
        case "shelf":
            return shelf(piece, rng)
        case "desk":
            return desk(piece)
        case "side_table":
            return table(piece, FINISH.dark, leg=0.022, inset=0.0)
        case _:
            return table(piece, FINISH.wood, leg=0.03, inset=0.04)


def table(piece: Piece, material: str, leg: float, inset: float) -> list[Part]:
    """Top on four square legs of half width ``leg``."""
    (hx, hy), height = piece.half, piece.height
    top = board((-hx, -hy, height - TOP), (hx, hy, height), material)
    legs = []
    for sx in (-1, 1):
        for sy in (-1, 1):
            x, y = sx * (hx - inset - leg), sy * (hy - inset - leg)
            low, high = (x - leg, y - leg, 0.0), (x + leg, y + leg, height - TOP)
            legs.append(board(low, high, FINISH.dark))
    return [top, *legs]


def desk(piece: Piece) -> list[Part]:
    """Top on two panels with a modesty board at the back."""
    (hx, hy), height = piece.half, piece.height
    under = height - TOP
    top = board((-hx, -hy, under), (hx, hy, height), FINISH.wood)
    left = board((-hx, -hy + 0.02, 0), (-hx + 0.03, hy, under), FINISH.front)
    right = board((hx - 0.03, -hy + 0.02, 0), (hx, hy, under), FINISH.front)
    back = board((-hx + 0.03, hy - 0.03, 0.25), (hx - 0.03, hy - 0.01, under), FINISH.front)
    return [top, left, right, back]


def shelf(piece: Piece, rng: np.random.Generator) -> list[Part]:
    """Low bookcase: usable top, boards below with a few rows of books that stay there."""
    (hx, hy), height = piece.half, piece.height
    under, wall = height - TOP, 0.022
    top = board((-hx, -hy, under), (hx, hy, height), FINISH.wood)
    left = board((-hx, -hy, 0), (-hx + wall, hy, under), FINISH.wood)
    right = board((hx - wall, -hy, 0), (hx, hy, under), FINISH.wood)
    back = board((-hx + wall, hy - 0.012, 0), (hx - wall, hy, under), FINISH.dark)
    levels = [0.08, 0.08 + (under - 0.08) / 2]
    boards = [
        board((-hx + wall, -hy, z - 0.02), (hx - wall, hy - 0.012, z), FINISH.wood) for z in levels
    ]
    books = [book_row(rng, hx - wall, hy, z, (under - 0.08) / 2 - 0.04) for z in levels]
    return [top, left, right, back, *boards, *(book for row in books for book in row)]


def book_row(rng: np.random.Generator, half: float, hy: float, z: float, room: float) -> list[Part]:
    """Two groups of books standing side by side on a board."""
    names = ("red", "blue", "green", "teal", "orange", "purple", "brown")
    x = float(rng.uniform(-half + 0.02, 0.0))
    row = []
    for _ in range(2):
        width = float(rng.uniform(0.05, 0.16))
        tall = min(room, float(rng.uniform(0.16, 0.24)))
        color: Rgba = COLORS[names[int(rng.integers(len(names)))]]
        pos = (x + width / 2, 0.02, z + tall / 2)
        row.append(box((width / 2, hy - 0.05, tall / 2), pos, color))
        x += width + 0.004
    return row
