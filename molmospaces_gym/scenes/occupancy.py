"""Occupancy maps: which floor of a house is free, as a grid and in the official PNG files.

As in the official files rows count down from the house's largest x and columns from its largest y;
the matrices of the map say so too.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import mujoco
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from molmospaces_gym.errors import InvalidScene
from molmospaces_gym.scenes.footprints import fill_convex, geom_outline
from molmospaces_gym.scenes.house import House
from molmospaces_gym.scenes.model import SceneModel
from molmospaces_gym.scenes.png import read_png, write_png
from molmospaces_gym.scenes.scene_files import CEILING

Array = NDArray[np.float64]

PX_PER_M = 200
"""Pixels per metre of the official files."""
BORDER = 1.0
"""Floor (m) around the house that a map shows (official)."""
HEIGHTS = (0.005, 1.9)
"""Only what reaches into this range (m) over the floor is an obstacle: not rugs, not lintels."""


@dataclass(frozen=True, eq=False)
class OccupancyMap:
    """Free floor of a house.

    ``free`` (rows, columns) is True where nothing stands; ``rooms`` (rows, columns) holds the
    number of the room whose visible floor is there, 0 for none, and ``room_names`` the body of
    each number. ``world_to_map`` (2, 4) takes (x, y, z, 1) in metres to (row, column), which are
    rounded; ``map_to_world`` (3, 3) takes (row, column, 1) back to (x, y, 0).
    """

    free: NDArray[np.bool_]
    world_to_map: Array
    map_to_world: Array
    px_per_m: float
    rooms: NDArray[np.uint8]
    room_names: Mapping[int, str]

    def cells(self, points: Array) -> NDArray[np.int64]:
        """Cells (N, 2) as (row, column) of world points (N, 2) or (N, 3), possibly outside."""
        flat = np.asarray(points, dtype=float)[:, :2]
        found = flat @ self.world_to_map[:, :2].T + self.world_to_map[:, 3]
        rounded: NDArray[np.int64] = np.rint(found).astype(np.int64)
        return rounded

    def points(self, cells: NDArray[np.int64]) -> Array:
        """World points (N, 2) in the middle of cells (N, 2)."""
        ones = np.ones((len(cells), 1))
        found: Array = np.hstack([cells, ones]) @ self.map_to_world[:2].T
        return found

    def is_free(self, points: Array) -> NDArray[np.bool_]:
        """Whether each world point (N, 2) is on free floor; outside of the map nothing is."""
        cells = self.cells(points)
        inside = ((cells >= 0) & (cells < self.free.shape)).all(axis=1)
        found = np.zeros(len(cells), dtype=bool)
        found[inside] = self.free[tuple(cells[inside].T)]
        return found

    def room_of(self, x: float, y: float) -> str | None:
        """Body of the room at a point, None outside of all rooms or in front of furniture."""
        row, column = self.cells(np.array([[x, y]]))[0]
        rows, columns = self.rooms.shape
        if not (0 <= row < rows and 0 <= column < columns):
            return None
        return self.room_names.get(int(self.rooms[row, column]))

    def inflated(self, radius: float) -> "OccupancyMap":
        """The map for the middle of a round robot: free where it touches nothing.

        Args:
            radius: of the robot, m.
        """
        distance = np.asarray(ndimage.distance_transform_edt(self.free), dtype=float)
        free: NDArray[np.bool_] = np.array(distance > radius * self.px_per_m, dtype=np.bool_)
        return OccupancyMap(
            free, self.world_to_map, self.map_to_world, self.px_per_m, self.rooms,
            self.room_names,
        )  # fmt: skip

    def coarser(self, factor: int) -> "OccupancyMap":
        """The map with ``factor`` x ``factor`` pixels joined into one; it is free if all are."""
        rows, columns = (n // factor * factor for n in self.free.shape)
        blocks = self.free[:rows, :columns].reshape(
            rows // factor, factor, columns // factor, factor
        )
        shift = (factor - 1) / 2
        world_to_map = self.world_to_map / factor
        world_to_map[:, 3] -= shift / factor
        map_to_world = self.map_to_world.copy()
        map_to_world[:, :2] *= factor
        map_to_world[:, 2] += shift * self.map_to_world[:, :2].sum(axis=1)
        middle = factor // 2
        free: NDArray[np.bool_] = np.logical_and.reduce(blocks, axis=(1, 3))
        return OccupancyMap(
            free, world_to_map, map_to_world, self.px_per_m / factor,
            self.rooms[middle:rows:factor, middle:columns:factor], self.room_names,
        )  # fmt: skip


def occupancy_map(
    model: mujoco.MjModel,
    data: mujoco.MjData,
    px_per_m: float = PX_PER_M,
    ignored: Iterable[str] = (),
    heights: tuple[float, float] = HEIGHTS,
) -> OccupancyMap:
    """The map of a scene as it stands.

    Args:
        model: the scene. Its floors are the geoms whose name starts with ``room_`` or, where there
            are none, its planes.
        data: kinematics must be up to date. A door that stands open leaves its way free.
        px_per_m: resolution; the official files have 200.
        ignored: names of bodies that are no obstacles, with everything below them (the robot).
        heights: range (m) over the floor; what does not reach into it is no obstacle.

    Raises:
        InvalidScene: the scene has no floor.
    """
    floors = floor_geoms(model)
    corners = [geom_outline(model, data, geom)[0] for geom in floors.values() if geom >= 0]
    if not corners:
        raise InvalidScene("the scene has no floor: neither a geom room_... nor a bounded plane")
    low = np.min([points.min(axis=0) for points in corners], axis=0) - BORDER
    high = np.max([points.max(axis=0) for points in corners], axis=0) + BORDER
    grid = _Grid(low, high, px_per_m)
    free = np.zeros(grid.shape, dtype=bool)
    rooms = np.zeros(grid.shape, dtype=np.uint8)
    names = {}
    for number, (geom, points) in enumerate(zip(floors.values(), corners, strict=True), 1):
        cells = grid.cells(points)
        fill_convex(free, cells, True)
        fill_convex(rooms, cells, number)
        names[number] = model.body(model.geom_bodyid[geom]).name
    for geom in _obstacles(model, set(ignored), set(floors.values())):
        points, (bottom, top) = geom_outline(model, data, geom)
        if top > heights[0] and bottom < heights[1] and len(points):
            fill_convex(free, grid.cells(points), False)
    rooms[~free] = 0
    return OccupancyMap(free, grid.world_to_map, grid.map_to_world, px_per_m, rooms, names)


@dataclass(frozen=True)
class _Grid:
    """Pixels over a rectangle: rows count from its largest x down, columns from its largest y."""

    low: Array
    high: Array
    px_per_m: float

    @property
    def shape(self) -> tuple[int, int]:
        rows, columns = (round(float(v)) for v in (self.high - self.low) * self.px_per_m)
        return rows, columns

    @property
    def world_to_map(self) -> Array:
        p, (rows, columns) = self.px_per_m, self.shape
        x, y = (self.low + self.high) / 2
        return np.array([[-p, 0, 0, p * x + rows / 2], [0, -p, 0, p * y + columns / 2]])

    @property
    def map_to_world(self) -> Array:
        p, (rows, columns) = self.px_per_m, self.shape
        x, y = (self.low + self.high) / 2
        return np.array(
            [[-1 / p, 0, x + rows / 2 / p], [0, -1 / p, y + columns / 2 / p], [0, 0, 0]]
        )

    def cells(self, points: Array) -> Array:
        """Rows and columns (N, 2), not rounded, of points (N, 2)."""
        found: Array = points @ self.world_to_map[:, :2].T + self.world_to_map[:, 3]
        return found


def floor_geoms(model: mujoco.MjModel) -> dict[str, int]:
    """Floor geoms by name: those of the rooms, or bounded planes of a scene without rooms."""
    names = {model.geom(k).name: k for k in range(model.ngeom)}
    rooms = {name: k for name, k in names.items() if name.startswith(("room_", "room|"))}
    if rooms:
        return rooms
    planes = model.geom_type == int(mujoco.mjtGeom.mjGEOM_PLANE)
    return {
        name: k for name, k in names.items() if planes[k] and (model.geom_size[k, :2] > 0).all()
    }


def _obstacles(model: mujoco.MjModel, ignored: set[str], floors: set[int]) -> list[int]:
    """Geoms that can be touched and are neither floors nor parts of ignored bodies."""
    skipped = np.zeros(model.nbody, dtype=bool)
    for body in range(model.nbody):
        skipped[body] = skipped[model.body_parentid[body]] or model.body(body).name in ignored
    touched = (model.geom_contype | model.geom_conaffinity) != 0
    planes = model.geom_type == int(mujoco.mjtGeom.mjGEOM_PLANE)
    wanted = touched & ~planes & ~skipped[model.geom_bodyid]
    return [int(k) for k in np.flatnonzero(wanted) if int(k) not in floors]


def save_map(path: Path, found: OccupancyMap) -> None:
    """Write the official PNG: red and green say what is free (255), blue the room's number."""
    free = np.where(found.free, 255, 0).astype(np.uint8)
    text = {
        "world_to_map": json.dumps(found.world_to_map.tolist()),
        "map_to_world": json.dumps(found.map_to_world.tolist()),
        "px_per_m": json.dumps(found.px_per_m),
        "room_ids_to_name": json.dumps(dict(found.room_names)),
    }
    write_png(path, np.stack([free, free, found.rooms], axis=2), text)


