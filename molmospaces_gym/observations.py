"""Observations: one flat buffer for numbers, one array per image, spaces known without a scene.

Robot keys, all float32: ``arm_qpos`` (rad), ``arm_qvel`` (rad/s), ``gripper`` (0 open .. 1
closed), ``tcp_pose`` (x, y, z, qw, qx, qy, qz of the tool in the robot's base frame, m), ``target``
(last command, each actuator's range mapped to [-1, 1]). A robot with more parts has such keys for
each: ``torso_qpos``, ``left_arm_qpos``, ``right_arm_qvel``, ``head_qpos``, ``left_gripper``,
``right_tcp_pose`` and so on, all groups in the order of the config; ``target`` holds the commands
of all but the base. A mobile base adds ``base_pose`` (x, y in m and cosine and sine of the heading,
all in the frame it had at the episode's start), ``base_velocity`` (forward and left in m/s, turn in
rad/s) and ``base_target`` (what its command is ahead of it, forward and left in m, turn in rad).

``obs_mode="state"`` adds the task's privileged keys; ``"rgb"`` adds ``<camera>`` (H, W, 3) uint8;
``"rgbd"`` also ``<camera>_depth`` (H * W,) float32, row-major metres along the optical axis, 0
where nothing is hit, at most 10. Depth is flat because Stable-Baselines3 accepts only vectors and
uint8 images. ``image_points=True`` adds ``<camera>_points`` (4,), with ``"rgbd"`` (12,), float32,
see ``image_points``.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from molmospaces_gym import image_points as points
from molmospaces_gym.backends.base import World
from molmospaces_gym.cameras import CameraPose
from molmospaces_gym.occlusion import Block, cover
from molmospaces_gym.pose_error import displacement
from molmospaces_gym.robots.base import Arm, MoveGroup, RobotConfig
from molmospaces_gym.scenes.model import SceneModel
from molmospaces_gym.tasks.base import PrivilegedKey, Task

Array = NDArray[np.float64]
Observation = dict[str, NDArray[Any]]

BASE_SIZE = 10
"""Numbers that a mobile base adds: pose 4, velocity 3, target 3."""
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
        covered: Mapping[str, Block] = MappingProxyType({}),
        pose_error: tuple[float, float, float] = (0.0, 0.0, 0.0),
        image_points: bool = False,
    ) -> None:
        self.mode, self.image_size, self.covered = mode, image_size, covered
        self.cameras = cameras if mode != "state" else ()
        self.robot_keys = robot_keys(robot)
        privileged = task.privileged_keys if mode == "state" else {}
        self.pointed = self.cameras if image_points else ()
        self.robot_size = sum(key.size for key in self.robot_keys.values())
        place = PrivilegedKey(6 * points.POINTS, -MAX_DEPTH, MAX_DEPTH)
        point = place if mode == "rgbd" else PrivilegedKey(2 * points.POINTS, 0.0, 1.0)
        clicked = {f"{camera}{points.SUFFIX}": point for camera in self.pointed}
        keys = {**self.robot_keys, **privileged, **clicked}
        self.slices = _slices(keys)
        self.tool = slice(tool := self.slices[tool_key(robot.arms[0])].start, tool + 3)
        """Where the position of the first arm's tool is."""
        self.size = sum(key.size for key in keys.values())
        self.low = np.concatenate([np.full(k.size, k.low) for k in keys.values()])
        self.high = np.concatenate([np.full(k.size, k.high) for k in keys.values()])
        self._displacement = displacement(privileged, self.slices, self.size, pose_error)
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
        """Name the parts of a row (size,) or of rows (n, size), displaced by the pose error."""
        if self._displacement is not None:
            row = np.clip(row + self._displacement, self.low, self.high, dtype=np.float32)
        if row.ndim == 1:
            return {name: row[part] for name, part in self.slices.items()}
        return {name: row[:, part] for name, part in self.slices.items()}


