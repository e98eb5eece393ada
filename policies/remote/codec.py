"""Messages of the policy protocol: msgpack with arrays in one of two dialects.

Both dialects put an array into a map. ``openpi`` (the client package of openpi) marks it with
``__ndarray__`` and adds ``data``, ``dtype`` and ``shape``, a NumPy scalar with ``__npgeneric__``,
``data`` (a plain number) and ``dtype``. ``msgpack_numpy`` (the package of that name on PyPI, which
the MolmoBot and MolmoSpaces servers use) marks both with ``nd``, true or false, and adds ``type``,
``kind``, ``shape`` and ``data``. Each package takes the arrays of the other for plain maps, so what
is sent must be in the dialect of the receiver; ``unpack`` reads both and says which one it met.

Only plain numbers travel: object arrays, which ``msgpack_numpy`` pickles, are refused unread.
Needs msgpack: ``pip install "molmospaces-gym[remote]"``.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidMessage, MissingPackage

OPENPI, MSGPACK_NUMPY = "openpi", "msgpack_numpy"
DIALECTS = (OPENPI, MSGPACK_NUMPY)
MAX_DIMENSIONS = 32
"""Most axes that an array may have; every NumPy version can hold them."""

_DTYPE = re.compile(r"[<>|=]?(b1|[iu][1248]|f(2|4|8)|c(8|16))")


@dataclass(frozen=True)
class Message:
    """A decoded frame. ``dialect`` is that of its arrays, None where it holds none."""

    value: Any
    dialect: str | None


def pack(value: Any, dialect: str) -> bytes:
    """A frame that holds ``value``: maps, lists, numbers, texts, bytes and arrays of numbers.

    Raises:
        InvalidMessage: it holds something else, such as an object array.
        MissingPackage: msgpack is not installed.
    """
    msgpack = import_msgpack()
    encode = _encode_openpi if dialect == OPENPI else _encode_msgpack_numpy
    try:
        frame: bytes = msgpack.packb(value, default=encode)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidMessage(f"a message cannot hold this: {error}") from error
    return frame


def unpack(frame: bytes) -> Message:
    """The message in a frame; arrays of both dialects are read, keys of maps become texts.

    Raises:
        InvalidMessage: the frame is cut short, no msgpack, or holds an array that is not one of
            numbers or does not fit its own shape.
        MissingPackage: msgpack is not installed.
    """
    msgpack, met = import_msgpack(), _Met()
    try:
        value = msgpack.unpackb(
            frame, object_pairs_hook=met.decode, strict_map_key=False, ext_hook=_refuse_extension
        )
    except InvalidMessage:
        raise
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidMessage(f"a frame of {len(frame)} bytes is no message: {error!r}") from error
    if len(met.dialects) > 1:
        raise InvalidMessage("a message mixes arrays of the dialects openpi and msgpack_numpy")
    return Message(value, next(iter(met.dialects), None))


def import_msgpack() -> Any:
    """The msgpack package; raises ``MissingPackage`` with the command that installs it."""
    try:
        import msgpack
    except ModuleNotFoundError as error:
        raise MissingPackage(
            "talking to a policy server needs msgpack: pip install 'molmospaces-gym[remote]'"
        ) from error
    return msgpack


def _encode_openpi(item: Any) -> dict[bytes, Any]:
    array = _numeric(item, "biuf")
    if isinstance(item, np.ndarray):
        data: dict[bytes, Any] = {b"__ndarray__": True, b"data": array.tobytes()}
        return {**data, b"dtype": array.dtype.str, b"shape": array.shape}
    return {b"__npgeneric__": True, b"data": array.item(), b"dtype": array.dtype.str}


def _encode_msgpack_numpy(item: Any) -> dict[bytes, Any]:
    array = _numeric(item, "biufc")
    if isinstance(item, np.ndarray):
        head: dict[bytes, Any] = {b"nd": True, b"type": array.dtype.str, b"kind": b""}
        return {**head, b"shape": array.shape, b"data": array.tobytes()}
    return {b"nd": False, b"type": array.dtype.str, b"data": array.tobytes()}


def _numeric(item: Any, kinds: str) -> NDArray[Any]:
    if not isinstance(item, np.ndarray | np.generic):
        raise TypeError(f"{type(item).__name__} is neither a number, text, list, map nor array")
    if item.dtype.kind not in kinds:
        raise TypeError(f"an array of {item.dtype} is not one of plain numbers")
    return np.asarray(item)


class _Met:
    """Decodes maps from the inside out and remembers the dialects of the arrays among them."""

    def __init__(self) -> None:
        self.dialects: set[str] = set()

    def decode(self, pairs: list[tuple[Any, Any]]) -> Any:
        found = {_text(key): value for key, value in pairs}
        if len(found) < len(pairs):
            raise InvalidMessage("a message has the same key twice in one map")
        if found.get("__ndarray__") is True:
            self.dialects.add(OPENPI)
            return _array(found, "dtype")
        if found.get("__npgeneric__") is True:
            self.dialects.add(OPENPI)
            return _openpi_scalar(found)
        if isinstance(found.get("nd"), bool) and "type" in found:
            self.dialects.add(MSGPACK_NUMPY)
            if found["nd"]:
                return _array(found, "type")
            return _array({**found, "shape": ()}, "type")[()]
        return found


def _text(key: Any) -> Any:
    if not isinstance(key, bytes):
        return key
    try:
        return key.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidMessage(f"a message has a key that is no text: {key!r}") from error


def _array(found: Mapping[str, Any], dtype_key: str) -> NDArray[Any]:
    """The array in a map, a copy that owns its memory, in the byte order of this machine."""
    if _text(found.get("kind", "")) not in ("", None):
        raise InvalidMessage(
            f"an array of kind {found['kind']!r} is not one of plain numbers; object arrays are "
            "pickles, which are not opened"
        )
    dtype, shape, data = _dtype(found.get(dtype_key)), found.get("shape"), found.get("data")
    if not isinstance(shape, list | tuple) or len(shape) > MAX_DIMENSIONS:
        raise InvalidMessage(f"an array's shape must be a list of sizes, not {shape!r:.80}")
    if any(type(side) is not int or side < 0 for side in shape):
        raise InvalidMessage(f"an array's shape must be of whole numbers >= 0, not {list(shape)}")
    if not isinstance(data, bytes):
        raise InvalidMessage(f"an array's data must be bytes, not {type(data).__name__}")
    if math.prod(shape) * dtype.itemsize != len(data):
        raise InvalidMessage(
            f"an array of {dtype} and shape {list(shape)} has {math.prod(shape) * dtype.itemsize} "
            f"bytes, but {len(data)} came"
        )
    try:
        array = np.frombuffer(data, dtype).reshape(shape)
    except ValueError as error:  # an axis of nothing beside one that no machine can hold
        raise InvalidMessage(f"no array has the shape {list(shape)}: {error}") from error
    return array.astype(dtype.newbyteorder("="), copy=True)


def _openpi_scalar(found: Mapping[str, Any]) -> Any:
    dtype, data = _dtype(found.get("dtype")), found.get("data")
    if not isinstance(data, bool | int | float):
        raise InvalidMessage(f"a NumPy scalar must be a number, not {type(data).__name__}")
    try:
        return dtype.newbyteorder("=").type(data)
    except (OverflowError, ValueError) as error:
        raise InvalidMessage(f"{data} is no {dtype}") from error


def _dtype(name: Any) -> np.dtype[Any]:
    text = _text(name)
    if not isinstance(text, str) or not _DTYPE.fullmatch(text):
        raise InvalidMessage(f"an array of type {text!r:.80} is not one of plain numbers")
    return np.dtype(text)


def _refuse_extension(code: int, data: bytes) -> Any:
    raise InvalidMessage(f"a message holds the msgpack extension {code}, which has no meaning here")
