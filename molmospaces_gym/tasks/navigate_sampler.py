"""Samples NavigateTo episodes: which object, and from where the robot sets out."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.errors import InvalidScene
from molmospaces_gym.scenes.model import Array, SceneModel
from molmospaces_gym.scenes.navigation import (
    FloorGrid,
    floor_grid,
    middle_of,
    resting_data,
    viewpoints,
)
from molmospaces_gym.scenes.placement import yaw_pose
from molmospaces_gym.scenes.referral import referral_phrase, spoken_name
from molmospaces_gym.tasks.sampling import (
    ATTEMPTS,
    is_clear_start,
    scratch_of,
    start_episode,
    start_joints,
)

TASK_CLS = "molmo_spaces.tasks.nav_task.NavToObjTask"
MAX_CANDIDATES = 6
"""Most objects of one kind in a scene that is played (official)."""
START = (4.0, 20.0)
"""Distance (m) of the start from the nearest candidate (official data generation)."""
FARTHEST = 0.1
"""Share of the floor that counts as farthest where no place is that far away."""


def candidates_of(scene: SceneModel, name: str) -> list[str]:
    """The object and the others of its category, itself first."""
    category = scene.objects.get(name, {}).get("category")
    others = [
        other
        for other, meta in scene.objects.items()
        if category and other != name and meta.get("category") == category
        and other in scene.free_joints
    ]  # fmt: skip
    return [name, *others]


def navigation_text(scene: SceneModel, name: str, count: int) -> tuple[str, str]:
    """The instruction and the words for the object (official templates, benchmark style)."""
    if count == 1:
        phrase = referral_phrase(scene, name)
        return f"navigate to the {phrase}.", phrase
    category = str(scene.objects.get(name, {}).get("category") or spoken_name(name))
    phrase = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", category).replace("_", " ").lower()
    return f"navigate to any {phrase} ({count} available).", phrase


def sample_navigation(
    horizon_s: float,
    scene: SceneModel,
    rng: np.random.Generator,
    categories: frozenset[str] | None,
) -> EpisodeSpec:
    """An episode with an object that can be seen from the floor, and a start far from it.

    Raises:
        InvalidScene: no such object, or no free start.
    """
    grid = floor_grid(scene)
    targets = _targets(scene, categories)
    if grid is None or not targets:
        reason = "no bounded floor" if grid is None else "no object of at most six of its kind"
        raise InvalidScene(f"scene {scene.house.name!r} offers no NavigateTo episode: {reason}")
    scratch, data = scratch_of(scene), resting_data(scene)
    for _ in range(ATTEMPTS):
        name = targets[int(rng.integers(len(targets)))]
        names = candidates_of(scene, name)
        views = viewpoints(scene, grid, data, names)
        if not len(views):
            continue
        points = np.array([middle_of(scene, data, n)[:2] for n in names])
        place = start_place(grid, grid.field(views), points, rng)
        if place is None:
            continue
        yaw = float(rng.uniform(-np.pi, np.pi))
        base = list(yaw_pose(float(place[0]), float(place[1]), 0.0, yaw))
        joints = start_joints(scene.robot.config, dict(scene.robot.config.home), rng)
        if is_clear_start(scene, scratch, {}, {}, base, joints):
            return _spec(horizon_s, scene, names, base, joints)
    raise InvalidScene(
        f"scene {scene.house.name!r}: no clear start for NavigateTo in {ATTEMPTS} attempts"
    )


def _targets(scene: SceneModel, categories: frozenset[str] | None) -> list[str]:
    """Free objects that lie in the open and have few of their kind."""
    hidden = {s["name"] for s in scene.house.metadata.get("surfaces", ()) if s.get("inside")}
    found = []
    for name in scene.free_joints:
        meta = scene.objects.get(name, {})
        category = meta.get("category")
        if not category or meta.get("surface") in hidden:
            continue
        if categories is not None and category not in categories:
            continue
        if len(candidates_of(scene, name)) <= MAX_CANDIDATES:
            found.append(name)
    return found


def start_place(
    grid: FloorGrid, field: Array, points: Array, rng: np.random.Generator
) -> Array | None:
    """A place (2,) from which a way leads to the object, 4 to 20 m from the nearest of ``points``.

    Where the house is too small, one of the farthest. None where no way leads anywhere.
    """
    cells = np.argwhere(np.isfinite(field))
    if not len(cells):
        return None
    places = grid.map.points(cells)
    gap = np.hypot(*(places[:, None] - points[None]).transpose(2, 0, 1)).min(axis=1)
    chosen = np.flatnonzero((gap >= START[0]) & (gap <= START[1]))
    if not len(chosen):
        count = max(1, int(FARTHEST * len(gap)))
        chosen = np.argsort(-gap, kind="stable")[:count]
    place: Array = places[chosen[int(rng.integers(len(chosen)))]]
    return place


def default_start(scene: SceneModel, name: str) -> list[float]:
    """A base pose (7,) on the free floor farthest from an object, or where the robot is."""
    grid = None if scene.owns_robot else floor_grid(scene)
    if grid is None:
        return scene.file_pose(scene.robot.root_id)
    point = middle_of(scene, resting_data(scene), name)[:2]
    field = grid.field(point[None])
    cells = np.argwhere(np.isfinite(field))
    far = grid.map.points(cells[[int(np.argmax(field[np.isfinite(field)]))]])[0]
    way = point - far
    return list(yaw_pose(float(far[0]), float(far[1]), 0.0, float(np.arctan2(way[1], way[0]))))


def _spec(
    horizon_s: float,
    scene: SceneModel,
    names: list[str],
    base: list[float],
    joints: Mapping[str, list[float]],
) -> EpisodeSpec:
    name = names[0]
    instruction, phrase = navigation_text(scene, name, len(names))
    address, _ = scene.free_joint(name)
    fields: dict[str, Any] = {
        "task_cls": TASK_CLS,
        "task_type": "nav_to_obj",
        "robot_base_pose": base,
        "task_horizon_sec": horizon_s,
        "pickup_obj_name": name,
        "pickup_obj_candidates": names,
        "pickup_obj_start_pose": scene.rest_qpos[address : address + 7].tolist(),
        "succ_pos_threshold": 1.5,
    }
    return start_episode(scene, joints, {}, fields, instruction, {"pickup_obj_name": phrase})
