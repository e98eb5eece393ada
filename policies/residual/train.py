"""Train a correction with PPO: one call from a base policy to a folder that plays.

Importing this module needs the extra ``[sb3]``.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import CallbackList
from stable_baselines3.common.vec_env import VecEnv

import molmospaces_gym  # noqa: F401 - registers the ids
from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.integrations.sb3 import make_sb3_vec_env
from molmospaces_gym.json_files import write_atomic
from molmospaces_gym.policies.base import PLAYED, load_policy, policy_env_kwargs
from molmospaces_gym.policies.residual.config import ResidualConfig, ResidualSettings
from molmospaces_gym.policies.residual.network import ResidualActorCritic
from molmospaces_gym.policies.residual.vec import ResidualVecEnv
from molmospaces_gym.policies.spoc.rl import TRIAL_SEED, Trial, Warmup, refuse_used
from molmospaces_gym.registration import env_id

BEST, LAST = "best", "last"
TRAIN = {"split": "train", "houses": 100}
TRIAL = {"split": "val", "houses": 100}
TRIAL_ENVS = 8


@dataclass(frozen=True, kw_only=True)
class ResidualTask:
    """What is trained: a base in the envs of a task.

    Attributes:
        base: spec of the frozen policy.
        task: name of the task, such as ``Pick``.
        reward: ``sparse`` or ``dense``.
        horizon: steps of a training episode.
        keys: vectors of the observation that the correction looks at; None: all there are.
        env: further arguments of ``gym.make``; they win over those that the base asks for.
    """

    base: str
    task: str
    reward: str = "sparse"
    horizon: int = 80
    keys: tuple[str, ...] | None = None
    env: Mapping[str, Any] = field(default_factory=dict)

    @property
    def env_kwargs(self) -> dict[str, Any]:
        """Env arguments of training episodes, without houses and reward."""
        wishes = policy_env_kwargs(load_policy(self.base), env_id(self.task))
        return {**wishes, "horizon": self.horizon, **self.env}

    def configure(
        self,
        scale: float,
        observe_base: bool,
        arch: tuple[int, ...],
        elements: tuple[int, ...] | None = None,
    ) -> ResidualConfig:
        """The config of the correction; raises ``InvalidConfig`` for a key that is not there."""
        kwargs = self.env_kwargs
        env = gym.make(env_id(self.task), disable_env_checker=True, **kwargs)
        space, actions = env.observation_space, env.action_space
        env.close()
        assert isinstance(space, spaces.Dict)
        assert actions.shape is not None
        sizes = {k: b.shape[0] for k, b in space.spaces.items() if b.shape and len(b.shape) == 1}
        chosen = tuple(sizes) if self.keys is None else self.keys
        wrong = [key for key in chosen if key not in sizes]
        if wrong or not chosen:
            raise InvalidConfig(
                f"no vectors {', '.join(wrong)} in this env; it has {', '.join(sizes)}"
            )
        return ResidualConfig(
            base=lasting(self.base),
            action_dim=int(actions.shape[0]),
            keys=tuple((key, sizes[key]) for key in chosen),
            scale=scale,
            elements=elements,
            observe_base=observe_base,
            arch=arch,
            env_kwargs={key: kwargs[key] for key in PLAYED if key in kwargs},
        )

    def envs(
        self,
        config: ResidualConfig,
        settings: ResidualSettings,
        count: int,
        seed: int,
        houses: Mapping[str, Any],
        penalty: float = 0.0,
    ) -> ResidualVecEnv:
        """Envs in some houses, with the base in them."""
        kwargs = {"reward_mode": self.reward, **houses, **self.env_kwargs}
        made = make_sb3_vec_env(env_id(self.task), count, seed=seed, **kwargs)
        return ResidualVecEnv(made, config, penalty, settings.deadline, settings.seed)


def lasting(spec: str) -> str:
    """The spec with the whole path of a file or folder that it names, good from anywhere."""
    name, colon, argument = spec.partition(":")
    path, question, options = argument.partition("?")
    if path and Path(path).exists():
        path = str(Path(path).resolve())
    return f"{name}{colon}{path}{question}{options}"


def train_residual(
    task: ResidualTask,
    out: Path,
    settings: ResidualSettings,
    *,
    scale: float = 0.2,
    observe_base: bool = True,
    arch: tuple[int, ...] = (128, 128),
    elements: tuple[int, ...] | None = None,
    n_envs: int = 16,
) -> Path:
    """Train a correction; the folder of the policy of the end, ``out/last``.

    ``out/best`` is that of the best trial, ``out/curve.csv`` how it got there, ``out/ppo.zip`` goes
    on with SB3.

    Raises:
        RunChanged: ``out`` holds a training already.
    """
    refuse_used(out)
    torch.set_num_threads(1)  # one process of a small network is fastest so
    config = task.configure(scale, observe_base, arch, elements)
    out.mkdir(parents=True, exist_ok=True)
    about = {"task": asdict(task), "settings": asdict(settings), "n_envs": n_envs}
    write_atomic(out / "settings.json", json.dumps(about, indent=2) + "\n")
    seed = 1_000 + 100 * settings.seed
    envs = task.envs(config, settings, n_envs, seed, TRAIN, settings.penalty)
    sparse = replace(task, reward="sparse")
    trials = sparse.envs(config, settings, TRIAL_ENVS, TRIAL_SEED, TRIAL)
    try:
        fit(config, envs, trials, settings, out)
    finally:
        envs.close()
        trials.close()
    return out / LAST


def make_ppo(config: ResidualConfig, envs: VecEnv, settings: ResidualSettings) -> PPO:
    """PPO on corrections, none of them made yet."""
    return PPO(
        ResidualActorCritic,
        envs,
        learning_rate=settings.rate,
        n_steps=settings.n_steps,
        batch_size=settings.batch,
        n_epochs=settings.epochs,
        gamma=settings.gamma,
        gae_lambda=settings.gae,
        clip_range=settings.clip,
        ent_coef=settings.entropy,
        target_kl=settings.target_kl,
        use_sde=settings.hold > 0,
        sde_sample_freq=settings.hold or -1,
        seed=settings.seed,
        device="cpu",
        policy_kwargs={
            "config": asdict(config),
            "std": settings.std,
            "critic_arch": settings.critic_arch,
            "critic_scale": settings.critic_scale,
        },
    )


def fit(
    config: ResidualConfig, envs: VecEnv, trials: VecEnv, settings: ResidualSettings, out: Path
) -> PPO:
    """Calibrate, train, try, save."""
    from stable_baselines3.common.logger import configure

    ppo = make_ppo(config, envs, settings)
    spent = calibrate(policy_of(ppo), envs, settings.calibrate)
    ppo.set_logger(configure(str(out / "log"), ["csv", "tensorboard"]))
    trial = ResidualTrial(trials, settings, out)
    trial.env_steps = spent
    try:
        callbacks = CallbackList([Warmup(settings.warmup), trial])
        ppo.learn(settings.env_steps, callback=callbacks)  # ``trial`` ends it, what is spent counts
    finally:
        ppo.logger.close()
    keep(policy_of(ppo), out / LAST)
    ppo.save(out / "ppo.zip")
    return ppo


def policy_of(ppo: Any) -> ResidualActorCritic:
    """The policy of a PPO from ``make_ppo``."""
    assert isinstance(ppo.policy, ResidualActorCritic)
    return ppo.policy


def keep(policy: ResidualActorCritic, folder: Path) -> None:
    """Write what ``residual:FOLDER`` plays."""
    policy.config.save(folder)
    policy.correction.save(folder)


def calibrate(policy: ResidualActorCritic, envs: VecEnv, steps: int) -> int:
    """Let the base play alone and take the scales of what is observed; the steps played."""
    rows: list[Any] = []
    observation: Any = envs.reset()
    nothing = np.zeros((envs.num_envs, len(policy.config.corrected)), np.float32)
    for _ in range(steps):
        rows.append(observation)
        observation, *_ = envs.step(nothing)
    if rows:
        policy.set_scale(torch.from_numpy(np.concatenate(rows)))
    return steps * envs.num_envs


class ResidualTrial(Trial):
    """Keeps the correction of the best trial."""

    def _keep(self, folder: Path) -> None:
        keep(policy_of(self.model), folder)
