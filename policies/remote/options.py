"""The text that names a remote policy: an address and options, as in a URL.

``ws://gpu:8000?execute_horizon=8&timeout=20``. Every option is listed in ``docs/policies.md``.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from molmospaces_gym.errors import InvalidConfig, UnknownName
from molmospaces_gym.policies.remote.codec import DIALECTS
from molmospaces_gym.policies.remote.convention import ENV, Convention
from molmospaces_gym.policies.remote.handshake import check_points
from molmospaces_gym.policies.remote.presets import preset

DEFAULT_PORT = 8000
"""Port of openpi's servers and of most that descend from them."""
CONNECT_TIMEOUT, TIMEOUT = 10.0, 60.0
"""Seconds to connect, and for a reply: large models need seconds, and more for the first."""


@dataclass(frozen=True, kw_only=True)
class RemoteOptions:
    """Where a server is and how to talk to it.

    ``dialect`` None: found out. ``connect_timeout`` and ``timeout`` are seconds.
    """

    url: str
    convention: Convention = ENV
    dialect: str | None = None
    timeout: float = TIMEOUT
    connect_timeout: float = CONNECT_TIMEOUT
    unchecked: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.dialect is not None and self.dialect not in DIALECTS:
            raise UnknownName("dialect", self.dialect, DIALECTS)
        for name in ("timeout", "connect_timeout"):
            seconds = getattr(self, name)
            if not 0 < seconds < math.inf:
                raise InvalidConfig(f"{name} must be positive seconds, not {seconds:g}")


def parse_options(spec: str, preset_name: str | None = None) -> RemoteOptions:
    """The options in ``ws://host:port?key=value&...``, over those of a preset.

    Raises:
        InvalidConfig: the address or a value is malformed.
        UnknownName: an option, preset, dialect, wire or robot does not exist.
    """
    url, query = _address(spec)
    given = dict(query)
    convention = ENV
    if preset_name is not None:
        chosen = {key: given.pop(key, None) for key in ("wire", "robot", "base_frame")}
        convention = preset(preset_name, **chosen)
    unknown = [key for key in given if key not in _CONVENTION and key not in _CONNECTION]
    if unknown:
        presets = () if preset_name is None else ("wire", "robot", "base_frame")
        raise UnknownName("policy option", unknown[0], [*_CONVENTION, *_CONNECTION, *presets])
    changes, settings = _read(given, _CONVENTION), _read(given, _CONNECTION)
    obs_map = changes.pop("obs_map", {})
    convention = replace(convention, **changes)
    return RemoteOptions(url=url, convention=convention.renamed(obs_map), **settings)


def _address(spec: str) -> tuple[str, list[tuple[str, str]]]:
    parts = urlsplit(spec)
    try:
        port = parts.port
        query = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError as error:
        raise InvalidConfig(f"{spec!r} is no address with options: {error}") from error
    if parts.scheme not in ("ws", "wss") or not parts.hostname:
        raise InvalidConfig(f"a policy server is named ws://host:port, not {spec!r}")
    keys = [key for key, _ in query]
    if len(set(keys)) < len(keys):
        raise InvalidConfig(f"{spec!r} names an option twice")
    place = parts.netloc
    if port is None and parts.scheme == "ws":
        place = f"{place}:{DEFAULT_PORT}"
    return urlunsplit((parts.scheme, place, parts.path, "", "")), query


def _read(given: Mapping[str, str], readers: Mapping[str, Callable[[str], Any]]) -> dict[str, Any]:
    """Those options of ``given`` that ``readers`` can read."""
    found = {}
    for key, text in given.items():
        if key in readers:
            try:
                found[key] = readers[key](text)
            except InvalidConfig:
                raise
            except ValueError as error:
                raise InvalidConfig(
                    f"policy option {key}={text!r} is malformed: {error}"
                ) from error
    return found


def _or_none(reader: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda text: None if text == "none" else reader(text)


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    return int(width), int(height)


def _pairs(text: str) -> dict[str, str]:
    pairs = [item.partition(":") for item in text.split(",")]
    if not all(left and right for left, _, right in pairs):
        raise ValueError("expected NAME:NAME,NAME:NAME")
    return {left: right for left, _, right in pairs}


_CONVENTION: Mapping[str, Callable[[str], Any]] = {
    "reply": str,
    "execute_horizon": _or_none(int),
    "max_joint_delta": _or_none(float),
    "gripper_threshold": _or_none(float),
    "crop": _or_none(_size),
    "pad": _or_none(int),
    "obs_map": _pairs,
    "action_map": _pairs,
}
_CONNECTION: Mapping[str, Callable[[str], Any]] = {
    "dialect": lambda text: None if text == "auto" else text,
    "timeout": float,
    "connect_timeout": float,
    "unchecked": lambda text: check_points(frozenset(text.split(","))),
}
