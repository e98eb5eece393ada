"""Bundles of arrays that the compiled stages of the rasteriser pass on.

View space has x to the right, y down and z along the optical axis. What is affine on a polygon
(1/z, and a/z for brightness and texture coordinates a) is linear in pixel coordinates, so it is
kept as three coefficients: c[0] + c[1] * column + c[2] * row at pixel centres.
"""

from typing import Any, NamedTuple

import numpy as np

Arr = Any
"""A numpy array in compiled code: numba infers element types itself."""

GEOM = np.dtype(
    [
        ("geom", np.int32),
        ("body", np.int32),
        ("detail", np.int32),
        ("details", np.int32),
        ("texture", np.int32),
        ("radius", np.float32),
        ("emission", np.float32),
        ("colour", np.float32, (3,)),
    ],
    align=True,
)
"""A visible geom: its ``details`` shapes, coarse to fine, start at ``detail``; no texture is -1;
``radius`` (m) bounds it around its origin; ``colour`` 0..255."""

SHAPE = np.dtype(
    [
        ("vertex", np.int32),
        ("vertices", np.int32),
        ("normal", np.int32),
        ("normals", np.int32),
        ("face", np.int32),
        ("faces", np.int32),
        ("uv", np.int32),
    ],
    align=True,
)
"""Ranges of a shape in the shared arrays; ``uv`` -1 means no texture coordinates."""

TEXTURE = np.dtype([("level", np.int32), ("levels", np.int32)], align=True)
"""First level and number of levels of a texture."""

LEVEL = np.dtype([("start", np.int32), ("width", np.int32), ("height", np.int32)], align=True)
"""First texel and size of one level."""

MAX_CORNERS = 9
"""Corners of a quadrilateral after clipping by five planes."""


class Surfaces(NamedTuple):
    """The geometry of a model, constant."""

    geoms: Arr
    """(G,) GEOM."""
    shapes: Arr
    """(S,) SHAPE."""
    vertices: Arr
    """(V, 3) float32, geom frame, metres."""
    normals: Arr
    """(N, 3) float32, unit."""
    faces: Arr
    """(F, 8) int32, see ``tessellation.Shape``; numbers count within the shape."""
    planes: Arr
    """(F, 4) float32: unit outward normal and offset of each face."""
    uv: Arr
    """(U, 6) float32, u and v of the first three corners of a face."""


class Textures(NamedTuple):
    """All texels, constant."""

    texels: Arr
    """(T, 3) uint8."""
    textures: Arr
    """(X,) TEXTURE."""
    levels: Arr
    """(L,) LEVEL."""
    sky: Arr
    """(K, 3) uint8 background by the sine of the elevation, from straight down to straight up."""


class View(NamedTuple):
    """A camera."""

    eye: Arr
    """(3,) float64, world."""
    axes: Arr
    """(3, 3) float64; rows are the axes of view space in the world."""
    lens: Arr
    """(3,) float32: focal length, half width and half height in pixels."""
    near: Arr
    """float32, metres."""
    horizon: Arr
    """float32, 1/m of the far plane."""


class Polygons(NamedTuple):
    """What faces the camera in one frame; P is the most there can be."""

    geom: Arr
    """(P,) int32, row of ``Surfaces.geoms``."""
    count: Arr
    """(P,) int32, number of corners."""
    corners: Arr
    """(P, MAX_CORNERS, 2) float32 pixels."""
    coefficients: Arr
    """(P, 12) float32: those of brightness, u, v and 1, each over z."""


class Scratch(NamedTuple):
    """Memory of the projection."""

    points: Arr
    """(V, 3) float32, vertices of one shape in view space."""
    pixels: Arr
    """(V, 2) float32, the same in the image."""
    bright: Arr
    """(N,) float32, light on the normals of one shape."""
    order: Arr
    """(G,) int64, rows of visible geoms."""
    keys: Arr
    """(G,) float32, their distances."""
