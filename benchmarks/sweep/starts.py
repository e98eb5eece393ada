"""Where the robot starts: offsets of its joints and distance of its base from the object."""

import math

from molmospaces_gym.benchmarks.sweep.axis import Axis, Level, number
from molmospaces_gym.benchmarks.sweep.setup import Setup, stream
from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.errors import AxisUnavailable
from molmospaces_gym.randomization.displaced import moved_base, offset_joints

FARTHEST = 20.0
"""Largest change of distance, m (official starts of navigation are up to 20 m away)."""
DRIVES = "NavigateTo"
"""The task whose robot drives to its object."""


def _joint_level(setup: Setup, text: str) -> Level:
    size = number("joints", text, 0.0, math.pi)
    groups = tuple(arm.group for arm in setup.robot.arms)

    def change(episode: EpisodeSpec) -> EpisodeSpec | None:
        rng = stream("joints", episode)
        return offset_joints(setup.scene_of(episode), episode, groups, size, rng)

    return Level(name=f"{size:g}", value=size, change=change if size else None)


def _distance_level(setup: Setup, text: str) -> Level:
    offset = number("distance", text, -FARTHEST, FARTHEST)
    if not any(_targets(episode) for episode in setup.episodes):
        raise AxisUnavailable(
            "axis 'distance': the episodes name no object (task.pickup_obj_name or"
            " task.door_body_name) to which the robot could start nearer"
        )

    def change(episode: EpisodeSpec) -> EpisodeSpec | None:
        scene, on_floor = setup.scene_of(episode), setup.task.name == DRIVES
        return moved_base(scene, episode, _targets(episode), offset, on_floor)

    name = f"{offset:+g}" if offset else "0"
    return Level(name=name, value=offset, change=change if offset else None)


def _targets(episode: EpisodeSpec) -> list[str]:
    """The bodies whose distance counts: the nearest of them."""
    task = episode.task
    one = task.get("pickup_obj_name") or task.get("door_body_name")
    return [str(name) for name in task.get("pickup_obj_candidates") or [one] if name]


def _distance_defaults(setup: Setup) -> tuple[str, ...]:
    if setup.task.name == DRIVES:
        return ("-2", "-1", "0", "1", "2")
    return ("0", "0.1", "0.2", "0.3", "0.4")  # most arms already stand at the furniture


JOINT_AXIS = Axis(
    name="joints",
    title="largest offset of the initial joints",
    unit="rad",
    ordered=True,
    reference=lambda setup: "0",
    defaults=lambda setup: ("0", "0.1", "0.25", "0.5"),
    parse=_joint_level,
    source="MolmoSpaces paper (arXiv 2602.11337): initial joints off by up to 0.5 rad",
)

DISTANCE_AXIS = Axis(
    name="distance",
    title="change of the start distance",
    unit="m",
    ordered=True,
    reference=lambda setup: "0",
    defaults=_distance_defaults,
    parse=_distance_level,
    source="ours; official starts: 4 to 20 m for navigation, within reach for an arm",
)
