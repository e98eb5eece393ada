"""Stored episodes as demonstrations: what ``molmospaces-gym datagen`` wrote, in any of its formats.

Where a dataset holds everything that a policy observes, in the action mode that it acts in, its
rows are taken as they are. Otherwise each episode is simulated again from its start with the
actions that were carried out, which gives every observation our envs have; what the expert wanted
is put into the policy's action mode.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.actions import ActionMapper, action_parts, make_mapper
from molmospaces_gym.benchmarks.datagen.formats import get_format
from molmospaces_gym.benchmarks.datagen.replay import action_of, command_of, env_of
from molmospaces_gym.benchmarks.datagen.trajectory import Trajectory
from molmospaces_gym.errors import InvalidTrajectory, MixedActions
from molmospaces_gym.policies.spoc.config import SpocConfig
from molmospaces_gym.policies.spoc.demos import IDLE, Arrays, DemoEpisode, Demos, seen, stacked
from molmospaces_gym.session import Session
from molmospaces_gym.wrappers.instruction import hash_tokens

SIGNS = (("hdf5", "house_*/*.h5"), ("lerobot", "meta/info.json"), ("minari", "*/data/*.hdf5"))
"""Format -> what its folder holds."""
ABSOLUTE = "joint_position"
"""Action mode of episodes that hold absolute commands and no actions of an env."""


@dataclass(frozen=True, kw_only=True)
class Stored:
    """Demonstrations of a dataset, and what became of the others.

    Attributes:
        demos: the demonstrations; ``demos.tried`` counts all episodes of the dataset.
        failed: episodes left out because they ended in failure.
        diverged: episodes left out because they did not succeed when they were simulated again.
        limited: share of the steps in which the expert wanted more of an arm than one action of
            the policy's mode can say.
    """

    demos: Demos
    failed: int
    diverged: int
    limited: float


def format_of(path: Path) -> tuple[str, Path]:
    """Format and folder of the dataset at ``path``, which may be a whole run of ``datagen``.

    Raises:
        InvalidTrajectory: there is none.
    """
    if path.suffix == ".h5" and path.is_file():
        return "hdf5", path
    for folder in (path, *(path / name for name, _ in SIGNS)):
        for name, sign in SIGNS:
            if next(folder.glob(sign), None) is not None:
                return name, folder
    raise InvalidTrajectory(
        f"{path} holds no dataset of molmospaces-gym; expected a folder that datagen wrote"
        " (hdf5, lerobot or minari), or an official .h5 file"
    )


def read_demos(
    path: Path,
    config: SpocConfig,
    env_kwargs: Mapping[str, Any],
    *,
    task: str | None = None,
    failures: bool = False,
    idle: float = IDLE,
    progress: Callable[[int, int], None] | None = None,
) -> Stored:
    """The demonstrations in a dataset.

    Args:
        path: see ``format_of``.
        config: what is observed.
        env_kwargs: arguments of the env that the policy plays in: ``action_mode``, ``obs_mode``,
            ``image_size``, ``cameras``.
        task: of every episode; None: any.
        failures: take episodes that ended in failure too.
        idle: see ``demos.collect``.
        progress: called with the numbers kept and read after each episode.

    Raises:
        InvalidTrajectory: there is no dataset, or it holds no episode that can be used.
        MixedActions: its episodes were played in different action modes.
        InvalidConfig: neither the dataset nor our env has what ``config`` observes.
    """
    reader = _Reader(config, dict(env_kwargs))
    kept: list[DemoEpisode] = []
    names = [name for name, _ in config.vectors]
    tried = failed = diverged = 0
    try:
        for number, trajectory in enumerate(_checked(path, task)):
            tried += 1
            wanted = failures or trajectory.succeeded
            found = reader.read(trajectory) if wanted and len(trajectory) else None
            failed, diverged = failed + (not wanted), diverged + (wanted and found is None)
            if found is not None:
                kept.append(DemoEpisode(number, *found, names, idle))
            if progress is not None:
                progress(len(kept), tried)
    finally:
        reader.close()
    if not kept:
        raise InvalidTrajectory(
            f"none of the {tried} episodes in {path} can be learned from: {failed} failed,"
            f" {diverged} did not succeed when they were simulated again"
        )
    return Stored(
        demos=Demos.joined(kept, tried), failed=failed, diverged=diverged, limited=reader.limited
    )


def _checked(path: Path, task: str | None) -> Iterator[Trajectory]:
    """The trajectories, all of one action mode and of the task."""
    name, folder = format_of(path)
    first = None
    for trajectory in get_format(name).read(folder):
        mode = mode_of(trajectory)
        first = mode if first is None else first
        if mode != first:
            raise MixedActions(
                f"{folder} mixes action modes: {first} and, in episode {trajectory.index}, {mode};"
                " make a dataset of each"
            )
        if task is not None and trajectory.task != task:
            raise InvalidTrajectory(
                f"{folder}, episode {trajectory.index} is of task {trajectory.task}, not {task}"
            )
        yield trajectory


def mode_of(trajectory: Trajectory) -> str:
    """The action mode that an episode was played in; ``default`` is the task's own."""
    if not trajectory.actions.shape[1]:
        return ABSOLUTE
    return str(trajectory.env_kwargs.get("action_mode") or "default")


