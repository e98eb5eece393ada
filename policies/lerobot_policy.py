"""Policies of LeRobot, by its interface: ``select_action``, ``predict_action_chunk``, ``reset``.

A batch of one: ``observation.state`` (1, n) float32, ``observation.environment_state`` (1, n) the
privileged keys, ``observation.images.<camera>`` (1, 3, H, W) float32 in 0..1, ``task`` [text]. The
state is what the env observes of the robot, keys in their order (``observations.robot_keys``), as
in datasets exported from here; actions are those of the env.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import (
    InvalidConfig,
    InvalidReply,
    MissingPackage,
    NotReset,
    PolicyUnavailable,
    UnknownName,
)
from molmospaces_gym.json_files import read_json
from molmospaces_gym.observations import robot_keys

STATE, ENVIRONMENT = "observation.state", "observation.environment_state"
IMAGES = "observation.images."
ENV_FILE = "env.json"
"""Beside the weights, where present: the env arguments that the policy was trained with."""
OPTIONS = ("state", "execute_horizon", "device")

Batch = dict[str, Any]


class LeRobotAdapter:
    """An object with LeRobot's policy interface as a policy.

    Args:
        policy: has ``reset`` and ``select_action(batch)``, and for ``execute_horizon`` also
            ``predict_action_chunk(batch)``. Its ``config.input_features``, where present, say which
            observations it takes and in which shapes.
        preprocess, postprocess: LeRobot's processor pipelines: batch -> batch, action -> action.
        state: observed keys that make up the state; None: all of the robot.
        execute_horizon: steps of a chunk to play; None: ``select_action`` decides.
        env_kwargs: further arguments of the env.
    """

    needs_scene: ClassVar[bool] = False

    def __init__(
        self,
        policy: Any,
        preprocess: Callable[[Batch], Batch] | None = None,
        postprocess: Callable[[Any], Any] | None = None,
        *,
        state: Sequence[str] | None = None,
        execute_horizon: int | None = None,
        env_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        asked = "select_action" if execute_horizon is None else "predict_action_chunk"
        for method in ("reset", asked):
            if not callable(getattr(policy, method, None)):
                raise InvalidConfig(f"{type(policy).__name__} has no {method}, as LeRobot's have")
        self._policy, self._preprocess, self._postprocess = policy, preprocess, postprocess
        self._state, self._execute = state, execute_horizon
        self._features = _shapes(policy)
        self.env_kwargs = {**picture_kwargs(self._features), **(env_kwargs or {})}
        self._chunk: deque[NDArray[np.float32]] = deque()
        self._instruction = ""
        self._noise = np.random.default_rng(0)
        self._env: Any = None

    def bind(self, env: Any) -> None:
        """Keep the env (unwrapped), which knows the robot's keys."""
        self._env = env

    def reset(self, instruction: str, seed: int | None) -> None:
        """Reset the policy and restart the noise that it draws from."""
        self._instruction = instruction
        self._noise = np.random.default_rng(seed)
        self._chunk.clear()
        self._policy.reset()

    def predict(
        self,
        obs: Any,
        state: Any = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[np.float32], Any]:
        """The policy's action for ``obs``.

        Raises:
            NotReset: no env was bound.
            InvalidConfig: the env does not observe what the policy takes, or in another shape.
            InvalidReply: the action has another size than those of the env.
        """
        if self._env is None:
            raise NotReset("LeRobotPolicy knows no robot yet; call bind(env.unwrapped) first")
        if not self._chunk:
            self._chunk.extend(self._decide(self.batch(obs)))
        return self._chunk.popleft(), state

    def batch(self, obs: Mapping[str, NDArray[Any]]) -> Batch:
        """What the policy's preprocessor is given for an observation."""
        import torch

        own = robot_keys(self._env.robot)
        keys = list(self._state or [key for key in own if key in obs])
        cameras = tuple(self._env.layout.cameras)
        vectors = {
            STATE: keys,
            ENVIRONMENT: [k for k in obs if k not in own and obs[k].dtype == np.float32],
        }
        made: Batch = {"task": [self._instruction]}
        for name, parts in vectors.items():
            if parts and self._wants(name):
                made[name] = torch.from_numpy(np.concatenate([obs[k] for k in parts])[None])
        for camera in cameras:
            if self._wants(IMAGES + camera):
                picture = torch.from_numpy(np.ascontiguousarray(obs[camera]))
                made[IMAGES + camera] = picture.permute(2, 0, 1)[None].float() / 255.0
        self._check(made)
        return made

    def _wants(self, name: str) -> bool:
        return not self._features or name in self._features

    def _check(self, made: Batch) -> None:
        for name, shape in self._features.items():
            if name not in made:
                known = ", ".join(key for key in made if key != "task")
                raise InvalidConfig(
                    f"the policy takes {name!r}, which the env does not observe; it has {known}"
                )
            came = tuple(made[name].shape[1:])
            if came != shape:
                raise InvalidConfig(
                    f"the policy takes {name!r} of shape {shape}, the env gives {came}; choose the "
                    "keys with state=KEY,KEY or the size with image_size=[WIDTH,HEIGHT]"
                )

    def _decide(self, batch: Batch) -> list[NDArray[np.float32]]:
        import torch

        policy = self._policy
        # LeRobot's policies draw from torch's global generator; forking it keeps that untouched.
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(int(self._noise.integers(2**31)))
            ready = batch if self._preprocess is None else self._preprocess(batch)
            if self._execute is None:
                action = policy.select_action(ready)
            else:
                action = policy.predict_action_chunk(ready)[:, : self._execute]
            if self._postprocess is not None:
                action = self._postprocess(action)
        size = self._env.action_space.shape[0]
        values = np.asarray(action.detach().cpu() if hasattr(action, "detach") else action)
        if values.shape[-1:] != (size,) or values.shape[:1] != (1,):
            raise InvalidReply(
                f"an action must have shape (1, {size}) or (1, steps, {size}), not {values.shape}"
            )
        return list(values.reshape(-1, size).astype(np.float32))


