"""SPOC as an actor-critic policy of Stable-Baselines3, for PPO on token chunks.

What is special, and why:

* the log-probability of a chunk is the exact sum over its tokens (``log_prob="sum"``); for chunks
  of many tokens their mean keeps the ratio in reach of the clip range, but then the clip has to be
  about ten times as small, for the ratio is that of the whole to the power of 1 / tokens;
* the critic shares nothing with the actor, for its early errors must not move what was cloned; of
  pictures it starts with what the actor sees, in a memory of its own;
* few episodes say little, and what they do not say becomes noise in every free direction: training
  may be confined to some ``parts`` of the actor;
* the actor is always in evaluation mode: dropout would make the ratio differ from 1 before the
  first update;
* the actor's learning rate rises over its first updates: without moments Adam steps by the sign
  of the gradient, which in the first update after a warm-up of the critic moves the policy far;
* with a reference, the policy as it was loaded, the entropy slot holds minus the exact KL
  divergence from it, so that ``ent_coef`` is a penalty on leaving it, without a change to PPO. The
  reference is saved with the policy: without it the same ``ent_coef`` would pay for entropy.

A chunk in which the episode ends leaves tokens that were never played. They count in its
log-probability all the same: their gradient is zero in the mean, and there is one such chunk in an
episode.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.type_aliases import Schedule
from torch import Tensor, nn

from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.policies.spoc.config import SpocConfig
from molmospaces_gym.policies.spoc.memory import Memory
from molmospaces_gym.policies.spoc.model import SpocModel
from molmospaces_gym.policies.spoc.vec import TIME

LOG_PROBS = ("sum", "mean")


class RampedAdam(torch.optim.Adam):
    """Adam whose groups may have a ``scale`` on the learning rate and a ``ramp``.

    A group's rate rises linearly over its first ``ramp`` steps in which it had gradients. SB3 sets
    the same rate in every group, hence the factor.
    """

    def step(self, closure: Any = None) -> Any:
        """One step, with each group's own rate."""
        rates = [group["lr"] for group in self.param_groups]
        for group in self.param_groups:
            if any(p.grad is not None for p in group["params"]):
                group["taken"] = group.get("taken", 0) + 1
            ramp = group.get("ramp", 0)
            share = min(1.0, group.get("taken", 0) / ramp) if ramp else 1.0
            group["lr"] *= share * group.get("scale", 1.0)
        try:
            return super().step(closure)
        finally:
            for group, rate in zip(self.param_groups, rates, strict=True):
                group["lr"] = rate


