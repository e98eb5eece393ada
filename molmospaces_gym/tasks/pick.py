"""Pick: lift one object off its support (official ``PickTask``)."""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from molmospaces_gym.backends.base import World
from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.errors import InvalidEpisode
from molmospaces_gym.scenes.model import SceneModel
from molmospaces_gym.tasks.base import Array, EpisodeTask, PrivilegedKey, TaskState
from molmospaces_gym.tasks.pick_sampler import sample_pick

TASK_CLS = "molmo_spaces.tasks.pick_task.PickTask"
"""The official class name, so that the official tools read our episodes."""

GOAL_LIFT = 0.05
"""Height of the goal pose above the start pose, m (official)."""
SUCCESS_LIFT = 0.01
"""Official default of ``succ_pos_threshold``, m."""
SUPPORT_COSINE = float(np.cos(np.deg2rad(80.0)))
"""A contact supports an object when its normal is within 80 degrees of up (official)."""
REACH_SCALES = (3.0, 15.0)
"""Steepness of the two halves of the reach potential, 1/m: one draws the tool in from across the
surface (0.46 at 20 cm), the other fits the object between the fingers (0.71 at 2 cm)."""
FUNNEL_HEIGHT, FUNNEL_WIDTH = 0.1, 0.03
"""The tool is drawn to a point this far above the object (m) until it is within this horizontal
distance (m), and down from there: a straight line would push the object with the fingers."""


class PickTask:
    """Lift the named object at least ``succ_pos_threshold`` (default 1 cm) with the robot only.

    Success, as in the official evaluator: the robot touches the object, nothing else touches it,
    and its origin is at least the threshold above ``pickup_obj_start_pose``. Momentary: no dwell
    time and no latch.

    Dense reward terms are changes of potentials (see ``dense_terms``): ``reach`` is how far the
    tool has come along a funnel that ends in the object's middle from above
    (``reach_potential``), 1 once it is grasped; ``grasp`` one half per finger that touches the
    object; ``lift`` height over the goal lift of 5 cm, counted while both fingers touch;
    ``success`` 1 while successful.
    """

    name = "Pick"
    horizon_s = 20.0
    reward_scales: Mapping[str, float] = MappingProxyType(
        {"reach": 4.0, "grasp": 2.0, "lift": 4.0, "success": 10.0}
    )
    privileged_keys: Mapping[str, PrivilegedKey] = MappingProxyType(
        {
            "object_pose": PrivilegedKey(7, -10.0, 10.0),
            "object_size": PrivilegedKey(3, 0.0, 10.0),
            "object_to_tcp": PrivilegedKey(3, -10.0, 10.0),
            "goal_position": PrivilegedKey(3, -10.0, 10.0),
        }
    )

    def sample(
        self, scene: SceneModel, rng: np.random.Generator, categories: frozenset[str] | None
    ) -> EpisodeSpec:
        return sample_pick(scene, rng, categories, (TASK_CLS, GOAL_LIFT, self.horizon_s))

    def defaults(self, spec: Mapping[str, Any], scene: SceneModel) -> dict[str, Any]:
        """Fill the start pose (where the scene puts the object) and the goal pose."""
        task = dict(spec)
        name = task.get("pickup_obj_name")
        if not isinstance(name, str):
            raise InvalidEpisode("a Pick episode needs task.pickup_obj_name, the body to lift")
        address, _ = scene.free_joint(name)
        task.setdefault("task_cls", TASK_CLS)
        task.setdefault("task_type", "pick")
        start = [float(v) for v in scene.rest_qpos[address : address + 7]]
        task.setdefault("pickup_obj_start_pose", start)
        start = task["pickup_obj_start_pose"]
        task.setdefault("pickup_obj_goal_pose", [*start[:2], start[2] + GOAL_LIFT, *start[3:]])
        return task

    def bind(self, world: World, slot: int, scene: SceneModel, episode: EpisodeSpec) -> EpisodeTask:
        return PickEpisode(world, slot, scene, episode)


