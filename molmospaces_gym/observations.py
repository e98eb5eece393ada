"""Observations: one flat buffer for numbers, one array per image, spaces known without a scene.

Robot keys, all float32: ``arm_qpos`` (rad), ``arm_qvel`` (rad/s), ``gripper`` (0 open .. 1
closed), ``tcp_pose`` (x, y, z, qw, qx, qy, qz of the tool in the robot's base frame, m), ``target``
(last command, each actuator's range mapped to [-1, 1]). ``obs_mode="state"`` adds the task's
privileged keys; ``"rgb"`` adds ``<camera>`` (H, W, 3) uint8; ``"rgbd"`` also ``<camera>_depth``
(H * W,) float32, row-major metres along the optical axis, 0 where nothing is hit, at most 10.
Depth is flat because Stable-Baselines3 accepts only vectors and uint8 images.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from molmospaces_gym.backends.base import World
from molmospaces_gym.cameras import CameraPose
from molmospaces_gym.robots.base import RobotConfig
from molmospaces_gym.scenes.model import SceneModel
from molmospaces_gym.tasks.base import PrivilegedKey, Task

Array = NDArray[np.float64]
Observation = dict[str, NDArray[Any]]

MAX_DEPTH = 10.0
"""Upper bound of observed depth, m (official declared bound)."""


class ObservationLayout:
    """Where each numeric key sits in the flat buffer, and the observation space."""

    def __init__(
        self,
        robot: RobotConfig,
        task: Task,
        mode: str,
        cameras: tuple[str, ...],
        image_size: tuple[int, int],
    ) -> None:
        self.mode, self.image_size = mode, image_size
        self.cameras = cameras if mode != "state" else ()
        self.robot_keys = robot_keys(robot)
        privileged = task.privileged_keys if mode == "state" else {}
        self.robot_size = sum(key.size for key in self.robot_keys.values())
        keys = {**self.robot_keys, **privileged}
        self.slices = _slices(keys)
        self.size = sum(key.size for key in keys.values())
        self.low = np.concatenate([np.full(k.size, k.low) for k in keys.values()])
        self.high = np.concatenate([np.full(k.size, k.high) for k in keys.values()])
        self.space = self._space(keys)

    def _space(self, keys: Mapping[str, PrivilegedKey]) -> spaces.Dict:
        entries: dict[str, spaces.Space[Any]] = {
            name: spaces.Box(key.low, key.high, (key.size,), np.float32)
            for name, key in keys.items()
        }
        width, height = self.image_size
        for camera in self.cameras:
            entries[camera] = spaces.Box(0, 255, (height, width, 3), np.uint8)
            if self.mode == "rgbd":
                depth = spaces.Box(0.0, MAX_DEPTH, (height * width,), np.float32)
                entries[f"{camera}_depth"] = depth
        return spaces.Dict(entries)

    def split(self, row: NDArray[np.float32]) -> Observation:
        """Name the parts of a row (size,) or of rows (n, size); the parts are views."""
        if row.ndim == 1:
            return {name: row[part] for name, part in self.slices.items()}
        return {name: row[:, part] for name, part in self.slices.items()}


def robot_keys(robot: RobotConfig) -> dict[str, PrivilegedKey]:
    """The robot's numeric observation keys in buffer order."""
    arm = sum(len(g.joints) for name, g in robot.groups.items() if name != robot.gripper.group)
    actuators = sum(len(group.actuators) for group in robot.groups.values())
    return {
        "arm_qpos": PrivilegedKey(arm, -7.0, 7.0),
        "arm_qvel": PrivilegedKey(arm, -50.0, 50.0),
        "gripper": PrivilegedKey(1, 0.0, 1.0),
        "tcp_pose": PrivilegedKey(7, -10.0, 10.0),
        "target": PrivilegedKey(actuators, -1.0, 1.0),
    }


def _slices(keys: Mapping[str, PrivilegedKey]) -> dict[str, slice]:
    found, start = {}, 0
    for name, key in keys.items():
        found[name] = slice(start, start + key.size)
        start += key.size
    return found


class RobotObserver:
    """Writes the robot's part of the flat buffer for one slot and scene.

    Holds views of the world's arrays, so it is made anew whenever a slot loads a scene.
    """

    def __init__(self, world: World, slot: int, scene: SceneModel) -> None:
        # numba takes half a second to import, which `import molmospaces_gym` must not cost.
        from molmospaces_gym.kernels import observe_robot

        robot = scene.robot
        self._observe = observe_robot
        self._arguments = (
            world.joint_pos(slot),
            world.joint_vel(slot),
            world.ctrl(slot),
            world.body_pos(slot),
            world.body_quat(slot),
            world.body_mat(slot),
            world.site_pos(slot),
            world.site_mat(slot),
            robot.link_id,
            robot.qpos,
            robot.dof,
            robot.gripper_qpos[:1],
            np.array([1.0 / robot.config.gripper.closed_qpos]),
            np.array([robot.tcp_site]),
            robot.actuators,
            robot.ctrl_low,
            2.0 / (robot.ctrl_high - robot.ctrl_low),
        )

    def write(self, out: Array) -> None:
        """Fill ``out`` (robot_size,) from the slot's current state."""
        self._observe(*self._arguments, out)


def observe_images(
    layout: ObservationLayout,
    world: World,
    slot: int,
    poses: Mapping[str, CameraPose],
    renderer: str,
) -> Observation:
    """Images of every observed camera, freshly rendered."""
    modes = ("rgb", "depth") if layout.mode == "rgbd" else ("rgb",)
    found: Observation = {}
    for camera in layout.cameras:
        images = world.render(slot, poses[camera], layout.image_size, modes, renderer)
        found[camera] = images["rgb"]
        if layout.mode == "rgbd":
            depth = np.minimum(images["depth"], np.float32(MAX_DEPTH))
            found[f"{camera}_depth"] = depth.reshape(-1)
    return found
