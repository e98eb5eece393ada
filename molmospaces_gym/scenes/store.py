"""Optional disk cache of generated houses and compiled scenes.

It lies under the folder in ``MOLMOSPACES_GYM_CACHE``; without that variable nothing is kept.
"""

import functools
import hashlib
import json
import os
import tempfile
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
    if folder is None or not (folder / f"{key}.npz").is_file():
        return None
    try:
        model = mujoco.MjModel.from_binary_path(str(folder / f"{key}.mjb"))
        with np.load(folder / f"{key}.npz") as stored:
            rest, owns_robot = stored["rest_qpos"], bool(stored["owns_robot"])
    except (ValueError, OSError, KeyError):
        return None  # a damaged entry is rebuilt and written again
    return (model, rest, owns_robot) if rest.shape == (model.nq,) else None


def save_compiled(
    key: str, model: mujoco.MjModel, rest: NDArray[np.float64], owns_robot: bool
) -> None:
    """Store one scene; the .npz is renamed into place last, so no reader sees half an entry."""
    folder = cache_dir()
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        mujoco.mj_saveModel(model, str(Path(scratch) / "model.mjb"))
        np.savez(Path(scratch) / "rest.npz", rest_qpos=rest, owns_robot=owns_robot)
        os.replace(Path(scratch) / "model.mjb", folder / f"{key}.mjb")
        os.replace(Path(scratch) / "rest.npz", folder / f"{key}.npz")


def load_house(name: str) -> House | None:
    """A generated house as this version of the generators makes it; None when not stored."""
    folder = cache_dir()
    if folder is None:
        return None
    try:
        stored = json.loads((folder / f"{_house_key(name)}.json").read_text(encoding="utf-8"))
        return House(name, mjcf=stored["mjcf"], metadata=stored["metadata"])
    except (ValueError, OSError, KeyError, TypeError):
        return None  # missing or damaged: it is made again


def save_house(house: House) -> None:
    """Store a generated house; the file appears at once or not at all."""
    folder = cache_dir()
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"mjcf": house.mjcf, "metadata": house.metadata})
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        file = Path(scratch) / "house.json"
        file.write_text(text, encoding="utf-8")
        os.replace(file, folder / f"{_house_key(house.name)}.json")


def _house_key(name: str) -> str:
    text = f"{name}|{_generators_stamp()}|{mujoco.__version__}"
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
