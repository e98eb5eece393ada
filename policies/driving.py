"""Driving to an object: the shortest way over the floor's map, then turning until it is seen."""

import math
from collections.abc import Callable, Generator, Iterator

import numpy as np

from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.scenes.model import Array
from molmospaces_gym.scenes.navigation import (
    NARROW,
    RADIUS,
    floor_grid,
    viewpoints,
    without_robot,
)
from molmospaces_gym.session import Session

SPEED = 0.9
"""Share of the base's fastest motion that is used where nothing says otherwise."""
ARRIVED, FACED = 0.02, 0.05
"""Distance (m) and angle (rad) at which a corner is reached and a heading taken."""
DOCKED, DOCK_SHARE = 0.01, 0.5
"""Distance (m) at which a place to work is reached, and share of the speed on the way there."""
ASTRAY = 1.2
"""Angle (rad) to the way ahead beyond which the base turns before it drives on."""
STUCK, PROGRESS = 5, 0.01
"""Steps in a row that bring it less than this (m or rad) before another way is looked for."""
LOOK_STEPS = 2
"""Steps that the object may stay unseen, while faced, before another place is tried."""
RADII = (RADIUS, NARROW)
"""Radii (m) of the robot with which ways are looked for, the second where the first leads nowhere
or into something."""
NEAR_VIEW = 0.3
"""Places this close (m) to one that showed nothing are not tried either."""
MAX_TRIES = 12


class Driver:
    """Moves a mobile base and nothing else; each part is a stream of commands (n_actuators,)."""

    def __init__(self, session: Session) -> None:
        """Raises ``InvalidConfig`` where the robot has no base to drive."""
        base, config = session.scene.robot.base, session.robot.base
        if base is None or config is None:
            raise InvalidConfig(
                f"the expert for {session.task_name} drives: robot {session.robot.name!r} has no"
                " base; use one on wheels, such as rby1"
            )
        self._session, self._base = session, base
        self._dt = session.control_dt
        self._fastest = min(config.max_speed[:2]), config.max_speed[2]
        self.share = SPEED
        """Share of the base's fastest motion that is used."""

    @property
    def _step(self) -> float:
        """Longest way (m) of one step."""
        return self.share * self._dt * self._fastest[0]

    @property
    def _turn(self) -> float:
        """Largest turn (rad) of one step."""
        return self.share * self._dt * self._fastest[1]

    def follow(self, path: Array, until: Callable[[], bool]) -> Generator[Array, None, bool]:
        """Follow the corners (K, 2), the first of which is here, as long as ``until`` is false.

        False where something is in the way.
        """
        waits = 0
        for corner in path[1:]:
            while not until():
                pose = self.pose()
                offset = corner - pose[:2]
                distance = float(np.hypot(*offset))
                if distance < ARRIVED:
                    break
                yield self._toward(pose, offset, distance, turning=waits < 2)
                waits = waits + 1 if self._stands(pose) else 0
                if waits >= STUCK:
                    return False
        return True

    def face(self, yaw: float) -> Iterator[Array]:
        """Turn on the spot to a heading (rad), or as far as there is room."""
        waits = 0
        while waits < STUCK:
            pose = self.pose()
            error = _wrapped(yaw - pose[2])
            if abs(error) < ARRIVED:
                return
            yield self.command(self.turned(pose, yaw))
            waits = waits + 1 if self._stands(pose) else 0

    def slide(self, point: Array) -> Iterator[Array]:
        """Move straight to a point (2,) without turning, or as far as there is room."""
        waits, yaw = 0, self.pose()[2]
        while waits < STUCK:
            pose = self.pose()
            offset = point - pose[:2]
            distance = float(np.hypot(*offset))
            if distance < DOCKED:
                return
            pose[2] = yaw
            pose[:2] += offset * min(1.0, DOCK_SHARE * self._step / distance)
            yield self.command(pose)
            waits = waits + 1 if self._stands(pose) else 0

    def pose(self) -> Array:
        """Where the base is: x, y (m) and heading (rad), a copy."""
        pose: Array = self._session.world.joint_pos(self._session.slot)[self._base.qpos].copy()
        return pose

    def command(self, pose: Array) -> Array:
        """The last commands with the base at ``pose`` (3,)."""
        command = self._session.ctrl
        command[self._base.control] = pose
        return command

    def unwound(self, yaw: float) -> float:
        """The same heading (rad) within half a turn of the base's joint, which counts on."""
        at = float(self.pose()[2])
        return at + _wrapped(yaw - at)

    def turned(self, pose: Array, yaw: float) -> Array:
        """A pose turned towards a heading as far as one step allows."""
        found = pose.copy()
        found[2] += min(max(_wrapped(yaw - pose[2]), -self._turn), self._turn)
        return found

    def _toward(self, pose: Array, offset: Array, distance: float, turning: bool) -> Array:
        """A step along the way, turning into it; only the turn while it looks elsewhere."""
        ahead = math.atan2(offset[1], offset[0])
        target = self.turned(pose, ahead) if turning else pose.copy()
        if abs(_wrapped(ahead - pose[2])) < ASTRAY or not turning:
            target[:2] += offset * min(1.0, self._step / distance)
        return self.command(target)

    def _stands(self, before: Array) -> bool:
        moved = self.pose() - before
        return float(np.hypot(*moved[:2])) < PROGRESS and abs(moved[2]) < PROGRESS


