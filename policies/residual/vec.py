"""Envs whose actions are corrections of what a frozen policy does.

Importing this module needs the extra ``[sb3]``.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper

from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.policies.residual.bases import Bases
from molmospaces_gym.policies.residual.config import ResidualConfig

Floats = NDArray[np.float32]
TERM = "reward/residual"
"""Key of ``info`` under which the penalty on corrections stands."""


def corrected(base: Floats, residual: Floats, config: ResidualConfig) -> Floats:
    """The action (..., action_dim) that is played, from corrections (..., k) of k elements.

    It is the base's, moved by at most ``scale``, within -1..1.
    """
    action, chosen = np.array(base, np.float32), config.corrected
    own = action[..., chosen]
    moved = np.clip(own + config.scale * np.clip(residual, -1.0, 1.0), -1.0, 1.0)
    # A base may go beyond the range (the env cuts it off); nothing is changed where it is alone.
    action[..., chosen] = np.where(residual == 0.0, own, moved)
    return action


def observed(obs: Mapping[str, Any], base: Floats, config: ResidualConfig) -> Floats:
    """What a correction is made from: rows (n, ``config.seen``)."""
    missing = [name for name, _ in config.keys if name not in obs]
    if missing:
        raise InvalidConfig(
            f"the correction looks at {', '.join(missing)}, which this env does not have"
        )
    parts = [np.asarray(obs[name], np.float32) for name, _ in config.keys]
    if config.observe_base:
        parts.append(base)
    return np.concatenate(parts, axis=-1)


class ResidualVecEnv(VecEnvWrapper):
    """Plays the frozen base everywhere and takes corrections (n, k) in -1..1.

    Observations are rows of numbers: what the correction sees, then what only its critic does: all
    other vectors, which nobody needs to play, and with ``deadline`` the share of the horizon that
    is left. Then an episode that runs out of time has
    failed, as in ``spoc.vec.TokenVecEnv``. Where a state is truncated otherwise, the last action of
    the base stands in its observation, for the base is not asked about it.

    Args:
        venv: from ``make_sb3_vec_env``.
        config: what is seen, the base, the scale.
        penalty: see ``ResidualSettings``.
        deadline: see above.
        seed: of the base's own noise.
    """

    def __init__(
        self,
        venv: VecEnv,
        config: ResidualConfig,
        penalty: float = 0.0,
        deadline: bool = True,
        seed: int = 0,
    ) -> None:
        self._config, self._penalty, self._deadline = config, penalty, deadline
        known, seen = venv.observation_space, dict(config.keys)
        assert isinstance(known, spaces.Dict)
        vectors = {k: b.shape for k, b in known.spaces.items() if b.shape and len(b.shape) == 1}
        self._rest = tuple(key for key in vectors if key not in seen)
        size = config.seen + sum(vectors[key][0] for key in self._rest) + deadline
        limit = np.ones(len(config.corrected), np.float32)
        super().__init__(
            venv,
            observation_space=spaces.Box(-np.inf, np.inf, (size,), np.float32),
            action_space=spaces.Box(-limit, limit),
        )
        inner: Any = venv.unwrapped
        self._env = inner.env.unwrapped
        self._bases = Bases(config.base, self.num_envs)
        self._bases.bind(self._env)
        self._rng = np.random.default_rng(seed)
        self._base = np.zeros((self.num_envs, config.action_dim), np.float32)
        self._residual = np.zeros((self.num_envs, len(limit)), np.float32)

    def reset(self) -> Floats:
        """Start episodes everywhere."""
        found: Any = self.venv.reset()
        return self._seen(found, np.ones(self.num_envs, np.bool_))

    def step_async(self, actions: NDArray[Any]) -> None:
        """Play the base's actions, corrected."""
        self._residual = np.clip(np.asarray(actions, np.float32), -1.0, 1.0)
        self.venv.step_async(corrected(self._base, self._residual, self._config))

    def step_wait(self) -> Any:
        """See ``SB3VecEnv``; the penalty is in the reward and in ``info``."""
        returned: Any = self.venv.step_wait()
        found, rewards, dones, infos = returned
        cost = self._penalty * np.square(self._residual).mean(axis=1)
        for slot, info in enumerate(infos):
            info[TERM] = -float(cost[slot])
        for slot in np.flatnonzero(dones).tolist():
            last = self._row(infos[slot]["terminal_observation"], self._base[slot])
            if self._deadline:
                last = np.append(last, np.float32(0.0))
                infos[slot]["TimeLimit.truncated"] = False
            infos[slot]["terminal_observation"] = last
        return self._seen(found, dones), (rewards - cost).astype(np.float32), dones, infos

    def _seen(self, found: Mapping[str, Any], starts: NDArray[np.bool_]) -> Floats:
        """Ask the base about the observation, which is the first of an episode in ``starts``."""
        sessions = self._env.sessions
        for slot in np.flatnonzero(starts).tolist():
            instruction = str(sessions[slot].info["instruction"])
            self._bases.reset_row(slot, instruction, int(self._rng.integers(2**31)))
        self._base = self._bases.predict(found, starts)
        rows = self._row(found, self._base)
        if not self._deadline:
            return rows
        left = [1.0 - session.steps / session.horizon for session in sessions]
        return np.column_stack([rows, np.array(left, np.float32)]).astype(np.float32)

    def _row(self, found: Mapping[str, Any], base: Floats) -> Floats:
        rest = [np.asarray(found[key], np.float32) for key in self._rest]
        return np.concatenate([observed(found, base, self._config), *rest], axis=-1)
