"""The contact sheet of a run: first and last frame of some episodes on one picture.

Drawn with Pillow, since a plotting library would take longer than several episodes do.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from molmospaces_gym.benchmarks.pictures import still_path
from molmospaces_gym.benchmarks.records import EpisodeRecord

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

EPISODES_PER_ROW = 3
SUCCESS_COLOR, FAILURE_COLOR, BLANK_COLOR = "#2e7d32", "#c62828", "#eeeeee"
FRAME = (212, 212)
"""Most pixels that a frame of an episode takes in width and height."""
GAP, BORDER, LINE = 8, 3, 16
"""Pixels between things, around a frame, and per line of text."""
TEXT_SIZE, TITLE_SIZE = 12, 15
MOMENTS = ("first", "last")


def contact_sheet(out: Path, records: Sequence[tuple[int, EpisodeRecord]], title: str) -> Path:
    """Write ``contact_sheet.png``: first and last frame of each episode that has stills.

    ``records`` are pairs of index and record. A green frame means success at the end.
    """
    from PIL import Image, ImageDraw, ImageFont

    shown = [(i, r) for i, r in records if still_path(out, i, "first").is_file()]
    frames = [[_frame(still_path(out, i, moment)) for moment in MOMENTS] for i, _ in shown]
    tallest = max((frame.height for pair in frames for frame in pair), default=0)
    width = 2 * (FRAME[0] + 2 * BORDER) + 2 * GAP
    height = 2 * LINE + tallest + 2 * BORDER + 2 * GAP
    rows = -(-len(shown) // EPISODES_PER_ROW)
    top = LINE + 2 * GAP
    sheet = Image.new("RGB", (EPISODES_PER_ROW * width + GAP, rows * height + top), "white")
    draw = ImageDraw.Draw(sheet)
    title_font = ImageFont.load_default(TITLE_SIZE)
    draw.text((GAP, GAP), _fit(draw, title, sheet.width - 2 * GAP, title_font), "black", title_font)
    font = ImageFont.load_default(TEXT_SIZE)
    for place, ((_, record), pair) in enumerate(zip(shown, frames, strict=True)):
        row, column = divmod(place, EPISODES_PER_ROW)
        corner = (GAP + column * width, top + row * height)
        _draw_episode(draw, sheet, corner, record, pair, width - GAP, font)
    path = out / "contact_sheet.png"
    sheet.save(path)
    return path


def _frame(path: Path) -> "Image":
    """A still as a thumbnail; a blank where it is missing, as when the episode broke off."""
    from PIL import Image

    if not path.is_file():
        return Image.new("RGB", (FRAME[0], FRAME[0] * 9 // 16), BLANK_COLOR)
    with Image.open(path) as still:
        thumbnail = still.convert("RGB")
    thumbnail.thumbnail(FRAME)
    return thumbnail


def _draw_episode(
    draw: "ImageDraw",
    sheet: "Image",
    corner: tuple[int, int],
    record: EpisodeRecord,
    frames: Sequence["Image"],
    width: int,
    font: object,
) -> None:
    x, y = corner
    color = SUCCESS_COLOR if record.success_at_end else FAILURE_COLOR
    outcome = "success" if record.success_at_end else (record.failure or "failure")
    for text in (record.instruction, f"{record.episode_id}: {outcome}"):
        draw.text((x, y), _fit(draw, text, width, font), color, font)  # type: ignore[arg-type]
        y += LINE
    for frame in frames:
        draw.rectangle(
            (x, y, x + frame.width + 2 * BORDER - 1, y + frame.height + 2 * BORDER - 1), color
        )
        sheet.paste(frame, (x + BORDER, y + BORDER))
        x += FRAME[0] + 2 * BORDER + GAP


def _fit(draw: "ImageDraw", text: str, width: int, font: object) -> str:
    """``text``, cut so that it takes at most ``width`` pixels."""
    if draw.textlength(text, font) <= width:  # type: ignore[arg-type]
        return text
    while text and draw.textlength(text + "...", font) > width:  # type: ignore[arg-type]
        text = text[:-1]
    return text + "..."
