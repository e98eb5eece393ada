"""The official HDF5 + mp4 layout of MolmoSpaces and MolmoBot-Data: writer.

``house_<i>/trajectories_batch_<k>_of_<n>.h5`` holds up to ``EPISODES_PER_BATCH`` groups
``traj_<j>``; beside it lies ``episode_<j>_<camera>_batch_<k>_of_<n>.mp4`` per camera. A trajectory
of T steps has T + 2 rows: row 0 holds the state after the reset and a dummy action, row i the state
that the action in the same row led to, and the last row, the done sentinel, repeats the last state
with empty actions. So state i pairs with action i + 1. ``docs/datagen.md`` lists every dataset and
where this differs from the official writer's bugs.

The group ``gym`` is ours: what a bit-exact replay needs, with natural rows (T + 1 states, T steps).
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.benchmarks.datagen.formats import DatasetMeta
from molmospaces_gym.benchmarks.datagen.hdf5_actions import action_rows
from molmospaces_gym.benchmarks.datagen.hdf5_reader import read_dataset
from molmospaces_gym.benchmarks.datagen.json_rows import arrays_as_rows, encode_name, encode_rows
from molmospaces_gym.benchmarks.datagen.trajectory import (
    PER_STATE,
    PER_STEP,
    STATES,
    STEPS,
    CameraTrack,
    Trajectory,
)
from molmospaces_gym.errors import MissingPackage

EPISODES_PER_BATCH = 4
"""Trajectories in a file (official)."""
COMPRESSION = "lzf"
PADDED_STATE = 31
"""Numbers of ``env_states/articulations/panda``, whatever the robot (official)."""
TASK_TYPES = {
    "Pick": "pick",
    "PickAndPlace": "pick_and_place",
    "PickAndPlaceNextTo": "pick_and_place_next_to",
    "PickAndPlaceColor": "pick_and_place_color",
    "Open": "open",
    "Close": "close",
    "OpenDoor": "door_opening",
    "NavigateTo": "nav_to_obj",
}
"""Official task types, for episodes that do not say theirs."""


def import_h5py() -> Any:
    """The module h5py; raises ``MissingPackage``."""
    try:
        import h5py
    except ImportError as error:
        raise MissingPackage(
            'HDF5 files need h5py; install it with: pip install "molmospaces-gym[datagen]"'
        ) from error
    return h5py


class Hdf5Format:
    """The format ``hdf5``."""

    def writer(self) -> "Hdf5Writer":
        """A writer for one dataset; raises ``MissingPackage``."""
        import_h5py()
        return Hdf5Writer()

    def read(self, path: Path) -> Iterator[Trajectory]:
        """The trajectories of a file or of a dataset folder; see ``hdf5_reader``."""
        return read_dataset(path)


@dataclass
class _Batch:
    """A file that is being filled, under a preliminary name, with its videos' final stems."""

    house: str
    number: int
    path: Path
    videos: list[dict[str, Path]]
    lengths: list[int]


