"""``VectorTOPReward``: ``TOPReward`` of N envs at a time, with one call of the model for all."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import AutoresetMode, VectorWrapper
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.rewards.core import EpisodeReward, RewardConfig, Schedule, combined
from molmospaces_gym.rewards.frames import Camera
from molmospaces_gym.rewards.vector_infos import (
    forget_row,
    observation_row,
    read_row,
    steps_taken,
)
from molmospaces_gym.rewards.watch import Watch, resolve_model
from molmospaces_gym.rewards.wrapper import MODEL, told
from molmospaces_gym.vector_output import alike, as_array

Flags = NDArray[np.bool_]
Frames = dict[int, NDArray[Any]]
VectorStep = tuple[Any, NDArray[np.float64], Flags, Flags, dict[str, Any]]


class VectorTOPReward(VectorWrapper, RecordConstructorArgs):
    """Pays each sub-environment what ``TOPReward`` would pay it, in all autoreset modes.

    An episode's last frame is that of its last state, before any autoreset, and its rewards stand
    beside ``final_obs`` in ``final_info`` where the env resets in the same step.

    Args:
        envs: a ``MolmoSpacesVectorEnv``, or another vector env that observes ``camera``.
        model: a name for ``load_reward_model``, or a ``RewardModel``.
        settings: see ``RewardConfig``. ``detector_terminates`` does not go with NEXT_STEP, in which
            only the env itself starts episodes.
    """

    def __init__(self, envs: Any, model: Any = MODEL, **settings: Any) -> None:
        plain = isinstance(model, str)
        RecordConstructorArgs.__init__(self, _disable_deepcopy=not plain, model=model, **settings)
        VectorWrapper.__init__(self, envs)
        self.model = resolve_model(model)
        self.config = RewardConfig.of(settings, self.model)
        self._mode = envs.metadata.get("autoreset_mode")
        self._same_step = self._mode is AutoresetMode.SAME_STEP
        if self.config.detector_terminates and self._mode is AutoresetMode.NEXT_STEP:
            raise InvalidConfig(
                'detector_terminates needs autoreset_mode="SameStep" or "Disabled", not "NextStep"'
            )
        space = envs.single_observation_space
        self._camera = Camera(envs, space, self.config, self.model)
        self._last: Frames = {}
        if self._same_step and not self._camera.observed:
            self._watch_restarts(envs.unwrapped)
        count, config = envs.num_envs, self.config
        self._watch = Watch(self.model, count, config.baseline, config.asynchronous)
        self._episodes = [EpisodeReward(config) for _ in range(count)]
        self._schedules = [Schedule(1) for _ in range(count)]
        self._ended = np.zeros(count, np.bool_)

    def _watch_restarts(self, base: Any) -> None:
        if not hasattr(base, "before_restart"):
            raise InvalidConfig(
                f"{type(base).__name__} resets before its last state can be rendered; name an image"
                " of its observation as camera"
            )

        def keep(slot: int) -> None:
            self._last[slot] = self._camera.take(slot, None)

        base.before_restart = keep

    @property
    def seconds(self) -> float:
        """Time that the model has taken so far, s."""
        return self._watch.seconds

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Any, dict[str, Any]]:
        """Start episodes in all slots, or in those of ``options["reset_mask"]``."""
        mask = (options or {}).get("reset_mask")
        observation, infos = self.env.reset(seed=seed, options=options)  # type: ignore[arg-type]
        self._hear()
        begun = np.ones(self.num_envs, np.bool_) if mask is None else np.array(mask)
        self._ended[begun] = False
        return observation, self._begin(begun, observation, infos, {})

    def step(self, actions: Any) -> VectorStep:
        """Step, show the model the frames that are due, and pay."""
        return self._judged(self.env.step(actions))

    def step_chunk(self, actions: Any) -> VectorStep:
        """See ``MolmoSpacesVectorEnv.step_chunk``; a chunk is one decision."""
        return self._judged(self.env.step_chunk(actions))  # type: ignore[attr-defined]

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """An attribute of every sub-environment."""
        return tuple(self.env.get_attr(name))  # type: ignore[attr-defined]

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Call a method of every sub-environment."""
        return tuple(self.env.call(name, *args, **kwargs))  # type: ignore[attr-defined]

    def close(self, **kwargs: Any) -> None:
        """Close the envs and end the model's thread."""
        if "_watch" in self.__dict__:  # Gymnasium before 1.3 closes in __del__, whatever was made
            self._watch.close()
        super().close(**kwargs)

    def _judged(self, stepped: VectorStep) -> VectorStep:
        """Numbers are tensors where the env's are (``output="torch"``)."""
        observation, *numbers, infos = stepped
        env_rewards, terminated, truncated = (as_array(values) for values in numbers)
        begun = self._ended if self._mode is AutoresetMode.NEXT_STEP else self._ended & False
        ended = terminated | truncated
        frames = self._due(~begun, ended, observation, infos)
        self._hear()
        at_once = [slot for slot in frames if ended[slot] or not self.config.asynchronous]
        self._show_now({slot: frames.pop(slot) for slot in at_once})
        if self.config.detector_terminates:
            found = self._detected(~begun & ~ended)
            self._show_now({slot: frames.pop(slot) for slot in list(frames) if found[slot]})
            if found.any():
                terminated, ended = terminated | found, ended | found
                if self._same_step:
                    observation, infos = self._restart(found, observation, infos)
        rewards = np.array(env_rewards, np.float64)
        for slot in np.flatnonzero(~begun).tolist():
            earned = self._episodes[slot].pay(bool(terminated[slot]), bool(truncated[slot]))
            row = {"reward/env": float(env_rewards[slot]), "reward/topreward": earned}
            row |= self._episodes[slot].info(bool(ended[slot]))
            rewards[slot] = combined(self.config, float(env_rewards[slot]), earned)
            if ended[slot] and self._same_step:
                infos = self._add_info(infos, {"final_info": row}, slot)
            else:
                infos = self._add_info(infos, row, slot)
        self._ended = ended.copy()
        restarted = ended if self._same_step else begun
        infos = self._begin(restarted, observation, infos, frames)
        told = (rewards, terminated, truncated)
        return observation, *(alike(*pair) for pair in zip(numbers, told, strict=True)), infos

    def _due(self, playing: Flags, ended: Flags, observation: Any, infos: Any) -> Frames:
        """The frames of this decision: where one is due and where an episode has ended."""
        frames: Frames = {}
        for slot in np.flatnonzero(playing).tolist():
            due = self._schedules[slot].advance(steps_taken(infos, slot))
            if ended[slot] and self._same_step:
                frames[slot] = self._last_frame(slot, infos)
            elif due or ended[slot]:
                frames[slot] = self._camera.take(slot, observation_row(observation, slot))
        return frames

    def _last_frame(self, slot: int, infos: dict[str, Any]) -> NDArray[Any]:
        if self._camera.observed:
            return self._camera.take(slot, infos["final_obs"][slot])
        return self._last.pop(slot)

    def _show_now(self, frames: Frames) -> None:
        self._watch.show(frames)
        self._hear()

    def _detected(self, candidates: Flags) -> Flags:
        found = candidates.copy()
        for slot in np.flatnonzero(candidates).tolist():
            found[slot] = self._episodes[slot].succeeded
        return found

    def _restart(
        self, found: Flags, observation: Any, infos: dict[str, Any]
    ) -> tuple[Any, dict[str, Any]]:
        """Start new episodes where the detector has ended some, as the env does at its own ends."""
        for slot in np.flatnonzero(found).tolist():
            last = observation_row(observation, slot)
            final = {key: as_array(value).copy() for key, value in last.items()}
            row = {"final_obs": final, "final_info": read_row(infos, slot)}
            infos = self._add_info(infos, row, slot)
            forget_row(infos, slot)
        observation, begun = self.env.reset(options={"reset_mask": found})
        for slot in np.flatnonzero(found).tolist():
            infos = self._add_info(infos, read_row(begun, slot), slot)
        return observation, infos

    def _begin(
        self, begun: Flags, observation: Any, infos: dict[str, Any], frames: Frames
    ) -> dict[str, Any]:
        """Start watching new episodes, and show the ``frames`` of others with theirs."""
        starts = {}
        for slot in np.flatnonzero(begun).tolist():
            self._episodes[slot] = EpisodeReward(self.config)
            self._schedules[slot] = Schedule(self._camera.every(slot))
            starts[slot] = told(self.config, read_row(infos, slot))
            frames[slot] = self._camera.take(slot, observation_row(observation, slot))
        self._watch.show(frames, starts)
        if not self.config.asynchronous:
            self._hear()
        for slot in starts:
            infos = self._add_info(infos, self._episodes[slot].info(), slot)
        return infos

    def _hear(self) -> None:
        """Take in the scores that have arrived."""
        for slot, judged in self._watch.collect().items():
            self._episodes[slot].add(judged)
