"""Videos of a LeRobotDataset: those of many episodes, joined without encoding them again.

Every episode keeps all frames of its own file, also that of its last state and the sentinel after
it (``CameraTrack``), which no row of the dataset asks for. Frame n of a joined file is at n / fps.
"""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.benchmarks.datagen.trajectory import SENTINEL_FRAMES, CameraTrack
from molmospaces_gym.benchmarks.datagen.video import read_video
from molmospaces_gym.errors import InvalidTrajectory

VIDEO_FILE_MB = 200
"""Size at which the next file is begun, MiB (default of LeRobot)."""
VIDEO_FILE_SECONDS = 1000.0
"""Length at which the next file is begun. LeRobot compares times in float32 to within 1e-4 s, which
is finer than that type resolves beyond 1024 s."""


@dataclass(frozen=True)
class Place:
    """Where the frames of an episode are: chunk, file in it, number of the first frame, count."""

    chunk: int
    file: int
    first: int
    frames: int


@dataclass(frozen=True, kw_only=True, eq=False)
class SharedTrack(CameraTrack):
    """A camera whose pictures are a part of a longer file.

    Attributes:
        first: number of its first frame there.
        fps: frames per second of the file.
    """

    first: int
    fps: float

    def frames(self) -> NDArray[np.uint8] | None:
        """The pictures (T + 1, H, W, 3) of this episode, or None."""
        if self.video is None:
            return None
        return read_video(self.video, self.first, len(self.intrinsic_cv), self.fps)


class VideoShelf:
    """The files of one camera: gathers episodes and writes a file when it is full.

    Args:
        folder: where ``chunk-000/file-000.mp4`` and so on go.
        fps: frames per second that the files get.
        chunk_size: files in a chunk.
        megabytes, seconds: limits of a file; one episode that is over them still gets a file.
    """

    def __init__(
        self,
        folder: Path,
        fps: int,
        chunk_size: int,
        megabytes: float = VIDEO_FILE_MB,
        seconds: float = VIDEO_FILE_SECONDS,
    ) -> None:
        self._folder, self._fps, self._chunk_size = folder, fps, chunk_size
        self._bytes, self._frames = megabytes * 2**20, seconds * fps
        self._sources: list[tuple[Path, int]] = []
        self._next = Place(0, 0, 0, 0)
        self._size = 0

    def add(self, video: Path, frames: int) -> Place:
        """Add the file of an episode, which must stay until ``close``."""
        size = video.stat().st_size
        full = self._size + size > self._bytes or self._next.first + frames > self._frames
        if full and self._sources:
            self.close()
            self._next = following(self._next, self._chunk_size)
            self._size = 0
        place = replace(self._next, frames=frames)
        self._sources.append((video, frames))
        self._next = replace(self._next, first=place.first + frames)
        self._size += size
        return place

    def close(self) -> None:
        """Write the file that is not yet written."""
        if self._sources:
            join_videos(self._sources, self._folder / file_name(self._next, "mp4"), self._fps)
            self._sources = []


def following(place: Place, chunk_size: int) -> Place:
    """The beginning of the next file."""
    last = place.file == chunk_size - 1
    return Place(place.chunk + last, 0 if last else place.file + 1, 0, 0)


def file_name(place: Place, suffix: str) -> str:
    """Name of the file under the folder of its kind."""
    return f"chunk-{place.chunk:03d}/file-{place.file:03d}.{suffix}"


def join_videos(sources: list[tuple[Path, int]], target: Path, fps: int) -> None:
    """Write the frames of (file, number of its frames) one after another, untouched.

    Raises:
        InvalidTrajectory: a file is no video, or not encoded like the others.
    """
    from imageio_ffmpeg import get_ffmpeg_exe

    target.parent.mkdir(parents=True, exist_ok=True)
    # Files keep the time of the simulation; here the number of a frame is its time.
    frame = f"1/({fps}*TB)"
    timed = f"setts=pts=PTS/DURATION*{frame}:dts=DTS/DURATION*{frame}:duration={frame}"
    timed += f":time_base=1/{fps}"
    command = [get_ffmpeg_exe(), "-v", "error", "-y", "-safe", "0", "-f", "concat"]
    command += ["-protocol_whitelist", "file,pipe", "-i", "pipe:0", "-c", "copy", "-an"]
    command += ["-bsf:v", timed, "-movflags", "+faststart", str(target)]
    listing = "".join(_listed(sources, fps))
    done = subprocess.run(command, input=listing.encode(), capture_output=True, check=False)
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip()
        raise InvalidTrajectory(f"cannot join the videos of {target}: {reason}")


def _listed(sources: list[tuple[Path, int]], fps: int) -> Iterator[str]:
    yield "ffconcat version 1.0\n"
    for video, _ in sources:
        name = str(video.resolve()).replace("'", r"'\''")
        yield f"file 'file:{name}'\n"


def track_frames(track: CameraTrack) -> int:
    """Frames in the file of an episode's camera."""
    return len(track.intrinsic_cv) + SENTINEL_FRAMES
