"""Whether the renderers work on this machine, found out by drawing a small picture."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from molmospaces_gym.backends.rendering import vulkan
from molmospaces_gym.backends.rendering.registry import RENDERERS, make_renderer
from molmospaces_gym.cameras import CameraPose
from molmospaces_gym.errors import MolmoSpacesError

_BOX = """<mujoco><worldbody><light directional="true" dir="0 0 -1"/>
<geom type="box" size="1 1 1" rgba="1 0 0 1"/></worldbody></mujoco>"""
_SIDE = 32
_TIMEOUT = 180
"""Seconds; a first picture compiles the software renderer or loads a driver."""


@dataclass(frozen=True)
class RendererStatus:
    """What became of one renderer's test picture; ``repair`` is a command, empty if none helps."""

    name: str
    works: bool
    detail: str
    repair: str


def probe_renderers(names: Sequence[str] = RENDERERS) -> list[RendererStatus]:
    """Draw with every renderer, each in its own process: a crashing driver harms nobody."""
    return [_probe(name) for name in names]


def draw_box(name: str) -> None:
    """Draw a red box that fills the picture.

    Raises:
        MolmoSpacesError: the renderer does not work, or the picture is wrong.
    """
    import mujoco

    model = mujoco.MjModel.from_xml_string(_BOX)
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    renderer = make_renderer(name, model)
    above = CameraPose(np.array([0.0, 0.0, 2.0]), np.eye(3), 45.0)
    images = renderer.render(data, above, _SIDE, _SIDE, ("rgb", "depth"))
    renderer.close()
    red, green, _ = images["rgb"][_SIDE // 2, _SIDE // 2].tolist()
    metres = float(images["depth"][_SIDE // 2, _SIDE // 2])
    # A highlight of the headlight adds white: red must lead, not stand alone.
    if red < 50 or red < 2 * green or abs(metres - 1) > 0.01:
        raise MolmoSpacesError(f"wrong picture: red {red}, green {green}, depth {metres:.3f} m")


def _probe(name: str) -> RendererStatus:
    command = [sys.executable, "-m", "molmospaces_gym.backends.rendering.probe", name]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        return RendererStatus(name, False, f"no picture within {_TIMEOUT} s", _repair(name))
    if run.returncode == 0:
        return RendererStatus(name, True, run.stdout.strip(), "")
    if run.returncode < 0:
        return RendererStatus(name, False, f"killed by signal {-run.returncode}", _repair(name))
    lines = run.stderr.strip().splitlines() or ["no message"]
    return RendererStatus(name, False, lines[-1], _repair(name))


def _repair(name: str) -> str:
    if name == "sapien":
        return vulkan.repair() if find_spec("sapien") else vulkan.INSTALL
    chosen = os.environ.get("MUJOCO_GL", "").lower().strip()
    if name == "raster":
        # mujoco itself cannot be imported where MUJOCO_GL names what is not installed.
        return "unset MUJOCO_GL" if chosen else "pip install --force-reinstall numba llvmlite"
    if chosen == "osmesa":
        return "apt-get install libosmesa6"
    if chosen not in ("", "egl"):
        return "unset MUJOCO_GL"
    return "apt-get install libegl1 libopengl0 libgl1-mesa-dri"


def main(name: str) -> int:
    """Draw with ``name``; the answer is the exit status and one line on stdout or stderr."""
    try:
        draw_box(name)
    except (MolmoSpacesError, ImportError) as error:
        sys.stderr.write(str(error).splitlines()[0] + "\n")
        return 1
    platform = os.environ.get("MUJOCO_GL", "")
    how = "software, no OpenGL" if name == "raster" else f"MUJOCO_GL={platform}"
    if name == "sapien":
        how = f"Vulkan on {vulkan.device()}"
    sys.stdout.write(f"drew {_SIDE}x{_SIDE} ({how})\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
