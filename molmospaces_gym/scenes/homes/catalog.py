"""Every piece of furniture by name, and which of them rooms have."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from molmospaces_gym.scenes.homes import appliances, cabinets, furniture, kitchens, seating
from molmospaces_gym.scenes.homes.fixture import Fixture

FIXTURES: Mapping[str, Callable[[np.random.Generator], Fixture]] = {
    "armchair": seating.armchair,
    "bathtub": seating.bathtub,
    "bed": seating.bed,
    "bedside_table": furniture.bedside_table,
    "bin": furniture.bin_,
    "bookcase": furniture.bookcase,
    "chair": seating.chair,
    "chest": cabinets.chest,
    "coffee_table": furniture.coffee_table,
    "console_table": furniture.console_table,
    "counter": kitchens.kitchen_counter,
    "desk": furniture.desk,
    "dining_table": furniture.dining_table,
    "dishwasher": appliances.dishwasher,
    "drawer_desk": cabinets.drawer_desk,
    "dresser": cabinets.dresser,
    "floor_lamp": furniture.floor_lamp,
    "fridge": appliances.fridge,
    "island": kitchens.island,
    "microwave": appliances.microwave,
    "nightstand": cabinets.nightstand,
    "oven": appliances.oven,
    "plant": furniture.plant,
    "shelf": furniture.shelf,
    "side_table": furniture.side_table,
    "sideboard": cabinets.sideboard,
    "sink": kitchens.sink_cabinet,
    "sofa": seating.sofa,
    "stool": seating.stool,
    "toilet": seating.toilet,
    "tv_stand": furniture.tv_stand,
    "vanity": kitchens.vanity,
    "wall_cabinet": kitchens.wall_cabinet,
    "wardrobe": cabinets.wardrobe,
    "washing_machine": appliances.washing_machine,
}
"""Builder of each piece, drawn from its generator."""


@dataclass(frozen=True)
class Typical:
    """A piece that is typical of a room: ``count`` of them (both ends included) with ``chance``."""

    name: str
    chance: float = 1.0
    count: tuple[int, int] = (1, 1)
    near: str = ""
    """Piece beside or around which it stands, such as the chairs at a table."""


ROOM_FIXTURES: Mapping[str, tuple[Typical, ...]] = {
    "kitchen": (
        Typical("counter"),
        Typical("sink", near="counter"),
        Typical("fridge"),
        Typical("oven", near="counter"),
        Typical("dishwasher", 0.7, near="sink"),
        Typical("wall_cabinet", 0.8, (1, 2), near="counter"),
        Typical("microwave", 0.8, near="counter"),
        Typical("island", 0.3),
        Typical("dining_table", 0.4),
        Typical("chair", 0.4, (2, 4), near="dining_table"),
        Typical("stool", 0.3, (1, 2), near="island"),
        Typical("bin", 0.6),
    ),
    "living_room": (
        Typical("sofa"),
        Typical("tv_stand", 0.8),
        Typical("coffee_table", 0.9, near="sofa"),
        Typical("bookcase", 0.6),
        Typical("sideboard", 0.5),
        Typical("armchair", 0.6, (1, 2), near="sofa"),
        Typical("side_table", 0.6, near="sofa"),
        Typical("shelf", 0.4),
        Typical("floor_lamp", 0.6),
        Typical("plant", 0.6, (1, 2)),
    ),
    "bedroom": (
        Typical("bed"),
        Typical("nightstand", 0.9, (1, 2), near="bed"),
        Typical("bedside_table", 0.3, near="bed"),
        Typical("wardrobe", 0.8),
        Typical("dresser", 0.7),
        Typical("chest", 0.3),
        Typical("desk", 0.3),
        Typical("chair", 0.3, near="desk"),
        Typical("floor_lamp", 0.3),
        Typical("plant", 0.3),
    ),
    "bathroom": (
        Typical("toilet"),
        Typical("vanity"),
        Typical("bathtub", 0.7),
        Typical("washing_machine", 0.4),
        Typical("shelf", 0.3),
        Typical("stool", 0.3),
        Typical("bin", 0.5),
    ),
    "office": (
        Typical("drawer_desk"),
        Typical("chair", near="drawer_desk"),
        Typical("bookcase", 0.8, (1, 2)),
        Typical("desk", 0.2),
        Typical("shelf", 0.5),
        Typical("chest", 0.3),
        Typical("armchair", 0.3),
        Typical("floor_lamp", 0.4),
        Typical("plant", 0.5),
        Typical("bin", 0.5),
    ),
    "dining_room": (
        Typical("dining_table"),
        Typical("chair", 1.0, (4, 6), near="dining_table"),
        Typical("sideboard", 0.9),
        Typical("bookcase", 0.3),
        Typical("shelf", 0.3),
        Typical("plant", 0.5),
        Typical("floor_lamp", 0.3),
    ),
    "hallway": (
        Typical("console_table", 0.8),
        Typical("wardrobe", 0.3),
        Typical("shelf", 0.3),
        Typical("chest", 0.2),
        Typical("stool", 0.3),
        Typical("plant", 0.4),
    ),
}
"""Most important first: what does not fit is left out from the end."""
