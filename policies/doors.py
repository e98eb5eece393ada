"""Opening doors with a mobile robot: push through them, or hold the handle and step back.

The arm stays still while the base moves: a pull is an arc of base poses on which the hand follows
the handle. Fingers above and below the lever let it turn between them.
"""

import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from molmospaces_gym.policies.driving import Driver
from molmospaces_gym.robots.binding import ArmBinding
from molmospaces_gym.robots.chain import ArmChain
from molmospaces_gym.scenes.doorways import (
    FOLLOWS,
    door_grid,
    find_doorway,
    is_drivable,
    pull_path,
    pull_turns,
    push_path,
)
from molmospaces_gym.scenes.episode_joints import door_articulation
from molmospaces_gym.scenes.model import Array
from molmospaces_gym.scenes.navigation import NARROW, RADIUS
from molmospaces_gym.session import Session

DRIVE_SPEED, DRIVE_TURN = 0.4, 0.8
"""Speed of the base on free floor, m/s and rad/s."""
PUSH_SPEED, PULL_SPEED, DOCK_SPEED = 0.25, 0.15, 0.12
"""Speed of the base that pushes or pulls, and that brings the hand around the handle, m/s."""
ARM_S, CLOSE_S, OPEN_S, SETTLE_S = 2.0, 0.8, 0.5, 0.4
"""Time (s) of an arm motion, of closing and opening the fingers, and of a wait after a move."""
BACK = 0.2
"""Way (m) between where the arm is stretched out and where the hand is at the handle."""
MARGIN = 0.05
"""Openness beyond the threshold at which the robot stops."""
SLIP = 0.1
"""Openness by which the door may lag behind the hand."""
STUCK, PROGRESS = 12, 0.004
"""Steps in a row in which a push moves the base less than this (m) before it starts anew."""
MAX_TRIES = 6
REACHES = ((0.58, 0.3), (0.54, 0.36), (0.56, 0.22), (0.5, 0.3))
"""Where a hand holds the handle in the base's frame: ahead and outwards, m; best first."""
SEEDS = (
    (-0.5, -0.3, 0.0, -1.5, 0.0, 0.5, 0.0),
    (0.0, -0.5, 0.5, -1.8, 0.0, 0.3, 1.57),
    (0.0, -0.5, -0.5, -1.8, 0.0, 0.3, -1.57),
    (-0.3, -0.8, 0.8, -1.6, 0.5, 0.6, 0.0),
)
"""Right arm positions (rad) from which inverse kinematics starts, after the home pose."""
MIRROR = np.array([1.0, -1.0, -1.0, 1.0, -1.0, 1.0, -1.0])
"""Signs that turn a position of the right arm into that of the left one."""


@dataclass(frozen=True, eq=False)
class Grip:
    """One way of pulling: an arm with its joint positions and the base's arc (K, 3)."""

    arm: ArmBinding
    joints: Array
    path: Array
    turns: Array


class DoorSolver:
    """Plays OpenDoor with a mobile robot."""

    def play(self, session: Session) -> Iterator[Array]:
        """See ``expert.Solver``.

        Raises:
            InvalidConfig: the robot has no base to drive.
        """
        return DoorAttempts(session).commands()


