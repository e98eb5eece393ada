"""Objects that an episode adds to its house (``scene_modifications.added_objects``)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from molmospaces_gym.errors import InvalidScene
from molmospaces_gym.scenes.assets import resolve_asset
from molmospaces_gym.scenes.house import content_digest

GENERATED_OBJECTS = "generated/objects/"
"""Names of the generator's own objects start so: ``generated/objects/bowl_red_07``."""


@dataclass(frozen=True)
class AddedObject:
    """An MJCF with one top-level body: exactly one of ``mjcf`` (text) and ``path`` (file).

    ``metadata`` becomes the object's entry in the metadata of the scene.
    """

    mjcf: str | None = None
    path: Path | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.mjcf is None) == (self.path is None):
            raise InvalidScene("an added object needs exactly one of mjcf text and path")

    @cached_property
    def content_key(self) -> str:
        """What a scene with it depends on: its path or text, and its metadata."""
        return f"{self.path or ''}:{content_digest(self.mjcf, self.metadata)}"


def resolve_added(name: str, base: Path | None = None) -> AddedObject:
    """The object of an ``added_objects`` value.

    Args:
        name: a generated object (``generated/objects/<asset>``) or a file, see ``resolve_asset``.
        base: directory looked in first (that of a benchmark).

    Raises:
        SceneNotFound: there is no such file; the message says how to get it.
        UnknownName: the generator makes no such object.
    """
    if name.startswith(GENERATED_OBJECTS):
        return _generated(name.removeprefix(GENERATED_OBJECTS))
    return AddedObject(path=resolve_asset(name, base))


@lru_cache(maxsize=256)
def _generated(asset_id: str) -> AddedObject:
    from molmospaces_gym.scenes.generator.library import asset_of, object_mjcf

    asset = asset_of(asset_id)
    return AddedObject(mjcf=object_mjcf(asset), metadata=asset.metadata())
