"""Play SPOC in an env: one decision, a chunk of actions, the next decision."""

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
    arguments of ``gym.make``: action mode, observed keys, size of the pictures.
    """

    def __init__(self, folder: str) -> None:
        path = find(folder)
        self.model = SpocModel.from_pretrained(path).eval()
        self.env_kwargs: dict[str, Any] = {}
        if (path / ENV_FILE).is_file():
            self.env_kwargs = dict(read_json(path / ENV_FILE, InvalidConfig))
        self.reset("", None)

    def reset(self, instruction: str, seed: int | None) -> None:
        """Forget the chunk and read the instruction."""
        config = self.model.config
        self._text = hash_tokens(instruction, config.text_length, config.vocabulary)
        self._chunk: list[NDArray[np.float32]] = []
        self._noise = torch.Generator().manual_seed(0 if seed is None else seed)

    def predict(
        self,
        obs: Any,
        state: Any = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[np.float32], Any]:
        """The next action of the chunk; decides anew when it was played."""
        if not self._chunk:
            row = seen(obs, self.model.config, self._text)
            inputs = {key: torch.from_numpy(np.asarray(v)[None]) for key, v in row.items()}
            chunk = self.model.act(inputs, deterministic, self._noise)[0]
            self._chunk = list(chunk[: self.model.config.execute].astype(np.float32))
        return self._chunk.pop(0), state


def find(folder: str) -> Path:
    """The folder of a policy; raises ``PolicyUnavailable`` naming what is shipped."""
    for path in (Path(folder), SHIPPED / folder):
        if (path / "model.safetensors").is_file():
            return path
    names = sorted(p.name for p in SHIPPED.iterdir()) if SHIPPED.is_dir() else []
    shipped = ", ".join(names) or "none"
    raise PolicyUnavailable(f"no SPOC policy at {folder!r}; shipped policies: {shipped}")
