"""Household: drive to where something is to be done, do it with the base held, drive on."""

from collections.abc import Callable, Generator, Iterable, Iterator
from functools import partial
from itertools import chain as joined
from itertools import repeat
from typing import Any, cast

import numpy as np

from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.policies.attempts import GraspPlanners, PickAttempts
from molmospaces_gym.policies.carrying import BACK_OFF, Carrier
from molmospaces_gym.policies.handling import RISEN, ObjectHandler, full_commands
from molmospaces_gym.policies.motion import free_duration
from molmospaces_gym.policies.opening import OpeningAttempts, OpeningSolver
from molmospaces_gym.policies.place_planning import PlacePlan, PlacePlanner, grasp_of, start_pose
from molmospaces_gym.policies.place_poses import PlacePoses
from molmospaces_gym.policies.placing import LOWER_SPEED, PAUSE_S
from molmospaces_gym.policies.planning import GraspPlanner
from molmospaces_gym.policies.workplaces import (
    Workplace,
    before_dropped,
    before_object,
    before_part,
    before_receptacle,
    free_spots,
)
from molmospaces_gym.scenes.model import Array
from molmospaces_gym.session import Session
from molmospaces_gym.tasks.base import TaskState
from molmospaces_gym.tasks.household import HouseholdEpisode
from molmospaces_gym.tasks.household_stages import GoStage, PlayedStage, Stage
from molmospaces_gym.tasks.ways import DEPTH

HANDLING_S = 40.0
"""Longest time (s) at one place to work."""
AFTER_S = 1.6
"""Time (s) for which a pick goes on once it counts, so that the object is lifted all the way."""
OPEN_AFTER_S = 0.8
"""Time (s) for which a pull goes on once it counts."""
STANDS = 3
"""Places to work that are tried for one thing before the stage is looked at anew."""
MAX_TRIES = 12
"""Attempts at stages before the robot stops."""


class StageView:
    """A session as a solver of the stage's own task sees it."""

    def __init__(self, session: Session, stage: PlayedStage) -> None:
        self._session, self._stage = session, stage
        self.episode, self.task = stage.played, stage.task
        self._last = TaskState(False, {}, {})

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    @property
    def state(self) -> TaskState:
        """That of the stage's task; once the stage is over, the last one."""
        bound = cast(HouseholdEpisode, self._session.bound)
        if bound.stages[bound.index] is self._stage and bound.current.state is not None:
            self._last = bound.current.state
        elif bound.done > bound.stages.index(self._stage):
            self._last = TaskState(True, self._last.potentials, self._last.quantities)
        return self._last


class HouseholdSolver:
    """Plays Household with a mobile robot, one stage after the other."""

    def __init__(self) -> None:
        self.grasps, self.openings = GraspPlanners(), OpeningSolver()

    def play(self, session: Session) -> Iterator[Array]:
        """See ``expert.Solver``; raises ``InvalidConfig`` where the robot has no base."""
        if session.scene.robot.base is None:
            raise InvalidConfig(
                f"the expert drives through the house: robot {session.robot.name!r} has no base"
            )
        return HouseholdAttempts(session, self).commands()


