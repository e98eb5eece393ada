"""Samples Pick episodes: which object, where it lies, where the robot stands and how."""

from collections.abc import Mapping

import numpy as np

from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.errors import InvalidScene
from molmospaces_gym.scenes.model import Array, SceneModel
from molmospaces_gym.scenes.referral import referral_phrase
from molmospaces_gym.tasks.sampling import (
    ATTEMPTS,
    base_pose,
    is_good_start,
    out_of_reach,
    reachable,
    scratch_of,
    start_episode,
    start_joints,
    surface_pose,
)


def sample_pick(
    scene: SceneModel,
    rng: np.random.Generator,
    categories: frozenset[str] | None,
    task: tuple[str, float, float],
) -> EpisodeSpec:
    """A Pick episode whose object is reachable, visible from the shoulder and free to grasp.

    Args:
        scene: where the episode plays.
        rng: the only source of randomness.
        categories: which objects may be asked for; None: any.
        task: task class, height of the goal above the start (m), time limit (s).

    Raises:
        InvalidScene: no such object can be reached, or no valid start was found.
    """
    options = reachable(scene, categories)
    if not options:
        raise InvalidScene(
            f"{out_of_reach(scene, 'Pick', categories)}; pass"
            " options={'episode': {'task': {'pickup_obj_name': ...}}}"
        )
    scratch = scratch_of(scene)
    for _ in range(ATTEMPTS):
        placement, names = options[rng.integers(len(options))]
        name = names[rng.integers(len(names))]
        pose = surface_pose(scene, scratch, placement, name, rng)
        base = base_pose(scene, placement, rng)
        joints = start_joints(scene.robot.config, scratch.start, rng)
        if pose is not None and is_good_start(scene, scratch, {name: pose}, base, joints):
            return _spec(scene, name, pose, base, joints, task)
    raise InvalidScene(
        f"scene {scene.house.name!r}: no collision-free visible start in {ATTEMPTS} attempts"
    )


def _spec(
    scene: SceneModel,
    name: str,
    pose: Array,
    base: list[float],
    joints: Mapping[str, list[float]],
    task: tuple[str, float, float],
) -> EpisodeSpec:
    task_cls, goal_lift, horizon_s = task
    start = pose.tolist()
    phrase = referral_phrase(scene, name)
    fields = {
        "task_cls": task_cls,
        "task_type": "pick",
        "robot_base_pose": base,
        "task_horizon_sec": horizon_s,
        "pickup_obj_name": name,
        "pickup_obj_start_pose": start,
        "pickup_obj_goal_pose": [*start[:2], start[2] + goal_lift, *start[3:]],
        "succ_pos_threshold": 0.01,
    }
    instruction, referrals = f"pick up the {phrase}.", {"pickup_obj_name": phrase}
    return start_episode(scene, joints, {name: pose}, fields, instruction, referrals)
