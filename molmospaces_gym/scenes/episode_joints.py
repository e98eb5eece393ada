"""The joints that an episode names: what is opened or closed, and where joints start."""

from collections.abc import Mapping
from typing import Any

from molmospaces_gym.errors import InvalidEpisode
from molmospaces_gym.scenes.articulated import Articulation, joints_below
from molmospaces_gym.scenes.model import SceneModel


def named_articulation(scene: SceneModel, task: Mapping[str, Any]) -> Articulation:
    """The joint that an Open or Close episode is about.

    ``joint_name`` where the object has it, else number ``joint_index`` of the object's joints in
    model order; the object is ``articulation_object_name`` or ``pickup_obj_name``.

    Raises:
        UnknownBody: the scene lacks the object.
        InvalidEpisode: no object is named, or nothing of it opens.
    """
    name = task.get("pickup_obj_name") or task.get("articulation_object_name")
    wanted = task.get("joint_name")
    if not isinstance(name, str):
        raise InvalidEpisode("an episode that opens or closes needs task.pickup_obj_name")
    names = joints_below(scene, scene.body_id(name))
    if wanted in names:
        return scene.articulations[str(wanted)]
    index = int(task.get("joint_index") or 0)
    if not 0 <= index < len(names):
        raise InvalidEpisode(
            f"task.joint_index: object {name!r} has {len(names)} joints that open"
            f" ({', '.join(names) or 'none'}); found index {index}, joint_name {wanted!r}"
        )
    return scene.articulations[names[index]]


def door_articulation(scene: SceneModel, task: Mapping[str, Any]) -> Articulation:
    """The hinge of the door that an OpenDoor episode names; raises as ``named_articulation``."""
    name = task.get("door_body_name")
    if not isinstance(name, str):
        raise InvalidEpisode("an OpenDoor episode needs task.door_body_name, the body of the door")
    names = joints_below(scene, scene.body_id(name))
    hinges = [n for n in names if not scene.articulations[n].slides]
    if not hinges:
        raise InvalidEpisode(f"task.door_body_name: nothing of {name!r} swings")
    return scene.articulations[hinges[0]]


def start_positions(scene: SceneModel, task: Mapping[str, Any]) -> dict[int, float]:
    """Address in ``qpos`` -> joint position with which an episode starts.

    Reads ``joint_start_position`` (a number or a list, whose first element counts) and, for doors,
    ``articulated_joint_reset_state``. The official reader fails on a plain number; it is allowed by
    the official schema, so it is honoured here.
    """
    found: dict[int, float] = {}
    for key, locate in (
        ("joint_start_position", named_articulation),
        ("articulated_joint_reset_state", door_articulation),
    ):
        value = task.get(key)
        values = [value] if isinstance(value, int | float) else list(value or ())
        if values:
            found[locate(scene, task).qpos] = float(values[0])
    return found
