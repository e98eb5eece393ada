"""Planning to move a drawer or door by its handle: which grasp, and the arm's way along the arc."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import tee

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.policies.motion import free_path, straight_line
from molmospaces_gym.policies.planning import MARGINS, Margins, WorldState
from molmospaces_gym.robots.chain import ArmChain
from molmospaces_gym.scenes.articulated import Articulation, Handle
from molmospaces_gym.scenes.collision import CollisionProbe
from molmospaces_gym.scenes.handles import bar_grasps, follows, held_poses
from molmospaces_gym.scenes.model import Array, SceneModel
from molmospaces_gym.transforms import inverse

RETREATS = (0.10, 0.07)
"""Distances (m) of the pose before the grasp, best first."""
PRESHAPE = 0.65
"""Closure of the gripper on its way to a handle: wide fingers would meet the front behind it."""
STEP = 0.02
"""Way (m) of the handle between two rows of a pull."""
BATCH = 10
"""Ways of holding that are followed along the arc at once."""
TOLERANCE = (1e-3, 1e-2)
"""Largest error (m, rad) along the arc."""
FIRST_ITERATIONS = 25
"""Steps of the search for arm positions at a grasp."""
TRAVEL_COST, TURN_COST, PLACE_COST = 0.2, 0.6, 1.0
"""Cost per rad of joint motion to the grasp, per rad of tilt, and per metre from the middle."""
REPEAT_COST = 3.0
"""Cost of a grasp that has failed before."""
HORIZONTAL = np.array([0.0, 0.2, 0.0, -2.2, 0.0, 3.0, 0.0])
"""A posture whose tool looks ahead, the second start of the search for arm positions."""


@dataclass(frozen=True, eq=False)
class Hold:
    """One way of holding: the grasp (4, 4) in the part's frame and the share of the turn."""

    grasp: Array
    follow: float


@dataclass(frozen=True, eq=False)
class PullPlan:
    """Joint paths (K, n) of one attempt; the part goes to ``positions`` (K,) along ``pull``."""

    hold: Hold
    reach: Array
    approach: Array
    pull: Array
    positions: Array


