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
        ("wide", np.int32),
        ("radius", np.float32),
        ("emission", np.float32),
        ("colour", np.float32, (3,)),
    ],
    align=True,
)
"""A visible geom: its ``details`` shapes, coarse to fine, start at ``detail``; no texture is -1;
``wide`` is 1 if light changes across its flat faces; ``radius`` (m) bounds it around its origin;
``colour`` 0..255."""

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

LIGHT = np.dtype(
    [
        ("position", np.float64, (3,)),
        ("direction", np.float64, (3,)),
        ("attenuation", np.float32, (3,)),
        ("strength", np.float32),
        ("cutoff", np.float32),
        ("exponent", np.float32),
        ("lamp", np.int32),
    ],
    align=True,
)
"""A light in the world: ``lamp`` is 0 if it is infinitely far away; ``direction`` is unit and
points away from it; ``cutoff`` is the cosine of its cone; ``strength`` the mean of its colour."""

LAMP = np.dtype(
    [
        ("position", np.float32, (3,)),
        ("direction", np.float32, (3,)),
        ("attenuation", np.float32, (3,)),
        ("strength", np.float32),
        ("cutoff", np.float32),
        ("exponent", np.float32),
    ],
    align=True,
)
"""A LIGHT with a position, in view space."""

POLYGON = np.dtype(
    [
        ("geom", np.int32),
        ("count", np.int32),
        ("corners", np.float32, (9, 2)),
        ("light", np.float32, (3,)),
        ("u", np.float32, (3,)),
        ("v", np.float32, (3,)),
        ("per_z", np.float32, (3,)),
        ("normal", np.float32, (3,)),
    ],
    align=True,
)
"""A face in the image: row of ``Surfaces.geoms``, corners in pixels (a quadrilateral clipped by
five planes has at most nine), coefficients of brightness, u, v and 1 over z, unit normal."""


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
    """A camera. Plain numbers: reading an array out of a tuple costs an atomic operation."""

    eye: tuple[float, float, float]
    """Position in the world."""
    right: tuple[float, float, float]
    down: tuple[float, float, float]
    ahead: tuple[float, float, float]
    """Axes of view space in the world."""
    focal: Any
    half_width: Any
    half_height: Any
    """float32, pixels."""
    near: Any
    """float32, metres."""
    horizon: Any
    """float32, 1/m of the far plane."""


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
