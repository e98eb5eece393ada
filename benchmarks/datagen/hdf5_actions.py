"""The official ``actions`` of a trajectory as one dictionary per row."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.benchmarks.datagen.trajectory import Trajectory
from molmospaces_gym.robots.chain import rotation_vectors
from molmospaces_gym.transforms import inverse, pose_matrix

Array = NDArray[np.float64]
Rows = list[dict[str, Any]]


def action_rows(trajectory: Trajectory) -> dict[str, Rows]:
    """Dataset name -> T + 2 dictionaries of move groups: dummy, T actions, empty sentinel.

    ``commanded_action`` and ``joint_pos`` are absolute commands without noise, ``joint_pos_rel``
    those minus the joint positions they were given at (groups with as many joints as commands),
    ``ee_pose`` where they would bring the tool (arm groups; robot frame) and ``ee_twist`` the way
    there from the tool's pose, in the tool's frame: translation (m) and rotation vector (rad).
    """
    commands, start = trajectory.commands, trajectory.start_command
    steps = range(len(trajectory))
    direct = [
        name for name in commands if commands[name].shape[1] == trajectory.qpos[name].shape[1]
    ]
    relative = {name: commands[name] - trajectory.qpos[name][:-1] for name in direct}
    twists = {
        arm: np.array([_twist(trajectory.tcp_poses[arm][t], poses[t]) for t in steps])
        for arm, poses in trajectory.command_poses.items()
    }
    return {
        "commanded_action": _rows(commands, {}),
        "joint_pos": _rows(commands, {name: list(map(float, v)) for name, v in start.items()}),
        "joint_pos_rel": _rows(relative, {n: [0.0] * v.shape[1] for n, v in relative.items()}),
        "ee_pose": _rows(
            trajectory.command_poses,
            {arm: trajectory.tcp_poses[arm][0].tolist() for arm in trajectory.command_poses},
        ),
        "ee_twist": _rows(twists, {arm: [0.0] * 6 for arm in twists}),
    }


def _rows(arrays: Any, dummy: dict[str, Any]) -> Rows:
    count = len(next(iter(arrays.values()), ()))
    rows: Rows = [{name: array[t].tolist() for name, array in arrays.items()} for t in range(count)]
    return [dummy, *rows, {}]


def _twist(pose: Array, target: Array) -> list[float]:
    """Way from a pose (7,) to another in the frame of the first: (6,)."""
    change = inverse(pose_matrix(pose[:3], pose[3:])) @ pose_matrix(target[:3], target[3:])
    return [*change[:3, 3], *rotation_vectors(change[None, :3, :3])[0]]
