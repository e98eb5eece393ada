"""Videos and instructions of any LeRobotDataset (v2.1 or v3), whoever wrote it."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidTrajectory, UnknownName
from molmospaces_gym.json_files import read_json

IMAGES = "observation.images."


@dataclass(frozen=True)
class ForeignEpisode:
    """An episode's video: frames (length, H, W, 3) by ``read``."""

    index: int
    instruction: str
    fps: float
    length: int
    read: Callable[[], NDArray[np.uint8]]


def read_foreign(root: Path, cameras: Sequence[str]) -> Iterator[ForeignEpisode]:
    """The episodes of a data set in order; ``cameras`` without ``observation.images.``.

    Raises:
        InvalidTrajectory: it is no LeRobotDataset of these versions, or has no videos.
        UnknownName: it has no such camera.
        MissingPackage: pyarrow is not installed (v3).
    """
    info = read_json(root / "meta" / "info.json", InvalidTrajectory)
    version = str(info.get("codebase_version"))
    keys = [k for k, v in info.get("features", {}).items() if v.get("dtype") == "video"]
    if not keys:
        raise InvalidTrajectory(f"{root} has no videos; image features are not read")
    chosen = _chosen(keys, cameras)
    if version.startswith("v3."):
        episodes, frames = _episodes_v3(root), _frames_v3
    elif version == "v2.1":
        episodes, frames = _episodes_v2(root), _frames_v2
    else:
        raise InvalidTrajectory(f"{root} is a LeRobotDataset {version}, expected v2.1 or v3.x")
    for row in episodes:
        yield ForeignEpisode(
            index=int(row["episode_index"]),
            instruction=str(next(iter(row["tasks"]), "")),
            fps=float(info["fps"]),
            length=int(row["length"]),
            read=_reader(root, info, row, chosen, frames),
        )


def _chosen(keys: list[str], cameras: Sequence[str]) -> list[str]:
    names = {key.removeprefix(IMAGES): key for key in keys}
    chosen = tuple(cameras) or exterior(list(names))
    for name in chosen:
        if name not in names:
            raise UnknownName("camera", name, list(names))
    return [names[name] for name in chosen]


def _reader(
    root: Path,
    info: Mapping[str, Any],
    row: Mapping[str, Any],
    keys: list[str],
    frames: Callable[[Path, Mapping[str, Any], Mapping[str, Any], str], NDArray[np.uint8]],
) -> Callable[[], NDArray[np.uint8]]:
    def read() -> NDArray[np.uint8]:
        return np.concatenate([frames(root, info, row, key) for key in keys], axis=2)

    return read


def _episodes_v3(root: Path) -> Iterator[dict[str, Any]]:
    from molmospaces_gym.benchmarks.datagen.lerobot_tables import import_pyarrow

    parquet = import_pyarrow().parquet
    for file in sorted((root / "meta" / "episodes").glob("chunk-*/file-*.parquet")):
        wanted = [n for n in parquet.read_schema(file).names if not n.startswith("stats/")]
        yield from parquet.read_table(file, columns=wanted).to_pylist()


def _frames_v3(
    root: Path, info: Mapping[str, Any], row: Mapping[str, Any], key: str
) -> NDArray[np.uint8]:
    from molmospaces_gym.benchmarks.datagen.video import read_video

    path = info["video_path"].format(
        video_key=key,
        chunk_index=row[f"videos/{key}/chunk_index"],
        file_index=row[f"videos/{key}/file_index"],
    )
    first = round(row[f"videos/{key}/from_timestamp"] * info["fps"])
    return read_video(root / path, first, int(row["length"]), float(info["fps"]))


def _episodes_v2(root: Path) -> Iterator[dict[str, Any]]:
    file = root / "meta" / "episodes.jsonl"
    try:
        for line in file.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)
    except (OSError, ValueError) as error:
        raise InvalidTrajectory(f"{file} is no list of episodes: {error}") from error


def _frames_v2(
    root: Path, info: Mapping[str, Any], row: Mapping[str, Any], key: str
) -> NDArray[np.uint8]:
    from molmospaces_gym.benchmarks.datagen.video import read_video

    index = int(row["episode_index"])
    path = info["video_path"].format(
        episode_chunk=index // int(info["chunks_size"]), video_key=key, episode_index=index
    )
    return read_video(root / path, count=int(row["length"]))


def exterior(names: Sequence[str]) -> tuple[str, ...]:
    """The first camera that is not on the wrist or the head, else the first one."""
    found = [name for name in names if "wrist" not in name and "head" not in name]
    return tuple((found or list(names))[:1])
