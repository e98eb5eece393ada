"""Play a corrected policy: ``residual:FOLDER``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from molmospaces_gym.errors import PolicyUnavailable
from molmospaces_gym.policies.residual.bases import Bases
from molmospaces_gym.policies.residual.config import FILE, ResidualConfig
from molmospaces_gym.policies.residual.network import Correction
from molmospaces_gym.policies.residual.vec import Floats, corrected, observed


class ResidualPolicy:
    """The base with its correction, from a folder that ``train residual`` wrote.

    Plays one world, or several with one call (``BatchedPolicy``), whatever the base can. Drawn
    actions (``deterministic=False``) are not offered: noise only served to learn.
    """

    def __init__(self, folder: str) -> None:
        path = Path(folder)
        if not (path / FILE).is_file():
            raise PolicyUnavailable(f"no residual policy at {folder!r}: there is no {FILE}")
        self.config = ResidualConfig.load(path)
        self.correction = Correction.load(path, self.config)
        self.env_kwargs = dict(self.config.env_kwargs)
        self._bases = Bases(self.config.base)
        self.needs_scene = bool(getattr(self._bases.policies[0], "needs_scene", False))

    def bind(self, env: Any) -> None:
        """Show the env to the base."""
        self._bases.bind(env)

    def reset(self, instruction: str, seed: int | None) -> None:
        """Start an episode."""
        self.reset_row(0, instruction, seed)

    def reset_row(self, row: int, instruction: str, seed: int | None) -> None:
        """The same in one of several worlds."""
        self._bases.reset_row(row, instruction, seed)

    def predict(
        self,
        obs: Any,
        state: Any = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = True,
    ) -> tuple[Floats, Any]:
        """The base's action, corrected."""
        single = np.ndim(obs[self.config.keys[0][0]]) == 1
        if single:
            obs = {key: np.asarray(value)[None] for key, value in obs.items()}
        count = len(obs[self.config.keys[0][0]])
        starts = np.zeros(count, np.bool_) if episode_start is None else episode_start
        actions = self._corrected(obs, starts)
        return (actions[0] if single else actions), state

    def _corrected(self, obs: Mapping[str, Any], starts: NDArray[np.bool_]) -> Floats:
        base = self._bases.predict(obs, starts)
        with torch.no_grad():
            rows = torch.from_numpy(observed(obs, base, self.config))
            residual = self.correction(rows).numpy()
        return corrected(base, residual, self.config)
