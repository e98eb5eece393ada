"""OpenDoor: push or pull a door between rooms (official ``DoorOpeningTask``).

The official docstring promises the largest openness of the episode; its code, and this one, use the
present one: a door that swings back is not open.
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
from molmospaces_gym.scenes.doorways import find_doorway
from molmospaces_gym.scenes.episode_joints import door_articulation
from molmospaces_gym.scenes.model import SceneModel
from molmospaces_gym.tasks.base import Array, EpisodeTask, PrivilegedKey, TaskState
from molmospaces_gym.tasks.open_door_sampler import (
    TASK_CLS,
    default_start,
    door_text,
    sample_door,
)

OPENNESS = 0.67
"""Official default of ``door_openness_threshold``."""


class OpenDoorTask:
    """Open a door at least ``door_openness_threshold`` (0.67) of its hinge's range.

    Success, as in the official evaluator: the present openness, 0 when closed and 1 at the end of
    the range, reaches the threshold. Paper and code agree.

    Dense reward terms are changes of potentials (see ``dense_terms``): ``reach`` is how near a tool
    has come to the handle on the robot's side, 1 once the door is as open as asked; ``open`` the
    openness over the threshold; ``success`` 1 while successful. The official reward is 1 while
    successful.

    Privileged observation, in the robot's base frame: the handle's position and where it faces,
    the primary tool's offset from it, a point on the hinge; openness, threshold, whether the door
    swings to the robot's side, and whether both fingers of one hand touch the handle.
    """

    name = "OpenDoor"
    horizon_s = 40.0
    robot = "rby1"
    dataset = "homes"
    control_dt = 0.1
    action_mode = "joint_delta"
    reward_scales: Mapping[str, float] = MappingProxyType(
        {"reach": 2.0, "open": 8.0, "success": 10.0}
    )
    privileged_keys: Mapping[str, PrivilegedKey] = MappingProxyType(
        {
            "handle_position": PrivilegedKey(3, -20.0, 20.0),
            "handle_outward": PrivilegedKey(3, -1.0, 1.0),
            "handle_to_tcp": PrivilegedKey(3, -20.0, 20.0),
            "hinge_position": PrivilegedKey(3, -20.0, 20.0),
            "door_openness": PrivilegedKey(1, 0.0, 1.0),
            "threshold": PrivilegedKey(1, 0.0, 1.0),
            "door_is_pulled": PrivilegedKey(1, 0.0, 1.0),
            "handle_grasped": PrivilegedKey(1, 0.0, 1.0),
        }
    )

    def sample(
        self, scene: SceneModel, rng: np.random.Generator, categories: frozenset[str] | None
    ) -> EpisodeSpec:
        return sample_door(self.horizon_s, scene, rng, categories)

    def defaults(self, spec: Mapping[str, Any], scene: SceneModel) -> dict[str, Any]:
        """Fill the hinge's range, the closed start and a place in front of the door."""
        task = dict(spec)
        part = door_articulation(scene, task)
        door = find_doorway(scene, part, task.get("articulated_joint_range"))
        task.setdefault("task_cls", TASK_CLS)
        task.setdefault("task_type", "open_door")
        task.setdefault("articulated_joint_range", [door.closed, door.opened])
        task.setdefault("articulated_joint_reset_state", [door.closed])
        task.setdefault("door_openness_threshold", OPENNESS)
        task.setdefault("robot_base_pose", default_start(scene, door))
        return task

    def instruction(self, task: Mapping[str, Any], scene: SceneModel) -> str:
        limits = task.get("articulated_joint_range")
        door = find_doorway(scene, door_articulation(scene, task), limits)
        return door_text(door.is_pulled_from(np.array(task["robot_base_pose"][:2])))

    def bind(
        self,
        world: World,
        slot: int,
        scene: SceneModel,
        episode: EpisodeSpec,
        rule: str,
    ) -> EpisodeTask:
        return OpenDoorEpisode(world, slot, scene, episode)


class OpenDoorEpisode:
    """One OpenDoor episode: hinge, handle and hands resolved to ids once."""

    def __init__(self, world: World, slot: int, scene: SceneModel, episode: EpisodeSpec) -> None:
        task, robot = episode.task, scene.robot
        self.part = door_articulation(scene, task)
        self._door = find_doorway(scene, self.part, task.get("articulated_joint_range"))
        self._threshold = float(task.get("door_openness_threshold", OPENNESS))
        if not 0.0 < self._threshold <= 1.0:
            raise InvalidEpisode(
                "task.door_openness_threshold: expected a share above 0 and up to 1, found"
                f" {self._threshold}"
            )
        base = np.asarray(task["robot_base_pose"][:2], dtype=np.float64)
        self.pulled = self._door.is_pulled_from(base)
        self._handle = self._door.handle(self.pulled)
        self._world, self._slot, self._link = world, slot, robot.link_id
        self._qpos = world.joint_pos(slot)
        self._xpos, self._xmat = world.body_pos(slot), world.body_mat(slot)
        self._hands = []
        for arm in robot.arms:
            owner = np.zeros(scene.model.ngeom, dtype=np.uint8)
            owner[list(self._handle.geoms)] |= touch_kernels.OBJECT
            for bodies, bit in zip(
                arm.fingers, (touch_kernels.LEFT, touch_kernels.RIGHT), strict=True
            ):
                fingers = np.isin(scene.model.geom_bodyid, sorted(bodies))
                owner[fingers] |= bit | touch_kernels.ROBOT
            self._hands.append((owner, world.site_pos(slot)[arm.tcp_site], np.zeros(3)))
        self._openness, self._grasped = 0.0, False

    def evaluate(self) -> TaskState:
        handle, body = self._handle, self.part.body
        geoms = self._world.contact_geoms(self._slot)
        both = touch_kernels.BY_LEFT | touch_kernels.BY_RIGHT
        nearest, reach, self._grasped = np.inf, 0.0, False
        for owner, tool, offset in self._hands:
            touched, distance, near = touch_kernels.approach_handle(
                geoms, owner, self._xpos, self._xmat, body, handle.middle, handle.outward, tool,
                offset,
            )  # fmt: skip
            nearest, reach = min(nearest, distance), max(reach, near)
            self._grasped |= touched & both == both
        self._openness = openness = self._door.openness(float(self._qpos[self.part.qpos]))
        success = openness >= self._threshold
        return TaskState(
            success=success,
            potentials={
                "reach": 1.0 if success else reach,
                "open": min(openness / self._threshold, 1.0),
                "success": float(success),
            },
            quantities={
                "joint_position": openness,
                "tcp_distance": nearest,
                "handle_grasped": float(self._grasped),
            },
        )

    def pointed(self) -> list[Array]:
        """The handle (3,), world frame; see ``image_points``."""
        return [body_point(self._handle.middle, self._xpos, self._xmat, self.part.body)]

    def official_reward(self, state: TaskState) -> float:
        """1 while the door is open."""
        return float(state.success)

    def privileged(self, out: Array) -> None:
        """The keys of ``privileged_keys``, in the robot's base frame."""
        part, handle, link = self.part, self._handle, self._link
        xpos, xmat, mat = self._xpos, self._xmat, self._xmat[self.part.body]
        kernels.relative_body_point(handle.middle, xpos, xmat, part.body, link, out[0:3])
        kernels.relative_direction(handle.outward, mat, xmat, link, out[3:6])
        kernels.relative_vector(self._hands[0][2], xmat, link, out[6:9])
        kernels.relative_body_point(part.anchor, xpos, xmat, part.body, link, out[9:12])
        out[12], out[13] = self._openness, self._threshold
        out[14], out[15] = self.pulled, self._grasped
