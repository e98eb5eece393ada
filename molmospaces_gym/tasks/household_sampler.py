"""Samples Household episodes: what is done in which rooms, and where the robot starts."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.errors import InvalidScene
from molmospaces_gym.scenes.articulated import Articulation, owner_of
from molmospaces_gym.scenes.model import SceneModel
from molmospaces_gym.scenes.navigation import NARROW, RADIUS, FloorGrid, floor_grid
from molmospaces_gym.scenes.placement import Placement, yaw_pose
from molmospaces_gym.scenes.referral import referral_phrase
from molmospaces_gym.scenes.rooms import rooms_of
from molmospaces_gym.tasks.household_drawers import WIDE, closes, opens, taken
from molmospaces_gym.tasks.household_offer import Offer, insides, offer_of
from molmospaces_gym.tasks.household_stages import completed
from molmospaces_gym.tasks.household_text import household_text, place_phrase
from molmospaces_gym.tasks.receptacles import fits, own_receptacles
from molmospaces_gym.tasks.sampling import (
    CLEARANCE,
    draw_spots,
    free,
    is_clear_start,
    neighbours,
    scratch_of,
    start_episode,
    start_joints,
)
from molmospaces_gym.tasks.ways import ways_into

TASK_CLS = "molmospaces_gym.tasks.household.HouseholdTask"
MAX_STAGES = 6
ATTEMPTS = 40
"""Plans tried before a scene is said to offer none."""
TEMPLATES = {"fetch": 0.3, "take_out": 0.2, "take_and_close": 0.1, "tidy": 0.2, "visit": 0.2}
"""Template -> how often it is tried first."""
VISITS = (2, 3)
"""Least and most rooms that are visited."""
INSIDE = 0.3
"""Distance (m) from its walls at which the robot starts in a room."""
SPOTS = 24
"""Places tried for one object on one surface."""

Stages = list[dict[str, Any]]


def sample_household(
    horizon_s: float,
    scene: SceneModel,
    rng: np.random.Generator,
    categories: frozenset[str] | None,
) -> EpisodeSpec:
    """An episode of one of ``TEMPLATES``, with a clear start on free floor.

    Raises:
        InvalidScene: the house has fewer than two rooms with names of their own, or nothing in
            them is to be done.
    """
    grid, narrow = _grid(scene, RADIUS), _grid(scene, NARROW)
    offer = None if narrow is None else offer_of(scene, narrow, categories)
    if grid is None or offer is None or len(offer.rooms) < 2:
        raise InvalidScene(
            f"scene {scene.house.name!r} offers no Household episode: it needs two rooms that can"
            " be told apart; use dataset='homes'"
        )
    names, shares = list(TEMPLATES), np.array(list(TEMPLATES.values()))
    for _ in range(ATTEMPTS):
        name = names[int(rng.choice(len(names), p=shares))]
        stages = _TEMPLATES[name](scene, offer, rng)
        found = stages and _start(scene, grid, offer, stages, rng)
        if stages and found:
            return _spec(horizon_s, scene, stages, *found)
    raise InvalidScene(f"scene {scene.house.name!r}: no Household episode in {ATTEMPTS} attempts")


def _fetch(scene: SceneModel, offer: Offer, rng: np.random.Generator) -> Stages:
    """Go, pick, bring to another room, place."""
    found = _tidy(scene, offer, rng)
    if not found:
        return []
    thing, place = found
    room = dict(offer.things)[thing["pickup_obj_name"]]
    return [_go(room), thing, _go(_room_of(offer, place), thing["pickup_obj_name"]), place]


def _tidy(scene: SceneModel, offer: Offer, rng: np.random.Generator) -> Stages:
    """Pick, and place in another room."""
    if not offer.things:
        return []
    name, room = offer.things[int(rng.integers(len(offer.things)))]
    place = _place(scene, offer, name, room, rng)
    return [{"kind": "pick", "pickup_obj_name": name}, place] if place else []


def _place(
    scene: SceneModel, offer: Offer, name: str, room: str, rng: np.random.Generator
) -> dict[str, Any] | None:
    """Putting an object on something that has room for it, in another room."""
    tops = [t for t in offer.tops if t[1].surface is not None and t[1].surface.room != room]
    for number in rng.permutation(len(tops)).tolist():
        other, stand = tops[number]
        if _has_room(scene, name, other, stand, rng):
            return {"kind": "place", "pickup_obj_name": name, "place_receptacle_name": other}
    return None


def _has_room(
    scene: SceneModel, name: str, other: str, stand: Placement, rng: np.random.Generator
) -> bool:
    if other in scene.free_joints:
        return any(r.names[0] == other and fits(scene, name, r.half_width)
                   for r in own_receptacles(scene))  # fmt: skip
    surface, radius = stand.surface, float(scene.objects[name].get("footprint", 0.1))
    assert surface is not None
    spots = draw_spots(scene.robot.config.reach, stand, rng, SPOTS)
    circles = neighbours(scratch_of(scene), surface, ())
    return bool(free(spots, surface, circles, radius, CLEARANCE).any())


def _room_of(offer: Offer, place: Mapping[str, Any]) -> str:
    name = place["place_receptacle_name"]
    surface = next(p.surface for body, p in offer.tops if body == name)
    return surface.room if surface is not None else ""


def _take_out(scene: SceneModel, offer: Offer, rng: np.random.Generator) -> Stages:
    """Go, open, pick what is inside, bring to another room, place."""
    found = _emptied(scene, offer, rng)
    if not found:
        return []
    part, room, name, place = found
    pick = {"kind": "pick", "pickup_obj_name": name}
    goal = _go(_room_of(offer, place), name)
    return [_go(room), _opening(scene, part, WIDE), pick, goal, place]


def _take_and_close(scene: SceneModel, offer: Offer, rng: np.random.Generator) -> Stages:
    """Go, open, pick what is inside, place it in another room, come back and close."""
    found = _emptied(scene, offer, rng)
    if not found or not closes(scene, offer, found[0]):
        return []
    part, room, name, place = found
    pick = {"kind": "pick", "pickup_obj_name": name}
    closing = {**_opening(scene, part, None), "kind": "close"}
    return [_go(room), _opening(scene, part, WIDE), pick, place, closing]


def _emptied(
    scene: SceneModel, offer: Offer, rng: np.random.Generator
) -> tuple[Articulation, str, str, dict[str, Any]] | None:
    """A drawer, its room, an object to be taken out of it, and where it is put."""
    parts = insides(scene, offer)
    for number in rng.permutation(len(parts)).tolist():
        joint, names, room = parts[number]
        part = scene.articulations[joint]
        if not opens(scene, offer, part):
            continue
        for name in taken(scene, offer, part, names, rng):
            place = _place(scene, offer, name, room, rng)
            if place is not None:
                return part, room, name, place
    return None


def _opening(scene: SceneModel, part: Articulation, threshold: float | None) -> dict[str, Any]:
    wide = {} if threshold is None else {"task_success_threshold": threshold}
    owner = owner_of(scene, part)
    return {"kind": "open", "pickup_obj_name": owner, "joint_name": part.name, **wide}


def _visit(scene: SceneModel, offer: Offer, rng: np.random.Generator) -> Stages:
    """Go to some rooms, one after another."""
    count = min(int(rng.integers(VISITS[0], VISITS[1] + 1)), len(offer.rooms) - 1)
    chosen = rng.permutation(len(offer.rooms))[:count].tolist()
    return [_go(offer.rooms[k].name) for k in chosen] if count >= VISITS[0] else []


_TEMPLATES: Mapping[str, Callable[[SceneModel, Offer, np.random.Generator], Stages]] = {
    "fetch": _fetch,
    "take_out": _take_out,
    "take_and_close": _take_and_close,
    "tidy": _tidy,
    "visit": _visit,
}


def _go(room: str, name: str = "") -> dict[str, Any]:
    return {"kind": "go_to_room", "room": room, **({"pickup_obj_name": name} if name else {})}


def _start(
    scene: SceneModel, grid: FloorGrid, offer: Offer, stages: Stages, rng: np.random.Generator
) -> tuple[list[float], dict[str, list[float]]] | None:
    """A clear base pose (7,) in a room where the first stage is not done yet, and joints."""
    first = stages[0]
    if first["kind"] == "go_to_room":
        rooms = [room for room in offer.rooms if room.name != first["room"]]
        goal = ways_into(scene, rooms_of(scene)[first["room"]])
    else:
        home = dict(offer.things)[first["pickup_obj_name"]]
        rooms = [room for room in offer.rooms if room.name == home]
        goal = ways_into(scene, rooms[0])
    room = rooms[int(rng.integers(len(rooms)))]
    cells = grid.snap(grid.places)
    good = np.isfinite(goal.field[tuple(cells.T)]) & (room.inside(grid.places) >= INSIDE)
    chosen = np.flatnonzero(good)
    if not len(chosen):
        return None
    x, y = grid.places[chosen[int(rng.integers(len(chosen)))]].tolist()
    base = list(yaw_pose(x, y, 0.0, float(rng.uniform(-np.pi, np.pi))))
    joints = start_joints(scene.robot.config, dict(scene.robot.config.home), rng)
    clear = is_clear_start(scene, scratch_of(scene), {}, {}, base, joints)
    return (base, joints) if clear else None


def _grid(scene: SceneModel, radius: float) -> FloorGrid | None:
    """The floor on which a robot that is not part of the file can drive, None where it cannot."""
    grid = None if scene.owns_robot else floor_grid(scene, radius)
    return grid if grid is not None and grid.map.free.any() else None


def default_start(scene: SceneModel) -> list[float]:
    """A base pose (7,) in the middle of the free floor, or where the robot is fixed."""
    robot, model = scene.robot, scene.model
    grid = _grid(scene, RADIUS)
    if grid is None:
        return [*model.body_pos[robot.root_id].tolist(), *model.body_quat[robot.root_id].tolist()]
    x, y = grid.places[len(grid.places) // 2].tolist()
    return list(yaw_pose(x, y, 0.0, 0.0))


def _spec(
    horizon_s: float,
    scene: SceneModel,
    stages: Stages,
    base: list[float],
    joints: dict[str, list[float]],
) -> EpisodeSpec:
    fields: dict[str, Any] = {
        "task_cls": TASK_CLS,
        "task_type": "household",
        "robot_base_pose": base,
        "task_horizon_sec": horizon_s,
        "stages": [completed(stage, scene) for stage in stages],
    }
    referrals = {}
    for stage in fields["stages"]:
        if stage["kind"] == "pick":
            fields["pickup_obj_name"] = stage["pickup_obj_name"]
            referrals["pickup_obj_name"] = referral_phrase(scene, stage["pickup_obj_name"])
        elif stage["kind"] == "place":
            fields["place_receptacle_name"] = name = stage["place_receptacle_name"]
            referrals["place_receptacle_name"] = place_phrase(scene, name)
    text = household_text(scene, stages)
    return start_episode(scene, joints, {}, fields, text, referrals)
