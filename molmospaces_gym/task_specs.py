"""Typed views of an episode's ``task`` dict, with the defaults of the official schema.

Fields and defaults: reference of the official benchmark schema (``benchmark_schema.py`` of
allenai/molmospaces). Poses are [x, y, z, qw, qx, qy, qz] in the world, metres; a missing optional
field means the official default. Extra keys are kept.
"""

import math
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from molmospaces_gym.schema import (
    Flag,
    Integer,
    Number,
    NumberOrNumbers,
    Numbers,
    Pose,
    Poses,
    Positive,
    RgbaByName,
    SpecModel,
    invalid_episode,
)


class TaskSpec(SpecModel):
    """What every task has. ``task_cls`` decides which task an episode plays."""

    task_cls: str
    task_type: str | None = None
    robot_base_pose: Pose
    """World pose of ``robot_0/base``: the bottom of the pedestal."""
    task_horizon_sec: Positive | None = None
    """Time limit in seconds; None leaves it to the env."""


class PickTaskSpec(TaskSpec):
    """Lift one object."""

    pickup_obj_name: str
    pickup_obj_start_pose: Pose
    pickup_obj_goal_pose: Pose | None = None
    receptacle_name: str | None = None
    succ_pos_threshold: Number = 0.01
    """Lift height in metres that counts as picked."""


class PickAndPlaceTaskSpec(PickTaskSpec):
    """Put one object on or in a receptacle."""

    place_receptacle_name: str
    place_receptacle_start_pose: Pose
    receptacle_supported_weight_frac: Number = 0.5
    max_place_receptacle_pos_displacement: Number = 0.15
    """Metres that the receptacle may move."""
    max_place_receptacle_rot_displacement: Number = math.radians(60)
    """Radians that the receptacle may turn."""


class PickAndPlaceNextToTaskSpec(PickAndPlaceTaskSpec):
    """Put one object beside another; the gaps are metres between their boxes."""

    min_surface_to_surface_gap: Number | None = None
    max_surface_to_surface_gap: Number | None = None


class PickAndPlaceColorTaskSpec(PickAndPlaceTaskSpec):
    """Put one object on the receptacle of the named colour."""

    object_colors: RgbaByName | None = None
    other_receptacle_names: list[str] | None = None
    other_receptacle_start_poses: Poses | None = None


class OpenCloseTaskSpec(TaskSpec):
    """Open or close an articulated object; ``task_type`` says which."""

    pickup_obj_name: str
    pickup_obj_start_pose: Pose
    articulation_object_name: str | None = None
    joint_name: str
    joint_index: Integer = 0
    joint_start_position: NumberOrNumbers
    joint_goal_position: Number | None = None
    task_success_threshold: Number = 0.20
    """Fraction of the joint's range."""
    any_inst_of_category: Flag = False


class NavToObjTaskSpec(TaskSpec):
    """Drive to an object and see it."""

    pickup_obj_name: str
    pickup_obj_candidates: list[str] | None = None
    pickup_obj_start_pose: Pose | None = None
    receptacle_name: str | None = None
    succ_pos_threshold: Number = 1.5
    """Metres between robot base and object, in the floor plane."""


class DoorOpeningTaskSpec(TaskSpec):
    """Open a door."""

    door_body_name: str
    articulated_joint_range: Numbers | None = None
    articulated_joint_reset_state: Numbers | None = None
    door_openness_threshold: Number = 0.67
    """Fraction of the hinge's range."""


TASK_SPECS: Mapping[str, type[TaskSpec]] = {
    "PickTask": PickTaskSpec,
    "PickAndPlaceTask": PickAndPlaceTaskSpec,
    "PickAndPlaceNextToTask": PickAndPlaceNextToTaskSpec,
    "PickAndPlaceColorTask": PickAndPlaceColorTaskSpec,
    "OpeningTask": OpenCloseTaskSpec,
    "DoorOpeningTask": DoorOpeningTaskSpec,
    "NavToObjTask": NavToObjTaskSpec,
}
"""Last part of an official ``task_cls`` -> its spec."""

OFFICIAL_TASK_CLS: Mapping[str, str] = {
    "PickTask": "molmo_spaces.tasks.pick_task.PickTask",
    "PickAndPlaceTask": "molmo_spaces.tasks.pick_and_place_task.PickAndPlaceTask",
    "PickAndPlaceNextToTask": (
        "molmo_spaces.tasks.pick_and_place_next_to_task.PickAndPlaceNextToTask"
    ),
    "PickAndPlaceColorTask": "molmo_spaces.tasks.pick_and_place_color_task.PickAndPlaceColorTask",
    "OpeningTask": "molmo_spaces.tasks.opening_tasks.OpeningTask",
    "DoorOpeningTask": "molmo_spaces.tasks.opening_tasks.DoorOpeningTask",
    "NavToObjTask": "molmo_spaces.tasks.nav_task.NavToObjTask",
}
"""Class name -> the dotted name that official tools write and read."""

T = TypeVar("T", bound=TaskSpec)


def task_name(task: Mapping[str, Any]) -> str | None:
    """Class name that a task dict asks for, e.g. ``PickTask``; None when it names no class."""
    task_cls = task.get("task_cls")
    return task_cls.rpartition(".")[2] if isinstance(task_cls, str) and task_cls else None


def parse_task(task: Mapping[str, Any], spec_type: type[T], where: str = "episode") -> T:
    """Reads a task dict as ``spec_type``.

    Raises:
        InvalidEpisode: a field is missing or has the wrong type.
    """
    try:
        return spec_type.model_validate(task)
    except ValidationError as error:
        raise invalid_episode(error, where, "task") from error
