"""``House``: an MJCF scene with its metadata, the one type for every source of scenes."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from molmospaces_gym.errors import InvalidScene


@dataclass(frozen=True)
class House:
    """A scene without a robot (or, for a user's file, one that may hold ``robot_0/``).

    Exactly one of ``mjcf`` (text) and ``path`` (file) is given. ``metadata`` has the official
    layout ``{"objects": {body_name: {...}}}`` and may be empty. A generated house adds
    ``"surfaces"``: places where objects can stand (see ``Surface``).
    """

    name: str
    mjcf: str | None = None
    path: Path | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.mjcf is None) == (self.path is None):
            raise InvalidScene(f"house {self.name!r} needs exactly one of mjcf text and path")

    @property
    def content_key(self) -> str:
        """Hash of what the house is made of; equal keys mean an equal model and metadata."""
        if self.path is None:
            return self.digest
        stat = self.path.stat()
        stamp = f"{self.path.resolve()}:{stat.st_mtime_ns}:{stat.st_size}:{self.digest}"
        return hashlib.sha256(stamp.encode()).hexdigest()[:24]

    @cached_property
    def digest(self) -> str:
        """Hash of text and metadata, which are taken not to change."""
        return content_digest(self.mjcf, self.metadata)


def content_digest(mjcf: str | None, metadata: Mapping[str, Any]) -> str:
    """24 hex digits that tell MJCF texts with their metadata apart."""
    digest = hashlib.sha256((mjcf or "").encode())
    digest.update(b"\0" + json.dumps(metadata, default=_plain).encode())
    return digest.hexdigest()[:24]


def _plain(value: object) -> object:
    """Numpy's arrays and numbers as lists and numbers, what else is no JSON as text."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else repr(value)


@dataclass(frozen=True)
class Surface:
    """A horizontal rectangle on which objects stand.

    ``center`` is the world position of its middle at the height of the top face (m),
    ``half_size`` its half extents along its own x and y (m), ``yaw`` its rotation (rad) and
    ``kind`` one of ``table``, ``counter``, ``shelf``, ``inside``. ``front`` are the world yaws
    (rad) of the outward directions from which a robot can reach it and ``overhang`` how far (m)
    the furniture and its handles stand out beyond the edge there. ``room`` is the body of its
    room, ``headroom`` the free height over it (m) and ``inside`` the joint that must be open to
    reach it; the one-room houses leave these four at their defaults.
    """

    name: str
    kind: str
    center: tuple[float, float, float]
    half_size: tuple[float, float]
    yaw: float
    front: tuple[float, ...]
    overhang: tuple[float, ...] = ()
    room: str = ""
    headroom: float | None = None
    inside: str = ""
