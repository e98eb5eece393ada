"""NavigateTo: drive to an object until the head camera sees it (official ``NavToObjTask``).

Kept out on purpose: the official reward rises towards the object while the camera loses it, so it
is only the ``official`` reward mode, and the dense reward uses the way that is left instead.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from molmospaces_gym.backends.base import World
from molmospaces_gym.cameras import forward_up
from molmospaces_gym.episode import EpisodeSpec, camera_mounts
from molmospaces_gym.errors import InvalidEpisode
from molmospaces_gym.scenes.model import SceneModel
from molmospaces_gym.tasks.base import Array, EpisodeTask, PrivilegedKey, TaskState
from molmospaces_gym.tasks.navigate_kernels import survey
from molmospaces_gym.tasks.navigate_sampler import (
    MAX_CANDIDATES,
    TASK_CLS,
    candidates_of,
    default_start,
    navigation_text,
    sample_navigation,
)
from molmospaces_gym.tasks.visibility import ObjectView
from molmospaces_gym.tasks.ways import Ways, ways_near

HEAD_CAMERA = "head_camera"
"""The camera that must see the object (official)."""
SUCCESS_DISTANCE = 1.5
"""Official default of ``succ_pos_threshold``, m."""
FACING_RANGE = 4.0
"""Distance (m) within which facing the object counts."""
STOP_S = 1.0
"""Time (s) without motion that says the robot is done (``success_rule="paper"``)."""
STILL = 1e-3
"""Motion of the base (m or rad) that still counts as standing."""
STOP_STEPS = round(STOP_S / 0.2)
"""The same in steps of the official control period."""
NEAR_SHARE = 0.8
"""Share of the success distance at which the way to an object counts as done."""


class NavigateToTask:
    """Drive to the named object, or to any of its kind.

    Success, as in the official evaluator: the horizontal distance from the robot's base to the
    nearest candidate is below ``succ_pos_threshold`` (1.5 m) and the head camera sees any pixel of
    that candidate. Momentary. In the paper the robot must also say that it is done, and a wrong
    done fails the episode; actions have no such element, so with ``success_rule="paper"`` a robot
    that has moved and then stands still for a second says so.

    Dense reward terms are changes of potentials (see ``dense_terms``): ``way`` is the share of the
    way around obstacles that is done, ``facing`` how well the camera points at the nearest
    candidate within 4 m, ``success`` 1 while successful. The official reward is 1 - d / 1.5 while
    visible, else 0.

    Privileged observation, in the robot's base frame: the nearest candidate's position, the
    direction of the shortest way and its length (m), whether the object is seen.
    """

    name = "NavigateTo"
    horizon_s = 100.0
    robot = "rby1"
    dataset = "homes"
    control_dt = 0.2
    action_mode = "base_velocity"
    reward_scales: Mapping[str, float] = MappingProxyType(
        {"way": 7.0, "facing": 3.0, "success": 10.0}
    )
    privileged_keys: Mapping[str, PrivilegedKey] = MappingProxyType(
        {
            "object_position": PrivilegedKey(3, -50.0, 50.0),
            "way_direction": PrivilegedKey(2, -1.0, 1.0),
            "way_length": PrivilegedKey(1, 0.0, 100.0),
            "object_seen": PrivilegedKey(1, 0.0, 1.0),
        }
    )

    def sample(
        self, scene: SceneModel, rng: np.random.Generator, categories: frozenset[str] | None
    ) -> EpisodeSpec:
        return sample_navigation(self.horizon_s, scene, rng, categories)

    def defaults(self, spec: Mapping[str, Any], scene: SceneModel) -> dict[str, Any]:
        """Fill the candidates, the object's pose and a start on free floor."""
        task = dict(spec)
        name = task.get("pickup_obj_name")
        if not isinstance(name, str):
            raise InvalidEpisode("a NavigateTo episode needs task.pickup_obj_name")
        body = scene.body_id(name)
        task.setdefault("task_cls", TASK_CLS)
        task.setdefault("task_type", "nav_to_obj")
        task.setdefault("pickup_obj_candidates", candidates_of(scene, name))
        task.setdefault("pickup_obj_start_pose", scene.file_pose(body))
        task.setdefault("succ_pos_threshold", SUCCESS_DISTANCE)
        task.setdefault("robot_base_pose", default_start(scene, name))
        return task

    def instruction(self, task: Mapping[str, Any], scene: SceneModel) -> str:
        names = task.get("pickup_obj_candidates") or [task["pickup_obj_name"]]
        return navigation_text(scene, task["pickup_obj_name"], len(names))[0]

    def bind(
        self,
        world: World,
        slot: int,
        scene: SceneModel,
        episode: EpisodeSpec,
        rule: str,
    ) -> EpisodeTask:
        return NavigateToEpisode(world, slot, scene, episode, rule)


