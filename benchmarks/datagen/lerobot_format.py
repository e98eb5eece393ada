"""LeRobotDataset v3: writer. See ``lerobot_rows`` for what stands in a row.

``meta/info.json``, ``meta/stats.json``, ``meta/tasks.parquet``, ``meta/episodes/``, ``data/`` and
``videos/<key>/``, the latter three as ``chunk-<c>/file-<f>`` with many episodes in a file. Written
with pyarrow alone; the tests load it with the ``lerobot`` package. ``docs/datasets.md`` lists what
the format cannot keep.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.benchmarks.datagen.about import dump_about
from molmospaces_gym.benchmarks.datagen.formats import DatasetMeta
from molmospaces_gym.benchmarks.datagen.lerobot_reader import read_lerobot
from molmospaces_gym.benchmarks.datagen.lerobot_rows import (
    IMAGES,
    STATES,
    Feature,
    features,
    frame_rate,
    frame_rows,
    image_feature,
    states,
)
from molmospaces_gym.benchmarks.datagen.lerobot_stats import (
    Stats,
    array_stats,
    joint_stats,
    picture_stats,
)
from molmospaces_gym.benchmarks.datagen.lerobot_tables import (
    FileShelf,
    frame_schema,
    frame_table,
    import_pyarrow,
    write_tasks,
)
from molmospaces_gym.benchmarks.datagen.lerobot_videos import (
    VIDEO_FILE_MB,
    VideoShelf,
    track_frames,
)
from molmospaces_gym.benchmarks.datagen.trajectory import Trajectory
from molmospaces_gym.benchmarks.datagen.video import read_video

CODEBASE_VERSION = "v3.0"
CHUNK_SIZE = 1000
"""Files in a chunk (default of LeRobot)."""
DATA_FILE_MB = 100
"""Size at which the next Parquet file is begun, MiB (default of LeRobot)."""
EPISODES_PER_GROUP = 100
"""Rows of the table of episodes that are written at once: one alone takes 60 kB."""
FILE = "chunk-{chunk_index:03d}/file-{file_index:03d}"
FILE_PATTERNS = {
    "data_path": f"data/{FILE}.parquet",
    "video_path": f"videos/{{video_key}}/{FILE}.mp4",
}


class LeRobotFormat:
    """The format ``lerobot``."""

    def writer(self) -> "LeRobotWriter":
        """A writer for one dataset; raises ``MissingPackage``."""
        import_pyarrow()
        return LeRobotWriter()

    def read(self, path: Path) -> Iterator[Trajectory]:
        """The trajectories of a dataset folder; see ``lerobot_reader``."""
        return read_lerobot(path)


class LeRobotWriter:
    """Writes Parquet files row group by row group and joins videos when a file is full.

    Args:
        data_file_mb, video_file_mb: sizes at which the next file is begun, MiB.
    """

    def __init__(
        self, data_file_mb: int = DATA_FILE_MB, video_file_mb: int = VIDEO_FILE_MB
    ) -> None:
        self._data_mb, self._video_mb = data_file_mb, video_file_mb

    def open(self, directory: Path, meta: DatasetMeta) -> None:
        """Start a dataset in the empty folder ``directory``."""
        self._root, self._meta = directory, meta
        self._fps = frame_rate(meta.control_dt)
        self._features: Mapping[str, Feature] = {}
        self._tasks: dict[str, int] = {}
        self._stats: list[dict[str, Stats]] = []
        self._frames = 0
        self._data = FileShelf(directory / "data", CHUNK_SIZE, self._data_mb)
        self._episodes = FileShelf(
            directory / "meta" / "episodes", CHUNK_SIZE, self._data_mb, EPISODES_PER_GROUP
        )
        self._videos = {
            camera: VideoShelf(
                directory / "videos" / f"{IMAGES}{camera}", self._fps, CHUNK_SIZE, self._video_mb
            )
            for camera in meta.cameras
        }

    def write(self, trajectory: Trajectory) -> None:
        """Add a trajectory as the next episode."""
        self._features = self._features or features(self._meta, trajectory)
        number, first = len(self._stats), self._frames
        task = self._tasks.setdefault(trajectory.instruction, len(self._tasks))
        rows = frame_rows(trajectory, self._features, self._fps, first, task)
        rows["episode_index"] = np.full(len(trajectory), number, np.int64)
        table = frame_table(rows, frame_schema(self._features))
        chunk, file = self._data.add(table)
        stats = {name: array_stats(_columns(rows[name])) for name in self._features}
        about: dict[str, Any] = {
            "episode_index": number,
            "tasks": [trajectory.instruction],
            "length": len(trajectory),
            "data/chunk_index": chunk,
            "data/file_index": file,
            "dataset_from_index": first,
            "dataset_to_index": first + len(trajectory),
        }
        for camera, shelf in self._videos.items():
            key = f"{IMAGES}{camera}"
            about |= self._add_video(trajectory, camera, shelf)
            stats[key] = _video_stats(trajectory, camera)
        self._add_episode(about, trajectory, stats)
        self._stats.append(stats)
        self._frames += len(trajectory)

    def close(self) -> None:
        """Finish the files and write what is known only now."""
        self._data.close()
        self._episodes.close()
        for shelf in self._videos.values():
            shelf.close()
        meta = self._root / "meta"
        write_tasks(meta / "tasks.parquet", list(self._tasks))
        joint = joint_stats(self._stats)
        stats = {key: {n: v.tolist() for n, v in found.items()} for key, found in joint.items()}
        _write_json(meta / "stats.json", stats)
        _write_json(meta / "info.json", self._info())
        _write_json(meta / "molmospaces_gym.json", self._meta.settings)

    def _add_video(self, trajectory: Trajectory, camera: str, shelf: VideoShelf) -> dict[str, Any]:
        track = trajectory.cameras[camera]
        assert track.video is not None
        place = shelf.add(track.video, track_frames(track))
        key, start = f"videos/{IMAGES}{camera}", place.first / self._fps
        return {
            f"{key}/chunk_index": place.chunk,
            f"{key}/file_index": place.file,
            f"{key}/from_timestamp": start,
            f"{key}/to_timestamp": start + len(trajectory) / self._fps,
        }

    def _add_episode(
        self, about: dict[str, Any], trajectory: Trajectory, stats: Mapping[str, Stats]
    ) -> None:
        chunk, file = self._episodes.place
        about |= {"meta/episodes/chunk_index": chunk, "meta/episodes/file_index": file}
        about["molmospaces_gym/about"] = dump_about(trajectory)
        about["molmospaces_gym/success_at_start"] = bool(trajectory.success[0])
        for name in STATES:
            if name in self._features:
                last = states(trajectory, name, self._features[name])[-1]
                about[f"molmospaces_gym/last_{name}"] = last.tolist()
        for key, found in stats.items():
            about |= {f"stats/{key}/{name}": value.tolist() for name, value in found.items()}
        self._episodes.add(import_pyarrow().table({name: [value] for name, value in about.items()}))

    def _info(self) -> dict[str, Any]:
        described = {name: f.describe(self._fps) for name, f in self._features.items()}
        for camera, size in self._meta.cameras.items():
            described[f"{IMAGES}{camera}"] = image_feature(size, self._fps)
        patterns: dict[str, str | None] = dict(FILE_PATTERNS)
        if not self._meta.cameras:
            patterns["video_path"] = None
        return {
            "codebase_version": CODEBASE_VERSION,
            "robot_type": self._meta.robot,
            "total_episodes": len(self._stats),
            "total_frames": self._frames,
            "total_tasks": len(self._tasks),
            "chunks_size": CHUNK_SIZE,
            "data_files_size_in_mb": self._data_mb,
            "video_files_size_in_mb": self._video_mb,
            "fps": self._fps,
            "splits": {"train": f"0:{len(self._stats)}"},
            **patterns,
            "features": described,
        }


def _columns(rows: NDArray[Any]) -> NDArray[Any]:
    return rows.reshape(len(rows), -1)


def _video_stats(trajectory: Trajectory, camera: str) -> Stats:
    video = trajectory.cameras[camera].video
    assert video is not None
    return picture_stats(read_video(video, count=len(trajectory)))


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=4) + "\n", encoding="utf-8")
