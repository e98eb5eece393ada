"""Names and seeds: everything that ties a generated house to its (split, index)."""

import hashlib

import numpy as np

from molmospaces_gym.errors import InvalidConfig, UnknownName

SPLITS = ("train", "val", "test")
GENERATOR_VERSION = 1
"""Part of every seed. Raising it changes every generated house."""


def house_name(split: str, index: int) -> str:
    """Name under which scenes are asked for, e.g. ``generated/val/3``."""
    return f"generated/{split}/{index}"


def house_streams(
    split: str, index: int, count: int, label: str = f"house/v{GENERATOR_VERSION}"
) -> list[np.random.Generator]:
    """Independent generators of one house; ``label`` names the kind of house and its version.

    The split is hashed into the seed, so the streams of two splits have nothing in common even
    where the index is the same.

    Raises:
        UnknownName: the split is not one of ``SPLITS``.
        InvalidConfig: the index is not a whole number >= 0.
    """
    if split not in SPLITS:
        raise UnknownName("split", split, SPLITS)
    if isinstance(index, bool) or not isinstance(index, int | np.integer) or index < 0:
        raise InvalidConfig(f"a house index is a whole number >= 0, not {index!r}")
    name = f"molmospaces-gym/{label}/{split}/{int(index)}"
    entropy = int.from_bytes(hashlib.sha256(name.encode()).digest()[:16], "little")
    seeds = np.random.SeedSequence(entropy).spawn(count)
    return [np.random.Generator(np.random.PCG64(seed)) for seed in seeds]


def body_name(lemma: str, asset_id: str, count: int, body_index: int = 0, room: int = 0) -> str:
    """Official body name ``<lemma>_<md5 of asset id>_<count>_<bodyindex>_<room>``."""
    digest = hashlib.md5(asset_id.encode(), usedforsecurity=False).hexdigest()
    return f"{lemma}_{digest}_{count}_{body_index}_{room}"


def joint_name(body: str, kind: str) -> str:
    """Official joint name: body name, joint id (``jntfree``, ``jntslide``, ...) and number."""
    return f"{body}_jnt{kind}_0"


class Counter:
    """Hands out the 1-based instance number of each asset."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def next(self, asset_id: str) -> int:
        """Number of the next instance of this asset."""
        self._seen[asset_id] = self._seen.get(asset_id, 0) + 1
        return self._seen[asset_id]
