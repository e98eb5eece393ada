"""MultiTask: every episode plays one of several tasks, drawn by weights."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from molmospaces_gym.backends.base import World
from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.errors import InvalidConfig, InvalidScene, UnknownName
from molmospaces_gym.registration import TASKS
from molmospaces_gym.scenes.model import SceneModel
from molmospaces_gym.tasks import get_task, task_of
from molmospaces_gym.tasks.base import Array, EpisodeTask, PrivilegedKey, Task, TaskState
from molmospaces_gym.tasks.key_union import places_of, union_keys

ARM_TASKS = ("Pick", "PickAndPlace", "PickAndPlaceNextTo", "PickAndPlaceColor", "Open", "Close")
"""Tasks of the Franka, which ``MultiTask`` plays in equal shares where no weights are given."""


class MultiTask:
    """One env for several tasks: an episode's task is drawn with the weights ``task_weights``.

    Default: the six tasks of the Franka, equally often. Success, instruction, horizon and reward
    are those of the drawn task; ``info["task"]`` names it. The dense reward is one term,
    ``progress``, the sum of what the task's own terms would be. A house that cannot offer the drawn
    task is asked for another.

    Privileged observation: ``task``, 1 for the drawn task and 0 for the others in the order of the
    weights, and the keys of all tasks, 0 where the drawn one does not have them. Keys that tasks
    share have one place.
    """

    name = "MultiTask"
    horizon_s = 40.0
    robot = "franka_droid"
    dataset = "generated"
    control_dt = None
    action_mode = "joint_delta"
    reward_scales: Mapping[str, float] = MappingProxyType({"progress": 1.0})

    def __init__(self, weights: Mapping[str, float] | None = None) -> None:
        """See the class.

        Raises:
            UnknownName: a weight names no task.
            InvalidConfig: there is no weight above 0, a negative one, or a task of another robot.
        """
        chosen = dict.fromkeys((t for t in ARM_TASKS if t in TASKS), 1.0)
        shares = dict(chosen if weights is None else weights)
        for name, weight in shares.items():
            if name not in TASKS or name == self.name:
                raise UnknownName("task", name, [t for t in TASKS if t != self.name])
            if not np.isfinite(weight) or weight < 0:
                raise InvalidConfig(f"task_weights[{name!r}] must be at least 0, not {weight!r}")
        if not sum(shares.values()) > 0:
            raise InvalidConfig(f"task_weights needs a weight above 0, not {shares}")
        self.tasks: dict[str, Task] = {name: get_task(name) for name in shares}
        self._shares = np.array(list(shares.values())) / sum(shares.values())
        robots = sorted({task.robot for task in self.tasks.values()})
        if len(robots) > 1:
            raise InvalidConfig(
                f"task_weights mixes tasks of {', '.join(robots)}; name one robot's"
            )
        self.robot = robots[0]
        mark = {"task": PrivilegedKey(len(self.tasks), 0.0, 1.0)}
        self.privileged_keys: Mapping[str, PrivilegedKey] = union_keys(mark, self.tasks)

    def sample(
        self, scene: SceneModel, rng: np.random.Generator, categories: frozenset[str] | None
    ) -> EpisodeSpec:
        names = list(self.tasks)
        first = int(rng.choice(len(names), p=self._shares))
        others = [i for i in rng.permutation(len(names)) if i != first and self._shares[i] > 0]
        for number, index in enumerate([first, *others]):
            try:
                return self.tasks[names[int(index)]].sample(scene, rng, categories)
            except InvalidScene:
                if number == len(others):
                    raise
        raise AssertionError("unreachable: the last task returns or raises")

    def _of(self, fields: Mapping[str, Any]) -> str:
        name = task_of(fields)
        if name not in self.tasks:
            raise InvalidConfig(
                f"the episode plays {name}, which is not in task_weights: {', '.join(self.tasks)}"
            )
        return name

    def defaults(self, spec: Mapping[str, Any], scene: SceneModel) -> dict[str, Any]:
        """Those of the task that ``task_cls`` (and ``task_type``) names."""
        return self.tasks[self._of(spec)].defaults(spec, scene)

    def instruction(self, task: Mapping[str, Any], scene: SceneModel) -> str:
        return self.tasks[self._of(task)].instruction(task, scene)

    def bind(
        self,
        world: World,
        slot: int,
        scene: SceneModel,
        episode: EpisodeSpec,
        rule: str = "official",
    ) -> EpisodeTask:
        name = self._of(episode.task)
        bound = self.tasks[name].bind(world, slot, scene, episode, rule)
        return MultiEpisode(self, name, bound)


class MultiEpisode:
    """An episode of one of the tasks, seen through the keys of all."""

    def __init__(self, multi: MultiTask, name: str, episode: EpisodeTask) -> None:
        task = multi.tasks[name]
        self.task_name = name
        self._episode, self._scales = episode, task.reward_scales
        self._mark = list(multi.tasks).index(name)
        self._values = np.zeros(sum(key.size for key in task.privileged_keys.values()))
        self._places = places_of(multi.privileged_keys, task.privileged_keys)

    def evaluate(self) -> TaskState:
        state = self._episode.evaluate()
        progress = sum(scale * state.potentials[name] for name, scale in self._scales.items())
        return TaskState(state.success, {"progress": progress}, state.quantities)

    def official_reward(self, state: TaskState) -> float:
        return self._episode.official_reward(state)

    def privileged(self, out: Array) -> None:
        out[:] = 0.0
        out[self._mark] = 1.0
        self._episode.privileged(self._values)
        out[self._places] = self._values
