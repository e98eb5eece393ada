"""``ExpertPolicy``: a scripted, privileged policy that asks the solver of the episode's task."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import NotReset, UnknownName
from molmospaces_gym.session import Session

SOLVERS: Mapping[str, str] = {
    "Pick": "molmospaces_gym.policies.attempts:PickSolver",
    "PickAndPlace": "molmospaces_gym.policies.placing:PlaceSolver",
    "PickAndPlaceNextTo": "molmospaces_gym.policies.placing:PlaceSolver",
    "PickAndPlaceColor": "molmospaces_gym.policies.placing:PlaceSolver",
    "Open": "molmospaces_gym.policies.opening:OpeningSolver",
    "Close": "molmospaces_gym.policies.opening:OpeningSolver",
    "OpenDoor": "molmospaces_gym.policies.doors:DoorSolver",
    "NavigateTo": "molmospaces_gym.policies.driving:NavigationSolver",
    "Household": "molmospaces_gym.policies.household:HouseholdSolver",
}
"""Task name -> "module:Class" of the ``Solver`` that plays it. One row per task."""
DRIVEN = ("NavigateTo",)
"""Tasks that are played with the base alone."""


class HasSession(Protocol):
    """What the policy is bound to: an env, or anything else with a session."""

    @property
    def session(self) -> Session:
        """The session whose episode is played."""


class Solver(Protocol):
    """Plays the episodes of one task.

    Made without arguments and kept from episode to episode, so that what it knows of a scene can
    be used again.
    """

    def play(self, session: Session) -> Iterator[NDArray[np.float64]]:
        """Plans and plays the episode that the session has just begun.

        Yields one command (n_actuators,) per control step, in the order and units of
        ``scene.robot.actuators``, without end. Between two commands the session has made a step.
        """


class ExpertPolicy:
    """Plays the episode's task with full knowledge of the scene.

    It plans in a scratch simulation, watches what happens and plans again when something was
    missed, pushed or dropped; the solver of the task (``SOLVERS``) says how. It draws nothing at
    random, so equal episodes give equal actions whatever the seed. Absolute joint targets are
    followed best; ``joint_delta`` and ``ee_delta`` work too, and ``ee_delta_pos`` only where the
    tool need not turn.
    """

    env_kwargs: ClassVar[dict[str, Any]] = {"action_mode": "joint_position"}
    needs_scene: ClassVar[bool] = True

    @staticmethod
    def env_kwargs_for(env_id: str) -> dict[str, Any]:
        """Absolute joint targets, but the task's own action mode where only the base moves."""
        drives = any(f"/{task}-" in env_id for task in DRIVEN)
        return {} if drives else dict(ExpertPolicy.env_kwargs)

    def __init__(self) -> None:
        self._env: HasSession | None = None
        self._solvers: dict[str, Solver] = {}
        self._commands: Iterator[NDArray[np.float64]] | None = None

    def bind(self, env: HasSession) -> None:
        """Keep the env (unwrapped) whose session is read live."""
        self._env, self._commands = env, None

    def reset(self, instruction: str, seed: int | None) -> None:
        """Forget the last episode."""
        self._commands = None

    def predict(
        self,
        obs: Any,
        state: Any = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[np.float32], Any]:
        """The next action of the plan; the scene is read from the bound env, not from ``obs``.

        Raises:
            NotReset: nothing was bound, or its env was not reset.
            UnknownName: no solver plays the episode's task.
            InvalidEpisode: the episode does not name what the task is about.
        """
        if self._env is None:
            raise NotReset("ExpertPolicy sees no scene yet; call bind(env.unwrapped) first")
        session = self._env.session
        if self._commands is None or session.steps == 0:
            self._commands = self._solver(session.task_name).play(session)
        action = self._action(next(self._commands), session)
        return action.astype(np.float32), state

    def _action(self, command: NDArray[np.float64], session: Session) -> NDArray[np.float64]:
        return session.action_mapper.encode(command, session.ctrl)

    def _solver(self, task: str) -> Solver:
        if task not in self._solvers:
            if task not in SOLVERS:
                raise UnknownName("task of the expert", task, list(SOLVERS))
            module, _, name = SOLVERS[task].partition(":")
            self._solvers[task] = getattr(import_module(module), name)()
        return self._solvers[task]
