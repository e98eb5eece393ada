"""The frozen policy that is corrected, in one world or in several."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.policies.base import (
    BatchedPolicy,
    PolicyLike,
    bind_policy,
    load_policy,
)

Floats = NDArray[np.float32]


class Bases:
    """A policy in ``count`` worlds: one call for all where it can, else one policy per world."""

    def __init__(self, spec: str, count: int = 1) -> None:
        self._spec = spec
        self._fill(load_policy(spec), count)

    def _fill(self, first: PolicyLike, count: int) -> None:
        """Policies for ``count`` worlds, none of which has begun."""
        self.batched = isinstance(first, BatchedPolicy)
        others = 0 if self.batched else count - 1
        self.policies = [first, *(load_policy(self._spec) for _ in range(others))]
        self._states: list[Any] = [None] * len(self.policies)
        self._started: set[int] = set()

    def bind(self, env: Any) -> None:
        """Show the policies the env: a vector env, or a single one."""
        env = env.unwrapped
        self._fill(self.policies[0], getattr(env, "num_envs", 1))
        if self.batched or not hasattr(env, "sessions"):
            for policy in self.policies:
                bind_policy(policy, env)
            return
        for slot, policy in enumerate(self.policies):
            bind_policy(policy, Slot(env, slot))

    def reset_row(self, row: int, instruction: str, seed: int | None) -> None:
        """Start an episode in one world."""
        self._started.add(row)
        first = self.policies[0]
        if isinstance(first, BatchedPolicy):
            first.reset_row(row, instruction, seed)
            return
        self.policies[row].reset(instruction, seed)
        self._states[row] = None

    def predict(self, obs: Mapping[str, Any], starts: NDArray[np.bool_]) -> Floats:
        """Actions (n, size) for observations with a row per world; those of idle worlds are 0."""
        if self.batched:
            actions, self._states[0] = self.policies[0].predict(obs, self._states[0], starts, True)
            return np.asarray(actions, np.float32)
        found: dict[int, Any] = {}
        for row, policy in enumerate(self.policies):
            if row in self._started:
                one = {key: value[row] for key, value in obs.items()}
                action, state = policy.predict(one, self._states[row], starts[row : row + 1], True)
                found[row], self._states[row] = np.asarray(action, np.float32), state
        idle = np.zeros_like(next(iter(found.values())))
        return np.stack([found.get(row, idle) for row in range(len(self.policies))])


class Slot:
    """One world of a vector env, as policies know a single env."""

    def __init__(self, env: Any, slot: int) -> None:
        self._env, self._slot = env, slot
        self.action_space = env.single_action_space
        self.observation_space = env.single_observation_space

    @property
    def unwrapped(self) -> "Slot":
        """Itself."""
        return self

    @property
    def session(self) -> Any:
        """The session of this world."""
        return self._env.sessions[self._slot]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        session = self.session
        return getattr(session, name) if hasattr(session, name) else getattr(self._env, name)
