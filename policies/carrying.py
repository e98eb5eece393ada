"""A robot on wheels between places to work: arm folded, something in its hand perhaps, driving."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from itertools import product

import numpy as np

from molmospaces_gym.policies.driving import RADII, SPEED, Driver
from molmospaces_gym.policies.handling import LIFT_SPEED, ObjectHandler, full_commands
from molmospaces_gym.policies.motion import free_duration, free_path
from molmospaces_gym.policies.place_planning import grasp_of
from molmospaces_gym.policies.planning import MARGINS, GraspPlanner, WorldState
from molmospaces_gym.scenes.model import Array
from molmospaces_gym.scenes.navigation import FloorGrid, floor_grid, grid_now
from molmospaces_gym.session import Session
from molmospaces_gym.transforms import inverse

FOLDS = {"franka_mobile": (0.0, -0.4, 0.0, -0.25, 0.0, -0.15, 0.0)}
"""Robot -> what is added to its arm's home pose (rad) while it drives: the hand near the base."""
SETTLE_S = 0.6
"""Wait (s) until a base that has arrived stands still."""
GENTLY = 2.0
"""How much longer the arm takes to fold with something in its hand, which would slip otherwise."""
CALM = 0.8
"""Share of the base's fastest motion with something in the hand."""
HERE, FACING = 0.1, 0.15
"""Distance (m) and angle (rad) from a place to work that count as being there."""
RISES = (0.25, 0.15, 0.08)
"""Heights (m) to which something is raised where the arm cannot fold, best first."""
BACK_OFF = 0.3
"""Way (m) that the robot then drives back, and from what it has opened or closed."""
CARRY = ((0.32, 0.4), (0.0, 0.15, -0.15), (0.52, 0.65))
"""Places (x, y, z; m, in the frame of the arm's foot) where a tool may be while driving: what it
holds passes over the furniture before which the robot stops."""
CARRIES = 6
"""How many of them are tried."""
AJAR = 0.05
"""Share of its range from which something that is open is in the way of driving."""


