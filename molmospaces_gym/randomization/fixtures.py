"""What of a scene stands still, and what an episode's task is about."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.scenes.model import SceneModel
from molmospaces_gym.scenes.paint import VISIBLE_GROUPS

Flags = NDArray[np.bool_]


def still_geoms(scene: SceneModel) -> NDArray[np.intp]:
    """Visible geoms of walls, floors and furniture: not of the robot, not of what can be moved.

    The parts of furniture that open belong to it.
    """
    model = scene.model
    loose = np.zeros(model.nbody, np.bool_)
    loose[scene.robot.root_id] = True
    for name in scene.free_joints:
        loose[model.body_rootid[scene.body_id(name)]] = True
    still = (model.geom_group < VISIBLE_GROUPS) & ~loose[scene.geom_root]
    return np.flatnonzero(still)


def under(scene: SceneModel, bodies: Iterable[int]) -> Flags:
    """(nbody,) whether a body is one of ``bodies`` or hangs under one; the world holds nothing."""
    model, found = scene.model, np.zeros(scene.model.nbody, np.bool_)
    found[list(bodies)] = True
    found[0] = False
    for body in range(1, model.nbody):  # parents come before their children
        found[body] |= found[model.body_parentid[body]]
    return found


def named_bodies(scene: SceneModel, episode: EpisodeSpec) -> list[int]:
    """Ids of the bodies that the task names, by themselves or by one of their joints, in order."""
    names = [*episode.task_relevant_objects, *_texts(episode.task.values())]
    joints = {scene.model.joint(j).name: j for j in range(scene.model.njnt)}
    found: dict[int, None] = {}
    for name in names:
        if name in scene.body_ids:
            found[scene.body_ids[name]] = None
        elif name in joints:
            found[int(scene.model.jnt_bodyid[joints[name]])] = None
    return list(found)


def kept_bodies(scene: SceneModel, episode: EpisodeSpec) -> list[str]:
    """Names of the still bodies whose looks an instruction may rely on.

    They are the furniture that the task names, whole, what its metadata says it is part of, and
    everything of the same categories: what tells one from the other stays true.
    """
    model, objects = scene.model, scene.objects
    roots = {
        scene.model.body(int(model.body_rootid[body])).name: None
        for body in named_bodies(scene, episode)
    }
    families = dict(roots)
    for name in roots:
        parent = objects.get(name, {}).get("parent")
        movable = name in scene.free_joints
        while parent in objects and not movable:
            families[parent] = None
            parent = objects[parent].get("parent")
    categories = {objects[name].get("category") for name in families if name in objects}
    alike = [name for name, entry in objects.items() if entry.get("category") in categories]
    kept = [n for n in dict.fromkeys([*families, *alike]) if n in scene.body_ids]
    return [name for name in kept if name not in scene.free_joints]


def _texts(values: Iterable[Any]) -> list[str]:
    """All texts among values, those in lists and those that are keys included."""
    found: list[str] = []
    for value in values:
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, Mapping):
            found += _texts(value.keys())
        elif isinstance(value, list | tuple):
            found += _texts(value)
    return found