class Hdf5Writer:
    """Writes house by house and batch by batch; names are final once all batches are counted."""

    def open(self, directory: Path, meta: DatasetMeta) -> None:
        """Start a dataset in the empty folder ``directory``."""
        self._root = directory
        self._batches: dict[str, list[_Batch]] = {}

    def write(self, trajectory: Trajectory) -> None:
        """Add a trajectory to the batch of its house."""
        batch = self._batch(house_folder(trajectory))
        key = f"traj_{len(batch.lengths)}"
        with import_h5py().File(batch.path, "a") as file:
            write_group(file.create_group(key), trajectory)
        videos = {}
        for name, track in trajectory.cameras.items():
            for sensor, source in _videos(name, track):
                kept = batch.path.with_suffix(f".{key}.{sensor}.mp4")
                _link(source, kept)
                videos[sensor] = kept
        batch.videos.append(videos)
        batch.lengths.append(len(trajectory) + 2)

    def close(self) -> None:
        """Give every file its name and write the index of the valid trajectories."""
        index: dict[str, dict[str, dict[str, int]]] = {}
        for house, batches in sorted(self._batches.items()):
            index[house] = {}
            for batch in batches:
                file = self._finish(batch, len(batches))
                lengths = {f"traj_{i}": length for i, length in enumerate(batch.lengths)}
                index[house][file.relative_to(self._root).as_posix()] = lengths
        text = json.dumps(index, indent=1) + "\n"
        (self._root / "valid_trajectory_index.json").write_text(text, encoding="utf-8")

    def _batch(self, house: str) -> _Batch:
        batches = self._batches.setdefault(house, [])
        if not batches or len(batches[-1].lengths) == EPISODES_PER_BATCH:
            number = len(batches) + 1
            path = self._root / house / f"batch_{number}.part"
            path.parent.mkdir(exist_ok=True)
            batches.append(_Batch(house, number, path, [], []))
        return batches[-1]

    def _finish(self, batch: _Batch, total: int) -> Path:
        suffix = f"batch_{batch.number}_of_{total}"
        with import_h5py().File(batch.path, "a") as file:
            for number, videos in enumerate(batch.videos):
                group = file[f"traj_{number}/obs"].create_group("sensor_data")
                for sensor, kept in videos.items():
                    name = f"episode_{number:08d}_{sensor}_{suffix}.mp4"
                    kept.rename(kept.with_name(name))
                    _put(group, sensor, encode_name(name))
            _put(file, "valid_traj_mask", np.ones(len(batch.lengths), np.bool_))
        return batch.path.rename(batch.path.with_name(f"trajectories_{suffix}.h5"))


def house_folder(trajectory: Trajectory) -> str:
    """Official folder name of a trajectory's house: ``house_<i>`` of ``.../<i>``."""
    last = trajectory.house.rpartition("/")[2]
    if last.isdigit():
        return f"house_{int(last)}"
    return f"house_{0 if trajectory.episode is None else trajectory.episode.house_index}"


def write_group(group: Any, trajectory: Trajectory) -> None:
    """Write one trajectory into an empty ``traj_<i>`` group, all but ``obs/sensor_data``."""
    _put(group, "obs/agent/qpos", encode_rows(padded(arrays_as_rows(trajectory.qpos))))
    _put(group, "obs/agent/qvel", encode_rows(padded(arrays_as_rows(trajectory.qvel))))
    for name, array in extras(trajectory).items():
        _put(group, f"obs/extra/{name}", array)
    for camera, track in trajectory.cameras.items():
        for part in ("cam2world_gl", "extrinsic_cv", "intrinsic_cv"):
            _put(group, f"obs/sensor_param/{camera}/{part}", padded(getattr(track, part)))
    for name, rows in action_rows(trajectory).items():
        _put(group, f"actions/{name}", encode_rows(rows))
    group.create_group("env_states/actors")
    for name, state in actor_states(trajectory).items():
        _put(group, f"env_states/actors/{name.replace('/', '|')}", state)
    _put(group, "env_states/articulations/panda", padded(robot_state(trajectory)))
    _put(group, "rewards", step_rows(trajectory.rewards, last=0.0))
    _put(group, "success", padded(trajectory.success))
    _put(group, "fail", ~padded(trajectory.success))
    _put(group, "terminated", step_rows(trajectory.terminated))
    _put(group, "truncated", step_rows(trajectory.truncated))
    group.create_dataset("obs_scene", data=json.dumps(obs_scene(trajectory)))
    _write_own(group.create_group("gym"), trajectory)


def extras(trajectory: Trajectory) -> dict[str, NDArray[Any]]:
    """``obs/extra``: poses (T + 2, 7) float32 and dictionaries as rows of JSON."""
    found: dict[str, NDArray[Any]] = {
        "robot_base_pose": padded(trajectory.base_pose.astype(np.float32))
    }
    for arm, poses in trajectory.tcp_poses.items():
        found[f"{arm.removesuffix('arm')}tcp_pose"] = padded(poses.astype(np.float32))
    task = {} if trajectory.episode is None else trajectory.episode.task
    for name, key in {
        "obj_start": "pickup_obj_start_pose",
        "obj_end": "pickup_obj_goal_pose",
    }.items():
        if task.get(key) is not None:
            found[name] = np.tile(np.array(task[key], np.float32), (len(trajectory) + 2, 1))
    if trajectory.grasps:
        rows = [
            {name: {"touching": touches, "held": held} for name, (touches, held) in row.items()}
            for row in arrays_as_rows(trajectory.grasps)
        ]
        found["grasp_state_pickup_obj"] = encode_rows(padded(rows))
    info = {**trajectory.quantities, "success": trajectory.success}
    found["task_info"] = encode_rows(padded(arrays_as_rows(info)))
    return found


