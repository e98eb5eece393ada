"""The correction and its critic, as an actor-critic policy of Stable-Baselines3.

What is special, and why:

* the last layer of the correction starts at zero, so that its mean is exactly nothing and training
  starts from what the base does;
* the noise starts small, since every step of a whole episode is disturbed;
* actor and critic share nothing: the critic's early errors must not move the correction;
* with ``use_sde`` the noise is a function of what is seen, the same for many steps: fresh noise of
  every step averages out and says nothing about a lasting correction;
* inputs are put to scale by what the base's own episodes looked like: metres, radians and the
  numbers of an action differ by orders of magnitude.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.distributions import (
    DiagGaussianDistribution,
    StateDependentNoiseDistribution,
)
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.type_aliases import Schedule
from torch import Tensor, nn

from molmospaces_gym.errors import PolicyUnavailable
from molmospaces_gym.policies.residual.config import ResidualConfig
from molmospaces_gym.policies.spoc.actor_critic import RampedAdam

WEIGHTS = "residual.safetensors"
LEAST_SCALE = 1e-3
"""Smallest scale of an input; below it lies noise, not variation."""
FARTHEST = 10.0
"""Inputs beyond this many deviations are cut off."""


class Scaled(nn.Module):
    """A multilayer perceptron whose inputs (B, n) are put to scale first."""

    def __init__(self, size: int, arch: tuple[int, ...], out: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("scale", torch.ones(size))
        layers: list[nn.Module] = []
        for width in arch:
            layers += [nn.Linear(size, width), nn.Tanh()]
            size = width
        self.layers = nn.Sequential(*layers, nn.Linear(size, out))

    def set_scale(self, rows: Tensor) -> None:
        """Take mean and deviation from rows (m, n) of inputs."""
        size = len(self.get_buffer("mean"))
        self.get_buffer("mean").copy_(rows[:, :size].mean(0))
        deviation = rows[:, :size].std(0, correction=0)
        # What never changed says nothing about its scale: leave it as it is.
        deviation = torch.where(deviation < LEAST_SCALE, torch.ones(size), deviation)
        self.get_buffer("scale").copy_(deviation)

    def hidden(self, x: Tensor) -> Tensor:
        """(B, width of the last hidden layer)."""
        scaled = (x - self.get_buffer("mean")) / self.get_buffer("scale")
        return self.layers[:-1](scaled.clamp(-FARTHEST, FARTHEST))  # type: ignore[no-any-return]

    def forward(self, x: Tensor) -> Tensor:
        """(B, out)."""
        return self.layers[-1](self.hidden(x))  # type: ignore[no-any-return]


class Correction(Scaled):
    """Mean correction (B, k) in shares of ``scale``; exactly 0 before any training."""

    def __init__(self, config: ResidualConfig) -> None:
        super().__init__(config.seen, config.arch, len(config.corrected))
        last = self.layers[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def save(self, folder: Path) -> None:
        """Write the weights."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        save_file(self.state_dict(), folder / WEIGHTS)

    @classmethod
    def load(cls, folder: Path, config: ResidualConfig) -> "Correction":
        """What ``save`` wrote; raises ``PolicyUnavailable``."""
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        found = cls(config)
        try:
            found.load_state_dict(load_file(folder / WEIGHTS))
        except (OSError, SafetensorError, RuntimeError) as error:
            raise PolicyUnavailable(f"{folder} holds no weights of a residual: {error}") from error
        return found.eval()


