"""What solvers of arm tasks share: joint paths as commands, and the world as a planner reads it."""

from collections.abc import Iterable

import numpy as np

from molmospaces_gym.policies.motion import timed_path
from molmospaces_gym.policies.planning import WorldState
from molmospaces_gym.robots.chain import ArmChain
from molmospaces_gym.scenes.model import Array
from molmospaces_gym.session import Session
from molmospaces_gym.transforms import pose_matrix

SETTLE_S = 0.3
"""Wait (s) after a move, three times the servos' lag of 0.1 s."""

Command = tuple[Array, float]
"""Arm joint targets (n,) in rad and the gripper's closure, 0 open .. 1 closed."""


class ArmPlayer:
    """Commands for the arm of a session, one per control step."""

    def __init__(self, session: Session, chain: ArmChain) -> None:
        self.session, self.chain = session, chain
        self.dt = session.control_dt

    def moves(
        self, path: Array, seconds: float, closed: float, settle: float = SETTLE_S
    ) -> Iterable[Command]:
        """Commands along a joint path (K, n), and a wait of ``settle`` s for the arm to arrive."""
        for arm in timed_path(path, seconds, self.dt):
            yield arm, closed
        yield from self.still(path[-1], settle, closed)

    def still(self, arm: Array, seconds: float, closed: float) -> Iterable[Command]:
        """The same command for some time."""
        return [(arm, closed)] * int(np.ceil(seconds / self.dt))

    def seconds(self, path: Array, speed: float) -> float:
        """Time (s) that the tool takes along a joint path (K, n) at ``speed`` (m/s)."""
        points = self.chain.poses(path)[:, :3, 3]
        return float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum()) / speed

    def arm_target(self) -> Array:
        """The arm's last commands (n,)."""
        target: Array = self.session.ctrl[self.session.scene.robot.arms[0].control]
        return target

    def state(self, body: int) -> WorldState:
        """The world now, with the pose of ``body`` as the target."""
        world, slot, scene = self.session.world, self.session.slot, self.session.scene
        model, link = scene.model, scene.robot.link_id
        bodies = np.flatnonzero(model.body_mocapid >= 0)
        position, quat = world.body_pos(slot), world.body_quat(slot)
        return WorldState(
            qpos=np.array(world.joint_pos(slot)),
            mocap={int(model.body_mocapid[b]): (position[b], quat[b]) for b in bodies},
            base=pose_matrix(position[link], quat[link]),
            target=pose_matrix(position[body], quat[body]),
            arm=self.arm_target(),
        )
