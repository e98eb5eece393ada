"""Optional disk cache of generated houses and compiled scenes.

It lies under the folder in ``MOLMOSPACES_GYM_CACHE``; without that variable nothing is kept.
"""

import functools
import hashlib
import json
import marshal
import os
import sys
import tempfile
import zlib
from pathlib import Path

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.scenes.house import House

VARIABLE = "MOLMOSPACES_GYM_CACHE"


def cache_dir() -> Path | None:
    """The cache folder, or None when the variable is not set."""
    value = os.environ.get(VARIABLE)
    return Path(value) / "scenes" if value else None


def load_compiled(key: str) -> tuple[mujoco.MjModel, NDArray[np.float64], bool] | None:
    """Model, rest qpos (nq,) and whether the file owned its robot; None when not stored."""
    folder = cache_dir()
    if folder is None or not (folder / f"{key}.rest").is_file():
        return None
    try:
        model = mujoco.MjModel.from_binary_path(str(folder / f"{key}.mjb"))
        stored = np.fromfile(folder / f"{key}.rest")
    except (ValueError, OSError):
        return None  # a damaged entry is rebuilt and written again
    return (model, stored[:-1], bool(stored[-1])) if len(stored) == model.nq + 1 else None


def save_compiled(
    key: str, model: mujoco.MjModel, rest: NDArray[np.float64], owns_robot: bool
) -> None:
    """Store one scene; the .rest is renamed into place last, so no reader sees half an entry."""
    folder = cache_dir()
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        mujoco.mj_saveModel(model, str(Path(scratch) / "model.mjb"))
        np.append(rest, float(owns_robot)).tofile(Path(scratch) / "rest")
        os.replace(Path(scratch) / "model.mjb", folder / f"{key}.mjb")
        os.replace(Path(scratch) / "rest", folder / f"{key}.rest")


def load_house(name: str) -> House | None:
    """A generated house as this version of the generators makes it; None when not stored."""
    folder = cache_dir()
    if folder is None:
        return None
    try:
        content = (folder / f"{_house_key(name)}.house").read_bytes()
        head, body = content.split(b"\n", 1)
        digest, length, checksum = head.decode().split()
        metadata = body[int(length) :]
        if zlib.crc32(metadata) != int(checksum):
            return None
        mjcf = body[: int(length)].decode()
        house = House(name, mjcf=mjcf, metadata=marshal.loads(metadata))
    except (ValueError, OSError):
        return None  # missing or damaged: it is made again
    vars(house)["digest"] = digest  # where its cached property keeps what it would hash
    return house


def save_house(house: House) -> None:
    """Store a generated house; the file appears at once or not at all.

    The first line holds the house's digest, the size of its MJCF, which follows, and a checksum of
    the metadata behind that. These are marshalled: JSON takes four times as long to read.
    """
    folder = cache_dir()
    if folder is None:
        return
    assert house.mjcf is not None  # generated houses are texts
    folder.mkdir(parents=True, exist_ok=True)
    mjcf = house.mjcf.encode()
    metadata = marshal.dumps(json.loads(json.dumps(house.metadata)))
    head = f"{house.digest} {len(mjcf)} {zlib.crc32(metadata)}\n".encode()
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        file = Path(scratch) / "house"
        file.write_bytes(head + mjcf + metadata)
        os.replace(file, folder / f"{_house_key(house.name)}.house")


def _house_key(name: str) -> str:
    versions = f"{mujoco.__version__}|{sys.implementation.cache_tag}|{marshal.version}"
    text = f"{name}|{_generators_stamp()}|{versions}"
    return hashlib.sha256(text.encode()).hexdigest()[:24]


@functools.cache
def _generators_stamp() -> str:
    """Hash of the sources of the generators: a change of one makes all stored houses void."""
    folder = Path(__file__).parent
    patterns = ("generator/*.py", "homes/*.py", "homes/*.json")
    sources = sorted(file for pattern in patterns for file in folder.glob(pattern))
    digest = hashlib.sha256()
    for source in sources:
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()
