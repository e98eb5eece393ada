"""Draws the cameras of an episode, and makes sure that they see what they should."""

from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.cameras import (
    CameraMount,
    CameraPose,
    look_rotation,
    mat_to_quat,
    quat_to_mat,
    world_pose,
)
from molmospaces_gym.episode import EpisodeSpec, camera_spec
from molmospaces_gym.episode_parts import CameraSpec
from molmospaces_gym.errors import InvalidEpisode, InvalidScene
from molmospaces_gym.initial_state import initial_state
from molmospaces_gym.randomization.camera_systems import (
    Around,
    Camera,
    CameraSystem,
    Displaced,
    Mounted,
)
from molmospaces_gym.randomization.fixtures import under
from molmospaces_gym.robots.mounts import prefixed_mounts
from molmospaces_gym.scenes.model import Array, SceneModel
from molmospaces_gym.tasks.sampling import scratch_of
from molmospaces_gym.tasks.visibility import body_shares

MOUNT_ATTEMPTS = 20
"""Poses tried for a camera on the robot that has to see something."""
NEAREST = 0.1
"""Least horizontal distance of a displaced camera from the workspace's middle, m (official)."""
WIDTH = 160
"""Pixels across of the pictures in which is counted how much of an object is seen."""


@dataclass(frozen=True, eq=False)
class Stage:
    """The start of an episode, in which cameras are tried.

    ``data`` holds its poses; ``middle`` (3,) is that of the workspace (m); ``targets`` and
    ``gripper`` flag the bodies (nbody,) of each task object and of the primary gripper.
    """

    scene: SceneModel
    data: mujoco.MjData
    mounts: dict[str, CameraMount]
    middle: Array
    targets: list[NDArray[np.bool_]]
    gripper: NDArray[np.bool_]
    size: tuple[int, int]

    def body_pose(self, mount: CameraMount) -> CameraPose:
        """Where a mount is in the world."""
        body = self.scene.body_id(mount.body or "world")
        return world_pose(mount, self.data.xpos[body], self.data.xmat[body])


class CameraDraw:
    """Draws cameras of one system."""

    def __init__(self, system: CameraSystem) -> None:
        self.system = system

    def draw(
        self, scene: SceneModel, episode: EpisodeSpec, rng: np.random.Generator
    ) -> list[CameraSpec]:
        """Cameras for an episode.

        Each one is drawn until it sees every task object (``task_relevant_objects``), and the
        gripper where the system asks for it, as large as the system asks. Where that never
        happens, as with an object that is too small, the best one is taken that sees them at all.

        Raises:
            InvalidScene: a camera sees them in no attempt.
        """
        stage = self._stage(scene, episode)
        return [self._one(stage, camera, rng) for camera in self.system.cameras]

    def _one(self, stage: Stage, camera: Camera, rng: np.random.Generator) -> CameraSpec:
        wanted = _wanted(stage, camera)
        attempts = MOUNT_ATTEMPTS if isinstance(camera, Mounted) else camera.attempts
        best, best_score = None, 0.0
        for _ in range(attempts):
            mount = propose(stage, camera, rng)
            score = _score(stage, mount, wanted)
            if score > best_score:
                best, best_score = mount, score
            if score >= 1:
                break
        if best is None:
            raise InvalidScene(
                f"scene {stage.scene.house.name!r}: camera {camera.name!r} saw not all of the"
                f" task's objects in {attempts} attempts; reset again, or choose other cameras or"
                " a lower level"
            )
        return camera_spec(best, record_depth=isinstance(camera, Mounted) and camera.depth)

    def _stage(self, scene: SceneModel, episode: EpisodeSpec) -> Stage:
        data, state = scratch_of(scene).data, initial_state(scene, episode)
        data.qpos[:] = state.qpos
        data.mocap_pos[:], data.mocap_quat[:] = state.mocap_pos, state.mocap_quat
        mujoco.mj_kinematics(scene.model, data)
        roots = [scene.body_id(n) for n in episode.task_relevant_objects if n in scene.body_ids]
        width, height = self.system.image_size
        return Stage(
            scene=scene,
            data=data,
            mounts={mount.name: mount for mount in prefixed_mounts(scene.robot.config)},
            middle=_middle(scene, data, episode, roots),
            targets=[under(scene, [root]) for root in roots],
            gripper=_gripper(scene),
            size=(WIDTH, max(8, round(WIDTH * height / width))),
        )


def propose(stage: Stage, camera: Camera, rng: np.random.Generator) -> CameraMount:
    """One draw of a camera, whatever it sees."""
    if isinstance(camera, Mounted):
        return _mounted(stage.mounts[camera.of], camera, rng)
    if isinstance(camera, Around):
        return _around(stage.middle, camera, rng)
    return _displaced(stage, camera, rng)


def _mounted(mount: CameraMount, camera: Mounted, rng: np.random.Generator) -> CameraMount:
    fov = camera.fov + camera.fov_noise * float(rng.uniform(-1, 1))
    shift = np.array(camera.pos_noise) * rng.uniform(-1, 1, 3)
    turn = euler_mat(np.deg2rad(camera.turn_noise) * rng.uniform(-1, 1, 3))
    mat = quat_to_mat(mount.quat)
    pos = np.array(mount.pos) + (mat @ shift if camera.in_camera else shift)
    quat = mat_to_quat(mat @ turn if camera.in_camera else turn @ mat)
    return CameraMount(camera.name, mount.body, _triple(pos), quat, fov)


