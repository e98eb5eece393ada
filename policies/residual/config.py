"""What a residual policy is made of, and how it is trained."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.json_files import read_json, write_atomic

FILE = "residual.json"


@dataclass(frozen=True, kw_only=True)
class ResidualConfig:
    """A correction to the actions of a base policy.

    Attributes:
        base: spec of the frozen policy that is corrected.
        action_dim: numbers of an action.
        keys: names and sizes of the vectors that the correction looks at.
        scale: the largest correction of an element, in units of the action (-1..1): small enough
            that a bad correction leaves the base's skill alone.
        elements: which numbers of an action are corrected; None: all.
        observe_base: whether the correction sees the base's action too; without it a base that
            plays chunks or plans is a moving target.
        arch: widths of the hidden layers.
        env_kwargs: arguments of ``gym.make`` that the policy needs wherever it plays.
    """

    base: str
    action_dim: int
    keys: tuple[tuple[str, int], ...]
    scale: float = 0.2
    elements: tuple[int, ...] | None = None
    observe_base: bool = True
    arch: tuple[int, ...] = (128, 128)
    env_kwargs: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # From JSON tuples come as lists.
        object.__setattr__(self, "keys", tuple((str(n), int(s)) for n, s in self.keys))
        object.__setattr__(self, "arch", tuple(self.arch))
        if not 0.0 < self.scale <= 2.0:
            raise InvalidConfig(f"scale must be within (0, 2], not {self.scale}")
        chosen = range(self.action_dim) if self.elements is None else self.elements
        object.__setattr__(self, "elements", tuple(chosen))
        if not set(chosen) <= set(range(self.action_dim)) or len(set(chosen)) < max(len(chosen), 1):
            raise InvalidConfig(
                f"elements must be different numbers of 0..{self.action_dim - 1}, not {chosen}"
            )

    @property
    def corrected(self) -> list[int]:
        """The elements of an action that are corrected."""
        return list(self.elements or ())

    @property
    def seen(self) -> int:
        """Numbers that the correction is made from."""
        return sum(size for _, size in self.keys) + self.action_dim * self.observe_base

    def save(self, folder: Path) -> None:
        """Write ``residual.json``."""
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / FILE, json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path) -> "ResidualConfig":
        """What ``save`` wrote; raises ``InvalidConfig``."""
        data = read_json(folder / FILE, InvalidConfig)
        try:
            return cls(**data)
        except TypeError as error:
            raise InvalidConfig(f"{folder / FILE} describes no residual policy: {error}") from error


@dataclass(frozen=True, kw_only=True)
class ResidualSettings:
    """What PPO is told; see ``docs/policies.md`` for the reasons.

    Attributes:
        env_steps: actions played in the env, those of ``calibrate`` included.
        n_steps, batch, epochs: steps per env and update, per minibatch, passes over them.
        rate: learning rate of the correction; the critic's is ``critic_scale`` times that.
        gamma, gae: discount per step, lambda of the advantage estimate.
        clip: PPO's clip range. target_kl: an epoch ends early beyond 1.5 times this (nat).
        entropy: weight of the entropy bonus.
        std: standard deviation of the correction at the start, as a share of ``scale``.
        hold: steps for which the noise stays one function of what is seen (gSDE); 0: fresh noise in
            every step.
        penalty: taken from the reward per step, times the mean square of the correction (-1..1).
        warmup: steps in which only the critic learns.
        calibrate: steps per env in which the base plays alone and the scales of what is observed
            are taken.
        critic_arch: widths of the critic's hidden layers.
        deadline: whether running out of time is a failure; critics then see the time left.
        every, trials: steps between two trials, episodes of one.
        seed: of everything random.
    """

    env_steps: int = 200_000
    n_steps: int = 128
    batch: int = 512
    epochs: int = 5
    rate: float = 3e-4
    gamma: float = 0.99
    gae: float = 0.95
    clip: float = 0.2
    target_kl: float = 0.03
    entropy: float = 0.0
    std: float = 0.2
    hold: int = 16
    penalty: float = 0.0
    warmup: int = 8192
    calibrate: int = 64
    critic_arch: tuple[int, ...] = (256, 256)
    critic_scale: float = 3.0
    deadline: bool = True
    every: int = 50_000
    trials: int = 40
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.std > 0.0 or self.penalty < 0.0 or self.hold < 0:
            raise InvalidConfig(
                "std must be positive, penalty and hold not negative, not"
                f" {self.std}, {self.penalty} and {self.hold}"
            )
