"""All axes of a sweep by name."""

from collections.abc import Mapping
from types import MappingProxyType

from molmospaces_gym.benchmarks.sweep.axis import Axis
from molmospaces_gym.benchmarks.sweep.prompts import VERB_AXIS, WORD_AXIS
from molmospaces_gym.benchmarks.sweep.starts import DISTANCE_AXIS, JOINT_AXIS
from molmospaces_gym.benchmarks.sweep.views import CAMERA_AXIS, LIGHT_AXIS, OCCLUSION_AXIS
from molmospaces_gym.errors import UnknownName

AXES: Mapping[str, Axis] = MappingProxyType(
    {
        axis.name: axis
        for axis in (
            VERB_AXIS,
            WORD_AXIS,
            JOINT_AXIS,
            OCCLUSION_AXIS,
            CAMERA_AXIS,
            LIGHT_AXIS,
            DISTANCE_AXIS,
        )
    }
)
"""Axis name -> axis, in the order in which they are played."""


def axis_names() -> tuple[str, ...]:
    """Names of the axes."""
    return tuple(AXES)


def find_axis(name: str) -> Axis:
    """The axis of a name; raises ``UnknownName``."""
    if name not in AXES:
        raise UnknownName("axis", name, list(AXES))
    return AXES[name]
