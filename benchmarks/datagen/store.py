"""Episodes on disk while a dataset is made: one folder each, put in place at once.

A folder holds ``episode.json``, ``arrays.npz`` and the videos. It appears under its final name when
it is complete, so that whatever kills the engine leaves whole episodes only.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.benchmarks.datagen.trajectory import (
    PER_STATE,
    PER_STEP,
    Attempt,
    CameraTrack,
    Trajectory,
)
from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.errors import InvalidTrajectory
from molmospaces_gym.json_files import read_json

PARTIAL = ".partial-"
"""Prefix of a folder that is not complete."""
ABOUT = "episode.json"
ARRAYS = "arrays.npz"


def episode_folder(root: Path, index: int) -> Path:
    """Folder of an episode."""
    return root / f"{index:08d}"


def begin(root: Path, index: int) -> Path:
    """A new, empty folder in which an episode is put together."""
    folder = root / f"{PARTIAL}{index:08d}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def commit(root: Path, index: int) -> Path:
    """Put the folder of ``begin`` in place; once this returns, it outlives the process."""
    partial, final = root / f"{PARTIAL}{index:08d}", episode_folder(root, index)
    for file in partial.iterdir():
        _sync(file)
    partial.rename(final)
    _sync(root)
    return final


def sweep(root: Path) -> None:
    """Remove what a killed run left half done."""
    for folder in root.glob(f"{PARTIAL}*"):
        shutil.rmtree(folder)


def indices(root: Path) -> list[int]:
    """Numbers of the episodes that are complete, in order."""
    return sorted(int(folder.name) for folder in root.iterdir() if folder.name.isdigit())


def save_trajectory(folder: Path, trajectory: Trajectory) -> None:
    """Write a trajectory whose videos, if any, lie in ``folder`` already."""
    about: dict[str, Any] = {"cameras": {}}
    arrays: dict[str, NDArray[Any]] = {}
    for field in fields(trajectory):
        value = getattr(trajectory, field.name)
        if field.name == "episode":
            about["episode"] = None if value is None else value.to_dict()
        elif field.name == "attempts":
            about["attempts"] = [asdict(attempt) for attempt in value]
        elif field.name == "cameras":
            for name, track in value.items():
                about["cameras"][name] = _camera_about(track)
                for part in CAMERA_ARRAYS:
                    arrays[f"cameras/{name}/{part}"] = getattr(track, part)
        elif isinstance(value, np.ndarray):
            arrays[field.name] = value
        elif field.name in MAPPINGS:
            about[field.name] = list(value)
            arrays |= {f"{field.name}/{key}": array for key, array in value.items()}
        else:
            about[field.name] = value
    np.savez(folder / ARRAYS, allow_pickle=False, **arrays)
    write_about(folder, about)


def write_about(folder: Path, about: Mapping[str, Any]) -> None:
    """Write ``episode.json``."""
    (folder / ABOUT).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def read_about(folder: Path) -> dict[str, Any]:
    """Read ``episode.json``."""
    about: dict[str, Any] = read_json(folder / ABOUT, InvalidTrajectory)
    return about


def load_trajectory(folder: Path) -> Trajectory:
    """The trajectory in a folder; raises ``InvalidTrajectory``."""
    about = read_about(folder)
    try:
        with np.load(folder / ARRAYS, allow_pickle=False) as data:
            arrays = {name: data[name] for name in data.files}
    except (OSError, ValueError) as error:
        raise InvalidTrajectory(f"{folder / ARRAYS} cannot be read: {error}") from error
    values: dict[str, Any] = {k: v for k, v in arrays.items() if "/" not in k}
    for name, value in about.items():
        if name in MAPPINGS:
            values[name] = {key: arrays[f"{name}/{key}"] for key in value}
        else:
            values[name] = value
    episode = about["episode"]
    values["episode"] = None if episode is None else EpisodeSpec.parse(episode, str(folder))
    values["attempts"] = tuple(Attempt(**attempt) for attempt in about["attempts"])
    values["object_names"] = tuple(about["object_names"])
    values["cameras"] = {
        name: _camera(folder, name, camera, arrays) for name, camera in about["cameras"].items()
    }
    return Trajectory(**values)


def load_all(root: Path) -> Iterator[Trajectory]:
    """The successful trajectories in order."""
    for index in indices(root):
        folder = episode_folder(root, index)
        if (folder / ARRAYS).is_file():
            yield load_trajectory(folder)


CAMERA_ARRAYS = ("intrinsic_cv", "extrinsic_cv", "cam2world_gl")
MAPPINGS = (*PER_STEP, *PER_STATE, "start_command")
"""Attributes that map names to arrays."""


def _camera_about(track: CameraTrack) -> dict[str, Any]:
    return {
        "size": list(track.size),
        "video": None if track.video is None else track.video.name,
        "depth_video": None if track.depth_video is None else track.depth_video.name,
    }


def _camera(
    folder: Path, name: str, about: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> CameraTrack:
    width, height = about["size"]
    video, depth = about["video"], about["depth_video"]
    return CameraTrack(
        size=(width, height),
        video=None if video is None else folder / video,
        depth_video=None if depth is None else folder / depth,
        intrinsic_cv=arrays[f"cameras/{name}/intrinsic_cv"],
        extrinsic_cv=arrays[f"cameras/{name}/extrinsic_cv"],
        cam2world_gl=arrays[f"cameras/{name}/cam2world_gl"],
    )


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
