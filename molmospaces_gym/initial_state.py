"""The simulator state an episode starts from."""

import logging

import numpy as np

from molmospaces_gym.backends.base import Array, State
from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.errors import InvalidEpisode
from molmospaces_gym.scenes.articulated import start_positions
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
    ctrl[robot.actuators] = hold_command(scene, qpos)
    return State(qpos, qvel, ctrl, mocap_pos, mocap_quat)


def hold_command(scene: SceneModel, qpos: Array) -> Array:
    """Commands (n_actuators,) that keep the robot where ``qpos`` has it."""
    robot, gripper = scene.robot, scene.robot.config.gripper
    closed = float(qpos[robot.gripper_qpos[0]]) / gripper.closed_qpos
    grip = gripper.open_ctrl + closed * (gripper.closed_ctrl - gripper.open_ctrl)
    command: Array = np.append(qpos[robot.qpos], grip)
    return np.clip(command, robot.ctrl_low, robot.ctrl_high)


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
    base = episode.task.get("robot_base_pose")
    if base is not None and robot.base_mocap >= 0:
        mocap_pos[robot.base_mocap], mocap_quat[robot.base_mocap] = base[:3], base[3:]
    gripper = robot.config.gripper.group
    arm: list[float] = []
    for group in robot.config.groups:
        values = episode.robot.init_qpos.get(group)
        home = robot.config.home[group]
        values = list(home) if values is None else list(values)
        if len(values) != len(home):
            raise InvalidEpisode(
                f"robot.init_qpos.{group}: found {len(values)} values, expected {len(home)}"
            )
        if group == gripper:
            qpos[robot.gripper_qpos] = values
        else:
            arm += values
    qpos[robot.qpos] = arm


def _fitting(name: str, given: Array | None, default: Array) -> Array:
    if given is None:
        return default
    if given.shape != default.shape:
        raise InvalidEpisode(
            f"state.{name}: found shape {given.shape}, the scene needs {default.shape}"
        )
    return given
