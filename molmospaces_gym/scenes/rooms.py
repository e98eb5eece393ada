"""The rooms of a house: where they are, and words that mean one of them."""

from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from molmospaces_gym.scenes.footprints import geom_outline
from molmospaces_gym.scenes.model import Array, SceneModel
from molmospaces_gym.scenes.occupancy import floor_geoms

LARGER = 1.2
"""Least ratio of two floor areas that can be told apart."""


@dataclass(frozen=True, eq=False)
class Room:
    """One room: its ``name`` (body of its floor), what ``kind`` it is in words, and its outline.

    ``corners`` (n, 2) of the convex floor run counterclockwise, m.
    """

    name: str
    kind: str
    corners: Array

    @property
    def middle(self) -> Array:
        """The mean (2,) of the corners."""
        found: Array = self.corners.mean(axis=0)
        return found

    @property
    def area(self) -> float:
        """Of its floor, m^2."""
        x, y = self.corners.T
        return 0.5 * float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))

    def inside(self, points: Array) -> Array:
        """How far (n,) points (n, 2) are from the nearest wall, m; negative outside."""
        edges = np.roll(self.corners, -1, axis=0) - self.corners
        normals = np.stack([-edges[:, 1], edges[:, 0]], axis=1)
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        gaps = (np.asarray(points)[:, None] - self.corners) @ normals.T
        found: Array = np.einsum("nii->ni", gaps).min(axis=1)
        return found

    def contains(self, x: float, y: float) -> bool:
        """Whether a point is on its floor."""
        return bool(self.inside(np.array([[x, y]]))[0] >= 0.0)


def rooms_of(scene: SceneModel) -> dict[str, Room]:
    """Rooms by name: those of the metadata, otherwise one for each floor of the scene."""
    entries = scene.house.metadata.get("rooms", ())
    if entries:
        return {
            str(entry["name"]): Room(
                str(entry["name"]),
                _spoken(entry.get("type")),
                _hull(np.array(entry["polygon"], dtype=float)),
            )
            for entry in entries
        }
    data = mujoco.MjData(scene.model)
    mujoco.mj_kinematics(scene.model, data)
    found = {}
    for geom in floor_geoms(scene.model).values():
        points = geom_outline(scene.model, data, geom)[0]
        name = scene.model.body(scene.model.geom_bodyid[geom]).name
        if len(points):
            found[name] = Room(name, _spoken(None), _hull(points))
    return found


def room_phrase(scene: SceneModel, name: str) -> tuple[str, bool]:
    """What a room is called, and whether that means no other room of the house."""
    rooms = rooms_of(scene)
    own = rooms[name]
    rivals = [room for room in rooms.values() if room.kind == own.kind and room.name != name]
    if not rivals:
        return own.kind, True
    if len(rivals) == 1:
        if own.area > LARGER * rivals[0].area:
            return f"larger {own.kind}", True
        if own.area * LARGER < rivals[0].area:
            return f"smaller {own.kind}", True
    return own.kind, False


def _spoken(kind: object) -> str:
    return str(kind or "room").replace("_", " ").lower()


def _hull(points: NDArray[np.float64]) -> Array:
    found: Array = points[ConvexHull(points).vertices]
    return found
