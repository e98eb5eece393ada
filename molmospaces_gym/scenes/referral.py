"""Words for the objects of a scene."""

from typing import Any

from molmospaces_gym.scenes.model import SceneModel


def referral_phrase(scene: SceneModel, name: str) -> str:
    """The shortest description of an object that no other object of the scene shares."""
    objects: Any = scene.objects
    own = objects.get(name, {}).get("descriptions", {})
    for length in sorted(own):
        rivals = (m.get("descriptions", {}).get(length) for n, m in objects.items() if n != name)
        if own[length] not in rivals:
            return str(own[length])
    if own:
        return str(own[max(own)])
    return str(objects.get(name, {}).get("category") or spoken_name(name))


def plain_phrase(scene: SceneModel, name: str) -> str:
    """The shortest description of an object, whether or not others share it."""
    objects: Any = scene.objects
    own = objects.get(name, {}).get("descriptions", {})
    if own:
        return str(own[min(own)])
    return str(objects.get(name, {}).get("category") or spoken_name(name))


def spoken_name(body: str) -> str:
    """Words for a body without metadata: its lemma (official names end in four more parts)."""
    parts = body.rsplit("/", 1)[-1].split("_")
    lemma = parts[:-4] if len(parts) > 4 and len(parts[-4]) == 32 else parts
    return " ".join(lemma)
