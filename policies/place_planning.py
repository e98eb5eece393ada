"""Planning how a held object is brought to where it is put down, and let go there."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from molmospaces_gym.policies.motion import free_path, straight_line
from molmospaces_gym.policies.place_poses import PlacePoses, PlaceTargets, in_base
from molmospaces_gym.policies.planning import GraspPlanner, WorldState
from molmospaces_gym.scenes.model import Array
from molmospaces_gym.transforms import inverse, pose_matrix

CARRY_MARGINS = (0.012, 0.004)
"""Distances (m) kept by arm and object on the way, tried in turn."""
NEAR = 0.002
"""Distance (m) kept while the object is lowered."""
DROPS = (0.004, 0.015, 0.03, 0.05)
"""Heights (m) over the lowest free pose from which the object is dropped, best first: fingers that
open in a bowl need room."""
COARSE, FINE = 0.01, 0.0025
"""Steps (m) in which the lowest free pose is searched."""
TOP = 72
"""Poses that inverse kinematics is tried for."""
BATCH = 24
"""How many at once."""
TRIES = 10
"""Poses with a solution that are looked at closely."""
TRAVEL_COST = 0.05
"""Cost per rad of the largest joint motion."""
TURN_COST = 0.08
"""Cost per rad by which the tool is turned."""


@dataclass(frozen=True, eq=False)
class PlacePlan:
    """Joint paths (K, n): to a pose over the place, and down to where the gripper opens.

    ``grasp`` (4, 4) is the tool in the object's frame for which they were made.
    """

    grasp: Array
    transport: Array
    lower: Array


class PlacePlanner:
    """Plans for one object and one receptacle, in the scratch simulation of a grasp planner."""

    def __init__(self, planner: GraspPlanner, poses: PlacePoses, gap: float | None) -> None:
        """``gap`` is the largest gap (m) beside the receptacle; None: on it."""
        self._planner, self._poses, self._gap = planner, poses, gap

    def plan(self, state: WorldState, arm: Array, grasp: Array) -> PlacePlan | None:
        """The cheapest plan that was found, or None.

        Args:
            state: the world now; the object may be anywhere in it.
            arm: joint positions (n,) with which the transport starts.
            grasp: tool (4, 4) in the object's frame while it is held.
        """
        probe = self._planner.probe
        probe.place_world(state.qpos, state.mocap)
        probe.place_arm(arm)
        targets = self._targets(state)
        probe.hold(self._planner.body, grasp)
        try:
            for count, (index, over) in enumerate(self._candidates(state, targets, arm, grasp)):
                if count == TRIES:
                    return None
                found = self._attempt(state, targets, index, over, arm, grasp)
                if found is not None:
                    return found
            return None
        finally:
            probe.let_go()

    def _targets(self, state: WorldState) -> PlaceTargets:
        data = self._planner.probe.data
        if self._gap is None:
            return self._poses.on(state, data.xpos, data.xmat)
        return self._poses.beside(state, data.xpos, data.xmat, self._gap)

    def _candidates(
        self, state: WorldState, targets: PlaceTargets, arm: Array, grasp: Array
    ) -> Iterator[tuple[int, Array]]:
        """Indices of free poses with arm positions over them, about cheapest first."""
        chain, probe = self._planner.chain, self._planner.probe
        tools = in_base(state, targets.poses @ grasp)
        now = chain.poses(arm)[:3, :3]
        cosine = (np.einsum("nij,ij->n", tools[:, :3, :3], now) - 1.0) / 2
        costs = targets.costs + TURN_COST * np.arccos(np.clip(cosine, -1.0, 1.0))
        order = np.argsort(costs, kind="stable")
        spared = targets.spared
        free = (i for i in order if not probe.held_collides(targets.poses[i], NEAR, spared))
        left = [index for index, _ in zip(free, range(TOP), strict=False)]
        for batch in (np.array(left[i : i + BATCH]) for i in range(0, len(left), BATCH)):
            arms, solved = chain.solve(tools[batch], arm)
            totals = costs[batch] + TRAVEL_COST * np.abs(arms - arm).max(axis=1)
            totals[~solved] = np.inf
            for row in np.argsort(totals, kind="stable"):
                if np.isfinite(totals[row]):
                    yield int(batch[row]), arms[row]

    def _attempt(
        self,
        state: WorldState,
        targets: PlaceTargets,
        index: int,
        over: Array,
        arm: Array,
        grasp: Array,
    ) -> PlacePlan | None:
        probe, chain = self._planner.probe, self._planner.chain
        if probe.collides(over, NEAR):
            return None
        depth = self._depth(targets.poses[index], targets.deepest)
        if depth is None:
            return None
        up = state.base[2, :3]
        lower = None
        for drop in DROPS:
            way = max(depth - drop, 0.0)
            path = straight_line(chain, over, -way * up)
            if path is not None and not any(probe.collides(q, NEAR) for q in path[:0:-1]):
                lower = path
                break
        if lower is None:
            return None
        for margin in CARRY_MARGINS:

            def blocked(path: Array, margin: float = margin) -> bool:
                return any(probe.collides(q, margin) for q in path)

            ends = np.stack([arm, over])
            transport = free_path(chain, ends, self._planner.home, up, blocked)
            if transport is not None:
                return PlacePlan(grasp, transport, lower)
        return None

    def _depth(self, pose: Array, deepest: float) -> float | None:
        """How far (m) the object can be lowered from a pose until it is about to touch something.

        None where it would come below ``deepest`` or is in something's way from the start.
        """
        probe, moved = self._planner.probe, pose.copy()
        if probe.held_collides(moved, NEAR):
            return None
        way = 0.0
        for step in (COARSE, FINE):
            while True:
                moved[2, 3] = pose[2, 3] - way - step
                if self._base(moved) < deepest - COARSE:
                    return None
                if probe.held_collides(moved, NEAR):
                    break
                way += step
        return way

    def _base(self, pose: Array) -> float:
        """Height (m) of the base of the object's box at a pose (4, 4)."""
        scene, name = self._planner.scene, self._planner.name
        middle = pose[2, 3] + pose[2, :3] @ scene.body_center(name)
        return float(middle - np.abs(pose[2, :3]) @ scene.body_half_size(name))


def start_pose(pose7: Array) -> Array:
    """Homogeneous transform (4, 4) of a pose (x, y, z, qw, qx, qy, qz)."""
    return pose_matrix(pose7[:3], pose7[3:] / np.linalg.norm(pose7[3:]))


def grasp_of(body: Array, tool: Array) -> Array:
    """Tool (4, 4) in the frame of a body, from world poses."""
    return inverse(body) @ tool
