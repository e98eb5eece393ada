"""A robot on wheels between places to work: arm folded, something in its hand perhaps, driving."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import replace

import numpy as np

from molmospaces_gym.policies.driving import RADII, Driver
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
HERE, FACING = 0.1, 0.15
"""Distance (m) and angle (rad) from a place to work that count as being there."""
AJAR = 0.05
"""Share of its range from which something that is open is in the way of driving."""


class Carrier:
    """Brings the robot, and what it holds, from one place to another."""

    def __init__(self, session: Session, spare: Callable[[], GraspPlanner]) -> None:
        """``spare`` gives a planner of any object, to fold the arm of an empty hand with."""
        self._session, self._spare = session, spare
        self.driver = Driver(session)
        self.dt = session.n_substeps * float(session.scene.model.opt.timestep)
        self.held: GraspPlanner | None = None
        """The planner of what is in the hand."""

    def lost(self) -> bool:
        """Whether something that was picked up is no longer in the hand."""
        return self.held is not None and not ObjectHandler(self._session, self.held).touches()

    def folded(self) -> Array:
        """The arm's joint positions (n,) while it drives."""
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
        return replace(now, qpos=qpos, base=moved, arm=self.folded())

    def grid(self, radius: float) -> FloorGrid | None:
        """Where a robot of this radius (m) can drive now."""
        session, scene = self._session, self._session.scene
        qpos = session.world.joint_pos(session.slot)
        if any(part.fraction(qpos[part.qpos]) > AJAR for part in scene.articulations.values()):
            held = () if self.held is None else (self.held.name,)
            return grid_now(scene, np.array(qpos), radius, held)
        return floor_grid(scene, radius)

    def drive(
        self, goals: Callable[[FloorGrid], Array], over: Callable[[], bool]
    ) -> Generator[Array, None, bool]:
        """Drive to the nearest of some points (N, 2) of the floor; false where no way leads there.

        The wider ways first.
        """
        for radius in RADII:
            grid = self.grid(radius)
            points = np.zeros((0, 2)) if grid is None else goals(grid)
            if grid is None or not len(points):
                continue
            path = grid.path(grid.field(points), self.driver.pose()[:2])
            if path is None:
                continue
            yield from self.driver.slide(path[0])  # out of where it worked, as it came
            if (yield from self.driver.follow(path, over)):
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
        """Bring the arm, and what it holds, to where it may be while the robot drives."""
        session, scene, held = self._session, self._session.scene, self.held
        planner = held or self._spare()
        home, goal = scene.rest_qpos[scene.robot.qpos], self.folded()
        handler = ObjectHandler(session, planner)
        state, closed = handler.state(), 0.0 if held is None else 1.0
        if float(np.abs(state.arm - goal).max()) < 1e-3:
            return
        planner.probe.place_world(state.qpos, state.mocap)
        if held is not None:
            planner.probe.place_arm(state.arm)
            planner.probe.hold(planner.body, grasp_of(handler.object(), handler.tool()))
        path = None
        for gap in (MARGINS[0].free, MARGINS[1].free, MARGINS[1].near):

            def blocked(rows: Array, gap: float = gap) -> bool:
                return any(planner.probe.collides(q, gap) for q in rows)

            ends, up = np.stack([state.arm, goal]), state.base[2, :3]
            path = free_path(planner.chain, ends, home, up, blocked) if path is None else path
        planner.probe.let_go()
        path = np.stack([state.arm, goal]) if path is None else path
        seconds = max(free_duration(path), handler.player.seconds(path, 2 * LIFT_SPEED))
        seconds *= 1.0 if held is None else GENTLY
        yield from full_commands(session, handler.player.moves(path, seconds, closed))


def _planar(pose: Array) -> Array:
    """Transform (4, 4) of a pose on the floor (x, y, heading)."""
    cos, sin = np.cos(pose[2]), np.sin(pose[2])
    found = np.eye(4)
    found[:2, :2], found[:2, 3] = [[cos, -sin], [sin, cos]], pose[:2]
    return found
