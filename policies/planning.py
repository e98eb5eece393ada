"""Planning one grasp: which grasp, how the arm gets there, and how the object comes up."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import tee

import numpy as np

from molmospaces_gym.policies.grasping import (
    grasp_costs,
    level_grasps,
    object_grasps,
    shape_grasps,
    with_half_turns,
)
from molmospaces_gym.policies.motion import free_path, straight_line
from molmospaces_gym.policies.surface import ObjectSurface, examined
from molmospaces_gym.robots.chain import ArmChain
from molmospaces_gym.scenes.collision import CollisionProbe
from molmospaces_gym.scenes.model import Array, SceneModel
from molmospaces_gym.transforms import inverse

RETREATS = (0.10, 0.06, 0.04)
"""Distances (m) of the pregrasp behind the grasp, best first (official: 0.04)."""
LIFTS = (0.12, 0.08, 0.05)
"""Heights (m) to lift to, best first (official: 0.08)."""
REACH = 0.9
"""Grasps farther than this (m) from the arm's foot are not tried."""
TOP = 128
"""Grasps that inverse kinematics is tried for (official: 512)."""
BATCH = 24
"""Grasps that inverse kinematics is tried for at once."""
DOUBTS = 2
"""Failures after which the object's boxes are asked for grasps too."""
TRAVEL_COST = 0.05
"""Cost per rad of the largest joint motion to the pregrasp."""
REPEAT_COST = 3.0
"""Cost of a grasp that resembles one which has failed."""
ERROR_COST = 4.0
"""Cost per rad between the pads and the faces that they would press on."""
SHAPE_ERROR = 0.5
"""Added to the error (rad) of grasps that know nothing but the boxes around the object."""


@dataclass(frozen=True)
class Margins:
    """Distances (m) kept from everything: on the way, near the grasp, and from the target."""

    free: float
    near: float
    target: float


MARGINS = (Margins(0.012, 0.004, 0.002), Margins(0.004, 0.001, 0.0005))
"""Margins tried in turn, from comfortable to just not touching."""


@dataclass(frozen=True, eq=False)
class WorldState:
    """What the planner reads: configuration, mocap poses and the poses of base and object."""

    qpos: Array
    mocap: dict[int, tuple[Array, Array]]
    base: Array
    target: Array
    arm: Array


@dataclass(frozen=True, eq=False)
class GraspPlan:
    """Joint paths (K, n) of one attempt and the grasp (4, 4) in the object's frame."""

    grasp: Array
    reach: Array
    approach: Array
    lift: Array


