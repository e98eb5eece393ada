"""Play a model trained and saved by Stable-Baselines3.

An SB3 file does not name its algorithm, but its ``data`` entry holds the constructor arguments,
and a few of them exist in one algorithm only. Loading unpickles: open only files you trust.
"""

import base64
import importlib
import json
import pickle
import re
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidConfig, PolicyUnavailable

# Argument that only this algorithm saves -> module and class; the first hit counts.
_MARKS: tuple[tuple[str, str, str], ...] = (
    ("top_quantiles_to_drop_per_net", "sb3_contrib", "TQC"),
    ("target_entropy", "stable_baselines3", "SAC"),
    ("policy_delay", "stable_baselines3", "TD3"),
    ("clip_range", "stable_baselines3", "PPO"),
    ("normalize_advantage", "stable_baselines3", "A2C"),
)
_RECURRENT = ("sb3_contrib", "RecurrentPPO")
# Where the training episodes came from is no business of the env that the policy plays in.
_SOURCES = frozenset({"benchmark", "scene", "split", "houses"})
_INFO = "system_info.txt"
_PLAYED = ("policy_class", "policy_kwargs")
"""Entries that playing needs and a user's code can be in."""
_PACKAGES = {"stable_baselines3": "molmospaces-gym[sb3]", "sb3_contrib": "sb3-contrib"}


class SB3Policy:
    """A saved SB3 model as a policy.

    ``<stem>.json`` beside the zip, where present, holds the env arguments the model was trained
    with, either directly or under ``env_kwargs``; those that choose episodes are left out.
    Lacking keys of the observation are an error, further keys are left out. Plays several worlds
    with one call too (``BatchedPolicy``), since every SB3 model does.
    """

    def __init__(self, path: str) -> None:
        file = _locate(Path(path))
        self.env_kwargs = _side_file(file.with_suffix(".json"))
        self._model = _load(file)
        spaces = getattr(self._model.observation_space, "spaces", None)
        self._keys = None if spaces is None else tuple(spaces)
        self._noise = np.random.default_rng(0)

    def reset(self, instruction: str, seed: int | None) -> None:
        """Restart the noise that stochastic actions draw from."""
        self._noise = np.random.default_rng(seed)

    def reset_row(self, row: int, instruction: str, seed: int | None) -> None:
        """Nothing to do: deterministic actions need no noise, states start over in ``predict``."""

    def predict(
        self,
        obs: Any,
        state: Any = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[np.float32], Any]:
        """The model's own ``predict`` on the observation keys that it was trained with."""
        if self._keys is not None:
            obs = {key: obs[key] for key in self._keys}
        if deterministic:
            action, state = self._model.predict(obs, state, episode_start, deterministic=True)
        else:
            action, state = self._sample(obs, state, episode_start)
        return np.asarray(action, dtype=np.float32), state

    def _sample(self, obs: Any, state: Any, episode_start: Any) -> tuple[Any, Any]:
        import torch

        # SB3 samples from torch's global generator; forking it keeps that one untouched.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(self._noise.integers(2**31)))
            return self._model.predict(obs, state, episode_start, deterministic=False)  # type: ignore[no-any-return]


def detect_algorithm(file: Path) -> tuple[str, str]:
    """Module and class name of the algorithm that saved ``file``."""
    try:
        with zipfile.ZipFile(file) as archive:
            data = json.loads(archive.read("data"))
    except (KeyError, ValueError, OSError, zipfile.BadZipFile) as error:
        raise PolicyUnavailable(f"{file} is no Stable-Baselines3 model: {error}") from error
    if not isinstance(data, dict):
        raise PolicyUnavailable(f"{file} is no Stable-Baselines3 model: its data is no object")
    policy_class = data.get("policy_class")
    module = str(policy_class.get("__module__", "")) if isinstance(policy_class, dict) else ""
    if "recurrent" in module:
        return _RECURRENT
    for mark, package, algorithm in _MARKS:
        if mark in data:
            return package, algorithm
    known = ", ".join(algorithm for _, _, algorithm in _MARKS)
    raise PolicyUnavailable(f"{file} was saved by an algorithm this loader does not know ({known})")


def check_python(file: Path) -> None:
    """Refuse code that another version of Python saved: running it ends the process.

    Classes and functions of the script that trained are saved as their byte code, those of modules
    by name.

    Raises:
        PolicyUnavailable: the arguments of the policy hold such code.
    """
    with zipfile.ZipFile(file) as archive:
        data = json.loads(archive.read("data"))
        told = archive.read(_INFO).decode() if _INFO in archive.namelist() else ""
    found = re.search(r"Python: (\d+\.\d+)", told)
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    if found is None or found[1] == here:
        return
    coded = [key for key in _PLAYED if _has_code(data.get(key))]
    if coded:
        raise PolicyUnavailable(
            f"{file} was saved by Python {found[1]} and this is {here}: its {' and '.join(coded)}"
            " hold code of the script that trained it; move those classes and functions into a"
            " module that both can import, and save the model again"
        )


def _has_code(entry: object) -> bool:
    pickled = entry.get(":serialized:") if isinstance(entry, dict) else None
    return isinstance(pickled, str) and b"cloudpickle" in base64.b64decode(pickled)


def _locate(path: Path) -> Path:
    for candidate in (path, path.with_name(path.name + ".zip")):
        if candidate.is_file():
            return candidate
    raise PolicyUnavailable(f"no Stable-Baselines3 model at {path}")


def _side_file(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {}
    try:
        data = json.loads(file.read_text())
    except ValueError as error:
        raise InvalidConfig(f"{file} is not valid JSON: {error}") from error
    kwargs = data.get("env_kwargs", data) if isinstance(data, dict) else None
    if not isinstance(kwargs, dict):
        raise InvalidConfig(f"{file} must hold an object of env arguments")
    return {key: value for key, value in kwargs.items() if key not in _SOURCES}


def _load(file: Path) -> Any:
    package, algorithm = detect_algorithm(file)
    check_python(file)
    try:
        cls = getattr(importlib.import_module(package), algorithm)
    except ModuleNotFoundError as error:
        raise PolicyUnavailable(
            f"{file} holds a {algorithm} model; install it: pip install '{_PACKAGES[package]}'"
        ) from error
    # Playing needs neither the replay buffer (gigabytes) nor the schedules, whose pickled
    # functions do not survive a change of Python version.
    unneeded = {"buffer_size": 1, "learning_rate": 0.0, "lr_schedule": _zero, "clip_range": _zero}
    try:
        return cls.load(file, device="cpu", custom_objects=unneeded)
    except (AttributeError, KeyError, ValueError, RuntimeError, pickle.UnpicklingError) as error:
        raise PolicyUnavailable(f"{file} does not load as {algorithm}: {error}") from error


def _zero(progress_remaining: float) -> float:
    return 0.0
