"""From an observation of the env to the message that a policy server expects.

``env``     the observation as it is, ``prompt``, and for our own server ``seed`` (of the episode,
            where there is one) and ``deterministic``.
``qpos``    ``task``, ``qpos`` {move group: joint positions} and one picture per camera: the
            observation of MolmoSpaces' policies.
``openpi``  ``prompt``, ``observation/joint_position`` (7,), ``observation/gripper_position`` (1,)
            and pictures under ``observation/...``.
``frames``  the arguments of MolmoBot's ``get_action_chunk``: ``images``, all pictures of the first
            camera from old to new, then those of the second; ``task_description``; ``state``, arm
            and gripper in one vector. Pictures before the episode's start are left out.
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import HandshakeMismatch
from molmospaces_gym.observations import arms_in_order, articulated
from molmospaces_gym.policies.remote.convention import CameraInput, Convention
from molmospaces_gym.policies.remote.pictures import (
    Picture,
    check_picture,
    fill_and_crop,
    resize_with_pad,
)
from molmospaces_gym.robots.base import Arm, RobotConfig

Observation = Mapping[str, NDArray[Any]]
Pictures = dict[str, Picture]


class Observer:
    """Makes the messages of one episode after another for a robot."""

    def __init__(self, convention: Convention, robot: RobotConfig) -> None:
        self._convention, self._robot = convention, robot
        count, spacing = convention.frames
        self._past: deque[Pictures] = deque(maxlen=(count - 1) * spacing + 1)
        self._prompt = ""
        self._seed: int | None = None
        self._layouts: Mapping[str, Callable[[Observation], dict[str, Any]]] = {
            "env": self._env,
            "qpos": self._qpos,
            "openpi": self._openpi,
            "frames": self._frames,
        }

    def reset(self, instruction: str, seed: int | None) -> None:
        """Start an episode."""
        self._prompt = instruction.lower() if self._convention.lower_prompt else instruction
        self._seed = seed
        self._past.clear()

    def see(self, obs: Observation) -> None:
        """Keep the pictures of a control step, where messages hold older ones."""
        if self._convention.message == "frames":
            self._past.append(self._pictures(obs))

    def message(self, obs: Observation, deterministic: bool = True) -> dict[str, Any]:
        """The message for the observation that was seen last.

        Raises:
            HandshakeMismatch: a camera of the convention is not observed.
            InvalidConfig: what should be a picture is none.
        """
        made = self._layouts[self._convention.message](obs)
        if self._convention.message == "env":
            made["deterministic"] = deterministic
            if self._seed is not None:
                made["seed"] = self._seed
        return {**made, self._convention.prompt_key: self._prompt}

    def _env(self, obs: Observation) -> dict[str, Any]:
        names = self._convention.obs_map
        return {names.get(key, key): self._prepared(key, value) for key, value in obs.items()}

    def _prepared(self, key: str, value: NDArray[Any]) -> NDArray[Any]:
        return self._shaped(key, value) if value.dtype == np.uint8 and value.ndim == 3 else value

    def _qpos(self, obs: Observation) -> dict[str, Any]:
        positions = joint_positions(obs, self._robot, self._convention.gripper_state)
        return {**self._pictures(obs), "qpos": positions}

    def _openpi(self, obs: Observation) -> dict[str, Any]:
        arm = self._robot.arms[0]
        return {
            **self._pictures(obs),
            "observation/joint_position": arm_position(obs, arm),
            "observation/gripper_position": gripper_state(obs, arm, self._convention.gripper_state),
        }

    def _frames(self, obs: Observation) -> dict[str, Any]:
        arm, (count, spacing) = self._robot.arms[0], self._convention.frames
        ages = [age * spacing for age in reversed(range(count))]
        seen = [self._past[-1 - age] for age in ages if age < len(self._past)]
        grip = gripper_state(obs, arm, self._convention.gripper_state)
        keys = [camera.key for camera in self._convention.cameras]
        return {
            "images": [pictures[key] for key in keys for pictures in seen],
            "state": np.concatenate([arm_position(obs, arm), grip]),
        }

    def _pictures(self, obs: Observation) -> Pictures:
        return {
            camera.key: self._shaped(name := observed(camera, obs), obs[name])
            for camera in self._convention.cameras
        }

    def _shaped(self, name: str, picture: NDArray[Any]) -> Picture:
        convention = self._convention
        check_picture(name, picture)
        if convention.crop is not None:
            picture = fill_and_crop(picture, convention.crop)
        return picture if convention.pad is None else resize_with_pad(picture, convention.pad)


def observed(camera: CameraInput, available: "Mapping[str, Any] | tuple[str, ...]") -> str:
    """The camera to send; raises ``HandshakeMismatch`` where none is observed."""
    for name in camera.names:
        if name in available:
            return name
    raise HandshakeMismatch(
        f"the server wants a picture {camera.key!r} of camera {' or '.join(camera.names)}, which "
        f"the env does not observe; it has {', '.join(available)}. Pass obs_mode=rgb and cameras, "
        f"or say obs_map=YOUR_CAMERA:{camera.key}"
    )


def joint_positions(
    obs: Observation, robot: RobotConfig, gripper: str = "joints"
) -> dict[str, NDArray[np.float32]]:
    """Joint positions (rad, m) by move group, all float32, grippers in a ``GRIPPER_STATES`` unit.

    A mobile base is x, y (m) and heading (rad) since the episode's start.
    """
    found = {name: np.asarray(obs[f"{name}_qpos"], np.float32) for name in articulated(robot)}
    for arm in arms_in_order(robot):
        found[arm.gripper.group] = gripper_state(obs, arm, gripper)
    if robot.base is not None:
        x, y, cos, sin = (float(value) for value in obs["base_pose"])
        found[robot.base.group] = np.array([x, y, np.arctan2(sin, cos)], np.float32)
    return {name: found[name] for name in robot.groups}


def arm_position(obs: Observation, arm: Arm) -> NDArray[np.float32]:
    """Joint positions of an arm, rad."""
    return np.asarray(obs[f"{arm.group}_qpos"], np.float32)


def gripper_state(obs: Observation, arm: Arm, unit: str) -> NDArray[np.float32]:
    """How far a gripper is closed, in a unit of ``GRIPPER_STATES``."""
    gripper = arm.gripper
    closure = np.asarray(obs[gripper.group], np.float32)
    if unit == "closure":
        return closure
    driver = gripper.open_qpos + closure * (gripper.closed_qpos - gripper.open_qpos)
    if unit == "driver":
        return driver.astype(np.float32)
    joints: NDArray[np.float64] = driver * np.asarray(gripper.coupling)
    return joints.astype(np.float32)
