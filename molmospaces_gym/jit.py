"""Compilation of inner loops with numba; imported only where a loop runs."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
"""No fast math: which operations fuse depends on what else was compiled before, and so would the
last bit of a result."""


def kernel(function: F) -> F:
    """Compile an entry point; the machine code is cached beside the source file.

    Where that is read-only numba uses the user's cache directory (or ``NUMBA_CACHE_DIR``), and
    where neither can be written the function is compiled anew in every process. Helpers must be
    in the entry point's own file: numba checks only that file for changes.
    """
    try:
        compiled = numba.njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:
        compiled = numba.njit(**_OPTIONS)(function)
    return cast(F, compiled)


def helper(function: F) -> F:
    """Compile a function that is only called by compiled functions of the same file."""
    return cast(F, numba.njit(**_OPTIONS)(function))
