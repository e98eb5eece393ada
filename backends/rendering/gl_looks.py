"""A ``Look`` in MuJoCo's abstract scene: it holds for the picture that is drawn next."""

import mujoco
import numpy as np

from molmospaces_gym.backends.rendering.geometry import texture_of
from molmospaces_gym.backends.rendering.lights import Lamps, shown_lamp
from molmospaces_gym.variations import PLAIN, Look

_DARK = np.zeros(3, np.float32)


def apply_look(
    model: mujoco.MjModel, data: mujoco.MjData, scene: mujoco.MjvScene, look: Look
) -> None:
    """Change geoms and lights of an updated scene; both come anew with its next update."""
    if look is PLAIN:
        return
    _colour(model, scene, look)
    if look.lamps:
        _light(model, data, scene, look.lamps)
    if look.brightness != 1.0:
        _scale(scene, look.brightness)


def _colour(model: mujoco.MjModel, scene: mujoco.MjvScene, look: Look) -> None:
    columns = (look.tints.geoms, look.tints.rgb, look.tints.lenders)
    rows = zip(*(values.tolist() for values in columns), strict=True)
    tints = {geom: (rgb, material) for geom, rgb, material in rows}
    paint, is_geom = dict(look.paint), int(mujoco.mjtObj.mjOBJ_GEOM)
    for geom in scene.geoms[: scene.ngeom]:
        if geom.objtype != is_geom:
            continue
        number = geom.objid
        if number in paint:
            geom.matid, geom.emission = -1, 0.0
            geom.rgba = np.array([*paint[number], 1.0], np.float32)
        elif number in tints:
            rgb, material = tints[number]
            geom.rgba = np.array([*rgb, geom.rgba[3]], np.float32)
            if material >= 0:
                _lend(model, geom, material)


def _lend(model: mujoco.MjModel, geom: mujoco.MjvGeom, material: int) -> None:
    """Show the texture of another material; older releases of MuJoCo read it from ``matid``."""
    if hasattr(geom, "texid"):
        geom.texid = texture_of(model, material)
    else:
        geom.matid = material


def _scale(scene: mujoco.MjvScene, brightness: float) -> None:
    """Make every light stronger or weaker, the headlight too."""
    for light in scene.lights[: scene.nlight]:
        light.diffuse = brightness * light.diffuse
        light.ambient = brightness * light.ambient
        light.specular = brightness * light.specular


def _light(
    model: mujoco.MjModel, data: mujoco.MjData, scene: mujoco.MjvScene, lamps: Lamps
) -> None:
    """The scene holds the headlight and then the model's active lights in their order."""
    shown = [light for light in scene.lights[: scene.nlight] if not light.headlight]
    for light, number in zip(shown, np.flatnonzero(model.light_active).tolist(), strict=True):
        if lamps[number] is None:
            continue
        lamp, body = shown_lamp(model, number, lamps), int(model.light_bodyid[number])
        turn = data.xmat[body].reshape(3, 3)
        light.pos = data.xpos[body] + turn @ np.array(lamp.pos)
        aim = turn @ np.array(lamp.dir)
        light.dir = aim / np.linalg.norm(aim)
        light.diffuse = lamp.diffuse if lamp.on else _DARK
        light.ambient = lamp.ambient if lamp.on else _DARK
        light.specular = lamp.specular if lamp.on else _DARK
