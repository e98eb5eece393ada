"""PNG files with text, as occupancy maps use them: 8 bits per channel, no palette, no interlace."""

import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidScene

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}
"""Colour type of the file -> number of channels."""
COLOR_TYPES = {count: kind for kind, count in CHANNELS.items()}


def encode_png(image: NDArray[np.uint8], text: Mapping[str, str]) -> bytes:
    """A PNG file.

    Args:
        image: (height, width) or (height, width, channels) with 1 to 4 channels.
        text: keyword (1-79 characters of Latin-1) -> text.
    """
    pixels = image[:, :, None] if image.ndim == 2 else image
    height, width, channels = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 8, COLOR_TYPES[channels], 0, 0, 0)
    rows = pixels.reshape(height, width * channels)
    # every row has filter 2, the difference to the row above: maps are mostly the same downwards
    filtered = np.empty((height, width * channels + 1), dtype=np.uint8)
    filtered[:, 0] = 2
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    chunks = [_chunk(b"IHDR", header)]
    for key, value in text.items():
        chunks.append(_chunk(b"tEXt", key.encode("latin-1") + b"\0" + value.encode("latin-1")))
    chunks += [_chunk(b"IDAT", zlib.compress(filtered.tobytes(), 6)), _chunk(b"IEND", b"")]
    return SIGNATURE + b"".join(chunks)


def _chunk(kind: bytes, body: bytes) -> bytes:
    check = zlib.crc32(kind + body)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)


def decode_png(data: bytes, name: str = "PNG") -> tuple[NDArray[np.uint8], dict[str, str]]:
    """The image (height, width, channels) and the texts of a PNG file.

    Args:
        data: the file.
        name: what it is called in errors.

    Raises:
        InvalidScene: not a PNG file, damaged, or of a kind that maps do not use (palette, 16 bits,
            interlaced).
    """
    if not data.startswith(SIGNATURE):
        raise InvalidScene(f"{name}: not a PNG file")
    header, packed, text = b"", [], {}
    try:
        for kind, body in _chunks(data):
            if kind == b"IHDR":
                header = body
            elif kind == b"IDAT":
                packed.append(body)
            elif kind in (b"tEXt", b"zTXt", b"iTXt"):
                key, value = _text(kind, body)
                text[key] = value
        width, height, depth, color, *_, interlace = struct.unpack(">IIBBBBB", header)
        if depth != 8 or color not in CHANNELS or interlace:
            raise InvalidScene(f"{name}: expected 8 bits per channel, no palette, no interlace")
        raw = np.frombuffer(zlib.decompress(b"".join(packed)), dtype=np.uint8)
        channels = CHANNELS[color]
        rows = raw.reshape(height, width * channels + 1)
    except (struct.error, zlib.error, ValueError, IndexError) as error:
        raise InvalidScene(f"{name}: damaged PNG file: {error}") from error
    image = _unfilter(rows, channels).reshape(height, width, channels)
    return image, text


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(SIGNATURE)
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        (check,) = struct.unpack_from(">I", data, at + 8 + length)
        if zlib.crc32(kind + body) != check:
            raise ValueError(f"checksum of {kind!r}")
        yield kind, body
        at += 12 + length


def _text(kind: bytes, body: bytes) -> tuple[str, str]:
    key, _, rest = body.partition(b"\0")
    if kind == b"tEXt":
        value = rest.decode("latin-1")
    elif kind == b"zTXt":
        value = zlib.decompress(rest[1:]).decode("latin-1")
    else:
        packed = rest[0]
        words = rest[2:].split(b"\0", 2)[2]  # after language and translated keyword
        value = (zlib.decompress(words) if packed else words).decode("utf-8")
    return key.decode("latin-1"), value


def _unfilter(rows: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """Undo the five filters of PNG, row by row."""
    height, width = rows.shape[0], rows.shape[1] - 1
    image = np.zeros((height, width), dtype=np.uint8)
    above = np.zeros(width, dtype=np.uint8)
    for k in range(height):
        kind, row = rows[k, 0], rows[k, 1:]
        if kind == 0:
            image[k] = row
        elif kind == 1:
            image[k] = _running_sum(row, channels)
        elif kind == 2:
            np.add(row, above, out=image[k])
        else:
            image[k] = _predicted(row, above, channels, int(kind))
        above = image[k]
    return image


def _running_sum(row: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    summed = np.cumsum(row.reshape(-1, channels), axis=0, dtype=np.uint64)
    return summed.astype(np.uint8).reshape(-1)


def _predicted(
    row: NDArray[np.uint8], above: NDArray[np.uint8], channels: int, kind: int
) -> NDArray[np.uint8]:
    """Filters 3 (mean of left and above) and 4 (Paeth), which depend on the pixel to the left."""
    if kind not in (3, 4):
        raise InvalidScene(f"damaged PNG file: filter {kind}")
    source, upper = row.tolist(), above.tolist()
    out = [0] * len(source)
    for k, value in enumerate(source):
        left = out[k - channels] if k >= channels else 0
        up = upper[k]
        if kind == 3:
            guess = (left + up) // 2
        else:
            corner = upper[k - channels] if k >= channels else 0
            guess = _paeth(left, up, corner)
        out[k] = (value + guess) & 255
    return np.array(out, dtype=np.uint8)


def _paeth(left: int, up: int, corner: int) -> int:
    """Which of three neighbours is nearest to left + up - corner."""
    estimate = left + up - corner
    distances = (abs(estimate - left), abs(estimate - up), abs(estimate - corner))
    return (left, up, corner)[distances.index(min(distances))]


def write_png(path: Path, image: NDArray[np.uint8], text: Mapping[str, str]) -> None:
    """Write a PNG file."""
    path.write_bytes(encode_png(image, text))


def read_png(path: Path) -> tuple[NDArray[np.uint8], dict[str, str]]:
    """Read a PNG file; see ``decode_png``."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InvalidScene(f"{path}: cannot be read: {error.strerror or error}") from error
    return decode_png(data, str(path))
