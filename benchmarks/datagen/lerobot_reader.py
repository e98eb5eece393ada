"""LeRobotDataset v3: reader of our own datasets.

What comes back: everything but the positions of joints, tools and objects, the matrices of the
cameras and depth, which the format has no place for. Observations, actions, commands and pictures
are complete, the last state included, and ``episode`` and ``actions`` still replay.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.benchmarks.datagen import lerobot_rows as rows
from molmospaces_gym.benchmarks.datagen.about import lost, parse_about, split
from molmospaces_gym.benchmarks.datagen.lerobot_videos import SharedTrack
from molmospaces_gym.benchmarks.datagen.trajectory import Trajectory
from molmospaces_gym.errors import InvalidTrajectory
from molmospaces_gym.json_files import read_json

VERSION = "v3."


def read_lerobot(root: Path) -> Iterator[Trajectory]:
    """The trajectories of a dataset folder in order.

    Raises:
        InvalidTrajectory: it is no LeRobotDataset v3, or not one of ours.
        MissingPackage: pyarrow is not installed.
    """
    from molmospaces_gym.benchmarks.datagen.lerobot_tables import import_pyarrow

    info = read_json(root / "meta" / "info.json", InvalidTrajectory)
    version = str(info.get("codebase_version"))
    if not version.startswith(VERSION):
        raise InvalidTrajectory(f"{root} is a LeRobotDataset {version}, expected {VERSION}x")
    parquet, held = import_pyarrow().parquet, Path()
    for file in sorted((root / "meta" / "episodes").glob("chunk-*/file-*.parquet")):
        for episode in parquet.read_table(file).to_pylist():
            place = info["data_path"].format(
                chunk_index=episode["data/chunk_index"], file_index=episode["data/file_index"]
            )
            if held != root / place:
                held = root / place
                table, start = parquet.read_table(held), episode["dataset_from_index"]
            part = table.slice(episode["dataset_from_index"] - start, episode["length"])
            yield _trajectory(root, info, episode, _arrays(part))


def _arrays(table: Any) -> dict[str, NDArray[Any]]:
    """The columns of a table, vectors as (n, k)."""
    found = {}
    for name in table.column_names:
        column = table.column(name).combine_chunks()
        if hasattr(column, "flatten") and hasattr(column.type, "list_size"):
            flat = column.flatten().to_numpy(zero_copy_only=False)
            found[name] = flat.reshape(len(column), column.type.list_size)
        else:
            found[name] = column.to_numpy(zero_copy_only=False)
    return found


def _trajectory(
    root: Path,
    info: Mapping[str, Any],
    episode: Mapping[str, Any],
    columns: Mapping[str, NDArray[Any]],
) -> Trajectory:
    steps, where = episode["length"], f"{root}, episode {episode['episode_index']}"
    about = parse_about(episode.get("molmospaces_gym/about"), where)
    groups, sizes = about.pop("groups"), about.pop("observations")
    cameras = {
        name: _camera(root, info, episode, name, size)
        for name, size in about.pop("cameras").items()
    }
    success = np.concatenate([[episode["molmospaces_gym/success_at_start"]], columns[rows.SUCCESS]])
    return Trajectory(
        **about,
        **lost(steps),
        success=success.astype(np.bool_),
        rewards=columns[rows.REWARD],
        terminated=columns[rows.TERMINATED],
        truncated=columns[rows.TRUNCATED],
        actions=_vectors(columns[rows.EXECUTED]),
        expert_actions=_vectors(columns[rows.ACTION]),
        commands=split(_vectors(columns[rows.COMMAND]).astype(np.float64), groups),
        executed=split(_vectors(columns[rows.EXECUTED_COMMAND]).astype(np.float64), groups),
        observations=_observations(info, episode, columns, sizes),
        cameras=cameras,
    )


def _vectors(column: NDArray[Any]) -> NDArray[Any]:
    return column.reshape(len(column), -1)


def _observations(
    info: Mapping[str, Any],
    episode: Mapping[str, Any],
    columns: Mapping[str, NDArray[Any]],
    sizes: Mapping[str, int],
) -> dict[str, NDArray[np.float32]]:
    """The observations of all states, the last of which stands in the table of episodes."""
    found = {}
    for feature in (rows.STATE, rows.PRIVILEGED):
        if feature in columns:
            last = np.array([episode[f"molmospaces_gym/last_{feature}"]], np.float32)
            values = np.concatenate([_vectors(columns[feature]), last])
            keys = dict.fromkeys(n.rpartition(".")[0] for n in info["features"][feature]["names"])
            found |= split(values, {key: sizes[key] for key in keys})
    return {name: found[name] for name in sizes}


def _camera(
    root: Path,
    info: Mapping[str, Any],
    episode: Mapping[str, Any],
    name: str,
    size: list[int],
) -> SharedTrack:
    states, key = episode["length"] + 1, f"{rows.IMAGES}{name}"
    path = info["video_path"].format(
        video_key=key,
        chunk_index=episode[f"videos/{key}/chunk_index"],
        file_index=episode[f"videos/{key}/file_index"],
    )
    return SharedTrack(
        size=(size[0], size[1]),
        video=root / path,
        intrinsic_cv=np.zeros((states, 0, 3), np.float32),
        extrinsic_cv=np.zeros((states, 0, 4), np.float32),
        cam2world_gl=np.zeros((states, 0, 4), np.float32),
        first=round(episode[f"videos/{key}/from_timestamp"] * info["fps"]),
        fps=info["fps"],
    )
