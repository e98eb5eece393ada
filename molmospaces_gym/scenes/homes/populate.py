"""Which objects stand where in a home. Lengths in m, angles in rad."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from molmospaces_gym.scenes.custom import load_custom_asset
from molmospaces_gym.scenes.generator.catalog import (
    CATEGORIES,
    RECEPTACLES,
    Asset,
    make_asset,
)
from molmospaces_gym.scenes.generator.placing import (
    MARGIN,
    TALL,
    TALL_GAP,
)
from molmospaces_gym.scenes.homes.bodies import Placeable
from molmospaces_gym.scenes.homes.config import HomeConfig
from molmospaces_gym.scenes.homes.rest import SIZES, rest_pose
from molmospaces_gym.scenes.homes.themes import kept_off, weight
from molmospaces_gym.scenes.homes.tops import STAND_GAP, Board

TRIES = 16
"""Positions tried on one top."""
TOPS_TRIED = 8
"""Tops tried for one object."""
REACH = (0.36, 0.63)
REACH_ANGLE = math.radians(48)
"""Distance from a robot's middle (m) and angle from its heading within which objects are put for
it: a little inside of what ``scenes.placement`` takes for reachable."""
BESIDE = (0.36, 0.68)
BESIDE_ANGLE = math.radians(75)
"""The same for the receptacles beside them, which need no grasp: further aside."""
ASIDE = 0.15
"""Largest radius (m) of these receptacles."""
REACH_TRIES = 48
NEAR_FOOTPRINT = 0.07
"""Largest radius (m) of the objects that share one robot's reach."""
HEADROOM = 0.02
"""Free height over an object under a shelf or in a drawer."""
INSIDE_GAP = 0.012
"""Least distance between things in a drawer or a cupboard."""


@dataclass(frozen=True)
class Item:
    """An object on a board; ``x``, ``y`` and ``yaw`` in the frame of the board's furniture."""

    asset: Placeable
    board: int
    x: float
    y: float
    yaw: float


