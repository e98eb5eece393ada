"""Two-dimensional textures of a model as one array of texels with halved copies (mipmaps)."""

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.backends.rendering.arrays import LEVEL, TEXTURE, Textures

SKY_ROWS = 64
"""Entries of the sky table, from straight down to straight up."""


def texture_image(model: mujoco.MjModel, texture: int) -> NDArray[np.uint8]:
    """Pixels (H, W, 3) of one texture of the model; grey and alpha channels become RGB."""
    width, height = int(model.tex_width[texture]), int(model.tex_height[texture])
    channels, start = int(model.tex_nchannel[texture]), int(model.tex_adr[texture])
    flat = model.tex_data[start : start + width * height * channels]
    image = flat.reshape(height, width, channels)
    return np.ascontiguousarray(image[:, :, :3] if channels >= 3 else image[:, :, [0, 0, 0]])


def mean_colour(model: mujoco.MjModel, texture: int) -> NDArray[np.float64]:
    """Average colour (3,) in 0..1 of a texture."""
    mean: NDArray[np.float64] = texture_image(model, texture).mean(axis=(0, 1)) / 255
    return mean


def _halved(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """The image at half size (an odd last row or column is dropped)."""
    rows, columns = max(1, image.shape[0] // 2), max(1, image.shape[1] // 2)
    if image.shape[0] > 1:
        image = 0.5 * (image[0 : 2 * rows : 2] + image[1 : 2 * rows : 2])
    if image.shape[1] > 1:
        image = 0.5 * (image[:, 0 : 2 * columns : 2] + image[:, 1 : 2 * columns : 2])
    return image


def build_textures(model: mujoco.MjModel, used: list[int]) -> Textures:
    """All levels of the model's textures ``used``, in that order, and its sky."""
    texels: list[NDArray[np.uint8]] = [np.zeros((1, 3), np.uint8)]
    textures: list[tuple[int, int]] = []
    levels: list[tuple[int, int, int]] = []
    start = 1
    for texture in used:
        image = texture_image(model, texture).astype(np.float32)
        first = len(levels)
        while True:
            height, width = image.shape[:2]
            texels.append(np.rint(image).astype(np.uint8).reshape(-1, 3))
            levels.append((start, width, height))
            start += width * height
            if width == height == 1:
                break
            image = _halved(image)
        textures.append((first, len(levels) - first))
    return Textures(
        np.concatenate(texels),
        np.array(textures or [(0, 0)], TEXTURE),
        np.array(levels or [(0, 1, 1)], LEVEL),
        sky_table(model),
    )


def sky_table(model: mujoco.MjModel) -> NDArray[np.uint8]:
    """Colour (SKY_ROWS, 3) of the background by the sine of the elevation.

    Black where there is no skybox. The skybox is averaged around the vertical, which is exact
    for the usual gradients.
    """
    sky = np.flatnonzero(model.tex_type == int(mujoco.mjtTexture.mjTEXTURE_SKYBOX))
    if not len(sky):
        return np.zeros((SKY_ROWS, 3), np.uint8)
    image = texture_image(model, int(sky[0])).astype(np.float64)
    side = image.shape[1]
    faces = image.reshape(-1, side, side, 3)
    horizon = faces[[0, 1, 4, 5]] if len(faces) == 6 else faces
    up, down = (faces[2], faces[3]) if len(faces) == 6 else (faces[0], faces[0])
    elevation = np.arcsin(np.linspace(-1, 1, SKY_ROWS))
    table = np.empty((SKY_ROWS, 3))
    for row, angle in enumerate(elevation):
        if abs(angle) < 0.25 * np.pi:
            line = min(side - 1, int(0.5 * (1 - np.tan(angle)) * side))
            table[row] = horizon[:, line].mean(axis=(0, 1))
        else:
            # A ring of the upper or lower face: from its edge at 45 degrees to its centre.
            reach = abs(1 / np.tan(angle))
            face = up if angle > 0 else down
            line = min(side - 1, int(0.5 * (1 - reach) * side))
            table[row] = (
                face[line, line : side - line].mean(axis=0)
                if line < side // 2
                else (face[side // 2, side // 2])
            )
    return np.rint(table).astype(np.uint8)
