"""A compiled model as the flat arrays that the rasteriser reads."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import mujoco
import numpy as np

from molmospaces_gym.backends.rendering import tessellation
from molmospaces_gym.backends.rendering.arrays import GEOM, SHAPE, Surfaces
from molmospaces_gym.backends.rendering.tessellation import Floats, Shape
from molmospaces_gym.backends.rendering.textures import mean_colour

DETAIL = (8, 14, 28)
"""Segments of round shapes, coarse to fine; 28 is MuJoCo's own default."""

WIDE = 0.4
"""Planes and boxes of larger radius (m) are lit pixel by pixel, others as from one place."""

MIN_ALPHA = 0.5
"""Geoms with less opacity are left out; the others are drawn opaque."""


@dataclass(frozen=True)
class Geometry:
    """What is drawn, and the most that one frame can need.

    Attributes:
        surfaces: the arrays.
        textures: model texture ids in the order that ``GEOM.texture`` counts.
        vertices, normals: the most of one shape.
        faces: of all geoms together.
    """

    surfaces: Surfaces
    textures: list[int]
    vertices: int
    normals: int
    faces: int


@dataclass
class _Builder:
    """Collects shapes; geoms of equal shape share one entry."""

    shapes: list[Shape] = field(default_factory=list)
    known: dict[Hashable, tuple[int, int]] = field(default_factory=dict)

    def add(self, key: Hashable, levels: Sequence[Shape]) -> tuple[int, int]:
        """First index and number of the levels of detail stored under ``key``."""
        self.known[key] = len(self.shapes), len(levels)
        self.shapes.extend(levels)
        return self.known[key]


def texture_of(model: mujoco.MjModel, material: int) -> int:
    """RGB texture id of a material, -1: none."""
    roles = model.mat_texid[material]
    texture = int(roles[int(mujoco.mjtTextureRole.mjTEXROLE_RGB)])
    return texture if texture >= 0 else int(roles[int(mujoco.mjtTextureRole.mjTEXROLE_RGBA)])


def material_of(model: mujoco.MjModel, geom: int) -> tuple[Floats, float, int]:
    """Colour (4,), emission and RGB texture id (-1: none) of a geom, as MuJoCo resolves them."""
    rgba = model.geom_rgba[geom].astype(np.float64)
    material = int(model.geom_matid[geom])
    if material < 0:
        return rgba, 0.0, -1
    if np.array_equal(rgba, [0.5, 0.5, 0.5, 1.0]):
        rgba = model.mat_rgba[material].astype(np.float64)
    return rgba, float(model.mat_emission[material]), texture_of(model, material)


def _repeats(model: mujoco.MjModel, geom: int, half: Floats) -> Floats:
    """Texture repeats over a rectangle of half size ``half`` (2,) metres.

    A uniform texture repeats per two metres: MuJoCo's OpenGL renderer scales a rectangle that
    reaches from -1 to 1.
    """
    material = int(model.geom_matid[geom])
    repeat: Floats = model.mat_texrepeat[material].astype(np.float64)
    return repeat * half if model.mat_texuniform[material] else repeat


def _plane(model: mujoco.MjModel, geom: int, textured: bool, reach: float) -> Shape:
    """A plane geom; a size of 0 means infinite, here ``reach`` metres to each side."""
    half = np.where(model.geom_size[geom, :2] > 0, model.geom_size[geom, :2], reach)
    uv = np.zeros(6)
    if textured:
        infinite = model.geom_size[geom, :2] <= 0
        repeats = _repeats(model, geom, half)
        # An infinite side is always uniform; where both are, the origin is mid-image.
        reach_uv = 0.5 * half * model.mat_texrepeat[int(model.geom_matid[geom])]
        middle = 0.5 if infinite.all() else 0.0
        low = np.where(infinite, middle - reach_uv, 0)
        high = np.where(infinite, middle + reach_uv, repeats)
        uv = np.array([low[0], high[1], high[0], high[1], high[0], low[1]])
    return tessellation.plane(float(half[0]), float(half[1]), uv[None, :])


def _box(model: mujoco.MjModel, geom: int, textured: bool) -> Shape:
    half = model.geom_size[geom].astype(np.float64)
    if not textured:
        return tessellation.box(half)
    sides = [np.delete(half, axis) for axis in (0, 0, 1, 1, 2, 2)]
    return tessellation.box(half, np.array([_repeats(model, geom, side) for side in sides]))


def _mesh(model: mujoco.MjModel, mesh: int, textured: bool) -> Shape:
    """The model's own triangles and normals of a mesh, without triangles of no area."""
    first, count = int(model.mesh_vertadr[mesh]), int(model.mesh_vertnum[mesh])
    vertices = model.mesh_vert[first : first + count].astype(np.float64)
    start, stop = int(model.mesh_faceadr[mesh]), int(model.mesh_facenum[mesh])
    rows = slice(start, start + stop)
    first, count = int(model.mesh_normaladr[mesh]), int(model.mesh_normalnum[mesh])
    normals = model.mesh_normal[first : first + count].astype(np.float64)
    faces = np.full((stop, 8), -1, np.int32)
    faces[:, :3] = model.mesh_face[rows]
    faces[:, 4:7] = model.mesh_facenormal[rows]
    uv = None
    if textured and int(model.mesh_texcoordadr[mesh]) >= 0:
        texcoord = model.mesh_texcoord[int(model.mesh_texcoordadr[mesh]) :]
        uv = texcoord[model.mesh_facetexcoord[rows]].reshape(-1, 6).astype(np.float64)
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    solid = np.linalg.norm(np.cross(b - a, c - a), axis=1) > 1e-14
    return Shape(vertices, normals, faces[solid], None if uv is None else uv[solid])


