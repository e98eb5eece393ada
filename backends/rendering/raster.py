"""A software renderer for compiled models: no OpenGL, no window system, one core."""

import math
import threading
from collections import OrderedDict
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import mujoco
import numpy as np

from molmospaces_gym.backends.rendering.arrays import LAMP, POLYGON, Scratch, Surfaces, View
from molmospaces_gym.backends.rendering.geometry import Geometry, build_geometry
from molmospaces_gym.backends.rendering.lights import (
    Lights,
    aim_headlight,
    ambient_light,
    model_lights,
    moving_lights,
    scaled,
)
from molmospaces_gym.backends.rendering.modes import check_request
from molmospaces_gym.backends.rendering.textures import build_textures
from molmospaces_gym.backends.rendering.tinting import Tinting
from molmospaces_gym.cameras import CameraPose, Images
from molmospaces_gym.variations import PLAIN, Look

_LOOKS = 16
"""Looks that a renderer keeps."""
_MAX_REACH = 1000.0
"""Half size in metres that stands for an infinite plane, unless the far plane is nearer."""


class _Memory(threading.local):
    """Buffers of one thread, so that threads may render with one renderer at the same time."""

    def __init__(self, geometry: Geometry, lights: int) -> None:
        geoms = len(geometry.surfaces.geoms) + 1
        self.polygons = np.empty(geometry.faces, POLYGON)
        self.local = np.empty((geoms, lights, 3), np.float32)
        self.lamps = np.empty(lights, LAMP)
        self.scratch = Scratch(
            points=np.empty((geometry.vertices, 3), np.float32),
            pixels=np.empty((geometry.vertices, 2), np.float32),
            bright=np.empty(geometry.normals, np.float32),
            order=np.empty(geoms, np.int64),
            keys=np.empty(geoms, np.float32),
        )


class _Shown(NamedTuple):
    """The model in one look."""

    surfaces: Surfaces
    lights: Lights
    ambient: np.float32


