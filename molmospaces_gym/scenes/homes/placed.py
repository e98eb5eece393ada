"""A piece of furniture where it stands. Lengths in m, world frame."""

from dataclasses import dataclass

from molmospaces_gym.scenes.homes.fixture import Fixture
from molmospaces_gym.scenes.homes.rect import Rect
from molmospaces_gym.scenes.homes.space import Spot, Zone, solid

REACHED_WITHIN = 0.9
"""Distance before furniture within which a robot must find room."""


@dataclass(frozen=True)
class Placed:
    """A piece of furniture where it stands. ``on`` is the number of the piece that carries it."""

    key: str
    fixture: Fixture
    room: int
    spot: Spot
    on: int | None = None

    @property
    def zone(self) -> Zone:
        """The space it takes."""
        return solid(self.fixture, self.spot)


def front_of(piece: Placed) -> Rect | None:
    """The floor before a piece on which a robot must find room to use it, None where none need."""
    if piece.on is not None or piece.fixture.hung > 0 or not piece.fixture.tops:
        return None
    hx, hy = piece.fixture.half
    return piece.spot.rect((-hx, -hy - REACHED_WITHIN), (hx, -hy))
