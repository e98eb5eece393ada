"""Convex shapes as corners and faces, for engines that know no ellipsoids and no meshes."""

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.backends.layout import Array


def ball(rings: int = 9, around: int = 16) -> Array:
    """Points (n, 3) on the unit sphere with one at each end of every axis."""
    heights = np.linspace(0.0, np.pi, rings + 2)[1:-1]
    turns = np.linspace(0.0, 2.0 * np.pi, around, endpoint=False)
    high, turn = np.meshgrid(heights, turns, indexing="ij")
    rows = np.stack([np.sin(high) * np.cos(turn), np.sin(high) * np.sin(turn), np.cos(high)], -1)
    return np.concatenate([[[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]], rows.reshape(-1, 3)])


def ball_faces(points: Array) -> NDArray[np.intp]:
    """Faces (m, 3) of the hull of points around the origin, seen counterclockwise from outside."""
    from scipy.spatial import ConvexHull

    faces: NDArray[np.intp] = ConvexHull(points).simplices.astype(np.intp)
    first, second, third = points[faces].swapaxes(0, 1)
    inward = np.einsum("ij,ij->i", np.cross(second - first, third - first), first) < 0.0
    faces[inward] = faces[inward][:, ::-1]
    return faces


def hull(model: mujoco.MjModel, mesh: int) -> tuple[Array, NDArray[np.intp]]:
    """Corners (n, 3) and faces (m, 3) of the convex hull of a mesh; all of it without a hull."""
    start, count = int(model.mesh_vertadr[mesh]), int(model.mesh_vertnum[mesh])
    vertices: Array = model.mesh_vert[start : start + count]
    graph = int(model.mesh_graphadr[mesh])
    if graph < 0:
        first, number = int(model.mesh_faceadr[mesh]), int(model.mesh_facenum[mesh])
        return vertices, model.mesh_face[first : first + number].astype(np.intp)
    # numvert, numface, vert_edgeadr[numvert], vert_globalid[numvert], edge_localid[numvert +
    # 3 numface], face_globalid[3 numface]
    corners, sides = (int(value) for value in model.mesh_graph[graph : graph + 2])
    at = graph + 2 + corners
    ids = model.mesh_graph[at : at + corners]
    at += corners + corners + 3 * sides
    faces = model.mesh_graph[at : at + 3 * sides].reshape(-1, 3)
    local = np.full(count, -1)
    local[ids] = np.arange(corners)
    return vertices[ids], local[faces]
