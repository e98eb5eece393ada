"""PickAndPlace: put one object on or in a receptacle (official ``PickAndPlaceTask``)."""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from molmospaces_gym import place_kernels
from molmospaces_gym.backends.base import World
from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.scenes.model import SceneModel
from molmospaces_gym.scenes.placement import default_base_pose
from molmospaces_gym.scenes.referral import referral_phrase
from molmospaces_gym.task_specs import OFFICIAL_TASK_CLS
from molmospaces_gym.tasks.base import Array, EpisodeTask, PrivilegedKey, TaskState
from molmospaces_gym.tasks.place_sampler import sample_on_receptacle
from molmospaces_gym.tasks.placing import PRIVILEGED_KEYS, Placing, required_name
from molmospaces_gym.tasks.support import WEIGHT_SHARE, KnownRests, ReceptacleSupport

MAX_SHIFT, MAX_TILT = 0.15, math.radians(60.0)
"""How far (m, rad) the receptacle may go, where the episode does not say (official benchmarks)."""
PAPER_SHIFT, PAPER_TILT = 0.10, math.radians(45.0)
"""The same in the papers, whatever the episode says."""


class PickAndPlaceTask:
    """Put the named object on, or in, the named receptacle and let go of it.

    Success, as in the official evaluator, momentary and without a latch: the receptacle supports
    the object, the robot does not touch the object, and the receptacle has moved at most
    ``max_place_receptacle_pos_displacement`` (default 0.15 m) with its up axis tilted by at most
    ``max_place_receptacle_rot_displacement`` (60 degrees; turning about the vertical is free).
    Supported means one of:

    * force: what the receptacle exerts on the object points up within 30 degrees and is at least
      ``receptacle_supported_weight_frac`` (0.5) of its weight;
    * contact: one of the receptacle's contacts lies below the middle of the object's box and faces
      up within 30 degrees;
    * boxes (objects with metadata): the middle of the object's box is over the receptacle's, its
      base between half the receptacle's height and 1 cm above its top;
    * carry-forward: within 5 mm and 10 degrees, in the receptacle's frame, of a pose at which one
      of these held earlier in the episode.

    With ``success_rule="paper"`` the force alone counts, the receptacle may move 0.10 m and tilt 45
    degrees, and a touch of the robot does no harm.

    Official bugs left out: the check of release compares integer ids (the official one compares
    objects with ids for RB-Y1 and always passes), and what sleeps keeps its contacts.

    Dense reward terms are changes of potentials (see ``dense_terms``): ``reach``, ``grasp`` and
    ``lift`` as for Pick; ``transport`` how near the object is to its place on the receptacle;
    ``place`` 1 while supported, when all before it count as done; ``release`` 1 once let go there;
    ``intact`` falls from 1 to 0 as the receptacle moves as far as is allowed, or the object drops
    10 cm below both, and to one half where the object lies knocked over; ``success``. The official
    reward is exp(-distance (m) to the middle of the receptacle's box).

    Privileged observation (``obs_mode="state"``), in the robot's base frame, m: ``object_pose`` and
    ``receptacle_pose`` (x, y, z, qw, qx, qy, qz), ``object_size`` and ``receptacle_size`` (half
    extents in the body's own axes), ``object_to_tcp`` (from the middle of the object to the tool),
    ``goal_position`` (where the middle of the object should come) and ``object_to_goal``. The
    robot's keys and the action are those of every task: see ``observations`` and ``actions``.
    """

    name = "PickAndPlace"
    task_cls = OFFICIAL_TASK_CLS["PickAndPlaceTask"]
    task_type = "pick_and_place"
    horizon_s = 40.0
    robot = "franka_droid"
    dataset = "generated"
    control_dt: float | None = None
    action_mode = "joint_delta"
    reward_scales: Mapping[str, float] = MappingProxyType(
        {
            "reach": 2.0,
            "grasp": 1.0,
            "lift": 2.0,
            "transport": 4.0,
            "place": 3.0,
            "release": 2.0,
            "intact": 4.0,
            "success": 10.0,
        }
    )
    privileged_keys: Mapping[str, PrivilegedKey] = PRIVILEGED_KEYS

    def sample(
        self, scene: SceneModel, rng: np.random.Generator, categories: frozenset[str] | None
    ) -> EpisodeSpec:
        return sample_on_receptacle(self, scene, rng, categories)

    def defaults(self, spec: Mapping[str, Any], scene: SceneModel) -> dict[str, Any]:
        """Fill start poses (where the scene puts the two), limits and a base pose."""
        task = dict(spec)
        name = required_name(task, "pickup_obj_name", "the body to move")
        other = required_name(task, "place_receptacle_name", "the body to place it by")
        address, _ = scene.free_joint(name)
        task.setdefault("robot_base_pose", default_base_pose(scene, name, other))
        task.setdefault("task_cls", self.task_cls)
        task.setdefault("task_type", self.task_type)
        start = [float(v) for v in scene.rest_qpos[address : address + 7]]
        task.setdefault("pickup_obj_start_pose", start)
        task.setdefault("place_receptacle_start_pose", scene.rest_pose(other).tolist())
        return {**self.limits(), **task}

    def limits(self) -> dict[str, float]:
        """The fields that say what counts as success, with their official values."""
        return {
            "receptacle_supported_weight_frac": WEIGHT_SHARE,
            "max_place_receptacle_pos_displacement": MAX_SHIFT,
            "max_place_receptacle_rot_displacement": MAX_TILT,
        }

    def instruction(self, task: Mapping[str, Any], scene: SceneModel) -> str:
        thing = referral_phrase(scene, task["pickup_obj_name"])
        place = referral_phrase(scene, task["place_receptacle_name"])
        return f"pick up the {thing} and place it on the {place}."

    def bind(
        self, world: World, slot: int, scene: SceneModel, episode: EpisodeSpec, rule: str
    ) -> EpisodeTask:
        return PickAndPlaceEpisode(world, slot, scene, episode, rule)