class _Reader:
    """Makes inputs and actions of one trajectory after another."""

    def __init__(self, config: SpocConfig, env_kwargs: dict[str, Any]) -> None:
        self._config, self._kwargs = config, env_kwargs
        self._mode = env_kwargs.pop("action_mode", None)
        self._env: Any = None
        self._made: dict[str, Any] = {}
        self._steps = self._limited = 0

    @property
    def limited(self) -> float:
        """See ``Stored``."""
        return self._limited / max(self._steps, 1)

    def close(self) -> None:
        if self._env is not None:
            self._env.close()

    def read(self, trajectory: Trajectory) -> tuple[Arrays, NDArray[np.float32]] | None:
        """Inputs and actions; None where the episode takes another way when simulated again."""
        if self._mode is not None and self._mode == mode_of(trajectory):
            inputs = stored_inputs(trajectory, self._config)
            if inputs is not None and trajectory.expert_actions.shape[1]:
                return inputs, trajectory.expert_actions
        return self._replayed(trajectory)

    def _replayed(self, trajectory: Trajectory) -> tuple[Arrays, NDArray[np.float32]] | None:
        if trajectory.episode is None:
            raise InvalidTrajectory(
                f"trajectory {trajectory.index} lacks {', '.join(self._config_names())} or has"
                " another action mode, and does not say how it started, so it cannot be simulated"
            )
        env, config = self._env_for(trajectory), self._config
        observation, _ = env.reset(seed=trajectory.seed, options={"episode": trajectory.episode})
        session: Session = env.unwrapped.session
        own = session.config.action_mode
        mode = self._mode or own
        mapper = make_mapper(mode, session.scene.robot, session.control_dt)
        arms = _arm_columns(session, mode)
        text = _text(trajectory, config)
        rows: list[Arrays] = []
        wanted: list[NDArray[np.float32]] = []
        for step in range(len(trajectory)):
            rows.append(seen(observation, config, text))
            if mode == own and trajectory.expert_actions.shape[1]:
                wanted.append(trajectory.expert_actions[step])
            else:
                wanted.append(_encoded(trajectory, step, session, mapper))
                self._limited += bool((np.abs(wanted[-1][arms]) >= 1.0).any())
            self._steps += 1
            observation, *_ = env.step(action_of(trajectory, step, session))
        if session.state.success != trajectory.succeeded:
            return None
        return stacked(rows), np.stack(wanted)

    def _config_names(self) -> list[str]:
        return [*self._config.cameras, *(name for name, _ in self._config.vectors)]

    def _env_for(self, trajectory: Trajectory) -> Any:
        """An env for the trajectory; the last one where it fits."""
        # No episode of a dataset comes near this length, so that one env serves all of them.
        changes = {
            **self._kwargs,
            "horizon": 1_000_000,
            "terminate_on_success": False,
        }
        made = {"id": trajectory.env_id, "robot": trajectory.robot, **trajectory.env_kwargs}
        if not trajectory.actions.shape[1]:
            made |= {"task": trajectory.task, "control_dt": trajectory.control_dt}
        if self._env is None or made != self._made:
            self.close()
            self._env, self._made = env_of(trajectory, **changes), made
        return self._env


def stored_inputs(trajectory: Trajectory, config: SpocConfig) -> Arrays | None:
    """The inputs of ``config`` (T, ...) as the trajectory holds them, or None."""
    steps, found = len(trajectory), dict[str, NDArray[Any]]()
    for camera in config.cameras:
        track = trajectory.cameras.get(camera)
        if track is None or track.size != (config.image_size, config.image_size):
            return None
        frames = track.frames()
        if frames is None:
            return None
        found[camera] = frames[:steps]
    for name, size in config.vectors:
        values = trajectory.observations.get(name)
        if values is None or values.shape[1:] != (size,):
            return None
        found[name] = np.asarray(values[:steps], np.float32)
    text = _text(trajectory, config)
    return {"text": np.tile(text, (steps, 1)), **found}


def _text(trajectory: Trajectory, config: SpocConfig) -> NDArray[np.int32]:
    return hash_tokens(trajectory.instruction, config.text_length, config.vocabulary)


def _encoded(
    trajectory: Trajectory, step: int, session: Session, mapper: ActionMapper
) -> NDArray[np.float32]:
    command = command_of(trajectory.commands, step, session)
    return mapper.encode(command, session.ctrl).astype(np.float32)


def _arm_columns(session: Session, mode: str) -> Sequence[int]:
    """Elements of an action that move an arm."""
    parts = action_parts(session.robot, mode)
    groups = [arm.group for arm in session.robot.arms]
    return [i for g in groups if g in parts for i in range(parts[g].start, parts[g].stop)]
