"""Houses read from MJCF files with the metadata file beside them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.parsers import expat

from molmospaces_gym.errors import InvalidScene
from molmospaces_gym.json_files import read_json
from molmospaces_gym.scenes.house import House

CEILING = "_ceiling"
"""Suffix of the house variant that has a ceiling (official default)."""


def read_house(name: str, path: Path, metadata_files: Sequence[Path] | None = None) -> House:
    """A house from an existing file.

    Args:
        name: its name.
        path: the MJCF file; a link is kept, because relative mesh paths start at it.
        metadata_files: candidates in order; None takes ``<stem>_metadata.json`` beside the file,
            with and without the ending ``_ceiling``. Without any, the metadata is empty.

    Raises:
        InvalidScene: one of the files is corrupt.
    """
    check_mjcf(path)
    candidates = default_metadata_files(path) if metadata_files is None else metadata_files
    for file in candidates:
        if file.is_file():
            return House(name=name, path=path, metadata=read_metadata(file))
    return House(name=name, path=path)


def default_metadata_files(path: Path) -> tuple[Path, ...]:
    """Where the metadata of an MJCF file may stand."""
    stems = dict.fromkeys((path.stem, path.stem.removesuffix(CEILING)))
    return tuple(path.with_name(f"{stem}_metadata.json") for stem in stems)


def read_metadata(file: Path) -> dict[str, Any]:
    """The metadata of a house: an object whose ``objects`` maps body names to objects.

    Raises:
        InvalidScene: the file is not JSON or has another layout.
    """
    data = read_json(file, InvalidScene)
    objects = data.get("objects", {}) if isinstance(data, dict) else None
    if not isinstance(objects, dict) or not all(isinstance(v, dict) for v in objects.values()):
        raise InvalidScene(f'{file}: expected {{"objects": {{body name: {{...}}}}}}')
    return dict(data)


def check_mjcf(path: Path) -> None:
    """Raises ``InvalidScene`` unless the file is well-formed XML with a ``mujoco`` root."""
    roots: list[str] = []

    def on_element(tag: str, _attributes: object) -> None:
        if not roots:
            roots.append(tag)

    parser = expat.ParserCreate()
    parser.StartElementHandler = on_element
    try:
        with path.open("rb") as stream:
            parser.ParseFile(stream)
    except expat.ExpatError as error:
        raise InvalidScene(f"{path}: not valid XML: {error}") from error
    except OSError as error:
        raise InvalidScene(f"{path}: cannot be read: {error.strerror or error}") from error
    if roots != ["mujoco"]:
        raise InvalidScene(f"{path}: the root element is <{roots[0]}>, expected <mujoco>")
