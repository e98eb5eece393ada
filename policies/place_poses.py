"""Where an object may be put: candidate poses on, in or beside something, before any checks."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from molmospaces_gym.policies.planning import WorldState
from molmospaces_gym.scenes.model import Array, SceneModel
from molmospaces_gym.tasks.boxes import body_boxes
from molmospaces_gym.transforms import inverse

YAWS = 12
"""Headings of the object that are tried."""
SHARES = (0.0, 0.35, 0.65)
"""Distances from the middle of a receptacle that are tried, as shares of its free half width."""
AROUND = 8
"""Directions from the middle."""
GAPS = (0.03, 0.02, 0.045)
"""Gaps (m) beside a reference, best first: all well within 0 .. 5 cm."""
ALONG = (0.0, 0.5, -0.5)
"""Places along a side of the reference's box, as shares of both half widths."""
OVER = 0.06
"""Height (m) of the object's base over what it is put on when it is first brought there."""
OFF_CENTER_COST = 3.0
"""Cost per m of distance from the middle of a receptacle."""
SPOT_COST = 0.01
"""Difference in cost (m) between one given spot and the next."""
GAP_COST = 4.0
"""Cost per m of difference from the best gap."""


@dataclass(frozen=True, eq=False)
class PlaceTargets:
    """World poses (N, 4, 4) of the object over where it may be put, and their costs (N,).

    ``deepest`` is the least height (m) that its base may reach; ``spared`` a top-level body whose
    nearness does not rule a pose out, -1 for none.
    """

    poses: Array
    costs: Array
    deepest: float
    spared: int


class PlacePoses:
    """Candidate poses for one object and one receptacle of a scene."""

    def __init__(
        self,
        scene: SceneModel,
        name: str,
        receptacle: str,
        upright: Array,
        spots: Array | None = None,
    ) -> None:
        """``upright`` (4, 4) is a pose in which the object stands.

        ``spots`` (N, 2) are world points on the receptacle, best first, where it is so large that
        its middle may be out of reach; None: around its middle.
        """
        self._spots = spots
        self._scene, self._receptacle = scene, receptacle
        self._body = scene.body_id(receptacle)
        self._boxes = body_boxes(scene, self._body)
        self._upright = upright[:3, :3]
        self._half, self._center = scene.body_half_size(name), scene.body_center(name)
        self._root = int(scene.model.body_rootid[self._body])

    def on(self, state: WorldState, xpos: Array, xmat: Array) -> PlaceTargets:
        """Over the inside of the receptacle: its middle first."""
        corners = np.empty((2, 3))
        self._boxes.write(xpos, xmat, corners)
        points, costs = [], []
        for point, off in self._inside(corners, xpos[self._body], xmat[self._body]):
            points.append(point)
            costs.append(OFF_CENTER_COST * off)
        turns = self._turns()
        poses = [self._over(p, corners[1, 2] + OVER, turn) for p in points for turn in turns]
        return PlaceTargets(
            np.stack(poses), np.repeat(costs, len(turns)), float(corners[0, 2]), self._root
        )

    def beside(self, state: WorldState, xpos: Array, xmat: Array, wanted: float) -> PlaceTargets:
        """Beside the reference's box, on all four sides."""
        corners = np.empty((2, 3))
        self._boxes.write(xpos, xmat, corners)
        middle, half = corners.mean(axis=0), 0.5 * (corners[1] - corners[0])
        poses, costs = [], []
        for turn in self._turns():
            own = np.abs(turn) @ self._half
            for gap in GAPS:
                gap = min(gap, wanted)
                for axis in range(2):
                    for sign in (1.0, -1.0):
                        for share in ALONG:
                            point = middle[:2].copy()
                            point[axis] += sign * (half[axis] + own[axis] + gap)
                            point[1 - axis] += share * (half[1 - axis] + own[1 - axis])
                            poses.append(self._over(point, corners[0, 2] + OVER, turn))
                            costs.append(GAP_COST * abs(gap - GAPS[0]) + 0.02 * abs(share))
        return PlaceTargets(np.stack(poses), np.array(costs), float(corners[0, 2]) - 0.02, -1)

    def _turns(self) -> list[Array]:
        angles = 2 * np.pi * np.arange(YAWS) / YAWS
        found = []
        for angle in angles:
            cos, sin = np.cos(angle), np.sin(angle)
            found.append(np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]) @ self._upright)
        return found

    def _over(self, point: Array, base: float, turn: Array) -> Array:
        """The pose at which the middle of the box is over a point and its base at a height."""
        pose = np.eye(4)
        middle = turn @ self._center
        pose[:3, :3] = turn
        pose[:2, 3] = point - middle[:2]
        pose[2, 3] = base + np.abs(turn[2]) @ self._half - middle[2]
        return pose

    def _inside(self, corners: Array, position: Array, mat: Array) -> Iterator[tuple[Array, float]]:
        """World points (2,) inside the receptacle and their distances (m) from its middle."""
        if self._spots is not None:
            yield from ((spot, SPOT_COST * rank) for rank, spot in enumerate(self._spots))
            return
        opening = self._scene.objects.get(self._receptacle, {}).get("opening")
        axes = mat.reshape(3, 3)
        if opening is not None:
            middle = (position + axes @ np.asarray(opening["center"]))[:2]
            free = np.asarray(opening["half"], dtype=float)
        else:
            middle, free = corners.mean(axis=0)[:2], 0.45 * (corners[1] - corners[0])[:2]
            axes = np.eye(3)
        size = float(np.hypot(*self._half[:2]))
        room = np.maximum(free - size, 0.15 * free)
        yield middle, 0.0
        for share in SHARES[1:]:
            for k in range(AROUND):
                angle = 2 * np.pi * k / AROUND
                local = share * room * [np.cos(angle), np.sin(angle)]
                shift = axes[:2, :2] @ local
                yield middle + shift, float(np.hypot(*shift))


def in_base(state: WorldState, poses: Array) -> Array:
    """World poses (N, 4, 4) in the frame of the robot's root link."""
    return inverse(state.base) @ poses
