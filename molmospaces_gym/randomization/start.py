"""Draws the robot's joint positions."""

from collections.abc import Mapping
from dataclasses import replace

import mujoco
import numpy as np

from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.errors import InvalidEpisode
from molmospaces_gym.initial_state import initial_state
from molmospaces_gym.robots.base import RobotConfig
from molmospaces_gym.scenes.model import SceneModel
from molmospaces_gym.tasks.sampling import is_visible, scratch_of, start_joints, touches_nothing

HARD = (0.26,) * 6 + (float(np.pi / 2),)
"""Noise of an arm of seven joints in the official Hard benchmarks, +- rad."""
ATTEMPTS = 30
"""Starts tried before the episode keeps its own."""


def start_noise(robot: RobotConfig, kind: bool | str) -> RobotConfig:
    """The robot with the noise of a kind of start: True is its own, ``hard`` that of the arms."""
    if kind != "hard":
        return robot
    arms = {arm.group: HARD for arm in robot.arms if len(robot.home[arm.group]) == len(HARD)}
    return replace(robot, init_noise={**robot.init_noise, **arms})


def draw_start(
    scene: SceneModel, episode: EpisodeSpec, kind: bool | str, rng: np.random.Generator
) -> dict[str, list[float]] | None:
    """Joint positions per move group, within their limits, with which the robot touches nothing.

    What the first exterior camera sees of the task's movable objects must not be hidden by the arm.
    None where no such start was found: the episode then keeps its own.

    Raises:
        InvalidEpisode: the episode's ``state`` fixes the joints.
    """
    if episode.state is not None:
        raise InvalidEpisode(
            "randomize_robot_start cannot move the joints of an episode whose state fixes them;"
            " leave out one of the two"
        )
    scratch, robot = scratch_of(scene), scene.robot
    noisy = start_noise(robot.config, kind)
    state, data = initial_state(scene, episode), scratch.data
    data.mocap_pos[:], data.mocap_quat[:] = state.mocap_pos, state.mocap_quat
    moving = {name: values for name, values in scratch.start.items() if any(noisy.init_noise[name])}
    data.qpos[:] = state.qpos
    mujoco.mj_kinematics(scene.model, data)
    objects = [n for n in episode.task_relevant_objects if n in scene.free_joints]
    seen = [name for name in objects if is_visible(scene, scratch, name)]
    for _ in range(ATTEMPTS):
        joints = limited(scene, start_joints(noisy, moving, rng))
        data.qpos[:] = state.qpos
        for group, values in joints.items():
            data.qpos[robot.groups[group].qpos] = values
        mujoco.mj_kinematics(scene.model, data)
        if touches_nothing(scene, data) and all(is_visible(scene, scratch, n) for n in seen):
            return {**episode.robot.init_qpos, **joints}
    return None


def limited(scene: SceneModel, joints: Mapping[str, list[float]]) -> dict[str, list[float]]:
    """Joint positions cut to the ranges of their joints."""
    model, found = scene.model, {}
    for group, values in joints.items():
        ids = scene.robot.groups[group].joints
        low, high = model.jnt_range[ids].T
        bound = model.jnt_limited[ids] != 0
        cut = np.where(bound, np.clip(values, low, high), values)
        found[group] = cut.tolist()
    return found
