"""Stable-Baselines3: our vector env as a ``VecEnv``.

Importing this module needs the extra ``[sb3]``.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv, VecMonitor
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn

from molmospaces_gym.errors import InvalidConfig

FINAL = ("final_obs", "final_info", "_final_obs", "_final_info")


class SB3VecEnv(VecEnv):
    """A Gymnasium ``VectorEnv`` in SAME_STEP autoreset mode as a Stable-Baselines3 ``VecEnv``.

    Last observations arrive as ``infos[i]["terminal_observation"]``, truncations as
    ``infos[i]["TimeLimit.truncated"]``; rewards are float32.

    With ``chunk`` > 1 an action is that many of the env's, one after another; see
    ``MolmoSpacesVectorEnv.step_chunk``.
    """

    def __init__(self, env: Any, chunk: int = 1) -> None:
        mode = env.metadata.get("autoreset_mode")
        if mode is not AutoresetMode.SAME_STEP:
            raise InvalidConfig(
                f"SB3VecEnv needs a vector env in SAME_STEP autoreset mode, not {mode};"
                ' make it with autoreset_mode="SameStep"'
            )
        if getattr(env.unwrapped, "output", "numpy") != "numpy":
            raise InvalidConfig(
                'Stable-Baselines3 takes arrays and makes tensors itself; leave output="torch" out'
            )
        # Any: get_attr and call are those of ours and of SyncVectorEnv, not of the base class.
        self.env, self.render_mode = env, env.render_mode
        if chunk < 1 or (chunk > 1 and not hasattr(env, "step_chunk")):
            raise InvalidConfig(f"{type(env).__name__} does not play chunks of {chunk} actions")
        self.chunk, space = chunk, env.single_action_space
        if chunk > 1:
            space = Box(np.tile(space.low, chunk), np.tile(space.high, chunk))
        super().__init__(env.num_envs, env.single_observation_space, space)
        self._actions: NDArray[Any] = np.zeros(0)

    def reset(self) -> VecEnvObs:
        """Start episodes everywhere with the seeds and options set before."""
        seeds = None if all(s is None for s in self._seeds) else list(self._seeds)
        options = next((o for o in self._options if o), None)
        observation, info = self.env.reset(seed=seeds, options=options)
        self.reset_infos = [_row(info, i) for i in range(self.num_envs)]
        self._reset_seeds()
        self._reset_options()
        start: VecEnvObs = observation
        return start

    def step_async(self, actions: NDArray[Any]) -> None:
        """Remember the actions for ``step_wait``."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Step the vector env and rearrange what it returns."""
        observation, rewards, terminated, truncated, info = self._play()
        done = terminated | truncated
        running = {key: value for key, value in info.items() if key not in FINAL}
        infos = [_final_row(info, i) if done[i] else _row(running, i) for i in range(self.num_envs)]
        for i, row in enumerate(infos):
            row["TimeLimit.truncated"] = bool(truncated[i] and not terminated[i])
        return observation, rewards.astype(np.float32), done, infos

    def _play(self) -> Any:
        if self.chunk == 1:
            return self.env.step(self._actions)
        chunks = np.asarray(self._actions).reshape(self.num_envs, self.chunk, -1)
        return self.env.step_chunk(chunks)

    def close(self) -> None:
        """Close the vector env."""
        self.env.close()

    def get_attr(self, attr_name: str, indices: int | Iterable[int] | None = None) -> list[Any]:
        """An attribute of the chosen sub-environments."""
        values = self.env.get_attr(attr_name)
        return [values[i] for i in self._get_indices(indices)]

    def set_attr(
        self, attr_name: str, value: Any, indices: int | Iterable[int] | None = None
    ) -> None:
        """Not offered: slots of one world share their configuration."""
        raise InvalidConfig(f"cannot set {attr_name!r} on slots of one world; make a new env")

    def env_method(
        self,
        method_name: str,
        *args: Any,
        indices: int | Iterable[int] | None = None,
        **kwargs: Any,
    ) -> list[Any]:
        """Call a method of every sub-environment; the results of the chosen ones."""
        results = self.env.call(method_name, *args, **kwargs)
        return [results[i] for i in self._get_indices(indices)]

    def env_is_wrapped(
        self, wrapper_class: type[gym.Wrapper[Any, Any, Any, Any]], indices: Any = None
    ) -> list[bool]:
        """Slots of a vector env are never wrapped one by one."""
        return [False for _ in self._get_indices(indices)]

    def get_images(self) -> Sequence[NDArray[np.uint8] | None]:
        """One image per sub-environment."""
        images = self.env.render()
        return list(images) if images is not None else [None] * self.num_envs


def _row(info: dict[str, Any], index: int) -> dict[str, Any]:
    """The info of one sub-environment out of a dict of arrays with ``_key`` masks."""
    row: dict[str, Any] = {}
    for key, value in info.items():
        if key.startswith("_") or not _has(info, key, index):
            continue
        if isinstance(value, dict):
            row[key] = _row(value, index)
        else:
            item = value[index]
            row[key] = item.item() if isinstance(item, np.generic) else item
    return row


def _has(info: dict[str, Any], key: str, index: int) -> bool:
    mask = info.get(f"_{key}")
    return mask is None or bool(mask[index])


def _final_row(info: dict[str, Any], index: int) -> dict[str, Any]:
    """The last info of an ended episode, with its last observation."""
    row = _row(info["final_info"], index)
    row["terminal_observation"] = info["final_obs"][index]
    return row


def make_sb3_vec_env(
    env_id: str,
    n_envs: int = 1,
    seed: int | None = None,
    monitor: bool = True,
    chunk: int = 1,
    wrap: Callable[[Any], Any] | None = None,
    **kwargs: Any,
) -> VecEnv:
    """Make ``n_envs`` environments as a ``VecEnv`` for any Stable-Baselines3 algorithm.

    Args:
        env_id: a registered id, e.g. ``molmospaces_gym/Pick-v1``.
        n_envs: number of environments.
        seed: seed of the first environment; the others count on from it.
        monitor: wrap in ``VecMonitor``, which logs returns, lengths and successes.
        chunk: actions of the environment that one action of the ``VecEnv`` holds.
        wrap: puts a Gymnasium vector wrapper around the vector env before it is bridged, such as
            ``lambda envs: VectorTOPReward(envs, model="tiny")``.
        kwargs: arguments of the environment.
    """
    vector = gym.make_vec(env_id, num_envs=n_envs, autoreset_mode="SameStep", **kwargs)
    env: VecEnv = SB3VecEnv(vector if wrap is None else wrap(vector), chunk)
    env.seed(seed)
    return VecMonitor(env, info_keywords=("is_success",)) if monitor else env
