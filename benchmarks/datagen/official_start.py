"""How an official recording started: the ``frozen_config`` of its ``obs_scene`` as an EpisodeSpec.

It is a pickle of the official package's configuration. Pickles can run anything, so this one is
read by an unpickler that knows arrays, containers and paths and makes plain records of all other
classes: no code of the file or of the official package runs.
"""

import base64
import binascii
import io
import json
import pickle
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from molmospaces_gym.benchmarks.datagen.json_rows import decode_name
from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.errors import InvalidTrajectory, MolmoSpacesError

HARMLESS: Mapping[tuple[str, str], Callable[..., Any]] = {
    ("builtins", "set"): set,
    ("builtins", "frozenset"): frozenset,
    ("builtins", "slice"): slice,
    ("collections", "OrderedDict"): OrderedDict,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}
"""Classes that are made as they are; they only hold data."""
ARRAY_MAKERS = ("_reconstruct", "scalar", "_frombuffer")
"""Functions of numpy that arrays and numbers are pickled with."""
CAMERA_FIELDS = (
    ("name", "reference_body_names", "camera_offset", "lookat_offset", "camera_quaternion", "fov"),
    ("name", "pos", "up", "forward", "fov"),
)
LEFT_OUT = frozenset({"added_objects", "object_poses", "tracked_object_names"}) | {
    "referral_expressions",
    "referral_expressions_priority",
}
"""Fields of the task's configuration that stand elsewhere in an episode."""


class Record:
    """An object of an unknown class: what it was made from, nothing else."""

    fields: dict[str, Any]

    # Most objects are unpickled without __init__.
    def __new__(cls, *arguments: Any, **named: Any) -> "Record":
        made = super().__new__(cls)
        made.fields = dict(named)
        return made

    def __init__(self, *arguments: Any, **named: Any) -> None:
        return

    def __setitem__(self, key: Any, value: Any) -> None:
        self.fields[str(key)] = value

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, tuple):  # attributes and slots
            state = {k: v for part in state if isinstance(part, dict) for k, v in part.items()}
        if isinstance(state, dict):
            for part in ("__dict__", "__pydantic_extra__"):
                self.fields.update(state.get(part) or {})
            if "__dict__" not in state:
                self.fields.update(state)


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in HARMLESS:
            return HARMLESS[module, name]
        if module.split(".")[0] == "numpy" and name in ARRAY_MAKERS:
            import numpy._core.multiarray as multiarray
            import numpy._core.numeric as numeric

            return getattr(numeric if name == "_frombuffer" else multiarray, name)
        if module.split(".")[0] == "pathlib" and name.endswith("Path"):
            return PurePosixPath
        return type(name, (Record,), {})


def unpickle_plain(content: bytes) -> Any:
    """A pickle as JSON-plain data: objects are dictionaries of their fields.

    Raises:
        InvalidTrajectory: it is damaged.
    """
    try:
        return _plain(_Unpickler(io.BytesIO(content)).load())
    # A damaged pickle can fail in any way that its instructions can be carried out.
    except Exception as error:
        raise InvalidTrajectory(f"the frozen_config cannot be read: {error}") from error


def read_start(file: Path, number: int, houses: str) -> EpisodeSpec:
    """The start of trajectory ``number`` of an official file.

    Args:
        file: ``.../house_<i>/trajectories_batch_<k>_of_<n>.h5``.
        number: of the group ``traj_<number>``.
        houses: ``<dataset>/<split>`` of its house, which the file does not say.

    Raises:
        InvalidTrajectory: the file holds no such start.
    """
    from molmospaces_gym.benchmarks.datagen.hdf5 import import_h5py

    index = file.parent.name.removeprefix("house_")
    dataset, _, split = houses.partition("/")
    if not (index.isdigit() and dataset and split):
        raise InvalidTrajectory(
            f"expected a file in a folder house_<i> and houses as <dataset>/<split>, got {file}"
            f" and {houses!r}"
        )
    try:
        with import_h5py().File(file, "r") as opened:
            raw = opened[f"traj_{number}/obs_scene"][()]
            scene = json.loads(raw if isinstance(raw, bytes) else decode_name(raw))
        config = unpickle_plain(base64.b64decode(scene["frozen_config"], validate=True))
    except (OSError, KeyError, TypeError, ValueError, binascii.Error) as error:
        if isinstance(error, MolmoSpacesError):
            raise
        raise InvalidTrajectory(f"{file}, traj_{number} holds no frozen_config: {error}") from error
    place = {"scene_dataset": dataset, "data_split": split, "house_index": int(index)}
    source = {"h5_file": str(file), "traj_key": f"traj_{number}"}
    return episode_of(config, scene, {**place, "source": source})


def episode_of(
    config: Mapping[str, Any], scene: Mapping[str, Any], place: Mapping[str, Any]
) -> EpisodeSpec:
    """The episode that a plain ``frozen_config`` describes, in the house ``place``."""
    try:
        task = config["task_config"]
        cameras = (config.get("camera_config") or {}).get("cameras") or []
        data = {
            **place,
            "robot": {
                "robot_name": config["robot_config"]["name"],
                "init_qpos": config["robot_config"]["init_qpos"],
            },
            "cameras": [_camera(camera) for camera in cameras],
            "scene_modifications": {
                "added_objects": {
                    name: _asset(path) for name, path in (task.get("added_objects") or {}).items()
                },
                "object_poses": task.get("object_poses") or {},
            },
            "task": {
                "task_cls": config["task_cls_str"],
                **{k: v for k, v in task.items() if v is not None and k not in LEFT_OUT},
            },
            "language": {
                "task_description": scene["task_description"],
                "referral_expressions": task.get("referral_expressions") or {},
                "referral_expressions_priority": task.get("referral_expressions_priority") or {},
            },
            "img_resolution": (config.get("camera_config") or {}).get("img_resolution")
            or [640, 368],
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise InvalidTrajectory(f"the frozen_config lacks {error}") from error
    return EpisodeSpec.parse(data, "frozen_config")


def _camera(camera: Mapping[str, Any]) -> dict[str, Any]:
    mounted = camera.get("reference_body_names") is not None
    names = CAMERA_FIELDS[0 if mounted else 1]
    found = {name: camera[name] for name in names}
    kind = "robot_mounted" if mounted else "exocentric"
    return {**found, "type": kind, "record_depth": bool(camera.get("record_depth"))}


def _asset(path: str) -> str:
    """An object file relative to the assets directory of the machine that recorded it."""
    parts = PurePosixPath(path).parts
    return "/".join(parts[parts.index("objects") :] if "objects" in parts else parts)


def _plain(value: Any) -> Any:
    if isinstance(value, Record):
        return _plain(value.fields)
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, set | frozenset):
        return sorted(map(str, value))
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)
