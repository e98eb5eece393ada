"""The official HDF5 + mp4 layout: reader of our files and of official MolmoBot-Data.

Our files come back as they were written, from their group ``gym``. Official ones hold less: no
actions of an env (``actions`` has no columns; ``commands`` have all), no object poses after the
start, no name of the house (so that ``episode`` is None; see ``official_start``), and no seeds.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.benchmarks.datagen.json_rows import decode_name, decode_rows, rows_as_arrays
from molmospaces_gym.benchmarks.datagen.trajectory import (
    PER_STATE,
    PER_STEP,
    STATES,
    STEPS,
    Attempt,
    CameraTrack,
    Trajectory,
)
from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.errors import InvalidTrajectory

MATRICES = ("intrinsic_cv", "extrinsic_cv", "cam2world_gl")
FILES = "house_*/trajectories_batch_*.h5"
TASKS = {
    "pick": "Pick",
    "pick_and_place": "PickAndPlace",
    "pick_and_place_next_to": "PickAndPlaceNextTo",
    "pick_and_place_color": "PickAndPlaceColor",
    "open": "Open",
    "opening": "Open",
    "close": "Close",
    "closing": "Close",
    "door_opening": "OpenDoor",
    "open_door": "OpenDoor",
    "nav_to_obj": "NavigateTo",
}
"""Official task type -> task; types that are not here keep their name."""


def read_dataset(path: Path) -> Iterator[Trajectory]:
    """All trajectories of a file, or of a dataset folder by house, batch and number.

    Raises:
        InvalidTrajectory: nothing is there, or it is no such file.
        MissingPackage: h5py is not installed.
    """
    files = [path] if path.is_file() else sorted(path.glob(FILES), key=_natural)
    if not files:
        raise InvalidTrajectory(f"{path} is no HDF5 file and no folder with {FILES}")
    for file in files:
        yield from read_file(file)


def read_file(path: Path) -> Iterator[Trajectory]:
    """The trajectories of one file in order; raises like ``read_dataset``."""
    from molmospaces_gym.benchmarks.datagen.hdf5 import import_h5py

    try:
        with import_h5py().File(path, "r") as file:
            keys = sorted((key for key in file if key.startswith("traj_")), key=_natural)
            if not keys:
                raise InvalidTrajectory(f"{path} holds no group traj_0, traj_1, ...")
            for key in keys:
                yield read_group(file[key], path)
    except (OSError, KeyError) as error:
        raise InvalidTrajectory(f"{path} is no trajectory file: {error}") from error


def read_group(group: Any, path: Path) -> Trajectory:
    """The trajectory in a ``traj_<i>`` group of the file at ``path``."""
    scene = _obs_scene(group, path)
    return _own(group, scene, path) if "gym" in group else _official(group, scene, path)


def _own(group: Any, scene: dict[str, Any], path: Path) -> Trajectory:
    gym = group["gym"]
    about = json.loads(gym.attrs["about"])
    sizes = about.pop("cameras")
    values: dict[str, Any] = {
        name: gym[name][()] for name in (*STATES, *STEPS, "success") if name in gym
    }
    for name in (*PER_STEP, *PER_STATE, "start_command"):
        values[name] = {key: gym[name][key][()] for key in gym[name]}
    about["attempts"] = tuple(Attempt(**attempt) for attempt in about["attempts"])
    about["object_names"] = tuple(about["object_names"])
    spec = scene["episode_spec"]
    cameras = _cameras(group, path, len(values["success"]))
    return Trajectory(
        **about,
        **values,
        episode=None if spec is None else EpisodeSpec.parse(spec, f"{path}, {group.name}"),
        instruction=scene["task_description"],
        cameras={name: cameras[name] for name in sizes},
    )


def _official(group: Any, scene: dict[str, Any], path: Path) -> Trajectory:
    where = f"{path}, {group.name}"

    def rows(name: str) -> list[dict[str, Any]]:
        return decode_rows(group[name][()], f"{where}/{name}") if name in group else []

    joint_pos = rows("actions/joint_pos") or rows("actions/commanded_action")
    # A policy that says it is done leaves a last row with no action; a time-out does not.
    states = len(joint_pos) - (len(joint_pos) > 1 and not joint_pos[-1])
    if states < 1:
        raise InvalidTrajectory(f"{where}: there are no actions/joint_pos")
    qpos = rows_as_arrays(rows("obs/agent/qpos")[:states], where)
    commands = rows_as_arrays(joint_pos[1:states], where)
    robot = "rby1" if "left_arm" in qpos else "franka_droid"
    names, poses = _actors(group, states)
    kind = str(scene.get("task_type", ""))
    steps = states - 1
    none = np.zeros((steps, 0), np.float32)
    return Trajectory(
        index=_natural(group.name)[-2],
        task=TASKS.get(kind, kind),
        env_id="",
        env_kwargs={},
        robot=robot,
        house=path.parent.name,
        episode=None,
        instruction=str(scene.get("task_description", "")),
        seed=0,
        control_dt=float(scene.get("policy_dt_ms", 66.0)) / 1000,
        success=group["success"][:states].astype(np.bool_),
        rewards=group["rewards"][1:states].astype(np.float32),
        # The official writer never fills it in: only its last row is true, whatever happened.
        terminated=group["terminated"][1:states].astype(np.bool_),
        truncated=group["truncated"][1:states].astype(np.bool_),
        actions=none,
        expert_actions=none,
        commands=commands,
        executed=commands,
        observations={},
        qpos=qpos,
        qvel=rows_as_arrays(rows("obs/agent/qvel")[:states], where),
        tcp_poses=_tcp_poses(group, robot, states),
        base_pose=group["obs/extra/robot_base_pose"][:states].astype(np.float64),
        object_names=names,
        object_poses=poses,
        cameras=_cameras(group, path, states),
        start_command={name: np.array(row, np.float64) for name, row in joint_pos[0].items()},
        command_poses=rows_as_arrays(rows("actions/ee_pose")[1:states], where),
        quantities=_numbers(rows("obs/extra/task_info")[:states]),
        grasps=_grasps(rows("obs/extra/grasp_state_pickup_obj")[:states]),
    )


def _obs_scene(group: Any, path: Path) -> dict[str, Any]:
    text = group["obs_scene"][()]
    if isinstance(text, bytes):
        text = text.rstrip(b"\x00").decode("utf-8")
    try:
        found = json.loads(text)
    except ValueError as error:
        raise InvalidTrajectory(f"{path}, {group.name}/obs_scene is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise InvalidTrajectory(f"{path}, {group.name}/obs_scene is no JSON object")
    return found


def _cameras(group: Any, path: Path, states: int) -> dict[str, CameraTrack]:
    """Cameras with their matrices; videos by the names in the file, else by the convention."""
    params, names = group.get("obs/sensor_param", {}), group.get("obs/sensor_data", {})
    number, batch = _natural(group.name)[-2], path.stem.removeprefix("trajectories_")

    def video(sensor: str) -> Path | None:
        name = f"episode_{number:08d}_{sensor}_{batch}.mp4"
        if sensor in names:
            name = decode_name(names[sensor][()])
        file = path.with_name(name)
        return file if file.is_file() else None

    found = {}
    for camera in params:
        matrices = {name: params[camera][name][:states] for name in MATRICES}
        center = matrices["intrinsic_cv"][0, :2, 2]
        found[camera] = CameraTrack(
            size=(round(2 * float(center[0])), round(2 * float(center[1]))),
            video=video(camera),
            depth_video=video(f"{camera}_depth"),
            **matrices,
        )
    return found


def _tcp_poses(group: Any, robot: str, states: int) -> dict[str, NDArray[np.float64]]:
    """Tools by arm group; of RB-Y1 a plain ``tcp_pose`` is the left one."""
    single = "arm" if robot == "franka_droid" else "left_arm"
    found = {}
    for name in group["obs/extra"]:
        side, match, _ = name.partition("tcp_pose")
        if match:
            side = side or name.removeprefix("tcp_pose").strip("_")
            arm = f"{side.strip('_')}_arm" if side else single
            found[arm] = group["obs/extra"][name][:states].astype(np.float64)
    return found


def _actors(group: Any, states: int) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    actors = group.get("env_states/actors", {})
    names = tuple(actors)
    poses = np.empty((states, len(names), 7))
    for place, name in enumerate(names):
        poses[:, place] = actors[name][:states, :7]
    return tuple(name.replace("|", "/") for name in names), poses


def _numbers(rows: list[dict[str, Any]]) -> dict[str, NDArray[np.float64]]:
    """The entries that are one number or flag in every row."""
    names = [n for n in (rows[0] if rows else {}) if all(_is_number(r.get(n)) for r in rows)]
    return {name: np.array([row[name] for row in rows], np.float64) for name in names}


def _is_number(value: object) -> bool:
    return isinstance(value, bool | int | float)


def _grasps(rows: list[dict[str, Any]]) -> dict[str, NDArray[np.bool_]]:
    return {
        name: np.array([[row[name]["touching"], row[name]["held"]] for row in rows], np.bool_)
        for name in (rows[0] if rows else {})
    }


def _natural(path: object) -> list[Any]:
    """Sort key by which ``traj_10`` comes after ``traj_9``: texts and numbers in turn."""
    return [int(p) if p.isdigit() else p for p in re.split(r"(\d+)", str(path))]
