"""A robot's names resolved to the ids of one compiled model."""

from dataclasses import dataclass
from functools import cached_property

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidScene
from molmospaces_gym.robots.base import PREFIX, RobotConfig

Ids = NDArray[np.intp]


def compact(ids: Ids) -> "Ids | slice":
    """A slice instead of consecutive ids: basic indexing is several times faster."""
    start, count = int(ids[0]), len(ids)
    return slice(start, start + count) if (np.diff(ids) == 1).all() else ids


@dataclass(frozen=True, eq=False)
class RobotBinding:
    """Integer ids of a robot inside ``model``.

    ``actuators`` are all of its actuators in control order: move group by move group, the gripper
    last. ``qpos`` and ``dof`` are the addresses of the arm's joints, in order.
    """

    config: RobotConfig
    model: mujoco.MjModel
    root_id: int
    base_mocap: int
    link_id: int
    tcp_site: int
    actuators: Ids
    joints: Ids
    qpos: Ids
    dof: Ids
    gripper_qpos: Ids
    gripper_actuator: int
    fingers: tuple[frozenset[int], frozenset[int]]

    @cached_property
    def ctrl_low(self) -> NDArray[np.float64]:
        """Lower control limits (n_actuators,) in control order."""
        low: NDArray[np.float64] = self.model.actuator_ctrlrange[self.actuators, 0].copy()
        return low

    @cached_property
    def ctrl_high(self) -> NDArray[np.float64]:
        """Upper control limits (n_actuators,) in control order."""
        high: NDArray[np.float64] = self.model.actuator_ctrlrange[self.actuators, 1].copy()
        return high


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
    arm = [g for name, g in config.groups.items() if name != config.gripper.group]
    grip = config.groups[config.gripper.group]
    joints = _ids(model, "joint", sum((g.joints for g in arm), ()))
    actuators = _ids(model, "actuator", sum((g.actuators for g in arm), ()) + grip.actuators)
    grip_joints = _ids(model, "joint", grip.joints)
    left, right = (
        frozenset(int(i) for i in _ids(model, "body", names)) for names in config.gripper.fingers
    )
    return RobotBinding(
        config=config,
        model=model,
        root_id=root,
        base_mocap=int(model.body_mocapid[root]),
        link_id=link,
        tcp_site=int(_ids(model, "site", (config.tcp_site,))[0]),
        actuators=actuators,
        joints=joints,
        qpos=model.jnt_qposadr[joints].astype(np.intp),
        dof=model.jnt_dofadr[joints].astype(np.intp),
        gripper_qpos=model.jnt_qposadr[grip_joints].astype(np.intp),
        gripper_actuator=int(actuators[-1]),
        fingers=(left, right),
    )
