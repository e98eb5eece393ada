"""Registers every environment id by string entry points; imports nothing heavy."""

import gymnasium as gym

NAMESPACE = "molmospaces_gym"
VERSION = 1
TASKS = {
    "Pick": "molmospaces_gym.tasks.pick:PickTask",
    "PickAndPlace": "molmospaces_gym.tasks.pick_and_place:PickAndPlaceTask",
    "PickAndPlaceNextTo": "molmospaces_gym.tasks.next_to:PickAndPlaceNextToTask",
    "PickAndPlaceColor": "molmospaces_gym.tasks.color:PickAndPlaceColorTask",
    "Open": "molmospaces_gym.tasks.open_close:OpenTask",
    "Close": "molmospaces_gym.tasks.open_close:CloseTask",
    "OpenDoor": "molmospaces_gym.tasks.open_door:OpenDoorTask",
    "NavigateTo": "molmospaces_gym.tasks.navigate:NavigateToTask",
    "Household": "molmospaces_gym.tasks.household:HouseholdTask",
    "MultiTask": "molmospaces_gym.tasks.multi:MultiTask",
}
"""Task name -> "module:Class"; its id is ``molmospaces_gym/<name>-v1``. One row per task."""


def env_id(task: str) -> str:
    """The id of a task, e.g. ``molmospaces_gym/Pick-v1``."""
    return f"{NAMESPACE}/{task}-v{VERSION}"


def register_envs() -> None:
    """Register all ids once; a second call does nothing."""
    for task in TASKS:
        if env_id(task) not in gym.registry:
            gym.register(
                id=env_id(task),
                entry_point="molmospaces_gym.env:MolmoSpacesEnv",
                vector_entry_point="molmospaces_gym.vector_env:MolmoSpacesVectorEnv",
                kwargs={"task": task},
            )
