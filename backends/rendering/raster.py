"""A software renderer for compiled models: no OpenGL, no window system, one core."""

import math
import threading
from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np

from molmospaces_gym.backends.rendering.arrays import MAX_CORNERS, Polygons, Scratch, View
from molmospaces_gym.backends.rendering.geometry import Geometry, build_geometry
from molmospaces_gym.backends.rendering.lights import aim_headlight, model_lights, moving_lights
from molmospaces_gym.backends.rendering.modes import check_request
from molmospaces_gym.backends.rendering.textures import build_textures
from molmospaces_gym.cameras import CameraPose, Images

_MAX_REACH = 1000.0
"""Half size in metres that stands for an infinite plane, unless the far plane is nearer."""


class _Memory(threading.local):
    """Buffers of one thread, so that threads may render with one renderer at the same time."""

    def __init__(self, geometry: Geometry) -> None:
        faces, geoms = geometry.faces, len(geometry.surfaces.geoms) + 1
        self.polygons = Polygons(
            geom=np.empty(faces, np.int32),
            count=np.empty(faces, np.int32),
            corners=np.empty((faces, MAX_CORNERS, 2), np.float32),
            coefficients=np.empty((faces, 12), np.float32),
        )
        self.scratch = Scratch(
            points=np.empty((geometry.vertices, 3), np.float32),
            pixels=np.empty((geometry.vertices, 2), np.float32),
            bright=np.empty(geometry.normals, np.float32),
            order=np.empty(geoms, np.int64),
            keys=np.empty(geoms, np.float32),
        )


class RasterRenderer:
    """Draws the geoms of a compiled model with a z-buffer on the CPU.

    Drawn: planes (a size of 0 is infinite), spheres, ellipsoids, capsules, cylinders, boxes, meshes
    and signed distance fields by their mesh. Not drawn: height fields, flexes, skins, sites and
    tendons. Light is the diffuse and ambient part of MuJoCo's own (model lights, headlight,
    emission; a light with a position shines on a geom from one direction, coloured lights count by
    their mean) without shadows, highlights and reflections. Textures of type 2d are mapped
    on planes, boxes and meshes with texture coordinates, nearest texel of the level that fits;
    elsewhere their mean colour is used. Geoms with alpha below 0.5 are left out, others are opaque.

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
        from molmospaces_gym.backends.rendering.projection import project
        from molmospaces_gym.backends.rendering.scan import scan
        from molmospaces_gym.backends.rendering.shading import shade

        self._project: Any = project
        self._scan: Any = scan
        self._shade: Any = shade
        self._model = model
        extent = float(model.stat.extent)
        self._near = np.float32(model.vis.map.znear * extent if near is None else near)
        far = float(model.vis.map.zfar) * extent
        self._horizon = np.float32(1 / far)
        geometry = build_geometry(model, geom_groups, min(far, _MAX_REACH))
        self._surfaces = geometry.surfaces
        self._textures = build_textures(model, geometry.textures)
        if background is not None:
            self._textures = self._textures._replace(sky=np.array([background] * 2, np.uint8))
        self._memory = _Memory(geometry)
        self._lights, self._ambient = model_lights(model)
        self._lights_move = moving_lights(model)

    def render(
        self,
        data: mujoco.MjData,
        camera: CameraPose,
        width: int,
        height: int,
        modes: Sequence[str] = ("rgb",),
    ) -> Images:
        """Images of ``modes`` (rgb, depth, segmentation) as new arrays, see ``cameras.Images``.

        ``data`` needs its geom poses (``mj_kinematics``); nothing else of it is read, except the
        body poses of lights that move.
        """
        check_request(width, height, modes)
        view = self._view(camera, width, height)
        lights = self._lights
        if self._lights_move:
            lights, _ = model_lights(self._model, data)
        lights = aim_headlight(lights, camera)
        polygons, scratch = self._memory.polygons, self._memory.scratch
        xpos, xmat = data.geom_xpos, data.geom_xmat
        total = self._project(
            self._surfaces, xpos, xmat, view, lights, self._ambient, scratch, polygons
        )
        depth = np.empty((height, width), np.float32)
        bodies = np.empty((height, width), np.int32)
        rgb = np.empty((height if "rgb" in modes else 0, width, 3), np.uint8)
        self._scan(polygons, total, self._horizon, depth, bodies)
        # The buffers of the scan become the images in place.
        self._shade(
            depth, bodies, polygons, self._surfaces, self._textures, view, rgb,
            depth if "depth" in modes else depth[:0],
            bodies if "segmentation" in modes else bodies[:0],
        )  # fmt: skip
        images: Images = {"rgb": rgb, "depth": depth, "segmentation": bodies}
        return {mode: images[mode] for mode in modes}

    def close(self) -> None:
        """Nothing to free; there for the common interface."""

    def _view(self, camera: CameraPose, width: int, height: int) -> View:
        axes = np.array(np.transpose(camera.mat), np.float64, order="C")
        axes[1:] *= -1
        focal = 0.5 * height / math.tan(0.5 * math.radians(camera.fov))
        return View(
            eye=np.array(camera.pos, np.float64),
            axes=axes,
            lens=np.array([focal, 0.5 * width, 0.5 * height], np.float32),
            near=self._near,
            horizon=self._horizon,
        )