class DoorAttempts:
    """One episode of OpenDoor as a stream of commands."""

    def __init__(self, session: Session) -> None:
        scene, task = session.scene, session.episode.task
        self._session, self._driver = session, Driver(session)
        self._chains: dict[str, ArmChain] = {}
        self._dt = session.control_dt
        limits = task.get("articulated_joint_range")
        self._door = find_doorway(scene, door_articulation(scene, task), limits)
        self._threshold = float(task.get("door_openness_threshold", 0.67))
        self._pulls = self._door.is_pulled_from(np.array(task["robot_base_pose"][:2]))

    def commands(self) -> Iterator[Array]:
        """One command (n_actuators,) per control step, without end."""
        for number in range(MAX_TRIES):
            if self._is_open():
                break
            if self._pulls:
                yield from self._pull(number)
            else:
                yield from self._push(number)
        while True:
            yield self._session.ctrl

    def _is_open(self) -> bool:
        return self._openness() >= min(self._threshold + MARGIN, 0.99)

    def _openness(self) -> float:
        qpos = self._session.world.joint_pos(self._session.slot)
        return self._door.openness(float(qpos[self._door.part.qpos]))

    def _push(self, number: int) -> Iterator[Array]:
        """Drive through the door; every other try a little more towards the handle."""
        path = push_path(self._door)
        path[:, :2] += 0.04 * (number % 3) * self._door.along
        yield from self._drive(path[0])
        waits, before = 0, self._driver.pose()
        for command in self._along(path, PUSH_SPEED):
            yield command
            if self._is_open():
                return
            here = self._driver.pose()
            waits = waits + 1 if float(np.hypot(*(here - before)[:2])) < PROGRESS else 0
            before = here
            if waits >= STUCK:
                return

    def _pull(self, number: int) -> Iterator[Array]:
        """Hold the handle and step back along an arc."""
        grip = next(islice(self._grips(), number, None), None) or next(self._grips(), None)
        if grip is None:
            yield self._session.ctrl
            return
        stance = grip.path[0]
        ahead = np.array([math.cos(stance[2]), math.sin(stance[2])])
        before = np.append(stance[:2] - BACK * ahead, stance[2])
        yield from self._drive(before)
        yield from self._stretch(grip.arm, grip.joints)
        yield from self._along(np.stack([before, stance]), DOCK_SPEED)
        yield from self._wait(SETTLE_S)
        yield from self._fingers(grip.arm, 1.0, CLOSE_S)
        if not (yield from self._step_back(grip)):
            yield from self._fingers(grip.arm, 0.0, OPEN_S)
            here = self._driver.pose()
            away = here[:2] - BACK * np.array([math.cos(here[2]), math.sin(here[2])])
            yield from self._along(np.stack([here, np.append(away, here[2])]), DOCK_SPEED)

    def _step_back(self, grip: Grip) -> Generator[Array, None, bool]:
        """Follow the arc; false where the handle slipped out of the hand."""
        full = abs(self._door.opened - self._door.closed)
        for command in self._along(grip.path, PULL_SPEED):
            yield command
            if self._is_open():
                return True
            here = self._driver.pose()
            nearest = int(np.argmin(np.hypot(*(grip.path[:, :2] - here[:2]).T)))
            if float(grip.turns[nearest]) / full - self._openness() > SLIP:
                return False
        yield from self._wait(SETTLE_S)
        return self._is_open()

    def _grips(self) -> Iterator[Grip]:
        """Ways of pulling for which there is room, best first."""
        scene, door = self._session.scene, self._door
        grid = door_grid(scene, door, NARROW)
        turns = pull_turns(door, self._openness(), self._threshold)
        height = float(door.handle_point(door.handle(True), turns[:1])[0, 2])
        for reach in REACHES:
            for follow in FOLLOWS:
                for arm in scene.robot.arms:
                    hand = np.array([reach[0], arm.config.side * reach[1]])
                    path = pull_path(door, hand, follow, turns)
                    if grid is not None and not is_drivable(grid, path):
                        continue
                    joints = self._joints(arm, np.append(hand, height))
                    if joints is not None:
                        yield Grip(arm, joints, path, turns)

    def _joints(self, arm: ArmBinding, point: Array) -> Array | None:
        """Arm positions (n,) that hold a lever at a point (3,) of the base's frame, or None."""
        chain = self._chain(arm)
        home = np.array(self._session.robot.home[arm.config.group])
        targets = np.tile(np.eye(4), (2, 1, 1))
        for target, sign in zip(targets, (1.0, -1.0), strict=True):
            target[:3, 0], target[:3, 1] = [0.0, sign, 0.0], [0.0, 0.0, sign]
            target[:3, 2], target[:3, 3] = [1.0, 0.0, 0.0], point
            target[:3, 0] = np.cross(target[:3, 1], target[:3, 2])
        best, cost = None, math.inf
        mirrored = [np.array(seed) * (MIRROR if arm.config.side > 0 else 1.0) for seed in SEEDS]
        for seed in [home, *mirrored]:
            found, solved = chain.solve(targets, seed)
            for joints in found[solved]:
                travel = float(np.abs(joints - home).max())
                if travel < cost:
                    best, cost = joints, travel
        return best

    def _chain(self, arm: ArmBinding) -> ArmChain:
        group = arm.config.group
        if group not in self._chains:
            qpos = self._session.world.joint_pos(self._session.slot)
            self._chains[group] = ArmChain(self._session.scene.robot, arm, qpos)
        return self._chains[group]

    def _drive(self, goal: Array) -> Iterator[Array]:
        """Go to a base pose on this side of the door."""
        scene, here = self._session.scene, self._driver.pose()
        corners = None
        for radius in (RADIUS, NARROW):
            grid = door_grid(scene, self._door, radius)
            if grid is not None and corners is None:
                corners = grid.path(grid.field(goal[None, :2]), here[:2])
        points = [goal[:2]] if corners is None else [*corners[1:-1], goal[:2]]
        rows = [here]
        for point in points:
            rows.append(np.append(point, goal[2]))
        turn = math.remainder(goal[2] - here[2], 2 * math.pi)
        for row in rows[1:]:
            row[2] = here[2] + turn
        yield from self._along(np.stack(rows), DRIVE_SPEED)
        yield from self._wait(SETTLE_S)

    def _along(self, path: Array, speed: float) -> Iterator[Array]:
        """Base commands along poses (K, 3) at a speed (m/s), turning no faster than allowed."""
        turns = round((self._driver.pose()[2] - path[0, 2]) / (2 * math.pi))
        path = path + [0.0, 0.0, 2 * math.pi * turns]  # headings count on without end
        moves = np.diff(path, axis=0)
        times = np.maximum(
            np.hypot(moves[:, 0], moves[:, 1]) / speed, np.abs(moves[:, 2]) / DRIVE_TURN
        )
        clock = np.concatenate([[0.0], np.cumsum(times)])
        for time in np.arange(self._dt, clock[-1] + self._dt, self._dt):
            pose = np.array([np.interp(time, clock, column) for column in path.T])
            yield self._driver.command(pose)

    def _stretch(self, arm: ArmBinding, joints: Array) -> Iterator[Array]:
        """Move an arm, its fingers open."""
        start = self._session.ctrl[arm.control]
        count = max(1, round(ARM_S / self._dt))
        for step in range(1, count + 1):
            command = self._session.ctrl
            command[arm.control] = start + (joints - start) * step / count
            command[arm.grip_control] = arm.grip_command(0.0)
            yield command
        yield from self._wait(SETTLE_S)

    def _fingers(self, arm: ArmBinding, closed: float, seconds: float) -> Iterator[Array]:
        for _ in range(max(1, round(seconds / self._dt))):
            command = self._session.ctrl
            command[arm.grip_control] = arm.grip_command(closed)
            yield command

    def _wait(self, seconds: float) -> Iterator[Array]:
        for _ in range(max(1, round(seconds / self._dt))):
            yield self._session.ctrl
