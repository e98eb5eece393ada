"""Demonstrations: what an expert saw and did, step by step, as SPOC learns from it."""

import hashlib
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.json_files import replacing
from molmospaces_gym.policies.base import PolicyLike, bind_policy
from molmospaces_gym.policies.spoc.config import SpocConfig
from molmospaces_gym.wrappers.instruction import hash_tokens

Arrays = dict[str, NDArray[Any]]


IDLE = 2e-3
"""Change of a vector (m, rad, share) in one step up to which nothing moved."""


@dataclass(frozen=True, kw_only=True)
class Demos:
    """Steps of successful episodes, one after another.

    Attributes:
        inputs: by name, one row per step (m, ...): text, cameras, vectors of a ``SpocConfig``.
        actions: (m, n) what was done, in the env's units; noise that was added is not in it.
        ends: (m,) row behind the last step of the episode that a step belongs to.
        episodes: how many there are.
        tried: how many were played, failures included.
        source: (m, 2) where a row comes from: number of the episode in the data, in the order in
            which it is read, and of the step in it, from 0. None in files of older versions.
    """

    inputs: Arrays
    actions: NDArray[np.float32]
    ends: NDArray[np.int64]
    episodes: int
    tried: int
    source: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.actions)

    def chunks(
        self, rows: NDArray[np.int64], length: int
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """What was done from each row on: (k, length, n), and (k, length) where it had ended.

        Behind its end an episode's last action stands, so that a chunk has no holes.
        """
        steps = rows[:, None] + np.arange(length)
        padding = steps >= self.ends[rows][:, None]
        return self.actions[np.minimum(steps, self.ends[rows][:, None] - 1)], padding

    @classmethod
    def joined(cls, kept: Sequence["DemoEpisode"], tried: int) -> "Demos":
        """The moving steps of at least one episode, one after another."""
        sizes = np.array([len(episode.steps) for episode in kept])
        steps = np.concatenate([episode.steps for episode in kept])
        numbers = np.repeat([episode.number for episode in kept], sizes)
        names = kept[0].inputs
        return cls(
            inputs={k: np.concatenate([e.inputs[k][e.steps] for e in kept]) for k in names},
            actions=np.concatenate([episode.actions[episode.steps] for episode in kept]),
            ends=np.repeat(np.cumsum(sizes), sizes),
            episodes=len(kept),
            tried=tried,
            source=np.column_stack([numbers, steps]),
        )

    def require(self, config: SpocConfig) -> None:
        """Raise ``InvalidConfig`` where a policy of ``config`` could not learn from these."""
        names = ("text", *config.cameras, *(name for name, _ in config.vectors))
        lacking = [name for name in names if name not in self.inputs]
        if lacking:
            raise InvalidConfig(
                f"the demonstrations lack {', '.join(lacking)}, which the policy observes; they"
                f" hold {', '.join(self.inputs)}"
            )
        if self.actions.shape[1] != config.action_dim:
            raise InvalidConfig(
                f"the demonstrations have actions of {self.actions.shape[1]} numbers, the policy of"
                f" {config.action_dim}; another action_mode or robot?"
            )

    def digest(self) -> str:
        """The same for the same demonstrations only."""
        found = hashlib.blake2b(digest_size=16)
        for name, array in (*sorted(self.inputs.items()), ("", self.actions), ("", self.ends)):
            found.update(f"{name}{array.dtype}{array.shape}".encode())
            found.update(np.ascontiguousarray(array).data)
        return found.hexdigest()

    def save(self, path: Path) -> None:
        """Write one compressed npz file, whole or not at all."""
        inputs = {f"input/{key}": value for key, value in self.inputs.items()}
        counts = np.array([self.episodes, self.tried])
        if self.source is not None:
            inputs["source"] = self.source
        with replacing(path) as file:
            np.savez_compressed(file, actions=self.actions, ends=self.ends, counts=counts, **inputs)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: Path) -> "Demos":
        """Read what ``save`` wrote; raises ``InvalidConfig`` for anything else."""
        try:
            with path.open("rb") as opened, np.load(opened) as file:
                arrays = {key: file[key] for key in file.files}
            inputs = {k.removeprefix("input/"): v for k, v in arrays.items() if "/" in k}
            episodes, tried = arrays["counts"].tolist()
            return cls(
                inputs=inputs,
                actions=arrays["actions"],
                ends=arrays["ends"],
                episodes=episodes,
                tried=tried,
                source=arrays.get("source"),
            )
        except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise InvalidConfig(f"{path} holds no demonstrations: {error}") from error


