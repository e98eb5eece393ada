"""The trunk: action queries attend to each other and to a memory, without any order in time.

Llama-style blocks: RMS norms before each part, no biases, gated feed-forward. All queries are
answered in one pass, so tokens are independent given the observation and the log-probability of
an action is the sum of theirs.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

NORM_EPS = 1e-5


class Attention(nn.Module):
    """Multi-head attention of ``x`` (B, n, dim) to ``memory`` (B, m, dim)."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(dim, dim, bias=False)
        self.key = nn.Linear(dim, dim, bias=False)
        self.value = nn.Linear(dim, dim, bias=False)
        self.out = nn.Linear(dim, dim, bias=False)

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        """(B, n, dim)."""
        mixed = functional.scaled_dot_product_attention(
            self._split(self.query(x)),
            self._split(self.key(memory)),
            self._split(self.value(memory)),
        )
        return self.out(mixed.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]

    def _split(self, x: Tensor) -> Tensor:
        batch, count, _ = x.shape
        return x.view(batch, count, self.heads, -1).transpose(1, 2)


class FeedForward(nn.Module):
    """Gated feed-forward (SwiGLU)."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.gate = nn.Linear(dim, hidden, bias=False)
        self.up = nn.Linear(dim, hidden, bias=False)
        self.down = nn.Linear(hidden, dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(..., dim)."""
        return self.down(functional.silu(self.gate(x)) * self.up(x))  # type: ignore[no-any-return]


class Block(nn.Module):
    """Attention among the queries, attention to the memory, feed-forward."""

    def __init__(self, dim: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.self_norm = nn.RMSNorm(dim, eps=NORM_EPS)
        self.self_attention = Attention(dim, heads)
        self.cross_norm = nn.RMSNorm(dim, eps=NORM_EPS)
        self.memory_norm = nn.RMSNorm(dim, eps=NORM_EPS)
        self.cross_attention = Attention(dim, heads)
        self.ffn_norm = nn.RMSNorm(dim, eps=NORM_EPS)
        self.ffn = FeedForward(dim, hidden)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        """(B, n, dim)."""
        normed = self.self_norm(x)
        x = x + self.dropout(self.self_attention(normed, normed))
        x = x + self.dropout(self.cross_attention(self.cross_norm(x), self.memory_norm(memory)))
        out: Tensor = x + self.dropout(self.ffn(self.ffn_norm(x)))
        return out


class Trunk(nn.Module):
    """Learned queries (``queries``, dim) through ``layers`` blocks."""

    def __init__(
        self, queries: int, dim: int, layers: int, heads: int, hidden: int, dropout: float
    ) -> None:
        super().__init__()
        self.queries = nn.Parameter(0.02 * torch.randn(queries, dim))
        self.register_buffer("places", sinusoids(torch.arange(queries), dim), persistent=False)
        self.blocks = nn.ModuleList(Block(dim, heads, hidden, dropout) for _ in range(layers))
        self.norm = nn.RMSNorm(dim, eps=NORM_EPS)
        self.out = nn.Linear(dim, dim, bias=False)

    def forward(self, memory: Tensor, extra: Tensor | None = None) -> Tensor:
        """Answers (B, queries, dim) to a memory (B, m, dim); ``extra`` is added to the queries."""
        assert isinstance(self.places, Tensor)
        x = (self.queries + self.places).expand(len(memory), -1, -1)
        if extra is not None:
            x = x + extra
        for block in self.blocks:
            x = block(x, memory)
        return self.out(self.norm(x))  # type: ignore[no-any-return]


def sinusoids(positions: Tensor, dim: int) -> Tensor:
    """Sine and cosine, alternating, of positions (...,) at ``dim`` / 2 frequencies: (..., dim)."""
    steps = torch.arange(0, dim, 2, device=positions.device)
    angles = positions.unsqueeze(-1) * torch.exp(steps * (-math.log(10_000.0) / dim))
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)
