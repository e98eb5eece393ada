"""Household: drive to where something is to be done, do it with the base held, drive on."""

from collections.abc import Callable, Generator, Iterable, Iterator
from functools import partial
from itertools import chain as joined
from typing import Any, cast

import numpy as np

from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.policies.attempts import GraspPlanners, PickAttempts
from molmospaces_gym.policies.driving import RADII, Driver
from molmospaces_gym.policies.handling import LIFT_SPEED, RISEN, ObjectHandler, full_commands
from molmospaces_gym.policies.motion import free_duration, free_path
from molmospaces_gym.policies.opening import OpeningAttempts, OpeningSolver
from molmospaces_gym.policies.place_planning import PlacePlanner, grasp_of, start_pose
from molmospaces_gym.policies.place_poses import PlacePoses
from molmospaces_gym.policies.placing import LOWER_SPEED, PAUSE_S
from molmospaces_gym.policies.planning import MARGINS, GraspPlanner
from molmospaces_gym.policies.workplaces import (
    before_dropped,
    before_object,
    before_part,
    before_receptacle,
    nearest_spots,
    planar,
)
from molmospaces_gym.scenes.model import Array
from molmospaces_gym.scenes.navigation import floor_grid
from molmospaces_gym.session import Session
from molmospaces_gym.tasks.base import TaskState
from molmospaces_gym.tasks.household import HouseholdEpisode
from molmospaces_gym.tasks.household_stages import GoStage, PlayedStage, Stage
from molmospaces_gym.tasks.ways import DEPTH

