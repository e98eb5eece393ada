"""Compose a house, a robot and added objects into one compiled ``SceneModel``."""

import hashlib
import json
import warnings
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from threading import Lock

import mujoco
import numpy as np

from molmospaces_gym.errors import InvalidScene, SceneNotFound
from molmospaces_gym.robots.base import PREFIX, RobotConfig
from molmospaces_gym.robots.binding import RobotBinding, bind_robot
from molmospaces_gym.scenes.added import AddedObject
from molmospaces_gym.scenes.house import House
from molmospaces_gym.scenes.model import Array, SceneModel
from molmospaces_gym.scenes.object_files import read_object
from molmospaces_gym.scenes.store import load_compiled, save_compiled

SETTLE_STEPS = 500
"""Physics steps after loading a scene that is not known to be at rest (official value, 1 s)."""

CACHE_SIZE = 64
"""Compiled scenes kept in memory by a process."""

_scenes: "OrderedDict[str, SceneModel]" = OrderedDict()
_lock = Lock()


def get_scene(
    house: House,
    robot: RobotConfig,
    added: Mapping[str, AddedObject] | None = None,
    removed: tuple[str, ...] = (),
    sleeping: bool = True,
) -> SceneModel:
    """The compiled scene for these parts, from memory, disk or built now.

    Args:
        house: the house; one whose MJCF already holds ``robot_0/`` bodies keeps that robot.
        robot: the robot to insert (or to find).
        added: body name -> an object, attached at the origin with a free joint.
        removed: names of bodies to delete.
        sleeping: whether MuJoCo skips what has come to rest; a file that holds the robot itself
            keeps its own setting.

    Raises:
        InvalidScene: the MJCF cannot be read, composed or compiled.
        SceneNotFound: a file is missing.
    """
    key = scene_key(house, robot, added or {}, removed, sleeping)
    with _lock:
        if key in _scenes:
            _scenes.move_to_end(key)
            return _scenes[key]
    scene = build_scene(key, house, robot, added or {}, removed, sleeping)
    with _lock:
        _scenes[key] = scene
        while len(_scenes) > CACHE_SIZE:
            _scenes.popitem(last=False)
    return scene


def scene_key(
    house: House,
    robot: RobotConfig,
    added: Mapping[str, AddedObject],
    removed: tuple[str, ...],
    sleeping: bool,
) -> str:
    """Hash of everything a scene depends on, its metadata and the MuJoCo version included."""
    files = [(str(path), path.stat()) for path in robot.files]
    parts = [
        mujoco.__version__,
        house.name,
        house.content_key,
        *(f"{path}:{stat.st_mtime_ns}:{stat.st_size}" for path, stat in files),
        {name: item.content_key for name, item in added.items()},
        list(removed),
        sleeping,
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]


def build_scene(
    key: str,
    house: House,
    robot: RobotConfig,
    added: Mapping[str, AddedObject],
    removed: tuple[str, ...],
    sleeping: bool,
) -> SceneModel:
    """Compile (or load from the disk cache) and settle one scene."""
    if added:
        house = with_objects(house, added)
    stored = load_compiled(key)
    if stored is not None:
        model, rest, owns_robot = stored
        return SceneModel(key, house, model, bind_robot(model, robot), rest, owns_robot)
    spec = read_spec(house)
    owns_robot = spec.body(PREFIX + robot.root_body) is not None
    for name in removed:
        remove_body(spec, house, name)
    for name, item in added.items():
        attach_object(spec, name, item)
    if not owns_robot:
        attach_robot(spec, robot)
        flags = spec.option.enableflags & ~int(mujoco.mjtEnableBit.mjENBL_SLEEP)
        spec.option.enableflags = flags | sleeping * int(mujoco.mjtEnableBit.mjENBL_SLEEP)
    model = compile_spec(spec, house)
    binding = bind_robot(model, robot)
    rest = rest_qpos(model, binding, 0 if owns_robot or is_settled(house) else SETTLE_STEPS)
    save_compiled(key, model, rest, owns_robot)
    return SceneModel(key, house, model, binding, rest, owns_robot)


def compile_spec(spec: mujoco.MjSpec, house: House) -> mujoco.MjModel:
    """Compile; raises ``InvalidScene`` with MuJoCo's own reason."""
    try:
        with warnings.catch_warnings():
            # About saving the spec as XML, which never happens; official scenes trigger it.
            warnings.filterwarnings("ignore", message="Attaching a spec with an empty prefix")
            return spec.compile()
    except ValueError as error:
        raise InvalidScene(f"scene {house.name!r} does not compile: {error}") from error