class HouseholdAttempts:
    """One episode as a stream of commands."""

    def __init__(self, session: Session, solver: HouseholdSolver) -> None:
        self._session, self._solver = session, solver
        self._bound = cast(HouseholdEpisode, session.bound)
        self._carrier = Carrier(session, self._any_planner)

    def commands(self) -> Iterator[Array]:
        """One command (n_actuators,) per control step, without end."""
        for _ in range(MAX_TRIES):
            if self._session.state.success:
                break
            stage = self._bound.stages[self._bound.index]
            if (yield from self._recover(stage)):
                yield from self._play(stage)
            if not self._is_over(stage):
                yield from repeat(self._session.ctrl, round(PAUSE_S / self._carrier.dt))
        while True:
            yield self._session.ctrl

    def _play(self, stage: Stage) -> Iterator[Array]:
        if isinstance(stage, GoStage):
            yield from self._go(stage)
            return
        assert isinstance(stage, PlayedStage)
        view = cast(Session, StageView(self._session, stage))
        for place in self._places_to_work(view, stage):
            if not (yield from self._carrier.dock(place.base)):
                if self._carrier.lost():
                    return
                continue
            if stage.kind == "pick":
                yield from self._pick(view, partial(self._is_over, stage))
            elif stage.kind == "place":
                yield from self._place(view, stage, place)
            else:
                yield from self._move_part(view, stage)
            if self._is_over(stage):
                return

    def _is_over(self, stage: Stage) -> bool:
        return self._bound.done > self._bound.stages.index(stage)

    def _go(self, stage: GoStage) -> Iterator[Array]:
        """Drive well into a room; not without what was to be brought."""
        yield from self._carrier.fold()
        if not self._carrier.lost():
            yield from self._carrier.drive(
                lambda grid: grid.places[stage.room.inside(grid.places) > DEPTH],
                lambda: self._is_over(stage),
            )

    def _places_to_work(self, view: Session, stage: PlayedStage) -> Iterator[Workplace]:
        """Where the stage's work can be planned, the nearest first; where it cannot, all the same.

        Some plans fail only because of what is in the way of the folded arm.
        """
        session, task = self._session, stage.played.task
        if stage.kind == "pick":
            found = before_object(
                session, task["pickup_obj_name"], self._grasps(self._solver.grasps.of(view))
            )
        elif stage.kind == "place":
            found = before_receptacle(session, task["place_receptacle_name"])
        else:
            part = self._solver.openings.planner_of(view).part
            found = before_part(session, part, stage.kind == "open")
        tried = 0
        for place in found:
            if tried < STANDS and self._could_work(view, stage, place):
                tried += 1
                yield place
        yield from () if tried else found[:STANDS]

    def _could_work(self, view: Session, stage: PlayedStage, place: Workplace) -> bool:
        """Whether there is a plan with the robot at a place, as the world is now."""
        if stage.kind == "place":
            return self._put_down(view, stage, place, place.base) is not None
        if stage.kind == "pick":
            grasps = self._solver.grasps.of(view)
            return grasps.plan(self._carrier.state_at(grasps.body, place.base)) is not None
        pulls = self._solver.openings.planner_of(view)
        state = self._carrier.state_at(pulls.part.body, place.base)
        return pulls.plan(state, OpeningAttempts(view, pulls).goals) is not None

    def _grasps(self, planner: GraspPlanner) -> Array:
        """Grasps (N, 4, 4) of an object as it lies now."""
        return planner.grasps(ObjectHandler(self._session, planner).object())

    def _pick(self, view: Session, over: Callable[[], bool]) -> Iterator[Array]:
        planner = self._solver.grasps.of(view)
        attempts = PickAttempts(view, planner)
        yield from self._until(full_commands(view, attempts.tries()), over, AFTER_S)
        if over() and ObjectHandler(view, planner).touches():
            self._carrier.held = planner

    def _recover(self, stage: Stage) -> Generator[Array, None, bool]:
        """Pick up again what a stage needs in the hand, where it lies; false where it cannot."""
        name = stage.brings if isinstance(stage, GoStage) else None
        if isinstance(stage, PlayedStage) and stage.kind == "place":
            name = stage.played.task["pickup_obj_name"]
        if name is None or (self._carrier.held is not None and not self._carrier.lost()):
            return True
        self._carrier.held = None
        played = [s for s in self._bound.stages if isinstance(s, PlayedStage)]
        first = next((s for s in played if s.played.task["pickup_obj_name"] == name), None)
        if first is None:
            return False
        view = cast(Session, StageView(self._session, first))
        planner = self._solver.grasps.of(view)
        handler = ObjectHandler(view, planner)
        for place in before_dropped(self._session, planner.name, self._grasps(planner)):
            state = self._carrier.state_at(planner.body, place.base)
            if planner.plan(state) is None:
                continue
            if not (yield from self._carrier.dock(place.base)):
                continue

            def risen(start: float = handler.bottom()) -> bool:
                return handler.touches() and handler.bottom() > start + RISEN

            yield from self._pick(view, risen)
            if self._carrier.held is not None:
                return True
        return False

    def _place(self, view: Session, stage: PlayedStage, place: Workplace) -> Iterator[Array]:
        """Put down what is held; where nothing is, nothing can be done."""
        plan, planner = self._put_down(view, stage, place, None), self._carrier.held
        if plan is None or planner is None:
            return
        handler = ObjectHandler(view, planner)
        player = handler.player
        moves = joined(
            player.moves(plan.transport, free_duration(plan.transport), 1.0),
            player.moves(plan.lower, player.seconds(plan.lower, LOWER_SPEED), 1.0),
            handler.release(),
        )
        yield from full_commands(view, moves)
        self._carrier.held = None
        yield from full_commands(view, player.still(player.arm_target(), PAUSE_S, 0.0))

    def _put_down(
        self, view: Session, stage: PlayedStage, place: Workplace, base: Array | None
    ) -> PlacePlan | None:
        """A plan to put down what is held, from a pose of the base; None: from where it is."""
        planner = self._carrier.held
        if planner is None or self._carrier.lost():
            return None
        handler, task, spots = ObjectHandler(view, planner), stage.played.task, None
        upright = start_pose(np.asarray(task["pickup_obj_start_pose"], dtype=float))
        receptacle = task["place_receptacle_name"]
        if receptacle not in view.scene.free_joints and place.stand is not None:
            spots = free_spots(self._session, planner.name, place.stand)
            if not len(spots):
                return None
        poses = PlacePoses(view.scene, planner.name, receptacle, upright, spots)
        grasp = grasp_of(handler.object(), handler.tool())
        state = handler.state() if base is None else self._carrier.state_at(planner.body, base)
        return PlacePlanner(planner, poses, None).plan(state, state.arm, grasp)

    def _move_part(self, view: Session, stage: PlayedStage) -> Iterator[Array]:
        attempts = OpeningAttempts(view, self._solver.openings.planner_of(view))
        over = partial(self._is_over, stage)
        yield from self._until(full_commands(view, attempts.tries()), over, OPEN_AFTER_S)
        yield from full_commands(view, attempts.release())
        part, world = self._solver.openings.planner_of(view).part, self._session.world
        out = world.body_mat(self._session.slot)[part.body].reshape(3, 3) @ part.handles[0].outward
        driver = self._carrier.driver  # back off: the arm would push it shut while it folds
        yield from driver.slide(driver.pose()[:2] + BACK_OFF * out[:2] / np.hypot(*out[:2]))

    def _until(
        self, stream: Iterable[Array], over: Callable[[], bool], after: float
    ) -> Iterator[Array]:
        """A stream until it is over and ``after`` s more, or its time is up."""
        dt = self._carrier.dt
        left, rest = round(HANDLING_S / dt), round(after / dt)
        for command in stream:
            yield command
            left -= 1
            if over():
                left = min(left, rest)
            if left <= 0:
                return

    def _any_planner(self) -> GraspPlanner:
        """A planner of the episode's object, or of any where it has none."""
        for stage in self._bound.stages:
            if isinstance(stage, PlayedStage) and stage.kind in ("pick", "place"):
                return self._solver.grasps.of(cast(Session, StageView(self._session, stage)))
        return self._solver.grasps.named(
            self._session.scene, next(iter(self._session.scene.free_joints))
        )
