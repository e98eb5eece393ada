"""Pictures of a run: stills and videos."""

import re
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidConfig

MAX_STILLS = 12
"""Episodes on a contact sheet."""
MAX_FAILURE_STILLS = 1000
"""Episodes of a run whose last frame is kept when they fail: 10 MB at most."""
FAILURE_WIDTH, FAILURE_QUALITY = 320, 75
"""Size in pixels and JPEG quality of such a frame."""


def still_indices(count: int, most: int = MAX_STILLS) -> frozenset[int]:
    """At most ``most`` indices spread evenly over ``count`` episodes, chosen before playing."""
    if count <= most:
        return frozenset(range(count))
    return frozenset(int(i) for i in np.linspace(0, count - 1, most).round())


def still_path(out: Path, index: int, moment: str) -> Path:
    """File of the ``first`` or ``last`` frame of an episode."""
    return out / "stills" / f"{index:05d}_{moment}.png"


def save_still(out: Path, index: int, moment: str, frame: Any) -> None:
    """Write one frame (H, W, 3) uint8 as PNG."""
    from PIL import Image

    path = still_path(out, index, moment)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The lowest compression takes half the time and half more bytes.
    Image.fromarray(check_frame(frame)).save(path, compress_level=1)


def failure_still_path(out: Path, episode_id: str) -> Path:
    """File of the last frame of an episode that failed."""
    return out / "failures" / f"{_file_name(episode_id)}.jpg"


def save_failure_still(out: Path, episode_id: str, frame: Any) -> None:
    """Write one frame (H, W, 3) uint8 as a JPEG of about 10 kB, for the report."""
    from PIL import Image

    image = Image.fromarray(check_frame(frame))
    image.thumbnail((FAILURE_WIDTH, FAILURE_WIDTH))
    path = failure_still_path(out, episode_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, quality=FAILURE_QUALITY)


def check_frame(frame: Any) -> NDArray[np.uint8]:
    """``frame`` if it is an (H, W, 3) uint8 image, otherwise an error that says what it is."""
    image = np.asarray(frame)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise InvalidConfig(
            "the env renders no (H, W, 3) uint8 image; make it with render_mode='rgb_array' "
            f"(got {image.dtype} {image.shape})"
        )
    return image


def video_path(out: Path, episode_id: str) -> Path:
    """File of an episode's video; characters that file systems dislike become ``_``."""
    return out / "videos" / f"{_file_name(episode_id)}.mp4"


def _file_name(episode_id: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "_", episode_id)


class VideoFile:
    """An H.264 file that grows frame by frame, written by the ffmpeg of imageio-ffmpeg.

    Args:
        path: the file; its folder is made.
        fps: pictures per second.
        quality: 0 (worst) to 10 on the scale of imageio-ffmpeg, or None for exactly the pictures
            that were given.
        options: further options of ffmpeg's output.
    """

    def __init__(
        self, path: Path, fps: float, quality: float | None = 7, options: Sequence[str] = ()
    ) -> None:
        self.path, self._fps = path, fps
        self._quality, self._options = quality, list(options)
        self._writer: Generator[None, Any, None] | None = None

    def append(self, frame: Any) -> None:
        """Add one frame (H, W, 3) uint8; odd sizes lose their last row or column."""
        image = check_frame(frame)
        height, width = (side - side % 2 for side in image.shape[:2])
        if self._writer is None:
            self._writer = self._open(width, height)
        self._writer.send(np.ascontiguousarray(image[:height, :width]))

    def close(self, keep: bool = True) -> None:
        """Finish the file, or remove it."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        if not keep:
            self.path.unlink(missing_ok=True)

    def _open(self, width: int, height: int) -> Generator[None, Any, None]:
        import imageio_ffmpeg

        exact = self._quality is None
        self.path.parent.mkdir(parents=True, exist_ok=True)
        writer: Generator[None, Any, None] = imageio_ffmpeg.write_frames(
            str(self.path),
            (width, height),
            fps=self._fps,
            quality=self._quality,
            macro_block_size=2,
            codec="libx264rgb" if exact else None,
            pix_fmt_out="rgb24" if exact else "yuv420p",
            output_params=[*(("-qp", "0") if exact else ()), *self._options],
        )
        writer.send(None)
        return writer
