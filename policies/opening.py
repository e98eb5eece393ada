"""Opening and closing by the handle: hold it, follow its arc, and try another way if it slips."""

from collections import OrderedDict
from collections.abc import Generator, Iterator

import numpy as np

from molmospaces_gym.policies.handling import full_commands
from molmospaces_gym.policies.motion import free_duration, straight_line
from molmospaces_gym.policies.playing import ArmPlayer, Command
from molmospaces_gym.policies.pulling import PRESHAPE, PullPlan, PullPlanner
from molmospaces_gym.scenes.episode_joints import named_articulation
from molmospaces_gym.scenes.model import Array
from molmospaces_gym.session import Session

APPROACH_SPEED, PULL_SPEED = 0.12, 0.12
"""Speed of the tool to the handle and along its arc, m/s (official: 0.08 and 0.04)."""
CLOSE_S, OPEN_S = 0.6, 0.4
"""Time (s) given to the fingers to close and to open."""
BEYOND = (0.15, 0.06)
"""Shares of the range beyond the threshold to which something is opened, best first."""
SHUT = (0.02, 0.06, 0.1)
"""Shares of the range that may stay open when something is closed, best first."""
SLIP = 0.04
"""A handle that has fallen behind the tool by more than this (m) has slipped from the fingers."""
BACK = 0.08
"""Way (m) back along the approach after a failed attempt."""
PATIENCE = 8
"""Steps without success, at the end of a pull, after which it counts as failed."""
MAX_FAILED, MAX_IN_VAIN = 6, 2
"""Attempts, and plans in a row that may find no way, the second one from the home pose."""
PLANNERS = 8
"""Planners kept for scenes and joints that come again."""


class OpeningSolver:
    """Plays Open and Close with one arm."""

    def __init__(self) -> None:
        self._planners: OrderedDict[tuple[str, str], PullPlanner] = OrderedDict()

    def play(self, session: Session) -> Iterator[Array]:
        """See ``expert.Solver``; raises ``InvalidEpisode`` where no joint is named."""
        return full_commands(session, OpeningAttempts(session, self.planner_of(session)).commands())

    def planner_of(self, session: Session) -> PullPlanner:
        part = named_articulation(session.scene, session.episode.task)
        key = (session.scene.key, part.name)
        if key not in self._planners:
            self._planners[key] = PullPlanner(session.scene, part)
        self._planners.move_to_end(key)
        while len(self._planners) > PLANNERS:
            self._planners.popitem(last=False)
        return self._planners[key]


class OpeningAttempts:
    """One episode of Open or Close as a stream of commands."""

    def __init__(self, session: Session, planner: PullPlanner) -> None:
        self._session, self._planner = session, planner
        self._player = ArmPlayer(session, planner.chain)
        self._part = planner.part
        self._failed: list[Array] = []
        task, part = session.task, planner.part
        threshold = float(session.episode.task.get("task_success_threshold", 0.0))
        threshold = threshold or float(getattr(task, "threshold", 0.5))
        if task.name == "Close":
            self.goals = [part.position(min(s, 1.0 - threshold)) for s in SHUT]
        else:
            self.goals = [part.position(min(threshold + s, 1.0)) for s in BEYOND]

    def commands(self) -> Iterator[Command]:
        """One command per control step, without end."""
        yield from self.tries()
        while True:
            yield self._player.arm_target(), 0.0

    def tries(self) -> Iterator[Command]:
        """One command per control step, until no more attempt is worth making."""
        in_vain = 0
        while in_vain < MAX_IN_VAIN and len(self._failed) < MAX_FAILED:
            state = self._player.state(self._part.body)
            plan = self._planner.plan(state, self.goals, self._failed)
            in_vain = in_vain + 1 if plan is None else 0
            if plan is None:
                path = self._planner.way_home(state)
                yield from self._player.moves(path, free_duration(path), PRESHAPE)
                continue
            yield from self._attempt(plan)
            self._failed.append(plan.hold.grasp)
            yield from self.release()

    def _attempt(self, plan: PullPlan) -> Iterator[Command]:
        """Hold, move, and stay as long as that is a success."""
        player = self._player
        yield from player.moves(plan.reach, free_duration(plan.reach), PRESHAPE)
        yield from player.moves(
            plan.approach, player.seconds(plan.approach, APPROACH_SPEED), PRESHAPE
        )
        yield from player.still(plan.pull[0], CLOSE_S, 1.0)
        if not (yield from self._pull(plan)):
            return
        without = 0
        while without < PATIENCE:
            yield plan.pull[-1], 1.0
            without = 0 if self._session.state.success else without + 1

    def _pull(self, plan: PullPlan) -> Generator[Command, None, bool]:
        """Follow the arc; false where the handle slipped."""
        part = self._part
        arm = 1.0
        if not part.slides:
            arm = float(np.linalg.norm(part.handles[0].middle - part.anchor))
        seconds = self._player.seconds(plan.pull, PULL_SPEED)
        way = float(plan.positions[-1] - plan.positions[0])
        lag = SLIP / arm / max(abs(way), 1e-9)
        for command in self._player.moves(plan.pull, seconds, 1.0):
            yield command
            if self._session.state.success:
                continue
            done = (self._position() - float(plan.positions[0])) / way
            if self._share(plan) - done > lag:
                return False
        return True

    def _share(self, plan: PullPlan) -> float:
        """How far along the pull the tool is, 0 .. 1, by where it is now."""
        session, robot = self._session, self._session.scene.robot
        base = self._player.state(self._part.body).base
        tool = session.world.site_pos(session.slot)[robot.tcp_site]
        local = base[:3, :3].T @ (tool - base[:3, 3])
        points = self._planner.chain.poses(plan.pull)[:, :3, 3]
        nearest = int(np.argmin(np.linalg.norm(points - local, axis=1)))
        return nearest / max(len(points) - 1, 1)

    def _position(self) -> float:
        return float(self._session.world.joint_pos(self._session.slot)[self._part.qpos])

    def release(self) -> Iterator[Command]:
        """Open and draw back along the approach."""
        arm, chain = self._player.arm_target(), self._planner.chain
        yield from self._player.still(arm, OPEN_S, PRESHAPE)
        approach = chain.poses(arm)[:3, 2]
        path = straight_line(chain, arm, -BACK * approach)
        if path is not None:
            yield from self._player.moves(
                path, self._player.seconds(path, APPROACH_SPEED), PRESHAPE
            )
