"""Isaac Lab's views of a house with the addresses of what they hold in MuJoCo's arrays.

Each carries the state of a world both ways: ``push`` writes it into the simulation, ``read``
fetches that of all worlds and ``pull`` writes one of them into MuJoCo's arrays.
"""

import re
from typing import Any

import mujoco
import numpy as np
import torch
from numpy.typing import NDArray

from molmospaces_gym.backends.isaac_scene.compat import FixedRoots
from molmospaces_gym.backends.isaac_scene.links import WXYZ, XYZW, Group, Plan
from molmospaces_gym.backends.layout import Array
from molmospaces_gym.backends.motion import centre_velocity, free_states

_JOINT = re.compile(r"j(\d+)_")


def to_tensor(values: Array, device: str) -> torch.Tensor:
    """Rows in single precision where the simulation is."""
    rows = np.ascontiguousarray(values, dtype=np.float32)
    return torch.from_numpy(rows).to(device)


def to_numpy(array: Any) -> Array:
    """An array of Isaac Lab in double precision."""
    values: Array = array.torch.cpu().numpy().astype(np.float64)
    return values


class Arm:
    """A robot or something that opens.

    Attributes:
        view: Isaac Lab's articulation.
        joints: (n,) MuJoCo's ids of its joints; ``qpos`` and ``dofs`` their addresses.
        zero: (n,) MuJoCo's positions where Isaac Lab has 0.
        free: id of the joint on which its root floats, -1: none.
    """

    def __init__(
        self, view: Any, group: Group, model: mujoco.MjModel, root: FixedRoots | None, device: str
    ) -> None:
        self.view, self._mocap, self._root, self._device = view, group.mocap, root, device
        found = [_JOINT.match(name) for name in view.joint_names]
        self.joints = np.array([int(match[1]) for match in found if match], dtype=np.intp)
        self.qpos, self.dofs = model.jnt_qposadr[self.joints], model.jnt_dofadr[self.joints]
        self.zero = model.qpos0[self.qpos]
        self.free = group.free_joint
        at = [model.jnt_qposadr[self.free], model.jnt_dofadr[self.free]]
        self._address = np.array([at], np.intp)

    def aim(self, world: int, driven: NDArray[np.intp], wanted: Array) -> None:
        """Set the positions (n,) that the servos of some of the joints ask for."""
        self.view.actuators.target_command.set_position_index(
            value=self._row(wanted - self.zero[driven]), joint_ids=driven.tolist(), env_ids=[world]
        )

    def push(
        self,
        world: int,
        origin: Array,
        qpos: Array,
        qvel: Array,
        mocap_pos: Array,
        mocap_quat: Array,
    ) -> None:
        """Put it where MuJoCo's arrays have it; ``origin`` (3,) is that of the world."""
        if self._mocap >= 0:
            pos, quat = mocap_pos[self._mocap], mocap_quat[self._mocap]
            pose = np.concatenate([pos + origin, quat[XYZW]])
            if self._root is not None:
                self._root.move(world, pose)
            self._place(world, pose)
        elif self.free >= 0:
            self._push_free(world, origin, qpos, qvel)
        if len(self.joints):
            self.view.write_joint_position_to_sim_index(
                position=self._row(qpos[self.qpos] - self.zero), env_ids=[world]
            )
            self.view.write_joint_velocity_to_sim_index(
                velocity=self._row(qvel[self.dofs]), env_ids=[world]
            )

    def _push_free(self, world: int, origin: Array, qpos: Array, qvel: Array) -> None:
        at, dof = self._address[0].tolist()
        velocity = np.zeros(6)
        centre_velocity(qpos[at : at + 7], qvel[dof : dof + 6], np.zeros(3), velocity)
        self._place(
            world, np.concatenate([qpos[at : at + 3] + origin, qpos[at + 3 : at + 7][XYZW]])
        )
        self.view.write_root_link_velocity_to_sim_index(
            root_velocity=self._row(velocity), env_ids=[world]
        )

    def _place(self, world: int, pose: Array) -> None:
        self.view.write_root_link_pose_to_sim_index(root_pose=self._row(pose), env_ids=[world])

    def _row(self, values: Array) -> torch.Tensor:
        return to_tensor(values[None], self._device)

    def read(self) -> None:
        """Fetch the state of all worlds."""
        data = self.view.data
        self._positions, self._velocities = to_numpy(data.joint_pos), to_numpy(data.joint_vel)
        if self.free >= 0:
            self._poses = to_numpy(data.root_link_pose_w)
            self._speeds = to_numpy(data.root_link_vel_w)

    def pull(self, world: int, origin: Array, qpos: Array, qvel: Array) -> None:
        """Write what ``read`` has fetched of a world into MuJoCo's arrays."""
        qpos[self.qpos] = self._positions[world] + self.zero
        qvel[self.dofs] = self._velocities[world]
        if self.free >= 0:
            rows = _states(self._poses[world][None], self._speeds[world][None], origin)
            free_states(rows, np.zeros((1, 3)), np.zeros(1, np.intp), self._address, qpos, qvel)


class Objects:
    """Everything loose; ``view`` is Isaac Lab's collection of rigid bodies."""

    def __init__(self, view: Any, plan: Plan, device: str) -> None:
        self.view, self._device = view, device
        model, joints = plan.model, [group.free_joint for group in plan.singles]
        addresses = [model.jnt_qposadr[joints], model.jnt_dofadr[joints]]
        self._addresses = np.column_stack(addresses).astype(np.intp)
        self._which = np.arange(len(joints), dtype=np.intp)
        links = [plan.links[group.links[0]] for group in plan.singles]
        self._middles = np.array(
            [plan.layout.combined(link.bodies, link.body, model)[1] for link in links]
        )

    def push(self, world: int, origin: Array, qpos: Array, qvel: Array) -> None:
        """Put them where MuJoCo's arrays have them; ``origin`` (3,) is that of the world."""
        count = len(self._addresses)
        poses, velocities = np.zeros((count, 7)), np.zeros((count, 6))
        for row, (at, dof) in enumerate(self._addresses.tolist()):
            poses[row, :3] = qpos[at : at + 3] + origin
            poses[row, 3:] = qpos[at + 3 : at + 7][XYZW]
            centre_velocity(
                qpos[at : at + 7], qvel[dof : dof + 6], self._middles[row], velocities[row]
            )
        self.view.write_body_link_pose_to_sim_index(
            body_poses=to_tensor(poses[None], self._device), env_ids=[world]
        )
        self.view.write_body_com_velocity_to_sim_index(
            body_velocities=to_tensor(velocities[None], self._device), env_ids=[world]
        )

    def read(self) -> None:
        """Fetch the state of all worlds."""
        data = self.view.data
        self._poses, self._velocities = (
            to_numpy(data.body_link_pose_w),
            to_numpy(data.body_com_vel_w),
        )

    def pull(self, world: int, origin: Array, qpos: Array, qvel: Array) -> None:
        """Write what ``read`` has fetched of a world into MuJoCo's arrays."""
        rows = _states(self._poses[world], self._velocities[world], origin)
        free_states(rows, self._middles, self._which, self._addresses, qpos, qvel)


def _states(poses: Array, velocities: Array, origin: Array) -> Array:
    """Rows of position, quaternion (wxyz) and velocity in a world's own frame."""
    return np.concatenate([poses[:, :3] - origin, poses[:, 3:][:, WXYZ], velocities], axis=1)
