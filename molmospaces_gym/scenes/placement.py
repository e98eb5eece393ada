"""Where a robot can stand in a scene: base poses that are collision-free and reach something.

Computed once per scene and kept, so that sampling an episode needs no search.
"""

from collections import OrderedDict
from dataclasses import dataclass, field

import mujoco
import numpy as np

from molmospaces_gym.robots.base import Reach
from molmospaces_gym.robots.kinematics import Kinematics
from molmospaces_gym.scenes.clearance import Clearance
from molmospaces_gym.scenes.house import Surface
from molmospaces_gym.scenes.model import Array, SceneModel

EDGE_SPACING = 0.2
"""Distance between the base positions tried along an edge, m."""
MARGIN = 0.06
"""Smallest distance between a standing robot and everything else, m: what the corner of the
pedestal moves when an episode turns the base by its heading noise."""
MAX_WIDTH = 0.075
"""Largest dimension (m) across which the gripper (0.087 m open) is asked to close."""
ATTEMPTS = 40
"""Base poses tried around an object that stands on no known surface."""
HEADROOM = 0.4
"""Least free height (m) over a surface, for a hand and a wrist that point down and a small lift.
Between the boards of a shelf there are 0.25 to 0.35 m, under a wall cabinet more than 0.5 m."""
FALLBACK_DISTANCE = 0.5
"""Distance of the base in front of an object when no checked placement reaches it, m."""
CACHE_SIZE = 128

_cache: "OrderedDict[str, tuple[Placement, ...]]" = OrderedDict()


@dataclass(frozen=True)
class Placement:
    """Where the robot stands and what it reaches from there.

    ``base_pose`` (x, y, z, qw, qx, qy, qz), its heading ``yaw`` (rad), the names of the
    ``objects`` that the arm reaches where they rest, and the ``surface`` in front, if known.
    """

    base_pose: tuple[float, ...]
    yaw: float
    objects: tuple[str, ...]
    surface: Surface | None = field(default=None)


def yaw_pose(x: float, y: float, z: float, yaw: float) -> tuple[float, ...]:
    """Pose (7,) at a position with a heading about the vertical."""
    return (x, y, z, float(np.cos(yaw / 2)), 0.0, 0.0, float(np.sin(yaw / 2)))


def placements(scene: SceneModel) -> tuple[Placement, ...]:
    """Valid placements of the scene's robot, in a fixed order; empty when there is none."""
    if scene.key not in _cache:
        _cache[scene.key] = tuple(_find(scene))
        while len(_cache) > CACHE_SIZE:
            _cache.popitem(last=False)
    return _cache[scene.key]


def _find(scene: SceneModel) -> list[Placement]:
    search = _Search(scene)
    if scene.owns_robot or (scene.robot.base_mocap < 0 and scene.robot.base is None):
        return search.fixed()
    surfaces = [Surface(**s) for s in scene.house.metadata.get("surfaces", [])]
    return search.along(surfaces) if surfaces else search.around()


class _Search:
    """Tries base poses of one scene's robot."""

    def __init__(self, scene: SceneModel) -> None:
        self.scene = scene
        self.rng = np.random.default_rng(scene.seed)
        self.data = mujoco.MjData(scene.model)
        self.data.qpos[:] = scene.rest_qpos
        scene.robot.work_qpos(self.data.qpos)
        mujoco.mj_kinematics(scene.model, self.data)
        self.clearance = Clearance(scene)
        self.kinematics = Kinematics(scene.robot)
        self.kinematics.set_posture(self.data.qpos)
        self.home = scene.rest_qpos[scene.robot.qpos]
        self.reach = scene.robot.config.reach
        self.tool = tool_down(self.reach.tool_yaw)
        pedestal = scene.robot.config.pedestal
        self.height = pedestal[2] if pedestal else 0.0
        self.candidates = [n for n in scene.free_joints if is_graspable(scene, n)]

    def fixed(self) -> list[Placement]:
        """The pose the robot already has."""
        link = self.scene.robot.link_id
        position, mat = self.data.xpos[link], self.data.xmat[link].reshape(3, 3)
        yaw = float(np.arctan2(mat[1, 0], mat[0, 0]))
        objects = self._reached(position, yaw, self.candidates)
        root = self.scene.robot.root_id
        pose = [*self.data.xpos[root].tolist(), *self.data.xquat[root].tolist()]
        return [Placement(tuple(pose), yaw, objects)] if objects else []

    def along(self, surfaces: list[Surface]) -> list[Placement]:
        """Base poses along the accessible edges of every surface."""
        found = []
        for surface in surfaces:
            standing = [
                name
                for name in self.candidates
                if self.scene.objects[name].get("surface") == surface.name
            ]
            overhangs = surface.overhang or (0.0,) * len(surface.front)
            fronts = zip(surface.front, overhangs, strict=True)
            open_above = surface.headroom is None or surface.headroom >= HEADROOM
            works = standing and open_above and not surface.inside
            for front, overhang in fronts if works else ():
                for x, y in _edge_points(surface, front, overhang + self.reach.edge_gap):
                    z = self._height_for(surface.center[2])
                    found += self._try(x, y, z, front + np.pi, standing, surface)
        return found

    def around(self) -> list[Placement]:
        """Base poses around every object of a house without surfaces (official radius)."""
        found = []
        for name in self.candidates:
            address, _ = self.scene.free_joint(name)
            at = self.scene.rest_qpos[address : address + 3]
            for _ in range(ATTEMPTS):
                angle = float(self.rng.uniform(-np.pi, np.pi))
                radius = float(self.rng.uniform(*self.reach.distance))
                x, y = at[0] + radius * np.cos(angle), at[1] + radius * np.sin(angle)
                z = self._height_for(float(at[2]))
                yaw = angle + np.pi
                left, cos, sin = -self.reach.origin[1], np.cos(yaw), np.sin(yaw)
                x, y = x - left * sin, y + left * cos
                placed = self._try(float(x), float(y), z, yaw, [name], None)
                found += placed
                if placed:
                    break
        return found

    def _height_for(self, support: float) -> float:
        """Height (m) of the base's foot in front of a support; a mobile base has its floor."""
        if self.scene.robot.base is not None:
            return 0.0
        return support - float(self.rng.uniform(*self.reach.below)) - self.height

    def _try(
        self, x: float, y: float, z: float, yaw: float, names: list[str], surface: Surface | None
    ) -> list[Placement]:
        yaw = float((yaw + np.pi) % (2 * np.pi) - np.pi)
        pose = yaw_pose(x, y, z, yaw)
        if not self.clearance.is_free(pose, self.home, MARGIN):
            return []
        objects = self._reached(np.array([x, y, z + self.height]), yaw, names)
        return [Placement(pose, yaw, objects, surface)] if objects else []

    def _reached(self, link: Array, yaw: float, names: list[str]) -> tuple[str, ...]:
        """The objects whose resting place the tool reaches pointing down."""
        return tuple(n for n in names if self._reaches(link, yaw, n))

    def _reaches(self, link: Array, yaw: float, name: str) -> bool:
        address, _ = self.scene.free_joint(name)
        offset = self.scene.rest_qpos[address : address + 3] - link
        if not self.reach.height[0] <= offset[2] <= self.reach.height[1]:
            return False
        if not in_reach(self.reach, offset[:2], yaw):
            return False
        cos, sin = np.cos(yaw), np.sin(yaw)
        local = np.array([cos * offset[0] + sin * offset[1], cos * offset[1] - sin * offset[0], 0])
        local[2] = offset[2] + 0.1
        return self.kinematics.solve(local, self.tool, self.home, (2e-3, 2e-2)) is not None


