"""Sampling Pick episodes: which object, where it lies, where the robot stands and how."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import mujoco
import numpy as np

from molmospaces_gym.cameras import CameraMount
from molmospaces_gym.episode import (
    EpisodeSpec,
    Language,
    RobotSpec,
    SceneModifications,
    camera_spec,
)
from molmospaces_gym.errors import InvalidScene
from molmospaces_gym.robots.base import PREFIX, RobotConfig
from molmospaces_gym.scenes.model import Array, SceneModel
from molmospaces_gym.scenes.placement import Placement, placements

ATTEMPTS = 60
"""Starts tried before a scene is said to offer none."""
CLEARANCE = 0.045
"""Free distance around a re-placed object, m: an open finger fits between it and its neighbours."""
TURN_NOISE = np.deg2rad(15.0)
"""Uniform +- noise of the base's heading."""
_SCRATCH_SIZE = 32

_scratch: "OrderedDict[str, _Scratch]" = OrderedDict()


class _Scratch:
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
        self.exo = next((m for m in config.cameras if "wrist" not in m.name), None)


def prefixed_mounts(robot: RobotConfig) -> list[CameraMount]:
    """The robot's camera mounts with body names as a scene holds them."""
    return [
        replace(mount, body=None if mount.body is None else PREFIX + mount.body)
        for mount in robot.cameras
    ]


def _scratch_of(scene: SceneModel) -> _Scratch:
    if scene.key not in _scratch:
        _scratch[scene.key] = _Scratch(scene)
        while len(_scratch) > _SCRATCH_SIZE:
            _scratch.popitem(last=False)
    return _scratch[scene.key]


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
    options = _options(scene, categories)
    if not options:
        wanted = "" if categories is None else f" of the categories {sorted(categories)}"
        raise InvalidScene(
            f"scene {scene.house.name!r} offers no Pick episode: the robot reaches no object"
            f"{wanted} that fits its gripper; pass"
            " options={'episode': {'task': {'pickup_obj_name': ...}}}"
        )
    scratch = _scratch_of(scene)
    for _ in range(ATTEMPTS):
        placement, names = options[rng.integers(len(options))]
        name = names[rng.integers(len(names))]
        pose = _object_pose(scene, scratch, placement, name, rng)
        base = _base_pose(scene, placement, rng)
        joints = _start_joints(scene.robot.config, scratch.start, rng)
        if pose is not None and _is_good_start(scene, scratch, name, pose, base, joints):
            return _spec(scene, scratch, name, pose, base, joints, task)
    raise InvalidScene(
        f"scene {scene.house.name!r}: no collision-free visible start in {ATTEMPTS} attempts"
    )