def _levels(model: mujoco.MjModel, geom: int, textured: bool, reach: float) -> list[Shape]:
    """Shapes of a geom, coarse to fine; empty for types that are not drawn (height fields)."""
    kind, size = int(model.geom_type[geom]), model.geom_size[geom].astype(np.float64)
    types = mujoco.mjtGeom
    if kind == int(types.mjGEOM_PLANE):
        return [_plane(model, geom, textured, reach)]
    if kind == int(types.mjGEOM_BOX):
        return [_box(model, geom, textured)]
    if kind == int(types.mjGEOM_SPHERE):
        return [tessellation.ellipsoid(size[[0, 0, 0]], n) for n in DETAIL]
    if kind == int(types.mjGEOM_ELLIPSOID):
        return [tessellation.ellipsoid(size, n) for n in DETAIL]
    if kind == int(types.mjGEOM_CAPSULE):
        return [tessellation.capsule(size[0], size[1], n) for n in DETAIL]
    if kind == int(types.mjGEOM_CYLINDER):
        return [tessellation.cylinder(size[0], size[1], n) for n in DETAIL]
    mesh = int(model.geom_dataid[geom])
    if kind in (int(types.mjGEOM_MESH), int(types.mjGEOM_SDF)) and mesh >= 0:
        return [_mesh(model, mesh, textured)]
    return []


def _shape_key(model: mujoco.MjModel, geom: int, textured: bool) -> Hashable:
    texturing = int(model.geom_matid[geom]) if textured else -1
    kind, mesh = int(model.geom_type[geom]), int(model.geom_dataid[geom])
    is_mesh = kind in (int(mujoco.mjtGeom.mjGEOM_MESH), int(mujoco.mjtGeom.mjGEOM_SDF))
    size = () if is_mesh else tuple(model.geom_size[geom].tolist())
    return kind, mesh if is_mesh else -1, size, texturing


def face_planes(shape: Shape) -> Floats:
    """Unit outward normal and offset (F, 4) of every face: inside is normal . p < offset."""
    a, b, c = (shape.vertices[shape.faces[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-30)
    return np.column_stack([normal, np.einsum("ij,ij->i", normal, a)])


def _pack(geoms: Sequence[tuple[object, ...]], shapes: list[Shape]) -> Surfaces:
    table, starts = [], [0, 0, 0, 0]
    for shape in shapes:
        counts = len(shape.vertices), len(shape.normals), len(shape.faces)
        ranges = [value for pair in zip(starts[:3], counts, strict=True) for value in pair]
        table.append((*ranges, -1 if shape.uv is None else starts[3]))
        parts = (*counts, 0 if shape.uv is None else len(shape.uv))
        starts = [start + part for start, part in zip(starts, parts, strict=True)]
    uv = [s.uv for s in shapes if s.uv is not None]
    return Surfaces(
        geoms=np.array(geoms, GEOM),
        shapes=np.array(table, SHAPE),
        vertices=np.concatenate([s.vertices for s in shapes]).astype(np.float32),
        normals=np.concatenate([s.normals for s in shapes]).astype(np.float32),
        faces=np.concatenate([s.faces for s in shapes]).astype(np.int32),
        planes=np.concatenate([face_planes(s) for s in shapes]).astype(np.float32),
        uv=np.concatenate(uv).astype(np.float32) if uv else np.zeros((1, 6), np.float32),
    )


def build_geometry(
    model: mujoco.MjModel, geom_groups: Sequence[int] = (0, 1, 2), reach: float = 100.0
) -> Geometry:
    """Arrays of every geom in ``geom_groups`` that is opaque enough to be drawn.

    Args:
        model: the compiled model; it is only read.
        geom_groups: visible geom groups; MuJoCo's own default is 0, 1 and 2.
        reach: half size in metres that stands for an infinite plane.
    """
    builder, rows, textures = _Builder(), [], []
    for geom in np.flatnonzero(np.isin(model.geom_group, list(geom_groups))).tolist():
        rgba, emission, texture = material_of(model, geom)
        if rgba[3] < MIN_ALPHA:
            continue
        flat = texture >= 0 and model.tex_type[texture] == int(mujoco.mjtTexture.mjTEXTURE_2D)
        key = _shape_key(model, geom, flat)
        if key not in builder.known:
            levels = _levels(model, geom, flat, reach)
            if not levels or not len(levels[0].faces):
                continue
            builder.add(key, levels)
        first, count = builder.known[key]
        mapped = flat and builder.shapes[first].uv is not None
        if texture >= 0 and not mapped:
            rgba[:3] *= mean_colour(model, texture)
        if mapped and texture not in textures:
            textures.append(texture)
        radius = float(np.linalg.norm(builder.shapes[first].vertices, axis=1).max())
        slot = textures.index(texture) if mapped else -1
        body = int(model.geom_bodyid[geom])
        wide = radius > WIDE and len(builder.shapes[first].faces) in (1, 6)
        colour = tuple(255 * rgba[:3])
        rows.append((geom, body, first, count, slot, wide, radius, emission, colour))
    if not builder.shapes:
        builder.add("nothing", [tessellation.box(np.ones(3))])
    faces = [len(builder.shapes[first + count - 1].faces) for _, _, first, count, *_ in rows]
    return Geometry(
        surfaces=_pack(rows, builder.shapes),
        textures=textures,
        vertices=max(len(shape.vertices) for shape in builder.shapes),
        normals=max(len(shape.normals) for shape in builder.shapes),
        faces=sum(faces) + 1,
    )