class PickAndPlaceEpisode:
    """One episode of putting an object on a receptacle."""

    def __init__(
        self, world: World, slot: int, scene: SceneModel, episode: EpisodeSpec, rule: str
    ) -> None:
        task = episode.task
        self.placing = Placing(world, slot, scene, episode)
        self._by_paper = rule == "paper"
        shift = float(task.get("max_place_receptacle_pos_displacement", MAX_SHIFT))
        tilt = float(task.get("max_place_receptacle_rot_displacement", MAX_TILT))
        self._limits = (PAPER_SHIFT, PAPER_TILT) if self._by_paper else (shift, tilt)
        self._support = ReceptacleSupport(
            world,
            slot,
            scene,
            (self.placing.body, self.placing.receptacle),
            self.placing.owner,
            float(task.get("receptacle_supported_weight_frac", WEIGHT_SHARE)),
        )
        self._boxes_count = task["pickup_obj_name"] in scene.objects
        self._known = KnownRests()

    def evaluate(self) -> TaskState:
        placing, known = self.placing, self._known
        placing.measure(known.poses, known.count)
        measures = placing.measures.tolist()
        middle = measures[place_kernels.MIDDLE]
        carried = self._support.carried(
            placing.relative, placing.on_receptacle, placing.near_receptacle, middle
        )
        now = carried.by_force or carried.by_normal
        now = now or (self._boxes_count and measures[place_kernels.OVER] > 0.0)
        if now:
            known.add(placing.relative)
        shift, turn = measures[place_kernels.CARRY_SHIFT], measures[place_kernels.CARRY_TURN]
        as_before = shift <= place_kernels.CARRY_POSITION and turn <= place_kernels.CARRY_ROTATION
        supported = carried.by_force if self._by_paper else now or as_before
        harm = max(
            measures[place_kernels.SHIFT] / self._limits[0],
            measures[place_kernels.TILT] / self._limits[1],
        )
        released = self._by_paper or not placing.robot_contact
        return placing.state(
            bool(supported and released and harm <= 1.0),
            bool(supported),
            harm,
            supported_by_receptacle=float(now),
            supported_by_carry_forward=float(as_before),
            carry_forward_pos_diff=shift,
            carry_forward_rot_diff=turn,
            weight_share=carried.weight_share,
        )

    def official_reward(self, state: TaskState) -> float:
        return self.placing.official_reward(state)

    def privileged(self, out: Array) -> None:
        self.placing.privileged(out)
