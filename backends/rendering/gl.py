"""MuJoCo's own OpenGL renderer with an arbitrary camera."""

import atexit
import copy
import threading
import weakref
from collections.abc import Sequence
from typing import Literal

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.backends.rendering.gl_context import REPAIR, Context, open_context, release
from molmospaces_gym.backends.rendering.gl_looks import apply_look
from molmospaces_gym.backends.rendering.modes import check_request
from molmospaces_gym.cameras import CameraPose, Images
from molmospaces_gym.errors import InvalidConfig, RendererUnavailable
from molmospaces_gym.variations import PLAIN, Look

Quality = Literal["fast", "official"]

_open: "weakref.WeakSet[GLRenderer]" = weakref.WeakSet()
_lock = threading.RLock()
"""OpenGL state belongs to a thread; rendering from several threads takes turns."""


def _close_all() -> None:
    for renderer in list(_open):
        renderer.close()


def _fast_model(model: mujoco.MjModel) -> mujoco.MjModel:
    """A copy whose round shapes are low-poly and whose frames are not multisampled."""
    model = copy.copy(model)
    quality = model.vis.quality
    quality.offsamples = 0
    quality.numslices, quality.numstacks, quality.numquads = 14, 8, 1
    return model


def _place_camera(
    scene: mujoco.MjvScene, pose: CameraPose, aspect: float, near: float, far: float
) -> None:
    top = near * np.tan(0.5 * np.deg2rad(pose.fov))
    for camera in scene.camera:
        camera.pos = pose.pos
        camera.forward = -pose.mat[:, 2]
        camera.up = pose.mat[:, 1]
        camera.orthographic = 0
        camera.frustum_center = 0
        camera.frustum_width = top * aspect
        camera.frustum_bottom, camera.frustum_top = -top, top
        camera.frustum_near, camera.frustum_far = near, far
    for light in scene.lights[: scene.nlight]:
        if light.headlight:
            light.pos, light.dir = pose.pos, -pose.mat[:, 2]


