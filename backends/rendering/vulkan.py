"""SAPIEN's Vulkan renderer: one per process, opened at the first picture."""

import math
import platform
import warnings
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import RendererUnavailable

INSTALL = 'pip install "molmospaces-gym[maniskill]"'
DEVICES = ("cuda", "cpu")
"""In the order in which they are tried."""
LUT_SIDE, LUT_SAMPLES = 64, 256


def import_sapien() -> Any:
    """The module; raises ``RendererUnavailable`` where it is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Failed to find system libvulkan")
            import sapien
    except ImportError as error:
        raise RendererUnavailable(
            f"the renderer 'sapien' needs the package sapien; install it with: {INSTALL}"
        ) from error
    return sapien


@cache
def device() -> str:
    """The device that draws in this process.

    Raises:
        RendererUnavailable: SAPIEN is not installed, or no Vulkan device can draw.
    """
    sapien, reasons = import_sapien(), []
    for name in DEVICES:
        try:
            sapien.render.RenderSystem(name)
        except RuntimeError as error:
            reasons.append(" ".join(str(error).split()))
        else:
            return name
    raise RendererUnavailable(
        f"SAPIEN finds no Vulkan device that can draw ({'; '.join(reasons)}). To repair:\n"
        + repair()
    )


def repair() -> str:
    """What makes a CPU draw on this system; a GPU needs its own driver instead."""
    try:
        name = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    except OSError:
        return "install the Vulkan loader and a driver: of Mesa 24.3 or later for a CPU"
    if name == "bookworm":  # its own Mesa 22.3 is too old
        return (
            'f=/etc/apt/sources.list.d/backports.list; echo "deb https://deb.debian.org/debian'
            ' bookworm-backports main" > $f && apt-get update && apt-get install -y libvulkan1'
            " && apt-get install -y -t bookworm-backports mesa-vulkan-drivers"
        )
    return "apt-get install libvulkan1 mesa-vulkan-drivers  # Mesa 24.3 or later"


@lru_cache(maxsize=1)
def brdf_table() -> Any:
    """The table of reflections at rough surfaces that SAPIEN would compute anew in each process.

    In a shader on a CPU that takes 10 s; this takes none to speak of.
    """
    sapien = import_sapien()
    table = np.zeros((LUT_SIDE, LUT_SIDE, 4), np.float32)
    table[..., :2] = split_sum(LUT_SIDE, LUT_SAMPLES)
    return sapien.render.RenderTexture(table, 2, "r32g32b32a32sfloat", address_mode="edge")


def split_sum(side: int, samples: int) -> NDArray[np.float64]:
    """Scale and bias (side, side, 2) of the reflectance at normal incidence.

    Rows are roughness, columns the cosine of the angle of view, both at the middle of their cells:
    the second part of the split-sum approximation of image-based light, integrated over the GGX
    distribution by importance sampling with a Hammersley sequence.
    """
    middle = (np.arange(side) + 0.5) / side
    rough, cosine = (grid[..., None] for grid in np.meshgrid(middle, middle, indexing="ij"))
    number = np.arange(samples)
    turn = 2.0 * math.pi * (number + 0.5) / samples
    height = np.array([_mirrored(int(k)) for k in number])
    alpha = rough**2
    half_z = np.sqrt((1.0 - height) / (1.0 + (alpha**2 - 1.0) * height))
    half_x = np.sqrt(np.maximum(0.0, 1.0 - half_z**2)) * np.cos(turn)
    view_half = np.sqrt(1.0 - cosine**2) * half_x + cosine * half_z
    light_z = 2.0 * view_half * half_z - cosine
    k = alpha / 2.0
    seen = light_z > 0.0
    masked = (cosine / (cosine * (1 - k) + k)) * (light_z / (light_z * (1 - k) + k))
    weight = np.where(seen, masked * view_half / np.maximum(half_z * cosine, 1e-9), 0.0)
    fresnel = (1.0 - np.clip(view_half, 0.0, 1.0)) ** 5
    parts = ((1.0 - fresnel) * weight).mean(axis=-1), (fresnel * weight).mean(axis=-1)
    return np.stack(parts, axis=-1)


def _mirrored(number: int) -> float:
    """The binary digits of a number behind the point (van der Corput)."""
    found, share = 0.0, 0.5
    while number:
        found += share * (number & 1)
        number, share = number >> 1, share / 2
    return found
