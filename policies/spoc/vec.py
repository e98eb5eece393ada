"""Our envs as SPOC and Stable-Baselines3 see them together: tokens in, tokens out.

Importing this module needs the extra ``[sb3]``.
"""

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

TEXT = "text"


def make_token_envs(
    env_id: str,
    config: SpocConfig,
    tokens: ActionTokens,
    n_envs: int = 1,
    seed: int | None = None,
    extra: tuple[str, ...] = (),
    **kwargs: Any,
) -> VecEnv:
    """``n_envs`` environments whose actions are the tokens of a decision.

    Args:
        env_id: a registered id.
        config: what is observed and how long a chunk is.
        tokens: what the tokens mean.
        n_envs: number of environments.
        seed: seed of the first; the others count on from it.
        extra: further keys of the observation, for a critic.
        kwargs: arguments of the environment.
    """
    envs = make_sb3_vec_env(env_id, n_envs, seed=seed, chunk=config.execute, **kwargs)
    return TokenVecEnv(envs, config, tokens, extra)


class TokenVecEnv(VecEnvWrapper):
    """Decodes tokens (n, executed) to chunks, and adds the instruction as hashed words.

    The observation holds the keys that the policy (``config``) and its critic (``extra``) read;
    images are (3, H, W), the order that SB3 wants.
    """

    def __init__(
        self,
        venv: VecEnv,
        config: SpocConfig,
        tokens: ActionTokens,
        extra: tuple[str, ...] = (),
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
        self._config, self._values = config, tokens.values
        self._text = np.zeros((venv.num_envs, config.text_length), np.int32)
        text = spaces.Box(0, config.vocabulary - 1, self._text.shape[1:], np.int32)
        entries = {key: self._entry(known[key], key) for key in self._keys}
        super().__init__(
            venv,
            observation_space=spaces.Dict({TEXT: text, **entries}),
            action_space=spaces.MultiDiscrete([config.bins] * config.executed),
        )

    def reset(self) -> Any:
        """Start episodes everywhere."""
        observation = self.venv.reset()
        self._read(range(self.num_envs))
        return self._seen(observation, self._text.copy())

    def step_async(self, actions: NDArray[Any]) -> None:
        """Play the chunks that tokens (n, executed) stand for."""
        config = self._config
        shaped = np.asarray(actions, np.int64).reshape(-1, config.execute, config.action_dim)
        chosen = self._values[np.arange(config.action_dim), shaped]
        self.venv.step_async(chosen.reshape(len(shaped), -1).astype(np.float32))

    def step_wait(self) -> Any:
        """See ``SB3VecEnv``."""
        observation, rewards, dones, infos = self.venv.step_wait()
        for slot in np.flatnonzero(dones):
            last = infos[slot]["terminal_observation"]
            infos[slot]["terminal_observation"] = self._seen(last, self._text[slot].copy())
        self._read(np.flatnonzero(dones).tolist())
        return self._seen(observation, self._text.copy()), rewards, dones, infos

    def _read(self, slots: Any) -> None:
        slots = list(slots)
        episodes = self.venv.get_attr("episode", slots) if slots else []
        for slot, episode in zip(slots, episodes, strict=True):
            self._text[slot] = hash_tokens(
                episode.instruction, self._config.text_length, self._config.vocabulary
            )

    def _seen(self, observation: Any, text: NDArray[np.int32]) -> dict[str, NDArray[Any]]:
        seen = {key: observation[key] for key in self._keys}
        for key in self._cameras:
            seen[key] = np.ascontiguousarray(np.moveaxis(seen[key], -1, -3))
        return {TEXT: text, **seen}

    def _entry(self, space: spaces.Space[Any], key: str) -> spaces.Space[Any]:
        if key not in self._cameras:
            return space
        assert space.shape is not None
        height, width, channels = space.shape
        return spaces.Box(0, 255, (channels, height, width), np.uint8)
