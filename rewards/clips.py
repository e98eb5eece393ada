"""Videos with their instructions: what reward models are measured on, wherever it is stored."""

import csv
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidConfig, UnknownName
from molmospaces_gym.rewards.foreign import exterior, read_foreign

if TYPE_CHECKING:
    from molmospaces_gym.benchmarks.datagen.trajectory import Trajectory

FORMATS = ("videos", "hdf5", "lerobot", "minari", "manirewardbench")
LABELS = "labels.csv"
COLUMNS = ("file", "instruction", "success")
FAILED = "fail"
"""Part of the name of those folders of ManiRewardBench that hold failures."""

Frames = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Clip:
    """One episode on video.

    Attributes:
        name: where it comes from.
        instruction: what the robot was told.
        fps: frames per second.
        success: whether it ended in success; None where nobody says.
        read: its frames (T, H, W, 3); read anew at each call.
        rows: steps that a data set has of it, from the first frame on; None: as many as frames.
    """

    name: str
    instruction: str
    fps: float
    success: bool | None
    read: Callable[[], Frames]
    rows: int | None = None


def open_clips(
    path: Path,
    format: str | None = None,
    cameras: Sequence[str] = (),
    instruction: str | None = None,
    success: bool | None = None,
) -> list[Clip]:
    """The clips of a data set in its order.

    Formats, found out where ``format`` is None:

    - ``videos``: one video file, or a folder with ``labels.csv`` (columns ``file``,
      ``instruction`` and optionally ``success``, 0 or 1);
    - ``hdf5``, ``lerobot``, ``minari``: our data sets (``molmospaces-gym datagen``), also the
      folder of such a run; official HDF5; any LeRobotDataset v2.1 or v3 with videos;
    - ``manirewardbench``: a folder of LeRobotDatasets, as the parts of the benchmark on the
      Hugging Face hub are said to be. Its layout is not public in full and this reader was never
      run on the real files. Assumed: each part is a LeRobotDataset, and those with "fail" in
      their name hold failures, all others successes. Times of subtasks are not read.

    Args:
        path: file or folder.
        format: one of ``FORMATS``.
        cameras: whose views stand side by side in a frame; none: the first exterior one.
        instruction: of all clips, instead of their own.
        success: label of the clips that have none.

    Raises:
        InvalidConfig: nothing is there, or it is none of these.
        UnknownName: there is no such format or camera.
    """
    format = _format_of(path) if format is None else format
    if format not in FORMATS:
        raise UnknownName("format of clips", format, FORMATS)
    clips = list(_clips(path, format, tuple(cameras)))
    if not clips:
        raise InvalidConfig(f"{path} holds no clips in the format {format}")
    for number, clip in enumerate(clips):
        told = instruction or clip.instruction
        if not told:
            raise InvalidConfig(f"{clip.name} has no instruction; give one, or a {LABELS}")
        label = success if clip.success is None else clip.success
        clips[number] = replace(clip, instruction=told, success=label)
    return clips


def _format_of(path: Path) -> str:
    if path.is_file():
        return "hdf5" if path.suffix in (".h5", ".hdf5") else "videos"
    if not path.is_dir():
        raise InvalidConfig(f"there is no file or folder {path}")
    if (path / LABELS).is_file():
        return "videos"
    for format, pattern in (
        ("lerobot", "meta/info.json"),
        ("hdf5", "house_*/trajectories_batch_*.h5"),
        ("minari", "*/data/metadata.json"),
        ("hdf5", "hdf5/house_*"),
        ("lerobot", "lerobot/meta/molmospaces_gym.json"),
        ("minari", "minari/*/data/metadata.json"),
        ("manirewardbench", "*/meta/info.json"),
    ):
        if any(path.glob(pattern)):
            return format
    raise InvalidConfig(
        f"{path} is no video, no folder with {LABELS} and no data set in a known format"
        f" ({', '.join(FORMATS)})"
    )


def _clips(path: Path, format: str, cameras: tuple[str, ...]) -> Iterator[Clip]:
    if format == "videos":
        yield from _videos(path)
    elif format == "manirewardbench":
        for part in sorted(file.parents[1] for file in path.glob("*/meta/info.json")):
            label = FAILED not in part.name.lower()
            for clip in _clips(part, "lerobot", cameras):
                yield replace(clip, name=f"{part.name}/{clip.name}", success=label)
    else:
        root = path / format if (path / format).is_dir() else path
        if format == "lerobot" and not (root / "meta" / "molmospaces_gym.json").is_file():
            for episode in read_foreign(root, cameras):
                yield Clip(
                    name=f"episode {episode.index}", instruction=episode.instruction,
                    fps=episode.fps, success=None, read=episode.read, rows=episode.length,
                )  # fmt: skip
        else:
            yield from _trajectories(root, format, cameras)


def _videos(path: Path) -> Iterator[Clip]:
    if path.is_file():
        yield _video(path, path.name, "", None)
        return
    with (path / LABELS).open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if any(not row.get(name) for name in COLUMNS[:2]):
                raise InvalidConfig(f"{path / LABELS}: every row needs a file and an instruction")
            label = row.get("success") or None
            if label not in (None, "0", "1"):
                raise InvalidConfig(f"{path / LABELS}: success is 0, 1 or empty, not {label!r}")
            success = None if label is None else label == "1"
            yield _video(path / row["file"], row["file"], row["instruction"], success)


def _video(path: Path, name: str, instruction: str, success: bool | None) -> Clip:
    from molmospaces_gym.benchmarks.datagen.video import read_video

    if not path.is_file():
        raise InvalidConfig(f"there is no video {path}")

    def read() -> Frames:
        return read_video(path)

    fps = video_rate(path)
    return Clip(name=name, instruction=instruction, fps=fps, success=success, read=read)


def video_rate(path: Path) -> float:
    """Frames per second that a video file says of itself; raises ``InvalidConfig``."""
    from imageio_ffmpeg import get_ffmpeg_exe

    command = [get_ffmpeg_exe(), "-hide_banner", "-i", str(path)]
    told = subprocess.run(command, capture_output=True, check=False).stderr.decode(errors="replace")
    rate = re.search(r"Video:.*?([\d.]+) fps", told)
    if rate is None:
        raise InvalidConfig(f"{path} is no readable video: {told.strip().splitlines()[-1:]}")
    return float(rate[1])


def _trajectories(root: Path, format: str, cameras: tuple[str, ...]) -> Iterator[Clip]:
    from molmospaces_gym.benchmarks.datagen.formats import get_format

    for trajectory in get_format(format).read(root):
        yield Clip(
            name=f"episode {trajectory.index}",
            instruction=trajectory.instruction,
            fps=trajectory.fps,
            success=trajectory.succeeded,
            read=_reader(trajectory, cameras),
            rows=len(trajectory),
        )


def _reader(trajectory: "Trajectory", cameras: tuple[str, ...]) -> Callable[[], Frames]:
    names = cameras or exterior(list(trajectory.cameras))
    unknown = [name for name in names if name not in trajectory.cameras]
    if unknown or not names:
        raise UnknownName("camera", ", ".join(unknown) or None, list(trajectory.cameras))

    def read() -> Frames:
        views = [trajectory.cameras[name].frames() for name in names]
        if any(view is None for view in views):
            raise InvalidConfig(f"the data set kept no pictures of {', '.join(names)}")
        return np.concatenate([view for view in views if view is not None], axis=2)

    return read
