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
from molmospaces_gym.scenes.grid_kernels import descend, distances, is_straight
from molmospaces_gym.scenes.model import Array, SceneModel
from molmospaces_gym.scenes.occupancy import OccupancyMap, occupancy_map

RADIUS, NARROW = 0.45, 0.36
"""Radius (m) of the round robot that stands for an RB-Y1: one that turns on the spot anywhere (its
corners are at 0.43 m), and one that gets through where it goes straight on."""
PX_PER_M = 20.0
"""Cells per metre of the grid that ways are searched on (official: 40)."""
NEAR, FAR = 0.7, 1.3
"""Distances (m) between which a thing is looked at: not in the way, and within the official 1.5."""
VIEWS = 12
"""Directions from which a thing is looked at."""
EYE_HEIGHT = 1.5
"""Height (m) of the head camera of a standing RB-Y1, about."""
AWAY = (1e3, 1e3, 0.0, 1.0, 0.0, 0.0, 0.0)
"""Where the robot is while the floor is mapped."""
CACHE_SIZE = 32

_cache: "OrderedDict[tuple[str, float], FloorGrid | None]" = OrderedDict()
_views: "OrderedDict[tuple[str, bytes], Array]" = OrderedDict()


@dataclass(frozen=True, eq=False)
class FloorGrid:
    """The floor on which the middle of a robot can be.

    ``map`` is free where a round robot of ``radius`` (m) touches nothing.
    """

    map: OccupancyMap
    radius: float

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
        cells = np.empty((self.map.free.size, 2), np.int64)
        row, column = int(cell[0]), int(cell[1])
        count = descend(field / self.cell, self.map.free, row, column, cells)
        return self.map.points(self._straightened(cells[:count]))

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


def floor_grid(
    scene: SceneModel, radius: float = RADIUS, ignored: tuple[str, ...] = ()
) -> FloorGrid | None:
    """The grid of a scene at rest for a round robot (m); None where it has no bounded floor.

    ``ignored`` are bodies that are no obstacles, with everything below them.
    """
    key = (" ".join([scene.key, *ignored]), radius)
    if key not in _cache:
        _cache[key] = _make_grid(scene, resting_data(scene), radius, ignored)
        while len(_cache) > CACHE_SIZE:
            _cache.popitem(last=False)
    _cache.move_to_end(key)
    return _cache[key]


def grid_now(
    scene: SceneModel, qpos: Array, radius: float = RADIUS, ignored: tuple[str, ...] = ()
) -> FloorGrid | None:
    """``floor_grid`` of a scene in another configuration (nq,), such as with a drawer open."""
    return _make_grid(scene, without_robot(scene, qpos), radius, ignored)


def _make_grid(
    scene: SceneModel, data: mujoco.MjData, radius: float, ignored: tuple[str, ...] = ()
) -> FloorGrid | None:
    root = scene.model.body(scene.robot.root_id).name
    bodies = (PREFIX + "base", root, *ignored)
    try:
        found = occupancy_map(scene.model, data, PX_PER_M, ignored=bodies)
    except InvalidScene:
        return None
    return grid_of(found, radius)


def grid_of(found: OccupancyMap, radius: float = RADIUS) -> FloorGrid:
    """The grid of an occupancy map, such as an official PNG, for a round robot (m)."""
    factor = max(1, round(found.px_per_m / PX_PER_M))
    coarse = found.coarser(factor) if factor > 1 else found
    return FloorGrid(coarse.inflated(radius), radius)


def resting_data(scene: SceneModel) -> mujoco.MjData:
    """A simulation of a scene at rest, with the robot out of the way."""
    return without_robot(scene, scene.rest_qpos)


def without_robot(scene: SceneModel, qpos: Array) -> mujoco.MjData:
    """A simulation of a scene in a configuration (nq,), with the robot out of the way."""
    data = mujoco.MjData(scene.model)
    data.qpos[:] = qpos
    scene.robot.place_base(AWAY, data.qpos, data.mocap_pos, data.mocap_quat)
    mujoco.mj_kinematics(scene.model, data)
    return data


def viewpoints(
    scene: SceneModel, grid: FloorGrid, data: mujoco.MjData, names: Sequence[str]
) -> Array:
    """Places (N, 2) on drivable floor near one of the bodies, from where a robot's eye sees it.

    ``data`` holds the scene without the robot. What was found for bodies at the same places is
    kept.
    """
    middles = [middle_of(scene, data, name) for name in names]
    key = (f"{scene.key} {grid.radius}", np.round(middles, 2).tobytes())
    if key not in _views:
        found = [
            view
            for name, middle in zip(names, middles, strict=True)
            for view in _views_of(scene, grid, data, name, middle)
            if _is_nearest(view, middle, middles)
        ]
        _views[key] = np.array(found).reshape(-1, 2)
        while len(_views) > 8 * CACHE_SIZE:
            _views.popitem(last=False)
    return _views[key]


def _is_nearest(view: Array, middle: Array, middles: Sequence[Array]) -> bool:
    """Whether no other candidate is nearer: only the nearest one counts when it is seen."""
    own = float(np.hypot(*(middle[:2] - view)))
    return all(own <= float(np.hypot(*(other[:2] - view))) + 1e-9 for other in middles)


def _views_of(
    scene: SceneModel, grid: FloorGrid, data: mujoco.MjData, name: str, middle: Array
) -> list[Array]:
    found = []
    for angle in np.arange(VIEWS) * 2 * np.pi / VIEWS:
        way = np.array([np.cos(angle), np.sin(angle)])
        line = middle[:2] + np.arange(NEAR, FAR, 0.1)[:, None] * way
        free = np.flatnonzero(grid.map.is_free(line))
        if len(free) and sees(scene, data, np.append(line[free[0]], EYE_HEIGHT), name):
            found.append(line[free[0]])
    return found


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