class LeRobotPolicy(LeRobotAdapter):
    """A policy saved by LeRobot: ``lerobot:FOLDER`` or ``lerobot:FOLDER?execute_horizon=8``.

    Options: ``state`` (observed keys, comma-separated), ``execute_horizon``, ``device``.
    """

    def __init__(self, path: str) -> None:
        folder, _, query = path.partition("?")
        options = dict(parse_qsl(query))
        for option in options:
            if option not in OPTIONS:
                raise UnknownName("option of lerobot:", option, OPTIONS)
        file = Path(folder) / ENV_FILE
        keys = options.get("state")
        super().__init__(
            *load_lerobot(folder, options.get("device", "cpu")),
            state=None if keys is None else keys.split(","),
            execute_horizon=_horizon(options.get("execute_horizon")),
            env_kwargs=read_json(file, InvalidConfig) if file.is_file() else None,
        )


def load_lerobot(folder: str, device: str) -> tuple[Any, Any, Any]:
    """Policy, preprocessor and postprocessor that LeRobot saved in a local folder.

    Raises:
        PolicyUnavailable: there is no such folder.
        MissingPackage: lerobot is not installed.
    """
    if not (Path(folder) / "config.json").is_file():
        raise PolicyUnavailable(f"no LeRobot policy (config.json, model.safetensors) at {folder!r}")
    try:
        from lerobot.configs.policies import PreTrainedConfig
        from lerobot.policies.factory import get_policy_class, make_pre_post_processors
    except ModuleNotFoundError as error:
        raise MissingPackage(
            f"{folder} is a LeRobot policy; install lerobot (Python 3.12 or newer): pip install "
            f"lerobot (missing here: {error.name})"
        ) from error
    config = PreTrainedConfig.from_pretrained(folder)
    config.device = device
    policy = get_policy_class(config.type).from_pretrained(folder, config=config)
    before, after = make_pre_post_processors(
        config,
        pretrained_path=folder,
        preprocessor_overrides={"device_processor": {"device": device}},
    )
    return policy, before, after


def picture_kwargs(features: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """Env arguments for the pictures among a policy's input features (3, H, W).

    Raises:
        InvalidConfig: they differ in size, which those of one env do not.
    """
    pictures = {k.removeprefix(IMAGES): v for k, v in features.items() if k.startswith(IMAGES)}
    if not pictures:
        return {}
    sizes = {(shape[2], shape[1]) for shape in pictures.values()}
    if len(sizes) > 1:
        raise InvalidConfig(f"the policy takes pictures of several sizes: {sorted(sizes)}")
    return {"obs_mode": "rgb", "cameras": list(pictures), "image_size": list(sizes.pop())}


def _shapes(policy: Any) -> dict[str, tuple[int, ...]]:
    features = getattr(getattr(policy, "config", None), "input_features", None) or {}
    return {str(name): tuple(feature.shape) for name, feature in features.items()}


def _horizon(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isdigit() or int(text) < 1:
        raise InvalidConfig(f"execute_horizon must be at least 1, not {text!r}")
    return int(text)
