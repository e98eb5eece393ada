"""From the reply of a policy server to the steps that it asks for."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidReply

Vector = NDArray[np.float64]
Step: TypeAlias = "Vector | dict[str, Vector]"
"""One control step: a vector (D,), or move group -> values (n,)."""

_TIMINGS = ("server_timing", "policy_timing")
"""What servers add to a reply for the curious."""


def parse_reply(reply: Any, shape: str) -> list[Step]:
    """The steps in a decoded reply, at least one.

    Args:
        reply: what ``codec.unpack`` made of it.
        shape: one of ``convention.REPLIES``.

    Raises:
        InvalidReply: it has another shape, or holds something that is no finite number.
    """
    if not isinstance(reply, Mapping):
        raise InvalidReply(f"a reply must be a map, not {type(reply).__name__}")
    came = _shape_of(reply)
    if shape not in ("auto", came):
        raise InvalidReply(
            f"the reply has the shape {came!r} but {shape!r} was expected; it holds "
            f"{_described(reply)}. Set reply={came} if that is right"
        )
    if came == "step":
        return [_groups({key: v for key, v in reply.items() if key not in _TIMINGS})]
    if came == "chunk":
        steps: list[Step] = [_groups(step) for step in reply["actions"]]
    else:
        rows = _numbers("actions", reply["actions"])
        if rows.ndim != 2:
            raise InvalidReply(f"actions must have shape (steps, size), not {rows.shape}")
        steps = list(rows)
    if not steps:
        raise InvalidReply("the reply holds no step; expected at least one")
    return steps


def _shape_of(reply: Mapping[Any, Any]) -> str:
    if "actions" not in reply:
        return "step"
    actions = reply["actions"]
    dicts = isinstance(actions, list) and any(isinstance(step, Mapping) for step in actions)
    return "chunk" if dicts else "actions"


def _groups(step: Any) -> dict[str, Vector]:
    if not isinstance(step, Mapping) or not step:
        raise InvalidReply(f"a step must be a map of move groups, not {_described(step)}")
    found = {}
    for name, value in step.items():
        values = np.atleast_1d(_numbers(str(name), value))
        if values.ndim != 1:
            raise InvalidReply(f"{name!r} must have shape (size,), not {values.shape}")
        found[str(name)] = values
    return found


def _numbers(name: str, value: Any) -> NDArray[np.float64]:
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "biuf":
            raise TypeError(f"it is of {array.dtype}")
        numbers = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidReply(
            f"{name!r} must be an array of numbers, not {_described(value)}: {error}"
        ) from error
    if not np.isfinite(numbers).all():
        raise InvalidReply(f"{name!r} holds numbers that are not finite")
    return numbers


def _described(value: Any) -> str:
    """A short text that says what a value is made of."""
    if isinstance(value, Mapping):
        inside = ", ".join(f"{key}: {type(v).__name__}" for key, v in list(value.items())[:8])
        return "{" + inside + "}"
    if isinstance(value, np.ndarray):
        return f"an array {value.shape} of {value.dtype}"
    return type(value).__name__
