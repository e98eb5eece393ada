"""Pictures of a MuJoCo state: renderers by scene, made on first use. Every backend has them."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import mujoco

from molmospaces_gym.cameras import CameraPose, Images
from molmospaces_gym.scenes.model import SceneModel
from molmospaces_gym.variations import Look

if TYPE_CHECKING:
    from molmospaces_gym.backends.rendering import Renderer

KEPT = 8
"""Renderers that a world keeps for scenes it may come back to."""


class Pictures:
    """Draws scenes; a renderer is made per scene and kind on first use."""

    def __init__(self) -> None:
        self._renderers: OrderedDict[tuple[str, str], Renderer] = OrderedDict()

    def draw(
        self,
        scene: SceneModel,
        data: mujoco.MjData,
        look: Look,
        camera: CameraPose,
        size: tuple[int, int],
        modes: Sequence[str],
        renderer: str,
    ) -> Images:
        """Images of a state from one camera, ``size`` = (width, height) pixels."""
        key = (scene.key, renderer)
        if key not in self._renderers:
            from molmospaces_gym.backends.rendering import make_renderer

            self._renderers[key] = make_renderer(renderer, scene.model)
            while len(self._renderers) > KEPT:
                self._renderers.popitem(last=False)[1].close()
        self._renderers.move_to_end(key)
        found = self._renderers[key]
        return found.render(data, camera, size[0], size[1], tuple(modes), look)

    def close(self) -> None:
        """Close the renderers."""
        for renderer in self._renderers.values():
            renderer.close()
        self._renderers.clear()
