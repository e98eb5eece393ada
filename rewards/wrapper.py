"""``TOPReward``: a video model's opinion of the task's progress as reward."""

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
from gymnasium.utils import RecordConstructorArgs

from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.rewards.core import EpisodeReward, RewardConfig, Schedule, combined
from molmospaces_gym.rewards.frames import Camera
from molmospaces_gym.rewards.watch import Watch, resolve_model

Step = tuple[Any, float, bool, bool, dict[str, Any]]
MODEL = "tiny"
"""The model that comes with the package."""


class TOPReward(gym.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Adds to the reward, or replaces it by, what a reward model says of the episode's video.

    The env's own reward is always in ``info["reward/env"]``, what this wrapper adds in
    ``info["reward/topreward"]``; ``EpisodeReward.info`` lists the rest. On reset these say what the
    first frame was worth.

    Args:
        env: an env whose ``info`` has the ``instruction``; with ``obs_mode="state"``, too.
        model: a name for ``load_reward_model``, or a ``RewardModel``. Only with a name can the
            wrapper be rebuilt from ``env.spec``.
        settings: see ``RewardConfig``.
    """

    def __init__(self, env: gym.Env[Any, Any], model: Any = MODEL, **settings: Any) -> None:
        plain = isinstance(model, str)
        RecordConstructorArgs.__init__(self, _disable_deepcopy=not plain, model=model, **settings)
        gym.Wrapper.__init__(self, env)
        self.model = resolve_model(model)
        self.config = RewardConfig.of(settings, self.model)
        self._camera = Camera(env, env.observation_space, self.config, self.model)
        self._watch = Watch(self.model, 1, self.config.baseline, self.config.asynchronous)
        self._episode = EpisodeReward(self.config)
        self._schedule = Schedule(1)

    @property
    def seconds(self) -> float:
        """Time that the model has taken so far, s."""
        return self._watch.seconds

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        """Start an episode; the model sees its first frame."""
        observation, info = self.env.reset(**kwargs)
        self._watch.collect()  # of an episode that was not played to its end
        self._episode = EpisodeReward(self.config)
        self._schedule = Schedule(self._camera.every(0))
        starts = {0: told(self.config, info)}
        self._watch.show({0: self._camera.take(0, observation)}, starts)
        if not self.config.asynchronous:
            self._hear()
        return observation, {**info, **self._episode.info()}

    def step(self, action: Any) -> Step:
        """Step, show the model a frame where one is due, and pay."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._hear()
        due = self._schedule.advance(int(info.get("chunk_steps", 1)))
        if due or terminated or truncated:
            self._watch.show({0: self._camera.take(0, observation)})
            if terminated or truncated or not self.config.asynchronous:
                self._hear()
        playing = not (terminated or truncated)  # an end of the env's own stays what it is
        if self.config.detector_terminates and playing and self._episode.succeeded:
            terminated = True
            self._hear()
        earned = self._episode.pay(terminated, truncated)
        info = {**info, "reward/env": float(reward), "reward/topreward": earned}
        info |= self._episode.info(terminated or truncated)
        total = combined(self.config, float(reward), earned)
        return observation, total, terminated, truncated, info

    def close(self) -> None:
        """Close the env and end the model's thread."""
        self._watch.close()
        super().close()

    def _hear(self) -> None:
        """Take in the scores that have arrived."""
        for judged in self._watch.collect().values():
            self._episode.add(judged)


def told(config: RewardConfig, info: Mapping[str, Any]) -> str:
    """The instruction that the model hears; raises ``InvalidConfig`` where there is none."""
    instruction = config.instruction or info.get("instruction")
    if not instruction:
        raise InvalidConfig(
            "the env's info has no instruction; wrap it with TOPReward(env, instruction=...)"
        )
    return str(instruction)
