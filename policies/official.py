"""Policies written for the official MolmoSpaces package, which is not needed for it.

Such a class has ``reset()``, ``get_action(observations) -> {move group: command}`` and perhaps
``get_action_chunk(observations) -> list of those | None``; observations are a list with one dict:
``task``, ``qpos`` and ``qvel`` {move group: values}, and (H, W, 3) uint8 pictures by camera.
"""

from collections import deque
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import parse_qsl

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidConfig, InvalidReply, NotReset, UnknownName
from molmospaces_gym.observations import articulated
from molmospaces_gym.policies.function import find_object
from molmospaces_gym.policies.remote.commands import Commander
from molmospaces_gym.policies.remote.convention import Convention
from molmospaces_gym.policies.remote.observer import joint_positions
from molmospaces_gym.policies.remote.replies import Step, parse_reply

OPTIONS = ("relative", "base_frame")
NOT_GROUPS = ("done",)
"""Keys of an official action that command no move group."""


class MolmoSpacesPolicy:
    """An official policy class: ``molmospaces:MODULE:CLASS``, ``molmospaces:MODULE:CLASS:CONFIG``.

    CLASS may be any function that returns a policy; CONFIG, an object or class of the same module,
    is passed to it. Actions are absolute joint targets (rad) and actuator commands of the gripper,
    as the official robot configurations have it; ``?relative=left_arm,right_arm`` names groups
    whose actions are added to the current joint positions. Groups that are left out hold still.
    """

    env_kwargs: ClassVar[dict[str, Any]] = {"action_mode": "joint_position", "obs_mode": "rgb"}
    needs_scene: ClassVar[bool] = True

    def __init__(self, target: Any) -> None:
        relative: frozenset[str] = frozenset()
        base_frame = None
        if isinstance(target, str):
            place, _, query = target.partition("?")
            options = dict(parse_qsl(query))
            for option in options:
                if option not in OPTIONS:
                    raise UnknownName("option of molmospaces:", option, OPTIONS)
            relative = frozenset(filter(None, options.get("relative", "").split(",")))
            base_frame = options.get("base_frame")
            target = make_official(place)
        for method in ("reset", "get_action"):
            if not callable(getattr(target, method, None)):
                raise InvalidConfig(
                    f"an official policy has reset and get_action; {type(target).__name__} lacks "
                    f"{method}"
                )
        self._policy = target
        self._convention = Convention(
            name="molmospaces",
            message="qpos",
            relative=relative,
            base_frame=base_frame,
            holds_rest=True,
        )
        self._env: Any = None
        self._instruction = ""
        self._chunk: deque[Step] = deque()

    def bind(self, env: Any) -> None:
        """Keep the env (unwrapped), which knows the robot and where its joints are."""
        self._env = env

    def reset(self, instruction: str, seed: int | None) -> None:
        """Reset the policy; official classes take no seed."""
        self._instruction = instruction
        self._chunk.clear()
        if getattr(self._policy, "task", None) is None or isinstance(self._policy.task, Told):
            self._policy.task = Told(instruction)
        self._policy.reset()

    def predict(
        self,
        obs: Any,
        state: Any = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[np.float32], Any]:
        """The next step of the policy's chunk, or its next action.

        Raises:
            NotReset: no env was bound.
            InvalidReply: the action has the wrong size or names what the robot has not.
        """
        if self._env is None:
            raise NotReset("MolmoSpacesPolicy knows no robot yet; call bind(env.unwrapped) first")
        if not self._chunk:
            self._chunk.extend(
                self._decide(official_observation(obs, self._env, self._instruction))
            )
        commander = Commander(self._convention, self._env.session, self._env.action_space.shape[0])
        return commander.action(self._chunk.popleft(), obs), state

    def _decide(self, observation: dict[str, Any]) -> list[Step]:
        chunk = None
        if callable(getattr(self._policy, "get_action_chunk", None)):
            chunk = self._policy.get_action_chunk([observation])
        if chunk is None:
            action = self._policy.get_action([observation])
            chunk = action[:1] if isinstance(action, list | tuple) else [action]
        return parse_reply({"actions": [_commands(action) for action in chunk]}, "chunk")


class Told:
    """What official policies ask their task for: the instruction."""

    def __init__(self, instruction: str) -> None:
        self._instruction = instruction

    def get_task_description(self) -> str:
        """The instruction of the episode."""
        return self._instruction


def official_observation(obs: Any, env: Any, instruction: str) -> dict[str, Any]:
    """The observation of an env as the official package gives it to a policy."""
    robot = env.robot
    return {
        **{name: obs[name] for name in env.layout.cameras},
        "task": instruction,
        "qpos": joint_positions(obs, robot),
        "qvel": {name: np.asarray(obs[f"{name}_qvel"]) for name in articulated(robot)},
    }


def make_official(place: str) -> Any:
    """The policy that ``MODULE:CLASS`` or ``MODULE:CLASS:CONFIG`` makes.

    Raises:
        InvalidConfig: there is no such object, or it wants other arguments.
        PolicyUnavailable: the module is not there.
    """
    module, _, rest = place.partition(":")
    name, _, config_name = rest.partition(":")
    make = find_object(f"{module}:{name}")
    arguments: tuple[Any, ...] = ()
    if config_name:
        config = find_object(f"{module}:{config_name}")
        arguments = (config() if isinstance(config, type) else config,)
    if not callable(make):
        raise InvalidConfig(f"{place!r} names no class or function but {type(make).__name__}")
    try:
        return make(*arguments)
    except TypeError as error:
        raise InvalidConfig(
            f"{place!r} cannot be called with {len(arguments)} argument(s): {error}. Name a "
            "function that makes the policy, or a CONFIG: molmospaces:MODULE:CLASS:CONFIG"
        ) from error


def _commands(action: Any) -> dict[str, Any]:
    if not isinstance(action, Mapping):
        raise InvalidReply(f"an official action is a dict, not {type(action).__name__}")
    return {k: v for k, v in action.items() if v is not None and k not in NOT_GROUPS}
