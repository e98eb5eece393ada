"""LeRobot: our vector env with the observations and attributes that LeRobot expects.

``make_env`` is what LeRobot's EnvHub calls: a repository's ``env.py`` needs no more than
``from molmospaces_gym.integrations.lerobot_env import make_env``. ``lerobot_plugin`` beside it
makes ``lerobot-eval --env.type=molmospaces`` work. This module itself does not need lerobot.

``agent_pos`` is ``observation.state`` of a dataset of ``datagen --formats lerobot``, pictures and
actions have the same names and meaning, so that a policy trained on one plays in the other.
"""

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.vector import VectorWrapper
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from molmospaces_gym.observations import Observation, ObservationLayout
from molmospaces_gym.registration import env_id

SESSION_ATTRIBUTES = {
    "_max_episode_steps": lambda session: session.horizon,
    "task": lambda session: session.task_name,
    "task_description": lambda session: session.episode.instruction,
}
"""What LeRobot asks every sub-environment for, and where a session has it."""


def lerobot_space(layout: ObservationLayout) -> spaces.Dict:
    """The observation space of one env: ``agent_pos`` (n,) and ``pixels`` by camera."""
    entries: dict[str, Any] = layout.space.spaces
    numbers = [entries[name] for name in layout.robot_keys]
    low, high = (
        np.concatenate([getattr(box, side) for box in numbers]) for side in ("low", "high")
    )
    found: dict[str, Any] = {"agent_pos": spaces.Box(low, high, dtype=np.float32)}
    if layout.cameras:
        found["pixels"] = spaces.Dict({name: entries[name] for name in layout.cameras})
    return spaces.Dict(found)


def lerobot_observation(observation: Observation, layout: ObservationLayout) -> dict[str, Any]:
    """Observations in LeRobot's form, of one env or batched."""
    numbers = [observation[name] for name in layout.robot_keys]
    found: dict[str, Any] = {"agent_pos": np.concatenate(numbers, axis=-1)}
    if layout.cameras:
        found["pixels"] = {name: observation[name] for name in layout.cameras}
    return found


class LeRobotVectorEnv(VectorWrapper):
    """Our vector env in SAME_STEP mode as LeRobot's rollout wants it."""

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        self._layout: ObservationLayout = env.unwrapped.layout
        self.single_observation_space = lerobot_space(self._layout)
        self.observation_space = batch_space(self.single_observation_space, env.num_envs)

    def reset(
        self, *, seed: Any = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start episodes; ``seed`` is a number or one per env, unknown options are ignored."""
        observation, info = self.env.reset(seed=seed, options=options)
        return lerobot_observation(observation, self._layout), info

    def step(
        self, actions: Any
    ) -> tuple[dict[str, Any], NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        """Step all envs; actions beyond [-1, 1] are cut off there."""
        low, high = self.action_space.low, self.action_space.high  # type: ignore[attr-defined]
        observation, *outcome, info = self.env.step(np.clip(actions, low, high))
        for final in info.get("final_obs", ()):
            if final is not None:
                _replace(final, lerobot_observation(final, self._layout))
        return (lerobot_observation(observation, self._layout), *outcome, info)

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """An attribute or the result of a method of every sub-environment."""
        read = SESSION_ATTRIBUTES.get(name)
        if read is None:
            found: tuple[Any, ...] = self.unwrapped.call(name, *args, **kwargs)  # type: ignore[attr-defined]
            return found
        return tuple(read(session) for session in self.unwrapped.sessions)  # type: ignore[attr-defined]

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """An attribute of every sub-environment."""
        return self.call(name)


def _replace(target: dict[str, Any], values: dict[str, Any]) -> None:
    target.clear()
    target.update(values)


def make_env(
    n_envs: int = 1,
    use_async_envs: bool = False,
    cfg: Any = None,
    task: str = "Pick",
    **kwargs: Any,
) -> LeRobotVectorEnv:
    """Envs for LeRobot: ``n_envs`` slots of one process, whatever ``use_async_envs`` says.

    Args:
        n_envs: number of envs.
        use_async_envs: has no effect; threads step the slots.
        cfg: a config of ``lerobot_plugin``, whose task and arguments then count.
        task: name of the task.
        kwargs: arguments of the env, e.g. ``cameras``, ``image_size``, ``action_mode``.
    """
    if cfg is not None:
        task, kwargs = cfg.task, cfg.gym_kwargs
    arguments = {"obs_mode": "rgb", "render_mode": "rgb_array", **kwargs}
    vector = gym.make_vec(env_id(task), num_envs=n_envs, autoreset_mode="SameStep", **arguments)
    return LeRobotVectorEnv(vector)
