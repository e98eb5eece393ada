"""Words for the objects of a scene: expressions that mean one of its objects and no other."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from molmospaces_gym.scenes.model import Array, SceneModel

Objects = Mapping[str, Mapping[str, Any]]
Positions = Mapping[str, Sequence[float] | Array]

NEAR = 0.35
"""Distance (m) within which one object is near another."""
APART = 1.5
"""How much further away than the object itself its double must be from what it is near to."""
BIGGER = 1.06
"""Least ratio of two sizes that can be told apart."""
HIGHER = 0.15
"""Least difference in height (m) for ``upper`` and ``lower``."""

_ORDER = ("size", "color", "material", "room", "support")
"""Kinds of words in the order in which they stand before the noun."""
_CHOICES = (
    (), ("color",), ("size",), ("material",), ("support",), ("room",), ("size", "color"),
    ("color", "material"), ("size", "material"), ("color", "support"), ("size", "support"),
    ("color", "room"), ("room", "support"), ("size", "room"), ("material", "support"),
    ("material", "room"),
)  # fmt: skip
"""Combinations of kinds, the more natural ones first."""
_ORDINALS = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
)  # fmt: skip


@dataclass(frozen=True)
class Named:
    """What can be said of an object: its noun, and true words by kind, each of one kind or more."""

    noun: str
    words: Mapping[str, tuple[str, ...]]

    def fits(self, noun: str, words: Sequence[str]) -> bool:
        """Whether an expression of these words is true of the object."""
        own = [word for group in self.words.values() for word in group]
        return noun == self.noun and all(word in own for word in words)


def referral_expressions(
    objects: Objects,
    rooms: Mapping[int, str] | None = None,
    positions: Positions | None = None,
) -> dict[str, dict[str, str]]:
    """Expressions for every object that has ``descriptions``, keyed by their number of words.

    ``{body: {"1": "mug", "2": "red mug", "3": "large red mug"}}``, for each number of words the
    one that no other object fits, where there is one. Words are its size, colour and material, the
    furniture on which it stands and its room ("shelf mug"), then what is near it ("mug near
    apple"), its height ("upper mug") and, where doubles stand side by side, a number that counts
    them from low to high x ("second mug"). So at least one expression of 1 to 3 words means the
    object alone, unless its noun or those around it have several words. All are true of it.

    Args:
        objects: metadata of a scene.
        rooms: type of each room, by ``room_id``.
        positions: (x, y, z) of bodies in m; without them nothing is said about neighbours.
    """
    named = _named(objects, rooms or {})
    found = {}
    for name in named:
        found[name] = {
            length: text for length, (text, _) in _of(name, named, positions or {}).items()
        }
    return found


def referral_phrase(scene: SceneModel, name: str) -> str:
    """The shortest expression for an object that fits no other object of the scene."""
    phrases = _phrases.setdefault(scene, {})
    if name not in phrases:
        phrases[name] = _phrase(scene, name)
    return phrases[name]


def referral_phrases(scene: SceneModel, name: str) -> dict[int, str]:
    """Words for an object by their number, of each the expression that fits fewest others.

    One of one word may fit others too ("mug" where there are two). Empty for what has no
    ``descriptions``.
    """
    named = _named_in(scene)
    if name not in named:
        return {}
    found = _of(name, named, _resting(scene))
    return {int(length): text for length, (text, _) in sorted(found.items())}


_phrases: "WeakKeyDictionary[SceneModel, dict[str, str]]" = WeakKeyDictionary()
_words: "WeakKeyDictionary[SceneModel, dict[str, Named]]" = WeakKeyDictionary()


def _phrase(scene: SceneModel, name: str) -> str:
    objects: Any = scene.objects
    named = _named_in(scene)
    if name not in named:
        return str(objects.get(name, {}).get("category") or spoken_name(name))
    own = _of(name, named, _resting(scene))
    for length in sorted(own):
        text, unique = own[length]
        if unique:
            return text
    return own[max(own)][0]


def _named_in(scene: SceneModel) -> Mapping[str, Named]:
    """Nouns and words of everything of a scene that has descriptions."""
    if scene not in _words:
        objects: Any = scene.objects
        _words[scene] = _named(objects, _room_types(scene.house.metadata))
    return _words[scene]


def _resting(scene: SceneModel) -> dict[str, Array]:
    """Where the objects of a scene at rest are (3,), m."""
    return {
        name: scene.rest_qpos[address : address + 3]
        for name, (address, _) in scene.free_joints.items()
    }


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


def _room_types(metadata: Mapping[str, Any]) -> dict[int, str]:
    return {k: str(room["type"]) for k, room in enumerate(metadata.get("rooms", ()))}


def _named(objects: Objects, rooms: Mapping[int, str]) -> dict[str, Named]:
    """Nouns and words of everything that has descriptions."""
    told = {name: entry for name, entry in objects.items() if entry.get("descriptions")}
    nouns = {name: _noun(entry) for name, entry in told.items()}
    groups: dict[str, list[str]] = {}
    for name, noun in nouns.items():
        groups.setdefault(noun, []).append(name)
    found = {}
    for name, entry in told.items():
        words = {
            "size": _sizes(name, groups[nouns[name]], told),
            "color": _maybe(entry.get("color")) or _told(entry)[:1],
            "material": _maybe(entry.get("material")) or _told(entry)[1:],
            "room": _maybe(rooms.get(int(entry.get("room_id", -1)), "").replace("_", " ")),
            "support": _maybe(objects.get(str(entry.get("parent") or ""), {}).get("noun")),
        }
        found[name] = Named(nouns[name], {kind: text for kind, text in words.items() if text})
    return found


def _noun(entry: Mapping[str, Any]) -> str:
    own = entry["descriptions"]
    return str(entry.get("noun") or own[min(own)])


def _told(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """Words before the noun in the descriptions of an object of a library."""
    own, noun = entry["descriptions"], _noun(entry)
    words = str(own.get("3") or own.get("2") or "").removesuffix(noun).split()
    return () if "color" in entry else tuple(words)


def _maybe(word: Any) -> tuple[str, ...]:
    return (str(word),) if word else ()


def _sizes(name: str, group: Sequence[str], told: Objects) -> tuple[str, ...]:
    """Small or large of its kind; smaller or larger, smallest or largest of those in the scene."""
    own = told[name]["descriptions"]
    first = str(own.get("3", "")).split(" ")[0]
    words = (first,) if first in ("small", "large") else ()
    size = _extent(told[name])
    others = [_extent(told[other]) for other in group if other != name]
    if size <= 0 or not others:
        return words
    least, most = ("smaller", "larger") if len(others) == 1 else ("smallest", "largest")
    if size > BIGGER * max(others):
        return (*words, most)
    if size * BIGGER < min(others):
        return (*words, least)
    return words


def _extent(entry: Mapping[str, Any]) -> float:
    box = entry.get("boundingBox") or {}
    return float(max((box.get(axis, 0.0) for axis in "xyz"), default=0.0))


def _of(name: str, named: Mapping[str, Named], positions: Positions) -> dict[str, tuple[str, bool]]:
    """Best expression of each length, and whether it fits this object only."""
    own = named[name]
    rivals = [other for other, words in named.items() if words.noun == own.noun and other != name]
    best: dict[str, tuple[str, bool]] = {}
    for words in _combinations(own):
        text = " ".join((*words, own.noun))
        length = str(len(text.split(" ")))
        unique = not any(named[other].fits(own.noun, words) for other in rivals)
        if int(length) <= 3 and (length not in best or (unique and not best[length][1])):
            best[length] = (text, unique)
    if not any(unique for _, unique in best.values()):
        text = _told_apart(name, rivals, named, positions)
        best[str(len(text.split(" ")))] = (text, True)
    return best


def _combinations(own: Named) -> Iterator[tuple[str, ...]]:
    """Words of each choice of kinds, in the order in which they are said."""
    for kinds in _CHOICES:
        chosen: list[tuple[str, ...]] = [()]
        for kind in sorted(kinds, key=_ORDER.index):
            chosen = [(*before, word) for before in chosen for word in own.words.get(kind, ())]
        yield from chosen


def _told_apart(
    name: str, rivals: Sequence[str], named: Mapping[str, Named], positions: Positions
) -> str:
    """Words for an object whose double has the same looks and stands on the same furniture."""
    noun = named[name].noun
    here = positions.get(name)
    placed = [positions[other] for other in rivals if other in positions]
    if here is not None and len(placed) == len(rivals):
        for other in sorted(positions, key=lambda n: math.dist(here, positions[n])):
            beside = named[other].noun if other in named else noun
            if math.dist(here, positions[other]) > NEAR or beside == noun or " " in beside:
                continue
            same = [positions[n] for n in positions if n in named and named[n].noun == beside]
            if all(math.dist(at, there) > APART * NEAR for at in placed for there in same):
                return f"{noun} near {beside}"
        if all(here[2] > at[2] + HIGHER for at in placed):
            return f"upper {noun}"
        if all(here[2] < at[2] - HIGHER for at in placed):
            return f"lower {noun}"
    order = sorted([name, *rivals], key=lambda n: (tuple(positions.get(n, (0.0,)))[0], n))
    return f"{_ordinal(order.index(name) + 1)} {noun}"


def _ordinal(number: int) -> str:
    """A number from 1 on that counts."""
    if number <= len(_ORDINALS):
        return _ORDINALS[number - 1]
    endings = {1: "st", 2: "nd", 3: "rd"}
    teens = 10 < number % 100 < 20
    return f"{number}{'th' if teens else endings.get(number % 10, 'th')}"
