"""A software renderer for compiled models: no OpenGL, no window system, one core."""

import threading
from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.backends.rendering.geometry import Geometry, build_geometry
from molmospaces_gym.backends.rendering.modes import check_request
from molmospaces_gym.backends.rendering.textures import build_atlas, sky_table
from molmospaces_gym.cameras import CameraPose, Images

_MAX_REACH = 1000.0
"""Half size in metres that stands for an infinite plane, unless the far plane is nearer."""


class _Scratch(threading.local):
    """Buffers of one thread, so that threads may render with one renderer at the same time."""

    def __init__(self, geometry: Geometry) -> None:
        polygons = geometry.face_limit
        self.polygon_geom = np.empty(polygons, np.int32)
        self.coefficients = np.empty((polygons, 12), np.float32)
        self.points = np.empty((geometry.vertex_limit, 3), np.float32)
        self.pixels = np.empty((geometry.vertex_limit, 2), np.float32)
        self.bright = np.empty(geometry.normal_limit, np.float32)
        self.order = np.empty(len(geometry.geoms) + 1, np.int64)
        self.keys = np.empty(len(geometry.geoms) + 1, np.float32)


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
        from molmospaces_gym.backends.rendering.shading import resolve
        from molmospaces_gym.backends.rendering.visibility import rasterise

        self._rasterise: Any = rasterise
        self._resolve: Any = resolve
        self._model = model
        extent = float(model.stat.extent)
        self._near = np.float32(model.vis.map.znear * extent if near is None else near)
        far = float(model.vis.map.zfar) * extent
        self._horizon = np.float32(1 / far)
        geometry = build_geometry(model, geom_groups, min(far, _MAX_REACH))
        self._geometry = geometry
        self._atlas = build_atlas(model, geometry.textures)
        self._sky = sky_table(model)
        if background is not None:
            self._sky = np.array([background] * 2, np.uint8)
        self._scratch = _Scratch(geometry)
        self._lights_move = bool(np.any(model.light_bodyid[_shining(model)]))
        self._lights, self._ambient = _lights(model, None)

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
        geometry, scratch = self._geometry, self._scratch
        inverse_depth = np.empty((height, width), np.float32)
        owner = np.empty((height, width), np.int32)
        rgb = np.empty((height if "rgb" in modes else 0, width, 3), np.uint8)
        axes = np.asarray(camera.mat, np.float64)
        view = np.stack([axes[:, 0], -axes[:, 1], -axes[:, 2]])
        focal = 0.5 * height / np.tan(0.5 * np.deg2rad(camera.fov))
        lens = np.array([focal, 0.5 * width, 0.5 * height], np.float32)
        lights, ambient = self._lights.copy(), self._ambient
        if self._lights_move:
            lights, ambient = _lights(self._model, data)
        # The last row is the headlight: from behind the camera along its axis.
        lights[-1, :3] = axes[:, 2]
        self._rasterise(
            geometry.geoms, geometry.shapes, geometry.vertices, geometry.normals, geometry.faces,
            geometry.planes, geometry.uv, data.geom_xpos, data.geom_xmat,
            np.asarray(camera.pos, np.float64), view, lens, self._near, self._horizon,
            lights, ambient, inverse_depth, owner, scratch.polygon_geom, scratch.coefficients, scratch.points,
            scratch.pixels, scratch.bright, scratch.order, scratch.keys,
        )  # fmt: skip
        depth = inverse_depth if "depth" in modes else inverse_depth[:0]
        bodies = owner if "segmentation" in modes else owner[:0]
        self._resolve(
            inverse_depth, owner, scratch.polygon_geom, scratch.coefficients, geometry.geoms,
            self._atlas.texels, self._atlas.textures, self._atlas.levels, self._sky, view, lens,
            self._horizon, rgb, depth, bodies,
        )  # fmt: skip
        images = {"rgb": rgb, "depth": depth, "segmentation": bodies}
        return {mode: images[mode] for mode in modes}

    def close(self) -> None:
        """Nothing to free; there for the common interface."""


def _shining(model: mujoco.MjModel) -> NDArray[np.intp]:
    """Ids of the lights that are switched on and have a direction or position."""
    image = int(mujoco.mjtLightType.mjLIGHT_IMAGE)
    return np.flatnonzero((model.light_active != 0) & (model.light_type != image))


def _lights(
    model: mujoco.MjModel, data: mujoco.MjData | None
) -> tuple[NDArray[np.float64], np.float32]:
    """Lights (L + 1, 5) as ``rasterise`` reads them, the headlight last, and the ambient light.

    Without ``data``, lights are placed as in the world body.
    """
    head = model.vis.headlight
    rows, ambient = [], float(np.mean(head.ambient)) * bool(head.active)
    for light in _shining(model):
        pos, direction = model.light_pos[light], model.light_dir[light]
        if data is not None:
            body = model.light_bodyid[light]
            turn = data.xmat[body].reshape(3, 3)
            pos, direction = data.xpos[body] + turn @ pos, turn @ direction
        ambient += float(np.mean(model.light_ambient[light]))
        strength = float(np.mean(model.light_diffuse[light]))
        if model.light_type[light] == int(mujoco.mjtLightType.mjLIGHT_DIRECTIONAL):
            rows.append([*-direction, 0.0, strength])
        else:
            rows.append([*pos, 1.0, strength])
    rows.append([0.0, 0.0, 1.0, 0.0, float(np.mean(head.diffuse)) * bool(head.active)])
    return np.array(rows), np.float32(ambient)