def actor_states(trajectory: Trajectory) -> dict[str, NDArray[np.float32]]:
    """Object -> (T + 2, 13) position, quaternion, linear and angular velocity in the world."""
    velocities = trajectory.object_velocities
    if velocities is None:
        velocities = np.zeros((*trajectory.object_poses.shape[:2], 6))
    states = np.concatenate([trajectory.object_poses, velocities], axis=2).astype(np.float32)
    return {name: padded(states[:, i]) for i, name in enumerate(trajectory.object_names)}


def robot_state(trajectory: Trajectory) -> NDArray[np.float32]:
    """Positions and velocities of all move groups in (T + 1, 31), cut off there as officially."""
    values = np.concatenate([*trajectory.qpos.values(), *trajectory.qvel.values()], axis=1)
    found = np.zeros((len(values), PADDED_STATE), np.float32)
    kept = min(values.shape[1], PADDED_STATE)
    found[:, :kept] = values[:, :kept]
    return found


def obs_scene(trajectory: Trajectory) -> dict[str, Any]:
    """What is constant over the episode. There is no pickle in it (``frozen_config``)."""
    spec = trajectory.episode
    task: Mapping[str, Any] = {} if spec is None else spec.task
    kind = task.get("task_type") or TASK_TYPES.get(trajectory.task, trajectory.task.lower())
    return {
        "task_type": kind,
        "task_description": trajectory.instruction,
        "text": trajectory.instruction,
        "policy_dt_ms": 1000.0 * trajectory.control_dt,
        "object_name": task.get("pickup_obj_name") or task.get("door_body_name") or "",
        "referral_expressions": {} if spec is None else spec.language.referral_expressions,
        "episode_spec": None if spec is None else spec.to_dict(),
    }


def padded(rows: Any) -> Any:
    """Rows of the T + 1 states with the last one again for the sentinel; an array or a list."""
    return rows + rows[-1:] if isinstance(rows, list) else np.concatenate([rows, rows[-1:]])


def step_rows(values: NDArray[Any], last: Any = None) -> NDArray[Any]:
    """T values of steps as T + 2 rows: zero before them, ``last`` or the last one after."""
    end = values[-1:] if last is None else np.array([last], values.dtype)
    return np.concatenate([np.zeros(1, values.dtype), values, end])


def _write_own(group: Any, trajectory: Trajectory) -> None:
    """The group ``gym``: every array of the trajectory exactly, and what it says of itself."""
    for name in (*STATES, *STEPS, "success"):
        array = getattr(trajectory, name)
        if array is not None:
            _put(group, name, array)
    for name in (*PER_STEP, *PER_STATE, "start_command"):
        part = group.create_group(name, track_order=True)
        for key, array in getattr(trajectory, name).items():
            _put(part, key, array)
    group.attrs["about"] = json.dumps(
        {
            "index": trajectory.index,
            "task": trajectory.task,
            "env_id": trajectory.env_id,
            "env_kwargs": dict(trajectory.env_kwargs),
            "robot": trajectory.robot,
            "house": trajectory.house,
            "seed": trajectory.seed,
            "noise_seed": trajectory.noise_seed,
            "control_dt": trajectory.control_dt,
            "attempts": [asdict(attempt) for attempt in trajectory.attempts],
            "object_names": list(trajectory.object_names),
            "cameras": {name: list(track.size) for name, track in trajectory.cameras.items()},
        }
    )


def _put(group: Any, name: str, array: NDArray[Any]) -> None:
    group.create_dataset(name, data=array, compression=COMPRESSION if array.size else None)


def _videos(name: str, track: CameraTrack) -> Iterator[tuple[str, Path]]:
    if track.video is not None:
        yield name, track.video
    if track.depth_video is not None:
        yield f"{name}_depth", track.depth_video


def _link(source: Path, target: Path) -> None:
    """Give a file a second name, or copy it where the file system cannot."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
