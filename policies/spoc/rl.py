"""RL fine-tuning: PPO of Stable-Baselines3 on SPOC's token chunks.

Importing this module needs the extra ``[sb3]``.
"""

import csv
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback, CallbackList
from stable_baselines3.common.vec_env import VecEnv

from molmospaces_gym.errors import InvalidConfig, RunChanged
from molmospaces_gym.json_files import write_atomic
from molmospaces_gym.policies.spoc.actor_critic import SpocActorCriticPolicy
from molmospaces_gym.policies.spoc.model import SpocModel

CURVE = "curve.csv"
CLIPS = {"sum": 0.1, "mean": 0.01}
"""Clip range by ``log_prob``: the ratio of means is that of chunks to the power of 1 / tokens."""
TRIAL_SEED = 50_000
"""Of all trials: ``best`` is then the better policy and not the one with the easier episodes."""
COLUMNS = ("cpu_s", "env_steps", "decisions", "successes", "episodes")


@dataclass(frozen=True, kw_only=True)
class RlSettings:
    """What PPO is told; numbers of steps are decisions, except ``env_steps``.

    Attributes:
        env_steps: actions played in the env, all in all.
        n_steps, batch, epochs: decisions per env and update, per minibatch, passes over them.
        rate: learning rate of the actor; the critic's is ``critic_scale`` times that.
        gamma: discount per decision. gae: lambda of the advantage estimate.
        clip: PPO's clip range; None is what belongs to ``log_prob``, see ``CLIPS``.
        target_kl: an epoch ends early beyond 1.5 times this divergence of whole chunks (nat).
        warmup: decisions in which only the critic learns.
        ramp: gradient steps over which the actor's rate rises, against the spike of Adam's first.
        parts: see ``actor_critic``.
        kl: weight of the divergence from the policy that it started as; 0: none.
        entropy: weight of the entropy bonus, where ``kl`` is 0.
        log_prob, temperature, critic_keys, critic_arch, critic_scale: see the policy.
        deadline: whether running out of time is a failure; see ``vec.TokenVecEnv``.
        hold: whether episodes go on after success, so that each later step in success pays too and
            keeping what was reached is learned; a return of 1 is success at every step.
        every: env steps between two trials. trials: episodes of a trial.
        seed: of everything random.
    """

    env_steps: int = 300_000
    n_steps: int = 64
    batch: int = 256
    epochs: int = 3
    rate: float = 2e-4
    gamma: float = 0.98
    gae: float = 0.95
    clip: float | None = None
    target_kl: float = 0.1
    warmup: int = 4096
    ramp: int = 40
    parts: tuple[str, ...] = ()
    kl: float = 0.0
    entropy: float = 0.0
    log_prob: str = "sum"
    temperature: float = 1.0
    critic_keys: tuple[str, ...] | None = None
    critic_arch: tuple[int, ...] = (256, 256)
    critic_scale: float = 5.0
    deadline: bool = True
    hold: bool = False
    every: int = 25_000
    trials: int = 40
    seed: int = 0


def make_ppo(model: SpocModel, envs: VecEnv, settings: RlSettings) -> PPO:
    """PPO that starts as ``model``; ``envs`` come from ``make_token_envs``.

    Raises:
        InvalidConfig: both ``kl`` and ``entropy`` are asked for, or the model has no token head.
    """
    if model.config.head != "tokens":
        raise InvalidConfig(
            f"PPO tunes the head 'tokens', whose actions have probabilities, not"
            f" {model.config.head!r}; train residual can correct such a policy"
        )
    if settings.kl and settings.entropy:
        raise InvalidConfig("kl and entropy share one slot of PPO; set one of them to 0")
    # With the mean over T tokens SB3 reads a divergence that is T^2 times too small.
    scale = 1.0 if settings.log_prob == "sum" else 1.0 / model.config.executed**2
    ppo = PPO(
        SpocActorCriticPolicy,
        envs,
        learning_rate=settings.rate,
        n_steps=settings.n_steps,
        batch_size=settings.batch,
        n_epochs=settings.epochs,
        gamma=settings.gamma,
        gae_lambda=settings.gae,
        clip_range=clip_of(settings),
        ent_coef=settings.kl or settings.entropy,
        target_kl=settings.target_kl * scale,
        seed=settings.seed,
        device="cpu",
        policy_kwargs={
            "config": asdict(model.config),
            "log_prob": settings.log_prob,
            "temperature": settings.temperature,
            "critic_keys": settings.critic_keys,
            "critic_arch": settings.critic_arch,
            "critic_scale": settings.critic_scale,
            "actor_ramp": settings.ramp,
            "parts": settings.parts,
            "reference": bool(settings.kl),
        },
    )
    assert isinstance(ppo.policy, SpocActorCriticPolicy)
    ppo.policy.load_actor(model)
    return ppo


