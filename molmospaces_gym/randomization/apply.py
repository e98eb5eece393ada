"""Turns the ``randomization`` part of an episode into what a world is given."""

from collections.abc import Mapping, Sequence

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.errors import InvalidEpisode, UnknownBody
from molmospaces_gym.randomization.fixtures import under
from molmospaces_gym.randomization.spec import (
    ColorsSpec,
    DynamicsSpec,
    LightSpec,
    MaterialSpec,
    RandomizationSpec,
)
from molmospaces_gym.scenes.model import Array, SceneModel
from molmospaces_gym.scenes.paint import paint_of
from molmospaces_gym.variations import PLAIN, Dynamics, Lamp, Look, Tint, Triple

DOFS = {
    int(mujoco.mjtJoint.mjJNT_FREE): 6,
    int(mujoco.mjtJoint.mjJNT_BALL): 3,
    int(mujoco.mjtJoint.mjJNT_SLIDE): 1,
    int(mujoco.mjtJoint.mjJNT_HINGE): 1,
}
"""Degrees of freedom by type of joint."""


def look_of(scene: SceneModel, episode: EpisodeSpec) -> Look:
    """How an episode looks: what it draws and, on top, the colours its task gives to objects.

    Raises:
        UnknownBody: it names a body or material that the scene does not hold.
        InvalidEpisode: a colour is no colour, or the number of lights differs.
    """
    paint, drawn = paint_of(scene, episode), episode.randomization
    if drawn is None:
        return Look(paint=paint) if paint else PLAIN
    return Look(paint, _tints(scene, drawn.colors), _lamps(scene, drawn))


def dynamics_of(scene: SceneModel, episode: EpisodeSpec) -> Dynamics | None:
    """The dynamics of an episode, or None for those of the scene's model.

    Raises:
        UnknownBody: it names a body or joint that the scene does not hold.
        InvalidEpisode: a factor is missing or not above zero.
    """
    drawn = episode.randomization
    if drawn is None or drawn.dynamics is None:
        return None
    return Dynamics({**_body_arrays(scene, drawn.dynamics), **_joint_arrays(scene, drawn.dynamics)})


def _lamps(scene: SceneModel, drawn: RandomizationSpec) -> tuple[Lamp | None, ...]:
    lights = drawn.lights
    if lights is None:
        return ()
    if len(lights) != scene.model.nlight:
        raise InvalidEpisode(
            f"randomization.lights: found {len(lights)} lights, the scene has {scene.model.nlight}"
        )
    return tuple(None if light is None else _lamp(light, k) for k, light in enumerate(lights))


def _lamp(light: LightSpec, number: int) -> Lamp:
    if not any(light.dir):
        raise InvalidEpisode(f"randomization.lights[{number}].dir: a direction must not be zero")
    pos, aim, diffuse, ambient, specular = (
        _triple(values)
        for values in (light.pos, light.dir, light.diffuse, light.ambient, light.specular)
    )
    return Lamp(light.on, pos, aim, diffuse, ambient, specular)


def _triple(values: Sequence[float]) -> Triple:
    x, y, z = values
    return (float(x), float(y), float(z))


def _tints(scene: SceneModel, colors: ColorsSpec | None) -> tuple[Tint, ...]:
    if colors is None:
        return ()
    model = scene.model
    materials = {
        _id(scene.material_ids, "material", name): _material(scene, name, given)
        for name, given in colors.materials.items()
    }
    shifts = {scene.body_id(name): shift for name, shift in colors.bodies.items()}
    kept = under(scene, [scene.body_id(name) for name in colors.kept])
    geoms = scene.still_geoms
    geoms = geoms[~kept[model.geom_bodyid[geoms]]]
    columns = (geoms, model.geom_bodyid[geoms], model.geom_matid[geoms], model.geom_rgba[geoms])
    found: list[Tint] = []
    for geom, body, material, rgba in zip(*(values.tolist() for values in columns), strict=True):
        if material in materials:
            rgb, lender = materials[material]
            found.append((geom, rgb, lender if lender < 0 or _is_mapped(scene, geom) else -1))
        elif material < 0 and body in shifts:
            red, green, blue = (
                min(max(own + shift, 0.0), 1.0)
                for own, shift in zip(rgba, shifts[body], strict=False)
            )
            found.append((geom, (red, green, blue), -1))
    return tuple(found)


def _material(scene: SceneModel, name: str, given: MaterialSpec) -> tuple[Triple, int]:
    """Colour of a material and the id of the one that lends it a texture, -1: none."""
    if not all(0 <= value <= 1 for value in given.rgb):
        raise InvalidEpisode(
            f"randomization.colors.materials.{name}.rgb: found {list(given.rgb)}, expected red,"
            " green and blue in 0..1"
        )
    lender = -1 if given.texture is None else _id(scene.material_ids, "material", given.texture)
    return _triple(given.rgb), lender


def _is_mapped(scene: SceneModel, geom: int) -> bool:
    """Whether every renderer draws a texture on a shape."""
    model, types = scene.model, mujoco.mjtGeom
    kind, mesh = int(model.geom_type[geom]), int(model.geom_dataid[geom])
    if kind == int(types.mjGEOM_MESH):
        return int(model.mesh_texcoordadr[mesh]) >= 0
    return kind in (int(types.mjGEOM_PLANE), int(types.mjGEOM_BOX))


def _body_arrays(scene: SceneModel, dynamics: DynamicsSpec) -> dict[str, Array]:
    model = scene.model
    factors = np.ones((model.nbody, 3))
    rows = [scene.body_id(name) for name in dynamics.bodies]
    given = [_factors(f"bodies.{name}", v, 3) for name, v in dynamics.bodies.items()]
    if rows:
        factors[rows] = given
    return {
        "body_mass": model.body_mass * factors[:, 0],
        "body_inertia": model.body_inertia * factors[:, 1:2],
        "geom_friction": model.geom_friction * factors[model.geom_bodyid, 2:3],
    }


def _joint_arrays(scene: SceneModel, dynamics: DynamicsSpec) -> Mapping[str, NDArray[np.float64]]:
    model = scene.model
    damping, friction = model.dof_damping.copy(), model.dof_frictionloss.copy()
    for name, values in dynamics.joints.items():
        factors = _factors(f"joints.{name}", values, 2)
        joint = _id(scene.joint_ids, "joint", name)
        start = int(model.jnt_dofadr[joint])
        rows = slice(start, start + DOFS[int(model.jnt_type[joint])])
        damping[rows] *= factors[0]
        friction[rows] *= factors[1]
    return {"dof_damping": damping, "dof_frictionloss": friction}


def _factors(field: str, values: Sequence[float], count: int) -> Sequence[float]:
    if len(values) != count or not all(value > 0 for value in values):
        raise InvalidEpisode(
            f"randomization.dynamics.{field}: found {list(values)}, expected {count} factors above"
            " zero"
        )
    return values


def _id(ids: Mapping[str, int], kind: str, name: str) -> int:
    if name not in ids:
        raise UnknownBody(f"randomization: the scene has no {kind} {name!r}")
    return ids[name]
