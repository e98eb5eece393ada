"""A policy that is one Python function, and the lookup of objects by ``module:name``."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidConfig, PolicyUnavailable


class FunctionPolicy:
    """Plays ``function(obs, instruction) -> action``: ``callable:module:function``.

    The action is one of the env, in [-1, 1]. A function with state is an object with ``__call__``;
    its ``reset(instruction, seed)`` is called at the start of an episode where it has one, and its
    ``env_kwargs`` are honoured.
    """

    def __init__(self, function: str | Callable[[Any, str], Any]) -> None:
        found = find_object(function) if isinstance(function, str) else function
        if not callable(found):
            raise InvalidConfig(f"{function!r} is no function but {type(found).__name__}")
        self._function = found
        self._instruction = ""
        self.env_kwargs: dict[str, Any] = dict(getattr(found, "env_kwargs", None) or {})

    def reset(self, instruction: str, seed: int | None) -> None:
        """Start an episode."""
        self._instruction = instruction
        reset = getattr(self._function, "reset", None)
        if reset is not None:
            reset(instruction, seed)

    def predict(
        self,
        obs: Any,
        state: Any = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[np.float32], Any]:
        """What the function returns for ``obs``."""
        return np.asarray(self._function(obs, self._instruction), np.float32), state


def find_object(name: str) -> Any:
    """The object that ``module:name`` names; ``name`` may have dots.

    Raises:
        InvalidConfig: the text has another form, or the module has no such object.
        PolicyUnavailable: the module, or one that it imports, is not there.
    """
    module_name, colon, path = name.partition(":")
    if not (module_name and colon and path):
        raise InvalidConfig(f"expected MODULE:NAME, got {name!r}")
    try:
        found: Any = import_module(module_name)
    except ModuleNotFoundError as error:
        raise PolicyUnavailable(
            f"{name!r} needs the module {error.name!r}, which is not installed or not on the path"
        ) from error
    for part in path.split("."):
        if not hasattr(found, part):
            raise InvalidConfig(f"module {module_name!r} has no {path!r}")
        found = getattr(found, part)
    return found