def clip_of(settings: RlSettings) -> float:
    """The clip range that is asked for, or belongs to how log-probabilities are counted."""
    if settings.clip is not None:
        return settings.clip
    return CLIPS.get(settings.log_prob, CLIPS["sum"])  # the policy refuses what is neither


def fine_tune(
    model: SpocModel, envs: VecEnv, trial_envs: VecEnv, settings: RlSettings, out: Path
) -> PPO:
    """Train, writing ``curve.csv``, TensorBoard files, ``settings.json`` and the policies.

    ``out/best`` is the policy of the best trial, ``out/last`` that of the end; ``out/ppo.zip``
    goes on with SB3.

    Raises:
        RunChanged: ``out`` holds a training already.
    """
    from stable_baselines3.common.logger import configure

    refuse_used(out)
    out.mkdir(parents=True, exist_ok=True)
    write_atomic(out / "settings.json", json.dumps(asdict(settings), indent=2) + "\n")
    ppo = make_ppo(model, envs, settings)
    ppo.set_logger(configure(str(out / "log"), ["csv", "tensorboard"]))
    trial = Trial(trial_envs, settings, out)
    decisions = 10 * settings.env_steps  # ``Trial`` ends it
    try:
        ppo.learn(decisions, callback=CallbackList([Warmup(settings.warmup), trial]))
    finally:
        ppo.logger.close()
    assert isinstance(ppo.policy, SpocActorCriticPolicy)
    ppo.policy.spoc.save_pretrained(out / "last")
    ppo.save(out / "ppo.zip")
    return ppo


def refuse_used(out: Path) -> None:
    """Raise ``RunChanged`` where a training began in ``out``: PPO cannot take it up again."""
    if (out / CURVE).is_file():
        raise RunChanged(f"{out} holds a training already; choose another folder, or remove it")


class Warmup(BaseCallback):
    """Only the critic learns for the first ``steps``: before, its advantages mean nothing."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self._steps = steps

    def _on_rollout_start(self) -> None:
        policy: Any = self.model.policy
        # What the coming rollout will be learned from counts, not what was before.
        policy.freeze_actor(self.num_timesteps < self._steps)

    def _on_step(self) -> bool:
        return True


class TrialSettings(Protocol):
    """What ``Trial`` is told; see ``RlSettings``."""

    @property
    def env_steps(self) -> int: ...
    @property
    def every(self) -> int: ...
    @property
    def trials(self) -> int: ...


class Trial(BaseCallback):
    """Counts env steps, tries the policy every so many, and ends the training."""

    def __init__(self, envs: VecEnv, settings: TrialSettings, out: Path) -> None:
        super().__init__()
        self._envs, self._settings, self._out = envs, settings, out
        self.env_steps, self._next, self._best = 0, 0, -1
        self._cpu_spent = 0.0
        """In trials, which are no part of the training."""

    def _on_training_start(self) -> None:
        self._started = time.process_time()
        with (self._out / CURVE).open("w", newline="") as file:
            csv.writer(file).writerow(COLUMNS)

    def _on_step(self) -> bool:
        self.env_steps += sum(int(info.get("chunk_steps", 1)) for info in self.locals["infos"])
        return self.env_steps < self._settings.env_steps

    def _on_rollout_start(self) -> None:
        if self.env_steps >= self._next:
            self._next += self._settings.every
            self._try()

    def _on_training_end(self) -> None:
        self._try()

    def _try(self) -> None:
        before, settings = time.process_time(), self._settings
        won = successes(self.model, self._envs, settings.trials, TRIAL_SEED)
        self.logger.record("trial/success", won / settings.trials)
        cpu = before - self._started - self._cpu_spent
        self._cpu_spent += time.process_time() - before
        row = [f"{cpu:.1f}", self.env_steps, self.num_timesteps, won, settings.trials]
        with (self._out / CURVE).open("a", newline="") as file:
            csv.writer(file).writerow(row)
        if won >= self._best:
            self._best = won
            self._keep(self._out / "best")

    def _keep(self, folder: Path) -> None:
        """Write the policy as it is."""
        assert isinstance(self.model.policy, SpocActorCriticPolicy)
        self.model.policy.spoc.save_pretrained(folder)


def successes(model: Any, envs: VecEnv, episodes: int, seed: int, sample: bool = False) -> int:
    """How many of ``episodes`` end in success, the same number in every env.

    Taking whichever ends first would favour success, which ends an episode.
    """
    if episodes % envs.num_envs:
        raise InvalidConfig(f"{episodes} episodes do not spread evenly over {envs.num_envs} envs")
    envs.seed(seed)
    observation = envs.reset()
    left, won = np.full(envs.num_envs, episodes // envs.num_envs), 0
    while left.any():
        actions, _ = model.predict(observation, deterministic=not sample)
        observation, _, dones, infos = envs.step(actions)
        counted = dones & (left > 0)
        won += sum(bool(infos[i]["is_success"]) for i in np.flatnonzero(counted))
        left -= counted
    return won