class NavigateToEpisode:
    """One NavigateTo episode: candidates and camera resolved once, the map on first use."""

    def __init__(
        self, world: World, slot: int, scene: SceneModel, episode: EpisodeSpec, rule: str
    ) -> None:
        task = episode.task
        name = task.get("pickup_obj_name")
        if not isinstance(name, str):
            raise InvalidEpisode("a NavigateTo episode needs task.pickup_obj_name")
        names = list(task.get("pickup_obj_candidates") or [name])[:MAX_CANDIDATES]
        self._bodies = np.array([scene.body_id(n) for n in names], dtype=np.intp)
        self._centers = np.array([scene.body_center(n) for n in names])
        self._radii = [float(np.linalg.norm(scene.body_half_size(n))) for n in names]
        self._threshold = float(task.get("succ_pos_threshold", SUCCESS_DISTANCE))
        mounts = {m.name: m for m in camera_mounts(episode, scene.body_ids)}
        if HEAD_CAMERA not in mounts:
            raise InvalidEpisode(
                f"a NavigateTo episode needs the camera {HEAD_CAMERA!r}; it has"
                f" {', '.join(mounts) or 'none'}"
            )
        size = (int(episode.img_resolution[0]), int(episode.img_resolution[1]))
        self._view = ObjectView(world, slot, scene, mounts[HEAD_CAMERA], size)
        self._scene, self._link = scene, scene.robot.link_id
        self._xpos, self._xmat = world.body_pos(slot), world.body_mat(slot)
        mount = mounts[HEAD_CAMERA]
        self._eye = scene.robot.link_id if mount.body is None else scene.body_id(mount.body)
        self._ahead = forward_up(mount.quat)[0]
        self._direct = NEAR_SHARE * self._threshold
        self._map: Ways | None = None
        self._start = 0.0
        self._found = np.zeros(7)
        """The privileged observation (7,), after ``evaluate``."""
        self._done = _Done(self._xpos, self._xmat, self._link) if rule == "paper" else None

    def evaluate(self) -> TaskState:
        ways = self._map
        if ways is None:  # the poses of the start are known only now
            ways = self._map = ways_near(self._scene, self._xpos[self._bodies, :2], self._direct)
        nearest, distance, way, facing = survey(
            self._xpos,
            self._xmat,
            self._link,
            self._bodies,
            self._centers,
            self._direct,
            ways.filled,
            ways.field,
            ways.to_map,
            self._eye,
            self._ahead,
            FACING_RANGE,
            self._found[:6],
        )
        self._start = self._start or max(way, 1e-6)
        seen = distance < self._threshold and self._sees(nearest)
        self._found[6] = seen
        success = seen if self._done is None else self._done.judge(seen)
        return TaskState(
            success=success,
            potentials={
                "way": max(1.0 - way / self._start, -1.0),
                "facing": facing,
                "success": float(success),
            },
            quantities={"distance": distance, "way": way, "seen": float(seen)},
        )

    def _sees(self, index: int) -> bool:
        body = int(self._bodies[index])
        middle = self._xpos[body] + self._xmat[body].reshape(3, 3) @ self._centers[index]
        return self._view.shows(body, middle, self._radii[index])

    def official_reward(self, state: TaskState) -> float:
        """1 - d / threshold while the nearest candidate is seen, else 0."""
        seen, distance = state.quantities["seen"], state.quantities["distance"]
        return seen * max(0.0, 1.0 - distance / self._threshold)

    def privileged(self, out: Array) -> None:
        """The keys of ``privileged_keys``, in the robot's base frame, as last evaluated."""
        out[:] = self._found


class _Done:
    """Tells by standing still that the robot is done, and keeps what that was worth."""

    def __init__(self, xpos: Array, xmat: Array, link: int) -> None:
        self._xpos, self._xmat, self._link = xpos, xmat, link
        self._last: Array | None = None
        self._moved, self._still = False, 0
        self._verdict: bool | None = None

    def judge(self, seen: bool) -> bool:
        """Whether the episode counts as solved now."""
        here = np.concatenate([self._xpos[self._link, :2], self._xmat[self._link, :2]])
        if self._last is not None:
            moves = float(np.abs(here - self._last).max()) > STILL
            self._moved |= moves
            self._still = 0 if moves else self._still + 1
        self._last = here
        if self._verdict is None and self._moved and self._still >= STOP_STEPS:
            self._verdict = seen
        return bool(self._verdict) and seen