class GLRenderer:
    """Renders with MuJoCo through EGL, OSMesa or what ``MUJOCO_GL`` names.

    Args:
        model: the compiled model; it is not changed.
        quality: ``"fast"`` leaves out shadows, multisampling, reflections, haze, sites and tendons
            and draws round shapes with fewer polygons; ``"official"`` renders with the model's own
            settings and MuJoCo's default options, as the official evaluator does.
        geom_groups: geom groups that are drawn.

    The OpenGL context is opened by the first ``render``. Threads take turns.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        quality: Quality = "fast",
        *,
        geom_groups: Sequence[int] = (0, 1, 2),
    ) -> None:
        if quality not in ("fast", "official"):
            raise InvalidConfig(f"quality is 'fast' or 'official', not {quality!r}")
        self._model = model
        self._quality = quality
        self._option = mujoco.MjvOption()
        self._option.geomgroup[:] = np.isin(np.arange(len(self._option.geomgroup)), geom_groups)
        if quality == "fast":
            self._option.sitegroup[:] = 0
            self._option.tendongroup[:] = 0
        extent = float(model.stat.extent)
        self._near = float(model.vis.map.znear) * extent
        self._far = float(model.vis.map.zfar) * extent
        self._context: Context | None = None
        self._drawing: mujoco.MjrContext | None = None
        self._scene: mujoco.MjvScene | None = None
        self._size = (0, 0)
        self._closed = False

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

        Raises:
            RendererUnavailable: OpenGL does not work here; the message holds the repair command.
        """
        check_request(width, height, camera.fov, modes)
        if self._closed:
            raise RendererUnavailable("this renderer is closed; make a new one")
        with _lock:
            scene, drawing = self._prepare(width, height)
            try:
                _place_camera(scene, camera, width / height, self._near, self._far)
                self._update(data, scene)
                apply_look(self._model, data, scene, look)
                # The update moves camera and headlight; planes are centred on the first placement.
                _place_camera(scene, camera, width / height, self._near, self._far)
                return self._draw(scene, drawing, width, height, modes)
            finally:
                if self._context is not None:
                    release(self._context)

    def close(self) -> None:
        """Free the OpenGL context; may be called more than once."""
        with _lock:
            self._closed = True
            if self._context is not None:
                self._context.make_current()
                if self._drawing is not None:
                    self._drawing.free()
                self._context.free()
            self._context = self._drawing = self._scene = None
            _open.discard(self)

    def _prepare(self, width: int, height: int) -> tuple[mujoco.MjvScene, mujoco.MjrContext]:
        """Open what is not open yet, make it current and large enough."""
        if self._context is None:
            self._context = open_context(width, height)
            # mujoco registers its own clean-up with the first context; ours has to run before it.
            atexit.unregister(_close_all)
            atexit.register(_close_all)
            _open.add(self)
        self._context.make_current()
        if self._drawing is None or self._scene is None:
            self._drawing, self._scene = self._upload()
        drawing = self._drawing
        if width > drawing.offWidth or height > drawing.offHeight:
            size = max(width, drawing.offWidth), max(height, drawing.offHeight)
            mujoco.mjr_resizeOffscreen(*size, drawing)
        return self._scene, drawing

    def _upload(self) -> tuple[mujoco.MjrContext, mujoco.MjvScene]:
        """Meshes and textures on the device, and an empty scene to fill."""
        model = _fast_model(self._model) if self._quality == "fast" else self._model
        try:
            drawing = mujoco.MjrContext(model, int(mujoco.mjtFontScale.mjFONTSCALE_100))
        except mujoco.FatalError as error:
            raise RendererUnavailable(f"{error}. To repair:\n{REPAIR}") from error
        drawing.readDepthMap = int(mujoco.mjtDepthMap.mjDEPTH_ZEROFAR)
        mujoco.mjr_setBuffer(int(mujoco.mjtFramebuffer.mjFB_OFFSCREEN), drawing)
        scene = mujoco.MjvScene(self._model, 2 * self._model.ngeom + 1000)
        if self._quality == "fast":
            for flag in ("SHADOW", "REFLECTION", "HAZE"):
                scene.flags[int(getattr(mujoco.mjtRndFlag, f"mjRND_{flag}"))] = 0
        return drawing, scene

    def _update(self, data: mujoco.MjData, scene: mujoco.MjvScene) -> None:
        everything = int(mujoco.mjtCatBit.mjCAT_ALL)
        mujoco.mjv_updateScene(
            self._model, data, self._option, None, mujoco.MjvCamera(), everything, scene
        )

    def _draw(
        self,
        scene: mujoco.MjvScene,
        drawing: mujoco.MjrContext,
        width: int,
        height: int,
        modes: Sequence[str],
    ) -> Images:
        rect = mujoco.MjrRect(0, 0, width, height)
        images: Images = {}
        if "rgb" in modes:
            rgb = np.empty((height, width, 3), np.uint8)
            mujoco.mjr_render(rect, scene, drawing)
            mujoco.mjr_readPixels(rgb, None, rect, drawing)
            images["rgb"] = np.ascontiguousarray(rgb[::-1])
        if "depth" in modes or "segmentation" in modes:
            # Drawn in flat identifiers: neither blending nor multisampling disturbs them.
            marks = np.empty((height, width, 3), np.uint8)
            buffer = np.empty((height, width), np.float32)
            flags = [int(mujoco.mjtRndFlag.mjRND_SEGMENT), int(mujoco.mjtRndFlag.mjRND_IDCOLOR)]
            scene.flags[flags] = 1
            mujoco.mjr_render(rect, scene, drawing)
            scene.flags[flags] = 0
            mujoco.mjr_readPixels(marks, buffer, rect, drawing)
            images["depth"] = self._metres(buffer[::-1])
            images["segmentation"] = self._bodies(scene, marks[::-1])
        return {mode: images[mode] for mode in modes}

    def _metres(self, buffer: NDArray[np.float32]) -> NDArray[np.float32]:
        """Distance along the optical axis from a reversed depth buffer (1 near, 0 far)."""
        near, far = self._near, self._far
        inverse = buffer.astype(np.float64) * (1 / near - 1 / far) + 1 / far
        return np.where(buffer > 0, 1 / inverse, 0).astype(np.float32)

    def _bodies(self, scene: mujoco.MjvScene, marks: NDArray[np.uint8]) -> NDArray[np.int32]:
        """Body ids from the identifier colours (24 bits, low byte first, 0 is nothing)."""
        bodies = np.full(scene.ngeom + 1, -1, np.int32)
        is_geom = int(mujoco.mjtObj.mjOBJ_GEOM)
        for geom in scene.geoms[: scene.ngeom]:
            if geom.segid >= 0 and geom.objtype == is_geom:
                bodies[geom.segid + 1] = self._model.geom_bodyid[geom.objid]
        identifier = marks.astype(np.int32) @ np.array([1, 1 << 8, 1 << 16], np.int32)
        result: NDArray[np.int32] = bodies[identifier]
        return result
