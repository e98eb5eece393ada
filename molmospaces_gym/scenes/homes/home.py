"""Puts a home together: plan, furniture, objects at rest, text and metadata."""

import json
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from molmospaces_gym.scenes.generator import mjcf
from molmospaces_gym.scenes.generator.names import house_streams
from molmospaces_gym.scenes.homes.assembly import Assembly
from molmospaces_gym.scenes.homes.bodies import home_header
from molmospaces_gym.scenes.homes.config import HomeConfig
from molmospaces_gym.scenes.homes.finish import materials
from molmospaces_gym.scenes.homes.floor import free_floor, unreachable
from molmospaces_gym.scenes.homes.furnish import furnish
from molmospaces_gym.scenes.homes.grid import FreeFloor
from molmospaces_gym.scenes.homes.placed import Placed
from molmospaces_gym.scenes.homes.plan import FloorPlan
from molmospaces_gym.scenes.homes.planning import plan_home
from molmospaces_gym.scenes.homes.populate import populate
from molmospaces_gym.scenes.homes.tops import Board, find_boards
from molmospaces_gym.scenes.homes.walls import lights
from molmospaces_gym.scenes.house import House

HOMES = "homes"
"""First part of the names of homes."""
HOMES_VERSION = 1
"""Part of every seed. Raising it changes every home."""


def home_name(split: str, index: int) -> str:
    """Name under which a home is asked for, e.g. ``homes/val/3``."""
    return f"{HOMES}/{split}/{index}"


def generate_home(split: str, index: int, config: HomeConfig | None = None) -> House:
    """Home number ``index`` of a split: a pure function of its arguments.

    Everything in it is at rest. The world frame is that of the official ProcTHOR houses: z up, the
    floor at z = 0, the house in x, y >= 0. Besides the official ``objects`` its metadata has
    ``surfaces``, ``rooms``, ``doors``, ``passages``, ``articulated``, ``settled`` and
    ``generator``; see ``docs/homes.md``.

    Args:
        split: ``train``, ``val`` or ``test``; no home belongs to two of them.
        index: which home, from 0.
        config: what it holds.

    Raises:
        UnknownName: no such split.
        InvalidConfig: the index is not a whole number >= 0.
    """
    config = config or HomeConfig()
    streams = house_streams(split, index, 5, f"homes/v{HOMES_VERSION}")
    plan_rng, furniture_rng, object_rng, finish_rng, door_rng = streams
    plan = plan_home(plan_rng, config)
    placed, boards, openable = furnish_usefully(plan, config, furniture_rng)
    items = populate(boards, [room.type for room in plan.rooms], config, object_rng)
    scene = Assembly(plan)
    scene.add_structure(placed, finish_rng, config.ceiling)
    scene.add_windows()
    for opening in plan.doorways:
        scene.add_doorway(opening, door_rng, config)
    for k, piece in enumerate(placed):
        scene.add_piece(piece, k in openable)
    scene.add_boards(boards)
    for item in items:
        scene.add_object(item, boards[item.board])
    scene.assets = {**materials(plan, finish_rng), **scene.assets}
    world = mjcf.element("worldbody", [*lights(plan), *scene.bodies])
    library = mjcf.element("asset", list(scene.assets.values()))
    head = home_header() + "".join(scene.defaults.values())
    text = f'<mujoco model="home">\n{head}{library}\n{world}\n</mujoco>\n'
    metadata = {
        **scene.metadata(),
        "settled": True,
        "generator": {
            "kind": HOMES,
            "version": HOMES_VERSION,
            "split": split,
            "index": int(index),
            "config": asdict(config),
        },
    }
    return House(home_name(split, index), mjcf=text, metadata=_plain(metadata))


FURNISHINGS = 6
"""Times a plan is furnished anew until a robot finds a place to work."""


def furnish_usefully(
    plan: FloorPlan, config: HomeConfig, rng: np.random.Generator
) -> tuple[list[Placed], list[Board], set[int]]:
    """Furniture, its boards and what opens; a robot can work at one of the boards at least."""
    for _ in range(FURNISHINGS):
        placed, floor = furnish_reachably(plan, rng)
        openable = choose_openable(placed, config.num_articulated)
        boards = find_boards(placed, floor, openable)
        if any(board.access.stands for board in boards):
            break
    return placed, boards, openable


def furnish_reachably(plan: FloorPlan, rng: np.random.Generator) -> tuple[list[Placed], FreeFloor]:
    """Furniture, without the pieces that would keep a robot from a room or from what opens."""
    placed = furnish(plan, rng)
    while True:
        floor = free_floor(plan, placed)
        excess = unreachable(plan, placed, floor)
        if not excess:
            return placed, floor
        placed = without(placed, excess[0])


def without(placed: list[Placed], gone: int) -> list[Placed]:
    """The furniture without one piece and what stands on it."""
    kept = [k for k, piece in enumerate(placed) if gone not in (k, piece.on)]
    number = {k: n for n, k in enumerate(kept)}
    return [
        piece if piece.on is None else replace(piece, on=number[piece.on])
        for piece in (placed[k] for k in kept)
    ]


def choose_openable(placed: list[Placed], limit: int) -> set[int]:
    """Numbers of the pieces whose parts move: room by room in turn, up to ``limit`` parts."""
    seen: dict[int, int] = {}
    order = []
    for k, piece in enumerate(placed):
        if piece.fixture.moving:
            rank = seen.get(piece.room, 0)
            seen[piece.room] = rank + 1
            order.append((rank, k))
    chosen, parts = set(), 0
    for _, k in sorted(order):
        count = len(placed[k].fixture.moving)
        if parts + count <= limit:
            chosen.add(k)
            parts += count
    return chosen


def _plain(value: Any) -> Any:
    """The value as JSON gives it back: lists for tuples."""
    return json.loads(json.dumps(value))
