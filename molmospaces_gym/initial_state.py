"""The simulator state an episode starts from."""

import logging
from collections.abc import Sequence

import numpy as np

from molmospaces_gym.backends.base import Array, State
from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.errors import InvalidEpisode
from molmospaces_gym.robots.base import RobotConfig
from molmospaces_gym.scenes.episode_joints import start_positions
from molmospaces_gym.scenes.model import SceneModel

_log = logging.getLogger(__name__)


def initial_state(scene: SceneModel, episode: EpisodeSpec) -> State:
    """The start of an episode: the scene at rest, then the episode's poses, then its state.

    Raises:
        UnknownBody: an object pose names a body the scene does not hold.
        InvalidEpisode: wrong number of joint positions, or a state that does not fit the scene.
    """
    model, robot = scene.model, scene.robot
    qpos, qvel = scene.rest_qpos.copy(), np.zeros(model.nv)
    mocap_pos, mocap_quat = _mocap_defaults(scene)
    _place_objects(scene, episode, qpos)
    for address, value in start_positions(scene, episode.task).items():
        qpos[address] = value
    _place_robot(scene, episode, qpos, mocap_pos, mocap_quat)
    if episode.state is not None:
        given = episode.state.arrays()
        qpos = _fitting("qpos", given.qpos, qpos)
        qvel = _fitting("qvel", given.qvel, qvel)
        mocap_pos = _fitting("mocap_pos", given.mocap_pos, mocap_pos)
        mocap_quat = _fitting("mocap_quat", given.mocap_quat, mocap_quat)
    ctrl = np.zeros(model.nu)
    ctrl[robot.actuators] = robot.hold_command(qpos)
    return State(qpos, qvel, ctrl, mocap_pos, mocap_quat)


def _mocap_defaults(scene: SceneModel) -> tuple[Array, Array]:
    model = scene.model
    bodies = np.flatnonzero(model.body_mocapid >= 0)
    bodies = bodies[np.argsort(model.body_mocapid[bodies])]
    return model.body_pos[bodies].copy(), model.body_quat[bodies].copy()


def _place_objects(scene: SceneModel, episode: EpisodeSpec, qpos: Array) -> None:
    for name, pose in episode.scene_modifications.object_poses.items():
        joint = scene.free_joints.get(name)
        if joint is not None:
            qpos[joint[0] : joint[0] + 7] = pose
        elif name in scene.body_ids:
            # Official scenes freeze some categories; their poses are those of the house.
            _log.debug("object pose of %s ignored: the body has no free joint", name)
        else:
            raise scene.unknown_body(name)


def _place_robot(
    scene: SceneModel, episode: EpisodeSpec, qpos: Array, mocap_pos: Array, mocap_quat: Array
) -> None:
    robot = scene.robot
    for name, group in robot.groups.items():
        home, given = robot.config.home[name], episode.robot.init_qpos.get(name)
        qpos[group.qpos] = home if given is None else _group_values(robot.config, name, given)
    base = episode.task.get("robot_base_pose")
    if base is not None:
        robot.place_base(base, qpos, mocap_pos, mocap_quat)


def _group_values(robot: RobotConfig, group: str, given: Sequence[float]) -> Sequence[float]:
    """Joint positions of a group; one number for a gripper is that of its driver."""
    home = robot.home[group]
    if len(given) == len(home):
        return given
    gripper = next((arm.gripper for arm in robot.arms if arm.gripper.group == group), None)
    if gripper is not None and len(given) == 1:
        return [given[0] * factor for factor in gripper.coupling]
    if robot.base is not None and group == robot.base.group and not len(given):
        return home
    raise InvalidEpisode(
        f"robot.init_qpos.{group}: found {len(given)} values, expected {len(home)}"
    )


def _fitting(name: str, given: Array | None, default: Array) -> Array:
    if given is None:
        return default
    if given.shape != default.shape:
        raise InvalidEpisode(
            f"state.{name}: found shape {given.shape}, the scene needs {default.shape}"
        )
    return given
