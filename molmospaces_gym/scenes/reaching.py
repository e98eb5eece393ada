"""Where a robot on wheels stands so that its arm has room to work, checked with its whole arm.

``stances`` and ``placements`` look at the tool alone. Beside a drawer that comes out over the
robot's own base, or over what lies in it, that is not enough.
"""

from collections import OrderedDict
from collections.abc import Mapping

import mujoco
import numpy as np

from molmospaces_gym.robots.chain import ArmChain
from molmospaces_gym.scenes.articulated import Articulation
from molmospaces_gym.scenes.clearance import Clearance
from molmospaces_gym.scenes.collision import CollisionProbe
from molmospaces_gym.scenes.generator.grasps import grasp_candidates
from molmospaces_gym.scenes.handles import bar_grasps, follows, held_poses
from molmospaces_gym.scenes.model import Array, SceneModel
from molmospaces_gym.scenes.placement import yaw_pose
from molmospaces_gym.scenes.stances import MARGIN, TOLERANCE, stances
from molmospaces_gym.transforms import inverse, pose_matrix

Pose = tuple[float, ...]
"""A base pose (x, y, z, qw, qx, qy, qz)."""

GAP = 0.002
"""Distance (m) that the arm keeps from everything but what it holds."""
SHAPED = 0.65
"""Closure of the gripper at a handle."""
ROWS = 6
"""Points along the way of a handle that are looked at."""
BACK, LIFT = 0.07, 0.1
"""Ways (m) to a grasp and up from it that must be free."""
TRIES, WANTED = 60, 4
"""Places tried around an object, and how many good ones are enough."""
GRASPS = 32
"""Grasps tried for one object, the most upright first."""
CACHE_SIZE = 256

_stances: "OrderedDict[tuple[str, str, float, float], tuple[Pose, ...]]" = OrderedDict()


def free_stances(
    scene: SceneModel, part: Articulation, start: float, end: float
) -> tuple[Pose, ...]:
    """Those of the ``stances`` at which no part of the arm meets anything on the way.

    In a fixed order; empty when there is none.
    """
    key = (scene.key, part.name, start, end)
    if key not in _stances:
        found = stances(scene, part, start, end)
        check = _Arc(scene, part, start, end) if found else None
        _stances[key] = tuple(s.base_pose for s in found if check and check.is_free(s.base_pose))
        while len(_stances) > CACHE_SIZE:
            _stances.popitem(last=False)
    return _stances[key]


class _Arm:
    """The arm of a robot that stands somewhere in a configuration of its scene."""

    def __init__(self, scene: SceneModel, qpos: Array, closure: float) -> None:
        self.scene, self.qpos = scene, qpos.copy()
        self.chain, self.probe = ArmChain(scene.robot), CollisionProbe(scene, closure)
        self.home = scene.rest_qpos[scene.robot.qpos]
        self._data = mujoco.MjData(scene.model)

    def stand(self, base_pose: Pose) -> Array:
        """Put the robot there; the pose (4, 4) of its root link."""
        data, link = self._data, self.scene.robot.link_id
        self.scene.robot.place_base(base_pose, self.qpos, data.mocap_pos, data.mocap_quat)
        data.qpos[:] = self.qpos
        mujoco.mj_kinematics(self.scene.model, data)
        self.probe.place_world(self.qpos, {})
        return pose_matrix(data.xpos[link], data.xquat[link])

    def body(self, number: int) -> Array:
        """Pose (4, 4) of a body."""
        return pose_matrix(self._data.xpos[number], self._data.xquat[number])

    def facing(self, targets: Array) -> Array:
        """The home position (n,) turned towards tool poses (N, 4, 4) in the root link's frame."""
        seed = self.home.copy()
        middle = targets[:, :3, 3].mean(axis=0)
        seed[0] = np.arctan2(middle[1], middle[0])
        return seed


