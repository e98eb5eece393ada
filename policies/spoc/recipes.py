"""From a task to a trained policy, one call each: cloning an expert, and PPO from there.

Importing this module needs the extras ``[spoc]`` and ``[sb3]``.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray

import molmospaces_gym  # noqa: F401 - registers the ids
from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.json_files import read_json, write_atomic
from molmospaces_gym.policies.base import PLAYED, load_policy
from molmospaces_gym.policies.spoc.bc import BEST, LAST, BcSettings, BehaviourCloning, prepare
from molmospaces_gym.policies.spoc.config import SpocConfig
from molmospaces_gym.policies.spoc.demos import Demos, collect
from molmospaces_gym.policies.spoc.model import SpocModel, drawn
from molmospaces_gym.policies.spoc.policy import ENV_FILE, find
from molmospaces_gym.policies.spoc.rl import (
    TRIAL_SEED,
    RlSettings,
    fine_tune,
    refuse_used,
    successes,
)
from molmospaces_gym.policies.spoc.vec import TIME, make_token_envs
from molmospaces_gym.registration import env_id

DEMOS = "demos.npz"
TRAIN = {"split": "train", "houses": 100}
TRIAL = {"split": "val", "houses": 100}
TRIAL_ENVS = 8
UNSEEN = ("qvel", "_depth", "velocity")
"""Ends of the names of vectors that a policy does not look at by itself: speeds, depth."""


@dataclass(frozen=True, kw_only=True)
class Setup:
    """The env that a policy is trained for.

    Attributes:
        task: name of the task, such as ``Pick``.
        obs: ``state`` (poses of what the task is about), or ``rgb`` or ``rgbd`` (what a robot
            sees; of depths a policy is given those of the image points alone).
        action_mode: of the env; deltas suit small policies best.
        horizon: steps of a training episode.
        image_size: height and width of the pictures, where there are any.
        image_points: whether it also sees where in the first pictures the task's things are.
        env: further arguments of ``gym.make``.
    """

    task: str
    obs: str = "state"
    action_mode: str = "ee_delta"
    horizon: int = 80
    image_size: int = 64
    image_points: bool = False
    env: Mapping[str, Any] = field(default_factory=dict)

    @property
    def policy_kwargs(self) -> dict[str, Any]:
        """Env arguments that the policy needs wherever it plays."""
        kwargs: dict[str, Any] = {"obs_mode": self.obs, "action_mode": self.action_mode}
        if self.obs != "state":
            kwargs["image_size"] = [self.image_size, self.image_size]
        if self.image_points:
            kwargs["image_points"] = True
        return {**kwargs, **{key: self.env[key] for key in PLAYED if key in self.env}}

    @property
    def train_kwargs(self) -> dict[str, Any]:
        """Env arguments of training episodes."""
        return {**self.policy_kwargs, "horizon": self.horizon, **self.env}

    @classmethod
    def load(cls, folder: Path) -> "Setup":
        """What a policy in ``folder`` was trained for; raises ``InvalidConfig``."""
        data = read_json(folder / "setup.json", InvalidConfig)
        return cls(**data)

    def save(self, folder: Path) -> None:
        """Write ``setup.json`` and the env arguments that the policy asks for."""
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / "setup.json", json.dumps(dict(self.__dict__), indent=2) + "\n")
        write_atomic(folder / ENV_FILE, json.dumps(self.policy_kwargs, indent=2) + "\n")


def configure(setup: Setup, preset: str, **changes: Any) -> SpocConfig:
    """The preset, seeing all that the env of ``setup`` offers and acting in its action space."""
    env = gym.make(env_id(setup.task), disable_env_checker=True, **setup.policy_kwargs)
    space, actions = env.observation_space, env.action_space
    env.close()
    assert isinstance(space, spaces.Dict)
    assert isinstance(actions, spaces.Box)
    vectors = tuple(
        (key, int(box.shape[0]))
        for key, box in space.spaces.items()
        if isinstance(box, spaces.Box) and len(box.shape) == 1 and not key.endswith(UNSEEN)
    )
    cameras = tuple(k for k, b in space.spaces.items() if b.shape is not None and len(b.shape) == 3)
    given: dict[str, Any] = {
        "vectors": vectors,
        "cameras": cameras,
        "image_size": setup.image_size,
        "action_dim": int(actions.shape[0]),
    }
    return SpocConfig.preset(preset, **{**given, **changes})


def demonstrations(
    setup: Setup,
    config: SpocConfig,
    episodes: int,
    seed: int,
    noise: float = 0.0,
    progress: Callable[[int, int], None] | None = None,
) -> Demos:
    """Episodes of the expert in train houses."""
    kwargs = {**TRAIN, **setup.train_kwargs}
    env = gym.make(env_id(setup.task), disable_env_checker=True, **kwargs)
    try:
        expert = load_policy("expert")
        return collect(env, config, expert, episodes, 100_000 * seed, noise, progress=progress)
    finally:
        env.close()


def train_bc(
    setup: Setup,
    demos: Demos,
    config: SpocConfig,
    out: Path,
    settings: BcSettings,
    weights: NDArray[np.float64] | None = None,
    trials: int = 40,
) -> Path:
    """Clone ``demos``; the folder of the policy that did best in ``trials`` val episodes.

    Raises:
        InvalidConfig: ``trials`` is no multiple of ``TRIAL_ENVS``; nothing was trained.
    """
    if trials % TRIAL_ENVS:  # the first trial comes after hours; say so before
        raise InvalidConfig(
            f"trials are played in {TRIAL_ENVS} envs, the same number in each: {trials} is no"
            f" multiple of {TRIAL_ENVS}"
        )
    torch.set_num_threads(1)  # one process of a small network is fastest so
    model = prepare(config, demos, settings.seed)
    envs = token_envs(setup, model, TRIAL_ENVS, TRIAL_SEED, TRIAL) if trials else None

    def trial(tried: SpocModel) -> float:
        assert envs is not None
        return successes(Deciding(tried), envs, trials, TRIAL_SEED) / trials

    cloning = BehaviourCloning(
        model, demos, out, settings, weights, trial if envs is not None else None
    )
    try:
        cloning.run()
    finally:
        if envs is not None:
            envs.close()
    for name in (BEST, LAST):
        setup.save(out / name)
    return out / BEST


def train_rl(
    start: Path,
    out: Path,
    settings: RlSettings,
    reward: str = "sparse",
    n_envs: int = 16,
    from_scratch: bool = False,
    env: Mapping[str, Any] | None = None,
    topreward: Mapping[str, Any] | None = None,
) -> Path:
    """Fine-tune the policy in folder ``start`` with PPO; the folder of the tuned policy.

    ``reward`` is a mode of the env, or ``topreward``: sparse, and what a reward model adds to it,
    with ``topreward`` as arguments of ``VectorTOPReward``; trials do without.
    ``env`` are env arguments that differ from those it was cloned with: a shift to adapt to.
    ``from_scratch`` keeps its bins and scales and draws its weights anew: what PPO does alone.

    Whether episodes end at success follows from ``settings.hold``, unless ``env`` says; how it was
    in cloning does not matter.

    Raises:
        RunChanged: ``out`` holds a training already.
    """
    refuse_used(out)
    torch.set_num_threads(1)
    start = find(str(start))
    setup = Setup.load(start)
    ends = {"terminate_on_success": not settings.hold}
    setup = replace(setup, env={**setup.env, **ends, **(env or {})})
    model = SpocModel.from_pretrained(start).eval()
    if from_scratch:
        model = redrawn(model, settings.seed)
    seed = 1_000 + 100 * settings.seed
    wrap = None
    # Where success pays in every step, a return of 1 is success from the first step on.
    scale = 1.0 if setup.env["terminate_on_success"] else 1.0 / setup.horizon
    if reward == "topreward":
        reward, wrap = "sparse", shaping(settings, topreward or {})
    rewarded = replace(setup, env={**setup.env, "reward_mode": reward})
    keys = tuple(key for key in settings.critic_keys or () if key != TIME)
    deadline = settings.deadline
    envs = token_envs(rewarded, model, n_envs, seed, TRAIN, keys, deadline, scale=scale, wrap=wrap)
    trial_envs = token_envs(setup, model, TRIAL_ENVS, TRIAL_SEED, TRIAL, keys, deadline)
    try:
        fine_tune(model, envs, trial_envs, settings, out)
    finally:
        envs.close()
        trial_envs.close()
    for name in (BEST, LAST):
        setup.save(out / name)
    return out / LAST


def token_envs(
    setup: Setup,
    model: SpocModel,
    count: int,
    seed: int,
    houses: Mapping[str, Any],
    extra: tuple[str, ...] = (),
    deadline: bool = False,
    **more: Any,
) -> Any:
    """Envs of ``setup`` in some houses, in the tokens of ``model``; see ``make_token_envs``."""
    kwargs = {**houses, **setup.train_kwargs, **more}
    config, name = model.config, env_id(setup.task)
    tokens = model.tokens if config.head == "tokens" else None
    return make_token_envs(name, config, tokens, count, seed, extra, deadline, **kwargs)


def shaping(settings: RlSettings, given: Mapping[str, Any]) -> Callable[[Any], Any]:
    """What wraps the envs in a potential that changes no optimal policy under these settings."""
    from molmospaces_gym.rewards.vector_wrapper import VectorTOPReward

    ends = "done" if settings.deadline else "terminated"
    arguments = {"gamma": settings.gamma, "zero_at": ends, **given}
    return lambda envs: VectorTOPReward(envs, **arguments)


def redrawn(model: SpocModel, seed: int) -> SpocModel:
    """The same bins and scales, and weights as before any training."""
    torch.manual_seed(seed)
    fresh = SpocModel(model.config).eval()
    for name, buffer in fresh.named_buffers():
        buffer.copy_(model.get_buffer(name))
    return fresh


class Deciding:
    """A model as ``successes`` asks it: observations of a ``TokenVecEnv`` to its actions."""

    def __init__(self, model: SpocModel) -> None:
        self._model = model.eval()
        self._noise = torch.Generator().manual_seed(0)

    @torch.no_grad()
    def predict(self, obs: Mapping[str, Any], deterministic: bool = True) -> tuple[Any, None]:
        """Tokens (n, executed), or the actions themselves of a model with the head ``flow``."""
        config = self._model.config
        inputs = {key: torch.from_numpy(value) for key, value in obs.items()}
        for camera in config.cameras:
            inputs[camera] = inputs[camera].movedim(-3, -1)
        if config.head == "flow":
            chunks = self._model.act(inputs, generator=self._noise)
            return chunks[:, : config.execute].reshape(len(chunks), -1), None
        logits = self._model(inputs)[:, : config.executed]
        if not deterministic:
            return drawn(logits, None).numpy(), None
        return logits.argmax(-1).numpy(), None
