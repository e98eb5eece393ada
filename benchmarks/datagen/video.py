"""Pictures and depth of an episode as mp4 files, and back."""

import re
import subprocess
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.benchmarks.pictures import VideoFile
from molmospaces_gym.errors import InvalidTrajectory

DEPTH_MIN, DEPTH_MAX = 0.05, 0.55
"""Range of encoded depth, m (official; that of a RealSense D405 and some margin)."""
DEPTH_LEVELS = 65534
"""Steps of encoded depth between the two; 0 says that there is none."""

RGB_QUALITY = 5.0
"""Quality of the pictures on the scale of imageio-ffmpeg, 0 to 10 (official)."""
OPTIONS = ("-preset", "veryfast", "-threads", "1")
"""One thread: the workers fill the cores, and equal pictures give equal files everywhere."""


def rgb_file(path: Path, fps: float) -> VideoFile:
    """A file for the pictures of a camera."""
    return VideoFile(path, fps, RGB_QUALITY, OPTIONS)


def depth_file(path: Path, fps: float) -> VideoFile:
    """A file for pictures of ``encode_depth``.

    Official ones are encoded with loss (CRF 23), which spoils the low byte; these are exact and
    read the same way.
    """
    return VideoFile(path, fps, None, OPTIONS)


def encode_depth(depth: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Depth (H, W) in m as a picture (H, W, 3): 16 bits in red (high) and green (low).

    Official encoding: 1 is ``DEPTH_MIN``, 65535 ``DEPTH_MAX``, 0 is anything outside of them.
    """
    inside = (depth >= DEPTH_MIN) & (depth <= DEPTH_MAX)
    level = (depth.astype(np.float64) - DEPTH_MIN) / (DEPTH_MAX - DEPTH_MIN) * DEPTH_LEVELS
    code = np.where(inside, np.floor(level) + 1, 0).astype(np.uint16)
    picture = np.zeros((*depth.shape, 3), np.uint8)
    picture[..., 0], picture[..., 1] = code >> 8, code & 0xFF
    return picture


def decode_depth(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The inverse of ``encode_depth`` for pictures (..., H, W, 3), to within 8 micrometres."""
    code = picture[..., 0].astype(np.float64) * 256 + picture[..., 1]
    depth = DEPTH_MIN + (code - 1) / DEPTH_LEVELS * (DEPTH_MAX - DEPTH_MIN)
    return np.where(code > 0, depth, 0.0).astype(np.float32)


def read_video(
    path: Path, first: int = 0, count: int | None = None, fps: float = 1.0
) -> NDArray[np.uint8]:
    """The frames (N, H, W, 3) of a video: all, or ``count`` of them.

    Args:
        path: the file.
        first: number of the first frame.
        count: how many.
        fps: frames per second of the file; needed only when ``first`` is not 0.

    Raises:
        InvalidTrajectory: the file is missing or no video.
    """
    from imageio_ffmpeg import get_ffmpeg_exe

    if not path.is_file():
        raise InvalidTrajectory(f"no video at {path}; it belongs beside its trajectory file")
    # As PPM every picture brings its size along, which a raw stream does not.
    output = ("-fps_mode", "passthrough", "-f", "image2pipe", "-c:v", "ppm", "-pix_fmt", "rgb24")
    # Half a frame early: times in a file are rounded, and the next frame at or after is taken.
    start = ("-ss", f"{(first - 0.5) / fps:.6f}") if first else ()
    only = () if count is None else ("-frames:v", str(count))
    command = [get_ffmpeg_exe(), "-v", "error", *start, "-i", str(path), *only, *output, "-"]
    done = subprocess.run(command, capture_output=True, check=False)
    header = re.match(rb"P6\n(\d+) (\d+)\n255\n", done.stdout)
    if done.returncode or header is None:
        reason = done.stderr.decode(errors="replace").strip() or "it holds no pictures"
        raise InvalidTrajectory(f"{path} is no readable video: {reason}")
    width, height = int(header[1]), int(header[2])
    frames = np.frombuffer(done.stdout, np.uint8).reshape(-1, header.end() + 3 * width * height)
    return np.ascontiguousarray(frames[:, header.end() :]).reshape(-1, height, width, 3)


def read_depth(path: Path) -> NDArray[np.float32]:
    """All frames (N, H, W) of a depth video, in m."""
    return decode_depth(read_video(path))
