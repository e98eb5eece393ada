"""``VulkanRenderer``: a compiled model drawn by SAPIEN, with shapes of few triangles."""

from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.backends.rendering.arrays import Surfaces
from molmospaces_gym.backends.rendering.geometry import build_geometry
from molmospaces_gym.backends.rendering.lights import (
    aim_headlight,
    ambient_light,
    model_lights,
    scaled,
)
from molmospaces_gym.backends.rendering.modes import check_request
from molmospaces_gym.backends.rendering.textures import mean_colour
from molmospaces_gym.backends.rendering.tinting import Tinting
from molmospaces_gym.backends.rendering.vulkan import brdf_table, device, import_sapien
from molmospaces_gym.cameras import CameraPose, Images, mat_to_quat
from molmospaces_gym.variations import PLAIN, Look

NEAR, FAR = 0.01, 100.0
"""Clipping planes, m."""
LEVEL = 1
"""Level of detail of round shapes, 14 segments: software Vulkan costs by the triangle."""
ROUGH = 0.9
SUN = 2.0
"""Strength of a light of MuJoCo's brightness 1: rooms come out as bright as with ``raster``."""
GAMMA = 2.2
"""SAPIEN computes with linear light and encodes its pictures; MuJoCo's colours are encoded."""
CAMERA_AXES = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, 1.0], [-1.0, 0.0, 0.0]])
"""SAPIEN's camera looks along x with y to the left: its axes in those of MuJoCo's cameras."""


class VulkanRenderer:
    """Draws one model from any camera; opens Vulkan at the first picture.

    Textures are drawn in their mean colour; there are no shadows; lights are white, and one at a
    place shines from its direction on everything.

    Raises:
        RendererUnavailable: at the first picture, where SAPIEN or Vulkan does not work.
    """

    def __init__(self, model: mujoco.MjModel) -> None:
        self._model = model
        self._stage: _Stage | None = None
        self._cameras: dict[tuple[int, int], Any] = {}

    def render(
        self,
        data: mujoco.MjData,
        camera: CameraPose,
        width: int,
        height: int,
        modes: Sequence[str] = ("rgb",),
        look: Look = PLAIN,
    ) -> Images:
        """Images of ``modes`` as new arrays."""
        check_request(width, height, camera.fov, modes)
        if self._stage is None:
            self._stage = _Stage(self._model)
        stage = self._stage
        stage.arrange(data, look, camera)
        if (width, height) not in self._cameras:
            self._cameras[width, height] = stage.camera(width, height)
        eye = self._cameras[width, height]
        eye.set_fovy(float(np.radians(camera.fov)), True)
        eye.entity.pose = stage.pose(camera.pos, camera.mat @ CAMERA_AXES)
        stage.scene.update_render()
        eye.take_picture()
        return self._images(eye, modes)

    def _images(self, eye: Any, modes: Sequence[str]) -> Images:
        found: Images = {}
        body = self._bodies(eye)
        if "rgb" in modes:
            colour = np.clip(eye.get_picture("Color")[..., :3], 0.0, 1.0)
            found["rgb"] = (255.0 * colour + 0.5).astype(np.uint8)
        if "depth" in modes:
            ahead = -eye.get_picture("Position")[..., 2]
            found["depth"] = np.where(body >= 0, ahead, 0.0).astype(np.float32)
        if "segmentation" in modes:
            found["segmentation"] = body
        return found

    def _bodies(self, eye: Any) -> NDArray[np.int32]:
        assert self._stage is not None
        ids = eye.get_picture("Segmentation")[..., 1].astype(np.int64)
        table: NDArray[np.int32] = self._stage.body_of
        found: NDArray[np.int32] = np.take(table, np.minimum(ids, len(table) - 1))
        return found

    def close(self) -> None:
        """Drop the scene; the device stays open for others."""
        self._stage = None
        self._cameras.clear()


