"""PickAndPlaceColor: put one object on the receptacle of the named colour."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.errors import InvalidEpisode
from molmospaces_gym.scenes.model import SceneModel
from molmospaces_gym.scenes.paint import NAMED_COLORS
from molmospaces_gym.scenes.referral import plain_phrase, referral_phrase
from molmospaces_gym.task_specs import OFFICIAL_TASK_CLS
from molmospaces_gym.tasks.pick_and_place import PickAndPlaceTask
from molmospaces_gym.tasks.place_sampler import sample_coloured


class PickAndPlaceColorTask(PickAndPlaceTask):
    """Put the named object on the receptacle that has the named colour; a twin has another.

    ``task.object_colors`` gives the two their colours (see ``scenes.paint``: only pictures change,
    never the shared model), so the state observation, which names the target's pose, does not need
    them. Success, rewards, observation and actions are those of PickAndPlace on the target:
    placing on the twin is no success.
    """

    name = "PickAndPlaceColor"
    task_cls = OFFICIAL_TASK_CLS["PickAndPlaceColorTask"]
    task_type = "pick_and_place_color"

    def sample(
        self, scene: SceneModel, rng: np.random.Generator, categories: frozenset[str] | None
    ) -> EpisodeSpec:
        return sample_coloured(self, scene, rng, categories)

    def defaults(self, spec: Mapping[str, Any], scene: SceneModel) -> dict[str, Any]:
        """As for PickAndPlace; receptacles without a colour get the first named ones."""
        task = super().defaults(spec, scene)
        others = task.setdefault("other_receptacle_names", [])
        poses = {name: scene.rest_pose(name).tolist() for name in others}
        task.setdefault("other_receptacle_start_poses", poses)
        given = dict(task.get("object_colors") or {})
        free = [rgba for rgba in NAMED_COLORS.values() if list(rgba) not in given.values()]
        for name in (task["place_receptacle_name"], *others):
            if name not in given:
                given[name] = list(free.pop(0))
        return {**task, "object_colors": given}

    def instruction(self, task: Mapping[str, Any], scene: SceneModel) -> str:
        target = task["place_receptacle_name"]
        thing = referral_phrase(scene, task["pickup_obj_name"])
        colours = task.get("object_colors") or {}
        if target not in colours:
            raise InvalidEpisode(f"task.object_colors has no colour for {target!r}")
        place = f"{color_name(colours[target])} {plain_phrase(scene, target)}"
        return f"pick up the {thing} and place it in or on the {place}."


def color_name(rgba: Any) -> str:
    """The named colour nearest to red, green and blue in 0..1, in words."""
    values = np.asarray(rgba, dtype=float)[:3]
    distance = {k: float(np.abs(values - v[:3]).sum()) for k, v in NAMED_COLORS.items()}
    return min(distance, key=distance.__getitem__).replace("_", " ")
