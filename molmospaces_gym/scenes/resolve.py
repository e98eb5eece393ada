"""From the name or file of a house to the ``House``."""

from functools import lru_cache
from pathlib import Path

from molmospaces_gym.errors import SceneNotFound, UnknownName
from molmospaces_gym.scenes.house import House
from molmospaces_gym.scenes.official import DATASETS, is_official_name, official_house
from molmospaces_gym.scenes.scene_files import default_metadata_files, read_house

GENERATED = "generated"
HOMES = "homes"
"""First parts of the names of houses that are made here, of one and of several rooms."""

CACHE_SIZE = 64
"""Houses kept in memory; a generated one is some 100 kB of text."""


def resolve_house(name_or_path: str | Path, base: Path | None = None) -> House:
    """The house of a name or an MJCF file.

    Args:
        name_or_path: ``generated/<split>/<index>`` (one room), ``homes/<split>/<index>`` (several
            rooms), an official ``<dataset>/<split>/<index>``, or an .xml file, whose metadata is
            read from ``<stem>_metadata.json`` beside it.
        base: directory in which a relative file is looked for first (that of a benchmark).

    Raises:
        UnknownName: neither a name of a house nor an .xml file.
        SceneNotFound: a file is missing; the message says how to get it.
        InvalidScene: a file is corrupt.
    """
    name = str(name_or_path)
    if name.endswith(".xml"):
        return _from_file(Path(name_or_path).expanduser(), base)
    kind = name.partition("/")[0]
    if kind in (GENERATED, HOMES):
        return _generated(kind, *_generated_parts(name))
    if is_official_name(name):
        return official_house(name)
    raise UnknownName("house", name, _known_forms())


def _known_forms() -> list[str]:
    datasets = [GENERATED, HOMES, *DATASETS]
    return [*(f"{dataset}/<split>/<index>" for dataset in datasets), "<path of an .xml file>"]


def _generated_parts(name: str) -> tuple[str, int]:
    parts = name.split("/")
    if len(parts) != 3 or not (parts[2].isascii() and parts[2].isdigit()):
        raise UnknownName("house", name, [f"{parts[0]}/<split>/<number>"])
    return parts[1], int(parts[2])


@lru_cache(maxsize=CACHE_SIZE)
def _generated(kind: str, split: str, index: int) -> House:
    from molmospaces_gym.scenes.store import load_house, save_house

    stored = load_house(f"{kind}/{split}/{index}")
    if stored is not None:
        return stored
    house = _generate(kind, split, index)
    save_house(house)
    return house


def _generate(kind: str, split: str, index: int) -> House:
    if kind == HOMES:
        from molmospaces_gym.scenes.homes import generate_home  # brings scipy, which takes a while

        return generate_home(split, index)
    from molmospaces_gym.scenes.generator import generate_house

    return generate_house(split, index)


def _from_file(path: Path, base: Path | None) -> House:
    candidates = [path] if base is None or path.is_absolute() else [base / path, path]
    for file in candidates:
        if file.is_file():
            metadata = default_metadata_files(file)
            stamps = tuple(_stamp(one) for one in (file, *metadata))
            return _read_file(file.absolute(), stamps)
    places = " or ".join(str(file.absolute()) for file in candidates)
    raise SceneNotFound(f"no scene file at {places}; expected an existing MJCF file")


def _stamp(file: Path) -> tuple[int, int] | None:
    if not file.is_file():
        return None
    stat = file.stat()
    return (stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=CACHE_SIZE)
def _read_file(file: Path, _stamps: tuple[tuple[int, int] | None, ...]) -> House:
    return read_house(str(file), file)
