"""The SPOC network: memory, trunk and one of two heads."""

import io
from contextlib import redirect_stdout
from typing import Any

import numpy as np
import torch
from huggingface_hub import PyTorchModelHubMixin
from torch import Tensor, nn
from torch.nn import functional

from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.policies.spoc.config import SpocConfig
from molmospaces_gym.policies.spoc.memory import Inputs, Memory
from molmospaces_gym.policies.spoc.tokens import ActionTokens
from molmospaces_gym.policies.spoc.trunk import Trunk, sinusoids

NEVER = -1e9
"""Logit of what must not be chosen: finite, so that it has a gradient of zero and no NaN."""
FLOW_STEPS = 10
"""Euler steps from noise to a chunk (MolmoBot's sampler)."""


class SpocModel(
    nn.Module,
    PyTorchModelHubMixin,
    library_name="molmospaces-gym",
    tags=["robotics", "spoc"],
):
    """A chunk of actions from one observation.

    ``save_pretrained`` and ``from_pretrained`` keep everything in one folder: configuration,
    weights, bins and scales. Before training, ``set_tokens`` and ``memory.set_scales`` say what
    actions and vectors look like.
    """

    def __init__(self, config: SpocConfig) -> None:
        super().__init__()
        self.config = config
        self.memory = Memory(config)
        self.trunk = Trunk(
            config.queries, config.dim, config.layers, config.heads, config.hidden, config.dropout
        )
        if config.head == "tokens":
            self.actor = nn.Linear(config.dim, config.bins + 1)
        else:
            self.noisy = nn.Linear(1, config.dim)
            self.time = nn.Sequential(nn.Linear(config.dim, config.dim), nn.SiLU())
            self.velocity = nn.Linear(config.dim, 1)
        n = config.action_dim
        self.register_buffer("bin_edges", torch.linspace(-1, 1, config.bins + 1).repeat(n, 1))
        self.register_buffer("action_low", -torch.ones(n))
        self.register_buffer("action_high", torch.ones(n))

    @classmethod
    def _from_pretrained(cls, **kwargs: Any) -> "SpocModel":
        # The mixin prints that it reads a local folder, and would leave missing weights random.
        kwargs["strict"] = True
        try:
            with redirect_stdout(io.StringIO()):
                return super()._from_pretrained(**kwargs)  # type: ignore[no-any-return]
        except RuntimeError as error:
            raise InvalidConfig(
                f"the weights at {kwargs.get('model_id')} are not those of their config.json:"
                f" {error}"
            ) from error

    @property
    def tokens(self) -> ActionTokens:
        """The bins of an action."""
        names = "bin_edges", "action_low", "action_high"
        edges, low, high = (self.get_buffer(n).cpu().numpy().astype(np.float64) for n in names)
        return ActionTokens(edges, low, high, self.config.decode == "middle")

    def set_tokens(self, tokens: ActionTokens) -> None:
        """Choose the bins; raises ``InvalidConfig`` where their number is another."""
        wanted = (self.config.action_dim, self.config.bins + 1)
        if tokens.edges.shape != wanted:
            raise InvalidConfig(f"expected bin edges {wanted}, found {tokens.edges.shape}")
        for name, values in zip(
            ("bin_edges", "action_low", "action_high"),
            (tokens.edges, tokens.low, tokens.high),
            strict=True,
        ):
            self.get_buffer(name).copy_(torch.from_numpy(values))

    def forward(self, inputs: Inputs) -> Tensor:
        """Logits (B, queries, bins + 1); ghosts and padding have ``NEVER``."""
        self._need("tokens")
        logits: Tensor = self.actor(self.trunk(self.memory(inputs)))
        return logits.masked_fill(~self.valid(logits.device), NEVER)

    def valid(self, device: torch.device) -> Tensor:
        """(queries, bins + 1): the tokens that each query may answer."""
        width = self.get_buffer("bin_edges").diff(dim=1) > 0
        first = torch.ones_like(width)
        first[:, 1:] = self.get_buffer("bin_edges")[:, :-1].diff(dim=1) > 0
        one = functional.pad(width | first, (0, 1))
        return one.repeat(self.config.chunk, 1).to(device)

    def loss(
        self, inputs: Inputs, actions: Tensor, padding: Tensor, weights: Tensor | None = None
    ) -> Tensor:
        """Behaviour-cloning loss (scalar).

        Args:
            inputs: observations.
            actions: (B, chunk, action_dim) what the demonstrator did from there on.
            padding: (B, chunk) true behind the end of its episode; such steps count nothing.
            weights: (B,) how much each sample counts; None: all alike.
        """
        each = self._flow_loss if self.config.head == "flow" else self._token_loss
        known = (~padding).unsqueeze(-1).expand_as(actions).flatten(1).float()
        if weights is not None:
            known = known * weights.unsqueeze(1)
        return (each(inputs, actions) * known).sum() / known.sum().clamp_min(1e-8)

    @torch.no_grad()
    def act(
        self,
        inputs: Inputs,
        deterministic: bool = True,
        generator: torch.Generator | None = None,
        noise: Tensor | None = None,
    ) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Chunks (B, chunk, action_dim) of actions, the likeliest or drawn with ``generator``.

        The head ``flow`` always draws, since the chunk that the most likely noise leads to may lie
        between two ways of the demonstrator: it starts from ``noise`` (B, queries), or from that of
        ``generator``, or without either from the same noise each time.
        """
        config = self.config
        shape = (config.chunk, config.action_dim)
        if config.head == "flow":
            flat = self._flow(inputs, generator, noise)
        else:
            logits = self(inputs)
            chosen = logits.argmax(-1) if deterministic else drawn(logits, generator)
            return self.tokens.decode(chosen.view(-1, *shape).cpu().numpy())
        half = 0.5 * (self.get_buffer("action_high") - self.get_buffer("action_low"))
        actions = flat.view(-1, *shape).clamp(-1.0, 1.0)
        moved = (actions + 1.0) * half + self.get_buffer("action_low")
        chunks: np.ndarray[Any, np.dtype[np.float64]] = moved.cpu().numpy().astype(np.float64)
        return chunks

    def _token_loss(self, inputs: Inputs, actions: Tensor) -> Tensor:
        tokens = torch.from_numpy(self.tokens.encode(actions.cpu().numpy().astype(np.float64)))
        logits = self(inputs)
        wanted = tokens.flatten(1).to(logits.device)
        return functional.cross_entropy(logits.transpose(1, 2), wanted, reduction="none")

    def _flow_loss(self, inputs: Inputs, actions: Tensor) -> Tensor:
        low, high = self.get_buffer("action_low"), self.get_buffer("action_high")
        goal = 2.0 * (actions - low) / (high - low).clamp_min(1e-8) - 1.0
        goal = goal.clamp(-1.0, 1.0).flatten(1)
        noise, time = torch.randn_like(goal), torch.rand(len(goal), 1, device=goal.device)
        between = (1.0 - time) * noise + time * goal
        found = self._speed(self.memory(inputs), between, time)
        return (found - (goal - noise)).square()

    def _flow(
        self, inputs: Inputs, generator: torch.Generator | None, noise: Tensor | None
    ) -> Tensor:
        self._need("flow")
        memory = self.memory(inputs)
        shape = (len(memory), self.config.queries)
        if noise is None:
            noise = torch.randn(shape, generator=generator or torch.Generator().manual_seed(0))
        flat = noise.to(memory.device)
        for step in range(FLOW_STEPS):
            time = torch.full((len(memory), 1), step / FLOW_STEPS, device=memory.device)
            flat = flat + self._speed(memory, flat, time) / FLOW_STEPS
        return flat

    def _speed(self, memory: Tensor, flat: Tensor, time: Tensor) -> Tensor:
        """Velocity (B, queries) of a chunk on its way from noise; ``time`` (B, 1) in [0, 1]."""
        when = self.time(sinusoids(1000.0 * time, self.config.dim))
        answers = self.trunk(memory, self.noisy(flat.unsqueeze(-1)) + when)
        return self.velocity(answers).squeeze(-1)  # type: ignore[no-any-return]

    def _need(self, head: str) -> None:
        if self.config.head != head:
            raise InvalidConfig(f"this SPOC model has the head {self.config.head!r}, not {head!r}")


def drawn(logits: Tensor, generator: torch.Generator | None) -> Tensor:
    """Tokens (...) drawn from logits (..., bins + 1)."""
    shape = logits.shape[:-1]
    flat = logits.softmax(-1).flatten(0, -2).cpu()
    return torch.multinomial(flat, 1, generator=generator).view(shape)


def count_parameters(module: nn.Module) -> int:
    """Trainable numbers of a module."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
