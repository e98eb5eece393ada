"""Where the robot starts: offsets of its joints and distance of its base from the object."""

from typing import Any

import mujoco
import numpy as np

from molmospaces_gym.benchmarks.sweep.axis import Axis, Level, number
from molmospaces_gym.benchmarks.sweep.setup import Setup, stream
from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.errors import AxisUnavailable
from molmospaces_gym.initial_state import initial_state
from molmospaces_gym.randomization.start import ATTEMPTS, limited
from molmospaces_gym.scenes.clearance import Clearance
from molmospaces_gym.scenes.model import Array, SceneModel
from molmospaces_gym.scenes.navigation import floor_grid, middle_of
from molmospaces_gym.tasks.sampling import touches_nothing

WIDEST = float(np.pi)
FARTHEST = 20.0
"""Largest change of distance, m (official starts of navigation are up to 20 m away)."""
MARGIN = 0.002
"""Least gap (m) between a robot on a pedestal and everything else where it is moved to."""
RING = 0.1
"""How far (m) a place on the floor may be off the distance that is wanted."""


def _joint_level(setup: Setup, text: str) -> Level:
    size = number("joints", text, 0.0, WIDEST)
    if not size:
        return Level(name="0", value=0.0)
    groups = tuple(arm.group for arm in setup.robot.arms)

    def change(episode: EpisodeSpec) -> EpisodeSpec | None:
        if episode.state is not None:
            return None
        joints = _offset(setup.scene_of(episode), episode, groups, size)
        if joints is None:
            return None
        return episode.replace(
            robot=episode.robot.replace(init_qpos={**episode.robot.init_qpos, **joints})
        )

    return Level(name=f"{size:g}", value=size, change=change)


def _offset(
    scene: SceneModel, episode: EpisodeSpec, groups: tuple[str, ...], size: float
) -> dict[str, list[float]] | None:
    """Arm joints (rad) up to ``size`` off their start, with which the robot touches nothing.

    The first draw is the same direction at each size; None after ``ATTEMPTS`` draws.
    """
    rng, robot, data = stream("joints", episode), scene.robot, _placed(scene, episode)
    start = {name: data.qpos[robot.groups[name].qpos].copy() for name in groups}
    for _ in range(ATTEMPTS):
        drawn = {
            name: (values + size * rng.uniform(-1.0, 1.0, len(values))).tolist()
            for name, values in start.items()
        }
        joints = limited(scene, drawn)
        for name, values in joints.items():
            data.qpos[robot.groups[name].qpos] = values
        mujoco.mj_kinematics(scene.model, data)
        if touches_nothing(scene, data):
            return joints
    return None


def _placed(scene: SceneModel, episode: EpisodeSpec) -> mujoco.MjData:
    """A simulation that holds the start of an episode."""
    data, state = mujoco.MjData(scene.model), initial_state(scene, episode)
    data.qpos[:] = state.qpos
    data.mocap_pos[:], data.mocap_quat[:] = state.mocap_pos, state.mocap_quat
    mujoco.mj_kinematics(scene.model, data)
    return data


def _distance_level(setup: Setup, text: str) -> Level:
    offset = number("distance", text, -FARTHEST, FARTHEST)
    if not any(_targets(episode) for episode in setup.episodes):
        raise AxisUnavailable(
            "axis 'distance': the episodes name no object (task.pickup_obj_name or"
            " task.door_body_name) to which the robot could start nearer"
        )
    if not offset:
        return Level(name="0", value=0.0)

    def change(episode: EpisodeSpec) -> EpisodeSpec | None:
        base = _moved(setup, episode, offset)
        if base is None:
            return None
        return episode.replace(task={**episode.task, "robot_base_pose": base})

    return Level(name=f"{offset:+g}", value=offset, change=change)


def _targets(episode: EpisodeSpec) -> list[str]:
    """The bodies whose distance counts: the nearest of them."""
    task = episode.task
    names = task.get("pickup_obj_candidates") or [
        task.get("pickup_obj_name") or task.get("door_body_name")
    ]
    return [str(name) for name in names if name]


def _moved(setup: Setup, episode: EpisodeSpec, offset: float) -> list[float] | None:
    """The base pose (7,), with the heading it had, ``offset`` m farther from the object."""
    own: Any = episode.task.get("robot_base_pose")
    names = _targets(episode)
    if own is None or not names or episode.state is not None:
        return None
    scene = setup.scene_of(episode)
    if scene.owns_robot:
        return None
    data = _placed(scene, episode)
    middles = np.array([middle_of(scene, data, name)[:2] for name in names])
    place = np.array(own[:2], dtype=np.float64)
    gaps = np.hypot(*(middles - place).T)
    nearest, gap = middles[int(gaps.argmin())], float(gaps.min())
    wanted = gap + offset
    if wanted <= 0 or gap == 0:
        return None
    straight = nearest + (place - nearest) * wanted / gap
    if setup.task.name == "NavigateTo":
        found = _on_floor(scene, middles, wanted, straight)
        if found is None:
            return None
        straight = found
    base = [*straight.tolist(), *own[2:]]
    return base if _stands_free(scene, episode, base) else None


def _on_floor(scene: SceneModel, middles: Array, wanted: float, straight: Array) -> Array | None:
    """The free place (2,) at a distance (m) from the nearest object that is nearest to ``straight``.

    From it a way leads to the objects; None where there is no such place.
    """
    grid = floor_grid(scene)
    if grid is None:
        return None
    cells = np.argwhere(np.isfinite(grid.field(middles)))
    places = grid.map.points(cells)
    gap = np.hypot(*(places[:, None] - middles[None]).transpose(2, 0, 1)).min(axis=1)
    fitting = places[np.abs(gap - wanted) <= RING]
    if not len(fitting):
        return None
    place: Array = fitting[int(np.hypot(*(fitting - straight).T).argmin())]
    return place


def _stands_free(scene: SceneModel, episode: EpisodeSpec, base: list[float]) -> bool:
    """Whether the robot touches nothing where it is moved to."""
    moved = episode.replace(task={**episode.task, "robot_base_pose": base})
    data = _placed(scene, moved)
    if not touches_nothing(scene, data):
        return False
    if scene.robot.base is not None:
        return True
    # A robot on a pedestal is a mocap body, for which MuJoCo makes no contacts with furniture.
    arm = data.qpos[scene.robot.qpos].copy()
    return Clearance(scene, data.qpos).is_free(tuple(base), arm, MARGIN)


def _distance_defaults(setup: Setup) -> tuple[str, ...]:
    if setup.task.name == "NavigateTo":
        return ("-2", "-1", "0", "1", "2")
    return ("-0.1", "-0.05", "0", "0.05", "0.1")


JOINT_AXIS = Axis(
    name="joints",
    title="initial joint offsets, uniform up to",
    unit="rad",
    ordered=True,
    reference=lambda setup: "0",
    defaults=lambda setup: ("0", "0.1", "0.25", "0.5"),
    parse=_joint_level,
    source="MolmoSpaces paper (arXiv 2602.11337): initial joints off by up to 0.5 rad",
)

DISTANCE_AXIS = Axis(
    name="distance",
    title="start farther from the object by",
    unit="m",
    ordered=True,
    reference=lambda setup: "0",
    defaults=_distance_defaults,
    parse=_distance_level,
    source="ours; official starts: 4 to 20 m for navigation, within reach for an arm",
)
