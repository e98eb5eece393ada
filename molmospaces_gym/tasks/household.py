"""Household: several things one after another, in several rooms of a house.

Ours, not the official package's; made of the rules of its tasks.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from molmospaces_gym.backends.base import World
from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.errors import InvalidEpisode
from molmospaces_gym.scenes.model import SceneModel
from molmospaces_gym.tasks.base import Array, EpisodeTask, PrivilegedKey, TaskState
from molmospaces_gym.tasks.household_sampler import (
    MAX_STAGES,
    TASK_CLS,
    default_start,
    sample_household,
)
from molmospaces_gym.tasks.household_stages import (
    KINDS,
    PLAYS,
    PlayedStage,
    StageState,
    completed,
    make_stage,
    parse_stages,
)
from molmospaces_gym.tasks.household_text import household_text
from molmospaces_gym.tasks.key_union import places_of, union_keys

_OWN_KEYS = {
    "stage_kind": PrivilegedKey(len(KINDS), 0.0, 1.0),
    "stages_done": PrivilegedKey(1, 0.0, 1.0),
    "target_position": PrivilegedKey(3, -50.0, 50.0),
    "way_direction": PrivilegedKey(2, -1.0, 1.0),
    "way_length": PrivilegedKey(1, 0.0, 100.0),
}
_OWN_SIZE = sum(key.size for key in _OWN_KEYS.values())


class HouseholdTask:
    """Do what ``task.stages`` lists, in this order: one to six stages of these kinds.

    * ``go_to_room``: the middle of the base is over the floor of ``room``; with
      ``pickup_obj_name`` that object is, too (bring it along).
    * ``open``, ``close``, ``pick``, ``place``: success of Open, Close, Pick and PickAndPlace with
      the stage's fields, those of the tasks' episodes, by the same code and ``success_rule``.

    A stage begins when the one before it is done, and what is done stays done, with one exception:
    the last stage. Success is that the last stage is done now and all before it have been. An
    object that was dropped on the way is no failure as long as it comes to its place in the end;
    what was opened need not stay open.

    Dense reward terms are changes of potentials (see ``dense_terms``): ``progress`` is the number
    of stages that are done plus the progress of the current one, as a share of all; ``success`` 1
    while successful. A stage's progress is 1 when it is done; else, for the way, the share of it
    that is done (of the object where one is brought or placed), and 0.7 of it the potentials of
    the stage's task, weighted as there. It is negative where things become worse than they were
    when the stage began. There is no official reward; in that mode it is the share of stages done.

    Privileged observation: ``stage_kind`` one-hot in the order above, ``stages_done`` a share;
    in the robot's base frame the target's position, direction and length of the shortest way to
    it; and the keys of the current stage's task, 0 where it has none of them.

    ``info``: ``stage`` (index of the current stage), ``stages`` (how many), ``stages_done``
    (share), ``stage_kind`` (of the current one) and ``stage/<k>``, whether stage k is done, for
    all k below ``MAX_STAGES`` so that episodes have the same keys.
    """

    name = "Household"
    horizon_s = 200.0
    robot = "franka_mobile"
    dataset = "homes"
    control_dt: float | None = None
    action_mode = "joint_delta"
    reward_scales: Mapping[str, float] = MappingProxyType({"progress": 20.0, "success": 10.0})
    privileged_keys: Mapping[str, PrivilegedKey] = MappingProxyType(union_keys(_OWN_KEYS, PLAYS))

    def sample(
        self, scene: SceneModel, rng: np.random.Generator, categories: frozenset[str] | None
    ) -> EpisodeSpec:
        return sample_household(self.horizon_s, scene, rng, categories)

    def defaults(self, spec: Mapping[str, Any], scene: SceneModel) -> dict[str, Any]:
        """Fill the fields of the stages, and a start on free floor."""
        task = dict(spec)
        task["stages"] = [completed(stage, scene) for stage in parse_stages(task)]
        task.setdefault("task_cls", TASK_CLS)
        task.setdefault("task_type", "household")
        if "robot_base_pose" not in task:
            task["robot_base_pose"] = default_start(scene)
        return task

    def instruction(self, task: Mapping[str, Any], scene: SceneModel) -> str:
        return household_text(scene, parse_stages(task))

    def bind(
        self,
        world: World,
        slot: int,
        scene: SceneModel,
        episode: EpisodeSpec,
        rule: str = "official",
    ) -> EpisodeTask:
        return HouseholdEpisode(world, slot, scene, episode, rule)


class HouseholdEpisode:
    """One Household episode: its stages, all bound at the start, and which is the current one."""

    def __init__(
        self, world: World, slot: int, scene: SceneModel, episode: EpisodeSpec, rule: str
    ) -> None:
        stages = parse_stages(episode.task)
        if len(stages) > MAX_STAGES:
            raise InvalidEpisode(
                f"task.stages: found {len(stages)} stages, expected at most {MAX_STAGES}"
            )
        self.stages = [make_stage(s, world, slot, scene, episode, rule) for s in stages]
        self.index = 0
        self.current = StageState(False, 0.0, 0.0)
        keys = HouseholdTask.privileged_keys
        self._places = {k: places_of(keys, task.privileged_keys) for k, task in PLAYS.items()}

    @property
    def done(self) -> int:
        """How many stages are done."""
        return self.index + int(self.current.done)

    def evaluate(self) -> TaskState:
        last = len(self.stages) - 1
        self.current = self.stages[self.index].evaluate()
        while self.current.done and self.index < last:
            self.index += 1
            self.current = self.stages[self.index].evaluate()
        success, count = self.current.done, len(self.stages)
        progress = (self.index + self.current.progress) / count
        return TaskState(
            success=success,
            potentials={"progress": progress, "success": float(success)},
            quantities={
                "stage": float(self.index),
                "stages_done": self.done / count,
                "way": self.current.way,
            },
        )

    def extra_info(self) -> dict[str, Any]:
        """Which stage is played and which are done."""
        done = self.done
        return {
            "stage": float(self.index),
            "stages": float(len(self.stages)),
            "stages_done": done / len(self.stages),
            "stage_kind": self.stages[self.index].kind,
            **{f"stage/{k}": k < done for k in range(MAX_STAGES)},
        }

    def official_reward(self, state: TaskState) -> float:
        """The share of stages that are done."""
        return state.quantities["stages_done"]

    def privileged(self, out: Array) -> None:
        stage, kinds = self.stages[self.index], len(KINDS)
        out[:] = 0.0
        out[KINDS.index(stage.kind)] = 1.0
        out[kinds] = self.done / len(self.stages)
        stage.describe(out[kinds + 1 : _OWN_SIZE])
        if isinstance(stage, PlayedStage):
            places = self._places[stage.kind]
            values = np.zeros(len(places))
            stage.episode.privileged(values)
            out[places] = values