class _Arc:
    """Whether the arm can move one part all the way."""

    def __init__(self, scene: SceneModel, part: Articulation, start: float, end: float) -> None:
        qpos = scene.rest_qpos.copy()
        qpos[part.qpos] = start
        self._part, self._arm = part, _Arm(scene, qpos, SHAPED)
        self._rows = np.linspace(start, end, ROWS)
        self._handles: tuple[int, ...] = sum((h.geoms for h in part.handles), ())

    def is_free(self, base_pose: Pose) -> bool:
        arm, part = self._arm, self._part
        base, handle = arm.stand(base_pose), part.handles[0]
        pose, grasps = arm.body(part.body), bar_grasps(handle)
        for follow in follows(part, handle):
            targets = [
                inverse(base) @ held_poses(part, pose, grasps, float(q - self._rows[0]), follow)
                for q in self._rows
            ]
            arms, alive = arm.chain.solve(targets[0], arm.facing(targets[0]), TOLERANCE, 30)
            paths = [arms]
            for row in targets[1:]:
                arms, solved = arm.chain.solve(row, arms, TOLERANCE, 15)
                alive &= solved
                paths.append(arms)
            ways = np.stack(paths)
            if any(self._clears(ways[:, k]) for k in np.flatnonzero(alive)):
                return True
        return False

    def _clears(self, path: Array) -> bool:
        """Whether the arm is free at joint positions (ROWS, n), and before it holds the handle."""
        arm, probe, part = self._arm, self._arm.probe, self._part
        before = arm.chain.poses(path[0])[None]
        before[:, :3, 3] -= BACK * before[:, :3, 2]
        first, solved = arm.chain.solve(before, path[0])
        probe.place_joint(part.qpos, float(self._rows[0]))
        if not solved[0] or probe.collides(first[0], GAP, ignored=self._handles):
            return False
        for position, joints in zip(self._rows, path, strict=True):
            probe.place_joint(part.qpos, float(position))
            if probe.collides(joints, GAP, ignored=self._handles):
                return False
        return True


def stands_over(
    scene: SceneModel,
    name: str,
    qpos: Array,
    grasps: Array | None = None,
    tries: int = TRIES,
) -> list[Pose]:
    """Places from which the arm can take an object in a configuration (nq,) of the scene.

    The robot stands free there, and with one of ``grasps`` (N, 4, 4), or of those that its kind
    has, its arm meets nothing at the object and above it. Nothing is said of the way to there.
    Equal for equal arguments.
    """
    rng = np.random.default_rng([scene.seed, scene.body_id(name)])
    clearance, arm = Clearance(scene, qpos), _Arm(scene, qpos, 0.0)
    if grasps is None:
        meta: Mapping[str, object] = scene.objects.get(name, {})
        grasps = grasp_candidates(meta) if "holds" in meta else np.zeros((0, 4, 4))
    address = scene.free_joint(name)[0]
    grasps = _upright_first(grasps, qpos[address : address + 7])
    reach, at = scene.robot.config.reach, qpos[address : address + 2]
    good: list[Pose] = []
    for _ in range(tries if len(grasps) else 0):
        turn, off = rng.uniform(-np.pi, np.pi), rng.uniform(-reach.angle, reach.angle)
        distance = rng.uniform(*reach.distance)
        ahead = reach.origin[0] + distance * np.cos(off)
        left = reach.origin[1] + distance * np.sin(off)
        x = float(at[0] - np.cos(turn) * ahead + np.sin(turn) * left)
        y = float(at[1] - np.sin(turn) * ahead - np.cos(turn) * left)
        pose = yaw_pose(x, y, 0.0, float(turn))
        if clearance.is_free(pose, arm.home, MARGIN) and _takes(arm, name, pose, grasps):
            good.append(pose)
            if len(good) == WANTED:
                break
    return good


def _upright_first(grasps: Array, pose: Array) -> Array:
    """Some of the grasps (N, 4, 4), those from above first, of an object at a pose (7,)."""
    down = (pose_matrix(np.zeros(3), pose[3:7]) @ grasps)[:, 2, 2]
    order = np.argsort(np.round(down, 1), kind="stable")
    found: Array = grasps[order[:: max(1, len(order) // (2 * GRASPS))]][:GRASPS]
    return found


def _takes(arm: _Arm, name: str, pose: Pose, grasps: Array) -> bool:
    body = arm.scene.body_id(name)
    base = arm.stand(pose)
    targets = inverse(base) @ arm.body(body) @ grasps
    seed = arm.facing(targets)
    raised, behind = targets.copy(), targets.copy()
    raised[:, 2, 3] += LIFT
    behind[:, :3, 3] -= BACK * behind[:, :3, 2]
    arms, solved = arm.chain.solve(targets, seed)
    over, above = arm.chain.solve(raised, arms)
    back, away = arm.chain.solve(behind, arms)
    for k in np.flatnonzero(solved & above & away):
        ways = (arms[k], over[k], back[k])
        if not any(arm.probe.collides(q, GAP, body, -1.0) for q in ways):
            return True
    return False
