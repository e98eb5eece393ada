"""Other starts of an episode: its joints a little off, its robot nearer or farther."""

from collections.abc import Sequence

import mujoco
import numpy as np

from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.initial_state import initial_state
from molmospaces_gym.randomization.start import ATTEMPTS, limited
from molmospaces_gym.scenes.clearance import Clearance
from molmospaces_gym.scenes.model import Array, SceneModel
from molmospaces_gym.scenes.navigation import floor_grid, middle_of
from molmospaces_gym.tasks.sampling import touches_nothing

MARGIN = 0.002
"""Least gap (m) between a robot on a pedestal and everything else where it is moved to."""
RING = 0.1
"""How far (m) a place on the floor may be off the distance that is wanted."""


def offset_joints(
    scene: SceneModel,
    episode: EpisodeSpec,
    groups: Sequence[str],
    size: float,
    rng: np.random.Generator,
) -> EpisodeSpec | None:
    """The episode with each joint of some move groups up to ``size`` rad off its start, uniformly.

    Within their limits, and so that the robot touches nothing. The first draw of a generator is
    the same direction at every size. None where ``ATTEMPTS`` draws found no such start, or where
    the episode's ``state`` fixes the joints.
    """
    if episode.state is not None:
        return None
    robot, data = scene.robot, _placed(scene, episode)
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
            qpos = {**episode.robot.init_qpos, **joints}
            return episode.replace(robot=episode.robot.replace(init_qpos=qpos))
    return None


def moved_base(
    scene: SceneModel, episode: EpisodeSpec, names: Sequence[str], offset: float, on_floor: bool
) -> EpisodeSpec | None:
    """The episode with the robot ``offset`` m farther from the nearest of some bodies.

    It keeps its heading. Distances are horizontal, from the base to the middle of a body.

    Args:
        scene: where it plays.
        episode: what is changed, in ``task.robot_base_pose``.
        names: the bodies.
        offset: m, negative: nearer.
        on_floor: the robot drives to them: of the places at that distance from which a way leads
            there it takes the one nearest to its own. Otherwise it is moved along the line to the
            body.

    Returns:
        None where the robot would touch something, where there is no such place, or where the
        scene or the episode's ``state`` fixes the robot.
    """
    own = episode.task.get("robot_base_pose")
    if own is None or not names or episode.state is not None or scene.owns_robot:
        return None
    data = _placed(scene, episode)
    middles = np.array([middle_of(scene, data, name)[:2] for name in names])
    place = np.array(own[:2], dtype=np.float64)
    gaps = np.hypot(*(middles - place).T)
    nearest, gap = middles[int(gaps.argmin())], float(gaps.min())
    if min(gap, gap + offset) <= 0:
        return None
    goal: Array | None = nearest + (place - nearest) * (gap + offset) / gap
    if on_floor:
        goal = _on_floor(scene, middles, gap + offset, place)
    if goal is None:
        return None
    base = [*goal.tolist(), *own[2:]]
    moved = episode.replace(task={**episode.task, "robot_base_pose": base})
    return moved if _stands_free(scene, moved, base) else None


def _placed(scene: SceneModel, episode: EpisodeSpec) -> mujoco.MjData:
    """A simulation that holds the start of an episode."""
    data, state = mujoco.MjData(scene.model), initial_state(scene, episode)
    data.qpos[:] = state.qpos
    data.mocap_pos[:], data.mocap_quat[:] = state.mocap_pos, state.mocap_quat
    mujoco.mj_kinematics(scene.model, data)
    return data


def _on_floor(scene: SceneModel, middles: Array, wanted: float, place: Array) -> Array | None:
    """The place (2,) nearest to ``place`` among those ``wanted`` m from the nearest body.

    A way leads from it to the bodies (n, 2); None where there is none.
    """
    grid = floor_grid(scene)
    if grid is None:
        return None
    places = grid.map.points(np.argwhere(np.isfinite(grid.field(middles))))
    gap = np.hypot(*(places[:, None] - middles[None]).transpose(2, 0, 1)).min(axis=1)
    fitting = places[np.abs(gap - wanted) <= RING]
    if not len(fitting):
        return None
    found: Array = fitting[int(np.hypot(*(fitting - place).T).argmin())]
    return found


def _stands_free(scene: SceneModel, episode: EpisodeSpec, base: Sequence[float]) -> bool:
    """Whether the robot touches nothing where the episode puts it."""
    data = _placed(scene, episode)
    if not touches_nothing(scene, data):
        return False
    if scene.robot.base is not None:
        return True
    # A robot on a pedestal is a mocap body, for which MuJoCo makes no contacts with furniture.
    arm = data.qpos[scene.robot.qpos].copy()
    return Clearance(scene, data.qpos).is_free(tuple(base), arm, MARGIN)