class DemoEpisode:
    """One episode on its way into ``Demos``.

    Args:
        number: of the episode in the data.
        inputs: by name, one row per step (T, ...).
        actions: (T, n) what the demonstrator did.
        vectors: names of the inputs that tell whether anything moves.
        idle: ``steps`` are those after which some vector changes by more than this (m, rad,
            shares), and the last one.
    """

    def __init__(
        self,
        number: int,
        inputs: Arrays,
        actions: NDArray[np.float32],
        vectors: Sequence[str],
        idle: float,
    ) -> None:
        self.number, self.inputs, self.actions = number, inputs, actions
        self.steps = np.flatnonzero(_moving([inputs[v] for v in vectors], len(actions), idle))


def collect(
    env: Any,
    config: SpocConfig,
    expert: PolicyLike,
    episodes: int,
    seed: int,
    noise: float = 0.0,
    idle: float = IDLE,
    progress: Callable[[int, int], None] | None = None,
) -> Demos:
    """Play until ``episodes`` of an expert's episodes were successful, and keep those.

    Args:
        env: a Gymnasium env with the keys that ``config`` observes; it ends at success.
        config: what is recorded.
        expert: who acts.
        episodes: how many to keep.
        seed: of the first episode; the others count on, so that the data is the same each time.
        noise: standard deviation of what is added to the expert's actions as they are played,
            in the env's units (-1..1), so that states around its path are seen too.
        idle: steps that change no vector by more than this (m, rad, shares) are left out. A policy
            without memory that learned to wait waits for ever.
        progress: called with the numbers kept and played after each episode.

    Raises:
        InvalidConfig: the expert succeeds in fewer than one of five episodes.
    """
    bind_policy(expert, env)
    kept: list[DemoEpisode] = []
    names = [name for name, _ in config.vectors]
    tried = 0
    while len(kept) < episodes:
        if tried >= 5 * episodes + 5:
            raise InvalidConfig(f"the expert solved only {len(kept)} of {tried} episodes")
        played = _episode(env, config, expert, seed + tried, noise)
        tried += 1
        if played is not None:
            kept.append(DemoEpisode(len(kept), *played, names, idle))
        if progress is not None:
            progress(len(kept), tried)
    return Demos.joined(kept, tried)


def _episode(
    env: Any, config: SpocConfig, expert: PolicyLike, seed: int, noise: float
) -> tuple[Arrays, NDArray[np.float32]] | None:
    rng = np.random.default_rng(seed)
    observation, info = env.reset(seed=seed)
    expert.reset(str(info["instruction"]), seed)
    text = hash_tokens(str(info["instruction"]), config.text_length, config.vocabulary)
    rows: list[Arrays] = []
    actions: list[NDArray[np.float32]] = []
    state, over = None, False
    while not over:
        action, state = expert.predict(observation, state, np.zeros(1, np.bool_), True)
        rows.append(seen(observation, config, text))
        actions.append(np.asarray(action, np.float32))
        done = np.clip(action + noise * rng.standard_normal(action.shape), -1.0, 1.0)
        observation, _, terminated, truncated, info = env.step(done.astype(np.float32))
        over = terminated or truncated
    if not info["is_success"]:
        return None
    return stacked(rows), np.stack(actions)


def stacked(rows: Sequence[Arrays]) -> Arrays:
    """Rows of named values as named arrays (T, ...)."""
    return {key: np.stack([row[key] for row in rows]) for key in rows[0]}


def _moving(vectors: list[NDArray[Any]], count: int, idle: float) -> NDArray[np.bool_]:
    """Steps (count,) after which some vector is another; the last one always."""
    moving = np.ones(count, np.bool_)
    if vectors:
        changes = np.abs(np.diff(np.concatenate(vectors, axis=1), axis=0)).max(axis=1)
        moving[:-1] = changes > idle
    return moving


def seen(observation: Mapping[str, Any], config: SpocConfig, text: NDArray[Any]) -> Arrays:
    """The inputs of ``config`` out of an observation, pictures at its size."""
    found: Arrays = {"text": text}
    for camera in config.cameras:
        found[camera] = _checked(_of(observation, camera), config.image_size)
    for name, _ in config.vectors:
        found[name] = np.asarray(_of(observation, name), np.float32)
    return found


def _of(observation: Mapping[str, Any], key: str) -> Any:
    if key not in observation:
        raise InvalidConfig(
            f"SPOC observes {key!r}, which this env does not have; it has {', '.join(observation)}"
        )
    return observation[key]


def _checked(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    if image.shape[:2] != (side, side):
        raise InvalidConfig(
            f"SPOC sees pictures of {side} x {side}, not {image.shape[:2]}; make the env with"
            f" image_size=[{side}, {side}]"
        )
    return image


def batches(count: int, size: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Rows of minibatches without end: each pass over ``count`` rows in a new order."""
    while True:
        order = rng.permutation(count)
        for start in range(0, max(count - size + 1, 1), size):
            yield order[start : start + size]
