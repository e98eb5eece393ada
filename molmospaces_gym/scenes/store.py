"""Optional disk cache of compiled scenes, under the folder in ``MOLMOSPACES_GYM_CACHE``."""

import os
import tempfile
from pathlib import Path

import mujoco
import numpy as np
from numpy.typing import NDArray

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
