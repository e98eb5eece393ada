"""The official encoding of dictionaries in HDF5: rows of bytes, JSON padded with NUL."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidTrajectory

WIDTH = 2000
"""Bytes of a row (official). Longer rows widen the dataset; the official writer cuts them off."""


def encode_rows(rows: Sequence[Mapping[str, Any]], width: int = WIDTH) -> NDArray[np.uint8]:
    """Dictionaries as (len(rows), at least ``width``) bytes."""
    texts = [json.dumps(row, sort_keys=True, separators=(",", ":")).encode("utf-8") for row in rows]
    found = np.zeros((len(texts), max([width, *map(len, texts)])), np.uint8)
    for line, text in zip(found, texts, strict=True):
        line[: len(text)] = np.frombuffer(text, np.uint8)
    return found


def decode_rows(array: NDArray[np.uint8], where: str) -> list[dict[str, Any]]:
    """The inverse of ``encode_rows``; an empty row is an empty dictionary.

    Raises:
        InvalidTrajectory: a row is no JSON object, such as one that its writer cut off.
    """
    found = []
    for number, line in enumerate(array):
        text = line.tobytes().rstrip(b"\x00")
        try:
            row = json.loads(text) if text else {}
        except ValueError as error:
            raise InvalidTrajectory(
                f"{where}, row {number}: {len(text)} bytes that are not JSON ({error}); the"
                " official writer cuts off long rows, which cannot be repaired"
            ) from error
        if not isinstance(row, dict):
            raise InvalidTrajectory(f"{where}, row {number}: expected a JSON object, got {row!r}")
        found.append(row)
    return found


def encode_name(name: str, width: int = 100) -> NDArray[np.uint8]:
    """A file name as bytes padded with NUL (official: 100)."""
    text = name.encode("utf-8")
    found = np.zeros(max(width, len(text)), np.uint8)
    found[: len(text)] = np.frombuffer(text, np.uint8)
    return found


def decode_name(array: NDArray[np.uint8]) -> str:
    """The inverse of ``encode_name``."""
    return array.tobytes().rstrip(b"\x00").decode("utf-8")


def arrays_as_rows(arrays: Mapping[str, NDArray[Any]]) -> list[dict[str, Any]]:
    """Named arrays of equal length as one dictionary per row."""
    names = list(arrays)
    return [
        {name: row.tolist() for name, row in zip(names, rows, strict=True)}
        for rows in zip(*arrays.values(), strict=True)
    ]


def rows_as_arrays(rows: Sequence[Mapping[str, Any]], where: str) -> dict[str, NDArray[Any]]:
    """The inverse of ``arrays_as_rows``, float64; keys that a row lacks are left out."""
    names = [name for name in (rows[0] if rows else {}) if all(name in row for row in rows)]
    try:
        return {name: np.array([row[name] for row in rows], np.float64) for name in names}
    except (TypeError, ValueError) as error:
        raise InvalidTrajectory(f"{where}: rows of different shapes: {error}") from error
