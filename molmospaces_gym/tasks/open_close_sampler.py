"""Samples Open and Close episodes: what is moved, how far it is open, where the robot stands."""

from typing import Any, Protocol

import mujoco
import numpy as np

from molmospaces_gym.cameras import world_pose
from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.errors import InvalidScene
from molmospaces_gym.robots.base import PREFIX
from molmospaces_gym.scenes.articulated import Articulation, joints_below, owner_of
from molmospaces_gym.scenes.model import Array, SceneModel
from molmospaces_gym.scenes.part_phrases import is_ambiguous, opening_phrase
from molmospaces_gym.scenes.stances import Stance, stances
from molmospaces_gym.tasks.sampling import (
    ATTEMPTS,
    Scratch,
    is_clear_start,
    scratch_of,
    start_episode,
    start_joints,
)
from molmospaces_gym.tasks.visibility import body_shares
from molmospaces_gym.transforms import inverse, pose_matrix

TASK_CLS = "molmo_spaces.tasks.opening_tasks.OpeningTask"
"""The official class name, shared by Open and Close."""
ROOM = 0.2
"""Share of the range beyond the threshold that the arm must reach."""
SHUT = 0.05
"""Share of the range that may stay open when the arm closes something."""
SEEN = 0.001
"""Least share of the shoulder camera's picture that shows the object at the start (official)."""
SEEN_WIDTH = 160
"""Pixels across of the picture in which that is counted."""
FRONT_DISTANCE = 0.6
"""Distance of the robot's root link from a handle that no checked stance reaches, m."""
FRONT_BELOW = 0.42
"""How far it is below that handle, m (official)."""


class Opening(Protocol):
    """What the sampler reads from ``OpenTask`` and ``CloseTask``."""

    name: str
    closes: bool
    horizon_s: float
    start_fraction: float
    threshold: float


def sample_opening(
    task: Opening, scene: SceneModel, rng: np.random.Generator, categories: frozenset[str] | None
) -> EpisodeSpec:
    """An episode whose handle the arm can hold all the way, from a clear start that sees it.

    Raises:
        InvalidScene: nothing of these categories opens, or no start was found.
    """
    parts = openable(scene, categories)
    if not parts:
        wanted = "" if categories is None else f" of the categories {sorted(categories)}"
        raise InvalidScene(
            f"scene {scene.house.name!r} offers no {task.name} episode: it has no drawer or door"
            f"{wanted} with a handle; pass options={{'episode': {{'task': ...}}}}"
        )
    scratch = scratch_of(scene)
    for _ in range(ATTEMPTS):
        part = parts[int(rng.integers(len(parts)))]
        options = stances(scene, part, *way(task, part))
        joints = start_joints(scene.robot.config, scratch.start, rng)
        if not options:
            continue
        stance = options[int(rng.integers(len(options)))]
        start = part.position(task.start_fraction)
        moved = carried(scene, scratch, part, start)
        positions = {part.qpos: start}
        if is_clear_start(scene, scratch, moved, positions, stance.base_pose, joints) and is_seen(
            scene, scratch, scene.body_id(owner_of(scene, part))
        ):
            return _spec(task, scene, part, stance, joints, moved)
    raise InvalidScene(
        f"scene {scene.house.name!r}: no clear start that sees what to {task.name.lower()} in"
        f" {ATTEMPTS} attempts"
    )


def is_seen(scene: SceneModel, scratch: Scratch, body: int) -> bool:
    """Whether, after ``is_clear_start``, the shoulder camera sees enough of a body.

    True for a robot with its eyes in a head, of which the official sampler asks nothing.
    """
    mount, data, config = scratch.exo, scratch.data, scene.robot.config
    if mount is None or mount.body is None or config.head is not None:
        return True
    link = scene.body_id(PREFIX + mount.body)
    pose = world_pose(mount, data.xpos[link], data.xmat[link].reshape(3, 3))
    width, height = config.image_size
    shares = body_shares(scene, data, pose, (SEEN_WIDTH, round(SEEN_WIDTH * height / width)))
    parts = np.unique(scene.model.geom_bodyid[scene.subtree_geoms(body)])
    return bool(shares[parts].sum() >= SEEN)


