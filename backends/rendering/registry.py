"""Renderers by name."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from molmospaces_gym.cameras import CameraPose, Images
from molmospaces_gym.errors import UnknownName
from molmospaces_gym.variations import PLAIN, Look

if TYPE_CHECKING:
    import mujoco

RENDERERS = ("raster", "gl", "gl-official", "sapien")


class Renderer(Protocol):
    """Draws one compiled model from any camera."""

    def render(
        self,
        data: "mujoco.MjData",
        camera: CameraPose,
        width: int,
        height: int,
        modes: Sequence[str] = ("rgb",),
        look: Look = PLAIN,
    ) -> Images:
        """Images of ``modes`` (rgb, depth, segmentation) as new arrays, in a certain look."""
        ...

    def close(self) -> None:
        """Free what the renderer holds; may be called more than once."""
        ...


def make_renderer(name: str, model: "mujoco.MjModel") -> Renderer:
    """The renderer ``name`` for ``model``, which is never changed.

    ``raster`` is our software renderer, ``gl`` MuJoCo's own with fast settings and ``gl-official``
    MuJoCo's own with the model's settings; ``sapien`` is that of SAPIEN, whichever simulator runs.
    OpenGL and Vulkan are opened at the first picture.

    Raises:
        UnknownName: there is no such renderer.
    """
    if name == "raster":
        from molmospaces_gym.backends.rendering.raster import RasterRenderer

        return RasterRenderer(model)
    if name in ("gl", "gl-official"):
        from molmospaces_gym.backends.rendering.gl import GLRenderer

        return GLRenderer(model, "fast" if name == "gl" else "official")
    if name == "sapien":
        from molmospaces_gym.backends.rendering.vulkan_renderer import VulkanRenderer

        return VulkanRenderer(model)
    raise UnknownName("renderer", name, RENDERERS)
