"""What of a scene's looks may be drawn anew, found once per scene."""

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.scenes.model import Array, SceneModel

Flags = NDArray[np.bool_]

TEXTURE_ROLES = (
    int(mujoco.mjtTextureRole.mjTEXROLE_RGB),
    int(mujoco.mjtTextureRole.mjTEXROLE_RGBA),
)


@dataclass(frozen=True, eq=False)
class Surfaces:
    """The n visible geoms of what stands still (``SceneModel.still_geoms``), and all materials.

    Attributes:
        geoms: (n,) their ids.
        bodies: (n,) the ids of their bodies.
        materials: (n,) the ids of their materials, -1 without.
        rgba: (n, 3) their own colours, in 0..1.
        mapped: (n,) whether every renderer draws a texture on them.
        names: material id -> name.
        colours: (nmat, 3) the colours of the materials.
        textured: (nmat,) whether a material has a flat texture.
        repeats: material id -> how its texture repeats.
    """

    geoms: NDArray[np.intp]
    bodies: NDArray[np.int32]
    materials: NDArray[np.int32]
    rgba: Array
    mapped: Flags
    names: tuple[str, ...]
    colours: Array
    textured: Flags
    repeats: tuple[tuple[float, ...], ...]


_found: "WeakKeyDictionary[SceneModel, Surfaces]" = WeakKeyDictionary()


def surfaces_of(scene: SceneModel) -> Surfaces:
    """The surfaces of a scene; found anew only for a scene that is."""
    if scene not in _found:
        _found[scene] = _find(scene)
    return _found[scene]


def _find(scene: SceneModel) -> Surfaces:
    model, geoms = scene.model, scene.still_geoms
    repeats = np.column_stack([model.mat_texrepeat, model.mat_texuniform]).tolist()
    return Surfaces(
        geoms=geoms,
        bodies=model.geom_bodyid[geoms],
        materials=model.geom_matid[geoms],
        rgba=model.geom_rgba[geoms, :3].astype(np.float64),
        mapped=_mapped(model)[geoms],
        names=tuple(scene.material_ids),
        colours=model.mat_rgba[:, :3].astype(np.float64),
        textured=_textured(model),
        repeats=tuple(tuple(row) for row in repeats),
    )


def _textured(model: mujoco.MjModel) -> Flags:
    if not model.nmat:
        return np.zeros(0, dtype=np.bool_)
    ids = model.mat_texid[:, TEXTURE_ROLES].max(axis=1)
    flat = np.append(model.tex_type == int(mujoco.mjtTexture.mjTEXTURE_2D), False)
    found: Flags = flat[ids]  # without a texture the id is -1
    return found


def _mapped(model: mujoco.MjModel) -> Flags:
    """(ngeom,) whether every renderer draws a texture on a shape."""
    types, kinds = mujoco.mjtGeom, model.geom_type
    found: Flags = np.isin(kinds, (int(types.mjGEOM_PLANE), int(types.mjGEOM_BOX)))
    for geom in np.flatnonzero(kinds == int(types.mjGEOM_MESH)).tolist():
        found[geom] = model.mesh_texcoordadr[model.geom_dataid[geom]] >= 0
    return found
