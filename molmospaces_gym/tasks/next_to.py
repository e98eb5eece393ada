"""PickAndPlaceNextTo: put one object beside another (official ``PickAndPlaceNextToTask``)."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from molmospaces_gym import place_kernels
from molmospaces_gym.backends.base import World
from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.scenes.model import SceneModel
from molmospaces_gym.scenes.referral import referral_phrase
from molmospaces_gym.task_specs import OFFICIAL_TASK_CLS
from molmospaces_gym.tasks.base import Array, EpisodeTask, TaskState
from molmospaces_gym.tasks.pick_and_place import MAX_SHIFT, MAX_TILT, PickAndPlaceTask
from molmospaces_gym.tasks.place_sampler import sample_next_to
from molmospaces_gym.tasks.placing import Placing
from molmospaces_gym.tasks.support import StandsOn

MIN_GAP, MAX_GAP = 0.0, 0.05
"""Gap (m) between the two boxes where the episode does not say (official)."""
GAP_SLACK = 0.01
"""Added to the largest gap by the official evaluator, m."""
PAPER_GAP, PAPER_SHIFT, PAPER_TURN = 0.05, 0.05, math.radians(45.0)
"""Largest gap (m), and how far (m, rad) the reference object may go, in the paper."""

_NOWHERE = np.empty((0, 7))


class PickAndPlaceNextToTask(PickAndPlaceTask):
    """Put the named object beside the reference object (``place_receptacle_name``).

    Success, as in the official evaluator, momentary and without a latch: the horizontal gap between
    the two world-aligned boxes is between ``min_surface_to_surface_gap`` (default 0; boxes that
    overlap seen from above have gap 0) and ``max_surface_to_surface_gap`` (0.05 m) + 1 cm, one and
    the same body supports both, and the reference has moved at most 0.15 m and turned, about any
    axis, at most 60 degrees (the fields of PickAndPlace). A body supports an object by a contact
    below the middle of its box that faces up within 80 degrees, or, where there is none, by boxes:
    its top within 2 cm of the object's base, under at least half of it. There is no test of
    release: pushing the object there, or still holding it, counts.

    With ``success_rule="paper"`` the gap is below 5 cm, and the reference may move 5 cm and turn 45
    degrees.

    Dense reward terms are those of PickAndPlace with the place beside the reference as the goal:
    ``transport`` does not draw the object into the reference, as the official reward
    exp(-distance (m) to its middle) does. ``place`` is 1 while the gap and the support are right.

    Privileged observation and actions are those of PickAndPlace; ``goal_position`` is the nearest
    place beside the reference.
    """

    name = "PickAndPlaceNextTo"
    task_cls = OFFICIAL_TASK_CLS["PickAndPlaceNextToTask"]
    task_type = "pick_and_place_next_to"

    def sample(
        self, scene: SceneModel, rng: np.random.Generator, categories: frozenset[str] | None
    ) -> EpisodeSpec:
        return sample_next_to(self, scene, rng, categories)

    def limits(self) -> dict[str, float]:
        gaps = {"min_surface_to_surface_gap": MIN_GAP, "max_surface_to_surface_gap": MAX_GAP}
        return super().limits() | gaps

    def instruction(self, task: Mapping[str, Any], scene: SceneModel) -> str:
        thing = referral_phrase(scene, task["pickup_obj_name"])
        place = referral_phrase(scene, task["place_receptacle_name"])
        return f"pick up the {thing} and place it next to the {place}."

    def bind(
        self, world: World, slot: int, scene: SceneModel, episode: EpisodeSpec, rule: str
    ) -> EpisodeTask:
        return NextToEpisode(world, slot, scene, episode, rule)


class NextToEpisode:
    """One episode of putting an object beside another."""

    def __init__(
        self, world: World, slot: int, scene: SceneModel, episode: EpisodeSpec, rule: str
    ) -> None:
        task = episode.task
        self._world, self._slot = world, slot
        shift = float(task.get("max_place_receptacle_pos_displacement", MAX_SHIFT))
        turn = float(task.get("max_place_receptacle_rot_displacement", MAX_TILT))
        low, high = gap_limits(task)
        self._limits, self._gaps = (shift, turn), (low, high + GAP_SLACK)
        if rule == "paper":
            self._limits = PAPER_SHIFT, PAPER_TURN
            self._gaps = low, float(np.nextafter(PAPER_GAP, 0.0))
        self.placing = Placing(world, slot, scene, episode, 0.5 * (low + high))
        bodies = self.placing.body, self.placing.receptacle
        self._stands = [StandsOn(world, slot, scene, body) for body in bodies]

    def evaluate(self) -> TaskState:
        placing = self.placing
        placing.measure(_NOWHERE, 0)
        measures = placing.measures.tolist()
        gap = measures[place_kernels.GAP]
        near = self._gaps[0] <= gap <= self._gaps[1]
        placed = near and self._share_support()
        harm = max(
            measures[place_kernels.SHIFT] / self._limits[0],
            measures[place_kernels.TURN] / self._limits[1],
        )
        success = placed and harm <= 1.0
        return placing.state(success, placed, harm, gap=gap, same_support=float(placed))

    def _share_support(self) -> bool:
        contacts = self._world.contacts(self._slot)
        first, second = (stands.supports(contacts) for stands in self._stands)
        return bool(first & second)

    def official_reward(self, state: TaskState) -> float:
        return self.placing.official_reward(state)

    def privileged(self, out: Array) -> None:
        self.placing.privileged(out)


def gap_limits(task: Mapping[str, Any]) -> tuple[float, float]:
    """Least and largest gap (m) of an episode; null means the official default."""
    low, high = task.get("min_surface_to_surface_gap"), task.get("max_surface_to_surface_gap")
    return MIN_GAP if low is None else float(low), MAX_GAP if high is None else float(high)