class GraspPlanner:
    """Plans attempts at one object of one scene, in a scratch simulation of its own."""

    def __init__(self, scene: SceneModel, name: str) -> None:
        self.scene, self.name = scene, name
        self.body = scene.body_id(name)
        self.chain = ArmChain(scene.robot)
        self.probe = CollisionProbe(scene)
        self.home = scene.rest_qpos[scene.robot.qpos]
        self._center = scene.model.body_ipos[self.body]
        self._surface = ObjectSurface(scene, name)

    @cached_property
    def _known(self) -> tuple[Array, Array]:
        """Grasps of the object's best source."""
        return examined(object_grasps(self.scene, self.name), self._surface)

    @cached_property
    def _shaped(self) -> tuple[Array, Array]:
        """Grasps of the boxes around the object and its parts: less apt, but from every side."""
        grasps, errors = examined(shape_grasps(self.scene, self.name), self._surface)
        return grasps, errors + SHAPE_ERROR

    def grasps(self, target: Array) -> Array:
        """All grasps (N, 4, 4) in the object's frame while it has the pose ``target`` (4, 4)."""
        return np.concatenate([self._known[0], self._shaped[0], self._level(target)[0]])

    def _level(self, target: Array) -> tuple[Array, Array]:
        """Grasps of an object that has rolled over."""
        half, center = self.scene.body_half_size(self.name), self.scene.body_center(self.name)
        grasps, errors = examined(level_grasps(half, center, target[:3, :3]), self._surface)
        return grasps, errors + SHAPE_ERROR

    def plan(self, state: WorldState, failed: Sequence[Array] = ()) -> GraspPlan | None:
        """The cheapest collision-free attempt, or None; see ``plans``."""
        return next(self.plans(state, failed), None)

    def plans(self, state: WorldState, failed: Sequence[Array] = ()) -> Iterator[GraspPlan]:
        """Collision-free attempts, about the cheapest first; made when they are asked for.

        Args:
            state: the world now.
            failed: grasps (4, 4) in the object's frame that did not work.
        """
        self.probe.place_world(state.qpos, state.mocap)
        for grasps, errors in self._pools(len(failed), state.target):
            candidates = tee(self._candidates(state, grasps, errors, failed), len(MARGINS))
            for margins, pool in zip(MARGINS, candidates, strict=True):
                for grasp, arm in pool:
                    plan = self._attempt(state, grasp, arm, margins)
                    if plan is not None:
                        yield plan

    def _pools(self, failures: int, target: Array) -> Iterator[tuple[Array, Array]]:
        """Grasps and their errors, to be tried one pool after the other."""
        if failures < DOUBTS:
            yield self._known
            yield self._shaped
        else:
            (known, errors), (shaped, more) = self._known, self._shaped
            yield np.concatenate([known, shaped]), np.concatenate([errors, more])
        yield self._level(target)

    def way_home(self, state: WorldState) -> Array:
        """A joint path (K, n) to the home pose; the straight one where none is known to be free."""
        self.probe.place_world(state.qpos, state.mocap)
        path = self._free_path(state.arm, self.home, state.base[2, :3], MARGINS[-1])
        return np.stack([state.arm, self.home]) if path is None else path

    def way_up(self, state: WorldState, height: float) -> Array | None:
        """A joint path (K, n) that raises the held object by ``height`` (m), None if blocked."""
        self.probe.place_world(state.qpos, state.mocap)
        return self._lift(state.arm, state.base[2, :3], MARGINS[-1], (height,))

    def _candidates(
        self, state: WorldState, grasps: Array, errors: Array, failed: Sequence[Array]
    ) -> Iterator[tuple[Array, Array]]:
        """Reachable grasps in the object's frame with arm positions, about cheapest first."""
        local, errors = with_half_turns(grasps), np.tile(errors, 2)
        to_base = inverse(state.base) @ state.target
        placed = to_base @ local
        center = (to_base @ np.append(self._center, 1.0))[:3]
        costs = grasp_costs(placed, self.chain.poses(state.arm), center) + ERROR_COST * errors
        costs += REPEAT_COST * np.array([_resembles(grasp, failed) for grasp in local])
        near = np.flatnonzero(np.linalg.norm(placed[:, :3, 3] - self.chain.center, axis=1) < REACH)
        order = near[np.argsort(costs[near], kind="stable")][:TOP]
        for batch in (order[i : i + BATCH] for i in range(0, len(order), BATCH)):
            arms, totals = self._inverse(placed[batch], costs[batch], state.arm)
            for index in np.argsort(totals, kind="stable"):
                if np.isfinite(totals[index]):
                    yield local[batch[index]], arms[index]

    def _inverse(self, grasps: Array, costs: Array, arm: Array) -> tuple[Array, Array]:
        """Arm positions (N, n) and costs (N,), infinite where no solution was found."""
        facing = self.home.copy()
        middle = grasps[:, :3, 3].mean(axis=0)
        facing[0] = np.arctan2(middle[1], middle[0])
        best = np.tile(arm, (len(grasps), 1))
        total = np.full(len(grasps), np.inf)
        for seed in (facing, arm):
            arms, solved = self.chain.solve(grasps, seed)
            travel = np.abs(arms - arm).max(axis=1)
            value = np.where(solved, costs + TRAVEL_COST * travel, np.inf)
            better = value < total
            best[better], total[better] = arms[better], value[better]
        return best, total

    def _attempt(
        self, state: WorldState, grasp: Array, arm: Array, margins: Margins
    ) -> GraspPlan | None:
        """The attempt with one grasp, or None where something is in the way."""
        if self._blocked(arm[None], margins.near, margins):
            return None
        backward = -self.chain.poses(arm)[:3, 2]
        back = self._first_line(arm, backward, RETREATS, margins)
        if back is None:
            return None
        up = state.base[2, :3]
        lift = self._lift(arm, up, margins)
        if lift is None:
            return None
        reach = self._free_path(state.arm, back[-1], up, margins)
        if reach is None:
            return None
        return GraspPlan(grasp, reach, back[::-1], lift)

    def _blocked(self, path: Array, margin: float, margins: Margins) -> bool:
        return any(self.probe.collides(arm, margin, self.body, margins.target) for arm in path)

    def _first_line(
        self, arm: Array, direction: Array, lengths: Sequence[float], margins: Margins
    ) -> Array | None:
        """The longest free straight line away from ``arm``."""
        for length in lengths:
            path = straight_line(self.chain, arm, length * direction)
            if path is not None and not self._blocked(path[:0:-1], margins.near, margins):
                return path
        return None

    def _lift(
        self, arm: Array, up: Array, margins: Margins, heights: Sequence[float] = LIFTS
    ) -> Array | None:
        """The first of the lifts in which neither the robot nor the object meets anything."""
        for height in heights:
            path = straight_line(self.chain, arm, height * up)
            if path is None:
                continue
            world_up = np.array([0.0, 0.0, 1.0])
            rises = [height * world_up, 0.5 * height * world_up]
            if any(self.probe.body_collides(self.body, r, margins.near) for r in rises):
                continue
            if not self._blocked_by_others(path[1:], margins.near):
                return path
        return None

    def _blocked_by_others(self, path: Array, margin: float) -> bool:
        """Whether anything but the object, which moves along, is in the way."""
        return any(self.probe.collides(arm, margin, self.body, -1.0) for arm in path)

    def _free_path(self, start: Array, end: Array, up: Array, margins: Margins) -> Array | None:
        """A joint path from ``start`` to ``end``: direct, or over raised poses, or over home."""
        return free_path(
            self.chain,
            np.stack([start, end]),
            self.home,
            up,
            lambda path: self._blocked(path, margins.free, margins),
        )


def _resembles(grasp: Array, failed: Sequence[Array]) -> bool:
    """Whether a grasp is within 1.5 cm and 25 degrees of a failed one (or its half turn)."""
    for other in failed:
        _, opening, approach = (grasp[:3, :3] * other[:3, :3]).sum(axis=0)
        near = np.linalg.norm(grasp[:3, 3] - other[:3, 3]) < 0.015
        if near and approach > 0.906 and abs(opening) > 0.906:
            return True
    return False
