"""Doors between rooms: where they hang, how they swing, and where a robot goes to open them.

Lengths in m, angles in rad. A base pose is x, y and heading.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from molmospaces_gym.errors import InvalidEpisode
from molmospaces_gym.scenes.articulated import Articulation, Handle
from molmospaces_gym.scenes.model import Array, SceneModel
from molmospaces_gym.scenes.navigation import NARROW, FloorGrid, floor_grid, resting_data
from molmospaces_gym.transforms import pose_matrix

UPRIGHT = 0.99
"""Cosine to the vertical from which a hinge makes a door."""
ASIDE = 0.04
"""How far from the middle of the doorway, towards the handle, a robot pushes through."""
BEFORE, BEYOND = 0.95, 0.75
"""Where a push begins and ends: distance of the base before and beyond the closed leaf."""
SLACK = 0.08
"""Share of the range beyond the threshold to which a door is opened."""
ARC_ROWS = 16
"""Base poses along the arc of a pull."""
FOLLOWS = (0.5, 0.7, 0.3, 1.0)
"""Shares of the door's turn that a pulling robot makes too, best first; see ``pull_path``."""


@dataclass(frozen=True, eq=False)
class Doorway:
    """A door that swings about a vertical hinge.

    ``pose`` (4, 4) is that of the closed leaf, ``hinge`` (2,) its axis on the floor, ``along`` (2,)
    points from there to the free edge, ``swing`` (2,) to the side to which it opens; ``sense`` is
    +1 where opening turns it counterclockwise. ``width`` is that of the leaf.
    """

    part: Articulation
    pose: Array
    hinge: Array
    along: Array
    swing: Array
    sense: float
    width: float
    closed: float
    opened: float

    def openness(self, position: float) -> float:
        """Share of the range that is open, 0..1 (official)."""
        share = (position - self.closed) / (self.opened - self.closed)
        return min(max(share, 0.0), 1.0)

    def is_pulled_from(self, point: Array) -> bool:
        """Whether someone at ``point`` (2,) pulls the door: it swings to their side."""
        return float((point[:2] - self.hinge) @ self.swing) > 0.0

    def handle(self, pulled: bool) -> Handle:
        """The handle on the side that the door swings to, or on the other."""
        side = 1.0 if pulled else -1.0
        faces = [
            self.pose[:2, :2] @ handle.outward[:2] @ self.swing for handle in self.part.handles
        ]
        return self.part.handles[int(np.argmax(side * np.array(faces)))]

    def handle_point(self, handle: Handle, turn: Array) -> Array:
        """Where a handle's middle is (n, 3) after the leaf has turned by angles (n,)."""
        poses = self.part.moved(self.pose, self.part.sign * turn)
        points: Array = poses[:, :3, :3] @ handle.middle + poses[:, :3, 3]
        return points


def find_doorway(
    scene: SceneModel, part: Articulation, limits: Sequence[float] | None = None
) -> Doorway:
    """The doorway of a hinge.

    Args:
        scene: the scene.
        part: the hinge.
        limits: its positions when closed and open; None: the end of its range that is nearer to 0
            and the other one. (Official: always the lower end, which is wrong for doors that open
            backwards.)

    Raises:
        InvalidEpisode: the hinge is not upright, or its limits are the same.
    """
    data = resting_data(scene)
    position = float(scene.rest_qpos[part.qpos])
    now = pose_matrix(data.xpos[part.body], data.xquat[part.body])
    pose = part.moved(now, np.array([-position]))[0]
    axis = pose[:3, :3] @ part.axis
    if part.slides or abs(axis[2]) < UPRIGHT:
        raise InvalidEpisode(f"joint {part.name!r} is no door: its axis is not upright")
    ends = (part.low, part.high) if part.sign > 0 else (part.high, part.low)
    closed, opened = (float(end) for end in (limits if limits and len(limits) == 2 else ends))
    if abs(opened - closed) < 1e-6:
        raise InvalidEpisode(f"task.articulated_joint_range: the range of {part.name!r} is empty")
    sense = float(np.sign(axis[2])) * part.sign
    hinge = (pose[:3, :3] @ part.anchor + pose[:3, 3])[:2]
    width, way = _leaf(scene, part, pose, hinge)
    along = way / max(float(np.hypot(*way)), 1e-9)
    swing = sense * np.array([-along[1], along[0]])
    return Doorway(part, pose, hinge, along, swing, sense, width, closed, opened)


def _leaf(scene: SceneModel, part: Articulation, pose: Array, hinge: Array) -> tuple[float, Array]:
    """Width of a leaf and the direction (2,) from its hinge to its free edge."""
    name = scene.model.body(part.body).name
    center, half = scene.body_center(name), scene.body_half_size(name)
    middle = (pose[:3, :3] @ center + pose[:3, 3])[:2] - hinge
    axes = pose[:2, :3]
    wide = max((axis for axis in range(3)), key=lambda k: half[k] * float(np.hypot(*axes[:, k])))
    way = axes[:, wide] * np.sign(float(axes[:, wide] @ middle) or 1.0)
    return 2.0 * float(half[wide]), way


def door_grid(scene: SceneModel, door: Doorway, radius: float = NARROW) -> FloorGrid | None:
    """The floor for a round robot (m) as if the leaf were not there."""
    return floor_grid(scene, radius, (scene.model.body(door.part.body).name,))


def push_path(door: Doorway) -> Array:
    """Base poses (K, 3) straight through the doorway."""
    middle = door.hinge + (0.5 * door.width + ASIDE) * door.along
    heading = float(np.arctan2(door.swing[1], door.swing[0]))
    rows = np.linspace(-BEFORE, BEYOND, ARC_ROWS)
    points = middle + rows[:, None] * door.swing
    return np.column_stack([points, np.full(len(rows), heading)])


def pull_path(door: Doorway, hand: Array, follow: float, turns: Array) -> Array:
    """Base poses (K, 3) that keep a hand on the handle while the leaf stands at angles (K,).

    Args:
        door: the doorway; the robot is on the side to which it swings.
        hand: where the hand is in the base's frame (2,).
        follow: share of the door's turn that the base makes too; the handle turns in the fingers
            by the rest.
        turns: angles by which the leaf is open.
    """
    points = door.handle_point(door.handle(True), turns)[:, :2]
    first = float(np.arctan2(-door.swing[1], -door.swing[0]))
    headings = first + door.sense * follow * turns
    cos, sin = np.cos(headings), np.sin(headings)
    offset = np.column_stack([cos * hand[0] - sin * hand[1], sin * hand[0] + cos * hand[1]])
    return np.column_stack([points - offset, headings])


def pull_turns(door: Doorway, start: float, threshold: float) -> Array:
    """Angles (K,) of the leaf along a pull from openness ``start`` past ``threshold``."""
    full = abs(door.opened - door.closed)
    return np.linspace(start * full, min(threshold + SLACK, 0.98) * full, ARC_ROWS)


def is_drivable(grid: FloorGrid, path: Array) -> bool:
    """Whether every base pose (K, 3) of a path is on free floor."""
    return bool(grid.map.is_free(path[:, :2]).all())
