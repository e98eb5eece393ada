"""Samples OpenDoor episodes: which door, from which side, and where the robot stands."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.errors import InvalidScene
from molmospaces_gym.scenes.doorways import (
    FOLLOWS,
    Doorway,
    door_grid,
    find_doorway,
    is_drivable,
    pull_path,
    pull_turns,
    push_path,
)
from molmospaces_gym.scenes.model import Array, SceneModel
from molmospaces_gym.scenes.navigation import RADIUS, FloorGrid
from molmospaces_gym.scenes.placement import yaw_pose
from molmospaces_gym.tasks.sampling import (
    ATTEMPTS,
    is_clear_start,
    scratch_of,
    start_episode,
    start_joints,
)

TASK_CLS = "molmo_spaces.tasks.opening_tasks.DoorOpeningTask"
DISTANCE = (1.0, 1.5)
"""Distance (m) of the start from the middle of the doorway (official)."""
BEARING = float(np.deg2rad(35.0))
"""Largest angle between the start's place and the doorway's axis."""
TURN = 0.25
"""Largest angle (rad) between the heading and the door (official)."""
THRESHOLD = 0.67
ARM_REACH = 0.58
"""How far before the base's middle a hand holds a door's handle, m."""
ARM_ASIDE = 0.3
"""How far beside it, m."""


def door_text(pulled: bool) -> str:
    """The instruction (official templates, benchmark style)."""
    return f"{'pull' if pulled else 'push'} the door open."


def hands(scene: SceneModel) -> list[Array]:
    """Where each arm holds a handle, in the base's frame (2,)."""
    return [np.array([ARM_REACH, arm.side * ARM_ASIDE]) for arm in scene.robot.config.arms]


def sample_door(
    horizon_s: float,
    scene: SceneModel,
    rng: np.random.Generator,
    categories: frozenset[str] | None,
) -> EpisodeSpec:
    """An episode with a closed door that a robot in front of it has room to open.

    Raises:
        InvalidScene: no such door, or no clear start.
    """
    wanted = categories is None or "Doorway" in categories
    names = [e["joint"] for e in scene.house.metadata.get("doors", ()) if wanted]
    options = [
        (door, pulled)
        for door in (find_doorway(scene, scene.articulations[n]) for n in names)
        for pulled in (False, True)
        if has_room(scene, door, pulled)
    ]
    if not options:
        raise InvalidScene(
            f"scene {scene.house.name!r} offers no OpenDoor episode: {len(names)} doors, none with"
            " room to open it; use dataset='homes'"
        )
    scratch = scratch_of(scene)
    for _ in range(ATTEMPTS):
        door, pulled = options[int(rng.integers(len(options)))]
        grid = door_grid(scene, door, RADIUS)
        base = _draw(door, pulled, rng)
        if grid is None or not _is_reached(grid, door, pulled, base):
            continue
        joints = start_joints(scene.robot.config, dict(scene.robot.config.home), rng)
        positions = {door.part.qpos: door.closed}
        if is_clear_start(scene, scratch, {}, positions, base, joints):
            return _spec(horizon_s, scene, door, pulled, base, joints)
    raise InvalidScene(
        f"scene {scene.house.name!r}: no clear start for OpenDoor in {ATTEMPTS} attempts"
    )


def has_room(scene: SceneModel, door: Doorway, pulled: bool) -> bool:
    """Whether the floor lets a robot push through the door, or step back while it pulls."""
    grid = door_grid(scene, door)
    if grid is None:
        return False
    if not pulled:
        return is_drivable(grid, push_path(door))
    turns = pull_turns(door, 0.0, THRESHOLD)
    return any(
        is_drivable(grid, pull_path(door, hand, follow, turns))
        for hand in hands(scene)
        for follow in FOLLOWS
    )


def _draw(door: Doorway, pulled: bool, rng: np.random.Generator) -> list[float]:
    """A base pose (7,) in front of the doorway."""
    middle = door.hinge + 0.5 * door.width * door.along
    out = door.swing if pulled else -door.swing
    angle = float(np.arctan2(out[1], out[0])) + float(rng.uniform(-BEARING, BEARING))
    distance = float(rng.uniform(*DISTANCE))
    x, y = middle + distance * np.array([np.cos(angle), np.sin(angle)])
    yaw = angle + np.pi + float(rng.uniform(-TURN, TURN))
    return list(yaw_pose(float(x), float(y), 0.0, float((yaw + np.pi) % (2 * np.pi) - np.pi)))


def _is_reached(grid: FloorGrid, door: Doorway, pulled: bool, base: list[float]) -> bool:
    """Whether the start is on free floor on its side of the door, where the robot can turn."""
    point = np.array(base[:2])
    return bool(grid.map.is_free(point[None])[0]) and door.is_pulled_from(point) == pulled


def default_start(scene: SceneModel, door: Doorway) -> list[float]:
    """A base pose (7,) on the side from which the door is pushed, or where the robot is fixed."""
    if scene.owns_robot:
        return scene.file_pose(scene.robot.root_id)
    x, y = door.hinge + 0.5 * door.width * door.along - 1.2 * door.swing
    yaw = float(np.arctan2(door.swing[1], door.swing[0]))
    return list(yaw_pose(float(x), float(y), 0.0, yaw))


def _spec(
    horizon_s: float,
    scene: SceneModel,
    door: Doorway,
    pulled: bool,
    base: list[float],
    joints: Mapping[str, list[float]],
) -> EpisodeSpec:
    fields: dict[str, Any] = {
        "task_cls": TASK_CLS,
        "task_type": "open_door",
        "robot_base_pose": base,
        "task_horizon_sec": horizon_s,
        "door_body_name": scene.model.body(door.part.body).name,
        "articulated_joint_range": [door.closed, door.opened],
        "articulated_joint_reset_state": [door.closed],
        "door_openness_threshold": THRESHOLD,
    }
    return start_episode(scene, joints, {}, fields, door_text(pulled), {"door_body_name": "door"})
