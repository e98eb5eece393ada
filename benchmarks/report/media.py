"""Pictures and clips of failed episodes as data URIs, chosen to fit a budget of bytes."""

import base64
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from molmospaces_gym.benchmarks.pictures import failure_still_path, video_path
from molmospaces_gym.benchmarks.records import EpisodeRecord
from molmospaces_gym.benchmarks.report.data import reason_kind
from molmospaces_gym.benchmarks.summary import board_category

MEDIA_BUDGET = 10_000_000
"""Characters of data URIs in a report: with a table of 1,000 episodes it stays below 15 MB."""
MAX_CARDS = 120
"""Failed episodes in a gallery; more are no longer looked at."""
MAX_CLIPS = 24
CLIP_WIDTH = 320
CLIP_QUALITY = 32
"""Constant rate factor of x264: about 100 kB for 20 s of a moving arm."""
SMALL_CLIP = 150_000
"""Bytes up to which a video is taken as it is."""
ENCODE_SECONDS = 60.0


@dataclass(frozen=True)
class Card:
    """A failed episode with its picture and clip as data URIs, where there are any."""

    record: EpisodeRecord
    still: str | None
    clip: str | None


def choose_cards(out: Path, failures: Sequence[EpisodeRecord], budget: int) -> list[Card]:
    """Cards for as many of ``failures`` as ``budget`` (characters) and ``MAX_CARDS`` allow.

    Kinds of failure take turns, so that a rare one is not crowded out; the order of the cards is
    that of ``failures``. A still comes before any clip.
    """
    stills, left = {}, budget
    for record in take_turns(failures)[:MAX_CARDS]:
        still = _uri(failure_still_path(out, record.episode_id), "image/jpeg")
        if len(still or "") > left:
            break
        stills[record.episode_id] = still
        left -= len(still or "")
    clips: dict[str, str] = {}
    for record in take_turns([r for r in failures if r.episode_id in stills]):
        if len(clips) == MAX_CLIPS:
            break
        clip = _clip(video_path(out, record.episode_id))
        if clip is not None and len(clip) <= left:
            clips[record.episode_id] = clip
            left -= len(clip)
    return [
        Card(record, stills[record.episode_id], clips.get(record.episode_id))
        for record in failures
        if record.episode_id in stills
    ]


def take_turns(failures: Iterable[EpisodeRecord]) -> list[EpisodeRecord]:
    """``failures`` so that each beginning of the list holds many kinds of reason and category."""
    seen: defaultdict[tuple[str, ...], int] = defaultdict(int)
    ranked = []
    for place, record in enumerate(failures):
        kind = reason_kind(record)
        category = board_category(record.category)
        rank = (seen[(kind, category)], seen[(kind,)], place)
        seen[(kind, category)] += 1
        # A category counts once within its reason, or its many episodes would push others back.
        seen[(kind,)] += rank[0] == 0
        ranked.append((rank, record))
    return [record for _, record in sorted(ranked, key=lambda pair: pair[0])]


def _clip(path: Path) -> str | None:
    """A video as a small data URI; None if there is none that can be read."""
    if not path.is_file():
        return None
    if path.stat().st_size <= SMALL_CLIP:
        # A video that was cut short by a kill lacks its index.
        return _uri(path, "video/mp4") if b"moov" in path.read_bytes() else None
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "clip.mp4"
        return _uri(small, "video/mp4") if _shrink(path, small) else None


def _shrink(source: Path, target: Path) -> bool:
    import imageio_ffmpeg

    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-i", str(source)]
    command += ["-vf", f"scale={CLIP_WIDTH}:-2", "-an", "-c:v", "libx264", "-threads", "1"]
    command += ["-preset", "veryfast", "-crf", str(CLIP_QUALITY), "-pix_fmt", "yuv420p"]
    command += ["-movflags", "+faststart", str(target)]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=ENCODE_SECONDS)
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def _uri(path: Path, kind: str) -> str | None:
    if not path.is_file() or path.stat().st_size == 0:
        return None
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
