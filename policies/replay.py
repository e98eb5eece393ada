"""A policy that plays recorded actions again."""

import zipfile
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.action_layout import BASE_MODES, action_parts
from molmospaces_gym.errors import InvalidConfig, PolicyUnavailable, UnknownName
from molmospaces_gym.policies.base import PLAYED
from molmospaces_gym.robots.base import RobotConfig

OPTIONS = ("episode", "format")


class ReplayPolicy:
    """Plays recorded actions, then holds the last pose: ``replay:FILE``.

    ``FILE`` is an ``.npz`` file with ``actions`` (T, n) and their ``action_mode``, or a dataset of
    ``molmospaces-gym datagen``, of which ``?episode=3`` names an episode (else the first) and
    ``?format=`` the format (``hdf5``). Robot, action mode and control step are those of the record.

    Holding repeats what is absolute, grippers and in ``joint_position`` all joints, and moves
    nothing else.
    """

    def __init__(self, file: str) -> None:
        path, _, query = file.partition("?")
        options = dict(parse_qsl(query))
        for option in options:
            if option not in OPTIONS:
                raise UnknownName("option of replay:", option, OPTIONS)
        self._actions, self.env_kwargs = _read(Path(path), options)
        self._hold = self._actions[-1].copy()
        self._next = 0

    def bind(self, env: Any) -> None:
        """See which elements of an action are absolute."""
        mode = str(self.env_kwargs["action_mode"])
        absolute = absolute_elements(env.robot, mode)
        if self._actions.shape[1] != len(absolute):
            raise InvalidConfig(
                f"the recorded actions have {self._actions.shape[1]} numbers; robot"
                f" {env.robot.name!r} takes {len(absolute)} in {mode}"
            )
        self._hold = np.where(absolute, self._actions[-1], 0.0).astype(np.float32)

    def reset(self, instruction: str, seed: int | None) -> None:
        """Go back to the first action."""
        self._next = 0

    def predict(
        self,
        obs: Any,
        state: Any = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[np.float32], Any]:
        """The next recorded action, or the holding action after the last one."""
        played_out = self._next >= len(self._actions)
        action = self._hold if played_out else self._actions[self._next]
        self._next += 1
        return action.copy(), state


def absolute_elements(robot: RobotConfig, mode: str) -> NDArray[np.bool_]:
    """Elements (n,) of an action that say where to be, not how far to move."""
    parts = action_parts(robot, mode)
    absolute = np.zeros(max(part.stop for part in parts.values()), np.bool_)
    if mode == "joint_position":
        absolute[:] = True
        if robot.base is not None:
            absolute[parts[robot.base.group]] = False
    elif mode not in BASE_MODES:
        for arm in robot.arms:
            absolute[parts[arm.gripper.group]] = True
    return absolute


def _read(path: Path, options: dict[str, str]) -> tuple[NDArray[np.float32], dict[str, Any]]:
    if not path.exists():
        raise PolicyUnavailable(f"no recorded actions at {path}")
    if path.suffix == ".npz":
        actions, asked = _read_npz(path)
    else:
        actions, asked = _read_episode(path, options)
    if actions.ndim != 2 or len(actions) == 0:
        raise PolicyUnavailable(f"'actions' in {path} must be (T, n) with T > 0: {actions.shape}")
    return actions, asked


def _read_npz(path: Path) -> tuple[NDArray[np.float32], dict[str, Any]]:
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as data:
            actions = np.asarray(data["actions"], dtype=np.float32)
            return actions, {"action_mode": str(data["action_mode"])}
    except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise PolicyUnavailable(
            f"{path} is no npz file with 'actions' and their 'action_mode': {error}"
        ) from error


def _read_episode(
    path: Path, options: dict[str, str]
) -> tuple[NDArray[np.float32], dict[str, Any]]:
    from molmospaces_gym.benchmarks.datagen.formats import get_format

    number = options.get("episode", "0")
    if not number.isdecimal():
        raise InvalidConfig(f"replay: ?episode= must be a number from 0, not {number!r}")
    stored = get_format(options.get("format", "hdf5")).read(path)
    found = next(islice(stored, int(number), None), None)
    if found is None:
        raise PolicyUnavailable(f"{path} has no episode {number}")
    asked = {key: found.env_kwargs[key] for key in PLAYED if key in found.env_kwargs}
    return np.asarray(found.actions, np.float32), {"action_mode": "joint_delta", **asked}
