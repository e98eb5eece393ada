"""Samples the episodes of the placing tasks: what, where to, and from where."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.errors import InvalidScene
from molmospaces_gym.scenes.house import Surface
from molmospaces_gym.scenes.model import Array, SceneModel
from molmospaces_gym.scenes.paint import NAMED_COLORS
from molmospaces_gym.scenes.placement import Placement
from molmospaces_gym.scenes.referral import plain_phrase, referral_phrase
from molmospaces_gym.tasks.receptacles import (
    Receptacle,
    added_receptacles,
    fits,
    own_receptacles,
)
from molmospaces_gym.tasks.sampling import (
    CLEARANCE,
    base_pose,
    draw_spots,
    free,
    is_good_start,
    lie_freely,
    neighbours,
    out_of_reach,
    reachable,
    scratch_of,
    standing,
    start_episode,
    start_joints,
)

APART = (0.15, 0.5)
"""Distance (m) between object and receptacle at the start (official)."""
APART_NEXT_TO = (0.3, 0.5)
"""The same beside which the object is to be put (official)."""
START_GAP = 0.1
"""Least free way (m) between object and reference at the start, more than counts as beside."""
CLOSE = 0.015
"""Free distance (m) around a receptacle; the gripper comes from above."""
SPOTS = 48
"""Places drawn at once for one object; the first free one is taken."""
ATTEMPTS = 120
"""Starts tried before a scene is said to offer none."""
BESIDE_ROOM, BESIDE_GAP, DIRECTIONS = 0.03, 0.02, 16
"""Around a reference there must be a place at this gap (m) with this much free room (m)."""


class PlacingTask(Protocol):
    """What the samplers read from a task."""

    name: str
    task_cls: str
    task_type: str
    horizon_s: float

    def limits(self) -> dict[str, float]:
        """The fields that say what counts as success."""

    def instruction(self, task: Mapping[str, Any], scene: SceneModel) -> str:
        """What the robot is told."""


@dataclass(frozen=True)
class _Start:
    """A start that is worth playing: who stands where, and the scene that holds them all."""

    scene: SceneModel
    name: str
    bodies: tuple[str, ...]
    moved: Mapping[str, Array]
    base: list[float]
    joints: dict[str, list[float]]
    added: Mapping[str, str]


def sample_on_receptacle(
    task: PlacingTask,
    scene: SceneModel,
    rng: np.random.Generator,
    categories: frozenset[str] | None,
) -> EpisodeSpec:
    """An episode with one receptacle, of the house's own or added to it.

    Object and receptacle stand on the same surface within reach of one base pose, 0.15 to 0.5 m
    apart, both seen from the shoulder. Raises ``InvalidScene`` where there is no such start.
    """
    return _episode(task, _start(task, scene, rng, categories, _receptacles, APART))


def sample_coloured(
    task: PlacingTask,
    scene: SceneModel,
    rng: np.random.Generator,
    categories: frozenset[str] | None,
) -> EpisodeSpec:
    """An episode with two copies of one receptacle in two of the named colours."""
    start = _start(task, scene, rng, categories, _twins, APART)
    names = list(NAMED_COLORS)
    chosen = [names[i] for i in rng.choice(len(names), len(start.bodies), replace=False)]
    others = start.bodies[1:]
    extra = {
        "object_colors": {
            body: list(NAMED_COLORS[colour])
            for body, colour in zip(start.bodies, chosen, strict=True)
        },
        "other_receptacle_names": list(others),
        "other_receptacle_start_poses": {body: start.moved[body].tolist() for body in others},
    }
    place = f"{chosen[0].replace('_', ' ')} {plain_phrase(start.scene, start.bodies[0])}"
    return _episode(task, start, extra, place)


def sample_next_to(
    task: PlacingTask,
    scene: SceneModel,
    rng: np.random.Generator,
    categories: frozenset[str] | None,
) -> EpisodeSpec:
    """An episode whose reference is another object of the house, 0.3 to 0.5 m away at the start."""
    return _episode(task, _start(task, scene, rng, categories, _references, APART_NEXT_TO))


class _Chooser(Protocol):
    def __call__(self, scene: SceneModel, placement: Placement, name: str) -> list[Receptacle]: ...


def _receptacles(scene: SceneModel, placement: Placement, name: str) -> list[Receptacle]:
    """One of the house's own on the same surface, or one that is added.

    Not from elsewhere, since a name such as ``shelf plate`` would not fit what was moved.
    """
    surface = placement.surface
    if surface is None:
        own = [r for r in own_receptacles(scene) if _apart(scene, r.names[0], name) <= APART[1]]
    else:
        own = [
            r
            for r in own_receptacles(scene)
            if scene.objects[r.names[0]].get("surface") == surface.name
        ]
    return own + added_receptacles(scene)


def _twins(scene: SceneModel, placement: Placement, name: str) -> list[Receptacle]:
    return added_receptacles(scene, copies=2) if placement.surface is not None else []


def _references(scene: SceneModel, placement: Placement, name: str) -> list[Receptacle]:
    surface = placement.surface
    return [
        Receptacle(scene, (other,), np.inf)
        for other in scene.free_joints
        if other != name
        and (surface is None or scene.objects.get(other, {}).get("surface") == surface.name)
    ]


def _start(
    task: PlacingTask,
    scene: SceneModel,
    rng: np.random.Generator,
    categories: frozenset[str] | None,
    choose: _Chooser,
    apart: tuple[float, float],
) -> _Start:
    options = reachable(scene, categories)
    if not options:
        raise InvalidScene(
            f"{out_of_reach(scene, task.name, categories)}; pass options={{'episode': {{'task':"
            " {'pickup_obj_name': ..., 'place_receptacle_name': ...}}}}"
        )
    for _ in range(ATTEMPTS):
        placement, names = options[rng.integers(len(options))]
        name = names[rng.integers(len(names))]
        fitting = [r for r in choose(scene, placement, name) if _suits(scene, name, r)]
        if not fitting:
            continue
        receptacle = fitting[int(rng.integers(len(fitting)))]
        found = _try(scene, receptacle, placement, name, rng, apart)
        if found is not None:
            return found
    raise InvalidScene(
        f"scene {scene.house.name!r}: no collision-free visible start of {task.name} in {ATTEMPTS}"
        " attempts"
    )


def _try(
    scene: SceneModel,
    receptacle: Receptacle,
    placement: Placement,
    name: str,
    rng: np.random.Generator,
    apart: tuple[float, float],
) -> _Start | None:
    wider = receptacle.scene
    moved = _layout(receptacle, placement, name, rng, apart)
    base = base_pose(scene, placement, rng)
    joints = start_joints(scene.robot.config, scratch_of(scene).start, rng)
    if moved is None:
        return None
    scratch = scratch_of(wider)
    if not (
        is_good_start(wider, scratch, moved, base, joints) and lie_freely(wider, scratch, moved)
    ):
        return None
    return _Start(wider, name, receptacle.names, moved, base, joints, receptacle.added)


def _suits(scene: SceneModel, name: str, receptacle: Receptacle) -> bool:
    return receptacle.half_width == np.inf or fits(scene, name, receptacle.half_width)


def _layout(
    receptacle: Receptacle,
    placement: Placement,
    name: str,
    rng: np.random.Generator,
    apart: tuple[float, float],
) -> dict[str, Array] | None:
    """Poses of the receptacles and then of the object, or None."""
    scene, surface = receptacle.scene, placement.surface
    scratch, names = scratch_of(scene), receptacle.names
    if surface is None:
        return {n: scratch.rest[n] for n in (*names, name)}
    reach = scene.robot.config.reach
    circles = neighbours(scratch, surface, (*names, name))
    moved: dict[str, Array] = {}
    for body in (*names, name):
        meta, spots = scene.objects[body], draw_spots(reach, placement, rng, SPOTS)
        turn = float(rng.uniform(-np.pi, np.pi))
        radius = float(meta["footprint"])
        good = free(spots, surface, circles, radius, CLEARANCE if body == name else CLOSE)
        if body == name:
            for other in names:
                way = np.hypot(*(spots - moved[other][:2]).T)
                good &= (way >= apart[0]) & (way <= apart[1])
                if apart is APART_NEXT_TO:
                    good &= way >= radius + float(scene.objects[other]["footprint"]) + START_GAP
        found = np.flatnonzero(good)
        if apart is APART_NEXT_TO and body != name:
            own = float(scene.objects[name]["footprint"])
            room = [_has_room(spots[k], radius, own, surface, circles) for k in found]
            found = found[np.array(room, dtype=np.bool_)]
        if not len(found):
            return None
        x, y = spots[found[0]].tolist()
        moved[body] = standing(meta, surface, x, y, turn)
        circles = np.concatenate([circles, [[x, y, radius]]])
    return moved


def _has_room(spot: Array, radius: float, own: float, surface: Surface, circles: Array) -> bool:
    """Whether somewhere around a reference an object of radius ``own`` finds a place beside it."""
    angle = 2 * math.pi * np.arange(DIRECTIONS) / DIRECTIONS
    around = spot + (own + radius + BESIDE_GAP) * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return bool(free(around, surface, circles, own, BESIDE_ROOM).any())


def _apart(scene: SceneModel, first: str, second: str) -> float:
    """Horizontal distance (m) of two bodies at rest."""
    return float(np.hypot(*(scene.rest_pose(first) - scene.rest_pose(second))[:2]))


def _episode(
    task: PlacingTask,
    start: _Start,
    extra: Mapping[str, Any] | None = None,
    place: str | None = None,
) -> EpisodeSpec:
    target = start.bodies[0]
    fields = {
        "task_cls": task.task_cls,
        "task_type": task.task_type,
        "robot_base_pose": start.base,
        "task_horizon_sec": task.horizon_s,
        "pickup_obj_name": start.name,
        "pickup_obj_start_pose": start.moved[start.name].tolist(),
        "place_receptacle_name": target,
        "place_receptacle_start_pose": start.moved[target].tolist(),
        **task.limits(),
        **(extra or {}),
    }
    referrals = {
        "pickup_obj_name": referral_phrase(start.scene, start.name),
        "place_receptacle_name": place or referral_phrase(start.scene, target),
    }
    instruction = task.instruction(fields, start.scene)
    return start_episode(
        start.scene, start.joints, start.moved, fields, instruction, referrals, start.added
    )
