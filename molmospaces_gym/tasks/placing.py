"""What the placing tasks share: names resolved to ids, and everything measured once per step."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym import kernels, place_kernels, touch_kernels
from molmospaces_gym.backends.base import World
from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.errors import InvalidEpisode
from molmospaces_gym.scenes.model import SceneModel
from molmospaces_gym.tasks.base import Array, PrivilegedKey, TaskState
from molmospaces_gym.tasks.boxes import body_boxes

LIFT = 0.05
"""Height (m) over the start at which the ``lift`` potential is full."""
TOPPLE_HARM = 0.5
"""Share of ``intact`` that is lost while the object, neither held nor placed, lies on its side."""
FALL = 0.1
"""An object this far (m) below where object and receptacle stood has fallen down for good."""

PRIVILEGED_KEYS: Mapping[str, PrivilegedKey] = MappingProxyType(
    {
        "object_pose": PrivilegedKey(7, -10.0, 10.0),
        "object_size": PrivilegedKey(3, 0.0, 10.0),
        "object_to_tcp": PrivilegedKey(3, -10.0, 10.0),
        "receptacle_pose": PrivilegedKey(7, -10.0, 10.0),
        "receptacle_size": PrivilegedKey(3, 0.0, 10.0),
        "object_to_goal": PrivilegedKey(3, -10.0, 10.0),
        "goal_position": PrivilegedKey(3, -10.0, 10.0),
    }
)
"""Poses (x, y, z, qw, qx, qy, qz) and points in the robot's base frame, half sizes; m."""


def required_name(task: Mapping[str, Any], field: str, meaning: str) -> str:
    """The body that a field of an episode names; raises ``InvalidEpisode`` where it is missing."""
    name = task.get(field)
    if not isinstance(name, str):
        raise InvalidEpisode(f"this task needs task.{field}, {meaning}")
    return name


