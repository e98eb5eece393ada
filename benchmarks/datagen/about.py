"""What a trajectory says of itself apart from its arrays, as JSON, for formats that keep it so."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from molmospaces_gym.benchmarks.datagen.trajectory import Attempt, Trajectory
from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.errors import InvalidTrajectory

PLAIN = (
    "index",
    "task",
    "env_id",
    "robot",
    "house",
    "instruction",
    "seed",
    "noise_seed",
    "control_dt",
)


def dump_about(trajectory: Trajectory) -> str:
    """The trajectory's words and numbers, its start and its groups as JSON text."""
    spec = trajectory.episode
    found: dict[str, Any] = {name: getattr(trajectory, name) for name in PLAIN}
    found |= {
        "env_kwargs": dict(trajectory.env_kwargs),
        "attempts": [asdict(attempt) for attempt in trajectory.attempts],
        "episode": None if spec is None else spec.to_dict(),
        "start_command": {name: row.tolist() for name, row in trajectory.start_command.items()},
        "groups": {name: rows.shape[1] for name, rows in trajectory.commands.items()},
        "observations": {name: rows.shape[1] for name, rows in trajectory.observations.items()},
        "qpos": {name: rows.shape[1] for name, rows in trajectory.qpos.items()},
        "object_names": list(trajectory.object_names),
        "cameras": {name: list(track.size) for name, track in trajectory.cameras.items()},
    }
    return json.dumps(found)


def parse_about(text: Any, where: str) -> dict[str, Any]:
    """The inverse of ``dump_about``, by attribute of ``Trajectory``, and the sizes.

    Raises:
        InvalidTrajectory: this is no such text.
    """
    try:
        found: dict[str, Any] = json.loads(text)
        spec = found["episode"]
        found["episode"] = None if spec is None else EpisodeSpec.parse(spec, where)
        found["attempts"] = tuple(Attempt(**attempt) for attempt in found["attempts"])
        start = found["start_command"]
        found["object_names"] = tuple(found["object_names"])
        found["start_command"] = {name: np.array(start[name]) for name in found["groups"]}
    except (TypeError, ValueError, KeyError) as error:
        raise InvalidTrajectory(
            f"{where}: it does not say how the episode was made ({error!r}); only datasets of"
            " molmospaces-gym are read"
        ) from error
    return found


def split(rows: Any, sizes: Mapping[str, int]) -> dict[str, Any]:
    """Rows (n, sum of sizes) by name."""
    ends = np.cumsum(list(sizes.values()), dtype=np.int64)
    return {
        name: rows[:, end - size : end]
        for (name, size), end in zip(sizes.items(), ends.tolist(), strict=True)
    }