class PullPlanner:
    """Plans for one joint of one scene."""

    def __init__(self, scene: SceneModel, part: Articulation) -> None:
        self.scene, self.part = scene, part
        self.chain = ArmChain(scene.robot)
        self._probe = CollisionProbe(scene, PRESHAPE)
        self._home = scene.rest_qpos[scene.robot.qpos]
        self._seeds = (self._home, HORIZONTAL) if len(self._home) == 7 else (self._home,)

    def plan(
        self, state: WorldState, goals: Sequence[float], failed: Sequence[Array] = ()
    ) -> PullPlan | None:
        """The cheapest collision-free way to bring the joint to the first goal that works.

        Args:
            state: the world now; ``target`` is the pose of the moving part.
            goals: joint positions, best first.
            failed: grasps that did not work.
        """
        self._probe.place_world(state.qpos, state.mocap)
        start = float(state.qpos[self.part.qpos])
        for goal in goals:
            rows = self._rows(start, goal)
            candidates = tee(self._candidates(state, rows, failed), len(MARGINS))
            for margins, pool in zip(MARGINS, candidates, strict=True):
                for hold, path in pool:
                    plan = self._attempt(state, hold, path, rows, margins)
                    if plan is not None:
                        return plan
        return None

    def way_home(self, state: WorldState) -> Array:
        """A joint path (K, n) to the home pose; the straight one where none is known to be free."""
        self._probe.place_world(state.qpos, state.mocap)
        path = self._free_path(state.arm, self._home, state.base[2, :3], MARGINS[-1])
        return np.stack([state.arm, self._home]) if path is None else path

    def _rows(self, start: float, goal: float) -> Array:
        part = self.part
        arm = 1.0 if part.slides else float(np.linalg.norm(part.handles[0].middle - part.anchor))
        count = max(2, int(np.ceil(abs(goal - start) * arm / STEP)) + 1)
        return np.linspace(start, goal, count)

    def _candidates(
        self, state: WorldState, rows: Array, failed: Sequence[Array]
    ) -> Iterator[tuple[Hold, Array]]:
        """Ways of holding with the arm's path (K, n) along ``rows``, about cheapest first."""
        for handle in self.part.handles:
            grasps = bar_grasps(handle)
            arms, costs = self._first(state, handle, grasps, failed)
            order = np.argsort(costs, kind="stable")
            order = order[np.isfinite(costs[order])]
            for follow in follows(self.part, handle):
                for chosen in (order[i : i + BATCH] for i in range(0, len(order), BATCH)):
                    paths, alive = self._arcs(state, grasps[chosen], arms[chosen], rows, follow)
                    for index in np.flatnonzero(alive):
                        yield Hold(grasps[chosen[index]], follow), paths[:, index]

    def _first(
        self, state: WorldState, handle: Handle, grasps: Array, failed: Sequence[Array]
    ) -> tuple[Array, Array]:
        """Arm positions (N, n) at the grasps and their costs (N,), infinite without a solution."""
        targets = inverse(state.base) @ (state.target @ grasps)
        toward = float(np.arctan2(targets[:, 1, 3].mean(), targets[:, 0, 3].mean()))
        best, costs = np.tile(state.arm, (len(grasps), 1)), np.full(len(grasps), np.inf)
        tilt = np.arccos(np.clip(-grasps[:, :3, 2] @ handle.outward, -1.0, 1.0))
        place = np.linalg.norm(grasps[:, :3, 3] - handle.middle, axis=1)
        for seed in self._seeds:
            left = np.flatnonzero(np.isinf(costs))
            if not len(left):
                break
            facing = seed.copy()
            facing[0] += toward
            arms, solved = self.chain.solve(targets[left], facing, TOLERANCE, FIRST_ITERATIONS)
            travel = np.abs(arms - state.arm).max(axis=1)
            value = TRAVEL_COST * travel + TURN_COST * tilt[left] + PLACE_COST * place[left]
            best[left[solved]], costs[left[solved]] = arms[solved], value[solved]
        again = [any(np.allclose(grasp, other) for other in failed) for grasp in grasps]
        return best, costs + REPEAT_COST * np.array(again)

    def _arcs(
        self, state: WorldState, grasps: Array, arms: Array, rows: Array, follow: float
    ) -> tuple[Array, NDArray[np.bool_]]:
        """Arm paths (K, N, n) along the rows and which of them (N,) can be followed."""
        to_base, paths = inverse(state.base), [arms]
        alive = np.ones(len(grasps), dtype=np.bool_)
        for position in rows[1:]:
            change = float(position - rows[0])
            targets = to_base @ held_poses(self.part, state.target, grasps, change, follow)
            following = paths[-1].copy()
            left = np.flatnonzero(alive)
            if len(left):
                following[left], alive[left] = self.chain.solve(
                    targets[left], paths[-1][left], TOLERANCE, 12
                )
            paths.append(following)
        return np.stack(paths), alive

    def _attempt(
        self, state: WorldState, hold: Hold, path: Array, rows: Array, margins: Margins
    ) -> PullPlan | None:
        """The attempt with one way of holding, or None where something is in the way."""
        for arm, position in zip(path, rows, strict=True):
            self._probe.place_joint(self.part.qpos, float(position))
            if self._blocked(arm[None], margins.near, touching=True):
                self._probe.place_joint(self.part.qpos, float(rows[0]))
                return None
        self._probe.place_joint(self.part.qpos, float(rows[0]))
        backward = -self.chain.poses(path[0])[:3, 2]
        for length in RETREATS:
            back = straight_line(self.chain, path[0], length * backward)
            if back is None or self._blocked(back[:0:-1], margins.near, touching=True):
                continue
            reach = self._free_path(state.arm, back[-1], state.base[2, :3], margins)
            if reach is not None:
                return PullPlan(hold, reach, back[::-1], path, rows)
        return None

    def _free_path(self, start: Array, end: Array, up: Array, margins: Margins) -> Array | None:
        return free_path(
            self.chain,
            np.stack([start, end]),
            self._home,
            up,
            lambda path: self._blocked(path, margins.free),
        )

    def _blocked(self, path: Array, margin: float, touching: bool = False) -> bool:
        """Whether anything but, where ``touching``, the handle is in the way."""
        geoms = sum((handle.geoms for handle in self.part.handles), ()) if touching else ()
        return any(self._probe.collides(arm, margin, ignored=geoms) for arm in path)
