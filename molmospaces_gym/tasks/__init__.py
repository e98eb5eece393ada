"""The tasks. Adding one is one file here and one row in ``TASKS``."""

from importlib import import_module
from typing import TYPE_CHECKING

from molmospaces_gym.errors import UnknownName

if TYPE_CHECKING:
    from molmospaces_gym.tasks.base import Task

TASKS = {
    "Pick": "molmospaces_gym.tasks.pick:PickTask",
}
"""Task name -> "module:Class"; the env id is ``molmospaces_gym/<name>-v1``."""


def get_task(name: str) -> "Task":
    """The task registered under ``name``; raises ``UnknownName``."""
    if name not in TASKS:
        raise UnknownName("task", name, list(TASKS))
    module, _, attribute = TASKS[name].partition(":")
    task: Task = getattr(import_module(module), attribute)()
    return task
