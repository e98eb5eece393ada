"""The tasks. Adding one is one file here and one row in ``registration.TASKS``."""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from molmospaces_gym.errors import InvalidConfig, InvalidEpisode, UnknownName
from molmospaces_gym.registration import TASKS
from molmospaces_gym.task_specs import task_name

if TYPE_CHECKING:
    from molmospaces_gym.tasks.base import Task


MULTI = "MultiTask"
"""The task made of others."""

PLAYED_BY = {
    "PickTask": "Pick",
    "PickAndPlaceTask": "PickAndPlace",
    "PickAndPlaceNextToTask": "PickAndPlaceNextTo",
    "PickAndPlaceColorTask": "PickAndPlaceColor",
    "OpeningTask": "Open",
    "DoorOpeningTask": "OpenDoor",
    "NavToObjTask": "NavigateTo",
    "HouseholdTask": "Household",
}
"""Class that an episode names (last part of ``task_cls``) -> the task that plays it."""


def task_of(fields: Mapping[str, Any]) -> str:
    """Name of the task that plays an episode with this ``task`` part.

    The official class of opening is also that of closing; ``task_type`` tells them apart.

    Raises:
        InvalidEpisode: no task plays this class.
    """
    cls = task_name(fields)
    name = PLAYED_BY.get(cls or "")
    if name == "Open" and fields.get("task_type") == "close":
        name = "Close"
    if name not in TASKS:
        known = ", ".join(sorted(cls for cls, task in PLAYED_BY.items() if task in TASKS))
        raise InvalidEpisode(f"task.task_cls: no env plays {cls!r}; known: {known}")
    return name


def get_task(name: str, weights: Mapping[str, float] | None = None) -> "Task":
    """The task registered under ``name``.

    Args:
        name: a key of ``TASKS``.
        weights: how often ``MultiTask`` plays which task; only for that.

    Raises:
        UnknownName: no such task.
        InvalidConfig: the task takes no weights.
    """
    if name not in TASKS:
        raise UnknownName("task", name, list(TASKS))
    if weights is not None and name != MULTI:
        raise InvalidConfig(f"task_weights is for {MULTI}, not for {name}")
    module, _, attribute = TASKS[name].partition(":")
    make = getattr(import_module(module), attribute)
    task: Task = make(weights) if name == MULTI else make()
    return task
