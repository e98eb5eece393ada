"""The memory: everything observed, as one row of tokens that the action queries attend to."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.policies.spoc.config import SpocConfig
from molmospaces_gym.policies.spoc.trunk import sinusoids

POINT_CHANNELS = 32
"""Sinusoids per image coordinate (published models)."""

Inputs = Mapping[str, Tensor]


def adapter(inputs: int, dim: int) -> nn.Sequential:
    """Linear, layer norm, ReLU: how features come to the width of the trunk."""
    return nn.Sequential(nn.Linear(inputs, dim), nn.LayerNorm(dim), nn.ReLU())


class Memory(nn.Module):
    """Tokens (B, m, dim) of text, cameras, points and vectors, in that order.

    Inputs by name: ``text``; each camera; ``points`` (B, ``config.points``) in [0, 1]; and each
    vector (B, size), which is shifted and scaled by what ``set_scales`` was told. Shapes of text
    and cameras are those of ``SpocConfig.text`` and ``vision``.
    """

    def __init__(self, config: SpocConfig) -> None:
        super().__init__()
        self.config = config
        dim = config.dim
        self.text: nn.Module = (
            adapter(config.text_dim, dim)
            if config.text == "features"
            else nn.Embedding(config.vocabulary, dim, padding_idx=0)
        )
        if config.cameras:
            self.eyes = _compressor(config) if config.vision == "features" else _stem(config)
            self.visual = adapter(dim, dim) if config.vision == "features" else nn.Identity()
            if config.vision == "pixels" and config.keypoints:
                self.keypoints = _Keypoints(config)
        marks = {name: nn.Parameter(0.1 * torch.rand(dim)) for name in config.cameras}
        self.camera_marks = nn.ParameterDict(marks)
        if config.points:
            self.points = adapter(POINT_CHANNELS, dim)
            self.point_marks = nn.Embedding(config.points, dim)
        self.vectors = nn.ModuleDict({n: nn.Linear(size, dim) for n, size in config.vectors})
        for name, size in config.vectors:
            self.register_buffer(f"{name}_middle", torch.zeros(size))
            self.register_buffer(f"{name}_scale", torch.ones(size))

    def set_scales(self, name: str, middle: Tensor, scale: Tensor) -> None:
        """Bring a vector to order one: it is read as (value - ``middle``) / ``scale``."""
        self.get_buffer(f"{name}_middle").copy_(middle)
        self.get_buffer(f"{name}_scale").copy_(scale)

    def forward(self, inputs: Inputs) -> Tensor:
        """The memory (B, m, dim); raises ``InvalidConfig`` naming an input that is missing."""
        lacking = [name for name in self.names if name not in inputs]
        if lacking:
            raise InvalidConfig(
                f"this SPOC policy observes {', '.join(self.names)}; missing: {', '.join(lacking)}"
            )
        parts = [self._text(inputs["text"])]
        parts += [self._camera(inputs[name]) + self.camera_marks[name] for name in self._cameras]
        if self.config.points:
            parts.append(self._points(inputs["points"]))
        parts += [self._vector(name, inputs[name]) for name in self.vectors]
        return torch.cat(parts, dim=1)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all inputs."""
        points = ("points",) if self.config.points else ()
        return ("text", *self._cameras, *points, *(name for name, _ in self.config.vectors))

    @property
    def _cameras(self) -> tuple[str, ...]:
        # The published models sort them.
        return tuple(sorted(self.config.cameras))

    def _text(self, text: Tensor) -> Tensor:
        if self.config.text == "features":
            return self.text(text)  # type: ignore[no-any-return]
        return self.text(text.long())  # type: ignore[no-any-return]

    def _camera(self, image: Tensor) -> Tensor:
        if self.config.vision == "pixels":
            # uint8 from a renderer; a replay buffer may hold the same numbers as float.
            image = image.permute(0, 3, 1, 2).float() / 127.5 - 1.0
        tokens: Tensor = self.visual(self.eyes(image).flatten(2).transpose(1, 2))
        if self.config.vision == "pixels" and self.config.keypoints:
            return torch.cat([tokens, self.keypoints(image)], dim=1)
        return tokens

    def _points(self, points: Tensor) -> Tensor:
        return self.points(sinusoids(points, POINT_CHANNELS)) + self.point_marks.weight  # type: ignore[no-any-return]

    def scaled(self, name: str, values: Tensor) -> Tensor:
        """A vector (B, size) brought to order one."""
        middle, scale = self.get_buffer(f"{name}_middle"), self.get_buffer(f"{name}_scale")
        return (values.float() - middle) / scale

    def _vector(self, name: str, values: Tensor) -> Tensor:
        return self.vectors[name](self.scaled(name, values)).unsqueeze(1)  # type: ignore[no-any-return]


def _compressor(config: SpocConfig) -> nn.Sequential:
    """Frozen features (B, feature_dim, h, w) to (B, dim, h, w)."""
    dim = config.dim
    return nn.Sequential(
        nn.Conv2d(config.feature_dim, dim, 1), nn.ReLU(), nn.Conv2d(dim, dim, 1), nn.ReLU()
    )


def _stem(config: SpocConfig) -> nn.Sequential:
    """Pixels (B, 3, H, W) to (B, dim, H / 16, W / 16), each place knowing where it is."""
    dim, side = config.dim, config.image_size // 16
    return nn.Sequential(
        nn.Conv2d(3, 32, 8, stride=4, padding=2),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(64, dim, 3, stride=2, padding=1),
        _Places(dim, side),
    )


class _Keypoints(nn.Module):
    """Pixels (B, 3, H, W) to one token (B, 1, dim) of where each feature is in the picture.

    The mean place of each map's softmax (Levine et al. 2016, "End-to-End Training of Deep
    Visuomotor Policies") is finer than the grid of the other tokens: a hand is led by it.
    """

    def __init__(self, config: SpocConfig) -> None:
        super().__init__()
        count = config.keypoints
        self.maps = nn.Sequential(
            nn.Conv2d(3, 16, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, count, 3, padding=1),
        )
        self.sharpness = nn.Parameter(torch.ones(count, 1))
        self.token = nn.Linear(2 * count, config.dim)

    def forward(self, image: Tensor) -> Tensor:
        maps: Tensor = self.maps(image)
        rows, columns = (torch.linspace(-1.0, 1.0, side) for side in maps.shape[2:])
        share = (maps.flatten(2) * self.sharpness).softmax(-1).reshape(maps.shape)
        across = share.sum(2) @ columns.to(share)
        down = share.sum(3) @ rows.to(share)
        token: Tensor = self.token(torch.cat([across, down], dim=1))
        return token.unsqueeze(1)


class _Places(nn.Module):
    """Adds a learned vector to each place of a square grid (B, dim, side, side)."""

    def __init__(self, dim: int, side: int) -> None:
        super().__init__()
        self.marks = nn.Parameter(0.02 * torch.randn(dim, side, side))

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        if x.shape[1:] != self.marks.shape:
            side = 16 * self.marks.shape[-1]
            raise InvalidConfig(
                f"this SPOC policy sees images of {side} x {side} pixels; found a feature map of"
                f" {tuple(x.shape[2:])} instead of {tuple(self.marks.shape[1:])}"
            )
        return x + self.marks
