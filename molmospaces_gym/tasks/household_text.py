"""One English sentence for the stages of a household episode."""

from collections.abc import Mapping, Sequence
from typing import Any

from molmospaces_gym.scenes.episode_joints import named_articulation
from molmospaces_gym.scenes.model import SceneModel
from molmospaces_gym.scenes.part_phrases import opening_phrase, spoken_noun
from molmospaces_gym.scenes.referral import referral_phrase
from molmospaces_gym.scenes.rooms import room_phrase

Stages = Sequence[Mapping[str, Any]]


def household_text(scene: SceneModel, stages: Stages) -> str:
    """The instruction, e.g. "go to the kitchen, take the mug and put it on the desk."."""
    room, taken, clauses = "", "", []
    for stage in stages:
        kind, name = stage["kind"], str(stage.get("pickup_obj_name", ""))
        if kind == "go_to_room":
            room = stage["room"]
            verb = "go to" if not name else f"bring {_it(scene, name, taken)} to"
            clauses.append(f"{verb} the {room_phrase(scene, room)[0]}")
        elif kind == "pick":
            clauses.append(f"take the {referral_phrase(scene, name)}")
        elif kind == "place":
            place = place_phrase(scene, stage["place_receptacle_name"], room)
            clauses.append(f"put {_it(scene, name, taken)} on the {place}")
        else:
            clauses.append(f"{kind} the {opening_phrase(scene, named_articulation(scene, stage))}")
        if kind in ("pick", "place"):
            taken = name
    *first, last = clauses
    return f"{', '.join(first)} and {last}." if first else f"{last}."


def place_phrase(scene: SceneModel, name: str, room: str = "") -> str:
    """What an object or a piece of furniture is called by someone who has been told the room."""
    if name in scene.free_joints:
        return referral_phrase(scene, name)
    own, noun = scene.objects.get(name, {}), spoken_noun(scene, name)
    home = f"room_{own.get('room_id')}"
    doubles = any(
        other != name and meta.get("room_id") != own.get("room_id") and _same(scene, other, noun)
        for other, meta in scene.objects.items()
    )
    known = any(entry.get("name") == home for entry in scene.house.metadata.get("rooms", ()))
    if home != room and known and (doubles or not room):
        return f"{noun} in the {room_phrase(scene, home)[0]}"
    return noun


def is_one_of_its_kind(scene: SceneModel, name: str) -> bool:
    """Whether no other piece of furniture in its room is called the same."""
    noun, room = spoken_noun(scene, name), scene.objects.get(name, {}).get("room_id")
    return not any(
        other != name and meta.get("room_id") == room and _same(scene, other, noun)
        for other, meta in scene.objects.items()
    )


def _same(scene: SceneModel, name: str, noun: str) -> bool:
    return spoken_noun(scene, name) == noun


def _it(scene: SceneModel, name: str, taken: str) -> str:
    return "it" if name == taken else f"the {referral_phrase(scene, name)}"
