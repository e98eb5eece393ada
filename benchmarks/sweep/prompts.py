"""Prompt phrasing: other verbs, and more or fewer words for the object."""

import re
from collections.abc import Mapping
from typing import Any

from molmospaces_gym.benchmarks.sweep.axis import Axis, Level
from molmospaces_gym.benchmarks.sweep.setup import Setup
from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.errors import AxisUnavailable, InvalidConfig
from molmospaces_gym.scenes.referral import referral_phrases

VERBS: Mapping[str, tuple[str, ...]] = {
    "pick up": ("pick up", "grab", "grasp", "lift", "take"),
    "open": ("open", "pull open"),
    "close": ("close", "shut", "push shut"),
    "navigate to": ("navigate to", "go to", "drive to", "move to", "find"),
}
"""Verb of the official templates -> verbs that ask for the same. The choice is ours: the paper
contrasts verbs that are frequent in DROID with others, its list is not published as data."""

SENTENCE = re.compile(
    rf"(?P<verb>{'|'.join(VERBS)}) (?P<article>the|an?|some|any) (?P<object>.+?)"
    r"(?P<link> and place it (?:in or on|on|in|into|next to) the )?(?(link)(?P<place>.+?))"
    r"(?P<end>(?: \(\d+ available\))?\.?)",
    re.IGNORECASE,
)
"""The official templates, in their own case or in the benchmarks' (``molmo_spaces`` tasks)."""

MAX_WORDS = 3
"""Longest phrase that the official benchmarks ask for (their names have 1 to 3 words)."""
OWN = "own"

_ROLES = {
    "object": "pickup_obj_name",
    "place": "place_receptacle_name",
}


def _verb_of(setup: Setup) -> str:
    """The verb of a benchmark, as ``VERBS`` has it.

    Raises:
        AxisUnavailable: an instruction follows no official template, or they differ in it.
    """
    verbs = {_matched("verbs", episode)["verb"].lower() for episode in setup.episodes}
    if len(verbs) > 1:
        raise AxisUnavailable(f"axis 'verbs': the benchmark mixes {', '.join(sorted(verbs))}")
    return verbs.pop()


def _matched(axis: str, episode: EpisodeSpec) -> re.Match[str]:
    found = SENTENCE.fullmatch(episode.instruction)
    if found is None:
        raise AxisUnavailable(
            f"axis {axis!r}: the instruction {episode.instruction!r} is not of the form"
            f" '<verb> the <object>[ and place it ... the <object>].' with one of the verbs"
            f" {', '.join(VERBS)}"
        )
    return found


def _verb_level(setup: Setup, text: str) -> Level:
    own = _verb_of(setup)
    if not re.fullmatch(r"[^\W\d_]+(?: [^\W\d_]+)*", text):
        raise InvalidConfig(f"axis 'verbs' takes verbs such as 'grab' as levels, not {text!r}")
    if text == own:
        return Level(name=text)

    def change(episode: EpisodeSpec) -> EpisodeSpec:
        old = _matched("verbs", episode)["verb"]
        verb = text.capitalize() if old[0].isupper() else text
        return _told(episode, verb + episode.instruction[len(old) :])

    return Level(name=text, change=change)


def _told(episode: EpisodeSpec, instruction: str) -> EpisodeSpec:
    return episode.replace(language=episode.language.replace(task_description=instruction))


def _word_level(setup: Setup, text: str) -> Level:
    if text == OWN:
        return Level(name=OWN)
    if text not in map(str, range(1, MAX_WORDS + 1)):
        raise InvalidConfig(f"axis 'words' takes {OWN}, 1, 2 or 3 as levels, not {text!r}")
    for episode in setup.episodes:
        _matched("words", episode)
    count = int(text)

    def change(episode: EpisodeSpec) -> EpisodeSpec | None:
        return _rephrased(setup, episode, count)

    return Level(name=text, change=change)


def _rephrased(setup: Setup, episode: EpisodeSpec, count: int) -> EpisodeSpec | None:
    """The episode whose objects are called by ``count`` words; None where one has no such name.

    A receptacle that is named by the colour that tells it from another keeps its name, and so do
    objects of which any one will do.
    """
    found = _matched("words", episode)
    if len(episode.task.get("pickup_obj_candidates") or ()) > 1:
        return None
    phrases = {}
    for part in ("object", "place"):
        if found[part] is None or (part == "place" and episode.task.get("object_colors")):
            continue
        phrase = _phrase(setup, episode, _ROLES[part], count)
        if phrase is None:
            return None
        phrases[part] = phrase
    text = episode.instruction
    for part, phrase in sorted(phrases.items(), key=lambda item: -found.start(item[0])):
        text = text[: found.start(part)] + phrase + text[found.end(part) :]
    referrals = {_ROLES[part]: phrase for part, phrase in phrases.items()}
    language = episode.language
    told = {**language.referral_expressions, **referrals}
    return episode.replace(
        language=language.replace(task_description=text, referral_expressions=told)
    )


def _phrase(setup: Setup, episode: EpisodeSpec, role: str, count: int) -> str | None:
    """What the episode's own list calls an object in so many words, else what its scene does."""
    listed: list[list[Any]] = episode.language.referral_expressions_priority.get(role, [])
    for *_, text in listed:
        if len(str(text).split()) == count:
            return str(text)
    if listed:
        return None
    name = episode.task.get(role)
    return referral_phrases(setup.scene_of(episode), str(name)).get(count)


VERB_AXIS = Axis(
    name="verbs",
    title="verb of the prompt",
    reference=_verb_of,
    defaults=lambda setup: VERBS[_verb_of(setup)],
    parse=_verb_level,
    source="MolmoSpaces paper (arXiv 2602.11337), sensitivity to the prompt's verb; verbs ours",
)

WORD_AXIS = Axis(
    name="words",
    title="words for the object",
    unit="words",
    reference=lambda setup: OWN,
    defaults=lambda setup: ("1", "2", "3"),
    parse=_word_level,
    source="official prompts: prompt_object_word_num of its policies, 1 to 3 words in MB-Bench",
)
