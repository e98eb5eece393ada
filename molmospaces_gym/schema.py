"""Number types and error messages shared by the episode models.

JSON numbers are checked but never converted: an ``int`` of a file stays an ``int``, so a spec
written back equals the file it came from.
"""

from collections.abc import Callable, Iterable
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    StrictBool,
    StrictInt,
    ValidationError,
    WrapValidator,
)

from molmospaces_gym.errors import InvalidEpisode

MAX_REPORTED = 3
"""Faults named in one message; a broken file often repeats one fault hundreds of times."""

MAX_FOUND_CHARS = 60

Handler = Callable[[Any], Any]


class SpecModel(BaseModel):
    """Base of every part of an episode: immutable, and keys it does not know are kept."""

    model_config = ConfigDict(extra="allow", frozen=True, ser_json_inf_nan="constants")

    @classmethod
    def trusted(cls, **fields: Any) -> Self:
        """Builds a part without checking it: for samplers, whose values are already right.

        Parts are spec objects, everything inside them is JSON-plain (no arrays, no tuples).
        """
        return cls.model_construct(**fields)

    def replace(self, **fields: Any) -> Self:
        """A copy with some fields replaced, unchecked; the rest is shared, not copied."""
        return self.model_copy(update=fields)


def _keep(value: Any, check: Handler) -> Any:
    check(value)
    return value


def _keep_list(value: Any, check: Handler) -> list[Any]:
    check(value)
    return list(value)


def _keep_lists(value: Any, check: Handler) -> dict[str, list[Any]]:
    check(value)
    return {key: list(item) for key, item in value.items()}


def _has_rotation(quat: Iterable[float]) -> bool:
    return any(quat)


def _check_pose(value: Any, check: Handler) -> list[Any]:
    check(value)
    if not _has_rotation(value[3:]):
        raise ValueError("the quaternion of a pose must not be zero")
    return list(value)


def _check_poses(value: Any, check: Handler) -> dict[str, list[Any]]:
    check(value)
    for name, pose in value.items():
        if not _has_rotation(pose[3:]):
            raise ValueError(f"the quaternion of the pose of {name!r} must not be zero")
    return {name: list(pose) for name, pose in value.items()}


def _check_quat(value: Any, check: Handler) -> list[Any]:
    check(value)
    if not _has_rotation(value):
        raise ValueError("a quaternion must not be zero")
    return list(value)


def _check_list_or_float(value: Any, check: Handler) -> Any:
    check(value)
    return list(value) if isinstance(value, list | tuple) else value


_as_is = PlainSerializer(lambda value: value)

_Finite = Annotated[float, Field(strict=True, allow_inf_nan=False)]
_Floats3 = Annotated[list[_Finite], Field(min_length=3, max_length=3)]
_Floats4 = Annotated[list[_Finite], Field(min_length=4, max_length=4)]
_Floats7 = Annotated[list[_Finite], Field(min_length=7, max_length=7)]

Integer = StrictInt
Flag = StrictBool

Number = Annotated[_Finite, WrapValidator(_keep), _as_is]
"""A finite number, int or float."""

Positive = Annotated[
    Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)], WrapValidator(_keep), _as_is
]
"""A finite number above zero."""

Numbers = Annotated[list[_Finite], WrapValidator(_keep_list), _as_is]
"""A list of finite numbers of any length."""

Vector = Annotated[_Floats3, WrapValidator(_keep_list), _as_is]
"""[x, y, z]."""

Quaternion = Annotated[_Floats4, WrapValidator(_check_quat), _as_is]
"""[w, x, y, z], not zero, not necessarily of unit length."""

Rgba = Annotated[_Floats4, WrapValidator(_keep_list), _as_is]
"""[red, green, blue, alpha], each 0..1."""

Pose = Annotated[_Floats7, WrapValidator(_check_pose), _as_is]
"""[x, y, z, qw, qx, qy, qz], metres."""

Poses = Annotated[dict[str, _Floats7], WrapValidator(_check_poses), _as_is]
"""Body name -> pose."""

NumbersByName = Annotated[dict[str, list[_Finite]], WrapValidator(_keep_lists), _as_is]
"""Name (of a move group) -> list of numbers."""

RgbaByName = Annotated[dict[str, _Floats4], WrapValidator(_keep_lists), _as_is]
"""Body name -> rgba."""

NumberOrNumbers = Annotated[_Finite | list[_Finite], WrapValidator(_check_list_or_float), _as_is]
"""A number, or a list of them."""

Rows = Annotated[
    list[_Finite] | list[list[_Finite]],
    Field(union_mode="left_to_right"),
    WrapValidator(_keep_list),
    _as_is,
]
"""A flat list of numbers, or a list of rows."""


def invalid_episode(error: ValidationError, where: str, prefix: str = "") -> InvalidEpisode:
    """Turns pydantic's report into one message: field, what was found, what was expected.

    Args:
        error: the report.
        where: file and episode, put in front.
        prefix: field under which the checked object stands.
    """
    faults = error.errors(include_url=False)
    lines = [_fault(fault, prefix) for fault in faults[:MAX_REPORTED]]
    if len(faults) > MAX_REPORTED:
        lines.append(f"and {len(faults) - MAX_REPORTED} more")
    return InvalidEpisode(f"{where}: " + "; ".join(lines))


def _fault(fault: Any, prefix: str) -> str:
    path = _path((prefix, *fault["loc"]) if prefix else fault["loc"])
    label = f"{path}: " if path else ""
    kind, context = fault["type"], fault.get("ctx", {})
    if kind == "missing":
        return f"{label}found nothing, expected a value (the field is required)"
    if kind == "value_error":
        return label + str(context["error"])
    if kind in ("too_short", "too_long"):
        bound = "at least" if kind == "too_short" else "at most"
        length = context.get("min_length", context.get("max_length"))
        return f"{label}found {context['actual_length']} items, expected {bound} {length}"
    expected = _EXPECTED.get(kind) or fault["msg"].removeprefix("Input should be ")
    return f"{label}found {_short(fault['input'])}, expected {expected}"


_EXPECTED = {
    "model_type": "an object with named fields",
    "model_attributes_type": "an object with named fields",
    "dict_type": "an object with named fields",
    "list_type": "a list",
    "float_type": "a number",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "string_type": "text",
    "union_tag_invalid": "type 'robot_mounted' or 'exocentric'",
    "union_tag_not_found": "a field type, 'robot_mounted' or 'exocentric'",
}


def _short(value: object) -> str:
    text = repr(value)
    if len(text) > MAX_FOUND_CHARS:
        text = text[: MAX_FOUND_CHARS - 3] + "..."
    return f"{text} ({type(value).__name__})"


_UNION_BRANCHES = frozenset({"robot_mounted", "exocentric"})


def _path(location: tuple[int | str, ...]) -> str:
    text = ""
    for step in location:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step not in _UNION_BRANCHES and not step.startswith(("float", "list[")):
            text += f".{step}" if text else step
    return text
