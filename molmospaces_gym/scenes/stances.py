"""Where an arm on a pedestal stands to open or close something.

Unlike ``placement``, which looks for tops of furniture, this looks for one handle: the robot is
clear of everything at the start, the part that swings or slides never meets the pedestal, and the
arm holds the handle all along the way.
"""

from collections import OrderedDict
from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.robots.chain import ArmChain
from molmospaces_gym.scenes.articulated import Articulation, Handle
from molmospaces_gym.scenes.clearance import Clearance
from molmospaces_gym.scenes.handles import EASY, bar_grasps, follows, held_poses
from molmospaces_gym.scenes.model import Array, SceneModel
from molmospaces_gym.scenes.placement import yaw_pose
from molmospaces_gym.transforms import inverse, pose_matrix

DISTANCE = (0.4, 0.8)
"""Horizontal distance of the root link from the handle, m (official: 0.3 to 0.8)."""
BEARING = float(np.deg2rad(60.0))
"""Largest angle between the way the handle faces and the robot's place."""
BELOW = (0.05, 0.5)
"""How far the root link is below the handle, m (official: 0.42, the base 1 m below the object)."""
FLOOR_NEAR = 0.4
"""Least distance of a mobile robot's shoulder from the handle, m."""
TURN = 0.25
"""Largest angle (rad) between the robot's heading and the handle (official)."""
MARGIN = 0.04
"""Smallest distance between a standing robot and everything else, m."""
SWEEP_MARGIN = 0.02
"""Smallest distance between the moving part and the pedestal on the way, m."""
TRIES, WANTED = 60, 5
"""Poses tried for one handle, and how many good ones are enough."""
STEPS = 4
"""Points along the way at which the arm must reach the handle."""
TOLERANCE = (3e-3, 3e-2)
CACHE_SIZE = 512

_cache: "OrderedDict[tuple[str, str, float, float], tuple[Stance, ...]]" = OrderedDict()


@dataclass(frozen=True)
class Stance:
    """A base pose (x, y, z, qw, qx, qy, qz) from which one handle can be moved."""

    base_pose: tuple[float, ...]
    yaw: float


def stances(scene: SceneModel, part: Articulation, start: float, end: float) -> tuple[Stance, ...]:
    """Poses from which the arm moves ``part`` from joint position ``start`` to ``end``.

    In a fixed order; empty when none was found.
    """
    key = (scene.key, part.name, start, end)
    if key not in _cache:
        _cache[key] = tuple(_Search(scene, part, start, end).found())
        while len(_cache) > CACHE_SIZE:
            _cache.popitem(last=False)
    return _cache[key]


class _Search:
    def __init__(self, scene: SceneModel, part: Articulation, start: float, end: float) -> None:
        self.scene, self.part = scene, part
        self.start, self.end = start, end
        self.rng = np.random.default_rng([scene.seed, part.joint])
        qpos = scene.rest_qpos.copy()
        qpos[part.qpos] = start
        self.data = mujoco.MjData(scene.model)
        self.data.qpos[:] = qpos
        mujoco.mj_kinematics(scene.model, self.data)
        self.pose = pose_matrix(self.data.xpos[part.body], self.data.xquat[part.body])
        self.clearance = Clearance(scene, qpos)
        self.chain = ArmChain(scene.robot)
        self.home = scene.rest_qpos[scene.robot.qpos]
        pedestal = scene.robot.config.pedestal
        self.height = pedestal[2] if pedestal else 0.0

    def found(self) -> list[Stance]:
        good: list[Stance] = []
        handle = self.part.handles[0]
        for _ in range(TRIES):
            stance = self._draw(handle)
            if not self.clearance.is_free(stance.base_pose, self.home, MARGIN):
                continue
            if self._swept(stance) or not self._reaches(stance, handle):
                continue
            good.append(stance)
            if len(good) >= WANTED:
                break
        return good

    def _draw(self, handle: Handle) -> Stance:
        """A place in front of the handle, or from where a mobile robot's arm reaches it."""
        rng, part = self.rng, self.part
        closed = part.moved(self.pose, np.array([-self.start]))[0]
        point = self.pose[:3, :3] @ handle.middle + self.pose[:3, 3]
        out = closed[:3, :3] @ handle.outward
        angle = float(np.arctan2(out[1], out[0]) + rng.uniform(-BEARING, BEARING))
        if self.scene.robot.base is not None:
            return self._drawn_on_floor(point, angle + np.pi)
        distance = float(rng.uniform(*DISTANCE))
        x, y = point[0] + distance * np.cos(angle), point[1] + distance * np.sin(angle)
        z = point[2] - float(rng.uniform(*BELOW)) - self.height
        yaw = angle + np.pi + float(rng.uniform(-TURN, TURN))
        yaw = float((yaw + np.pi) % (2 * np.pi) - np.pi)
        return Stance(yaw_pose(float(x), float(y), float(z), yaw), yaw)

    def _drawn_on_floor(self, point: Array, yaw: float) -> Stance:
        """A place on the floor with the handle where the primary arm of a mobile robot works."""
        reach, rng = self.scene.robot.config.reach, self.rng
        angle = float(rng.uniform(-reach.angle, reach.angle))
        distance = float(rng.uniform(FLOOR_NEAR, reach.distance[1]))
        ahead = reach.origin[0] + distance * np.cos(angle)
        left = reach.origin[1] + distance * np.sin(angle)
        x = point[0] - np.cos(yaw) * ahead + np.sin(yaw) * left
        y = point[1] - np.sin(yaw) * ahead - np.cos(yaw) * left
        yaw = float((yaw + np.pi) % (2 * np.pi) - np.pi)
        return Stance(yaw_pose(float(x), float(y), 0.0, yaw), yaw)

    def _swept(self, stance: Stance) -> bool:
        """Whether the part meets what the arm stands on, or its foot, on the way."""
        ways = np.linspace(self.start, self.end, 5)[1:]
        return any(
            self.clearance.sweeps(stance.base_pose, self.part, float(q), SWEEP_MARGIN) for q in ways
        )

    def _reaches(self, stance: Stance, handle: Handle) -> bool:
        """Whether one way of holding the handle can be kept from start to end."""
        base = pose_matrix(np.array(stance.base_pose[:3]), np.array(stance.base_pose[3:]))
        base[2, 3] += self.height
        grasps, changes = bar_grasps(handle)[:EASY], np.linspace(0.0, self.end - self.start, STEPS)
        for follow in follows(self.part, handle):
            arms, alive = self._first(base, grasps)
            for change in changes[1:]:
                if not alive.any():
                    break
                targets = inverse(base) @ held_poses(
                    self.part, self.pose, grasps, float(change), follow
                )
                arms, solved = self.chain.solve(targets, arms, TOLERANCE, 15)
                alive &= solved
            if alive.any():
                return True
        return False

    def _first(self, base: Array, grasps: Array) -> tuple[Array, NDArray[np.bool_]]:
        targets = inverse(base) @ held_poses(self.part, self.pose, grasps, 0.0, 1.0)
        seed = self.home.copy()
        seed[0] = np.arctan2(targets[0, 1, 3], targets[0, 0, 3])
        return self.chain.solve(targets, seed, TOLERANCE, 30)
