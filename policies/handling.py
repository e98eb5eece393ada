"""Reaching, holding, lifting and letting go of one object, watching it all the while."""

from collections.abc import Generator, Iterable, Iterator

import numpy as np

from molmospaces_gym.policies.motion import free_duration, straight_line
from molmospaces_gym.policies.planning import GraspPlan, GraspPlanner, WorldState
from molmospaces_gym.policies.playing import ArmPlayer, Command
from molmospaces_gym.scenes.model import Array
from molmospaces_gym.session import Session
from molmospaces_gym.transforms import inverse, pose_matrix

APPROACH_SPEED, LIFT_SPEED = 0.12, 0.12
"""Speed of the tool towards the object and upwards, m/s (official: 0.08)."""
CLOSE_S = 0.6
"""Time (s) given to the fingers to close (measured: 0.4)."""
OPEN_S = 0.4
"""Time (s) given to the fingers to open."""
BACK = 0.08
"""Way (m) back along the approach after the object was let go."""
MOVED, TURNED = 0.012, float(np.cos(np.deg2rad(12.0)))
"""An object that moved farther (m), or turned farther than this cosine, is planned for anew."""
STILL_SPEED, STILL_RADIUS = 0.02, 0.05
"""An object rests when no point within this radius (m) is faster than this (m/s)."""
WAIT_S = 3.0
"""Longest wait (s) for an object to come to rest."""
PATIENCE = 6
"""Steps without success after which it counts as lost."""
RISEN, SHARE = 0.03, 0.5
"""Once the tool has risen this far (m), the object must have come along by this share."""


def full_commands(session: Session, commands: Iterable[Command]) -> Iterator[Array]:
    """Commands (n_actuators,) that move the primary arm and its gripper and nothing else."""
    arms = session.scene.robot.arms
    for arm, closed in commands:
        command = session.ctrl
        command[arms[0].control] = arm
        command[arms[0].grip_control] = arms[0].grip_command(closed)
        yield command


class ObjectHandler:
    """What attempts at an object are made of; each part is a stream of commands."""

    def __init__(self, session: Session, planner: GraspPlanner) -> None:
        self.session, self.planner = session, planner
        self.player = ArmPlayer(session, planner.chain)
        self._dof = session.scene.free_joint(planner.name)[1]

    def rest(self) -> Iterator[Command]:
        """Hold still until the object rests."""
        for command in self.player.still(self.player.arm_target(), WAIT_S, 0.0):
            velocity = self.session.world.joint_vel(self.session.slot)[self._dof : self._dof + 6]
            linear, angular = np.linalg.norm(velocity[:3]), np.linalg.norm(velocity[3:])
            if linear + STILL_RADIUS * angular < STILL_SPEED:
                return
            yield command

    def go_home(self) -> Iterator[Command]:
        """Move to the home pose, from where another plan may be found."""
        path = self.planner.way_home(self.state())
        yield from self.player.moves(path, free_duration(path), 0.0)

    def reach(self, plan: GraspPlan) -> Generator[Command, None, bool]:
        """Bring the open gripper around the object; false where the object moved before."""
        start, player = self.object(), self.player
        for command in player.moves(plan.reach, free_duration(plan.reach), 0.0):
            yield command
            if self.moved(start):
                return False
        seconds = player.seconds(plan.approach, APPROACH_SPEED)
        moves = list(player.moves(plan.approach, seconds, 0.0))
        for row, command in enumerate(moves):
            yield command
            if self.moved(start):
                yield from moves[row::-1]
                return False
        return True

    def lift(self, plan: GraspPlan) -> Generator[Command, None, bool]:
        """Close and lift; false where the object was missed or lost."""
        player = self.player
        yield from player.still(plan.lift[0], CLOSE_S, 1.0)
        if not self.touches():
            return False
        height, tool = self.object()[2, 3], self.tool()[2, 3]
        for command in player.moves(plan.lift, player.seconds(plan.lift, LIFT_SPEED), 1.0):
            yield command
            risen = self.tool()[2, 3] - tool
            if risen > RISEN and self.object()[2, 3] - height < SHARE * (risen - RISEN):
                return False
        return True

    def release(self) -> Iterator[Command]:
        """Open and draw back along the approach."""
        player, chain = self.player, self.planner.chain
        arm = player.arm_target()
        yield from player.still(arm, OPEN_S, 0.0)
        approach = chain.poses(arm)[:3, 2]
        path = straight_line(chain, arm, -BACK * approach)
        if path is not None:
            yield from player.moves(path, player.seconds(path, APPROACH_SPEED), 0.0)

    def tool(self) -> Array:
        """World pose (4, 4) of the tool."""
        world, slot, site = self.session.world, self.session.slot, self.session.scene.robot.tcp_site
        pose = np.eye(4)
        pose[:3, :3] = world.site_mat(slot)[site].reshape(3, 3)
        pose[:3, 3] = world.site_pos(slot)[site]
        return pose

    def object(self) -> Array:
        """World pose (4, 4) of the object."""
        world, slot, body = self.session.world, self.session.slot, self.planner.body
        return pose_matrix(world.body_pos(slot)[body], world.body_quat(slot)[body])

    def bottom(self) -> float:
        """Height (m) of the lowest corner of the object's box."""
        scene, name, pose = self.session.scene, self.planner.name, self.object()
        middle = pose[2, 3] + pose[2, :3] @ scene.body_center(name)
        return float(middle - np.abs(pose[2, :3]) @ scene.body_half_size(name))

    def moved(self, start: Array) -> bool:
        """Whether the object is no longer where it was."""
        shift, cosine = difference(start, self.object())
        return shift > MOVED or cosine < TURNED

    def touches(self) -> bool:
        """Whether the robot touches the object."""
        session, scene = self.session, self.session.scene
        roots = scene.geom_root[session.world.contact_geoms(session.slot)]
        ours = (roots == scene.robot.root_id).any(axis=1)
        return bool((ours & (roots == self.planner.body).any(axis=1)).any())

    def state(self) -> WorldState:
        """The world now, as planners read it."""
        return self.player.state(self.planner.body)


def difference(first: Array, second: Array) -> tuple[float, float]:
    """Distance (m) and cosine of the angle between two poses (4, 4)."""
    change = inverse(first) @ second
    return float(np.linalg.norm(change[:3, 3])), float((np.trace(change[:3, :3]) - 1.0) / 2)
