"""Words for what opens: "drawer", "left drawer", "second drawer from the left"."""

import numpy as np

from molmospaces_gym.scenes.articulated import Articulation, owner_of
from molmospaces_gym.scenes.model import Array, SceneModel
from molmospaces_gym.scenes.referral import spoken_name
from molmospaces_gym.transforms import pose_matrix

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
SAME_WAY = 0.9
"""Cosine from which two fronts face the same way, so that left and right mean the same."""


def opening_phrase(scene: SceneModel, part: Articulation) -> str:
    """What an instruction calls the object that a joint belongs to; see ``is_ambiguous``."""
    return _phrase(scene, part)[0]


def is_ambiguous(scene: SceneModel, part: Articulation) -> bool:
    """Whether other objects of the scene may be meant by the same words."""
    return _phrase(scene, part)[1]


def _phrase(scene: SceneModel, part: Articulation) -> tuple[str, bool]:
    name = owner_of(scene, part)
    noun, room = spoken_noun(scene, name), scene.objects.get(name, {}).get("room_id")
    rivals = _rivals(scene, name, noun)
    if not rivals:
        return noun, False
    near = [r for r in rivals if scene.objects[r[0]].get("room_id") == room]
    if len(near) < len(rivals):
        kind = _room_type(scene, room)
        elsewhere = {scene.objects[r[0]].get("room_id") for r in rivals} - {room}
        if kind and all(_room_type(scene, other) != kind for other in elsewhere):
            noun = f"{kind} {noun}"
            if not near:
                return noun, False
    placed = _placed(scene, noun, (name, part), near) if len(near) == len(rivals) or near else None
    return (noun, True) if placed is None else (placed, False)


def spoken_noun(scene: SceneModel, name: str) -> str:
    """What an object is called, without saying which of its kind."""
    meta = scene.objects.get(name, {})
    words = meta.get("descriptions", {}).get("1") or meta.get("noun") or meta.get("category")
    return str(words or spoken_name(name))


def _rivals(scene: SceneModel, name: str, noun: str) -> list[tuple[str, Articulation]]:
    """Other objects of that noun, each with its first joint."""
    found: dict[str, Articulation] = {}
    for part in scene.articulations.values():
        owner = owner_of(scene, part)
        if owner != name and owner in scene.objects and spoken_noun(scene, owner) == noun:
            found.setdefault(owner, part)
    return list(found.items())


def _room_type(scene: SceneModel, room: object) -> str:
    for entry in scene.house.metadata.get("rooms", ()):
        if entry.get("name") == f"room_{room}":
            return str(entry.get("type", "")).replace("_", " ").lower()
    return ""


def _placed(
    scene: SceneModel,
    noun: str,
    own: tuple[str, Articulation],
    near: list[tuple[str, Articulation]],
) -> str | None:
    """The noun with the place in the row from left to right, None where there is no row."""
    at, out = _front(scene, own[1])
    right = np.array([-out[1], out[0]])
    own_place, places = float(at @ right), []
    for _, other in near:
        point, way = _front(scene, other)
        if way @ out < SAME_WAY:
            return None
        places.append(float(point @ right))
    rank, count = sum(place < own_place for place in places), len(places) + 1
    if min(abs(place - own_place) for place in places) < 0.05 or count > len(ORDINALS):
        return None
    if count <= 3:
        return f"{(('left', 'right'), ('left', 'middle', 'right'))[count - 2][rank]} {noun}"
    return f"{ORDINALS[rank]} {noun} from the left"


def _front(scene: SceneModel, part: Articulation) -> tuple[Array, Array]:
    """Where a closed part's handle is on the floor plan (2,), and where it faces (2,)."""
    model, body = scene.model, part.body
    pose = np.eye(4)
    while body:
        pose = pose_matrix(model.body_pos[body], model.body_quat[body]) @ pose
        body = int(model.body_parentid[body])
    handle = part.handles[0]
    point = pose[:3, :3] @ handle.middle + pose[:3, 3]
    way = (pose[:3, :3] @ handle.outward)[:2]
    return point[:2], way / max(float(np.linalg.norm(way)), 1e-9)