FOLDS = {"franka_mobile": (0.0, -0.4, 0.0, -0.25, 0.0, -0.15, 0.0)}
"""Robot -> what is added to its arm's home pose (rad) while it drives: the hand near the base."""
HANDLING_S = 40.0
"""Longest time (s) at one place to work."""
SETTLE_S = 0.6
"""Wait (s) until a base that has arrived stands still."""
AFTER_S = 1.6
"""Time (s) for which a pick goes on once it counts, so that the object is lifted all the way."""
GENTLY = 2.0
"""How much longer the arm takes to fold with something in its hand, which would slip otherwise."""
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
        self._driver = Driver(session)
        self._dt = session.n_substeps * float(session.scene.model.opt.timestep)
        self._held: tuple[GraspPlanner, Array] | None = None
        """What is carried and how: the tool (4, 4) in its frame."""

    def commands(self) -> Iterator[Array]:
        """One command (n_actuators,) per control step, without end."""
        for attempt in range(MAX_TRIES):
            if self._session.state.success:
                break
            yield from self._recover()
            stage = self._bound.stages[self._bound.index]
            yield from self._play(stage, attempt)
        while True:
            yield self._session.ctrl

    def _play(self, stage: Stage, attempt: int) -> Iterator[Array]:
        if isinstance(stage, GoStage):
            yield from self._go(stage)
            return
        assert isinstance(stage, PlayedStage)
        for base in self._places_to_work(stage):
            yield from self._dock(base)
            if self._has_lost():
                return
            view = cast(Session, StageView(self._session, stage))
            if stage.kind == "pick":
                yield from self._pick(view, partial(self._is_over, stage))
            elif stage.kind == "place":
                yield from self._place(view, stage)
            else:
                yield from self._move_part(view, stage)
            if self._is_over(stage):
                return

    def _is_over(self, stage: Stage) -> bool:
        return self._bound.done > self._bound.stages.index(stage)

    def _go(self, stage: GoStage) -> Iterator[Array]:
        """Drive well into a room; not without what was to be brought."""
        yield from self._fold()
        if self._has_lost():
            return
        for radius in RADII:
            grid = floor_grid(self._session.scene, radius)
            if grid is None:
                return
            goals = grid.places[stage.room.inside(grid.places) > DEPTH]
            if len(goals) and (yield from self._drive(goals, radius, stage)):
                return

    def _drive(
        self, goals: Array, radius: float, stage: Stage | None
    ) -> Generator[Array, None, bool]:
        """Drive to the nearest of ``goals`` (N, 2); false where no way leads there."""
        grid, driver = floor_grid(self._session.scene, radius), self._driver
        if grid is None:
            return False
        path = grid.path(grid.field(goals), driver.pose()[:2])
        if path is None:
            return False
        yield from driver.slide(path[0])  # out of where it worked, as it came
        over = (lambda: False) if stage is None else (lambda: self._is_over(stage))
        return (yield from driver.follow(path, over))

    def _dock(self, base: Array) -> Iterator[Array]:
        """Drive to a place to work (x, y, heading) and stand still there."""
        driver, here = self._driver, self._driver.pose()
        if float(np.hypot(*(base[:2] - here[:2]))) > 0.05:
            yield from self._fold()
            if self._has_lost():
                return
            for radius in RADII:
                if (yield from self._drive(base[None, :2], radius, None)):
                    break
        yield from driver.face(float(base[2]))
        yield from driver.slide(base[:2])
        yield from driver.face(float(base[2]))
        for _ in range(round(SETTLE_S / self._dt)):
            yield driver.command(base)

    def _places_to_work(self, stage: PlayedStage) -> list[Array]:
        """Base poses (3,) from which the stage's thing is in reach, the best first."""
        session, task = self._session, stage.played.task
        if stage.kind == "pick":
            return before_object(session, task["pickup_obj_name"])
        if stage.kind == "place":
            names = task["place_receptacle_name"], task["pickup_obj_name"]
            return [planar(p.base_pose) for p in before_receptacle(session, *names)]
        view = cast(Session, StageView(session, stage))
        part = self._solver.openings.planner_of(view).part
        return before_part(session, part, stage.kind == "open")

    def _pick(self, view: Session, over: Callable[[], bool]) -> Iterator[Array]:
        planner = self._solver.grasps.of(view)
        attempts = PickAttempts(view, planner)
        yield from self._until(full_commands(view, attempts.commands()), over, AFTER_S)
        handler = ObjectHandler(view, planner)
        if over() and handler.touches():
            self._held = planner, grasp_of(handler.object(), handler.tool())

    def _has_lost(self) -> bool:
        """Whether something that was picked up is no longer in the hand."""
        return self._held is not None and not ObjectHandler(self._session, self._held[0]).touches()

    def _recover(self) -> Iterator[Array]:
        """Pick up again what was lost, where it lies within reach of a place to work."""
        if self._held is None or not self._has_lost():
            return
        planner, self._held = self._held[0], None
        stages = [s for s in self._bound.stages[: self._bound.index] if isinstance(s, PlayedStage)]
        stage = next(s for s in reversed(stages) if s.kind == "pick")
        view = cast(Session, StageView(self._session, stage))
        handler = ObjectHandler(view, planner)
        for base in before_dropped(self._session, planner.name):
            yield from self._dock(base)

            def risen(start: float = handler.bottom()) -> bool:
                return handler.touches() and handler.bottom() > start + RISEN

            yield from self._pick(view, risen)
            if self._held is not None:
                return

    def _place(self, view: Session, stage: PlayedStage) -> Iterator[Array]:
        """Put down what is held; where nothing is, nothing can be done."""
        if self._held is None:
            return
        planner, _ = self._held
        handler, task = ObjectHandler(view, planner), stage.played.task
        player = handler.player
        upright = start_pose(np.asarray(task["pickup_obj_start_pose"], dtype=float))
        receptacle, spots = task["place_receptacle_name"], None
        if receptacle not in view.scene.free_joints:
            spots = nearest_spots(self._session, receptacle, planner.name)
            if not len(spots):
                return
        poses = PlacePoses(view.scene, planner.name, receptacle, upright, spots)
        grasp = grasp_of(handler.object(), handler.tool())
        plan = PlacePlanner(planner, poses, None).plan(handler.state(), player.arm_target(), grasp)
        if plan is None or not handler.touches():
            return
        moves = joined(
            player.moves(plan.transport, free_duration(plan.transport), 1.0),
            player.moves(plan.lower, player.seconds(plan.lower, LOWER_SPEED), 1.0),
            handler.release(),
        )
        yield from full_commands(view, moves)
        self._held = None
        yield from full_commands(view, player.still(player.arm_target(), PAUSE_S, 0.0))

    def _move_part(self, view: Session, stage: PlayedStage) -> Iterator[Array]:
        attempts = OpeningAttempts(view, self._solver.openings.planner_of(view))
        over = partial(self._is_over, stage)
        yield from self._until(full_commands(view, attempts.commands()), over, 0.5)
        yield from full_commands(view, attempts.release())

    def _until(
        self, stream: Iterable[Array], over: Callable[[], bool], after: float
    ) -> Iterator[Array]:
        """A stream until it is over and ``after`` s more, or its time is up."""
        left, rest = round(HANDLING_S / self._dt), round(after / self._dt)
        for command in stream:
            yield command
            left -= 1
            if over():
                left = min(left, rest)
            if left <= 0:
                return

    def _fold(self) -> Iterator[Array]:
        """Bring the arm, and what it holds, to where it may be while the robot drives."""
        scene, session = self._session.scene, self._session
        planner = self._held[0] if self._held is not None else self._any_planner()
        home = scene.rest_qpos[scene.robot.qpos]
        goal = home + np.array(FOLDS.get(session.robot.name, np.zeros(len(home))))
        handler = ObjectHandler(session, planner)
        state, closed = handler.state(), 0.0 if self._held is None else 1.0
        if float(np.abs(state.arm - goal).max()) < 1e-3:
            return
        planner.probe.place_world(state.qpos, state.mocap)
        if self._held is not None:
            planner.probe.place_arm(state.arm)
            planner.probe.hold(planner.body, grasp_of(handler.object(), handler.tool()))
        path = free_path(
            planner.chain,
            np.stack([state.arm, goal]),
            home,
            state.base[2, :3],
            lambda rows: any(planner.probe.collides(q, MARGINS[0].free) for q in rows),
        )
        planner.probe.let_go()
        path = np.stack([state.arm, goal]) if path is None else path
        seconds = max(free_duration(path), handler.player.seconds(path, 2 * LIFT_SPEED))
        seconds *= 1.0 if self._held is None else GENTLY
        yield from full_commands(session, handler.player.moves(path, seconds, closed))

    def _any_planner(self) -> GraspPlanner:
        """A planner of the episode's object, or of any where it has none."""
        for stage in self._bound.stages:
            if isinstance(stage, PlayedStage) and stage.kind in ("pick", "place"):
                return self._solver.grasps.of(cast(Session, StageView(self._session, stage)))
        return GraspPlanner(self._session.scene, next(iter(self._session.scene.free_joints)))