class SpocActorCriticPolicy(ActorCriticPolicy):
    """Actor: ``SpocModel`` on ``MultiDiscrete`` tokens. Critic: a network of its own.

    Args:
        observation_space: Dict with the inputs of ``config`` (see ``vec.TokenVecEnv``).
        action_space: ``MultiDiscrete([bins] * executed)``.
        lr_schedule: SB3's.
        config: a ``SpocConfig`` or its fields.
        log_prob: ``sum`` or ``mean`` over the tokens of a chunk.
        temperature: logits are divided by it, in sampling and in learning.
        critic_keys: vectors of the observation that the critic reads; None: the policy's own, and
            the time left where the env tells it.
        critic_arch: widths of the critic's hidden layers.
        critic_scale: factor on the critic's learning rate.
        actor_ramp: gradient steps over which the actor's learning rate rises.
        parts: beginnings of the names of the actor's parameters that are trained; (): all.
        reference: whether leaving the policy that ``load_actor`` brought is penalised.
        kwargs: further ones of ``ActorCriticPolicy``.
    """

    def __init__(
        self,
        observation_space: spaces.Dict,
        action_space: spaces.MultiDiscrete,
        lr_schedule: Schedule,
        config: SpocConfig | Mapping[str, Any],
        log_prob: str = "sum",
        temperature: float = 1.0,
        critic_keys: tuple[str, ...] | None = None,
        critic_arch: tuple[int, ...] = (256, 256),
        critic_scale: float = 3.0,
        actor_ramp: int = 0,
        parts: tuple[str, ...] = (),
        reference: bool = False,
        **kwargs: Any,
    ) -> None:
        self.config = config if isinstance(config, SpocConfig) else SpocConfig(**config)
        if log_prob not in LOG_PROBS:
            raise InvalidConfig(f"log_prob must be {' or '.join(LOG_PROBS)}, not {log_prob!r}")
        if temperature <= 0.0:
            raise InvalidConfig(f"temperature must be positive, not {temperature}")
        self.log_prob, self.temperature = log_prob, temperature
        own = tuple(name for name, _ in self.config.vectors)
        if critic_keys is None:
            critic_keys = (*own, TIME) if TIME in observation_space.spaces else own
        self.critic_keys = tuple(critic_keys)
        self.critic_arch, self.critic_scale = tuple(critic_arch), critic_scale
        self.actor_ramp, self.parts = actor_ramp, tuple(parts)
        self._with_reference = reference
        kwargs.pop("features_extractor_class", None)
        super().__init__(
            observation_space,
            action_space,
            lr_schedule,
            features_extractor_class=_NoFeatures,
            **kwargs,
        )

    def _build(self, lr_schedule: Schedule) -> None:
        self.spoc = SpocModel(self.config).eval()
        self.trained = trained_parameters(self.spoc, self.parts)
        self.freeze_actor(False)
        self.reference: SpocModel | None = None
        if self._with_reference:
            self.reference = SpocModel(self.config).eval().requires_grad_(False)
        assert isinstance(self.observation_space, spaces.Dict)
        shapes = [self.observation_space[key].shape for key in self.critic_keys]
        size = sum(shape[0] for shape in shapes if shape)
        eyes = None
        if self.config.cameras:
            size += self.config.dim
            eyes = Memory(self.config)
        self.critic = Critic(size, self.critic_arch, eyes)
        groups = [
            {"params": self.trained, "ramp": self.actor_ramp},
            {"params": list(self.critic.parameters()), "scale": self.critic_scale},
        ]
        self.optimizer = RampedAdam(groups, lr=lr_schedule(1.0), eps=1e-5)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return {
            "observation_space": self.observation_space,
            "action_space": self.action_space,
            "lr_schedule": self._dummy_schedule,
            "config": asdict(self.config),
            "log_prob": self.log_prob,
            "temperature": self.temperature,
            "critic_keys": self.critic_keys,
            "critic_arch": self.critic_arch,
            "critic_scale": self.critic_scale,
            "actor_ramp": self.actor_ramp,
            "parts": self.parts,
            "reference": self._with_reference,
        }

    def load_actor(self, model: SpocModel) -> None:
        """Start from a cloned policy; raises ``InvalidConfig`` where it is another model."""
        if model.config != self.config:
            raise InvalidConfig("the model to start from has another configuration")
        self.spoc.load_state_dict(model.state_dict())
        if self.reference is not None:
            self.reference.load_state_dict(model.state_dict())
        if self.critic.eyes is not None:
            self.critic.eyes.load_state_dict(model.memory.state_dict())

    def freeze_actor(self, frozen: bool) -> None:
        """Train the critic alone, or the chosen parts of the actor too."""
        self.spoc.requires_grad_(False)
        for parameter in self.trained:
            parameter.requires_grad_(not frozen)

    def set_training_mode(self, mode: bool) -> None:
        """The actor stays in evaluation mode."""
        self.critic.train(mode)
        self.training = mode

    def log_probs(self, obs: Mapping[str, Tensor]) -> Tensor:
        """Log-probabilities (B, executed, bins) of every token."""
        return self._log_probs(self.spoc, obs)

    def forward(self, obs: Any, deterministic: bool = False) -> tuple[Tensor, Tensor, Tensor]:
        """Tokens (B, executed), values (B, 1) and log-probabilities (B,)."""
        table = self.log_probs(obs)
        actions = _choose(table, deterministic)
        return actions, self.predict_values(obs), self._of_chunk(table, actions)

    def evaluate_actions(self, obs: Any, actions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Values, log-probabilities, and entropy or minus the KL to the reference, each (B,)."""
        table = self.log_probs(obs)
        return self.predict_values(obs), self._of_chunk(table, actions), self._bonus(table, obs)

    def predict_values(self, obs: Any) -> Tensor:
        """The critic's values (B, 1)."""
        memory, known = self.spoc.memory, dict(self.config.vectors)
        parts = [
            memory.scaled(key, obs[key]) if key in known else obs[key].float().flatten(1)
            for key in self.critic_keys
        ]
        if self.critic.eyes is not None:
            parts.append(self.critic.eyes(self._inputs(obs)).mean(dim=1))
        return self.critic(torch.cat(parts, dim=1))  # type: ignore[no-any-return]

    def _predict(self, observation: Any, deterministic: bool = False) -> Tensor:
        return _choose(self.log_probs(observation), deterministic)

    def _log_probs(self, model: SpocModel, obs: Any) -> Tensor:
        logits = model(self._inputs(obs))[:, : self.config.executed, : self.config.bins]
        return (logits / self.temperature).log_softmax(-1)  # type: ignore[no-any-return]

    def _inputs(self, obs: Any) -> dict[str, Tensor]:
        inputs = dict(obs)
        for camera in self.config.cameras:
            inputs[camera] = obs[camera].movedim(-3, -1)
        return inputs

    def _of_chunk(self, table: Tensor, actions: Tensor) -> Tensor:
        chosen = table.gather(-1, actions.long().unsqueeze(-1)).squeeze(-1)
        return chosen.sum(-1) if self.log_prob == "sum" else chosen.mean(-1)

    def _bonus(self, table: Tensor, obs: Any) -> Tensor:
        if self.reference is None:
            return -(table.exp() * table).sum((-2, -1))
        with torch.no_grad():
            other = self._log_probs(self.reference, obs)
        return -_divergence(table, other)


class Critic(nn.Module):
    """Values (B, 1) from a vector (B, n), and where there are pictures ``eyes`` of its own."""

    def __init__(self, size: int, arch: tuple[int, ...], eyes: Memory | None = None) -> None:
        super().__init__()
        self.eyes = eyes
        layers: list[nn.Module] = []
        for width in arch:
            layers += [nn.Linear(size, width), nn.Tanh()]
            size = width
        self.layers = nn.Sequential(*layers, nn.Linear(size, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, 1)."""
        return self.layers(x)  # type: ignore[no-any-return]


class _NoFeatures(BaseFeaturesExtractor):
    """Stands where SB3 wants an extractor: the networks here read observations themselves."""

    def __init__(self, observation_space: spaces.Space[Any]) -> None:
        super().__init__(observation_space, features_dim=1)


def trained_parameters(model: SpocModel, parts: tuple[str, ...]) -> list[nn.Parameter]:
    """Parameters whose names begin with one of ``parts``; all where there are none.

    Raises:
        InvalidConfig: a part is the beginning of no name.
    """
    named = dict(model.named_parameters())
    for part in parts:
        if not any(name.startswith(part) for name in named):
            known = sorted({".".join(name.split(".")[:2]) for name in named})
            raise InvalidConfig(f"the actor has no part {part!r}; it has {', '.join(known)}")
    return [value for name, value in named.items() if name.startswith(parts or ("",))]


def _choose(table: Tensor, deterministic: bool) -> Tensor:
    if deterministic:
        return table.argmax(-1)
    # The largest of log p + Gumbel noise is a draw from p, for all tokens at once.
    noise = -torch.empty_like(table).exponential_().log()
    return (table + noise).argmax(-1)


def _divergence(table: Tensor, other: Tensor) -> Tensor:
    return (table.exp() * (table - other)).sum((-2, -1))
