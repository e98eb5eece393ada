"""Which kinds of objects belong in which rooms and on which furniture."""

from molmospaces_gym.scenes.generator.bottles import BOTTLES
from molmospaces_gym.scenes.generator.containers import CONTAINERS
from molmospaces_gym.scenes.generator.cutlery import CUTLERY
from molmospaces_gym.scenes.generator.groceries import GROCERIES
from molmospaces_gym.scenes.generator.pantry import PANTRY
from molmospaces_gym.scenes.generator.produce import PRODUCE
from molmospaces_gym.scenes.generator.vessels import VESSELS

_BATH = (
    "soap_bottle", "soap_bar", "spray_bottle", "sponge", "cup", "candle", "toothbrush",
    "toothpaste", "hairbrush", "toilet_roll", "perfume", "bucket",
)  # fmt: skip
_FOOD = frozenset(
    kind.name for kind in (*VESSELS, *CUTLERY, *PRODUCE, *GROCERIES, *BOTTLES, *CONTAINERS, *PANTRY)
)
_LIVING = (
    *("mug", "cup", "bowl", "vase", "candle", "apple", "orange", "plate", "bottle", "teapot"),
    *("wine_glass", "tray", "basket", "box"),
)
_OFFICE = ("mug", "cup", "bottle", "soda_can", "apple", "banana", "box", "storage_bin", "organizer")
_EXTRA = {
    "bathroom": frozenset(_BATH),
    "living_room": frozenset(_LIVING),
    "dining_room": frozenset(_LIVING),
    "bedroom": frozenset(
        ("mug", "cup", "candle", "vase", "bottle", "box", "basket", "storage_bin")
    ),
    "office": frozenset(_OFFICE),
    "hallway": frozenset(("vase", "candle", "box", "bowl", "tray", "basket", "crate")),
}
ODD = 0.06
"""Weight of a kind that does not belong in a room but may be found there."""
SOFT = ("bed", "sofa", "armchair")
_ON_SOFT = frozenset(
    ("book", "remote", "phone", "toy_ball", "toy_car", "toy_block", "pillow", "teddy", "notebook")
)


def weight(category: str, room: str) -> float:
    """How usual a kind of object is in a type of room."""
    edible = category in _FOOD
    if room == "kitchen":
        return 1.0 if edible else ODD
    if room == "dining_room" and edible:
        return 0.8
    if room == "bathroom":
        return 1.0 if category in _BATH else 0.5 * ODD
    if category in _EXTRA.get(room, ()):
        return 1.0
    return ODD if edible or category in _BATH else 1.0


def kept_off(category: str, lemma: str) -> bool:
    """Whether such an object does not lie on (or in) such furniture."""
    return lemma in SOFT and category not in _ON_SOFT