class Placing:
    """One object and what it is to be put on or beside, measured in one slot.

    After ``measure``: ``corners`` (4, 3) lower and upper corner of the object's world-aligned box
    and then of the receptacle's, ``measures`` (see ``place_kernels.survey``), ``relative`` the pose
    (7,) of the object in the receptacle's frame, ``goal`` (3,) where the middle of its box should
    be, world frame, and what the robot touches.
    """

    def __init__(
        self, world: World, slot: int, scene: SceneModel, episode: EpisodeSpec, gap: float = -1.0
    ) -> None:
        """``gap`` (m) is the wanted gap beside the receptacle; negative: the goal is on it."""
        task, model = episode.task, scene.model
        name = required_name(task, "pickup_obj_name", "the body to move")
        other = required_name(task, "place_receptacle_name", "the body to place it by")
        scene.free_joint(name)  # raises UnknownBody for a name that nothing can lift
        self.body, self.receptacle = scene.body_id(name), scene.body_id(other)
        if model.body_rootid[self.body] == model.body_rootid[self.receptacle]:
            raise InvalidEpisode(f"object and receptacle are both {name!r}; expected two bodies")
        self.world, self.slot = world, slot
        self.owner = scene.geom_owner.copy()
        self.owner[scene.geom_root == self.body] |= touch_kernels.OBJECT
        root = model.body_rootid[self.receptacle]
        self.owner[scene.geom_root == root] |= place_kernels.RECEPTACLE
        self.xpos, self.xquat = world.body_pos(slot), world.body_quat(slot)
        self.xmat = world.body_mat(slot)
        self._tool = world.site_pos(slot)[scene.robot.tcp_site]
        self._link = scene.robot.link_id
        self._center = scene.body_center(name)
        self._sizes = np.concatenate([scene.body_half_size(n) for n in (name, other)])
        boxes = body_boxes(scene, self.body), body_boxes(scene, self.receptacle)
        self._boxes = (
            np.concatenate([one.bodies for one in boxes]),
            np.concatenate([one.boxes for one in boxes]),
            len(boxes[0].bodies),
        )
        self._start_height = float(task["pickup_obj_start_pose"][2])
        self._start = np.empty(15)
        self._start[:7] = task["place_receptacle_start_pose"]
        self._start[7:10] = quat_up(self._start[3:7])
        self._start[10:12] = np.nan, FALL  # the ground is read when the poses are known
        self._start[12:] = quat_up(np.asarray(task["pickup_obj_start_pose"][3:], dtype=float))
        self._gap = gap
        self.corners, self.relative = np.empty((4, 3)), np.empty(7)
        self.measures = np.empty(place_kernels.MEASURES)
        self._offset = np.zeros(3)
        self.goal = np.zeros(3)

    def measure(self, known: Array, count: int) -> None:
        """Read the state of the slot; ``known`` (m, 7) are ``count`` poses of carry-forward."""
        geoms = self.world.contact_geoms(self.slot)
        xpos, xquat, xmat = self.xpos, self.xquat, self.xmat
        touched, self.distance, self._reach = touch_kernels.approach(
            geoms, self.owner, xpos, xmat, self.body, self._center, self._tool, self._offset
        )
        self.left, self.right = (
            bool(touched & touch_kernels.BY_LEFT),
            bool(touched & touch_kernels.BY_RIGHT),
        )
        self.robot_contact = bool(touched & touch_kernels.BY_ROBOT)
        kernels.relative_pose(xpos, xquat, xmat, self.receptacle, self.body, self.relative)
        self._survey(geoms, known, count)
        if self._start[10] != self._start[10]:
            self._start[10] = min(float(self.corners[0, 2]), float(self.corners[2, 2]))
            self._survey(geoms, known, count)

    def _survey(self, geoms: NDArray[np.int32], known: Array, count: int) -> None:
        bodies, boxes, own = self._boxes
        met = place_kernels.survey(
            geoms,
            self.owner,
            self.xpos,
            self.xquat,
            self.xmat,
            self.body,
            self.receptacle,
            bodies,
            boxes,
            own,
            self._start,
            self.relative,
            known,
            count,
            self._gap,
            self.corners,
            self.goal,
            self.measures,
        )
        self.on_receptacle = bool(met & place_kernels.ON_RECEPTACLE)
        self.near_receptacle = bool(met & place_kernels.NEAR_RECEPTACLE)

    def state(self, success: bool, placed: bool, harm: float, **quantities: float) -> TaskState:
        """The state of the step from what was measured.

        Args:
            success: by the task's rule.
            placed: whether the object rests where it should; what leads there counts as done.
            harm: how far the receptacle has gone, as a share of what is allowed.
            quantities: measurements of the task.
        """
        grasped = self.left and self.right
        lift = float(self.xpos[self.body, 2]) - self._start_height
        measures = self.measures.tolist()
        toppled = 0.0 if grasped or placed else TOPPLE_HARM * measures[place_kernels.TOPPLED]
        return TaskState(
            success=success,
            potentials={
                "reach": 1.0 if grasped or placed else self._reach,
                "grasp": 1.0 if placed else 0.5 * (self.left + self.right),
                "lift": 1.0 if placed else min(max(lift / LIFT, 0.0), 1.0) if grasped else 0.0,
                "transport": 1.0 if placed else measures[place_kernels.TRANSPORT],
                "place": float(placed),
                "release": float(placed and not self.robot_contact),
                "intact": 1.0 - min(max(harm, measures[place_kernels.FALLEN], toppled, 0.0), 1.0),
                "success": float(success),
            },
            quantities={
                "lift": lift,
                "tcp_distance": self.distance,
                "goal_distance": measures[place_kernels.GOAL_DISTANCE],
                "robot_contact": float(self.robot_contact),
                "receptacle_pos_displacement": measures[place_kernels.SHIFT],
                "receptacle_rot_displacement": measures[place_kernels.TURN],
                "receptacle_tilt_displacement": measures[place_kernels.TILT],
                **quantities,
            },
        )

    def official_reward(self, state: TaskState) -> float:
        """exp(-distance (m) between the object's origin and the middle of the receptacle's box)."""
        middle = 0.5 * (self.corners[2] + self.corners[3])
        return float(np.exp(-np.linalg.norm(self.xpos[self.body] - middle)))

    def privileged(self, out: Array) -> None:
        """Write ``PRIVILEGED_KEYS`` one after another."""
        kernels.describe_pair(
            self.xpos,
            self.xquat,
            self.xmat,
            self._link,
            self.body,
            self.receptacle,
            self._sizes,
            self._offset,
            self.corners,
            self.goal,
            out,
        )


def quat_up(quat: Array) -> list[float]:
    """The vertical (3,) in a frame with the orientation ``quat`` (wxyz, of any length)."""
    w, x, y, z = (float(v) for v in quat / np.linalg.norm(quat))
    return [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)]