class NavigationSolver:
    """Plays NavigateTo with a mobile base."""

    def play(self, session: Session) -> Iterator[Array]:
        """See ``expert.Solver``; at the end the robot stands still, which says that it is done.

        Raises:
            InvalidConfig: the robot has no base to drive.
        """
        return NavigationAttempts(session).commands()


class NavigationAttempts:
    """One episode of NavigateTo as a stream of commands."""

    def __init__(self, session: Session) -> None:
        self._session, self._driver = session, Driver(session)
        task = session.episode.task
        self._names = list(task.get("pickup_obj_candidates") or [task["pickup_obj_name"]])

    def commands(self) -> Iterator[Array]:
        """One command (n_actuators,) per control step, without end."""
        seen_nothing: list[Array] = []
        stuck = 0
        for _ in range(MAX_TRIES):
            path = self._plan(seen_nothing, stuck)
            if path is None:
                break
            if not (yield from self._driver.follow(path, self._succeeds)):
                stuck += 1
                continue
            yield from self._look()
            if self._session.state.success:
                break
            seen_nothing.append(path[-1])
        while True:
            yield self._driver.command(self._driver.pose())

    def _plan(self, seen_nothing: list[Array], stuck: int) -> Array | None:
        """Corners (K, 2) of the way to the nearest place from where an object can be seen."""
        scene = self._session.scene
        qpos = self._session.world.joint_pos(self._session.slot)
        for radius in (RADII[stuck % 2], RADII[1 - stuck % 2]):
            grid = floor_grid(scene, radius)
            if grid is None:
                return self._straight()
            views = viewpoints(scene, grid, without_robot(scene, qpos), self._names)
            for other in seen_nothing:
                views = views[np.hypot(*(views - other).T) > NEAR_VIEW]
            path = grid.path(grid.field(views), self._driver.pose()[:2]) if len(views) else None
            if path is not None:
                return path
        return None

    def _straight(self) -> Array:
        """Straight to a place in front of the nearest object, where there is no map."""
        here, there = self._driver.pose()[:2], self._nearest()
        way = there - here
        length = float(np.hypot(*way))
        return np.stack([here, here + way * max(length - 1.0, 0.0) / max(length, 1e-9)])

    def _succeeds(self) -> bool:
        return self._session.state.success

    def _look(self) -> Iterator[Array]:
        """Turn to the nearest object until it is seen."""
        unseen = 0
        while not self._session.state.success and unseen < LOOK_STEPS:
            pose = self._driver.pose()
            offset = self._nearest() - pose[:2]
            ahead = math.atan2(offset[1], offset[0])
            yield self._driver.command(self._driver.turned(pose, ahead))
            error, turned = _wrapped(ahead - pose[2]), abs(self._driver.pose()[2] - pose[2])
            unseen = unseen + 1 if abs(error) < FACED or turned < PROGRESS else 0

    def _nearest(self) -> Array:
        """Where the nearest candidate is (2,)."""
        session = self._session
        bodies = [session.scene.body_id(name) for name in self._names]
        points = session.world.body_pos(session.slot)[bodies, :2]
        nearest: Array = points[np.argmin(np.hypot(*(points - self._driver.pose()[:2]).T))]
        return nearest


def _wrapped(angle: float) -> float:
    return math.remainder(angle, 2 * math.pi)