def _options(
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


def _base_pose(scene: SceneModel, placement: Placement, rng: np.random.Generator) -> list[float]:
    """The placement's pose with noise on its heading (none where the robot is part of the file)."""
    if scene.owns_robot:
        return list(placement.base_pose)
    yaw = placement.yaw + float(rng.uniform(-TURN_NOISE, TURN_NOISE))
    return [*placement.base_pose[:3], float(np.cos(yaw / 2)), 0.0, 0.0, float(np.sin(yaw / 2))]


def _object_pose(
    scene: SceneModel,
    scratch: _Scratch,
    placement: Placement,
    name: str,
    rng: np.random.Generator,
) -> Array | None:
    """A new upright pose of the object on its surface, or where it rests without a surface."""
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
    dx, dy = x - surface.center[0], y - surface.center[1]
    cos, sin = np.cos(surface.yaw), np.sin(surface.yaw)
    local = np.abs([cos * dx + sin * dy, cos * dy - sin * dx])
    if (local > limit).any() or not _is_clear(scene, scratch, name, x, y, margin):
        return None
    pose = np.array([x, y, surface.center[2] + meta["rest_height"], 1.0, 0.0, 0.0, 0.0])
    spin = np.array([np.cos(turn / 2), 0.0, 0.0, np.sin(turn / 2)])
    mujoco.mju_mulQuat(pose[3:], spin, np.asarray(meta["rest_quat"], dtype=float))
    return pose


def _start_joints(
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


def _is_clear(
    scene: SceneModel, scratch: _Scratch, name: str, x: float, y: float, margin: float
) -> bool:
    """Whether no other object of the same surface stands within finger distance."""
    surface = scene.objects[name].get("surface")
    for other, meta in scene.objects.items():
        if other == name or meta.get("surface") != surface or other not in scratch.rest:
            continue
        gap = np.hypot(x - scratch.rest[other][0], y - scratch.rest[other][1])
        if gap < margin + meta["footprint"] + CLEARANCE:
            return False
    return True


def _is_good_start(
    scene: SceneModel,
    scratch: _Scratch,
    name: str,
    pose: Array,
    base: list[float],
    joints: Mapping[str, list[float]],
) -> bool:
    """Whether the robot touches nothing and the shoulder camera sees the object."""
    model, data, robot = scene.model, scratch.data, scene.robot
    address, _ = scene.free_joint(name)
    data.qpos[:] = scene.rest_qpos
    data.qpos[address : address + 7] = pose
    for group, values in joints.items():
        data.qpos[robot.groups[group].qpos] = values
    robot.place_base(base, data.qpos, data.mocap_pos, data.mocap_quat)
    mujoco.mj_kinematics(model, data)
    mujoco.mj_comPos(model, data)
    mujoco.mj_collision(model, data)
    roots = scene.geom_root[data.contact.geom]
    touching = (roots == robot.root_id).sum(axis=1) == 1
    return not touching.any() and _is_visible(scene, scratch, name)


def _is_visible(scene: SceneModel, scratch: _Scratch, name: str) -> bool:
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


def _spec(
    scene: SceneModel,
    scratch: _Scratch,
    name: str,
    pose: Array,
    base: list[float],
    joints: dict[str, list[float]],
    task: tuple[str, float, float],
) -> EpisodeSpec:
    task_cls, goal_lift, horizon_s = task
    config = scene.robot.config
    start = pose.tolist()
    poses = {other: rest.tolist() for other, rest in scratch.rest.items()}
    poses[name] = start
    phrase = referral_phrase(scene, name)
    qpos: dict[str, list[float]] = {"base": [], **joints}
    return EpisodeSpec.trusted(
        robot=RobotSpec.model_construct(robot_name=config.name, init_qpos=qpos),
        cameras=scratch.cameras,
        scene_modifications=SceneModifications.model_construct(
            added_objects={}, object_poses=poses, removed_objects=[]
        ),
        task={
            "task_cls": task_cls,
            "task_type": "pick",
            "robot_base_pose": base,
            "task_horizon_sec": horizon_s,
            "pickup_obj_name": name,
            "pickup_obj_start_pose": start,
            "pickup_obj_goal_pose": [*start[:2], start[2] + goal_lift, *start[3:]],
            "succ_pos_threshold": 0.01,
        },
        task_relevant_objects=[name],
        language=Language.model_construct(
            task_description=f"pick up the {phrase}.",
            referral_expressions={"pickup_obj_name": phrase},
        ),
        img_resolution=config.image_size,
        scene=scene.house.name,
    )


def referral_phrase(scene: SceneModel, name: str) -> str:
    """The shortest description of an object that no other object of the scene shares."""
    objects: Any = scene.objects
    own = objects.get(name, {}).get("descriptions", {})
    for length in sorted(own):
        rivals = (m.get("descriptions", {}).get(length) for n, m in objects.items() if n != name)
        if own[length] not in rivals:
            return str(own[length])
    if own:
        return str(own[max(own)])
    return str(objects.get(name, {}).get("category") or spoken_name(name))


def spoken_name(body: str) -> str:
    """Words for a body without metadata: its lemma (official names end in four more parts)."""
    parts = body.rsplit("/", 1)[-1].split("_")
    lemma = parts[:-4] if len(parts) > 4 and len(parts[-4]) == 32 else parts
    return " ".join(lemma)
