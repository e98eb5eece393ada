"""Distance checks between a standing robot and the rest of its scene."""

import mujoco
import numpy as np

from molmospaces_gym.scenes.model import Array, SceneModel


class Clearance:
    """Tests robot poses against a scene at rest, static furniture included.

    MuJoCo makes no contacts between a mocap body and the static world, so distances are computed
    here, after a bounding-sphere test.
    """

    def __init__(self, scene: SceneModel) -> None:
        model = scene.model
        self._scene, self._data = scene, mujoco.MjData(model)
        self._data.qpos[:] = scene.rest_qpos
        solid = (model.geom_contype | model.geom_conaffinity) != 0
        planes = model.geom_type == int(mujoco.mjtGeom.mjGEOM_PLANE)
        mine = scene.geom_root == scene.robot.root_id
        self._mine = np.flatnonzero(solid & mine)
        self._others = np.flatnonzero(solid & ~mine & ~planes)
        self._planes = np.flatnonzero(solid & ~mine & planes)
        welded = model.body_weldid[model.geom_bodyid[self._mine]]
        self._arm = self._mine[welded != model.body_weldid[scene.robot.root_id]]

    def is_free(self, base_pose: tuple[float, ...], arm: Array, margin: float) -> bool:
        """Whether the robot at this pose keeps ``margin`` metres from everything else.

        Pedestal and foot may sink into a floor (plane), as official base poses do; moving links
        may not.
        """
        scene, data = self._scene, self._data
        data.qpos[scene.robot.qpos] = arm
        scene.robot.place_base(base_pose, data.qpos, data.mocap_pos, data.mocap_quat)
        mujoco.mj_kinematics(scene.model, data)
        return self._above_planes(margin) and not self._near(margin)

    def _above_planes(self, margin: float) -> bool:
        centers, reach = self._data.geom_xpos[self._arm], self._scene.model.geom_rbound[self._arm]
        for plane in self._planes:
            normal = self._data.geom_xmat[plane].reshape(3, 3)[:, 2]
            height = (centers - self._data.geom_xpos[plane]) @ normal - reach
            if (height < margin).any():
                return False
        return True

    def _near(self, margin: float) -> bool:
        model, data = self._scene.model, self._data
        gap = np.linalg.norm(
            data.geom_xpos[self._mine][:, None] - data.geom_xpos[self._others][None], axis=2
        )
        reach = model.geom_rbound[self._mine][:, None] + model.geom_rbound[self._others][None]
        for i, j in zip(*np.nonzero(gap < reach + margin), strict=True):
            first, second = int(self._mine[i]), int(self._others[j])
            if mujoco.mj_geomDistance(model, data, first, second, margin, None) < margin:
                return True
        return False
