"""A policy that plays recorded actions again."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import PolicyUnavailable

ABSOLUTE_MODES = ("joint_position",)


class ReplayPolicy:
    """Plays ``actions`` (T, n) of an ``.npz`` file, then holds the last pose.

    The file may also hold ``action_mode``, the mode the actions were recorded in (default
    ``joint_delta``). Holding repeats the last action in an absolute mode; in a delta mode the
    arm entries become zero and only the gripper entry, which is absolute, is kept.
    """

    def __init__(self, file: str) -> None:
        self._actions, mode = _read(Path(file))
        self._hold = self._actions[-1].copy()
        if mode not in ABSOLUTE_MODES:
            self._hold[:-1] = 0.0
        self._next = 0
        self.env_kwargs = {"action_mode": mode}

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


def _read(file: Path) -> tuple[NDArray[np.float32], str]:
    try:
        with np.load(file, allow_pickle=False) as data:
            actions = np.asarray(data["actions"], dtype=np.float32)
            mode = str(data["action_mode"]) if "action_mode" in data else "joint_delta"
    except FileNotFoundError as error:
        raise PolicyUnavailable(f"no recorded actions at {file}") from error
    except (KeyError, ValueError, OSError, zipfile.BadZipFile) as error:
        raise PolicyUnavailable(
            f"{file} is no npz file with an 'actions' array: {error}"
        ) from error
    if actions.ndim != 2 or len(actions) == 0:
        raise PolicyUnavailable(f"'actions' in {file} must be (T, n) with T > 0: {actions.shape}")
    return actions, mode