class ResidualActorCritic(ActorCriticPolicy):
    """Gaussian around ``Correction``; the critic sees more, see ``vec.ResidualVecEnv``.

    Args:
        observation_space: Box (n,): what the correction sees, then what only the critic does.
        action_space: Box (k,) in -1..1, one number per corrected element.
        lr_schedule: SB3's.
        config: a ``ResidualConfig`` or its fields.
        std: standard deviation at the start.
        critic_arch: widths of the critic's hidden layers.
        critic_scale: factor on the critic's learning rate.
        kwargs: further ones of ``ActorCriticPolicy``.
    """

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        lr_schedule: Schedule,
        config: ResidualConfig | Mapping[str, Any],
        std: float = 0.2,
        critic_arch: tuple[int, ...] = (256, 256),
        critic_scale: float = 3.0,
        **kwargs: Any,
    ) -> None:
        self.config = config if isinstance(config, ResidualConfig) else ResidualConfig(**config)
        self.std, self.critic_arch = std, tuple(critic_arch)
        self.critic_scale = critic_scale
        super().__init__(observation_space, action_space, lr_schedule, **kwargs)

    def _build(self, lr_schedule: Schedule) -> None:
        assert self.observation_space.shape is not None
        size = self.observation_space.shape[0]
        self.correction = Correction(self.config)
        self.log_std = nn.Parameter(self._first_log_std())
        self.critic = Scaled(size, self.critic_arch, 1)
        groups: list[dict[str, Any]] = [
            {"params": [*self.correction.parameters(), self.log_std]},
            {"params": list(self.critic.parameters()), "scale": self.critic_scale},
        ]
        self.optimizer = RampedAdam(groups, lr=lr_schedule(1.0), eps=1e-5)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return {
            "observation_space": self.observation_space,
            "action_space": self.action_space,
            "lr_schedule": self._dummy_schedule,
            "config": asdict(self.config),
            "std": self.std,
            "critic_arch": self.critic_arch,
            "critic_scale": self.critic_scale,
            "use_sde": self.use_sde,
        }

    def _first_log_std(self) -> Tensor:
        """Logarithms of the noise: per element, or per hidden unit and element (``use_sde``)."""
        n, widths = len(self.config.corrected), self.config.arch
        if not isinstance(self.action_dist, StateDependentNoiseDistribution):
            return torch.full((n,), math.log(self.std))
        # Hidden units of a fresh network vary by about a half; their squares add up.
        log_std = torch.full((widths[-1], n), math.log(2.0 * self.std / math.sqrt(widths[-1])))
        self.action_dist.sample_weights(log_std)
        return log_std

    def set_scale(self, rows: Tensor) -> None:
        """Take the scales of all inputs from rows (m, n) of observations."""
        self.correction.set_scale(rows)
        self.critic.set_scale(rows)

    def freeze_actor(self, frozen: bool) -> None:
        """Whether only the critic learns."""
        self.correction.requires_grad_(not frozen)
        self.log_std.requires_grad_(not frozen)

    def forward(self, obs: Tensor, deterministic: bool = False) -> tuple[Tensor, Tensor, Tensor]:
        """Corrections (B, k), values (B, 1) and log-probabilities (B,)."""
        noisy = self._noisy(obs)
        actions = noisy.mode() if deterministic else noisy.sample()
        return actions, self.predict_values(obs), noisy.log_prob(actions)

    def evaluate_actions(self, obs: Any, actions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Values, log-probabilities and entropies, each (B,) or (B, 1)."""
        noisy = self._noisy(obs)
        entropy = noisy.entropy()
        assert entropy is not None
        return self.predict_values(obs), noisy.log_prob(actions), entropy

    def predict_values(self, obs: Any) -> Tensor:
        """The critic's values (B, 1)."""
        values: Tensor = self.critic(obs.float())
        return values

    def _predict(self, observation: Any, deterministic: bool = False) -> Tensor:
        noisy = self._noisy(observation)
        return noisy.mode() if deterministic else noisy.sample()

    def _noisy(self, obs: Tensor) -> DiagGaussianDistribution | StateDependentNoiseDistribution:
        hidden = self.correction.hidden(obs[:, : self.config.seen].float())
        mean = self.correction.layers[-1](hidden)
        if isinstance(self.action_dist, StateDependentNoiseDistribution):
            return self.action_dist.proba_distribution(mean, self.log_std, hidden)
        assert isinstance(self.action_dist, DiagGaussianDistribution)
        return self.action_dist.proba_distribution(mean, self.log_std)
