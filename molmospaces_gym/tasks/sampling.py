"""What the samplers of the tasks share: where the robot stands, and starts worth playing."""

from collections import OrderedDict
from collections.abc import Container, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.episode import (
    EpisodeSpec,
    Language,
    RobotSpec,
    SceneModifications,
    camera_spec,
)
from molmospaces_gym.robots.base import PREFIX, Reach, RobotConfig
from molmospaces_gym.robots.mounts import prefixed_mounts
from molmospaces_gym.scenes.house import Surface
from molmospaces_gym.scenes.model import Array, SceneModel
from molmospaces_gym.scenes.placement import Placement, placements

ATTEMPTS = 60
"""Starts tried before a scene is said to offer none."""
CLEARANCE = 0.045
"""Free distance around a re-placed object, m: an open finger fits between it and its neighbours."""
STUCK = 0.002
"""Two things that overlap by more (m) than what a rest pose needs are stuck in each other."""
TURN_NOISE = np.deg2rad(15.0)
"""Uniform +- noise of the base's heading."""
_SCRATCH_SIZE = 32

_scratch: "OrderedDict[str, Scratch]" = OrderedDict()


class Scratch:
    """A simulation used only to test starts of one scene, and what sampling reads from it."""

    def __init__(self, scene: SceneModel) -> None:
        config = scene.robot.config
        self.data = mujoco.MjData(scene.model)
        self.rest = {
            name: scene.rest_qpos[address : address + 7].copy()
            for name, (address, _) in scene.free_joints.items()
        }
        self.start = {**config.home, **config.reach.posture}
        self.cameras = [camera_spec(mount) for mount in prefixed_mounts(config)]
        self.circles: dict[str, dict[str, list[float]]] = {}
        for name, meta in scene.objects.items():
            if meta.get("surface") and name in self.rest:
                circle = [*self.rest[name][:2].tolist(), meta["footprint"]]
                self.circles.setdefault(meta["surface"], {})[name] = circle
        self.exo = next((m for m in config.cameras if "wrist" not in m.name), None)


def scratch_of(scene: SceneModel) -> Scratch:
    """The scratch simulation of a scene; the last few are kept."""
    if scene.key not in _scratch:
        _scratch[scene.key] = Scratch(scene)
        while len(_scratch) > _SCRATCH_SIZE:
            _scratch.popitem(last=False)
    return _scratch[scene.key]


def reachable(
    scene: SceneModel, categories: frozenset[str] | None
) -> list[tuple[Placement, tuple[str, ...]]]:
    """Placements with the objects that may be asked for there."""
    if categories is None:
        return [(placement, placement.objects) for placement in placements(scene)]
    found = []
    for placement in placements(scene):
        names = tuple(
            n for n in placement.objects if scene.objects.get(n, {}).get("category") in categories
        )
        if names:
            found.append((placement, names))
    return found


def out_of_reach(scene: SceneModel, task: str, categories: frozenset[str] | None) -> str:
    """What ``InvalidScene`` says where nothing is ``reachable``, up to what to do about it."""
    start = f"scene {scene.house.name!r} offers no {task} episode: the robot reaches no object"
    if categories is None:
        return f"{start} that fits its gripper"
    there = sorted({str(entry.get("category")) for entry in scene.objects.values()} - {"None"})
    return (
        f"{start} of the categories {sorted(categories)} that fits its gripper (the objects of this"
        f" scene are of the categories {', '.join(there) or 'none'})"
    )


def base_pose(scene: SceneModel, placement: Placement, rng: np.random.Generator) -> list[float]:
    """The placement's pose with noise on its heading (none where the robot is part of the file)."""
    if scene.owns_robot:
        return list(placement.base_pose)
    yaw = placement.yaw + float(rng.uniform(-TURN_NOISE, TURN_NOISE))
    return [*placement.base_pose[:3], float(np.cos(yaw / 2)), 0.0, 0.0, float(np.sin(yaw / 2))]


