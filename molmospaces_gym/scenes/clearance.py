"""Distance checks between a standing robot and the rest of its scene."""

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.scenes.articulated import Articulation
from molmospaces_gym.scenes.model import Array, SceneModel

Ids = NDArray[np.intp]


class Clearance:
    """Tests robot poses against a scene at rest, static furniture included.

    MuJoCo makes no contacts between a mocap body and the static world, so distances are computed
    here, after a bounding-sphere test.
    """

    def __init__(self, scene: SceneModel, qpos: Array | None = None) -> None:
        """``qpos`` (nq,) is the configuration tested against; None: the scene at rest."""
        model = scene.model
        self._scene, self._data = scene, mujoco.MjData(model)
        self._data.qpos[:] = scene.rest_qpos if qpos is None else qpos
        scene.robot.work_qpos(self._data.qpos)
        solid = (model.geom_contype | model.geom_conaffinity) != 0
        planes = model.geom_type == int(mujoco.mjtGeom.mjGEOM_PLANE)
        mine = scene.geom_root == scene.robot.root_id
        self._mine = np.flatnonzero(solid & mine)
        self._others = np.flatnonzero(solid & ~mine & ~planes)
        self._planes = np.flatnonzero(solid & ~mine & planes)
        welded = model.body_weldid[model.geom_bodyid[self._mine]]
        moves = welded != model.body_weldid[scene.robot.root_id]
        self._arm, self._foot = self._mine[moves], self._mine[~moves]

    def is_free(self, base_pose: tuple[float, ...], arm: Array, margin: float) -> bool:
        """Whether the robot at this pose keeps ``margin`` metres from everything else.

        Pedestal and foot may sink into a floor (plane), as official base poses do; moving links
        may not.
        """
        scene, data = self._scene, self._data
        data.qpos[scene.robot.qpos] = arm
        scene.robot.place_base(base_pose, data.qpos, data.mocap_pos, data.mocap_quat)
        mujoco.mj_kinematics(scene.model, data)
        return self._above_planes(margin) and not self._near(self._mine, self._others, margin)

    def sweeps(
        self, base_pose: tuple[float, ...], part: Articulation, position: float, margin: float
    ) -> bool:
        """Whether a part at this joint position comes within ``margin`` m of the robot's foot.

        The foot is what does not move with the arm: the pedestal and the first link.
        """
        scene, data = self._scene, self._data
        before = float(data.qpos[part.qpos])
        data.qpos[part.qpos] = position
        scene.robot.place_base(base_pose, data.qpos, data.mocap_pos, data.mocap_quat)
        mujoco.mj_kinematics(scene.model, data)
        moving = self._others[scene.model.geom_bodyid[self._others] == part.body]
        near = self._near(self._foot, moving, margin)
        data.qpos[part.qpos] = before
        return near

    def _above_planes(self, margin: float) -> bool:
        centers, reach = self._data.geom_xpos[self._arm], self._scene.model.geom_rbound[self._arm]
        for plane in self._planes:
            normal = self._data.geom_xmat[plane].reshape(3, 3)[:, 2]
            height = (centers - self._data.geom_xpos[plane]) @ normal - reach
            if (height < margin).any():
                return False
        return True

    def _near(self, mine: Ids, others: Ids, margin: float) -> bool:
        model, data = self._scene.model, self._data
        gap = np.linalg.norm(data.geom_xpos[mine][:, None] - data.geom_xpos[others][None], axis=2)
        reach = model.geom_rbound[mine][:, None] + model.geom_rbound[others][None]
        for i, j in zip(*np.nonzero(gap < reach + margin), strict=True):
            first, second = int(mine[i]), int(others[j])
            if mujoco.mj_geomDistance(model, data, first, second, margin, None) < margin:
                return True
        return False
