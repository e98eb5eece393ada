"""Referral expressions are true, have the length they claim and mean one object."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molmospaces_gym.scenes.generator.catalog import CATEGORIES, make_asset
from molmospaces_gym.scenes.referral import referral_expressions

FURNITURE = {
    f"{word.replace(' ', '')}_{room}": {
        "noun": word,
        "descriptions": {str(len(word.split())): word},
        "room_id": room,
    }
    for word in ("shelf", "counter", "coffee table", "bin")
    for room in (0, 1)
}
ROOMS = {0: "kitchen", 1: "living_room"}
FEW = ("mug", "bowl", "apple", "storage_bin", "book")


def thing(category: str, color: int, step: int, parent: str) -> dict[str, Any]:
    colors = CATEGORIES[category].colors
    asset = make_asset(category, colors[color % len(colors)], step)
    room = int(FURNITURE[parent]["room_id"]) if parent else 0  # type: ignore[call-overload]
    return {**asset.metadata(), "parent": parent, "room_id": room}


things = st.builds(
    thing,
    st.sampled_from(FEW),
    st.integers(0, 2),
    st.sampled_from((0, 10, 20)),
    st.sampled_from(sorted(FURNITURE)),
)


def is_true(text: str, name: str, objects: dict[str, Any]) -> bool:
    """Whether the words before the noun are true of an object, by rules written anew here."""
    entry = objects[name]
    noun = entry.get("noun") or entry["descriptions"]["1"]
    if not text.endswith(noun):
        return False
    words = text[: -len(noun)].strip()
    facts = [entry.get("color"), entry.get("material"), ROOMS[entry["room_id"]].replace("_", " ")]
    facts.append(objects.get(entry.get("parent"), {}).get("noun"))
    third = entry["descriptions"].get("3", "").split(" ")[0]
    facts += [third] if third in ("small", "large") else []
    sizes = {
        n: max(e["boundingBox"].values())
        for n, e in objects.items()
        if "boundingBox" in e and e["descriptions"]["1"] == noun
    }
    if name in sizes:
        rest = [size for n, size in sizes.items() if n != name]
        if rest and sizes[name] > max(rest):
            facts += ["larger", "largest"]
        if rest and sizes[name] < min(rest):
            facts += ["smaller", "smallest"]
    for fact in sorted((f for f in facts if f), key=len, reverse=True):
        words = words.replace(fact, "", 1).strip()
    return not words


@settings(max_examples=150, deadline=None)
@given(st.lists(things, min_size=1, max_size=14))
def test_every_object_has_an_expression_of_its_own(entries: list[dict[str, Any]]) -> None:
    objects = {**FURNITURE, **{f"thing_{k}": entry for k, entry in enumerate(entries)}}
    found = referral_expressions(objects, ROOMS)
    assert sorted(found) == sorted(objects)
    for k in range(len(entries)):
        own = found[f"thing_{k}"]
        assert set("123") <= set(own)
        counted = [text for text in own.values() if text.split(" ")[0].endswith(("st", "nd", "rd"))]
        counted += [text for text in own.values() if text.split(" ")[0].endswith("th")]
        for length, text in own.items():
            assert len(text.split(" ")) == int(length)
            assert text in counted or is_true(text, f"thing_{k}", objects)
        alone = [
            text
            for text in own.values()
            if text not in counted
            and not any(is_true(text, n, objects) for n in objects if n != f"thing_{k}")
        ]
        others = [t for n in objects if n != f"thing_{k}" for t in found[n].values()]
        assert alone or any(text not in others for text in counted)


@settings(max_examples=40, deadline=None)
@given(st.lists(things, min_size=1, max_size=10), st.randoms(use_true_random=False))
def test_order_of_objects_does_not_matter(entries: list[dict[str, Any]], random: Any) -> None:
    objects = {f"thing_{k}": entry for k, entry in enumerate(entries)}
    names = list(objects)
    random.shuffle(names)
    assert referral_expressions({n: objects[n] for n in names}) == referral_expressions(objects)


def test_a_single_object_needs_one_word() -> None:
    found = referral_expressions({"m": thing("mug", 0, 10, "shelf_0")})
    assert found == {"m": {"1": "mug", "2": "red mug", "3": "red ceramic mug"}}


@pytest.mark.parametrize(
    ("first", "second", "texts"),
    [
        (("mug", 0, 10, "shelf_0"), ("mug", 1, 10, "shelf_0"), ("red mug", "blue mug")),
        (("mug", 0, 0, "shelf_0"), ("mug", 0, 20, "shelf_0"), ("small mug", "large mug")),
        (("bowl", 0, 8, "shelf_0"), ("bowl", 0, 14, "shelf_0"), ("smaller bowl", "larger bowl")),
        (("mug", 0, 8, "shelf_0"), ("mug", 0, 8, "counter_0"), ("shelf mug", "counter mug")),
        (("mug", 0, 8, "shelf_0"), ("mug", 0, 8, "shelf_1"), ("kitchen mug", "living room mug")),
        (
            ("mug", 0, 8, "coffeetable_0"),
            ("mug", 0, 8, "shelf_0"),
            ("coffee table mug", "shelf mug"),
        ),
    ],
)
def test_doubles_are_told_apart_by_what_differs(
    first: tuple[Any, ...], second: tuple[Any, ...], texts: tuple[str, str]
) -> None:
    objects = {**FURNITURE, "a": thing(*first), "b": thing(*second)}
    found = referral_expressions(objects, ROOMS)
    assert texts[0] in found["a"].values()
    assert texts[1] in found["b"].values()


def test_equal_objects_on_one_shelf_are_told_apart_by_their_neighbours() -> None:
    twin = thing("mug", 0, 10, "shelf_0")
    objects = {**FURNITURE, "a": twin, "b": twin, "c": thing("apple", 0, 0, "shelf_0")}
    places = {"a": (0.0, 0.0, 1.0), "b": (1.2, 0.0, 1.0), "c": (0.2, 0.0, 1.0)}
    found = referral_expressions(objects, ROOMS, places)
    assert found["a"]["3"] == "mug near apple"
    assert found["b"]["2"] == "second mug"
    places["b"] = (1.2, 0.0, 1.4)
    assert referral_expressions(objects, ROOMS, places)["b"]["2"] == "upper mug"


def test_many_doubles_are_counted() -> None:
    twin = thing("mug", 0, 10, "shelf_0")
    objects = {f"m{k:02d}": twin for k in range(23)}
    places = {name: (float(x), 0.0, 0.0) for x, name in enumerate(objects)}
    found = referral_expressions(objects, {}, places)
    assert [found[f"m{k:02d}"]["2"] for k in (0, 9, 10, 20, 21, 22)] == [
        "first mug", "tenth mug", "11th mug", "21st mug", "22nd mug", "23rd mug",
    ]  # fmt: skip


def test_what_has_no_descriptions_is_left_out() -> None:
    assert referral_expressions({"wall_0": {"category": "Wall"}}) == {}
    assert np.all(list(referral_expressions({}).values()) == [])