def robot_keys(robot: RobotConfig) -> dict[str, PrivilegedKey]:
    """The robot's numeric observation keys in buffer order."""
    keys: dict[str, PrivilegedKey] = {}
    if robot.base is not None:
        keys["base_pose"] = PrivilegedKey(4, -100.0, 100.0)
        keys["base_velocity"] = PrivilegedKey(3, -10.0, 10.0)
        keys["base_target"] = PrivilegedKey(3, -10.0, 10.0)
    parts, arms = articulated(robot), arms_in_order(robot)
    for name in parts:
        keys[f"{name}_qpos"] = PrivilegedKey(len(robot.groups[name].joints), -7.0, 7.0)
    for name in parts:
        keys[f"{name}_qvel"] = PrivilegedKey(len(robot.groups[name].joints), -50.0, 50.0)
    for arm in arms:
        keys[arm.gripper.group] = PrivilegedKey(1, 0.0, 1.0)
    for arm in arms:
        keys[tool_key(arm)] = PrivilegedKey(7, -10.0, 10.0)
    commands = sum(len(group.actuators) for group in _commanded(robot).values())
    return keys | {"target": PrivilegedKey(commands, -1.0, 1.0)}


def tool_key(arm: Arm) -> str:
    """The key of the pose of an arm's tool."""
    return f"{arm.group.removesuffix('arm')}tcp_pose"


def articulated(robot: RobotConfig) -> tuple[str, ...]:
    """Move groups whose joints are observed one by one: all but grippers and base, in order."""
    grippers = {arm.gripper.group for arm in robot.arms}
    return tuple(name for name in _commanded(robot) if name not in grippers)


def arms_in_order(robot: RobotConfig) -> tuple[Arm, ...]:
    """The arms in the order of their move groups."""
    order = list(robot.groups)
    return tuple(sorted(robot.arms, key=lambda arm: order.index(arm.group)))


def _commanded(robot: RobotConfig) -> dict[str, MoveGroup]:
    """The move groups without the base."""
    base = None if robot.base is None else robot.base.group
    return {name: group for name, group in robot.groups.items() if name != base}


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
        from molmospaces_gym.kernels import observe_base, observe_robot

        robot = scene.robot
        config = robot.config
        groups = [robot.groups[name] for name in articulated(config)]
        order = [config.arms.index(arm) for arm in arms_in_order(config)]
        arms = [robot.arms[number] for number in order]
        grips = [arm.config.gripper for arm in arms]
        actuators = np.concatenate([robot.groups[name].actuators for name in _commanded(config)])
        low, high = scene.model.actuator_ctrlrange[actuators].T
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
            np.concatenate([group.qpos for group in groups]),
            np.concatenate([group.dof for group in groups]),
            np.array([arm.gripper_qpos[0] for arm in arms]),
            np.array([grip.open_qpos for grip in grips]),
            np.array([1.0 / (grip.closed_qpos - grip.open_qpos) for grip in grips]),
            np.array([arm.tcp_site for arm in arms]),
            actuators,
            np.ascontiguousarray(low),
            2.0 / (high - low),
        )
        base = robot.base
        if base is not None:
            qpos, qvel, ctrl = self._arguments[:3]
            self._observe_base = observe_base
            addresses = (base.qpos, base.dof, base.actuators, qpos[base.qpos].copy())
            self._base_arguments = (qpos, qvel, ctrl, *addresses)
        self._base_size = 0 if base is None else BASE_SIZE

    def write(self, out: Array) -> None:
        """Fill ``out`` (robot_size,) from the slot's current state."""
        if self._base_size:
            self._observe_base(*self._base_arguments, out)
            out = out[self._base_size :]
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
        block = layout.covered.get(camera)
        if block is not None:
            for picture in images.values():
                cover(picture, block)
        found[camera] = images["rgb"]
        if layout.mode == "rgbd":
            depth = np.minimum(images["depth"], np.float32(MAX_DEPTH))
            found[f"{camera}_depth"] = depth.reshape(-1)
    return found
