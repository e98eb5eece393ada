"""Play a released MolmoBot-SPOC folder: pictures and joints in, chunks of joint targets out.

Read in the public MolmoBot-SPOC code (``eval/spoc_policy.py``, ``eval/config``). Of the published
evaluation its random picture augmentation, which stays on there in simulation, is left out.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import parse_qsl

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from molmospaces_gym.errors import InvalidConfig, NotReset, UnknownName
from molmospaces_gym.policies.remote.commands import Commander
from molmospaces_gym.policies.remote.convention import CameraInput
from molmospaces_gym.policies.remote.observer import joint_positions, observed
from molmospaces_gym.policies.remote.pictures import check_picture
from molmospaces_gym.policies.remote.presets import EXO, FRANKA_DT, SPOC, WRIST
from molmospaces_gym.policies.spoc.config import SpocConfig
from molmospaces_gym.policies.spoc.encoders import TEXT, VISION, TextEncoder, VisionEncoder
from molmospaces_gym.policies.spoc.memory import Inputs
from molmospaces_gym.policies.spoc.model import SpocModel
from molmospaces_gym.policies.spoc.released import load_released

CAMERAS: Mapping[str, tuple[str, ...]] = {EXO[1]: EXO, WRIST[1]: WRIST}
"""The model's cameras, and under which names an env may observe them."""
PROPRIO = "proprio"
"""Name of the joint positions among the model's vectors."""


@dataclass(frozen=True, kw_only=True)
class ReleasedSpoc:
    """What a released policy is made of.

    Attributes:
        folder: holds ``model.safetensors`` and ``preprocessor_config.json``.
        preset: the ``SpocConfig`` of the folder, or its name.
        vision, text: hub id or folder of the encoders.
    """

    folder: str
    preset: str | SpocConfig = "xxl_franka"
    vision: str = VISION
    text: str = TEXT

    @classmethod
    def parse(cls, spec: str) -> "ReleasedSpoc":
        """Read ``FOLDER?preset=NAME&vision=ID_OR_FOLDER&text=ID_OR_FOLDER``.

        Raises:
            InvalidConfig: an option has no value.
            UnknownName: there is no such option.
        """
        folder, _, query = spec.partition("?")
        try:
            given = dict(parse_qsl(query, strict_parsing=bool(query)))
        except ValueError as error:
            raise InvalidConfig(f"{spec!r} has malformed options: {error}") from error
        known = ("preset", "vision", "text")
        for option in given:
            if option not in known:
                raise UnknownName("option of spoc-released:", option, known)
        return cls(folder=folder, **given)


class ReleasedSpocPolicy:
    """A released SPOC model of the Franka: ``spoc-released:FOLDER?preset=...&vision=...&text=...``.

    Half of each chunk of 16 steps is played (8 x 66 ms) before the next decision. Needs a bound
    env, which knows the robot.

    Raises:
        InvalidConfig: the folder holds another model, or one whose inputs no env offers.
        PolicyUnavailable: an encoder is missing.
        UnknownName: there is no such preset or option.
    """

    env_kwargs: ClassVar[dict[str, Any]] = {
        **SPOC.env_kwargs,
        "control_dt": FRANKA_DT,
        "robot": "franka_droid",
    }
    needs_scene: ClassVar[bool] = True

    def __init__(self, target: str | ReleasedSpoc) -> None:
        parts = ReleasedSpoc.parse(target) if isinstance(target, str) else target
        config = parts.preset
        if isinstance(config, str):
            config = SpocConfig.preset(config)
        check_inputs(config)
        self.model = load_released(parts.folder, config)
        self.vision, self.text = VisionEncoder(parts.vision), TextEncoder(parts.text)
        _check_channels("vision", parts.vision, self.vision.channels, config.feature_dim)
        _check_channels("text", parts.text, self.text.channels, config.text_dim)
        self._env: Any = None
        self._instruction = ""
        self._noise = torch.Generator()
        self._chunk: deque[NDArray[np.float64]] = deque()

    def bind(self, env: Any) -> None:
        """Keep the env (unwrapped), which knows the robot and where its joints are."""
        self._env = env

    def reset(self, instruction: str, seed: int | None) -> None:
        """Forget the chunk and take the instruction."""
        self._instruction = instruction
        self._noise.manual_seed(0 if seed is None else seed)
        self._chunk.clear()

    def predict(
        self,
        obs: Any,
        state: Any = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[np.float32], Any]:
        """The next step of the chunk; decides anew where it was played.

        Raises:
            NotReset: no env was bound.
            HandshakeMismatch: a camera is not observed, or the action mode cannot follow joint
                targets.
        """
        if self._env is None:
            raise NotReset("ReleasedSpocPolicy knows no robot yet; call bind(env.unwrapped) first")
        if not self._chunk:
            chunk = self.model.act(self._inputs(obs), deterministic, self._noise)[0]
            self._chunk.extend(chunk[: self.model.config.execute])
        commander = Commander(SPOC, self._env.session, self._env.action_space.shape[0])
        return commander.action(self._chunk.popleft(), obs), state

    def _inputs(self, obs: Any) -> Inputs:
        cameras = self.model.config.cameras
        pictures = [picture(obs, camera) for camera in cameras]
        features = self.vision(pictures)
        return {
            "text": self.text(self._instruction),
            **{camera: features[i : i + 1] for i, camera in enumerate(cameras)},
            PROPRIO: clipped(self.model, self._proprio(obs)),
        }

    def _proprio(self, obs: Any) -> Tensor:
        """Arm and fingers (1, 9), rad."""
        joints = joint_positions(obs, self._env.robot)
        parts = [joints[name] for name, _ in SPOC.groups]
        return torch.from_numpy(np.concatenate(parts)).unsqueeze(0)


def picture(obs: Any, camera: str) -> NDArray[np.uint8]:
    """The picture (H, W, 3) of one of the model's cameras.

    Raises:
        HandshakeMismatch: the env observes none under its names.
        InvalidConfig: what it observes is no picture.
    """
    name = observed(CameraInput(camera, CAMERAS[camera]), obs)
    check_picture(name, obs[name])
    found: NDArray[np.uint8] = obs[name]
    return found


def clipped(model: SpocModel, proprio: Tensor) -> Tensor:
    """Joint positions (1, n) within the range that the model was trained on, as published."""
    middle = model.memory.get_buffer(f"{PROPRIO}_middle")
    scale = model.memory.get_buffer(f"{PROPRIO}_scale")
    return proprio.clamp(middle - scale, middle + scale)


def check_inputs(config: SpocConfig) -> None:
    """Raise ``InvalidConfig`` unless an env of the Franka offers all inputs of a model."""
    if config.points:
        raise InvalidConfig(
            "this SPOC model is told by image points what to do and keeps the first picture of its"
            " episode; the envs do not observe such points. Play xxl_franka, which reads the"
            " instruction, or serve the model by its own code: molmobot-spoc:ws://..."
        )
    if sorted(config.cameras) != sorted(CAMERAS):
        raise InvalidConfig(
            f"this SPOC model sees {', '.join(config.cameras)}; only those of the Franka can be"
            f" played here ({', '.join(CAMERAS)}). The head pictures of the RB-Y1 go through a"
            " fisheye warp of the public code: serve it there, molmobot-spoc:ws://...?robot=rby1"
        )


def _check_channels(kind: str, model: str, found: int, wanted: int) -> None:
    if found != wanted:
        raise InvalidConfig(f"{kind}={model} has {found} channels; this SPOC model needs {wanted}")
