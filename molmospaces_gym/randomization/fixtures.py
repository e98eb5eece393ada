"""What an episode's task is about, and what hangs under it."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.scenes.model import SceneModel

Flags = NDArray[np.bool_]


def under(scene: SceneModel, bodies: Iterable[int]) -> Flags:
    """(nbody,) whether a body is one of ``bodies`` or hangs under one; the world holds nothing."""
    chosen, parents = set(bodies), scene.model.body_parentid.tolist()
    found = [False] * len(parents)
    for body in range(1, len(parents)):  # parents come before their children
        found[body] = body in chosen or found[parents[body]]
    return np.array(found)


def named_bodies(scene: SceneModel, episode: EpisodeSpec) -> list[int]:
    """Ids of the bodies that the task names, by themselves or by one of their joints, in order."""
    names = [*episode.task_relevant_objects, *_texts(episode.task.values())]
    found: dict[int, None] = {}
    for name in names:
        if name in scene.body_ids:
            found[scene.body_ids[name]] = None
        elif name in scene.joint_ids:
            found[int(scene.model.jnt_bodyid[scene.joint_ids[name]])] = None
    return list(found)


def kept_bodies(scene: SceneModel, episode: EpisodeSpec) -> list[str]:
    """Names of the still bodies whose looks an instruction may rely on.

    They are the furniture that the task names, whole, what its metadata says it is part of, and
    everything of the same categories: what tells one from the other stays true.
    """
    model, objects = scene.model, scene.objects
    roots = {
        scene.body_names[model.body_rootid[body]]: None for body in named_bodies(scene, episode)
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
