"""Samples the episodes of the placing tasks: what, where to, and from where."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.errors import InvalidScene
from molmospaces_gym.scenes.model import Array, SceneModel
from molmospaces_gym.scenes.paint import NAMED_COLORS
from molmospaces_gym.scenes.placement import Placement
from molmospaces_gym.scenes.referral import plain_phrase, referral_phrase
from molmospaces_gym.tasks.receptacles import (
    Receptacle,
    addable,
    fits,
    own_receptacles,
    with_added,
)
from molmospaces_gym.tasks.sampling import (
    ATTEMPTS,
    base_pose,
    fits_surface,
    is_clear,
    is_good_start,
    lie_freely,
    neighbours,
    reachable,
    scratch_of,
    start_episode,
    start_joints,
    surface_pose,
)

APART = (0.15, 0.5)
"""Distance (m) between object and receptacle at the start (official)."""
APART_NEXT_TO = (0.3, 0.5)
"""The same beside which the object is to be put (official)."""
START_GAP = 0.1
"""Least free way (m) between object and reference at the start, more than counts as beside."""
CLOSE = 0.015
"""Free distance (m) around a receptacle; the gripper comes from above."""
SPOTS = 12
"""Poses tried for one object before everything is drawn anew."""
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
    def __call__(
        self, scene: SceneModel, placement: Placement, name: str, rng: np.random.Generator
    ) -> Receptacle | None: ...


def _receptacles(
    scene: SceneModel, placement: Placement, name: str, rng: np.random.Generator
) -> Receptacle | None:
    own = own_receptacles(scene, placement.surface)
    if placement.surface is None:
        own = [r for r in own if _apart(scene, r.names[0], name) <= APART[1]]
    more = addable(scene)
    if not own and not more:
        return None
    index = int(rng.integers(len(own) + len(more)))
    if index < len(own):
        chosen = own[index]
    else:
        asset, *names = more[index - len(own)]
        chosen = with_added(scene, asset, tuple(names))
    return chosen if fits(scene, name, chosen.half_width) else None


def _twins(
    scene: SceneModel, placement: Placement, name: str, rng: np.random.Generator
) -> Receptacle | None:
    more = addable(scene, copies=2)
    if placement.surface is None or not more:
        return None
    asset, *names = more[int(rng.integers(len(more)))]
    chosen = with_added(scene, asset, tuple(names))
    return chosen if fits(scene, name, chosen.half_width) else None


def _references(
    scene: SceneModel, placement: Placement, name: str, rng: np.random.Generator
) -> Receptacle | None:
    surface = placement.surface
    names = [
        other
        for other in scene.free_joints
        if other != name
        and (surface is None or scene.objects.get(other, {}).get("surface") == surface.name)
    ]
    if not names:
        return None
    return Receptacle(scene, (names[int(rng.integers(len(names)))],), 0.0)


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
        wanted = "" if categories is None else f" of the categories {sorted(categories)}"
        raise InvalidScene(
            f"scene {scene.house.name!r} offers no {task.name} episode: the robot reaches no object"
            f"{wanted} that fits its gripper; pass options={{'episode': {{'task':"
            " {'pickup_obj_name': ..., 'place_receptacle_name': ...}}}}"
        )
    for _ in range(ATTEMPTS):
        placement, names = options[rng.integers(len(options))]
        name = names[rng.integers(len(names))]
        receptacle = choose(scene, placement, name, rng)
        if receptacle is None:
            continue
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


def _layout(
    receptacle: Receptacle,
    placement: Placement,
    name: str,
    rng: np.random.Generator,
    apart: tuple[float, float],
) -> dict[str, Array] | None:
    """Poses of the receptacles and then of the object, or None."""
    scene, moved = receptacle.scene, dict[str, Array]()
    for body in receptacle.names:
        for pose in _poses(scene, placement, body, rng, {**moved, name: _FAR}, CLOSE):
            if apart is APART_NEXT_TO and not _has_room(scene, placement, body, pose, name):
                continue
            moved[body] = pose
            break
        else:
            return None
    for pose in _poses(scene, placement, name, rng, moved):
        ways = [float(np.hypot(*(pose - moved[body])[:2])) for body in receptacle.names]
        if not all(apart[0] <= way <= apart[1] for way in ways):
            continue
        if apart is APART_NEXT_TO and ways[0] < _radii(scene, name, receptacle.names[0]):
            continue
        return {**moved, name: pose}
    return None


_FAR = np.array([1e3, 1e3, 0.0, 1.0, 0.0, 0.0, 0.0])


def _poses(
    scene: SceneModel,
    placement: Placement,
    name: str,
    rng: np.random.Generator,
    moved: Mapping[str, Array],
    *clearance: float,
) -> Iterator[Array]:
    """Free poses on the surface of a placement, or the one at rest where there is none."""
    scratch = scratch_of(scene)
    for _ in range(SPOTS if placement.surface is not None else 1):
        pose = surface_pose(scene, scratch, placement, name, rng, moved, *clearance)
        if pose is not None:
            yield pose


def _apart(scene: SceneModel, first: str, second: str) -> float:
    """Horizontal distance (m) of two bodies at rest."""
    return float(np.hypot(*(scene.rest_pose(first) - scene.rest_pose(second))[:2]))


def _radii(scene: SceneModel, first: str, second: str) -> float:
    """Distance (m) of two objects whose circles leave ``START_GAP`` between them."""
    sizes = [scene.objects.get(name, {}).get("footprint", 0.0) for name in (first, second)]
    return float(sum(sizes)) + START_GAP


def _has_room(scene: SceneModel, placement: Placement, body: str, pose: Array, name: str) -> bool:
    """Whether somewhere around the reference an object finds a place beside it."""
    surface = placement.surface
    if surface is None:
        return True
    own, other = (float(scene.objects[n]["footprint"]) for n in (name, body))
    standing = neighbours(scene, scratch_of(scene), surface, {body: pose, name: _FAR})
    circles = [c for n, *c in standing if n not in (body, name)]
    for k in range(DIRECTIONS):
        angle = 2 * math.pi * k / DIRECTIONS
        way = own + other + BESIDE_GAP
        x, y = pose[0] + way * math.cos(angle), pose[1] + way * math.sin(angle)
        if fits_surface(surface, x, y, own) and is_clear(circles, x, y, own + BESIDE_ROOM):
            return True
    return False


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