def _around(middle: Array, camera: Around, rng: np.random.Generator) -> CameraMount:
    fov, distance, azimuth, height = (
        float(rng.uniform(*limits))
        for limits in (camera.fov, camera.distance, camera.azimuth, camera.height)
    )
    pos = middle + [distance * np.cos(azimuth), distance * np.sin(azimuth), height]
    target = middle + rng.uniform(-camera.lookat, camera.lookat, 3)
    return CameraMount(camera.name, None, _triple(pos), mat_to_quat(looking(pos, target)), fov)


def _displaced(stage: Stage, camera: Displaced, rng: np.random.Generator) -> CameraMount:
    middle, pose = stage.middle, stage.body_pose(stage.mounts[camera.of])
    offset = pose.pos - middle
    azimuth = np.arctan2(offset[1], offset[0]) + float(rng.uniform(*camera.azimuth))
    distance = float(np.hypot(offset[0], offset[1])) + float(rng.uniform(*camera.distance))
    height = offset[2] + float(rng.uniform(*camera.height))
    reach = max(distance, NEAREST)
    pos = middle + [reach * np.cos(azimuth), reach * np.sin(azimuth), height]
    target = middle + rng.uniform(-camera.lookat, camera.lookat, 3)
    start, end = mat_to_quat(pose.mat), mat_to_quat(looking(pos, target))
    fov = float(rng.uniform(*camera.fov))
    quat = between(np.array(start), np.array(end), camera.towards)
    return CameraMount(camera.name, None, _triple(pos), quat, fov)


def looking(pos: Array, target: Array) -> Array:
    """Orientation (3, 3) of a camera that looks from one place at another, upright."""
    forward = (target - pos).tolist()
    try:
        return look_rotation(forward, (0.0, 0.0, 1.0))
    except InvalidEpisode:  # straight up or down
        return look_rotation(forward, (1.0, 0.0, 0.0))


def euler_mat(angles: Array) -> Array:
    """Rotation (3, 3) by angles (rad) about the fixed x, then y, then z axis."""
    (a, b, c), (i, j, k) = np.cos(angles).tolist(), np.sin(angles).tolist()
    about_x = np.array([[1, 0, 0], [0, a, -i], [0, i, a]])
    about_y = np.array([[b, 0, j], [0, 1, 0], [-j, 0, b]])
    about_z = np.array([[c, -k, 0], [k, c, 0], [0, 0, 1]])
    result: Array = about_z @ about_y @ about_x
    return result


def between(start: Array, end: Array, share: float) -> tuple[float, float, float, float]:
    """Orientation (wxyz) on the shortest way from one unit quaternion (4,) to another."""
    cosine = float(start @ end)
    end = -end if cosine < 0 else end
    angle = float(np.arccos(min(abs(cosine), 1.0)))
    if angle < 1e-9:
        w, x, y, z = start.tolist()
        return (w, x, y, z)
    mixed = np.sin((1 - share) * angle) * start + np.sin(share * angle) * end
    w, x, y, z = (mixed / np.linalg.norm(mixed)).tolist()
    return (w, x, y, z)


def _wanted(stage: Stage, camera: Camera) -> list[tuple[NDArray[np.bool_], float]]:
    """What a camera has to see: flags of bodies and the share of the picture."""
    found = []
    if camera.task_share is not None:
        found = [(target, camera.task_share) for target in stage.targets]
    if isinstance(camera, Around) and camera.gripper_share is not None:
        found.append((stage.gripper, camera.gripper_share))
    return found


def _score(
    stage: Stage, mount: CameraMount, wanted: list[tuple[NDArray[np.bool_], float]]
) -> float:
    """The least share seen over the share wanted, 0 inside something; 1 if nothing is wanted."""
    if mount.body is None and is_inside(stage, np.array(mount.pos)):
        return 0.0
    if not wanted:
        return 1.0
    pose = stage.body_pose(mount)
    shares = body_shares(stage.scene, stage.data, pose, stage.size)
    return min(float(shares[bodies].sum()) / share for bodies, share in wanted)


def is_inside(stage: Stage, point: Array) -> bool:
    """Whether a point (3,) of the world lies in the box around a geom that others can touch."""
    scene, data = stage.scene, stage.data
    solid = scene.solid & (scene.model.geom_type != int(mujoco.mjtGeom.mjGEOM_PLANE))
    mats = data.geom_xmat[solid].reshape(-1, 3, 3)
    local = np.einsum("gji,gj->gi", mats, point - data.geom_xpos[solid])
    boxes = scene.model.geom_aabb[solid]
    return bool((np.abs(local - boxes[:, :3]) < boxes[:, 3:]).all(axis=1).any())


def _middle(
    scene: SceneModel, data: mujoco.MjData, episode: EpisodeSpec, roots: list[int]
) -> Array:
    """Official: the centroid of the task's objects and the gripper; of one object, its goal too."""
    points = [data.xpos[root] for root in roots]
    goal = episode.task.get("pickup_obj_goal_pose")
    if len(points) == 1 and goal is not None:
        points.append(np.asarray(goal[:3], float))
    points.append(data.site_xpos[scene.robot.tcp_site])
    middle: Array = np.mean(points, axis=0)
    return middle


def _gripper(scene: SceneModel) -> NDArray[np.bool_]:
    """(nbody,) what hangs under the body of the primary arm's tool."""
    left, right = scene.robot.fingers
    tool = int(scene.model.site_bodyid[scene.robot.tcp_site])
    return under(scene, [tool, *sorted(left), *sorted(right)])


def _triple(values: Array) -> tuple[float, float, float]:
    x, y, z = values.tolist()
    return (x, y, z)
