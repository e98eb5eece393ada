"""What two closing fingers meet: rays against an object's colliders."""

from dataclasses import dataclass

import mujoco
import numpy as np

from molmospaces_gym.scenes.model import Array, SceneModel

ROWS = np.array([-0.022, -0.013, -0.004, 0.005, 0.013])
"""Places along the pads, m beyond the tool site, from where rays leave; see ``grasping.TIP``."""
OPENING = 0.043
"""Half of the distance between the open pads, m."""
LEAST_TILT, MOST_TILT = np.deg2rad(6.0), np.deg2rad(50.0)
"""A wall that leans less is not worth following; one that leans more cannot be followed."""


@dataclass(frozen=True)
class Squeeze:
    """What the pads of one grasp would press on, in the grasp's frame.

    ``lean`` is the angle (rad) by which both faces lean towards +y as one goes along +z,
    ``error`` the typical angle (rad) between the normals of pads and faces, ``middle`` the y and z
    (m) of the middle between the faces.
    """

    lean: float
    error: float
    middle: tuple[float, float]


class ObjectSurface:
    """The colliders of one object, in its body frame."""

    def __init__(self, scene: SceneModel, name: str) -> None:
        model = scene.model
        self._model, self._data = model, mujoco.MjData(model)
        self._data.qpos[:] = scene.rest_qpos
        address = scene.free_joint(name)[0]
        self._data.qpos[address : address + 7] = [0, 0, 0, 1, 0, 0, 0]
        mujoco.mj_kinematics(model, self._data)
        solid = (model.geom_contype | model.geom_conaffinity) != 0
        self._geoms = np.flatnonzero(solid & (scene.geom_root == scene.body_id(name)))

    def _hit(self, start: Array, direction: Array) -> tuple[float, Array] | None:
        """Distance (m) and normal (3,) of the first face on a ray within the gripper's opening."""
        model, data = self._model, self._data
        best, found, normal = 2 * OPENING, None, np.zeros(3)
        for geom in self._geoms:
            offset = data.geom_xpos[geom] - start
            along = offset @ direction
            if offset @ offset - along * along > model.geom_rbound[geom] ** 2:
                continue
            kind = model.geom_type[geom]
            if kind == mujoco.mjtGeom.mjGEOM_MESH:
                distance = mujoco.mj_rayMesh(model, data, geom, start, direction, normal)
            else:
                position, mat = data.geom_xpos[geom], data.geom_xmat[geom]
                size = model.geom_size[geom]
                distance = mujoco.mju_rayGeom(
                    position, mat, size, start, direction, int(kind), normal
                )
            if 0.0 <= distance < best:
                best, found = distance, normal.copy()
        return None if found is None else (best, found)

    def squeeze(self, grasp: Array) -> Squeeze | None:
        """What a grasp (4, 4) would press on; None where the fingers would meet nothing."""
        across, rotation = grasp[:3, 1], grasp[:3, :3]
        faces, middles = [], []
        for row in ROWS:
            point = grasp[:3, 3] + row * grasp[:3, 2]
            low = self._hit(point - OPENING * across, across)
            high = self._hit(point + OPENING * across, -across)
            if low is None or high is None:
                continue
            faces.append((-low[1] @ rotation, high[1] @ rotation))
            middles.append((0.5 * (low[0] - high[0]), float(row)))
        if not faces:
            return None
        normals = np.array(faces)
        cosines = np.clip(normals[..., 1], 1e-3, 1.0)
        # Medians, since single rays meet edges and seams between colliders.
        leans = np.median(np.arctan2(-normals[..., 2], cosines), axis=0)
        agree = leans[0] * leans[1] > 0
        lean = float(leans[np.argmin(np.abs(leans))]) if agree else 0.0
        y, z = np.median(middles, axis=0)
        error = float(np.median(np.arccos(cosines), axis=0).mean())
        return Squeeze(lean, error, (float(y), float(z)))

    def aligned(self, grasp: Array, squeeze: Squeeze) -> Array | None:
        """The grasp turned so that its pads lie on a leaning wall, None where there is no need."""
        if not LEAST_TILT <= abs(squeeze.lean) <= MOST_TILT:
            return None
        y, z = squeeze.middle
        cos, sin = np.cos(squeeze.lean), np.sin(squeeze.lean)
        turn = np.eye(4)
        turn[1:3, 1:3] = [[cos, sin], [-sin, cos]]
        pivot, back = np.eye(4), np.eye(4)
        pivot[1:3, 3], back[1:3, 3] = (y, z), (0.0, -z)
        return grasp @ pivot @ turn @ back


def examined(grasps: Array, surface: ObjectSurface) -> tuple[Array, Array]:
    """The grasps (N, 4, 4) whose fingers meet something, with their ``error`` (N,) in rad.

    Where the held wall leans, the grasp that follows it is added.
    """
    kept, errors = [], []
    for grasp in grasps:
        squeeze = surface.squeeze(grasp)
        if squeeze is None:
            continue
        kept.append(grasp)
        errors.append(squeeze.error)
        follower = surface.aligned(grasp, squeeze)
        after = None if follower is None else surface.squeeze(follower)
        if after is not None:
            kept.append(follower)
            errors.append(after.error)
    return np.reshape(kept, (-1, 4, 4)), np.array(errors)
