"""Turns the ``randomization`` part of an episode into what a world is given."""

from collections.abc import Mapping, Sequence

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.errors import InvalidEpisode, UnknownBody
from molmospaces_gym.randomization.fixtures import still_geoms, under
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
    model, names = scene.model, {}
    for name in colors.materials:
        names[_id(scene, "material", name)] = name
    shifts = {scene.body_id(name): np.asarray(shift) for name, shift in colors.bodies.items()}
    kept = under(scene, [scene.body_id(name) for name in colors.kept])
    found: list[Tint] = []
    for geom in still_geoms(scene).tolist():
        body, material = int(model.geom_bodyid[geom]), int(model.geom_matid[geom])
        if kept[body]:
            continue
        if material in names:
            given = colors.materials[names[material]]
            found.append((geom, _colour(given.rgb), _lent(scene, geom, given)))
        elif material < 0 and body in shifts:
            rgb = np.clip(model.geom_rgba[geom, :3].astype(float) + shifts[body], 0.0, 1.0)
            found.append((geom, _triple(rgb.tolist()), -1))
    return tuple(found)


def _colour(values: Sequence[float]) -> Triple:
    if not all(0 <= value <= 1 for value in values):
        raise InvalidEpisode(f"randomization.colors: found {list(values)}, expected rgb in 0..1")
    return _triple(values)


def _lent(scene: SceneModel, geom: int, given: MaterialSpec) -> int:
    """Id of the material whose texture a geom shows, -1: its own.

    Only shapes that carry a texture in every renderer take another one.
    """
    if given.texture is None:
        return -1
    model, types = scene.model, mujoco.mjtGeom
    kind, mesh = int(model.geom_type[geom]), int(model.geom_dataid[geom])
    flat = kind in (int(types.mjGEOM_PLANE), int(types.mjGEOM_BOX))
    mapped = kind == int(types.mjGEOM_MESH) and int(model.mesh_texcoordadr[mesh]) >= 0
    return _id(scene, "material", given.texture) if flat or mapped else -1


def _body_arrays(scene: SceneModel, dynamics: DynamicsSpec) -> dict[str, Array]:
    model = scene.model
    factors = np.ones((model.nbody, 3))
    for name, values in dynamics.bodies.items():
        factors[scene.body_id(name)] = _factors(f"bodies.{name}", values, 3)
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
        rows = model.dof_jntid == _id(scene, "joint", name)
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


def _id(scene: SceneModel, kind: str, name: str) -> int:
    try:
        return int(getattr(scene.model, kind)(name).id)
    except KeyError:
        raise UnknownBody(
            f"randomization: scene {scene.house.name!r} has no {kind} {name!r}"
        ) from None
