"""Our envs as SPOC and Stable-Baselines3 see them together: tokens in, tokens out.

Importing this module needs the extra ``[sb3]``.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper

from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.integrations.sb3 import make_sb3_vec_env
from molmospaces_gym.policies.spoc.config import SpocConfig
from molmospaces_gym.policies.spoc.tokens import ActionTokens
from molmospaces_gym.wrappers.instruction import hash_tokens

TEXT, TIME = "text", "time_left"


def make_token_envs(
    env_id: str,
    config: SpocConfig,
    tokens: ActionTokens | None,
    n_envs: int = 1,
    seed: int | None = None,
    extra: tuple[str, ...] = (),
    deadline: bool = False,
    scale: float = 1.0,
    wrap: Callable[[Any], Any] | None = None,
    **kwargs: Any,
) -> VecEnv:
    """``n_envs`` environments whose actions are the tokens of a decision.

    Args:
        env_id: a registered id.
        config: what is observed and how long a chunk is.
        tokens: what the tokens mean; None: actions are the numbers of a chunk themselves.
        n_envs: number of environments.
        seed: seed of the first; the others count on from it.
        extra: further keys of the observation, for a critic.
        deadline, scale: see ``TokenVecEnv``.
        wrap: see ``make_sb3_vec_env``.
        kwargs: arguments of the environment.
    """
    envs = make_sb3_vec_env(env_id, n_envs, seed=seed, chunk=config.execute, wrap=wrap, **kwargs)
    return TokenVecEnv(envs, config, tokens, extra, deadline, scale)


class TokenVecEnv(VecEnvWrapper):
    """Decodes tokens (n, executed) to chunks, and adds the instruction as hashed words.

    The observation holds the keys that the policy (``config``) and its critic (``extra``) read;
    images are (3, H, W), the order that SB3 wants.

    With ``deadline`` an episode that runs out of time has failed: its end is no truncation, after
    which PPO would count on what might still have come, and a failure under a sparse reward would
    cost nothing. Critics then find the share of the horizon that is left under ``time_left`` (1,).

    Rewards are multiplied by ``scale``: PPO clips the gradients of actor and critic together, so
    that the large errors of a critic of large returns would leave the actor little.
    """

    def __init__(
        self,
        venv: VecEnv,
        config: SpocConfig,
        tokens: ActionTokens | None,
        extra: tuple[str, ...] = (),
        deadline: bool = False,
        scale: float = 1.0,
    ) -> None:
        known = venv.observation_space
        assert isinstance(known, spaces.Dict)
        keys = dict.fromkeys((*config.cameras, *(name for name, _ in config.vectors), *extra))
        lacking = [key for key in keys if key not in known.spaces]
        if lacking:
            raise InvalidConfig(
                f"SPOC observes {', '.join(lacking)}, which this env does not have; it has"
                f" {', '.join(known.spaces)}"
            )
        size = venv.action_space.shape
        if size != (config.executed,):
            raise InvalidConfig(
                f"chunks of {config.execute} x {config.action_dim} numbers do not fit an action"
                f" space {size}; another action_mode or chunk?"
            )
        self._keys, self._cameras = tuple(keys), frozenset(config.cameras)
        self._config, self._values = config, None if tokens is None else tokens.values
        self._text = np.zeros((venv.num_envs, config.text_length), np.int32)
        text = spaces.Box(0, config.vocabulary - 1, self._text.shape[1:], np.int32)
        entries = {key: self._entry(known[key], key) for key in self._keys}
        self._scale = scale
        self._deadline, self._steps = deadline, np.zeros(venv.num_envs, np.int64)
        self._horizons = np.ones(venv.num_envs, np.int64)
        if deadline:
            entries[TIME] = spaces.Box(0.0, 1.0, (1,), np.float32)
        super().__init__(
            venv,
            observation_space=spaces.Dict({TEXT: text, **entries}),
            action_space=venv.action_space
            if tokens is None
            else spaces.MultiDiscrete([config.bins] * config.executed),
        )

    def reset(self) -> Any:
        """Start episodes everywhere."""
        observation = self.venv.reset()
        self._read(range(self.num_envs))
        self._steps[:] = 0
        return self._seen(observation, slice(None))

    def step_async(self, actions: NDArray[Any]) -> None:
        """Play the chunks that tokens (n, executed) stand for."""
        config = self._config
        if self._values is None:
            self.venv.step_async(np.asarray(actions, np.float32))
            return
        shaped = np.asarray(actions, np.int64).reshape(-1, config.execute, config.action_dim)
        chosen = self._values[np.arange(config.action_dim), shaped]
        self.venv.step_async(chosen.reshape(len(shaped), -1).astype(np.float32))

    def step_wait(self) -> Any:
        """See ``SB3VecEnv``."""
        observation, rewards, dones, infos = self.venv.step_wait()
        self._steps += [int(info.get("chunk_steps", 1)) for info in infos]
        for slot in np.flatnonzero(dones):
            last = infos[slot]["terminal_observation"]
            infos[slot]["terminal_observation"] = self._seen(last, slot)
            if self._deadline:
                infos[slot]["TimeLimit.truncated"] = False
        self._steps[dones] = 0
        self._read(np.flatnonzero(dones).tolist())
        return self._seen(observation, slice(None)), self._scale * rewards, dones, infos

    def _read(self, slots: Any) -> None:
        slots = list(slots)
        if not slots:
            return
        self._horizons[slots] = self.venv.get_attr("horizon", slots)
        for slot, episode in zip(slots, self.venv.get_attr("episode", slots), strict=True):
            self._text[slot] = hash_tokens(
                episode.instruction, self._config.text_length, self._config.vocabulary
            )

    def _seen(self, observation: Any, slots: Any) -> dict[str, NDArray[Any]]:
        """The observation of one slot, or of all (a slice)."""
        seen = {key: observation[key] for key in self._keys}
        if self._deadline:
            left = 1.0 - self._steps[slots] / self._horizons[slots]
            seen[TIME] = np.asarray(left, np.float32)[..., None]
        for key in self._cameras:
            seen[key] = np.ascontiguousarray(np.moveaxis(seen[key], -1, -3))
        return {TEXT: self._text[slots].copy(), **seen}

    def _entry(self, space: spaces.Space[Any], key: str) -> spaces.Space[Any]:
        if key not in self._cameras:
            return space
        assert space.shape is not None
        height, width, channels = space.shape
        return spaces.Box(0, 255, (channels, height, width), np.uint8)