class Carrier:
    """Brings the robot, and what it holds, from one place to another."""

    def __init__(self, session: Session, spare: Callable[[], GraspPlanner]) -> None:
        """``spare`` gives a planner of any object, to fold the arm of an empty hand with."""
        self._session, self._spare = session, spare
        self.driver = Driver(session)
        self.dt = session.control_dt
        self.held: GraspPlanner | None = None
        """The planner of what is in the hand."""
        self._carried: Array | None = None

    def lost(self) -> bool:
        """Whether something that was picked up is no longer in the hand."""
        return self.held is not None and not ObjectHandler(self._session, self.held).touches()

    def folded(self) -> Array:
        """The arm's joint positions (n,) while it drives with an empty hand."""
        scene = self._session.scene
        home = scene.rest_qpos[scene.robot.qpos]
        folded: Array = home + np.array(FOLDS.get(self._session.robot.name, np.zeros(len(home))))
        return folded

    def state_at(self, body: int, base: Array) -> WorldState:
        """The world with the robot, its arm folded, at a pose of its base (x, y, heading)."""
        session, robot = self._session, self._session.scene.robot
        assert robot.base is not None  # checked by the solver
        now = ObjectHandler(session, self.held or self._spare()).player.state(body)
        qpos = now.qpos.copy()
        moved = _planar(base) @ inverse(_planar(qpos[robot.base.qpos])) @ now.base
        qpos[robot.base.qpos] = base
        return replace(now, qpos=qpos, base=moved, arm=self._posture())

    def _posture(self) -> Array:
        """The arm's joint positions (n,) while it drives."""
        return self.folded() if self._carried is None else self._carried

    def grids(self) -> Iterator[FloorGrid]:
        """Where robots of several radii can drive: as it is now, and with everything closed.

        The latter, since what is open may shut in the place where the robot stands.
        """
        session, scene = self._session, self._session.scene
        qpos = session.world.joint_pos(session.slot)
        if any(part.fraction(qpos[part.qpos]) > AJAR for part in scene.articulations.values()):
            held = () if self.held is None else (self.held.name,)
            now = (grid_now(scene, np.array(qpos), radius, held) for radius in RADII)
            yield from (grid for grid in now if grid is not None)
        resting = (floor_grid(scene, radius) for radius in RADII)
        yield from (grid for grid in resting if grid is not None)

    def drive(
        self, goals: Callable[[FloorGrid], Array], over: Callable[[], bool]
    ) -> Generator[Array, None, bool]:
        """Drive to the nearest of some points (N, 2) of the floor; false where no way leads there.

        The wider ways first. Ends too where what is held is lost.
        """

        def done() -> bool:
            return over() or self.lost()

        self.driver.share = SPEED if self.held is None else CALM
        for grid in self.grids():
            points = goals(grid)
            start = self.driver.pose()[:2]
            path = grid.path(grid.field(points), start) if len(points) else None
            if path is None:
                continue
            yield from self.driver.slide(path[0])  # out of where it worked, as it came
            if (yield from self.driver.follow(path, done)):
                return True
        return False

    def dock(self, base: Array) -> Generator[Array, None, bool]:
        """Drive to a place to work (x, y, heading) and stand still there; false where it cannot."""
        driver = self.driver
        yield from self.fold()
        if self.lost():
            return False
        if not self._is_at(base):
            if not (yield from self.drive(lambda grid: base[None, :2], lambda: False)):
                return False
        if self.lost():
            return False
        yield from driver.face(float(base[2]))
        yield from driver.slide(base[:2])
        yield from driver.face(float(base[2]))
        still = base.copy()
        still[2] = driver.unwound(float(base[2]))
        for _ in range(round(SETTLE_S / self.dt)):
            yield driver.command(still)
        return self._is_at(base)

    def _is_at(self, base: Array) -> bool:
        off = self.driver.pose() - base
        turn = np.arctan2(np.sin(off[2]), np.cos(off[2]))
        return float(np.hypot(*off[:2])) < HERE and abs(float(turn)) < FACING

    def fold(self) -> Iterator[Array]:
        """Bring the arm, and what it holds, to where it may be while the robot drives.

        Where something is in the way, it first raises what it holds and drives back a little.
        """
        handler = ObjectHandler(self._session, self.held or self._spare())
        closed, pace = (0.0, 1.0) if self.held is None else (1.0, GENTLY)
        if self.held is None:
            self._carried = None
        if float(np.abs(handler.player.arm_target() - self._posture()).max()) < 1e-3:
            return
        path = self._way_to_fold(handler)
        if path is None and self.held is not None:
            if (yield from self._raise(handler, self.held)):
                yield from self._back_off()
            path = self._way_to_fold(handler)
        if path is None:
            path = np.stack([handler.player.arm_target(), self.folded()])
        self._carried = None if self.held is None else path[-1]
        seconds = max(free_duration(path), handler.player.seconds(path, 2 * LIFT_SPEED))
        yield from full_commands(self._session, handler.player.moves(path, pace * seconds, closed))

    def _raise(self, handler: ObjectHandler, held: GraspPlanner) -> Generator[Array, None, bool]:
        for height in RISES:
            path = held.way_up(handler.state(), height)
            if path is not None:
                seconds = handler.player.seconds(path, LIFT_SPEED)
                yield from full_commands(self._session, handler.player.moves(path, seconds, 1.0))
                return True
        return False

    def _back_off(self) -> Iterator[Array]:
        pose, self.driver.share = self.driver.pose(), CALM
        ahead = np.array([np.cos(pose[2]), np.sin(pose[2])])
        yield from self.driver.slide(pose[:2] - BACK_OFF * ahead)

    def _way_to_fold(self, handler: ObjectHandler) -> Array | None:
        """A free joint path (K, n) to where the arm is while driving, None where none is known."""
        planner, scene, state = handler.planner, self._session.scene, handler.state()
        probe, home = planner.probe, scene.rest_qpos[scene.robot.qpos]
        probe.place_world(state.qpos, state.mocap)
        goals = [self.folded()]
        if self.held is not None:
            probe.place_arm(state.arm)
            probe.hold(planner.body, grasp_of(handler.object(), handler.tool()))
            goals = [*_level(planner, state.arm), *goals]
        try:
            for goal in goals:
                for gap in (MARGINS[0].free, MARGINS[1].free, MARGINS[1].near):

                    def blocked(rows: Array, gap: float = gap) -> bool:
                        return any(probe.collides(q, gap) for q in rows)

                    if blocked(goal[None]):
                        continue
                    ends, up = np.stack([state.arm, goal]), state.base[2, :3]
                    path = free_path(planner.chain, ends, home, up, blocked)
                    if path is not None:
                        return path
            return None
        finally:
            probe.let_go()


def _level(planner: GraspPlanner, arm: Array) -> list[Array]:
    """Arm positions (n,) near the base in which a tool leans as with ``arm``, the nearest first.

    Turned over, a thing would slip out of the fingers.
    """
    now = planner.chain.poses(arm)
    heading = np.arctan2(now[1, 3], now[0, 3])
    targets = []
    for x, y, z in product(*CARRY):
        turn = np.arctan2(y, x) - heading
        target = _planar(np.array([0.0, 0.0, turn])) @ now
        target[:3, 3] = x, y, z
        targets.append(target)
    seeds = np.tile(arm, (len(targets), 1))
    seeds[:, 0] += [np.arctan2(y, x) - heading for x, y, _ in product(*CARRY)]
    arms, solved = planner.chain.solve(np.stack(targets), seeds)
    order = np.argsort(np.abs(arms - arm).max(axis=1), kind="stable")
    return [arms[k] for k in order if solved[k]][:CARRIES]


def _planar(pose: Array) -> Array:
    """Transform (4, 4) of a pose on the floor (x, y, heading)."""
    cos, sin = np.cos(pose[2]), np.sin(pose[2])
    found = np.eye(4)
    found[:2, :2], found[:2, 3] = [[cos, -sin], [sin, cos]], pose[:2]
    return found
