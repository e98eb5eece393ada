"""The official houses on disk, under ``MLSPACES_ASSETS_DIR``.

A house is named ``<dataset>/<split>/<index>``, e.g. ``holodeck-objaverse/val/1194``. Its files are
``scenes/holodeck-objaverse-val/val_1194_ceiling.xml`` (or without ``_ceiling``) and
``val_1194_metadata.json``; an iTHOR house is ``scenes/ithor/FloorPlan<index>_physics.xml``.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from molmospaces_gym.errors import SceneNotFound, UnknownName
from molmospaces_gym.scenes.house import House
from molmospaces_gym.scenes.scene_files import CEILING, read_house

ASSETS_ENV = "MLSPACES_ASSETS_DIR"
DEFAULT_ASSETS_DIR = Path("~/.cache/molmospaces-gym/assets")
"""Used where the variable is not set; the official default depends on an install path."""

ITHOR = "ithor"
DATASETS: Mapping[str, tuple[str, ...]] = {
    ITHOR: ("train", "val", "test"),
    "procthor-10k": ("train", "val", "test"),
    "procthor-objaverse": ("train", "val"),
    "holodeck-objaverse": ("train", "val"),
}
"""Dataset -> its splits."""

ITHOR_SPLIT_ENDS = (("train", 12), ("val", 24), ("test", 30))
"""Last ``index % 100`` of each iTHOR split (official rule)."""

VARIANTS = ("ceiling", "base")


@dataclass(frozen=True)
class HouseId:
    """The parts of an official house name."""

    dataset: str
    split: str
    index: int

    def __str__(self) -> str:
        return f"{self.dataset}/{self.split}/{self.index}"

    @property
    def source(self) -> str:
        """Folder under ``scenes/``, which is also the name of the downloadable source."""
        return self.dataset if self.dataset == ITHOR else f"{self.dataset}-{self.split}"

    @property
    def stem(self) -> str:
        """File name of the base variant, without its ending."""
        if self.dataset == ITHOR:
            return f"FloorPlan{self.index}_physics"
        return f"{self.split}_{self.index}"

    @property
    def metadata_stems(self) -> tuple[str, ...]:
        """Starts of the names that the metadata file may have, best first."""
        return (self.stem, self.stem.removesuffix("_physics"))


def assets_dir() -> Path:
    """Where official assets are read from and fetched to."""
    return Path(os.environ.get(ASSETS_ENV) or DEFAULT_ASSETS_DIR).expanduser()


def is_official_name(name: str) -> bool:
    """Whether a name starts with an official dataset."""
    return name.partition("/")[0] in DATASETS


def parse_house_name(name: str) -> HouseId:
    """Splits ``<dataset>/<split>/<index>``.

    Raises:
        UnknownName: no such dataset or split, or the index is not a number.
    """
    parts = name.split("/")
    if parts[0] not in DATASETS:
        raise UnknownName("scene dataset", parts[0], tuple(DATASETS))
    splits = DATASETS[parts[0]]
    if len(parts) != 3 or not (parts[2].isascii() and parts[2].isdigit()):
        raise UnknownName("house", name, [f"{parts[0]}/{split}/<number>" for split in splits])
    if parts[1] not in splits:
        raise UnknownName(f"split of {parts[0]}", parts[1], splits)
    return HouseId(parts[0], parts[1], int(parts[2]))


def locate_house(name: str, variant: str = "ceiling") -> Path:
    """The MJCF file of an official house.

    Args:
        name: ``<dataset>/<split>/<index>``.
        variant: ``ceiling`` falls back to the base file where that variant is missing.

    Raises:
        UnknownName: the name is none of an official house, or the variant does not exist.
        SceneNotFound: the file is missing; the message names it and the command that fetches it.
    """
    if variant not in VARIANTS:
        raise UnknownName("house variant", variant, VARIANTS)
    house = parse_house_name(name)
    files = _candidates(house, variant)
    for file in files:
        if file.is_file():
            return file
    raise SceneNotFound(
        f"house {house}: missing {files[0]} (or the same without {CEILING}); "
        f"{how_to_fetch(str(house))}"
    )


def is_installed(name: str) -> bool:
    """Whether the MJCF file of an official house is on disk; raises ``UnknownName``."""
    return any(file.is_file() for file in _candidates(parse_house_name(name), "ceiling"))


def official_house(name: str, variant: str = "ceiling") -> House:
    """An official house with its metadata.

    Raises:
        UnknownName: the name is none of an official house.
        SceneNotFound: its file is missing.
        InvalidScene: a file is corrupt.
    """
    path = locate_house(name, variant)
    house = parse_house_name(name)
    metadata = [path.with_name(f"{stem}_metadata.json") for stem in house.metadata_stems]
    return read_house(str(house), path, metadata)


def installed_houses(dataset: str, split: str) -> tuple[str, ...]:
    """Names of the houses of a split that are on disk, by index.

    Raises:
        UnknownName: no such dataset or split.
    """
    probe = parse_house_name(f"{dataset}/{split}/0")
    stem = r"FloorPlan(\d+)_physics" if dataset == ITHOR else rf"{split}_(\d+)"
    pattern = re.compile(rf"{stem}({CEILING})?\.xml")
    names = [file.name for folder in _folders(probe) for file in folder.glob("*.xml")]
    found = {int(match[1]) for match in map(pattern.fullmatch, names) if match}
    if dataset == ITHOR:
        found = {index for index in found if ithor_split(index) == split}
    return tuple(f"{dataset}/{split}/{index}" for index in sorted(found))


def ithor_split(index: int) -> str | None:
    """Split of an iTHOR floor plan, None where the rule knows no split."""
    for split, last in ITHOR_SPLIT_ENDS:
        if index % 100 <= last:
            return split
    return None


def how_to_fetch(what: str) -> str:
    """The commands that fetch a house or an asset, for error messages."""
    return (
        f'fetch it with: pip install "molmospaces-gym[assets]" && molmospaces-gym scenes fetch '
        f"{what} (or set {ASSETS_ENV} to the directory that holds it)"
    )


def _folders(house: HouseId) -> tuple[Path, ...]:
    scenes = assets_dir() / "scenes"
    return tuple(dict.fromkeys((scenes / house.source, scenes / house.dataset)))


def _candidates(house: HouseId, variant: str) -> list[Path]:
    endings = (f"{CEILING}.xml", ".xml") if variant == "ceiling" else (".xml",)
    return [folder / (house.stem + end) for folder in _folders(house) for end in endings]