@dataclass
class _Populator:
    boards: Sequence[Board]
    rooms: Sequence[str]
    config: HomeConfig
    rng: np.random.Generator
    items: list[Item] = field(default_factory=list)
    on: dict[int, list[Item]] = field(default_factory=dict)

    def run(self) -> list[Item]:
        wanted = self.config.num_objects
        custom = [load_custom_asset(*source) for source in self.config.custom_objects]
        if wanted:
            self._reach_group(custom)
        for item in self.items:
            if item.asset in custom:
                custom.remove(item.asset)
        for asset in custom:
            self._put_anywhere(asset)
        chances = np.array([board.weight for board in self.boards])
        failures = 0
        while len(self.items) < wanted and failures < 40 and chances.sum() > 0:
            if not self._scatter(chances / chances.sum()):
                failures += 1
        return self.items[:wanted]

    def _scatter(self, chances: np.ndarray) -> bool:
        """One more object on some top."""
        for _ in range(TOPS_TRIED):
            board = int(self.rng.choice(len(self.boards), p=chances))
            asset = self._draw(self.boards[board])
            if asset is not None and self._put(asset, board):
                return True
        return False

    def _put_anywhere(self, asset: Placeable) -> None:
        """Put an object on some top, in the open rather than behind a door."""
        order = [int(k) for k in self.rng.permutation(len(self.boards))]
        for board in sorted(order, key=lambda k: self.boards[k].inside is not None):
            if self._put(asset, board):
                return

    def _draw(self, board: Board) -> Asset | None:
        """An asset that suits the room and the furniture; kinds that are there come less often."""
        names = sorted(CATEGORIES)
        here = [item.asset.category.name for item in self.items]
        weights = np.array(
            [
                0.0
                if kept_off(name, board.lemma)
                else weight(name, self.rooms[board.room]) / (1 + here.count(name))
                for name in names
            ]
        )
        if weights.sum() <= 0:
            return None
        name = names[int(self.rng.choice(len(names), p=weights / weights.sum()))]
        return self._asset(name)

    def _asset(self, name: str) -> Asset | None:
        colors = CATEGORIES[name].colors
        color = colors[int(self.rng.integers(len(colors)))]
        asset = make_asset(name, color, SIZES[int(self.rng.integers(len(SIZES)))])
        return asset if rest_pose(asset).stable else None

    def _put(self, asset: Placeable, board: int) -> bool:
        top = self.boards[board]
        if 2 * asset.half_size[2] + HEADROOM > top.headroom:
            return False
        hx, hy = (half - asset.footprint - MARGIN for half in top.half)
        if hx <= 0 or hy <= 0:
            return False
        for _ in range(TRIES):
            x, y, yaw = (
                float(v) for v in self.rng.uniform((-hx, -hy, -math.pi), (hx, hy, math.pi))
            )
            if self._free(asset, board, top.center[0] + x, top.center[1] + y):
                self._add(Item(asset, board, top.center[0] + x, top.center[1] + y, yaw))
                return True
        return False

    def _add(self, item: Item) -> None:
        self.items.append(item)
        self.on.setdefault(item.board, []).append(item)

    def _free(self, asset: Placeable, board: int, x: float, y: float) -> bool:
        top = self.boards[board]
        for other in self.on.get(board, ()):
            gap = self._gap(asset, other.asset, top)
            free = math.hypot(x - other.x, y - other.y) - asset.footprint - other.asset.footprint
            if free < gap:
                return False
        return True

    def _gap(self, asset: Placeable, other: Placeable, top: Board) -> float:
        if top.inside is not None:
            return INSIDE_GAP
        tall = 2 * max(asset.half_size[2], other.half_size[2]) > TALL
        return self.config.finger_clearance + (TALL_GAP if tall else 0.0)

    def _reach_group(self, first: Sequence[Placeable]) -> None:
        """Graspable objects and receptacles that one robot position reaches, on the best top."""
        wanted = min(self.config.reachable_objects, self.config.num_objects)
        best: list[Item] = []
        stands = self._stands()
        for board, middle, early in [(*s, e) for e in (True, False) for s in stands]:
            group = self._group(board, middle, wanted, first, early)
            if _worth(group, wanted) > _worth(best, wanted):
                best = group
            if _worth(best, wanted) >= (wanted, int(early)):
                break
        for item in best:
            self._add(item)
        if best and self.config.num_objects > len(best) and _worth(best, wanted)[1] == 0:
            # too crowded for one within reach: then elsewhere on the same top
            any(self._put(asset, best[0].board) for asset in self._receptacles(4))

    def _stands(self) -> list[tuple[int, float]]:
        """Boards with the place of a robot before them, large and comfortable ones first."""
        found = [(k, x) for k, board in enumerate(self.boards) for x in board.access.stands]
        jitter = self.rng.random(len(found))
        score = [self.boards[k].reach_score(x) + 0.15 * jitter[n] for n, (k, x) in enumerate(found)]
        order = sorted(range(len(found)), key=lambda n: -score[n])
        return [found[n] for n in order[:6]]

    def _group(
        self, board: int, middle: float, wanted: int, first: Sequence[Placeable], early: bool
    ) -> list[Item]:
        """As many objects as fit, those of ``first`` before all, with receptacles beside them.

        One receptacle is put down before everything else if ``early``.
        """
        before = self.on.get(board, [])
        group: list[Item] = []
        self.on[board] = group
        spare = self.config.num_objects - wanted
        receptacles = self._receptacles(8)
        if spare > 0 and early:
            self._put_first(receptacles, board, middle)
        found, failures = 0, 0.0
        for asset in first[:wanted]:
            if _handy(asset) and self._put_in_reach(asset, board, middle, REACH, REACH_ANGLE):
                found += 1
        while found < wanted and failures < 10:
            drawn = self._draw(self.boards[board])
            if drawn is None or not _handy(drawn):
                failures += 0.1
            elif self._put_in_reach(drawn, board, middle, REACH, REACH_ANGLE):
                found += 1
            else:
                failures += 1
        if spare > 1:
            self._put_first(receptacles, board, middle)
        self.on[board] = before
        return group

    def _receptacles(self, count: int) -> list[Asset]:
        """Receptacles that are small enough to stand beside what one robot reaches."""
        names = [RECEPTACLES[int(k)] for k in self.rng.permutation(len(RECEPTACLES))]
        assets = [self._asset(name) for name in names]
        return [a for a in assets if a is not None and a.footprint <= ASIDE][:count]

    def _put_first(self, assets: list[Asset], board: int, middle: float) -> None:
        """Put down the first that fits, and take it and those before it from the list."""
        while assets:
            if self._put_in_reach(assets.pop(0), board, middle, BESIDE, BESIDE_ANGLE, aside=True):
                return

    def _put_in_reach(
        self,
        asset: Placeable,
        board: int,
        middle: float,
        reach: tuple[float, float],
        angle: float,
        aside: bool = False,
    ) -> bool:
        """Put an object where a robot at ``middle`` reaches it.

        It stands as close to others as it may, or as far to the side as possible (``aside``).
        """
        top = self.boards[board]
        hx, hy = (half - asset.footprint - MARGIN for half in top.half)
        if hx <= 0 or hy <= 0 or 2 * asset.half_size[2] + HEADROOM > top.headroom:
            return False
        angles = self.rng.uniform(-angle, angle, REACH_TRIES)
        distances = np.sqrt(self.rng.uniform(reach[0] ** 2, reach[1] ** 2, REACH_TRIES))
        xs = middle + distances * np.sin(angles)
        ys = top.center[1] - top.half[1] - top.overhang - STAND_GAP + distances * np.cos(angles)
        inside = (abs(xs - top.center[0]) <= hx) & (abs(ys - top.center[1]) <= hy)
        best: tuple[float, float, float] | None = None
        for x, y in zip(xs[inside].tolist(), ys[inside].tolist(), strict=True):
            if self._free(asset, board, x, y):
                if aside:
                    score = abs(x - middle) + 0.5 * (y - top.center[1])
                else:
                    others = (math.hypot(x - o.x, y - o.y) for o in self.on[board])
                    edges = 1.0 / (hy - abs(y - top.center[1]) + 0.1)
                    score = sum(1.0 / distance**2 for distance in others) + edges
                if best is None or score > best[0]:
                    best = (score, x, y)
        if best is None:
            return False
        yaw = float(self.rng.uniform(-math.pi, math.pi))
        self.on[board].append(Item(asset, board, best[1], best[2], yaw))
        return True


def _worth(group: Sequence[Item], wanted: int) -> tuple[int, int]:
    """How good a group of objects is: handy objects up to ``wanted``, then receptacles."""
    handy = sum(_handy(item.asset) for item in group)
    return min(handy, wanted), sum(_receives(item.asset) for item in group)


def _receives(asset: Placeable) -> bool:
    return isinstance(asset, Asset) and asset.category.name in RECEPTACLES


def _handy(asset: Placeable) -> bool:
    """Whether a robot can hold it, with room for others beside it."""
    return asset.graspable and asset.footprint <= NEAR_FOOTPRINT


def populate(
    boards: Sequence[Board], rooms: Sequence[str], config: HomeConfig, rng: np.random.Generator
) -> list[Item]:
    """Objects on boards; first those within one robot's reach. ``rooms`` are the room types."""
    return _Populator(boards, rooms, config, rng).run()
