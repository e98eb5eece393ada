"""A robot's names resolved to the ids of one compiled model."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidScene
from molmospaces_gym.robots.base import PREFIX, Arm, RobotConfig

Ids = NDArray[np.intp]
Array = NDArray[np.float64]


def compact(ids: Ids) -> "Ids | slice":
    """A slice instead of consecutive ids: basic indexing is several times faster."""
    if not len(ids):
        return slice(0, 0)
    start, count = int(ids[0]), len(ids)
    return slice(start, start + count) if (np.diff(ids) == 1).all() else ids


@dataclass(frozen=True, eq=False)
class GroupBinding:
    """One move group: joint ids with their addresses, actuator ids, and where its commands sit.

    ``control`` is the group's part of every command vector (n_actuators,) of the robot.
    """

    joints: Ids
    qpos: Ids
    dof: Ids
    actuators: Ids
    control: slice


@dataclass(frozen=True, eq=False)
class ArmBinding:
    """One arm with its gripper; ``fingers`` are body ids whose contacts are left and right touch.

    ``control`` and ``grip_control`` are the parts of a command vector of arm and gripper.
    """

    config: Arm
    joints: Ids
    qpos: Ids
    dof: Ids
    control: slice
    tcp_site: int
    gripper_qpos: Ids
    gripper_actuator: int
    grip_control: int
    fingers: tuple[frozenset[int], frozenset[int]]

    def closure(self, qpos: Array) -> float:
        """How far the gripper is closed, 0 open .. 1 closed (beyond where it is pushed there)."""
        gripper = self.config.gripper
        driver = float(qpos[self.gripper_qpos[0]])
        return (driver - gripper.open_qpos) / (gripper.closed_qpos - gripper.open_qpos)

    def grip_command(self, closure: float) -> float:
        """The actuator command of a closure, 0 open .. 1 closed."""
        gripper = self.config.gripper
        return gripper.open_ctrl + closure * (gripper.closed_ctrl - gripper.open_ctrl)


@dataclass(frozen=True, eq=False)
class RobotBinding:
    """Integer ids of a robot inside ``model``.

    ``actuators`` are all of its actuators in control order: move group by move group as the config
    lists them. ``base_mocap`` is the mocap id of the body it stands on, -1 where it drives itself
    or is fixed in its file. ``joints``, ``qpos``, ``dof``, ``tcp_site``, ``gripper_qpos``,
    ``gripper_actuator`` and ``fingers`` are those of the primary arm.
    """

    config: RobotConfig
    model: mujoco.MjModel
    root_id: int
    base_mocap: int
    link_id: int
    actuators: Ids
    groups: Mapping[str, GroupBinding]
    arms: tuple[ArmBinding, ...]

    @property
    def joints(self) -> Ids:
        return self.arms[0].joints

    @property
    def qpos(self) -> Ids:
        return self.arms[0].qpos

    @property
    def dof(self) -> Ids:
        return self.arms[0].dof

    @property
    def tcp_site(self) -> int:
        return self.arms[0].tcp_site

    @property
    def gripper_qpos(self) -> Ids:
        return self.arms[0].gripper_qpos

    @property
    def gripper_actuator(self) -> int:
        return self.arms[0].gripper_actuator

    @property
    def fingers(self) -> tuple[frozenset[int], frozenset[int]]:
        return self.arms[0].fingers

    @property
    def base(self) -> GroupBinding | None:
        """The virtual joints of a mobile base, or None."""
        return None if self.config.base is None else self.groups[self.config.base.group]

    @cached_property
    def ctrl_low(self) -> Array:
        """Lower control limits (n_actuators,) in control order, -inf where there is none."""
        return self._limits(0, -np.inf)

    @cached_property
    def ctrl_high(self) -> Array:
        """Upper control limits (n_actuators,) in control order, inf where there is none."""
        return self._limits(1, np.inf)

    def _limits(self, side: int, without: float) -> Array:
        limited = self.model.actuator_ctrllimited[self.actuators].astype(bool)
        ends = self.model.actuator_ctrlrange[self.actuators, side]
        limits: Array = np.where(limited, ends, without)
        return limits

    def place_base(
        self, pose: Sequence[float], qpos: Array, mocap_pos: Array, mocap_quat: Array
    ) -> None:
        """Write where the robot stands, x, y, z, qw, qx, qy, qz (m), into a state's arrays.

        A mobile base stays on its floor and upright: it takes position and heading. A robot that
        its file fixes stays there.
        """
        if self.base is not None:
            qpos[self.base.qpos] = pose[0], pose[1], heading(pose[3:7])
        elif self.base_mocap >= 0:
            mocap_pos[self.base_mocap], mocap_quat[self.base_mocap] = pose[:3], pose[3:7]

    def hold_command(self, qpos: Array) -> Array:
        """Commands (n_actuators,) that keep the robot where ``qpos`` (nq,) has it."""
        command = np.empty(len(self.actuators))
        for group in self.groups.values():
            if len(group.joints) == len(group.actuators):
                command[group.control] = qpos[group.qpos]
        for arm in self.arms:
            command[arm.grip_control] = arm.grip_command(arm.closure(qpos))
        return np.minimum(np.maximum(command, self.ctrl_low), self.ctrl_high)

    def home_qpos(self, qpos: Array) -> None:
        """Write the home position of every group into ``qpos`` (nq,)."""
        for name, group in self.groups.items():
            qpos[group.qpos] = self.config.home[name]

    def work_qpos(self, qpos: Array) -> None:
        """Write the posture in which the primary arm works (``Reach``) into ``qpos`` (nq,)."""
        for name, values in self.config.reach.posture.items():
            qpos[self.groups[name].qpos] = values


def heading(quat: Sequence[float]) -> float:
    """Angle (rad) about the vertical of an orientation (wxyz)."""
    w, x, y, z = quat
    return math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))


def _ids(model: mujoco.MjModel, kind: str, names: tuple[str, ...]) -> Ids:
    """Ids of prefixed names of one kind; raises ``InvalidScene`` naming the missing one."""
    found = []
    for name in names:
        full = PREFIX + name
        try:
            found.append(getattr(model, kind)(full).id)
        except KeyError:
            raise InvalidScene(
                f"the scene's robot has no {kind} {full!r}; a scene with its own robot must use"
                " the official names"
            ) from None
    return np.asarray(found, dtype=np.intp)


def bind_robot(model: mujoco.MjModel, config: RobotConfig) -> RobotBinding:
    """Resolve every name of ``config`` in ``model``; raises ``InvalidScene`` for a missing one."""
    link = int(_ids(model, "body", (config.root_body,))[0])
    root = int(model.body_rootid[link])
    groups = _bind_groups(model, config)
    return RobotBinding(
        config=config,
        model=model,
        root_id=root,
        base_mocap=int(model.body_mocapid[root]),
        link_id=link,
        actuators=np.concatenate([group.actuators for group in groups.values()]),
        groups=groups,
        arms=tuple(_bind_arm(model, arm, groups) for arm in config.arms),
    )


def _bind_groups(model: mujoco.MjModel, config: RobotConfig) -> dict[str, GroupBinding]:
    groups: dict[str, GroupBinding] = {}
    start = 0
    for name, group in config.groups.items():
        joints = _ids(model, "joint", group.joints)
        groups[name] = GroupBinding(
            joints=joints,
            qpos=model.jnt_qposadr[joints].astype(np.intp),
            dof=model.jnt_dofadr[joints].astype(np.intp),
            actuators=_ids(model, "actuator", group.actuators),
            control=slice(start, start + len(group.actuators)),
        )
        start += len(group.actuators)
    return groups


def _bind_arm(model: mujoco.MjModel, arm: Arm, groups: Mapping[str, GroupBinding]) -> ArmBinding:
    own, grip = groups[arm.group], groups[arm.gripper.group]
    left, right = (
        frozenset(int(i) for i in _ids(model, "body", names)) for names in arm.gripper.fingers
    )
    return ArmBinding(
        config=arm,
        joints=own.joints,
        qpos=own.qpos,
        dof=own.dof,
        control=own.control,
        tcp_site=int(_ids(model, "site", (arm.tcp_site,))[0]),
        gripper_qpos=grip.qpos,
        gripper_actuator=int(grip.actuators[0]),
        grip_control=grip.control.start,
        fingers=(left, right),
    )
