"""One policy behind one connection of a policy server: messages in, replies out."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from molmospaces_gym import __version__
from molmospaces_gym.errors import InvalidConfig, InvalidMessage
from molmospaces_gym.observations import articulated
from molmospaces_gym.policies.base import PolicyLike
from molmospaces_gym.policies.remote.client import ENV_KWARGS
from molmospaces_gym.policies.remote.commands import FAITHFUL_MODE, commanded
from molmospaces_gym.robots.base import RobotConfig

PROMPT_KEYS = ("prompt", "task")
"""Where the instruction is: in messages of openpi, of MolmoSpaces."""
SERVED_REPLIES = ("actions", "chunk", "step")

Group = NDArray[np.float64]


class ServedPolicy:
    """Answers the messages of one connection with a policy that nobody else uses meanwhile.

    The first message begins the episode. A message is an observation of the env, key by key, or one
    of MolmoSpaces' policies (``task``, ``qpos``, pictures); the latter lacks velocities, tool pose
    and all privileged keys.
    """

    def __init__(self, policy: PolicyLike, env: Any, reply: str) -> None:
        self._policy, self._space = policy, env.observation_space
        self._robot: RobotConfig = env.robot
        self._ranges = None if reply == "actions" else CommandRanges(env)
        self._reply, self._begun = reply, False
        self._state: Any = None

    def answer(self, message: Any) -> dict[str, Any]:
        """The reply to a decoded message.

        Raises:
            InvalidMessage: it is no observation of the env.
        """
        if not isinstance(message, Mapping):
            raise InvalidMessage(f"a message must be a map, not {type(message).__name__}")
        obs = observation(message, self._space, self._robot)
        start = np.array([not self._begun])
        if not self._begun:
            self._policy.reset(_prompt(message), _seed(message))
            self._begun = True
        deterministic = bool(message.get("deterministic", True))
        action, self._state = self._policy.predict(obs, self._state, start, deterministic)
        if self._ranges is None:
            return {"actions": action[None]}
        groups = self._ranges.groups(action)
        return {"actions": [groups]} if self._reply == "chunk" else dict(groups)


class CommandRanges:
    """Turns actions in ``joint_position`` mode into what move groups are commanded.

    Joints become radians, grippers the actuator's own command, as in MolmoSpaces.

    Raises:
        InvalidConfig: the env acts in another mode, or its robot has a mobile base, whose commands
            depend on where it is.
    """

    def __init__(self, env: Any) -> None:
        robot: RobotConfig = env.robot
        mode = env.config.action_mode
        if mode != FAITHFUL_MODE or robot.base is not None:
            raise InvalidConfig(
                f"joint targets by move group need action_mode={FAITHFUL_MODE!r} and a robot "
                f"without base, not {mode!r} and {robot.name!r}; serve with reply 'actions', or "
                f"with --env action_mode={FAITHFUL_MODE} where the policy can do it"
            )
        self._sizes = commanded(robot)
        low, high = command_limits(robot)
        self._middle, self._half = 0.5 * (high + low), 0.5 * (high - low)

    def groups(self, action: NDArray[np.float32]) -> dict[str, Group]:
        """Move group -> command (n,) for an action (n_actuators,) in [-1, 1]."""
        values = np.minimum(np.maximum(action.astype(np.float64), -1.0), 1.0)
        command = self._middle + self._half * values
        found, start = {}, 0
        for name, size in self._sizes.items():
            found[name] = command[start : start + size]
            start += size
        return found


def command_limits(robot: RobotConfig) -> tuple[Group, Group]:
    """What -1 and 1 mean for each actuator (n_actuators,): the limits in the robot's own MJCF.

    Of a gripper they are its open and its closed command.
    """
    import mujoco

    model = mujoco.MjModel.from_xml_path(str(robot.mjcf))
    grippers = {arm.gripper.group: arm.gripper for arm in robot.arms}
    limits = []
    for name, group in robot.groups.items():
        if name in grippers:
            limits.append((grippers[name].open_ctrl, grippers[name].closed_ctrl))
        else:
            limits += [tuple(model.actuator(joint).ctrlrange) for joint in group.actuators]
    low, high = np.asarray(limits, np.float64).T
    return low, high


def observation(
    message: Mapping[str, Any], space: spaces.Dict, robot: RobotConfig
) -> dict[str, NDArray[Any]]:
    """The env's observation in a message, checked against the observation space.

    Raises:
        InvalidMessage: nothing of it is there, or a part has another shape or type.
    """
    own = {**message, **from_qpos(message["qpos"], robot)} if "qpos" in message else message
    found = {key: _checked(key, own[key], box) for key, box in space.spaces.items() if key in own}
    if not found:
        raise InvalidMessage(
            f"a message must hold the env's observation ({', '.join(space.spaces)}) or qpos and "
            f"pictures, but it has {', '.join(map(str, message)) or 'nothing'}"
        )
    return found


def from_qpos(qpos: Any, robot: RobotConfig) -> dict[str, NDArray[np.float32]]:
    """Observed joints and grippers out of MolmoSpaces' ``qpos`` {move group: joint positions}."""
    if not isinstance(qpos, Mapping):
        raise InvalidMessage(f"qpos must be a map of move groups, not {type(qpos).__name__}")
    found = {}
    for name in articulated(robot):
        if name in qpos:
            found[f"{name}_qpos"] = np.asarray(qpos[name], np.float32)
    for arm in robot.arms:
        gripper = arm.gripper
        if gripper.group in qpos:
            driver = np.asarray(qpos[gripper.group], np.float64).reshape(-1)[:1]
            closure = (driver - gripper.open_qpos) / (gripper.closed_qpos - gripper.open_qpos)
            found[gripper.group] = np.clip(closure, 0.0, 1.0).astype(np.float32)
    return found


def served_metadata(
    env: Any, name: str, reply: str, dialect: str | None, env_kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """What a server says of itself before anything else; see ``handshake``."""
    own = reply == "actions"
    config = env.config
    seconds = config.control_dt or env.task.control_dt or env.robot.control_dt
    return {
        "server": f"molmospaces-gym {__version__}",
        "policy": name,
        "control_dt": float(seconds),
        "action_type": "env" if own else "joint_position",
        "action_mode": config.action_mode,
        "gripper_unit": "env" if own else "command",
        "cameras": list(env.layout.cameras),
        "robot": env.robot.name,
        "reply": reply,
        "env_kwargs": {key: env_kwargs[key] for key in ENV_KWARGS if key in env_kwargs},
        **({} if dialect is None else {"dialect": dialect}),
    }


def _checked(key: str, value: Any, box: spaces.Space[Any]) -> NDArray[Any]:
    array = np.asarray(value)
    if array.shape != box.shape or array.dtype.kind not in "buif":
        raise InvalidMessage(
            f"{key!r} must be {box.shape} numbers, not {array.shape} of {array.dtype}"
        )
    if box.dtype == np.uint8 and array.dtype != np.uint8:
        raise InvalidMessage(f"{key!r} must be of uint8, not {array.dtype}")
    return array.astype(box.dtype, copy=False)


def _prompt(message: Mapping[str, Any]) -> str:
    for key in PROMPT_KEYS:
        if isinstance(message.get(key), str):
            return str(message[key])
    raise InvalidMessage(f"a message must hold the instruction under {' or '.join(PROMPT_KEYS)}")


def _seed(message: Mapping[str, Any]) -> int | None:
    seed = message.get("seed")
    return seed if isinstance(seed, int) and not isinstance(seed, bool) else None
