"""OpenGL contexts without a window, opened only when somebody renders with OpenGL."""

import ctypes
import os
import platform
from typing import Any, Protocol

from molmospaces_gym.errors import RendererUnavailable

REPAIR = (
    "apt-get install libegl1 libopengl0 libgl1-mesa-dri   (EGL; for a GPU its own driver)\n"
    "apt-get install libosmesa6                           (OSMesa, with MUJOCO_GL=osmesa)"
)
"""Debian and Ubuntu packages; either line is enough. The renderer "raster" needs neither."""


class Context(Protocol):
    """What is needed of mujoco's context classes."""

    def make_current(self) -> None: ...

    def free(self) -> None: ...


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def choose_platform() -> str:
    """``MUJOCO_GL`` where it is set, else the first of EGL and OSMesa whose library loads.

    The choice is left in the environment, so that child processes and mujoco agree with it.
    """
    chosen = os.environ.get("MUJOCO_GL", "").lower().strip()
    if not chosen and platform.system() == "Linux":
        if _loads("libEGL.so.1"):
            chosen = "egl"
        elif _loads("libOSMesa.so.8") or _loads("libOSMesa.so"):
            chosen = "osmesa"
        else:
            raise RendererUnavailable(
                f"OpenGL is not installed: neither EGL nor OSMesa was found. To repair:\n{REPAIR}"
            )
        os.environ.setdefault("MUJOCO_GL", chosen)
    return chosen


def _context_class(chosen: str) -> Any:
    # mujoco's own selection happens when mujoco is imported, too early for a default of ours.
    if chosen == "egl":
        from mujoco.egl import GLContext
    elif chosen == "osmesa":
        from mujoco.osmesa import GLContext
    else:
        from mujoco import GLContext
    return GLContext


def open_context(width: int, height: int) -> Context:
    """A context of the chosen platform, not yet current.

    Raises:
        RendererUnavailable: OpenGL is switched off, not installed or has no device.
    """
    chosen = choose_platform()
    try:
        context: Context = _context_class(chosen)(width, height)
    except (ImportError, AttributeError, RuntimeError, OSError) as error:
        # PyOpenGL fails with any of these, depending on which library is missing.
        raise RendererUnavailable(
            f"OpenGL does not work here (MUJOCO_GL={chosen!r}): {error}. To repair:\n{REPAIR}"
        ) from error
    return context


def release(context: Context) -> None:
    """Leave the calling thread without a context, so that another thread can use this one."""
    if type(context).__module__ == "mujoco.egl":
        from mujoco.egl import EGL, EGL_DISPLAY

        EGL.eglMakeCurrent(EGL_DISPLAY, EGL.EGL_NO_SURFACE, EGL.EGL_NO_SURFACE, EGL.EGL_NO_CONTEXT)
