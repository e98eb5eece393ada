"""Turns the ``randomization`` part of an episode into what a world is given."""

from collections.abc import Mapping, Sequence

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
from molmospaces_gym.randomization.surfaces import surfaces_of
from molmospaces_gym.scenes.model import Array, SceneModel
from molmospaces_gym.scenes.paint import paint_of
from molmospaces_gym.variations import NO_TINTS, PLAIN, Dynamics, Lamp, Look, Tints, Triple


def look_of(scene: SceneModel, episode: EpisodeSpec) -> Look:
    """How an episode looks: what it draws and, on top, the colours its task gives to objects.

    Raises:
        UnknownBody: it names a body or material that the scene does not hold.
        InvalidEpisode: a colour is no colour, or the number of lights differs.
    """
    paint, drawn = paint_of(scene, episode), episode.randomization
    if drawn is None:
        return Look(paint=paint) if paint else PLAIN
    brightness = 1.0 if drawn.brightness is None else float(drawn.brightness)
    return Look(paint, _tints(scene, drawn.colors), _lamps(scene, drawn), brightness)


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


def _tints(scene: SceneModel, colors: ColorsSpec | None) -> Tints:
    if colors is None:
        return NO_TINTS
    model, surfaces = scene.model, surfaces_of(scene)
    body, material = surfaces.bodies, surfaces.materials
    lent, painted = np.full(model.nmat + 1, -1), np.zeros((model.nmat + 1, 3))
    given = np.zeros(model.nmat + 1, dtype=np.bool_)  # the last row is that of no material, -1
    for name, values in colors.materials.items():
        number = _id(scene.material_ids, "material", name)
        painted[number], lent[number] = _material(scene, name, values)
        given[number] = True
    shifts, shifted = np.zeros((model.nbody, 3)), np.zeros(model.nbody, dtype=np.bool_)
    rows = [scene.body_id(name) for name in colors.bodies]
    if rows:
        shifts[rows], shifted[rows] = list(colors.bodies.values()), True
    bare = (material < 0) & shifted[body]
    kept = under(scene, [scene.body_id(name) for name in colors.kept])
    changed = (given[material] | bare) & ~kept[body]
    moved = np.clip(surfaces.rgba + shifts[body], 0.0, 1.0)
    rgb = np.where(bare[:, None], moved, painted[material])
    lender = np.where(surfaces.mapped, lent[material], -1)
    return Tints(surfaces.geoms[changed], rgb[changed], lender[changed])


def _material(scene: SceneModel, name: str, given: MaterialSpec) -> tuple[Triple, int]:
    """Colour of a material and the id of the one that lends it a texture, -1: none."""
    if not all(0 <= value <= 1 for value in given.rgb):
        raise InvalidEpisode(
            f"randomization.colors.materials.{name}.rgb: found {list(given.rgb)}, expected red,"
            " green and blue in 0..1"
        )
    lender = -1 if given.texture is None else _id(scene.material_ids, "material", given.texture)
    return _triple(given.rgb), lender


def _body_arrays(scene: SceneModel, dynamics: DynamicsSpec) -> dict[str, Array]:
    model = scene.model
    factors, given = np.ones((model.nbody, 3)), _factors("bodies", dynamics.bodies, 3)
    factors[[scene.body_id(name) for name in dynamics.bodies]] = given
    return {
        "body_mass": model.body_mass * factors[:, 0],
        "body_inertia": model.body_inertia * factors[:, 1:2],
        "geom_friction": model.geom_friction * factors[model.geom_bodyid, 2:3],
    }


def _joint_arrays(scene: SceneModel, dynamics: DynamicsSpec) -> Mapping[str, NDArray[np.float64]]:
    model = scene.model
    factors, given = np.ones((model.njnt, 2)), _factors("joints", dynamics.joints, 2)
    factors[[_id(scene.joint_ids, "joint", name) for name in dynamics.joints]] = given
    damping, friction = factors[model.dof_jntid].T
    return {
        "dof_damping": model.dof_damping * damping,
        "dof_frictionloss": model.dof_frictionloss * friction,
    }


def _factors(field: str, given: Mapping[str, Sequence[float]], count: int) -> Array:
    """The values (n, count) of a field, all above zero."""
    for name, values in given.items():
        if len(values) != count or not all([value > 0 for value in values]):
            raise InvalidEpisode(
                f"randomization.dynamics.{field}.{name}: found {list(values)}, expected {count}"
                " factors above zero"
            )
    return np.array(list(given.values()), dtype=np.float64).reshape(-1, count)


def _id(ids: Mapping[str, int], kind: str, name: str) -> int:
    if name not in ids:
        raise UnknownBody(f"randomization: the scene has no {kind} {name!r}")
    return ids[name]
