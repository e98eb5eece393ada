"""Where objects stand: circles that do not touch, sampled on the tops of furniture."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from molmospaces_gym.scenes.generator.catalog import ROOM_CATEGORIES, Asset, draw_asset
from molmospaces_gym.scenes.generator.layout import HouseConfig, Piece

REACH = (0.36, 0.68)
"""Horizontal distance (m) from a robot's base axis at which objects stand for it."""
STAND_OFF = 0.30
"""Distance (m) of that axis from the edge; the official pedestal is 0.25 m deep in front of it."""
MARGIN = 0.02
"""Free space (m) between an object and the edge it stands at."""
TALL = 0.13
TALL_GAP = 0.03
"""Extra space (m) beside objects over ``TALL`` m, for the body of the gripper."""
TRIES = 80
SPARES = 10
"""Assets drawn beyond the wanted number, for those that fit nowhere."""


@dataclass(frozen=True)
class Placed:
    """An object on a piece of furniture; ``x``, ``y`` and ``yaw`` in the frame of the piece."""

    asset: Asset
    piece: int
    x: float
    y: float
    yaw: float


@dataclass(frozen=True)
class _Zone:
    """Part of a top: everything, or only what one robot position reaches."""

    piece: int
    middle: float
    reach_only: bool


def place_objects(
    pieces: tuple[Piece, ...], config: HouseConfig, rng: np.random.Generator
) -> list[Placed]:
    """Draw assets and stand them on the pieces.

    The first ``reachable_objects`` (graspable, not sprawling) stand on the main table within
    reach of one robot position at its front. Categories repeat only when all are used up.
    For an object that fits nowhere a spare one is tried; a very full room ends up with fewer.
    """
    middles = [_middle(piece, rng) for piece in pieces]
    near: list[Placed] = []
    rest: list[Placed] = []
    zones = _shares(pieces, rng, middles)
    for asset in _draw(config.num_objects, rng):
        if len(near) + len(rest) == config.num_objects:
            break
        if len(near) < config.reachable_objects and _suits_reach(asset):
            zone = _Zone(0, middles[0], True)
            placed = _try(asset, zone, pieces, near + rest, config, rng)
            if placed is not None:
                near.append(placed)
                continue
        for zone in zones:
            placed = _try(asset, zone, pieces, near + rest, config, rng)
            if placed is not None:
                rest.append(placed)
                zones = [*zones[1:], zones[0]]
                break
    return near + rest


def _draw(count: int, rng: np.random.Generator) -> list[Asset]:
    """Assets of shuffled categories, those that suit the reach zone first, then ``SPARES``."""
    names: list[str] = []
    while len(names) < count + SPARES:
        order = sorted(ROOM_CATEGORIES)
        rng.shuffle(order)
        names += order
    assets = [draw_asset(name, rng) for name in names[: count + SPARES]]
    wanted, spares = assets[:count], assets[count:]
    return [*sorted(wanted, key=lambda asset: not _suits_reach(asset)), *spares]


def _suits_reach(asset: Asset) -> bool:
    return asset.graspable and asset.footprint <= 0.085


def _middle(piece: Piece, rng: np.random.Generator) -> float:
    """Where along its front the robot would stand."""
    slack = max(0.0, piece.half[0] - 0.45)
    return float(rng.uniform(-slack, slack))


def _shares(
    pieces: tuple[Piece, ...], rng: np.random.Generator, middles: list[float]
) -> list[_Zone]:
    """Zones for the rest, in the order in which they are tried; large tops come more often."""
    weights = {"dining_table": 2, "counter": 5, "shelf": 3, "side_table": 3, "desk": 4}
    zones = [
        _Zone(k, middles[k], False)
        for k, piece in enumerate(pieces)
        for _ in range(weights[piece.lemma])
    ]
    order = rng.permutation(len(zones))
    return [zones[int(k)] for k in order]


def _try(
    asset: Asset,
    zone: _Zone,
    pieces: tuple[Piece, ...],
    others: Iterable[Placed],
    config: HouseConfig,
    rng: np.random.Generator,
) -> Placed | None:
    """A free spot in the zone, or None after ``TRIES`` draws."""
    piece = pieces[zone.piece]
    hx, hy = (half - asset.footprint - MARGIN for half in piece.half)
    if hx <= 0 or hy <= 0:
        return None
    taken = [other for other in others if other.piece == zone.piece]
    for _ in range(TRIES):
        x, y, yaw = (float(value) for value in rng.uniform((-hx, -hy, -math.pi), (hx, hy, math.pi)))
        distance = math.hypot(x - zone.middle, y + piece.half[1] + STAND_OFF)
        if zone.reach_only and not REACH[0] <= distance <= REACH[1]:
            continue
        if not zone.reach_only and abs(x - zone.middle) > 0.75:
            continue
        if all(_apart(asset, x, y, other, config) for other in taken):
            return Placed(asset, zone.piece, x, y, yaw)
    return None


def _apart(asset: Asset, x: float, y: float, other: Placed, config: HouseConfig) -> bool:
    tall = max(asset.half_size[2], other.asset.half_size[2]) * 2 > TALL
    gap = config.finger_clearance + (TALL_GAP if tall else 0.0)
    free = math.hypot(x - other.x, y - other.y) - asset.footprint - other.asset.footprint
    return free >= gap
