"""What stands in the rows of a LeRobotDataset, and how its ``features`` describe it.

Row t of an episode of T steps, t = 0 .. T - 1, holds what was seen at state t, the action chosen
there, and what came of it. State T has no row; the table of episodes keeps it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.action_layout import action_parts
from molmospaces_gym.benchmarks.datagen.formats import DatasetMeta
from molmospaces_gym.benchmarks.datagen.trajectory import Trajectory
from molmospaces_gym.errors import InvalidTrajectory
from molmospaces_gym.observations import robot_keys
from molmospaces_gym.robots import get_robot
from molmospaces_gym.sources import make_source
from molmospaces_gym.tasks import get_task

STATE, ACTION, IMAGES = "observation.state", "action", "observation.images."
# LeRobot takes everything that begins with "observation" or "action" for an input or an output of
# a policy; these must be neither.
EXECUTED, PRIVILEGED = "executed_action", "privileged_state"
QPOS = "robot_qpos"
COMMAND, EXECUTED_COMMAND = "command", "executed_command"
REWARD, SUCCESS, DONE = "next.reward", "next.success", "next.done"
TERMINATED, TRUNCATED = "next.terminated", "next.truncated"
COUNTERS = ("frame_index", "episode_index", "index", "task_index")


@dataclass(frozen=True)
class Feature:
    """A column: its type and the names of its elements."""

    dtype: str
    names: tuple[str, ...]

    def describe(self, fps: int) -> dict[str, Any]:
        """The entry of ``info.json``."""
        names = list(self.names) or None
        shape = [max(1, len(self.names))]
        return {"dtype": self.dtype, "shape": shape, "names": names, "fps": fps}


def frame_rate(control_dt: float) -> int:
    """Frames per second of the dataset.

    LeRobot knows whole numbers only: the 66 ms of the official control period become 15 Hz, which
    is 1 % faster. The exact period stands in the table of episodes.
    """
    return max(1, round(1.0 / control_dt))


def features(meta: DatasetMeta, first: Trajectory) -> dict[str, Feature]:
    """The numeric columns of a dataset, from its description and its first trajectory."""
    known = robot_keys(get_robot(meta.env_kwargs.get("robot", meta.robot)))
    sizes = {name: rows.shape[1] for name, rows in first.observations.items()}
    own = {name: size for name, size in sizes.items() if name in known}
    other = {name: size for name, size in sizes.items() if name not in known}
    commands = _names(meta.groups)
    found = {
        STATE: Feature("float32", _names(own)),
        ACTION: Feature("float32", _action_names(meta)),
        EXECUTED: Feature("float32", _action_names(meta)),
        COMMAND: Feature("float32", commands),
        EXECUTED_COMMAND: Feature("float32", commands),
        PRIVILEGED: Feature("float32", _names(other)),
        QPOS: Feature("float64", _names({k: rows.shape[1] for k, rows in first.qpos.items()})),
        REWARD: Feature("float32", ()),
        **{name: Feature("bool", ()) for name in (SUCCESS, DONE, TERMINATED, TRUNCATED)},
        "timestamp": Feature("float32", ()),
        **{name: Feature("int64", ()) for name in COUNTERS},
    }
    return {name: f for name, f in found.items() if f.names or name not in _VECTORS}


STATES = (STATE, PRIVILEGED, QPOS)
"""Columns that belong to a state; the last state's stands in the table of episodes."""
_VECTORS = (*STATES, ACTION, EXECUTED, COMMAND, EXECUTED_COMMAND)


def _names(sizes: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(f"{name}.{i}" for name, size in sizes.items() for i in range(size))


def _action_names(meta: DatasetMeta) -> tuple[str, ...]:
    task = str(meta.settings.get("task", ""))
    kwargs = dict(meta.env_kwargs)
    source = make_source(get_task(task, kwargs.get("task_weights")), kwargs)
    parts = action_parts(source.robot, source.config.action_mode)
    return _names({name: part.stop - part.start for name, part in parts.items()})


def image_feature(size: tuple[int, int], fps: int) -> dict[str, Any]:
    """The entry of ``info.json`` for the pictures of a camera of (width, height)."""
    width, height = size
    info = {
        "video.height": height,
        "video.width": width,
        "video.channels": 3,
        "video.codec": "h264",
        "video.pix_fmt": "yuv420p",
        "video.fps": fps,
        "video.is_depth_map": False,
        "is_depth_map": False,
        "has_audio": False,
    }
    names = ["height", "width", "channels"]
    return {
        "dtype": "video",
        "shape": [height, width, 3],
        "names": names,
        "info": info,
        "fps": fps,
    }


def states(trajectory: Trajectory, column: str, feature: Feature) -> NDArray[Any]:
    """A column of ``STATES`` at all T + 1 states: the numbers of its names (``arm_qpos.0``)."""
    source = trajectory.qpos if column == QPOS else trajectory.observations
    try:
        parts = [source[key] for key in keys_of(feature.names)]
    except KeyError as error:
        raise InvalidTrajectory(
            f"trajectory {trajectory.index} has no {error} in {column}, which the first one had"
        ) from error
    return np.concatenate(parts, axis=1, dtype=np.dtype(feature.dtype))


def keys_of(names: Iterable[str]) -> list[str]:
    """The keys whose elements are named so, in order."""
    return list(dict.fromkeys(name.rpartition(".")[0] for name in names))


def frame_rows(
    trajectory: Trajectory, described: Mapping[str, Feature], fps: int, first: int, task: int
) -> dict[str, NDArray[Any]]:
    """The columns of an episode, all but ``episode_index``; vectors are (T, k).

    Args:
        trajectory: the episode.
        described: what ``features`` gave.
        fps: frames per second of the dataset.
        first: index of the first row in the whole dataset.
        task: index of the instruction.
    """
    steps = len(trajectory)
    frames = np.arange(steps)
    found: dict[str, NDArray[Any]] = {
        ACTION: trajectory.expert_actions,
        EXECUTED: trajectory.actions,
        COMMAND: np.concatenate([*trajectory.commands.values()], axis=1),
        EXECUTED_COMMAND: np.concatenate([*trajectory.executed.values()], axis=1),
        REWARD: trajectory.rewards,
        SUCCESS: trajectory.success[1:],
        DONE: trajectory.terminated | trajectory.truncated,
        TERMINATED: trajectory.terminated,
        TRUNCATED: trajectory.truncated,
        "timestamp": frames / fps,
        "frame_index": frames,
        "index": first + frames,
        "task_index": np.full(steps, task),
    }
    for name in STATES:
        if name in described:
            found[name] = states(trajectory, name, described[name])[:-1]
    return {name: found[name].astype(described[name].dtype) for name in described if name in found}