class RasterRenderer:
    """Draws the geoms of a compiled model with a z-buffer on the CPU.

    Drawn: planes (a size of 0 is infinite), spheres, ellipsoids, capsules, cylinders, boxes, meshes
    and signed distance fields by their mesh. Not drawn: height fields, flexes, skins, sites and
    tendons.

    Light is the diffuse and ambient part of MuJoCo's own (model lights, headlight, emission;
    coloured lights count by their mean) without shadows, highlights and reflections. A light with
    a position shines on small and on round geoms as from one direction.

    Textures of type 2d are mapped on planes, boxes and meshes with texture coordinates, nearest
    texel of the level that fits; elsewhere their mean colour is used. Geoms with alpha below 0.5
    are left out, others are opaque.

    ``render`` only reads the model and the data, and may be called from several threads at once.

    Args:
        model: the compiled model. Later changes to its sizes, colours or lights are not seen.
        geom_groups: geom groups that are drawn; MuJoCo draws 0, 1 and 2 by default.
        near: near plane in metres; default is the model's (``znear`` times ``extent``).
        background: rgb in 0..255 where nothing is hit; default is the model's skybox, or black.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        *,
        geom_groups: Sequence[int] = (0, 1, 2),
        near: float | None = None,
        background: tuple[int, int, int] | None = None,
    ) -> None:
        # numba takes a second to import; whoever never renders does not pay for it.
        from molmospaces_gym.backends.rendering.lighting import aim_lights
        from molmospaces_gym.backends.rendering.projection import project
        from molmospaces_gym.backends.rendering.scan import scan
        from molmospaces_gym.backends.rendering.shading import shade

        self._aim_lights: Any = aim_lights
        self._project: Any = project
        self._scan: Any = scan
        self._shade: Any = shade
        self._model = model
        extent = float(model.stat.extent)
        self._near = np.float32(model.vis.map.znear * extent if near is None else near)
        far = float(model.vis.map.zfar) * extent
        self._horizon = np.float32(1 / far)
        geometry = build_geometry(model, geom_groups, min(far, _MAX_REACH))
        self._textured = geometry.textures
        self._textures = build_textures(model, geometry.textures)
        if background is not None:
            self._textures = self._textures._replace(sky=np.array([background] * 2, np.uint8))
        self._plain = _Shown(geometry.surfaces, model_lights(model), ambient_light(model))
        self._memory = _Memory(geometry, len(self._plain.lights))
        self._lights_move = moving_lights(model)
        self._shown: OrderedDict[Look, _Shown] = OrderedDict()

    @cached_property
    def _tinting(self) -> Tinting:
        return Tinting(self._plain.surfaces.geoms, self._model, self._textured)

    def render(
        self,
        data: mujoco.MjData,
        camera: CameraPose,
        width: int,
        height: int,
        modes: Sequence[str] = ("rgb",),
        look: Look = PLAIN,
    ) -> Images:
        """Images of ``modes`` (rgb, depth, segmentation) as new arrays, see ``cameras.Images``.

        ``data`` needs its geom poses (``mj_kinematics``); nothing else of it is read, except the
        body poses of lights that move.
        """
        check_request(width, height, camera.fov, modes)
        view = self._view(camera, width, height)
        surfaces, lights, ambient = self._plain if look is PLAIN else self._in(look)
        memory, xpos, xmat = self._memory, data.geom_xpos, data.geom_xmat
        polygons, geoms, lamps = memory.polygons, surfaces.geoms, 0
        if "rgb" in modes:
            if self._lights_move:
                lights = scaled(model_lights(self._model, data, look.lamps), look.brightness)
            lights = aim_headlight(lights, camera)
            lamps = self._aim_lights(geoms, xpos, xmat, view, lights, memory.local, memory.lamps)
        total = self._project(
            surfaces, xpos, xmat, view, memory.local, ambient, memory.scratch, polygons
        )
        depth = np.empty((height, width), np.float32)
        bodies = np.empty((height, width), np.int32)
        rgb = np.empty((height if "rgb" in modes else 0, width, 3), np.uint8)
        self._scan(polygons, total, self._horizon, depth, bodies)
        # The buffers of the scan become the images in place.
        self._shade(
            depth, bodies, polygons, geoms, self._textures, view, memory.lamps[:lamps], rgb,
            depth if "depth" in modes else depth[:0],
            bodies if "segmentation" in modes else bodies[:0],
        )  # fmt: skip
        images: Images = {"rgb": rgb, "depth": depth, "segmentation": bodies}
        return {mode: images[mode] for mode in modes}

    def close(self) -> None:
        """Nothing to free; there for the common interface."""

    def _in(self, look: Look) -> _Shown:
        """The model in a look; the last few are kept."""
        found = self._shown.get(look)
        if found is None:
            model, surfaces = self._model, self._plain.surfaces
            geoms = self._tinting(look)
            lights = scaled(model_lights(model, None, look.lamps), look.brightness)
            ambient = np.float32(ambient_light(model, look.lamps) * look.brightness)
            found = _Shown(surfaces._replace(geoms=geoms), lights, ambient)
            self._shown[look] = found
            while len(self._shown) > _LOOKS:
                self._shown.popitem(last=False)
        return found

    def _view(self, camera: CameraPose, width: int, height: int) -> View:
        mat, pos = np.asarray(camera.mat, np.float64), np.asarray(camera.pos, np.float64)
        (rx, ux, bx), (ry, uy, by), (rz, uz, bz) = mat.tolist()
        return View(
            eye=tuple(pos.tolist()),
            right=(rx, ry, rz),
            down=(-ux, -uy, -uz),
            ahead=(-bx, -by, -bz),
            focal=np.float32(0.5 * height / math.tan(0.5 * math.radians(camera.fov))),
            half_width=np.float32(0.5 * width),
            half_height=np.float32(0.5 * height),
            near=self._near,
            horizon=self._horizon,
        )
