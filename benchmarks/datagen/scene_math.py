"""Bodies, poses and velocities of a scene, as a recording needs them."""

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.cameras import mat_to_quat
from molmospaces_gym.robots.base import PREFIX
from molmospaces_gym.scenes.model import SceneModel
from molmospaces_gym.transforms import pose_matrix

Array = NDArray[np.float64]


def movable_bodies(scene: SceneModel) -> NDArray[np.intp]:
    """Ids of the named bodies that have a joint of their own, without the robot's."""
    model, names = scene.model, scene.body_names
    moving = (model.body_jntnum > 0) & (model.body_rootid != scene.robot.root_id)
    return np.array([body for body in np.flatnonzero(moving) if names[body]], dtype=np.intp)


def standing_body(scene: SceneModel) -> int:
    """Id of the body whose pose is the official ``robot_base_pose``."""
    robot = scene.robot
    base = robot.config.base
    return robot.root_id if base is None else scene.body_id(PREFIX + base.body)


def fixed_pose(scene: SceneModel, base: int, link: int) -> Array:
    """Pose (4, 4) of a body in the frame of another that it is fixed to."""
    model, pose, body = scene.model, np.eye(4), link
    while body != base:
        pose = pose_matrix(model.body_pos[body], model.body_quat[body]) @ pose
        body = int(model.body_parentid[body])
    return pose


def pose_row(pose: Array) -> Array:
    """A pose (4, 4) as x, y, z, qw, qx, qy, qz."""
    return np.array([*pose[:3, 3], *mat_to_quat(pose[:3, :3])])


def object_velocities(
    scene: SceneModel, bodies: NDArray[np.intp], qpos: Array, qvel: Array
) -> Array:
    """Velocities of bodies in states (T, nq) and (T, nv), computed beside any simulation.

    Returns:
        (T, len(bodies), 6): linear (m/s) of the body origin and angular (rad/s), world axes.
    """
    import mujoco

    model, data = scene.model, mujoco.MjData(scene.model)
    found, one = np.empty((len(qpos), len(bodies), 6)), np.empty(6)
    kind = int(mujoco.mjtObj.mjOBJ_XBODY)
    for row, positions, speeds in zip(found, qpos, qvel, strict=True):
        data.qpos[:], data.qvel[:] = positions, speeds
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_comVel(model, data)
        for place, body in enumerate(bodies):
            mujoco.mj_objectVelocity(model, data, kind, int(body), one, 0)
            row[place, :3], row[place, 3:] = one[3:], one[:3]
    return found
