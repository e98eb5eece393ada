"""Rollouts in the official HDF5 layout, as far as the leaderboard's CSV needs them.

A directory holds ``*.h5`` files at any depth, each with groups ``traj_<i>``:

- ``success``: (T,) truth values, one per recorded step;
- ``obs/agent/qpos``: (T, width) uint8, each row NUL-padded JSON ``{move group: [positions]}``;
  where it is missing, ``actions/joint_pos`` in the same form;
- ``obs_scene``: JSON with ``object_name``, ``policy_dt_ms`` and more.

Needs h5py: ``pip install "molmospaces-gym[datagen]"``.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.benchmarks.metrics import mean_jerk
from molmospaces_gym.benchmarks.summary import (
    UNKNOWN,
    BoardHead,
    Outcome,
    board_category,
    board_csv,
    object_category,
)
from molmospaces_gym.errors import InvalidConfig

OFFICIAL_DT = 0.067
"""Seconds per step that the official script takes for the jerk unless told otherwise."""

_POSITIONS = ("obs/agent/qpos", "actions/joint_pos")


@dataclass(frozen=True, kw_only=True)
class Rollouts:
    """What a directory of rollouts holds, in the order of the official script.

    ``steps`` are the recorded steps of each trajectory. ``policy_dt_s`` are the control steps that
    they name, seconds. ``skipped`` are trajectories without ``success``, which the official script
    leaves out of its counts.
    """

    path: Path
    outcomes: tuple[Outcome, ...]
    steps: tuple[int, ...]
    policy_dt_s: frozenset[float]
    skipped: tuple[str, ...]


def read_rollouts(
    folder: str | Path, dt: float = OFFICIAL_DT, max_steps: int | None = None
) -> Rollouts:
    """Read all trajectories under ``folder``.

    Args:
        folder: directory with ``*.h5`` files at any depth.
        dt: seconds per step, for the jerk.
        max_steps: count only the first so many steps of each.

    Raises:
        InvalidConfig: there is no such file, one cannot be read, or h5py is not installed. The
            official script goes on without an unreadable file; a count must not shrink unseen.
    """
    path = Path(folder)
    files = sorted(path.rglob("*.h5"))
    if not files:
        raise InvalidConfig(f"{path} holds no .h5 file; expected rollouts of the official layout")
    h5py = _h5py()
    outcomes, steps, seconds, skipped = [], [], set(), []
    for file in files:
        try:
            with h5py.File(file, "r") as opened:
                for key in opened:
                    if not key.startswith("traj_"):
                        continue
                    if "success" not in opened[key]:
                        skipped.append(f"{file.relative_to(path).as_posix()}:{key}")
                        continue
                    scene = _scene(opened[key])
                    outcomes.append(_outcome(opened[key], scene, dt, max_steps))
                    steps.append(int(opened[key]["success"].shape[0]))
                    if isinstance(milliseconds := scene.get("policy_dt_ms"), int | float):
                        seconds.add(milliseconds / 1000)
        except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
            raise InvalidConfig(
                f"{file}: not a readable file of official rollouts ({error}); record it again or "
                "move it out of the directory"
            ) from error
    return Rollouts(
        path=path,
        outcomes=tuple(outcomes),
        steps=tuple(steps),
        policy_dt_s=frozenset(seconds),
        skipped=tuple(skipped),
    )


def rollouts_csv(
    folder: str | Path,
    policy: str,
    condition: str = "both",
    dt: float = OFFICIAL_DT,
    max_steps: int | None = None,
) -> str:
    """The official CSV of a directory of rollouts; raises as ``read_rollouts``."""
    head = BoardHead(policy=policy, run_path=str(folder), dt=dt, max_steps=max_steps)
    return board_csv(head, read_rollouts(folder, dt, max_steps).outcomes, condition)


def _outcome(group: Any, scene: Mapping[str, Any], dt: float, max_steps: int | None) -> Outcome:
    success = np.asarray(group["success"][:max_steps], dtype=bool)
    name = scene.get("object_name", UNKNOWN)
    category = object_category(name) if isinstance(name, str) else UNKNOWN
    return Outcome(
        category=board_category(category),
        at_end=bool(success[-1]) if len(success) else False,
        once=bool(success.any()),
        jerk=_jerk(group, dt, max_steps),
    )


def _scene(group: Any) -> Mapping[str, Any]:
    """The trajectory's description; empty where it is missing or unreadable."""
    if "obs_scene" not in group:
        return {}
    raw = group["obs_scene"][()]
    try:
        scene = json.loads(raw)
    except (TypeError, ValueError):
        return {}
    return scene if isinstance(scene, dict) else {}


def _jerk(group: Any, dt: float, max_steps: int | None) -> float:
    rows = next((group[name] for name in _POSITIONS if name in group), None)
    return math.nan if rows is None else mean_jerk(_decode(rows[:max_steps]), dt)


def _decode(rows: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(T, width) bytes to (T, n) positions, the move groups side by side."""
    decoded = []
    for row in rows:
        groups = json.loads(row.tobytes().rstrip(b"\0"))
        parts = (part if isinstance(part, list) else [part] for part in groups.values())
        decoded.append([value for part in parts for value in part])
    return np.array(decoded, dtype=np.float64)


def _h5py() -> Any:
    try:
        import h5py
    except ModuleNotFoundError as error:
        raise InvalidConfig(
            'reading official rollouts needs h5py: pip install "molmospaces-gym[datagen]"'
        ) from error
    return h5py
