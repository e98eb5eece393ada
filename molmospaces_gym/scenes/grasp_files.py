"""Grasp files: poses of the gripper from which an object can be held."""

import os
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidScene, SceneNotFound
from molmospaces_gym.scenes.official import assets_dir

KEY = "transforms"
"""Name of the array in a grasp file (official format)."""

GRASP_LIBRARIES = ("droid", "droid_objaverse")
"""Official libraries: the first for THOR objects, the second for objaverse ones."""

ROTATION_TOLERANCE = 1e-3
"""Largest |R R^T - 1| of a grasp; the files are float32 at best."""

Transforms = NDArray[np.float64]


def load_grasps(path: str | os.PathLike[str]) -> Transforms:
    """Reads a grasp file.

    Returns:
        (N, 4, 4) homogeneous transforms from the gripper to the object's (or, for an articulated
        object, the joint body's) frame, metres. N may be 0.

    Raises:
        SceneNotFound: the file is missing.
        InvalidScene: it is no such archive or holds no rigid transforms.
    """
    file = Path(path)
    if not file.is_file():
        raise SceneNotFound(f"no grasp file at {file}; expected an .npz with the array {KEY!r}")
    transforms = _read(file)
    _check_rigid(file, transforms)
    return transforms


def save_grasps(path: str | os.PathLike[str], grasps: Transforms) -> None:
    """Write grasps in the official form, at once or not at all.

    Raises:
        InvalidScene: the array is not (N, 4, 4) rigid poses.
    """
    file, checked = Path(path), np.asarray(grasps, dtype=np.float64)
    _check_rigid(file, checked)
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            np.savez_compressed(stream, transforms=checked)
        os.chmod(temporary, 0o644)
        os.replace(temporary, file)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise


def _read(path: Path) -> Transforms:
    try:
        with path.open("rb") as stream:
            archive = np.load(stream, allow_pickle=False)
            if not isinstance(archive, NpzFile):
                raise InvalidScene(f"{path}: a single array, not a readable .npz archive")
            if KEY not in archive:
                raise InvalidScene(f"{path}: holds {archive.files}, expected an array {KEY!r}")
            return np.asarray(archive[KEY], dtype=np.float64)
    except InvalidScene:
        raise
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InvalidScene(f"{path}: not a readable .npz archive: {error}") from error


def _check_rigid(path: Path, transforms: Transforms) -> None:
    if transforms.ndim != 3 or transforms.shape[1:] != (4, 4):
        raise InvalidScene(f"{path}: {KEY} has shape {transforms.shape}, expected (N, 4, 4)")
    if not np.isfinite(transforms).all():
        raise InvalidScene(f"{path}: {KEY} holds numbers that are not finite")
    rotation = transforms[:, :3, :3]
    error = np.abs(rotation @ rotation.transpose(0, 2, 1) - np.eye(3)).max(initial=0.0)
    mirrored = (np.linalg.det(rotation) < 0).any()
    last_row = np.abs(transforms[:, 3] - [0.0, 0.0, 0.0, 1.0]).max(initial=0.0)
    if error > ROTATION_TOLERANCE or last_row > ROTATION_TOLERANCE or mirrored:
        raise InvalidScene(f"{path}: {KEY} holds matrices that are no rigid transforms")


def official_grasp_file(asset_id: str, joint: str | None = None) -> Path | None:
    """The installed official grasp file of an asset, None where there is none.

    Args:
        asset_id: ``asset_id`` of the house's metadata.
        joint: joint of an articulated object; None for the object as a whole.
    """
    for library in GRASP_LIBRARIES:
        file = grasp_file(assets_dir(), library, asset_id, joint)
        if file.is_file():
            return file
    return None


def grasp_file(root: Path, library: str, asset_id: str, joint: str | None = None) -> Path:
    """Where the official layout keeps the grasps of an asset, or of one of its joints."""
    name = asset_id if joint is None else joint
    return root / "grasps" / library / asset_id / f"{name}_grasps_filtered.npz"
