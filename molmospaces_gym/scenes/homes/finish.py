"""Colours and materials of a home: each room has its own walls, floor and furniture finish."""

import numpy as np

from molmospaces_gym.scenes.generator.furniture import FINISH
from molmospaces_gym.scenes.generator.mjcf import element
from molmospaces_gym.scenes.generator.room import (
    FLOORS,
    FRONTS,
    RUGS,
    STONES,
    WALLS,
    WOODS,
)
from molmospaces_gym.scenes.generator.shapes import Rgba
from molmospaces_gym.scenes.homes.plan import FloorPlan, Room

METAL: Rgba = (0.72, 0.73, 0.75, 1.0)
TRIM: Rgba = (0.94, 0.93, 0.90, 1.0)
PANE: Rgba = (0.56, 0.74, 0.90, 1.0)
FACADES: tuple[Rgba, ...] = (
    (0.80, 0.76, 0.70, 1),
    (0.70, 0.45, 0.36, 1),
    (0.88, 0.88, 0.86, 1),
)
TILED = ("kitchen", "bathroom")
"""Rooms with a tiled floor; the others have boards."""


def shared_material(name: str) -> bool:
    """Whether all rooms share this material."""
    return name in ("trim", "pane", "facade", FINISH.metal)


def room_material(name: str, room: int) -> str:
    """Name of a material as one room has it."""
    return name if not name or shared_material(name) else f"{name}_{room}"


def materials(plan: FloorPlan, rng: np.random.Generator) -> dict[str, str]:
    """Texture and material elements by name. Checker and flat ones: their pixels never change."""
    sky = element(
        "texture", type="skybox", builtin="gradient", rgb1=(0.75, 0.85, 0.95),
        rgb2=(0.95, 0.95, 0.92), width=64, height=384,
    )  # fmt: skip
    found = {"sky": sky}
    common = {
        "trim": TRIM,
        "pane": PANE,
        "facade": FACADES[int(rng.integers(len(FACADES)))],
        FINISH.metal: METAL,
    }
    for name, rgba in common.items():
        found[name] = _flat(name, rgba, 0.25 if name == "pane" else None)
    wood, dark = WOODS[int(rng.integers(len(WOODS)))]
    trim_front = FRONTS[int(rng.integers(len(FRONTS)))]
    for room in plan.rooms:
        own_wood, own_dark = WOODS[int(rng.integers(len(WOODS)))]
        same = rng.random() < 0.5
        colors = {
            "wall": WALLS[int(rng.integers(len(WALLS)))],
            FINISH.wood: wood if same else own_wood,
            FINISH.dark: dark if same else own_dark,
            FINISH.front: trim_front if same else FRONTS[int(rng.integers(len(FRONTS)))],
            FINISH.stone: STONES[int(rng.integers(len(STONES)))],
            "rug": RUGS[int(rng.integers(len(RUGS)))],
            "picture": RUGS[int(rng.integers(len(RUGS)))],
        }
        for key, rgba in colors.items():
            name = room_material(key, room.index)
            found[name] = _flat(name, rgba)
        found.update(_floor(room, rng))
    return found


def _flat(name: str, rgba: Rgba, emission: float | None = None) -> str:
    return element("material", name=name, rgba=rgba, specular=0.1, shininess=0.2, emission=emission)


def _floor(room: Room, rng: np.random.Generator) -> dict[str, str]:
    kinds = FLOORS[1::2] if room.type in TILED else FLOORS[::2]
    first, second, per_metre = kinds[int(rng.integers(len(kinds)))]
    width, depth = room.area.size
    if room.type not in TILED and rng.random() < 0.5:
        per_metre = per_metre[::-1]
    repeat = (round(per_metre[0] * width), round(per_metre[1] * depth))
    name = room_material("floor", room.index)
    texture = element(
        "texture", name=f"{name}_texture", type="2d", builtin="checker", rgb1=first[:3],
        rgb2=second[:3], width=128, height=128,
    )  # fmt: skip
    material = element(
        "material", name=name, texture=f"{name}_texture", texrepeat=repeat, specular=0.1,
        shininess=0.3,
    )  # fmt: skip
    return {f"{name}_texture": texture, name: material}