def surface_pose(
    scene: SceneModel,
    scratch: Scratch,
    placement: Placement,
    name: str,
    rng: np.random.Generator,
) -> Array | None:
    """A new upright pose of the object on the surface, or where it rests without a surface.

    None where the drawn pose is too near the surface's edge or to another object.
    """
    rest, surface = scratch.rest[name], placement.surface
    if surface is None:
        return rest
    meta = scene.objects[name]
    margin = float(meta["footprint"])
    limit = np.asarray(surface.half_size) - margin
    if (limit <= 0).any():
        return None
    reach, yaw = scene.robot.config.reach, placement.yaw
    angle = yaw + float(rng.uniform(-reach.angle, reach.angle))
    distance = float(np.sqrt(rng.uniform(reach.distance[0] ** 2, reach.distance[1] ** 2)))
    ahead, left = reach.origin
    x = placement.base_pose[0] + distance * np.cos(angle) + ahead * np.cos(yaw) - left * np.sin(yaw)
    y = placement.base_pose[1] + distance * np.sin(angle) + ahead * np.sin(yaw) + left * np.cos(yaw)
    turn = float(rng.uniform(-np.pi, np.pi))
    spots = np.array([[x, y]])
    circles = neighbours(scratch, surface, (name,))
    if not free(spots, surface, circles, margin, CLEARANCE)[0]:
        return None
    return standing(meta, surface, x, y, turn)


def standing(meta: Mapping[str, Any], surface: Surface, x: float, y: float, turn: float) -> Array:
    """The pose (7,) of an object that stands upright at a place of a surface, turned by ``turn``.

    ``meta`` is its metadata.
    """
    pose = np.array([x, y, surface.center[2] + meta["rest_height"], 1.0, 0.0, 0.0, 0.0])
    spin = np.array([np.cos(turn / 2), 0.0, 0.0, np.sin(turn / 2)])
    mujoco.mju_mulQuat(pose[3:], spin, np.asarray(meta["rest_quat"], dtype=float))
    return pose


