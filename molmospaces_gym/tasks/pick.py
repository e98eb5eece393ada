"""Pick: lift one object off its support (official ``PickTask``)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from molmospaces_gym import kernels, touch_kernels
from molmospaces_gym.backends.base import World
from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.errors import InvalidEpisode
from molmospaces_gym.scenes.model import SceneModel
from molmospaces_gym.scenes.placement import default_base_pose
from molmospaces_gym.scenes.referral import referral_phrase
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


class PickTask:
    """Lift the named object at least ``succ_pos_threshold`` (default 1 cm) with the robot only.

    Success, as in the official evaluator: the robot touches the object, nothing else touches it,
    and its origin is at least the threshold above ``pickup_obj_start_pose``. Momentary: no dwell
    time and no latch. In the paper the height alone decides.

    Dense reward terms are changes of potentials (see ``dense_terms``): ``reach`` is how far the
    tool has come along a funnel that ends in the object's middle from above
    (``touch_kernels.reach_potential``), 1 once it is grasped; ``grasp`` one half per finger that
    touches the object; ``lift`` height over the goal lift of 5 cm, counted while both fingers
    touch; ``success`` 1 while successful.
    """

    name = "Pick"
    horizon_s = 20.0
    robot = "franka_droid"
    dataset = "generated"
    control_dt = None
    action_mode = "joint_delta"
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
        task.setdefault("robot_base_pose", default_base_pose(scene, name))
        task.setdefault("task_cls", TASK_CLS)
        task.setdefault("task_type", "pick")
        start = [float(v) for v in scene.rest_qpos[address : address + 7]]
        task.setdefault("pickup_obj_start_pose", start)
        start = task["pickup_obj_start_pose"]
        task.setdefault("pickup_obj_goal_pose", [*start[:2], start[2] + GOAL_LIFT, *start[3:]])
        return task

    def instruction(self, task: Mapping[str, Any], scene: SceneModel) -> str:
        return f"pick up the {referral_phrase(scene, task['pickup_obj_name'])}."

    def bind(
        self, world: World, slot: int, scene: SceneModel, episode: EpisodeSpec, rule: str
    ) -> EpisodeTask:
        return PickEpisode(world, slot, scene, episode, rule)


class PickEpisode:
    """One Pick episode: names resolved to ids once, then integers only."""

    def __init__(
        self, world: World, slot: int, scene: SceneModel, episode: EpisodeSpec, rule: str
    ) -> None:
        task = episode.task
        self._lift_suffices = rule == "paper"
        name = task.get("pickup_obj_name")
        if not isinstance(name, str):
            raise InvalidEpisode("a Pick episode needs task.pickup_obj_name, the body to lift")
        scene.free_joint(name)  # raises UnknownBody for a name that nothing can lift
        self.body = scene.body_id(name)
        self._world, self._slot = world, slot
        start = np.asarray(task["pickup_obj_start_pose"], dtype=np.float64)
        self._start_height = float(start[2])
        self._threshold = float(task.get("succ_pos_threshold", SUCCESS_LIFT))
        goal = task.get("pickup_obj_goal_pose")
        self._goal = (
            np.asarray(goal[:3], dtype=np.float64)
            if goal is not None
            else start[:3] + [0.0, 0.0, GOAL_LIFT]
        )
        self._half_size = scene.body_half_size(name)
        self._center = scene.body_center(name)
        self._owner = scene.geom_owner.copy()
        self._owner[scene.geom_root == scene.model.body_rootid[self.body]] |= touch_kernels.OBJECT
        self._xpos, self._xquat = world.body_pos(slot), world.body_quat(slot)
        self._xmat = world.body_mat(slot)
        self._link, self._tool = scene.robot.link_id, world.site_pos(slot)[scene.robot.tcp_site]
        self._offset = np.zeros(3)
        """From the middle of the object's box to the tool (3,), world frame, after ``evaluate``."""

    def evaluate(self) -> TaskState:
        touched, distance, reach = touch_kernels.approach(
            self._world.contact_geoms(self._slot),
            self._owner,
            self._xpos,
            self._xmat,
            self.body,
            self._center,
            self._tool,
            self._offset,
        )
        lift = float(self._xpos[self.body, 2]) - self._start_height
        left, right = bool(touched & touch_kernels.BY_LEFT), bool(touched & touch_kernels.BY_RIGHT)
        only_robot = (
            touched & (touch_kernels.BY_ROBOT | touch_kernels.BY_OTHER) == touch_kernels.BY_ROBOT
        )
        success = (only_robot or self._lift_suffices) and lift >= self._threshold
        grasped = left and right
        return TaskState(
            success=success,
            potentials={
                "reach": 1.0 if grasped else reach,
                "grasp": 0.5 * (left + right),
                "lift": min(max(lift / GOAL_LIFT, 0.0), 1.0) if grasped else 0.0,
                "success": float(success),
            },
            quantities={"lift": lift, "tcp_distance": distance},
        )

    def official_reward(self, state: TaskState) -> float:
        """Lift height (m, not negative) while nothing but the robot supports the object."""
        contacts = self._world.contacts(self._slot)
        middle = self._xpos[self.body, 2] + self._xmat[self.body, 6:] @ self._center
        owner = self._owner[contacts.geoms]
        for row, side in zip(*np.nonzero(owner & touch_kernels.OBJECT), strict=True):
            up = contacts.normal[row, 2] * (1.0 if side == 1 else -1.0)
            supports = contacts.position[row, 2] < middle and up > SUPPORT_COSINE
            if supports and not owner[row, 1 - side] & touch_kernels.ROBOT:
                return 0.0
        return max(0.0, state.quantities["lift"])

    def privileged(self, out: Array) -> None:
        """``object_pose`` in the robot's base frame, ``object_size``, ``object_to_tcp``, goal."""
        xpos, xmat, link = self._xpos, self._xmat, self._link
        kernels.relative_pose(xpos, self._xquat, xmat, link, self.body, out[0:7])
        out[7:10] = self._half_size
        kernels.relative_vector(self._offset, xmat, link, out[10:13])
        kernels.relative_point(self._goal, xpos, xmat, link, out[13:16])