def load_map(path: Path) -> OccupancyMap:
    """Read an official map. Those of iTHOR have one channel and no rooms.

    Raises:
        InvalidScene: the file is missing, damaged or lacks one of its texts.
    """
    image, text = read_png(path)
    try:
        world_to_map = np.array(json.loads(text["world_to_map"]), dtype=float)
        map_to_world = np.array(json.loads(text["map_to_world"]), dtype=float)
        px_per_m = float(json.loads(text["px_per_m"]))
        names = json.loads(text.get("room_ids_to_name", "null")) or {}
        room_names = {int(key): str(name) for key, name in names.items()}
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise InvalidScene(f"{path}: the map lacks or garbles its text {error}") from error
    if world_to_map.shape != (2, 4) or map_to_world.shape != (3, 3):
        raise InvalidScene(f"{path}: expected a (2, 4) world_to_map and a (3, 3) map_to_world")
    free = image[:, :, 0] > 0
    rooms = image[:, :, 2] if image.shape[2] >= 3 else np.zeros(free.shape, dtype=np.uint8)
    return OccupancyMap(free, world_to_map, map_to_world, px_per_m, rooms, room_names)


def map_file(house: House) -> Path | None:
    """The official map beside the file of a house; None where the house has none."""
    if house.path is None:
        return None
    file = house.path.with_name(f"{house.path.stem.removesuffix(CEILING)}_map.png")
    return file if file.is_file() else None


GRID_PX_PER_M = 40
"""Resolution of ``free_space``: 2.5 cm, that of an official map shrunk by the official factor 5."""


def free_space(
    scene: SceneModel,
    radius: float,
    qpos: Array | None = None,
    px_per_m: float = GRID_PX_PER_M,
) -> OccupancyMap:
    """Where the middle of a round robot can be in a scene; the scene's own robot is no obstacle.

    Args:
        scene: a compiled scene.
        radius: of the robot, m.
        qpos: configuration (nq,) of the scene, its rest when None. Open doors are passable.
        px_per_m: resolution.

    Raises:
        InvalidScene: the scene has no floor.
    """
    data = mujoco.MjData(scene.model)
    data.qpos[:] = scene.rest_qpos if qpos is None else qpos
    mujoco.mj_kinematics(scene.model, data)
    robot = scene.model.body(scene.robot.root_id).name
    return occupancy_map(scene.model, data, px_per_m, (robot,)).inflated(radius)