class _Stage:
    """The model's visible geoms and lights in a SAPIEN scene without physics."""

    def __init__(self, model: mujoco.MjModel) -> None:
        self._sapien = sapien = import_sapien()
        self._model = model
        self.scene = sapien.Scene([sapien.render.RenderSystem(device())])
        geometry = build_geometry(model)
        surfaces, textures = geometry.surfaces, geometry.textures
        means = np.array([*(mean_colour(model, texture) for texture in textures), np.ones(3)])
        self._means = means[surfaces.geoms["texture"]]  # -1 is the last: no texture
        self._tinting = Tinting(surfaces.geoms, model, textures)
        self._materials: list[Any] = []
        self._parts: dict[int, Any] = {}
        for row in surfaces.geoms:
            self._add(surfaces, row)
        self._entities: dict[int, Any] = {}
        for body, part in self._parts.items():  # which takes no more shapes once it is in an entity
            self._entities[body] = entity = sapien.Entity()
            entity.add_component(part)
            self.scene.add_entity(entity)
        last = max((entity.per_scene_id for entity in self._entities.values()), default=0)
        self.body_of = np.full(last + 2, -1, np.int32)
        for body, entity in self._entities.items():
            self.body_of[entity.per_scene_id] = body
        self._lights = [
            self.scene.add_directional_light([0, 0, -1], [0, 0, 0]) for _ in model_lights(model)
        ]
        self._look: Look | None = None

    def _add(self, surfaces: Surfaces, row: Any) -> None:
        """Put a geom into the entity of its body."""
        render, body, geom = self._sapien.render, int(row["body"]), int(row["geom"])
        material = render.RenderMaterial(specular=0.2, roughness=ROUGH)
        self._materials.append(material)
        shape = surfaces.shapes[row["detail"] + min(LEVEL, int(row["details"]) - 1)]
        corners, normals, triangles = triangles_of(surfaces, shape)
        drawn = render.RenderShapeTriangleMesh(
            corners, triangles, normals, np.zeros((len(corners), 2), np.float32), material
        )
        drawn.local_pose = self._sapien.Pose(
            self._model.geom_pos[geom], self._model.geom_quat[geom]
        )
        if body not in self._parts:
            self._parts[body] = render.RenderBodyComponent()
        self._parts[body].attach(drawn)

    def arrange(self, data: mujoco.MjData, look: Look, camera: CameraPose) -> None:
        """Put bodies and lights where they are, in the colours of a look."""
        for body, entity in self._entities.items():
            entity.pose = self._sapien.Pose(data.xpos[body], data.xquat[body])
        if look is not self._look:
            self._colour(look)
            self._look = look
        lights = scaled(model_lights(self._model, data, look.lamps), look.brightness)
        for light, row in zip(self._lights, aim_headlight(lights, camera), strict=True):
            light.color = np.full(3, SUN * row["strength"], np.float32)
            aim = self._sapien.math.shortest_rotation([1, 0, 0], row["direction"])
            light.pose = self._sapien.Pose([0, 0, 0], aim)

    def _colour(self, look: Look) -> None:
        geoms = self._tinting(look)
        textured = (geoms["texture"] >= 0)[:, None]
        colours = geoms["colour"] / 255.0 * np.where(textured, self._means, 1.0)
        for material, colour, glow in zip(self._materials, colours, geoms["emission"], strict=True):
            material.base_color = [*(np.clip(colour, 0.0, 1.0) ** GAMMA).tolist(), 1.0]
            material.emission = [*(colour * glow).tolist(), 1.0]
        ambient = look.brightness * float(ambient_light(self._model, look.lamps))
        self.scene.set_ambient_light(np.full(3, ambient, np.float32))

    def camera(self, width: int, height: int) -> Any:
        """A camera of this size in the scene."""
        eye, entity = (
            self._sapien.render.RenderCameraComponent(width, height),
            self._sapien.Entity(),
        )
        eye.near, eye.far = NEAR, FAR
        entity.add_component(eye)
        self.scene.add_entity(entity)
        eye.set_texture("BRDFLUT", brdf_table())
        return eye

    def pose(self, pos: NDArray[np.float64], mat: NDArray[np.float64]) -> Any:
        """A pose from a position (3,) and a rotation matrix (3, 3)."""
        return self._sapien.Pose(pos, mat_to_quat(mat))


def triangles_of(
    surfaces: Surfaces, shape: Any
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.uint32]]:
    """Corners (n, 3), their normals (n, 3) and triangles (m, 3) of a shape.

    Each face has corners of its own, since a corner has another normal in each flat face.
    """
    first, count = int(shape["face"]), int(shape["faces"])
    faces = surfaces.faces[first : first + count]
    quads = faces[:, 3] >= 0
    parts = [(0, 1, 2), (0, 2, 3)]
    columns = np.concatenate(
        [np.tile(parts[0], (count, 1)), np.tile(parts[1], (int(quads.sum()), 1))]
    )
    rows = np.concatenate([np.arange(count), np.flatnonzero(quads)])[:, None]
    points = faces[rows, columns].ravel() + int(shape["vertex"])
    facing = faces[rows, columns + 4].ravel() + int(shape["normal"])
    triangles = np.arange(len(points), dtype=np.uint32).reshape(-1, 3)
    return surfaces.vertices[points], surfaces.normals[facing], triangles