TOOL_DOWN: Array = np.diag([1.0, -1.0, -1.0])
"""Tool rotation in the base frame with the approach axis pointing down."""


def tool_down(yaw: float) -> Array:
    """``TOOL_DOWN`` turned about the vertical (rad)."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    turn = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
    rotation: Array = turn @ TOOL_DOWN
    return rotation


def in_reach(reach: Reach, offset: Array, yaw: float) -> bool:
    """Whether a horizontal offset (2,) from the root link lies in the working sector."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    x = cos * offset[0] + sin * offset[1] - reach.origin[0]
    y = cos * offset[1] - sin * offset[0] - reach.origin[1]
    near, far = reach.distance
    return near <= float(np.hypot(x, y)) <= far and bool(abs(np.arctan2(y, x)) <= reach.angle)


def is_graspable(scene: SceneModel, name: str) -> bool:
    """Whether an object fits the gripper: by its metadata, otherwise by its smallest side."""
    declared = scene.objects.get(name, {}).get("graspable")
    if declared is not None:
        return bool(declared)
    return bool(2 * scene.body_half_size(name).min() <= MAX_WIDTH)


def _edge_points(surface: Surface, front: float, gap: float) -> list[tuple[float, float]]:
    """Base positions along the edge of a surface that faces the yaw ``front``."""
    out = np.array([np.cos(front), np.sin(front)])
    along = np.array([-out[1], out[0]])
    axis = np.array([np.cos(surface.yaw), np.sin(surface.yaw)])
    cross = np.array([-axis[1], axis[0]])
    depth, half = (
        abs(axis @ d) * surface.half_size[0] + abs(cross @ d) * surface.half_size[1]
        for d in (out, along)
    )
    count = max(1, int(2 * max(half - 0.15, 0.0) / EDGE_SPACING) + 1)
    offsets = np.linspace(-(half - 0.15), half - 0.15, count) if count > 1 else np.zeros(1)
    middle = np.array(surface.center[:2]) + (depth + gap) * out
    return [(float(p[0]), float(p[1])) for p in (middle + o * along for o in offsets)]


def default_base_pose(scene: SceneModel, name: str, *others: str) -> list[float]:
    """A base pose (7,) from which the robot reaches an object, checked where one is known.

    One from which ``others`` are as near as they can be; all of them where they rest.
    """
    robot = scene.robot
    if scene.owns_robot:
        return scene.file_pose(robot.root_id)
    suited = [p for p in placements(scene) if name in p.objects]
    if suited:
        points = [scene.rest_pose(other)[:2] for other in others]
        way = [sum(float(np.hypot(*(q - p.base_pose[:2]))) for q in points) for p in suited]
        return list(suited[int(np.argmin(way))].base_pose)
    address, _ = scene.free_joint(name)
    x, y, z = scene.rest_qpos[address : address + 3].tolist()
    pedestal, side = robot.config.pedestal, robot.config.reach.origin[1]
    foot = 0.0 if robot.base is not None else z - (pedestal[2] if pedestal else 0.0)
    return list(yaw_pose(x - FALLBACK_DISTANCE, y - side, foot, 0.0))