def openable(scene: SceneModel, categories: frozenset[str] | None) -> list[Articulation]:
    """What furniture opens by a handle: everything but the doors between rooms."""
    doors = {entry["joint"] for entry in scene.house.metadata.get("doors", ())}
    found = []
    for name, part in scene.articulations.items():
        category = scene.objects.get(owner_of(scene, part), {}).get("category")
        wanted = categories is None or category in categories
        if wanted and name not in doors and part.handles[0].geoms:
            found.append(part)
    return found


def way(task: Opening, part: Articulation) -> tuple[float, float]:
    """Joint positions between which the arm must hold the handle."""
    end = SHUT if task.closes else min(task.threshold + ROOM, 1.0)
    return part.position(task.start_fraction), part.position(end)


def default_stance(task: Opening, scene: SceneModel, part: Articulation) -> list[float]:
    """A base pose (7,) in front of a handle, checked where one is known."""
    robot, model = scene.robot, scene.model
    if scene.owns_robot:
        return scene.file_pose(robot.root_id)
    found = stances(scene, part, *way(task, part))
    if found:
        return list(found[0].base_pose)
    data, handle = scratch_of(scene).data, part.handles[0]
    data.qpos[:] = scene.rest_qpos
    mujoco.mj_kinematics(model, data)
    mat = data.xmat[part.body].reshape(3, 3)
    point, out = data.xpos[part.body] + mat @ handle.middle, mat @ handle.outward
    yaw = float(np.arctan2(-out[1], -out[0]))
    x, y = point[:2] - FRONT_DISTANCE * np.array([np.cos(yaw), np.sin(yaw)])
    pedestal = robot.config.pedestal
    z = float(point[2]) - FRONT_BELOW - (pedestal[2] if pedestal else 0.0)
    return [float(x), float(y), z, float(np.cos(yaw / 2)), 0.0, 0.0, float(np.sin(yaw / 2))]


def carried(
    scene: SceneModel, scratch: Scratch, part: Articulation, position: float
) -> dict[str, Array]:
    """Poses (7,) of the objects that lie in a drawer when it is at a joint position."""
    metadata = scene.house.metadata
    inside = {s["name"] for s in metadata.get("surfaces", ()) if s.get("inside") == part.name}
    rest = float(scene.rest_qpos[part.qpos])
    if not inside or not part.slides or position == rest:
        return {}
    data = scratch.data
    data.qpos[:] = scene.rest_qpos
    mujoco.mj_kinematics(scene.model, data)
    pose = pose_matrix(data.xpos[part.body], data.xquat[part.body])
    shift = part.moved(pose, np.array([position - rest]))[0] @ inverse(pose)
    found = {}
    for name, at in scratch.rest.items():
        if scene.objects.get(name, {}).get("surface") in inside:
            found[name] = at.copy()
            found[name][:3] = (shift @ np.append(at[:3], 1.0))[:3]
    return found


def _spec(
    task: Opening,
    scene: SceneModel,
    part: Articulation,
    stance: Stance,
    joints: dict[str, list[float]],
    moved: dict[str, Array],
) -> EpisodeSpec:
    name = owner_of(scene, part)
    body = scene.body_id(name)
    names = joints_below(scene, body)
    phrase = opening_phrase(scene, part)
    fields: dict[str, Any] = {
        "task_cls": TASK_CLS,
        "task_type": task.name.lower(),
        "robot_base_pose": list(stance.base_pose),
        "task_horizon_sec": task.horizon_s,
        "pickup_obj_name": name,
        "pickup_obj_start_pose": scene.file_pose(body),
        "joint_name": part.name,
        "joint_index": names.index(part.name),
        "joint_start_position": [part.position(task.start_fraction)],
        "task_success_threshold": task.threshold,
        "any_inst_of_category": not task.closes and is_ambiguous(scene, part),
    }
    instruction = f"{task.name.lower()} the {phrase}."
    return start_episode(scene, joints, moved, fields, instruction, {"pickup_obj_name": phrase})
