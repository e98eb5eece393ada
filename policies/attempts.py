"""Picking an object up, again and again, until it is held."""

from collections import OrderedDict
from collections.abc import Iterator

from molmospaces_gym.errors import InvalidEpisode
from molmospaces_gym.policies.handling import (
    LIFT_SPEED,
    PATIENCE,
    ObjectHandler,
    full_commands,
)
from molmospaces_gym.policies.planning import GraspPlan, GraspPlanner
from molmospaces_gym.policies.playing import Command
from molmospaces_gym.scenes.model import Array, SceneModel
from molmospaces_gym.session import Session

CLEAR = 0.04
"""An object whose lowest point is less than this (m) above its start is lifted by as much more."""
MAX_FAILED = 8
"""Grasps tried; one takes about five seconds, so the time limit usually comes first."""
MAX_IN_VAIN = 2
"""Plans in a row that may find no way, the second one from the home pose."""
PLANNERS = 8
"""Planners kept for scenes and objects that come again."""


class PickSolver:
    """Lifts the episode's object and then holds still."""

    def __init__(self) -> None:
        self._planners = GraspPlanners()

    def play(self, session: Session) -> Iterator[Array]:
        """See ``expert.Solver``; raises ``InvalidEpisode`` where no object is named."""
        commands = PickAttempts(session, self._planners.of(session)).commands()
        return full_commands(session, commands)


class GraspPlanners:
    """Planners by scene and object; what the last few know is kept."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], GraspPlanner] = OrderedDict()

    def of(self, session: Session) -> GraspPlanner:
        """The planner for the episode's object; raises ``InvalidEpisode`` where there is none."""
        name = session.episode.task.get("pickup_obj_name")
        if not isinstance(name, str):
            raise InvalidEpisode(
                f"the expert for {session.task.name}: the episode has no task.pickup_obj_name"
            )
        return self.named(session.scene, name)

    def named(self, scene: SceneModel, name: str) -> GraspPlanner:
        """The planner for an object of a scene."""
        key = (scene.key, name)
        if key not in self._known:
            self._known[key] = GraspPlanner(scene, name)
        self._known.move_to_end(key)
        while len(self._known) > PLANNERS:
            self._known.popitem(last=False)
        return self._known[key]


class PickAttempts:
    """One episode of Pick as a stream of commands."""

    def __init__(self, session: Session, planner: GraspPlanner) -> None:
        self._session, self._planner = session, planner
        self._handler = ObjectHandler(session, planner)
        self._failed: list[Array] = []

    def commands(self) -> Iterator[Command]:
        """One command per control step, without end."""
        yield from self.tries()
        while True:
            yield self._handler.player.arm_target(), 0.0

    def tries(self) -> Iterator[Command]:
        """One command per control step, until no more attempt is worth making."""
        in_vain, handler = 0, self._handler
        while in_vain < MAX_IN_VAIN and len(self._failed) < MAX_FAILED:
            yield from handler.rest()
            plan = self._planner.plan(handler.state(), self._failed)
            in_vain = in_vain + 1 if plan is None else 0
            if plan is None:
                yield from handler.go_home()
            elif (yield from handler.reach(plan)):
                yield from self._grasp(plan)
                self._failed.append(plan.grasp)
                yield from handler.release()

    def _grasp(self, plan: GraspPlan) -> Iterator[Command]:
        """Close, lift and hold; ends where the object was missed or lost."""
        bottom = self._handler.bottom()
        if (yield from self._handler.lift(plan)):
            yield from self._hold(plan.lift[-1], bottom)

    def _hold(self, arm: Array, start: float) -> Iterator[Command]:
        """Hold still while that is a success; go higher when the object sags in the fingers."""
        without, room, handler = 0, True, self._handler
        while without < PATIENCE:
            yield arm, 1.0
            without = 0 if self._session.state.success else without + 1
            if room and handler.bottom() - start < CLEAR and handler.touches():
                path = self._planner.way_up(handler.state(), CLEAR)
                room = path is not None
                if path is not None:
                    seconds = handler.player.seconds(path, LIFT_SPEED)
                    yield from handler.player.moves(path, seconds, 1.0)
                    arm, without = path[-1], 0
