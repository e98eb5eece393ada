"""JSON files: read with an error that says where the fault is, written atomically.

A name that ends in ``.gz`` is read and written compressed.
"""

import gzip
import json
import os
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from molmospaces_gym.errors import MolmoSpacesError

COMPRESSED = ".gz"


def read_json(file: Traversable, error_type: type[MolmoSpacesError]) -> Any:
    """The content of a JSON file.

    Raises:
        error_type: the file cannot be read, is not UTF-8 text or not JSON; the message holds the
            file, and the line and column of the fault.
    """
    try:
        content = file.read_bytes()
        if file.name.endswith(COMPRESSED):
            content = gzip.decompress(content)
        return json.loads(content.decode("utf-8"), parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise error_type(
            f"{file}: not valid JSON at line {error.lineno}, column {error.colno}: {error.msg}; "
            "restore the file from its source"
        ) from error
    except UnicodeDecodeError as error:
        raise error_type(f"{file}: not UTF-8 text (byte {error.start}); expected JSON") from error
    except _Constant as error:
        raise error_type(f"{file}: {error} is not valid JSON; expected finite numbers") from error
    except RecursionError as error:
        raise error_type(f"{file}: nested too deeply to be read") from error
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise error_type(f"{file}: cannot be read: {reason}") from error


class _Constant(ValueError):
    """NaN or Infinity, which Python would accept and JSON does not know."""


def _refuse_constant(name: str) -> NoReturn:
    raise _Constant(name)


def write_atomic(path: Path, text: str) -> None:
    """Writes a text file so that a reader sees the old content or the new, never a part."""
    content = text.encode("utf-8")
    if path.name.endswith(COMPRESSED):
        content = gzip.compress(content, mtime=0)  # equal texts make equal files
    with replacing(path) as stream:
        stream.write(content)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A stream whose content takes the place of ``path`` when the block ends well, whole.

    Until then, and where it raises, ``path`` is what it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
