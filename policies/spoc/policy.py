"""Play SPOC in an env: one decision, a chunk of actions, the next decision."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidConfig, PolicyUnavailable
from molmospaces_gym.json_files import read_json
from molmospaces_gym.policies.spoc.demos import seen
from molmospaces_gym.policies.spoc.model import SpocModel
from molmospaces_gym.wrappers.instruction import hash_tokens

ENV_FILE = "env.json"
"""Beside the weights: the env arguments that the policy was trained with."""
SHIPPED = Path(__file__).resolve().parent / "checkpoints"


class SpocPolicy:
    """A trained SPOC policy: ``spoc:FOLDER``, or ``spoc:NAME`` for one that is shipped.

    The folder is one that ``SpocModel.save_pretrained`` wrote, with ``env.json`` holding the
    arguments of ``gym.make``: action mode, observed keys, size of the pictures. Plays one world, or
    several with one call (``BatchedPolicy``): those whose chunk is played out decide together.
    """

    def __init__(self, folder: str) -> None:
        path = find(folder)
        self.model = SpocModel.from_pretrained(path).eval()
        self.env_kwargs: dict[str, Any] = {}
        if (path / ENV_FILE).is_file():
            self.env_kwargs = dict(read_json(path / ENV_FILE, InvalidConfig))
        self._rows: dict[int, _Row] = {}

    def reset(self, instruction: str, seed: int | None) -> None:
        """Forget the chunk and read the instruction."""
        self.reset_row(0, instruction, seed)

    def reset_row(self, row: int, instruction: str, seed: int | None) -> None:
        """The same in one of several worlds."""
        config = self.model.config
        self._rows[row] = _Row(
            text=hash_tokens(instruction, config.text_length, config.vocabulary),
            noise=torch.Generator().manual_seed(0 if seed is None else seed),
        )

    def predict(
        self,
        obs: Any,
        state: Any = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[np.float32], Any]:
        """The next action of each chunk; decides anew where it was played."""
        name = next(iter((*(n for n, _ in self.model.config.vectors), *self.model.config.cameras)))
        single = np.ndim(obs[name]) == (3 if name in self.model.config.cameras else 1)
        if single:
            obs = {key: np.asarray(value)[None] for key, value in obs.items()}
        count = len(obs[name])
        self._decide(obs, [r for r in range(count) if r in self._rows], deterministic)
        size = self.model.config.action_dim
        idle = np.zeros(size, np.float32)
        actions = np.stack(
            [self._rows[r].chunk.pop(0) if r in self._rows else idle for r in range(count)]
        )
        return (actions[0] if single else actions), state

    def _decide(self, obs: Any, rows: list[int], deterministic: bool) -> None:
        due = [row for row in rows if not self._rows[row].chunk]
        if not due:
            return
        config = self.model.config
        found = [
            seen({key: value[row] for key, value in obs.items()}, config, self._rows[row].text)
            for row in due
        ]
        flows = config.head == "flow"
        groups = [due] if deterministic or flows else [[row] for row in due]
        for group in groups:  # each row draws from its own noise
            places = [due.index(row) for row in group]
            inputs = {
                key: torch.from_numpy(np.stack([found[place][key] for place in places]))
                for key in found[0]
            }
            own = [self._rows[row].noise for row in group]
            noise = None
            if flows:
                noise = torch.stack([torch.randn(config.queries, generator=g) for g in own])
            chunks = self.model.act(inputs, deterministic, own[0], noise)
            for row, chunk in zip(group, chunks.astype(np.float32), strict=True):
                self._rows[row].chunk = list(chunk[: config.execute])


@dataclass
class _Row:
    """One world: its instruction, its noise, what is left of its chunk."""

    text: NDArray[np.int32]
    noise: torch.Generator
    chunk: list[NDArray[np.float32]] = field(default_factory=list)


def find(folder: str) -> Path:
    """The folder of a policy; raises ``PolicyUnavailable`` naming what is shipped."""
    for path in (Path(folder), SHIPPED / folder):
        if (path / "model.safetensors").is_file() and (path / "config.json").is_file():
            return path
    if (Path(folder) / "model.safetensors").is_file():
        raise PolicyUnavailable(
            f"{folder} holds weights without the config.json that SpocModel.save_pretrained writes;"
            " a released MolmoBot-SPOC folder is played by spoc-released:FOLDER?preset=NAME"
        )
    names = sorted(p.name for p in SHIPPED.iterdir()) if SHIPPED.is_dir() else []
    shipped = ", ".join(names) or "none"
    raise PolicyUnavailable(f"no SPOC policy at {folder!r}; shipped policies: {shipped}")