def is_settled(house: House) -> bool:
    """Whether the house's own poses are known to be at rest (generated houses are)."""
    return bool(house.metadata.get("settled", False))


def read_spec(house: House) -> mujoco.MjSpec:
    """Parse a house's MJCF; raises ``SceneNotFound`` or ``InvalidScene``."""
    try:
        if house.mjcf is not None:
            return mujoco.MjSpec.from_string(house.mjcf)
        assert house.path is not None
        if not house.path.is_file():
            raise SceneNotFound(f"scene file {house.path} does not exist")
        return mujoco.MjSpec.from_file(str(house.path))
    except ValueError as error:
        raise InvalidScene(f"scene {house.name!r} is not a readable MJCF: {error}") from error


def remove_body(spec: mujoco.MjSpec, house: House, name: str) -> None:
    """Delete one body; raises ``InvalidScene`` when it is not there."""
    body = spec.body(name)
    if body is None:
        raise InvalidScene(f"scene {house.name!r} has no body {name!r} to remove")
    spec.delete(body)


def with_objects(house: House, added: Mapping[str, AddedObject]) -> House:
    """The house whose metadata also knows the added objects."""
    objects = dict(house.metadata.get("objects", {}))
    objects |= {name: dict(item.metadata) for name, item in added.items()}
    return replace(house, metadata={**house.metadata, "objects": objects})


def attach_object(spec: mujoco.MjSpec, name: str, item: AddedObject) -> None:
    """Attach the one top-level body of an object's MJCF under the body name ``name``.

    Everything else it holds is named ``<name>/...``, so that two copies of one object get along.
    """
    _, body = read_object(item.path or item.mjcf or "", f"added object {name!r}")
    if not body.joints:
        body.add_freejoint()
    spec.worldbody.add_frame().attach_body(body, f"{name}/", "").name = name


def attach_robot(spec: mujoco.MjSpec, robot: RobotConfig) -> None:
    """Insert the robot under ``robot_0/base``.

    That body is the robot's own, or carries the pedestal with the robot on top: a mocap body, or
    the mobile base that the robot names.
    """
    if robot.timestep is not None:
        spec.option.timestep = robot.timestep
    child = read_robot(robot.mjcf)
    if robot.base is None:
        base = spec.worldbody.add_body(name=PREFIX + "base", mocap=True)
    else:
        carrier = child if robot.base.mjcf is None else read_robot(robot.base.mjcf)
        base = spec.worldbody.add_frame().attach_body(carrier.body(robot.base.body), PREFIX, "")
        if carrier is child:
            return
    height = 0.0
    if robot.pedestal is not None:
        x, y, height = robot.pedestal
        base.add_geom(
            name=PREFIX + "pedestal",
            type=mujoco.mjtGeom.mjGEOM_BOX,
            size=[x / 2, y / 2, height / 2],
            pos=[0, 0, height / 2],
            rgba=[0.3, 0.3, 0.32, 1],
        )
    mount = base.add_frame(pos=[0, 0, height])
    mount.attach_body(child.body(robot.root_body), PREFIX, "")


def read_robot(path: Path) -> mujoco.MjSpec:
    """Parse a robot's MJCF; raises ``InvalidScene`` with MuJoCo's own reason."""
    try:
        return mujoco.MjSpec.from_file(str(path))
    except ValueError as error:
        raise InvalidScene(f"robot file {path} is not a readable MJCF: {error}") from error


def rest_qpos(model: mujoco.MjModel, robot: RobotBinding, settle_steps: int) -> Array:
    """Configuration (nq,) with the robot at home and the rest of the scene settled."""
    data = mujoco.MjData(model)
    set_home(data, robot)
    if settle_steps:  # clear of everything that settles: on a floor far away, or in the sky
        away = (1e3, 1e3, 100.0, 1.0, 0.0, 0.0, 0.0)
        robot.place_base(away, data.qpos, data.mocap_pos, data.mocap_quat)
        data.ctrl[robot.actuators] = robot.hold_command(data.qpos)
    mujoco.mj_step(model, data, settle_steps)
    set_home(data, robot)
    return np.array(data.qpos)


def set_home(data: mujoco.MjData, robot: RobotBinding) -> None:
    """Put the robot at its home pose and hold it there."""
    robot.home_qpos(data.qpos)
    data.ctrl[robot.actuators] = robot.hold_command(data.qpos)
