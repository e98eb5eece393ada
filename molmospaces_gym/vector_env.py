"""``MolmoSpacesVectorEnv``: N environments in one process, stepped by threads."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from molmospaces_gym.actions import action_space
from molmospaces_gym.backends.base import make_world
from molmospaces_gym.env import MolmoSpacesEnv, frame_rate, make_layout
from molmospaces_gym.errors import InvalidConfig, NotReset
from molmospaces_gym.info_rows import InfoRows
from molmospaces_gym.observations import Observation
from molmospaces_gym.session import Session
from molmospaces_gym.sources import make_source
from molmospaces_gym.tasks import get_task
from molmospaces_gym.vector_arguments import checked_actions, checked_mask, spread_seeds
from molmospaces_gym.vector_output import make_output

Flags = NDArray[np.bool_]
VectorStep = tuple[Observation, NDArray[np.float64], Flags, Flags, dict[str, Any]]


class MolmoSpacesVectorEnv(VectorEnv[Observation, NDArray[np.float32], NDArray[Any]]):
    """N environments over one world: same numbers as N single ones with the same seeds.

    Made by ``gym.make_vec("molmospaces_gym/Pick-v1", num_envs=N, ...)``. Takes the arguments of
    ``EnvConfig`` and ``autoreset_mode``: ``"NextStep"`` (default), ``"SameStep"`` or
    ``"Disabled"``, as in Gymnasium. ``reset(options={"reset_mask": ...})`` resets some of them.
    Evaluation and observation of one slot overlap the physics of the others.

    With ``output="torch"`` observations (``final_obs`` too), rewards and flags are tensors on
    ``device`` (None: where the simulator computes), other infos stay arrays; see ``vector_output``.
    Actions and ``reset_mask`` may be tensors in any case.
    """

    def __init__(
        self,
        num_envs: int = 1,
        task: str = "Pick",
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        output: str = "numpy",
        device: str | None = None,
        **kwargs: Any,
    ) -> None:
        if num_envs < 1:
            raise InvalidConfig(f"num_envs must be at least 1, not {num_envs!r}")
        try:
            self.autoreset_mode = AutoresetMode(autoreset_mode)
        except ValueError as error:
            raise InvalidConfig(f"{task}: {error}") from error
        self.num_envs = num_envs
        self.task = get_task(task, kwargs.get("task_weights"))
        self._source = make_source(self.task, kwargs)
        self.config, self.robot = self._source.config, self._source.robot
        fps = {"render_fps": frame_rate(self.config, self.task, self.robot)}
        mode = {"autoreset_mode": self.autoreset_mode}
        self.metadata = {**MolmoSpacesEnv.metadata, **fps, **mode}
        self.render_mode = self.config.render_mode
        self.layout = make_layout(self.config, self.task, self.robot)
        self.single_observation_space = self.layout.space
        self.single_action_space = action_space(self.robot, self.config.action_mode)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._output = make_output(output, device, "cpu")  # a wrong name costs no simulator
        self.world = make_world(
            self.config.backend, num_envs, self.config.physics, self._source.mixes_houses
        )
        own_device = str(getattr(self.world, "device", "cpu"))
        if device is None and own_device != "cpu":
            self._output = make_output(output, device, own_device)
        self.sessions = [
            Session(self.config, self.task, self.robot, self.layout, self.world, slot)
            for slot in range(num_envs)
        ]
        self._generators: list[np.random.Generator | None] = [None] * num_envs
        self._seeds: list[int | None] = [None] * num_envs
        self._rows = np.zeros((num_envs, self.layout.size), np.float32)
        blank: Observation = {
            key: np.zeros(space.shape or (), space.dtype or np.uint8)
            for key, space in self.layout.space.items()
            if key not in self.layout.slices
        }
        self._images: list[Observation] = [blank] * num_envs
        self._infos = InfoRows(num_envs)
        self._rewards = np.zeros(num_envs)
        self._terminated, self._truncated = self._none, self._none
        self._done = self._none
        self.before_restart: Callable[[int], None] | None = None
        """Called with a slot whose episode has ended, while its last state is still there."""

    @property
    def output(self) -> str:
        """What observations are given as: ``numpy`` or ``torch``."""
        return self._output.name

    @property
    def np_random_seed(self) -> Any:
        """Seed of each sub-environment."""
        return tuple(self._seeds)

    @property
    def np_random(self) -> Any:
        """Generator of each sub-environment."""
        return tuple(self._generator(slot) for slot in range(self.num_envs))

    @np_random.setter
    def np_random(self, value: Any) -> None:
        self._generators, self._seeds = list(value), [None] * self.num_envs

    def _generator(self, slot: int) -> np.random.Generator:
        found = self._generators[slot]
        if found is None:
            found, self._seeds[slot] = seeding.np_random()
            self._generators[slot] = found
        return found

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Observation, dict[str, Any]]:
        """Start episodes in all slots, or in those of ``options["reset_mask"]`` (bool array)."""
        seeds = spread_seeds(seed, self.num_envs)
        options = dict(options or {})
        mask = checked_mask(options.pop("reset_mask", None), self.num_envs)
        infos: dict[str, Any] = {}
        for slot in np.flatnonzero(mask).tolist():
            if seeds[slot] is not None:
                self._generators[slot], self._seeds[slot] = seeding.np_random(seeds[slot])
            self._begin(slot, options)
            infos = self._add_info(infos, self.sessions[slot].info, slot)
        self._done[mask] = False
        return self._observation(), infos

    def _begin(self, slot: int, options: Mapping[str, Any] | None = None) -> None:
        episode, scene = self._source.next(self._generator(slot), options)
        self.sessions[slot].begin(episode, scene)
        self._infos.write(slot, self.sessions[slot].info)
        self._observe(slot)

    def _observe(self, slot: int) -> None:
        session = self.sessions[slot]
        session.write_values(self._rows[slot])
        if self.layout.cameras:
            self._images[slot] = session.images()

    def _score(self, slot: int) -> None:
        session = self.sessions[slot]
        session.finish()
        self._rewards[slot] = session.reward
        self._terminated[slot], self._truncated[slot] = session.terminated, session.truncated
        self._infos.write(slot, session.info)

    def _finish(self, slot: int) -> None:
        self._score(slot)
        self._observe(slot)

    def _observation(self) -> Observation:
        observation = self.layout.split(self._rows.copy())
        for key in self._images[0]:
            observation[key] = np.stack([images[key] for images in self._images])
        return self._output.observation(observation)

    def step(self, actions: NDArray[np.float32]) -> VectorStep:
        """Step every slot; raises ``InvalidAction`` before anything moves."""
        actions = self._check(actions, self.action_space.shape)
        resetting = self._done if self.autoreset_mode is AutoresetMode.NEXT_STEP else self._none
        stepping = np.flatnonzero(~resetting).tolist()
        self._rewards[resetting] = 0.0
        self._terminated[resetting] = self._truncated[resetting] = False
        if stepping:
            self._advance(stepping, actions, self._finish)
        infos: dict[str, Any] = {}
        for slot in np.flatnonzero(resetting).tolist():
            self._begin(slot)
        return self._returned(self._rewards.copy(), infos)

    def step_chunk(self, actions: NDArray[np.float32]) -> VectorStep:
        """Step every slot once per action of its chunk, or until its episode ends.

        As ``step`` in autoreset mode ``"SameStep"``, with rewards summed over the chunk and
        ``info["chunk_steps"]``, how many actions each slot played. Observations, which may cost
        pictures, are made once per chunk; the other infos are those of a slot's last step.

        Args:
            actions: (num_envs, length, action size).

        Raises:
            InvalidAction: wrong shape or not finite.
            InvalidConfig: the env is in another autoreset mode.
        """
        if self.autoreset_mode is not AutoresetMode.SAME_STEP:
            raise InvalidConfig('step_chunk needs autoreset_mode="SameStep"')
        length = np.shape(actions)[1] if np.ndim(actions) == 3 else 0
        size = spaces.flatdim(self.single_action_space)
        wanted = (self.num_envs, max(length, 1), size)
        actions = self._check(actions, wanted)
        total, played = np.zeros(self.num_envs), np.zeros(self.num_envs, np.int64)
        going = list(range(self.num_envs))
        for index in range(actions.shape[1]):
            is_last = index + 1 == actions.shape[1]
            self._advance(going, actions[:, index], self._finish if is_last else self._score)
            total[going] += self._rewards[going]
            played[going] += 1
            over = self._terminated | self._truncated
            if not is_last:
                for slot in (slot for slot in going if over[slot]):
                    self._observe(slot)
            going = [slot for slot in going if not over[slot]]
            if not going:
                break
        returned = self._returned(total, {})
        for infos in (returned[4], returned[4].get("final_info")):
            if infos is not None:
                infos["chunk_steps"] = played
        return returned

    def _returned(self, rewards: NDArray[np.float64], infos: dict[str, Any]) -> VectorStep:
        terminated, truncated = self._terminated.copy(), self._truncated.copy()
        self._done = terminated | truncated
        if self.autoreset_mode is AutoresetMode.SAME_STEP and self._done.any():
            infos = self._restart()
        output = self._output
        flags = output.flags(terminated), output.flags(truncated)
        return self._observation(), output.rewards(rewards), *flags, self._collect(infos)

    def step_slots(self, slots: Sequence[int], actions: NDArray[np.float32]) -> Observation:
        """Step some slots only; the observations of all.

        ``actions`` has a row for every slot; those of the others are not looked at. What came of
        it is in ``sessions[slot]``, and ``reset`` with a ``reset_mask`` starts a new episode. For
        evaluators, whose slots are not all busy. Raises what the slot's ``Session`` raises.
        """
        self._advance(list(slots), actions, self._finish)
        return self._observation()

    @property
    def _none(self) -> Flags:
        return np.zeros(self.num_envs, np.bool_)

    def _check(self, actions: object, wanted: Any) -> NDArray[np.float32]:
        array = checked_actions(actions, wanted)
        if self.autoreset_mode is AutoresetMode.DISABLED and self._done.any():
            raise NotReset(
                f"envs {np.flatnonzero(self._done).tolist()} have ended; reset them with"
                " options={'reset_mask': ...} before stepping"
            )
        self.sessions[0].scene  # noqa: B018 - raises NotReset before the first reset
        return array

    def _advance(
        self, slots: list[int], actions: NDArray[np.float32], after: Callable[[int], None]
    ) -> None:
        """Step slots, grouped by their number of substeps (scenes may differ)."""

        def act(slot: int) -> None:
            self.sessions[slot].act(actions[slot])

        groups: dict[int, list[int]] = {}
        for slot in slots:
            groups.setdefault(self.sessions[slot].physics_steps, []).append(slot)
        for count, group in groups.items():
            self.world.step(count, group, act, after)

    def _restart(self) -> dict[str, Any]:
        """Start new episodes where one has ended; the last observation and info go to infos."""
        infos: dict[str, Any] = {}
        for slot in np.flatnonzero(self._done).tolist():
            session = self.sessions[slot]
            if self.before_restart is not None:
                self.before_restart(slot)
            final = self.layout.split(self._rows[slot].copy())
            final.update(self._images[slot])
            ended = {
                "final_obs": self._output.observation(final),
                "final_info": dict(session.info),
            }
            infos = self._add_info(infos, ended, slot)
            self._begin(slot)
        return infos

    def _collect(self, infos: dict[str, Any]) -> dict[str, Any]:
        """Batch the sessions' infos into arrays with ``_key`` masks, as Gymnasium does."""
        rows = [session.info for session in self.sessions]
        batch = self._infos.batch(rows)
        if batch is not None:
            return infos | batch
        for slot, row in enumerate(rows):
            infos = self._add_info(infos, row, slot)
        return infos

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Read an attribute of every session, or call it when it is a method."""
        found = self.get_attr(name)
        return tuple(f(*args, **kwargs) if callable(f) else f for f in found)

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """An attribute of every session, or this env's own once per slot."""
        return tuple(getattr(s if hasattr(s, name) else self, name) for s in self.sessions)

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:
        """One (H, W, 3) image per slot from its first exterior camera."""
        if self.render_mode is None:
            return None
        return tuple(session.render() for session in self.sessions)

    def close_extras(self, **kwargs: Any) -> None:
        """Release the simulator and the renderers."""
        if "world" in self.__dict__:  # Gymnasium before 1.3 closes in __del__, whatever was made
            self.world.close()
