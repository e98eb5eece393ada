"""Picking an object up and putting it on or beside something, until that is a success."""

from collections.abc import Generator, Iterator

import numpy as np

from molmospaces_gym.errors import InvalidEpisode
from molmospaces_gym.policies.attempts import MAX_FAILED, MAX_IN_VAIN, GraspPlanners
from molmospaces_gym.policies.handling import (
    LIFT_SPEED,
    PATIENCE,
    ObjectHandler,
    difference,
    full_commands,
)
from molmospaces_gym.policies.motion import free_duration
from molmospaces_gym.policies.place_planning import PlacePlan, PlacePlanner, grasp_of, start_pose
from molmospaces_gym.policies.place_poses import PlacePoses
from molmospaces_gym.policies.planning import GraspPlan, GraspPlanner
from molmospaces_gym.policies.playing import Command
from molmospaces_gym.scenes.model import Array
from molmospaces_gym.session import Session
from molmospaces_gym.tasks.next_to import gap_limits

LOWER_SPEED = 0.08
"""Speed (m/s) of the tool while the object is put down (official)."""
GRASPS = 5
"""Grasps for which a place is looked for; after that the first one is taken without."""
SHIFTED, TURNED = 0.006, float(np.cos(np.deg2rad(6.0)))
"""An object that lies farther (m), or turned farther than this cosine, from where it was planned
to be in the fingers is planned for anew."""
LOST = 0.05
"""An object that went this far (m) from where it was in the fingers is lost."""
PAUSE_S = 0.5
"""Wait (s) after letting go before one looks whether it worked."""


class PlaceSolver:
    """Puts the episode's object where its task asks for and then holds still."""

    def __init__(self) -> None:
        self._planners = GraspPlanners()

    def play(self, session: Session) -> Iterator[Array]:
        """See ``expert.Solver``; raises ``InvalidEpisode`` where a body is not named."""
        planner, task = self._planners.of(session), session.episode.task
        receptacle = task.get("place_receptacle_name")
        if not isinstance(receptacle, str):
            raise InvalidEpisode(
                f"the expert for {session.task.name}: the episode has no task.place_receptacle_name"
            )
        upright = start_pose(np.asarray(task["pickup_obj_start_pose"], dtype=float))
        poses = PlacePoses(session.scene, planner.name, receptacle, upright)
        beside = session.task.name == "PickAndPlaceNextTo"
        gap = gap_limits(task)[1] if beside else None
        attempts = PlaceAttempts(session, planner, PlacePlanner(planner, poses, gap))
        return full_commands(session, attempts.commands())


class PlaceAttempts:
    """One episode as a stream of commands."""

    def __init__(self, session: Session, planner: GraspPlanner, places: PlacePlanner) -> None:
        self._session, self._planner, self._places = session, planner, places
        self._handler = ObjectHandler(session, planner)
        self._failed: list[Array] = []

    def commands(self) -> Iterator[Command]:
        """One command per control step, without end."""
        in_vain, handler = 0, self._handler
        while in_vain < MAX_IN_VAIN and len(self._failed) < MAX_FAILED:
            yield from self._enjoy()
            yield from handler.rest()
            plans = self._plan()
            in_vain = in_vain + 1 if plans is None else 0
            if plans is None:
                yield from handler.go_home()
            elif (yield from handler.reach(plans[0])):
                if not (yield from self._carry(*plans)):
                    self._failed.append(plans[0].grasp)
                yield from handler.release()
                yield from handler.player.still(handler.player.arm_target(), PAUSE_S, 0.0)
        while True:
            yield handler.player.arm_target(), 0.0

    def _enjoy(self) -> Iterator[Command]:
        """Hold still as long as that is a success."""
        without = 0 if self._session.state.success else PATIENCE
        while without < PATIENCE:
            yield self._handler.player.arm_target(), 0.0
            without = 0 if self._session.state.success else without + 1

    def _plan(self) -> tuple[GraspPlan, PlacePlan | None] | None:
        """The first grasp with a way to put the object down, else the first one."""
        state, first = self._handler.state(), None
        grasps = self._planner.plans(state, self._failed)
        for plan, _ in zip(grasps, range(GRASPS), strict=False):
            place = self._places.plan(state, plan.lift[-1], plan.grasp)
            if place is not None:
                return plan, place
            self._planner.probe.place_world(state.qpos, state.mocap)
            first = first or plan
        return None if first is None else (first, None)

    def _carry(self, plan: GraspPlan, place: PlacePlan | None) -> Generator[Command, None, bool]:
        """Lift, carry and put down; false where the object was lost or could not be put down."""
        handler, player = self._handler, self._handler.player
        if not (yield from handler.lift(plan)):
            return False
        grasp = grasp_of(handler.object(), handler.tool())
        if place is None or self._differs(place.grasp, grasp):
            place = self._places.plan(handler.state(), plan.lift[-1], grasp) or place
        if place is None:
            yield from player.moves(plan.lift[::-1], player.seconds(plan.lift, LIFT_SPEED), 1.0)
            return False
        for command in player.moves(place.transport, free_duration(place.transport), 1.0):
            yield command
            if self._lost(grasp):
                return False
        yield from player.moves(place.lower, player.seconds(place.lower, LOWER_SPEED), 1.0)
        return True

    def _differs(self, planned: Array, grasp: Array) -> bool:
        shift, cosine = difference(planned, grasp)
        return shift > SHIFTED or cosine < TURNED

    def _lost(self, grasp: Array) -> bool:
        handler = self._handler
        return difference(grasp, grasp_of(handler.object(), handler.tool()))[0] > LOST