def draw_spots(reach: Reach, placement: Placement, rng: np.random.Generator, count: int) -> Array:
    """World points (count, 2) that the robot reaches from a placement."""
    angle = placement.yaw + rng.uniform(-reach.angle, reach.angle, count)
    distance = np.sqrt(rng.uniform(reach.distance[0] ** 2, reach.distance[1] ** 2, count))
    cos, sin = np.cos(placement.yaw), np.sin(placement.yaw)
    ahead, left = reach.origin
    origin = [ahead * cos - left * sin, ahead * sin + left * cos] + np.array(
        placement.base_pose[:2]
    )
    spots: Array = origin + distance[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return spots


def neighbours(scratch: Scratch, surface: Surface, without: Container[str]) -> Array:
    """Circles (n, 3), x, y and radius (m), around what rests on a surface."""
    circles = scratch.circles.get(surface.name, {})
    found = [circle for name, circle in circles.items() if name not in without]
    return np.array(found, dtype=float).reshape(-1, 3)


def free(
    spots: Array, surface: Surface, circles: Array, radius: float, clearance: float
) -> NDArray[np.bool_]:
    """Which of the points (k, 2) have room for a circle on the surface and between circles (n, 3).

    It must lie on the surface whole and keep ``clearance`` (m) from the others.
    """
    dx, dy = spots[:, 0] - surface.center[0], spots[:, 1] - surface.center[1]
    cos, sin = np.cos(surface.yaw), np.sin(surface.yaw)
    inside = np.abs(cos * dx + sin * dy) <= surface.half_size[0] - radius
    inside &= np.abs(cos * dy - sin * dx) <= surface.half_size[1] - radius
    way = np.hypot(spots[:, :1] - circles[:, 0], spots[:, 1:] - circles[:, 1])
    found: NDArray[np.bool_] = inside & (way >= circles[:, 2] + radius + clearance).all(axis=1)
    return found


def start_joints(
    robot: RobotConfig, start: Mapping[str, Sequence[float]], rng: np.random.Generator
) -> dict[str, list[float]]:
    """Joint positions of every move group with the noise of an episode's start."""
    grippers = {arm.gripper.group: arm.gripper for arm in robot.arms}
    found = {}
    for group, values in start.items():
        noise = robot.init_noise[group]
        joints = np.asarray(values, dtype=np.float64)
        if any(noise) and group in grippers:
            gripper = grippers[group]
            low, high = sorted((gripper.open_qpos, gripper.closed_qpos))
            driver = float(joints[0]) + noise[0] * float(rng.uniform(-1.0, 1.0))
            joints = min(max(driver, low), high) * np.asarray(gripper.coupling)
        elif any(noise):
            joints = joints + np.asarray(noise) * rng.uniform(-1.0, 1.0, len(joints))
        found[group] = joints.tolist()
    return found


def is_good_start(
    scene: SceneModel,
    scratch: Scratch,
    moved: Mapping[str, Array],
    base: list[float],
    joints: Mapping[str, list[float]],
) -> bool:
    """Whether the robot touches nothing and the shoulder camera sees the ``moved`` objects."""
    clear = is_clear_start(scene, scratch, moved, {}, base, joints)
    return clear and all(is_visible(scene, scratch, name) for name in moved)


def is_clear_start(
    scene: SceneModel,
    scratch: Scratch,
    moved: Mapping[str, Array],
    positions: Mapping[int, float],
    base: Sequence[float],
    joints: Mapping[str, list[float]],
) -> bool:
    """Whether the robot touches nothing; the scratch simulation holds that start afterwards.

    Args:
        scene: where it plays.
        scratch: its scratch simulation.
        moved: poses (7,) of objects that do not lie where the house has them.
        positions: address in ``qpos`` -> position of joints that do not rest there.
        base: where the robot stands (7,).
        joints: joint positions of its move groups.
    """
    model, data, robot = scene.model, scratch.data, scene.robot
    data.qpos[:] = scene.rest_qpos
    for name, pose in moved.items():
        address, _ = scene.free_joint(name)
        data.qpos[address : address + 7] = pose
    for address, position in positions.items():
        data.qpos[address] = position
    for group, values in joints.items():
        data.qpos[robot.groups[group].qpos] = values
    robot.place_base(base, data.qpos, data.mocap_pos, data.mocap_quat)
    mujoco.mj_kinematics(model, data)
    return touches_nothing(scene, data)


def touches_nothing(scene: SceneModel, data: mujoco.MjData) -> bool:
    """Whether the robot touches nothing but itself; ``data`` needs its poses."""
    mujoco.mj_comPos(scene.model, data)
    mujoco.mj_collision(scene.model, data)
    roots = scene.geom_root[data.contact.geom]
    return not bool(((roots == scene.robot.root_id).sum(axis=1) == 1).any())


def lie_freely(scene: SceneModel, scratch: Scratch, moved: Mapping[str, Array]) -> bool:
    """Whether, after ``is_good_start``, the moved objects are stuck in nothing."""
    contact = scratch.data.contact
    roots = scene.geom_root[contact.geom][contact.dist < -STUCK]
    return not np.isin(roots, [scene.body_id(name) for name in moved]).any()


def is_visible(scene: SceneModel, scratch: Scratch, name: str) -> bool:
    """Whether a ray from the first exterior camera to the object's middle or top hits it first."""
    mount, model, data = scratch.exo, scene.model, scratch.data
    if mount is None or mount.body is None:
        return True
    body = model.body(PREFIX + mount.body).id
    eye = data.xpos[body] + data.xmat[body].reshape(3, 3) @ np.asarray(mount.pos)
    target = scene.body_id(name)
    middle = data.xpos[target] + data.xmat[target].reshape(3, 3) @ scene.body_center(name)
    groups = np.array([1, 1, 1, 0, 0, 0], dtype=np.uint8)
    hit = np.array([-1], dtype=np.int32)
    for height in (0.0, 0.8 * scene.body_half_size(name).min()):
        ray = middle + [0.0, 0.0, height] - eye
        distance = mujoco.mj_ray(model, data, eye, ray, groups, 1, -1, hit)
        if distance >= 0 and model.geom_bodyid[hit[0]] == target:
            return True
    return False


def start_episode(
    scene: SceneModel,
    joints: Mapping[str, list[float]],
    moved: Mapping[str, Array],
    task: Mapping[str, Any],
    instruction: str,
    referrals: Mapping[str, str],
    added: Mapping[str, str] = MappingProxyType({}),
) -> EpisodeSpec:
    """The episode of a sampled start.

    Args:
        scene: where it plays.
        joints: joint positions of the robot's move groups.
        moved: poses (7,) of the objects that do not lie where the house has them.
        task: the task part.
        instruction: what the robot is told.
        referrals: role in the task (such as ``pickup_obj_name``) -> words for that object; the
            bodies that these roles name in ``task`` become ``task_relevant_objects``.
        added: body name -> object of those that the house does not hold, see ``scenes.added``.
    """
    scratch, config = scratch_of(scene), scene.robot.config
    poses = {name: rest.tolist() for name, rest in scratch.rest.items()}
    poses |= {name: pose.tolist() for name, pose in moved.items()}
    qpos: dict[str, list[float]] = {"base": [], **joints}
    return EpisodeSpec.trusted(
        robot=RobotSpec.model_construct(robot_name=config.name, init_qpos=qpos),
        cameras=scratch.cameras,
        scene_modifications=SceneModifications.model_construct(
            added_objects=dict(added), object_poses=poses, removed_objects=[]
        ),
        task=dict(task),
        task_relevant_objects=[task[role] for role in referrals],
        language=Language.model_construct(
            task_description=instruction, referral_expressions=dict(referrals)
        ),
        img_resolution=config.image_size,
        scene=scene.house.name,
    )
