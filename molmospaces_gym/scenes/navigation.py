"""Driving through a house: shortest ways over its free floor, and places to see things from.

Everything is computed on an occupancy map, made from the scene or read from an official PNG.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import mujoco
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from molmospaces_gym.errors import InvalidScene
from molmospaces_gym.robots.base import PREFIX
from molmospaces_gym.scenes.grid_kernels import distances, is_straight
from molmospaces_gym.scenes.model import Array, SceneModel
from molmospaces_gym.scenes.occupancy import OccupancyMap, occupancy_map

RADIUS = 0.36
"""Radius of the round robot that stands for an RB-Y1 (measured: 0.35 m), m."""
PX_PER_M = 20.0
"""Cells per metre of the grid that ways are searched on (official: 40)."""
NEAR, FAR = 0.55, 1.25
"""Distances (m) between which a thing is looked at: not in the way, and within the official 1.5."""
VIEWS = 16
"""Directions from which a thing is looked at."""
EYE_HEIGHT = 1.5
"""Height (m) of the head camera of a standing RB-Y1, about."""
AWAY = (1e3, 1e3, 0.0, 1.0, 0.0, 0.0, 0.0)
"""Where the robot is while the floor is mapped."""
CACHE_SIZE = 32

_cache: "OrderedDict[str, FloorGrid | None]" = OrderedDict()


@dataclass(frozen=True, eq=False)
class FloorGrid:
    """The floor on which the middle of a robot can be.

    ``map`` is free where the robot touches nothing.
    """

    map: OccupancyMap

    @property
    def cell(self) -> float:
        """Side of a cell, m."""
        return 1.0 / self.map.px_per_m

    @cached_property
    def _nearest(self) -> NDArray[np.int64]:
        """(2, rows, columns) the free cell nearest to each cell."""
        found: NDArray[np.int64] = ndimage.distance_transform_edt(
            ~self.map.free, return_distances=False, return_indices=True
        ).astype(np.int64)
        return found

    @cached_property
    def places(self) -> Array:
        """World points (N, 2) in the middle of the free cells."""
        return self.map.points(np.argwhere(self.map.free))

    def everywhere(self, field: Array) -> Array:
        """A field whose cells off the free floor have the value of the nearest free cell."""
        found: Array = field[self._nearest[0], self._nearest[1]]
        return found

    def snap(self, points: Array) -> NDArray[np.int64]:
        """Free cells (N, 2) nearest to points (N, 2)."""
        cells = self.map.cells(points)
        inside = np.clip(cells, 0, np.array(self.map.free.shape) - 1)
        return self._nearest[:, inside[:, 0], inside[:, 1]].T

    def field(self, goals: Array) -> Array:
        """Length (rows, columns) in m of the shortest way to any of the points (N, 2), or inf."""
        out = np.empty(self.map.free.shape)
        distances(self.map.free, np.ascontiguousarray(self.snap(goals)), out)
        out *= self.cell
        return out

    def path(self, field: Array, start: Array) -> Array | None:
        """Corners (K, 2) of the way from ``start`` (2,) to where ``field`` is 0; None: no way."""
        cell = self.snap(np.asarray(start)[None])[0]
        if not np.isfinite(field[tuple(cell)]):
            return None
        cells = [cell]
        while field[tuple(cells[-1])] > 0.0:
            cells.append(self._downhill(field, cells[-1]))
        corners = self._straightened(np.array(cells))
        return self.map.points(corners)

    def _downhill(self, field: Array, cell: NDArray[np.int64]) -> NDArray[np.int64]:
        """The neighbour on the shortest way."""
        row, column = cell
        rows, columns = field.shape
        best, found = np.inf, cell
        for dr, dc in _NEIGHBOURS:
            r, c = row + dr, column + dc
            if not (0 <= r < rows and 0 <= c < columns):
                continue
            if dr and dc and not (self.map.free[row, c] and self.map.free[r, column]):
                continue
            way = field[r, c] + self.cell * float(np.hypot(dr, dc))
            if way < best:
                best, found = way, np.array([r, c])
        return found

    def _straightened(self, cells: NDArray[np.int64]) -> NDArray[np.int64]:
        """The corners of a way, with everything straight between them."""
        corners, at = [cells[0]], 0
        while at < len(cells) - 1:
            low, high = at + 1, len(cells) - 1
            while low < high:  # the farthest cell in sight, about
                middle = (low + high + 1) // 2
                if is_straight(self.map.free, *map(float, (*cells[at], *cells[middle]))):
                    low = middle
                else:
                    high = middle - 1
            at = low
            corners.append(cells[at])
        return np.array(corners)


_NEIGHBOURS = [(r, c) for r in (-1, 0, 1) for c in (-1, 0, 1) if r or c]


def floor_grid(scene: SceneModel) -> FloorGrid | None:
    """The grid of a scene at rest; None where the scene has no bounded floor."""
    if scene.key not in _cache:
        _cache[scene.key] = _make_grid(scene)
        while len(_cache) > CACHE_SIZE:
            _cache.popitem(last=False)
    _cache.move_to_end(scene.key)
    return _cache[scene.key]


def _make_grid(scene: SceneModel) -> FloorGrid | None:
    data = resting_data(scene)
    root = scene.model.body(scene.robot.root_id).name
    try:
        found = occupancy_map(scene.model, data, PX_PER_M, ignored=(PREFIX + "base", root))
    except InvalidScene:
        return None
    return grid_of(found)


def grid_of(found: OccupancyMap, radius: float = RADIUS) -> FloorGrid:
    """The grid of an occupancy map, such as an official PNG, for a round robot (m)."""
    factor = max(1, round(found.px_per_m / PX_PER_M))
    coarse = found.coarser(factor) if factor > 1 else found
    return FloorGrid(coarse.inflated(radius))


def resting_data(scene: SceneModel) -> mujoco.MjData:
    """A simulation of a scene at rest, with the robot out of the way."""
    data = mujoco.MjData(scene.model)
    data.qpos[:] = scene.rest_qpos
    scene.robot.place_base(AWAY, data.qpos, data.mocap_pos, data.mocap_quat)
    mujoco.mj_kinematics(scene.model, data)
    return data


def viewpoints(
    scene: SceneModel, grid: FloorGrid, data: mujoco.MjData, names: Sequence[str]
) -> Array:
    """Places (N, 2) on drivable floor near one of the bodies, from where a robot's eye sees it.

    ``data`` holds the scene without the robot.
    """
    found = []
    for name in names:
        middle = middle_of(scene, data, name)
        for angle in np.arange(VIEWS) * 2 * np.pi / VIEWS:
            way = np.array([np.cos(angle), np.sin(angle)])
            line = middle[:2] + np.arange(NEAR, FAR, 0.1)[:, None] * way
            free = np.flatnonzero(grid.map.is_free(line))
            if len(free) and sees(scene, data, np.append(line[free[0]], EYE_HEIGHT), name):
                found.append(line[free[0]])
    return np.array(found).reshape(-1, 2)


def middle_of(scene: SceneModel, data: mujoco.MjData, name: str) -> Array:
    """World position (3,) of the middle of a body's box."""
    body = scene.body_id(name)
    middle: Array = data.xpos[body] + data.xmat[body].reshape(3, 3) @ scene.body_center(name)
    return middle


def sees(scene: SceneModel, data: mujoco.MjData, eye: Array, name: str) -> bool:
    """Whether a ray from ``eye`` (3,) to the middle of a body, or just above it, meets it first."""
    groups, hit = np.array([1, 1, 1, 0, 0, 0], dtype=np.uint8), np.array([-1], dtype=np.int32)
    own, middle = scene.subtree_geoms(scene.body_id(name)), middle_of(scene, data, name)
    for height in (0.0, 0.8 * float(scene.body_half_size(name).min())):
        ray = middle + [0.0, 0.0, height] - eye
        mujoco.mj_ray(scene.model, data, eye, ray, groups, 1, -1, hit)
        if hit[0] in own:
            return True
    return False
