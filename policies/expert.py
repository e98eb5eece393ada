"""``ExpertPolicy``: a scripted, privileged policy that plans, grasps, lifts and tries again."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidEpisode, NotReset
from molmospaces_gym.policies.attempts import Command, PickAttempts
from molmospaces_gym.policies.planning import GraspPlanner
from molmospaces_gym.session import Session

PLANNERS = 8
"""Planners kept for scenes and objects that come again."""


class HasSession(Protocol):
    """What the policy is bound to: an env, or anything else with a session."""

    @property
    def session(self) -> Session:
        """The session whose episode is played."""


class ExpertPolicy:
    """Picks the episode's object up with full knowledge of the scene.

    On the first ``predict`` of an episode it plans in a scratch simulation: a grasp from the
    object's candidates, a joint path to it and a way up. While it moves it watches the object, and
    plans again when that was pushed, missed or dropped. After the lift it holds still. It draws
    nothing at random, so equal episodes give equal actions whatever the seed. Absolute
    joint targets are followed best; ``joint_delta`` and ``ee_delta`` work too, and ``ee_delta_pos``
    only for grasps that need no turn of the tool.
    """

    env_kwargs: ClassVar[dict[str, Any]] = {"action_mode": "joint_position"}

    def __init__(self) -> None:
        self._env: HasSession | None = None
        self._planners: OrderedDict[tuple[str, str], GraspPlanner] = OrderedDict()
        self._commands: Iterator[Command] | None = None

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
            InvalidEpisode: the episode names no object to pick.
        """
        if self._env is None:
            raise NotReset("ExpertPolicy sees no scene yet; call bind(env.unwrapped) first")
        session = self._env.session
        if self._commands is None or session.steps == 0:
            self._commands = PickAttempts(session, self._planner(session)).commands()
        arm, closed = next(self._commands)
        own, target = session.scene.robot.arms[0], session.ctrl
        command = target.copy()
        command[own.control] = arm
        command[own.grip_control] = own.grip_command(closed)
        action = session.action_mapper.encode(command, target)
        return action.astype(np.float32), state

    def _planner(self, session: Session) -> GraspPlanner:
        """A planner for the episode's object; what it knows of the object is kept."""
        name = session.episode.task.get("pickup_obj_name")
        if not isinstance(name, str):
            raise InvalidEpisode("the expert plays Pick: the episode has no task.pickup_obj_name")
        key = (session.scene.key, name)
        if key not in self._planners:
            self._planners[key] = GraspPlanner(session.scene, name)
        self._planners.move_to_end(key)
        while len(self._planners) > PLANNERS:
            self._planners.popitem(last=False)
        return self._planners[key]