class PickEpisode:
    """One Pick episode: names resolved to ids once, then integers only."""

    def __init__(self, world: World, slot: int, scene: SceneModel, episode: EpisodeSpec) -> None:
        task = episode.task
        name = task.get("pickup_obj_name")
        if not isinstance(name, str):
            raise InvalidEpisode("a Pick episode needs task.pickup_obj_name, the body to lift")
        scene.free_joint(name)  # raises UnknownBody for a name that nothing can lift
        self.body = scene.body_id(name)
        self._world, self._slot = world, slot
        self._start = np.asarray(task["pickup_obj_start_pose"], dtype=np.float64)
        self._threshold = float(task.get("succ_pos_threshold", SUCCESS_LIFT))
        goal = task.get("pickup_obj_goal_pose")
        self._goal = (
            np.asarray(goal[:3], dtype=np.float64)
            if goal is not None
            else self._start[:3] + [0.0, 0.0, GOAL_LIFT]
        )
        self._half_size = scene.body_half_size(name)
        self._center = scene.body_center(name)
        self._off_center = bool(self._center.any())
        self._is_object = scene.geom_root == scene.model.body_rootid[self.body]
        self._is_robot = scene.geom_root == scene.robot.root_id
        geom_body = scene.model.geom_bodyid
        left, right = (np.isin(geom_body, list(bodies)) for bodies in scene.robot.fingers)
        self._left, self._right = left, right
        self._pos = world.body_pos(slot)[self.body]
        self._quat = world.body_quat(slot)[self.body]
        self._mat = world.body_mat(slot)[self.body].reshape(3, 3)
        robot = scene.robot
        self._tool = world.site_pos(slot)[robot.tcp_site]
        self._link_pos = world.body_pos(slot)[robot.link_id]
        self._link_quat = world.body_quat(slot)[robot.link_id]
        self._link_mat = world.body_mat(slot)[robot.link_id].reshape(3, 3)

        self._offset = np.zeros(3)
        """From the middle of the object's box to the tool (3,), world frame, after ``evaluate``."""

    def evaluate(self) -> TaskState:
        touched, only_robot, left, right = self._touches()
        lift = float(self._pos[2] - self._start[2])
        self._offset = offset = self._tool - self._pos
        if self._off_center:
            offset -= self._mat @ self._center
        distance = math.sqrt(offset @ offset)
        success = touched and only_robot and lift >= self._threshold
        grasped = left and right
        return TaskState(
            success=success,
            potentials={
                "reach": 1.0 if grasped else reach_potential(*offset.tolist()),
                "grasp": 0.5 * (left + right),
                "lift": min(max(lift / GOAL_LIFT, 0.0), 1.0) if grasped else 0.0,
                "success": float(success),
            },
            quantities={"lift": lift, "tcp_distance": distance},
        )

    def _touches(self) -> tuple[bool, bool, bool, bool]:
        """Whether the robot, nothing else, the left and the right finger touch the object."""
        geoms = self._world.contact_geoms(self._slot)
        mine = self._is_object[geoms]
        rows = np.flatnonzero(mine)
        if not len(rows):
            return False, True, False, False
        # The partner of element k of the flattened (n, 2) pairs is its neighbour k ^ 1.
        partners = geoms.ravel()[rows ^ 1]
        robot = self._is_robot[partners]
        left, right = self._left[partners].any(), self._right[partners].any()
        return bool(robot.any()), bool(robot.all()), bool(left), bool(right)

    def official_reward(self, state: TaskState) -> float:
        """Lift height (m, not negative) while nothing but the robot supports the object."""
        contacts = self._world.contacts(self._slot)
        middle = self._pos[2] + self._mat[2] @ self._center
        for row, side in zip(*np.nonzero(self._is_object[contacts.geoms]), strict=True):
            up = contacts.normal[row, 2] * (1.0 if side == 1 else -1.0)
            supports = contacts.position[row, 2] < middle and up > SUPPORT_COSINE
            if supports and not self._is_robot[contacts.geoms[row, 1 - side]]:
                return 0.0
        return max(0.0, state.quantities["lift"])

    def privileged(self, out: Array) -> None:
        """``object_pose`` in the robot's base frame, ``object_size``, ``object_to_tcp``, goal."""
        base = self._link_mat
        np.matmul(self._pos - self._link_pos, base, out=out[0:3])
        conjugate_multiply(self._link_quat, self._quat, out[3:7])
        out[7:10] = self._half_size
        np.matmul(self._offset, base, out=out[10:13])
        np.matmul(self._goal - self._link_pos, base, out=out[13:16])


def reach_potential(x: float, y: float, z: float) -> float:
    """0 far away to 1 where the tool's offset (m, z up) from the object's middle is zero."""
    horizontal = x * x + y * y
    aligned = math.exp(-horizontal / FUNNEL_WIDTH**2)
    height = z - FUNNEL_HEIGHT * (1.0 - aligned)
    distance = math.sqrt(horizontal + height * height)
    coarse, fine = REACH_SCALES
    return 1.0 - 0.5 * (math.tanh(coarse * distance) + math.tanh(fine * distance))


def conjugate_multiply(first: Array, second: Array, out: Array) -> None:
    """Write ``conjugate(first) * second`` (wxyz) into ``out``, with a positive real part."""
    w1, x1, y1, z1 = first.tolist()
    w2, x2, y2, z2 = second.tolist()
    w = w1 * w2 + x1 * x2 + y1 * y2 + z1 * z2
    sign = 1.0 if w >= 0 else -1.0
    out[0] = sign * w
    out[1] = sign * (w1 * x2 - x1 * w2 - y1 * z2 + z1 * y2)
    out[2] = sign * (w1 * y2 + x1 * z2 - y1 * w2 - z1 * x2)
    out[3] = sign * (w1 * z2 - x1 * y2 + y1 * x2 - z1 * w2)
