"""LeRobotDataset v3: reader of our own datasets.

What comes back: observations, actions, commands, joint positions and pictures, the last state
included, and how the episode started, so that it replays. Objects, tools, velocities, the matrices
of the cameras and depth are not kept.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.benchmarks.datagen import lerobot_rows as rows
from molmospaces_gym.benchmarks.datagen.about import parse_about, split
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
    groups, sizes, joints = (about.pop(key) for key in ("groups", "observations", "qpos"))
    observed = _states(info, episode, columns, sizes, (rows.STATE, rows.PRIVILEGED))
    about["object_names"] = ()
    cameras = {
        name: _camera(root, info, episode, name, size)
        for name, size in about.pop("cameras").items()
    }
    success = np.concatenate([[episode["molmospaces_gym/success_at_start"]], columns[rows.SUCCESS]])
    return Trajectory(
        **about,
        qpos=_states(info, episode, columns, joints, (rows.QPOS,)),
        qvel={},
        tcp_poses={},
        base_pose=np.zeros((steps + 1, 0)),
        object_poses=np.zeros((steps + 1, 0, 7)),
        success=success.astype(np.bool_),
        rewards=columns[rows.REWARD],
        terminated=columns[rows.TERMINATED],
        truncated=columns[rows.TRUNCATED],
        actions=_vectors(columns[rows.EXECUTED]),
        expert_actions=_vectors(columns[rows.ACTION]),
        commands=split(_vectors(columns[rows.COMMAND]).astype(np.float64), groups),
        executed=split(_vectors(columns[rows.EXECUTED_COMMAND]).astype(np.float64), groups),
        observations=observed,
        cameras=cameras,
    )


def _vectors(column: NDArray[Any]) -> NDArray[Any]:
    return column.reshape(len(column), -1)


def _states(
    info: Mapping[str, Any],
    episode: Mapping[str, Any],
    columns: Mapping[str, NDArray[Any]],
    sizes: Mapping[str, int],
    features: tuple[str, ...],
) -> dict[str, NDArray[Any]]:
    """The parts of those columns at all states; the last one stands in the table of episodes."""
    found: dict[str, NDArray[Any]] = {}
    for feature in features:
        if feature in columns:
            before = _vectors(columns[feature])
            last = np.array([episode[f"molmospaces_gym/last_{feature}"]], before.dtype)
            keys = rows.keys_of(info["features"][feature]["names"])
            found |= split(np.concatenate([before, last]), {key: sizes[key] for key in keys})
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
