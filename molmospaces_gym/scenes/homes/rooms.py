"""Which rooms homes have, how large they are and which of them lie side by side."""

from dataclasses import dataclass

from molmospaces_gym.scenes.homes.plan import RoomType

YARD = "yard"
"""Part of the outer rectangle that stays open, so that outlines are not all rectangles."""


@dataclass(frozen=True)
class RoomRule:
    """Bounds for one type of room: area range (m^2), shortest side, longest side over shortest."""

    area: tuple[float, float]
    least: float
    aspect: float


RULES: dict[str, RoomRule] = {
    "kitchen": RoomRule((11.0, 16.0), 2.9, 2.0),
    "living_room": RoomRule((15.0, 24.0), 3.5, 1.9),
    "bedroom": RoomRule((11.0, 16.0), 3.0, 1.7),
    "bathroom": RoomRule((5.5, 8.5), 2.2, 2.0),
    "dining_room": RoomRule((10.5, 15.0), 3.0, 1.8),
    "office": RoomRule((8.5, 12.0), 2.7, 1.7),
    "hallway": RoomRule((6.0, 10.0), 1.7, 4.5),
    YARD: RoomRule((8.0, 16.0), 1.8, 5.0),
}

MIXES: tuple[tuple[tuple[RoomType, ...], ...], ...] = (
    (("kitchen",), ("kitchen",), ("living_room",), ("bedroom",)),
    (("kitchen", "living_room"), ("kitchen", "bedroom"), ("living_room", "bedroom")),
    (
        ("kitchen", "living_room", "bedroom"),
        ("kitchen", "living_room", "bathroom"),
        ("kitchen", "bedroom", "bathroom"),
    ),
    (
        ("kitchen", "living_room", "bedroom", "bathroom"),
        ("kitchen", "living_room", "bedroom", "office"),
        ("kitchen", "living_room", "dining_room", "bathroom"),
    ),
    (
        ("kitchen", "living_room", "bedroom", "bathroom", "hallway"),
        ("kitchen", "living_room", "bedroom", "bathroom", "dining_room"),
        ("kitchen", "living_room", "bedroom", "bathroom", "bedroom"),
        ("kitchen", "living_room", "bedroom", "bathroom", "office"),
    ),
    (
        ("kitchen", "living_room", "bedroom", "bathroom", "hallway", "bedroom"),
        ("kitchen", "living_room", "bedroom", "bathroom", "hallway", "office"),
        ("kitchen", "living_room", "bedroom", "bathroom", "dining_room", "bedroom"),
    ),
    (
        ("kitchen", "living_room", "bedroom", "bathroom", "hallway", "bedroom", "dining_room"),
        ("kitchen", "living_room", "bedroom", "bathroom", "hallway", "bedroom", "office"),
    ),
    (
        (
            *("kitchen", "living_room", "bedroom", "bathroom"),
            *("hallway", "bedroom", "dining_room", "office"),
        ),
        (
            *("kitchen", "living_room", "bedroom", "bathroom"),
            *("hallway", "bedroom", "bathroom", "office"),
        ),
    ),
)
"""Which rooms a home of 1, 2, ... rooms may have."""

COSTS: dict[frozenset[str], float] = {
    frozenset(pair): cost
    for pair, cost in (
        (("hallway", "kitchen"), 0.3),
        (("hallway", "living_room"), 0.0),
        (("hallway", "bedroom"), 0.0),
        (("hallway", "bathroom"), 0.0),
        (("hallway", "dining_room"), 0.3),
        (("hallway", "office"), 0.0),
        (("living_room", "kitchen"), 0.2),
        (("living_room", "dining_room"), 0.1),
        (("kitchen", "dining_room"), 0.0),
        (("living_room", "bedroom"), 1.0),
        (("living_room", "office"), 1.0),
        (("living_room", "bathroom"), 2.0),
        (("bedroom", "bathroom"), 1.2),
        (("bedroom", "office"), 3.0),
        (("dining_room", "bedroom"), 2.5),
        (("dining_room", "bathroom"), 3.0),
        (("dining_room", "office"), 2.0),
        (("kitchen", "bedroom"), 3.0),
        (("kitchen", "office"), 2.5),
        (("kitchen", "bathroom"), 3.5),
        (("bathroom", "office"), 4.0),
        (("bedroom",), 4.0),
        (("bathroom",), 9.0),
    )
}
"""How odd it is to walk from one kind of room straight into the other."""
OPEN_AREAS = ("kitchen", "living_room", "dining_room", "hallway")
"""Rooms between which a passage without a door is usual."""
