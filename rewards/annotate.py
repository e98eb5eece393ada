"""Pictures to look at: a clip's frames with the model's curve below, as PNG or mp4."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.rewards.clips import Clip
from molmospaces_gym.rewards.evaluation import Curve, Verdict

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

STRIP = 8
"""Frames beside each other in a PNG."""
HEIGHT, PLOT = 160, 180
"""Pixels of a frame in the strip, and of the curve."""
WIDTH = 320
"""Least width of a video."""
MARGIN, GAP = 52, 26
COLORS = {"real": (31, 119, 180), "static": (150, 150, 150), "wrong": (214, 39, 40)}
"""Of the curves: the clip, its first frame repeated, and under a wrong instruction."""
INK, GRID, PAPER = (30, 30, 30), (225, 225, 225), (255, 255, 255)


def annotate(verdict: Verdict, out: Path, signal: str = "prob") -> Path:
    """Write ``out``: a strip of frames over the curves (.png), or a video with both (.mp4).

    Raises:
        InvalidConfig: another ending.
    """
    if out.suffix not in (".png", ".mp4"):
        raise InvalidConfig(f"annotations are .png or .mp4, not {out.suffix or out.name!r}")
    frames = verdict.clip.read()
    if out.suffix == ".png":
        from PIL import Image

        out.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(strip(verdict, frames, signal)).save(out)
    else:
        _film(verdict, frames, out, signal)
    return out


def strip(verdict: Verdict, frames: NDArray[np.uint8], signal: str) -> NDArray[np.uint8]:
    """Evenly spaced frames beside each other, the curves below."""
    chosen = np.linspace(0, len(frames) - 1, min(STRIP, len(frames))).round().astype(int)
    row = np.concatenate([_scaled(frames[index], HEIGHT) for index in chosen], axis=1)
    row = _padded(row, max(row.shape[1], 2 * WIDTH))
    below = plot(verdict, len(frames), row.shape[1], signal)
    return np.concatenate([row, below])


def plot(
    verdict: Verdict, count: int, width: int, signal: str, until: int | None = None
) -> NDArray[np.uint8]:
    """The curves over the clip's frames (PLOT, width, 3), drawn up to the frame ``until``."""
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (width, PLOT), PAPER)
    draw = ImageDraw.Draw(image)
    curves = {
        name: curve
        for name, curve in (
            ("static", verdict.still), ("wrong", verdict.wrong), ("real", verdict.real),
        )
        if curve is not None
    }  # fmt: skip
    values = [value for curve in curves.values() for value in curve.values(signal)]
    low, high = (0.0, 1.0) if signal == "prob" else (min(values), max(max(values), min(values) + 1))
    _axes(draw, width, verdict.clip, count, (low, high), signal)
    for place, (name, curve) in enumerate(curves.items()):
        points = _points(curve, count, width, (low, high), signal, until)
        if len(points) > 1:
            draw.line(points, COLORS[name], 2)
        for x, y in points:
            draw.ellipse((x - 2, y - 2, x + 2, y + 2), COLORS[name])
        draw.text((width - MARGIN - 44, GAP + 13 * place), name, COLORS[name])
    return np.array(image, np.uint8)


def _axes(
    draw: "ImageDraw",
    width: int,
    clip: Clip,
    count: int,
    limits: tuple[float, float],
    signal: str,
) -> None:
    label = {None: "", True: " (success)", False: " (failure)"}[clip.success]
    draw.text((MARGIN, 6), _fitting(draw, clip.instruction + label, width - MARGIN - 8), INK)
    for share in (0.0, 0.5, 1.0):
        y = _height(share)
        draw.line((MARGIN, y, width - 8, y), GRID)
        draw.text((4, y - 6), f"{limits[0] + share * (limits[1] - limits[0]):.2f}", INK)
    names = {"prob": "P(True)", "logp": "log P(True), nat", "margin": "True - False, nat"}
    draw.text((MARGIN, PLOT - 14), f"{names[signal]} over 0 to {count / clip.fps:.1f} s", INK)


def _height(share: float) -> float:
    return PLOT - GAP - share * (PLOT - 2 * GAP)


def _points(
    curve: Curve,
    count: int,
    width: int,
    limits: tuple[float, float],
    signal: str,
    until: int | None,
) -> list[tuple[float, float]]:
    span, (low, high) = width - 8 - MARGIN, limits
    return [
        (MARGIN + span * frame / max(count - 1, 1), _height((value - low) / (high - low)))
        for frame, value in zip(curve.frames, curve.values(signal), strict=True)
        if until is None or frame <= until
    ]


def _film(verdict: Verdict, frames: NDArray[np.uint8], out: Path, signal: str) -> None:
    from molmospaces_gym.benchmarks.pictures import VideoFile

    video = VideoFile(out, verdict.clip.fps)
    factor = max(1, -(-WIDTH // frames.shape[2]))
    for index, frame in enumerate(frames):
        picture = frame.repeat(factor, axis=0).repeat(factor, axis=1)
        below = plot(verdict, len(frames), picture.shape[1], signal, index)
        video.append(np.concatenate([picture, below]))
    video.close()


def _scaled(frame: NDArray[np.uint8], height: int) -> NDArray[np.uint8]:
    from PIL import Image

    width = round(frame.shape[1] * height / frame.shape[0])
    resampling: Any = Image.Resampling.BILINEAR
    return np.array(Image.fromarray(frame).resize((width, height), resampling))


def _padded(row: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    space = width - row.shape[1]
    return np.pad(row, ((0, 0), (0, space), (0, 0)), constant_values=255)


def _fitting(draw: "ImageDraw", text: str, width: float) -> str:
    """The text, cut where it is too long."""
    words: Sequence[str] = text
    while words and draw.textlength(str(words)) > width:
        words = words[:-1]
    return str(words) if len(words) == len(text) else f"{words[:-2]}.."
