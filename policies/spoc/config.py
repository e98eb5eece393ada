"""Sizes of a SPOC policy: what it sees, what it says, how large its trunk is."""

from dataclasses import dataclass, replace
from typing import Any

from molmospaces_gym.errors import InvalidConfig, UnknownName


@dataclass(frozen=True, kw_only=True)
class SpocConfig:
    """A SPOC policy: action queries that attend to one memory of everything observed.

    Attributes:
        action_dim: numbers per control step.
        chunk: control steps that one decision plans.
        execute: how many of them are played before the next decision.
        bins: values an element of the action is discretised to; one more token is padding.
        dim, layers, heads, hidden: width, blocks, attention heads and feed-forward width.
        dropout: after attention and feed-forward, in training mode.
        cameras: images, in the order of the memory; each has a token of its own.
        vision: ``features`` of a frozen encoder (B, ``feature_dim``, h, w), or ``pixels``
            (B, H, W, 3) uint8 through a small convolutional stem.
        image_size: height and width of an image where ``vision`` is ``pixels``.
        keypoints: feature maps there whose mean places make one more token of each camera; 0: none.
        feature_dim: channels of the frozen encoder's features.
        text: ``features`` of a frozen encoder (B, L, ``text_dim``), or ``tokens`` (B,
            ``text_length``) of hashed words, 0 where there is none.
        text_dim, text_length, vocabulary: see ``text``.
        vectors: names and sizes of vectors; each becomes one token of the memory.
        points: image coordinates of what the task is about: 0, or up to 4.
        head: ``tokens`` (categorical per element) or ``flow`` (flow matching on the chunk).
        decode: where in its bin a token is decoded: the ``middle``, or the ``right`` edge as the
            released checkpoints are.
    """

    action_dim: int
    chunk: int = 16
    execute: int = 8
    bins: int = 256
    dim: int = 512
    layers: int = 24
    heads: int = 32
    hidden: int = 1536
    dropout: float = 0.1
    cameras: tuple[str, ...] = ()
    vision: str = "features"
    image_size: int = 64
    keypoints: int = 0
    feature_dim: int = 768
    text: str = "features"
    text_dim: int = 768
    text_length: int = 16
    vocabulary: int = 1024
    vectors: tuple[tuple[str, int], ...] = ()
    points: int = 0
    head: str = "tokens"
    decode: str = "right"

    def __post_init__(self) -> None:
        # From JSON, as a saved model has it, tuples come as lists.
        object.__setattr__(self, "cameras", tuple(self.cameras))
        object.__setattr__(self, "vectors", tuple((str(n), int(s)) for n, s in self.vectors))
        _check(1 <= self.execute <= self.chunk, "execute", f"1..chunk ({self.chunk})", self.execute)
        _check(self.action_dim >= 1, "action_dim", "at least 1", self.action_dim)
        _check(self.bins >= 2, "bins", "at least 2", self.bins)
        _check(self.dim % (2 * self.heads) == 0, "dim", "a multiple of 2 * heads", self.dim)
        _check(0.0 <= self.dropout < 1.0, "dropout", "within [0, 1)", self.dropout)
        _check(self.points in (0, 2, 4), "points", "0, 2 or 4", self.points)
        _check(self.keypoints >= 0, "keypoints", "0 or more", self.keypoints)
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            _check(value in choices, name, " or ".join(choices), value)

    @property
    def queries(self) -> int:
        """Action tokens of one decision: all elements of the first step, then of the second ..."""
        return self.chunk * self.action_dim

    @property
    def executed(self) -> int:
        """Those of them that are played."""
        return self.execute * self.action_dim

    @classmethod
    def preset(cls, name: str, **changes: Any) -> "SpocConfig":
        """A named configuration, with fields replaced by ``changes``.

        The ``xxl_*`` presets are the four published models of MolmoBot-SPOC; ``nano`` and
        ``tiny`` train on a few CPU cores.

        Raises:
            UnknownName: there is no such preset.
            InvalidConfig: a change is out of range.
        """
        if name not in PRESETS:
            raise UnknownName("SPOC preset", name, sorted(PRESETS))
        return replace(PRESETS[name], **changes)


def _check(holds: bool, name: str, expected: str, found: object) -> None:
    if not holds:
        raise InvalidConfig(f"SpocConfig.{name} must be {expected}, not {found!r}")


_CHOICES = {
    "vision": ("features", "pixels"),
    "text": ("features", "tokens"),
    "head": ("tokens", "flow"),
    "decode": ("middle", "right"),
}
_FRANKA = ("droid_shoulder_light_randomization", "wrist_camera_zed_mini")
_RBY1 = ("head_camera", "wrist_camera_r", "wrist_camera_l")
# A picture of the first step, kept all episode long, in which the points lie.
_FIRST = "first_target_frame_repeated"
_SMALL: dict[str, Any] = {
    "action_dim": 7,
    "chunk": 4,
    "execute": 4,
    "dropout": 0.1,
    "vision": "pixels",
    "text": "tokens",
    "decode": "middle",
}

PRESETS = {
    "xxl_franka": SpocConfig(action_dim=8, cameras=_FRANKA, vectors=(("proprio", 9),)),
    "xxl_franka_points": SpocConfig(
        action_dim=8, cameras=(*_FRANKA, _FIRST), vectors=(("proprio", 9),), points=4
    ),
    "xxl_rby1_rigid": SpocConfig(action_dim=19, cameras=_RBY1, vectors=(("proprio", 21),)),
    "xxl_rby1_articulated": SpocConfig(
        action_dim=20, cameras=(*_RBY1, _FIRST), vectors=(("proprio", 22),), points=4
    ),
    "nano": SpocConfig(dim=64, layers=2, heads=4, hidden=128, bins=33, keypoints=32, **_SMALL),
    "tiny": SpocConfig(dim=96, layers=3, heads=4, hidden=256, bins=65, **_SMALL),
}
"""Source of the xxl sizes: the registry and configs of the public MolmoBot-SPOC code."""
