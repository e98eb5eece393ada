"""Open and Close: move a drawer, door or lid (official ``OpeningTask``).

Differences from the official code, on purpose: ``task_type`` is not needed where the env says which
of the two it plays (there, a close episode without it is scored as an open one), and
``joint_start_position`` may be a plain number (there, only a list can be read).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from molmospaces_gym import kernels, touch_kernels
from molmospaces_gym.backends.base import World
from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.errors import InvalidEpisode
from molmospaces_gym.image_points import body_point
from molmospaces_gym.scenes.articulated import Articulation, joints_below
from molmospaces_gym.scenes.episode_joints import named_articulation
from molmospaces_gym.scenes.model import SceneModel
from molmospaces_gym.scenes.part_phrases import opening_phrase
from molmospaces_gym.tasks.base import Array, EpisodeTask, PrivilegedKey, TaskState
from molmospaces_gym.tasks.open_close_sampler import (
    TASK_CLS,
    default_stance,
    sample_opening,
)

OPEN_THRESHOLD, CLOSE_THRESHOLD = 0.15, 0.85
"""Shares of the range where an episode names none (official data generation)."""
OPEN_START, CLOSE_START = 0.0, 0.5
"""Share of the range that is open when an episode starts (official)."""

_KEYS = {
    "handle_position": PrivilegedKey(3, -10.0, 10.0),
    "handle_outward": PrivilegedKey(3, -1.0, 1.0),
    "handle_along": PrivilegedKey(3, -1.0, 1.0),
    "handle_to_tcp": PrivilegedKey(3, -10.0, 10.0),
    "joint_axis": PrivilegedKey(3, -1.0, 1.0),
    "joint_anchor": PrivilegedKey(3, -10.0, 10.0),
    "joint_slides": PrivilegedKey(1, 0.0, 1.0),
    "joint_fraction": PrivilegedKey(1, 0.0, 2.0),
    "threshold": PrivilegedKey(1, 0.0, 1.0),
}


class OpenTask:
    """Open something at least ``task_success_threshold`` (default 15 %) of its joint's range.

    Success, as in the official evaluator: the opening fraction ``|q| / (high - low)`` of the
    widest open joint of the named object reaches the threshold. Any joint of the object counts,
    and with ``any_inst_of_category`` any joint of any object of its category. Momentary: what
    swings back loses it. ``success_rule="paper"`` fixes the threshold at 15 %.

    Dense reward terms are changes of potentials (see ``dense_terms``): ``reach`` is how far the
    tool has come along a funnel that ends in the handle from the front, ``grasp`` one half per
    finger that touches it, both 1 once the joint is open as far as asked; ``open`` the fraction
    over the threshold; ``success`` 1 while successful. The official reward is the fraction.

    Privileged observation, in the robot's base frame: position of the handle, where it faces and
    its length's direction, the tool's offset from it; axis and anchor of the joint, whether it
    slides; its opening fraction and the threshold.
    """

    name = "Open"
    closes = False
    horizon_s = 30.0
    robot = "franka_droid"
    dataset = "generated"
    control_dt: float | None = None
    action_mode = "joint_delta"
    start_fraction = OPEN_START
    threshold = OPEN_THRESHOLD
    reward_scales: Mapping[str, float] = MappingProxyType(
        {"reach": 3.0, "grasp": 2.0, "open": 5.0, "success": 10.0}
    )
    privileged_keys: Mapping[str, PrivilegedKey] = MappingProxyType(_KEYS)

    def sample(
        self, scene: SceneModel, rng: np.random.Generator, categories: frozenset[str] | None
    ) -> EpisodeSpec:
        return sample_opening(self, scene, rng, categories)

    def defaults(self, spec: Mapping[str, Any], scene: SceneModel) -> dict[str, Any]:
        """Fill joint, start position, threshold and where the robot stands."""
        task = dict(spec)
        if "pickup_obj_name" not in task and "articulation_object_name" in task:
            task["pickup_obj_name"] = task["articulation_object_name"]
        part = named_articulation(scene, task)
        names = joints_below(scene, scene.body_id(task["pickup_obj_name"]))
        task.setdefault("task_cls", TASK_CLS)
        task.setdefault("task_type", self.name.lower())
        task.setdefault("joint_name", part.name)
        task.setdefault("joint_index", names.index(part.name))
        task.setdefault("joint_start_position", [part.position(self.start_fraction)])
        task.setdefault("task_success_threshold", self.threshold)
        body = scene.body_id(task["pickup_obj_name"])
        task.setdefault("pickup_obj_start_pose", scene.file_pose(body))
        if "robot_base_pose" not in task:
            task["robot_base_pose"] = default_stance(self, scene, part)
        return task

    def instruction(self, task: Mapping[str, Any], scene: SceneModel) -> str:
        return f"{self.name.lower()} the {opening_phrase(scene, named_articulation(scene, task))}."

    def bind(
        self,
        world: World,
        slot: int,
        scene: SceneModel,
        episode: EpisodeSpec,
        rule: str,
    ) -> EpisodeTask:
        return OpeningEpisode(self, world, slot, scene, episode, rule)


class CloseTask(OpenTask):
    """Close something to at least ``task_success_threshold`` (default 85 %) of its joint's range.

    Success, as in the official evaluator: one minus the opening fraction of the one named joint
    reaches the threshold; it starts half open. ``success_rule="paper"`` fixes the threshold at
    85 %. Reward terms as for ``OpenTask`` with ``close`` instead of ``open``, without ``grasp``: a
    push is as good. The official reward is one minus the fraction. Observation as for ``OpenTask``.
    """

    name = "Close"
    closes = True
    start_fraction = CLOSE_START
    threshold = CLOSE_THRESHOLD
    reward_scales: Mapping[str, float] = MappingProxyType(
        {"reach": 3.0, "close": 7.0, "success": 10.0}
    )


class OpeningEpisode:
    """One Open or Close episode: joints and handle resolved to ids once."""

    def __init__(
        self,
        task: OpenTask,
        world: World,
        slot: int,
        scene: SceneModel,
        episode: EpisodeSpec,
        rule: str,
    ) -> None:
        fields = episode.task
        self.part = named_articulation(scene, fields)
        self._closes, self._start = task.closes, task.start_fraction
        asked = fields.get("task_success_threshold", task.threshold)
        self._threshold = task.threshold if rule == "paper" else float(asked)
        if not 0.0 < self._threshold <= 1.0:
            raise InvalidEpisode(
                "task.task_success_threshold: expected a share above 0 and up to 1, found"
                f" {self._threshold}"
            )
        parts = [self.part] if task.closes else candidates(scene, fields, self.part)
        self._addresses = np.array([part.qpos for part in parts], dtype=np.intp)
        self._scales = np.array([1.0 / part.span for part in parts])
        self._world, self._slot = world, slot
        self._qpos = world.joint_pos(slot)
        self._xpos, self._xmat = world.body_pos(slot), world.body_mat(slot)
        self._handle = self.part.handles[0]
        self._owner = scene.geom_owner.copy()
        self._owner[list(self._handle.geoms)] |= touch_kernels.OBJECT
        self._link, self._tool = scene.robot.link_id, world.site_pos(slot)[scene.robot.tcp_site]
        self._offset = np.zeros(3)
        """From the handle to the tool (3,), world frame, after ``evaluate``."""

    def evaluate(self) -> TaskState:
        part, handle = self.part, self._handle
        touched, distance, reach = touch_kernels.approach_handle(
            self._world.contact_geoms(self._slot),
            self._owner,
            self._xpos,
            self._xmat,
            part.body,
            handle.middle,
            handle.outward,
            self._tool,
            self._offset,
        )
        widest = kernels.widest(self._qpos, self._addresses, self._scales)
        value = 1.0 - widest if self._closes else widest
        success = value >= self._threshold
        done = min(max(value / self._threshold, 0.0), 1.0)
        potentials = {"reach": 1.0 if success else reach, "success": float(success)}
        if self._closes:
            potentials["close"] = done
        else:
            fingers = bool(touched & touch_kernels.BY_LEFT) + bool(touched & touch_kernels.BY_RIGHT)
            potentials["grasp"] = 1.0 if success else 0.5 * fingers
            potentials["open"] = done
        joint = abs(float(self._qpos[part.qpos])) / part.span
        return TaskState(
            success=success,
            potentials=potentials,
            quantities={"value": value, "joint_position": joint, "tcp_distance": distance},
        )

    def pointed(self) -> list[Array]:
        """The handle (3,), world frame; see ``image_points``."""
        return [body_point(self._handle.middle, self._xpos, self._xmat, self.part.body)]

    def official_reward(self, state: TaskState) -> float:
        """The fraction that is open, or closed."""
        return state.quantities["value"]

    def privileged(self, out: Array) -> None:
        """The keys of ``privileged_keys``, in the robot's base frame."""
        part, handle, link = self.part, self._handle, self._link
        xpos, xmat, mat = self._xpos, self._xmat, self._xmat[self.part.body]
        kernels.relative_body_point(handle.middle, xpos, xmat, part.body, link, out[0:3])
        kernels.relative_direction(handle.outward, mat, xmat, link, out[3:6])
        kernels.relative_direction(handle.along, mat, xmat, link, out[6:9])
        kernels.relative_vector(self._offset, xmat, link, out[9:12])
        kernels.relative_direction(part.axis, mat, xmat, link, out[12:15])
        kernels.relative_body_point(part.anchor, xpos, xmat, part.body, link, out[15:18])
        out[18] = part.slides
        out[19] = abs(self._qpos[part.qpos]) / part.span
        out[20] = self._threshold


def candidates(
    scene: SceneModel, task: Mapping[str, Any], part: Articulation
) -> list[Articulation]:
    """The joints whose opening counts: all of the object's, or of all objects of its category."""
    name = str(task.get("pickup_obj_name") or task.get("articulation_object_name"))
    objects = [name]
    if task.get("any_inst_of_category"):
        category = scene.objects.get(name, {}).get("category")
        objects += [
            other
            for other, meta in scene.objects.items()
            if category and other != name and meta.get("category") == category
        ]
    found = [
        j for o in objects if o in scene.body_ids for j in joints_below(scene, scene.body_ids[o])
    ]
    return [scene.articulations[joint] for joint in found] or [part]
