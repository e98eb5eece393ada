"""Playing grasp plans step by step, watching the object, until one of them works."""

from collections import OrderedDict
from collections.abc import Generator, Iterable, Iterator

import numpy as np

from molmospaces_gym.errors import InvalidEpisode
from molmospaces_gym.policies.motion import free_duration, straight_line, timed_path
from molmospaces_gym.policies.planning import GraspPlan, GraspPlanner, WorldState
from molmospaces_gym.scenes.model import Array
from molmospaces_gym.session import Session
from molmospaces_gym.transforms import inverse, pose_matrix

APPROACH_SPEED, LIFT_SPEED = 0.12, 0.12
"""Speed of the tool towards the object and upwards, m/s (official: 0.08)."""
SETTLE_S = 0.3
"""Wait (s) after a move, three times the servos' lag of 0.1 s."""
CLOSE_S = 0.6
"""Time (s) given to the fingers to close (measured: 0.4)."""
OPEN_S = 0.4
"""Time (s) given to the fingers to open after a failed grasp."""
BACK = 0.08
"""Way (m) back along the approach after a failed grasp."""
MOVED, TURNED = 0.012, float(np.cos(np.deg2rad(12.0)))
"""An object that moved farther (m), or turned farther than this cosine, is planned for anew."""
STILL_SPEED, STILL_RADIUS = 0.02, 0.05
"""An object rests when no point within this radius (m) is faster than this (m/s)."""
WAIT_S = 3.0
"""Longest wait (s) for an object to come to rest."""
PATIENCE = 6
"""Steps without success, once lifted, after which the grasp counts as lost."""
CLEAR = 0.04
"""An object whose lowest point is less than this (m) above its start is lifted by as much more."""
RISEN, SHARE = 0.03, 0.5
"""Once the tool has risen this far (m), the object must have come along by this share."""
MAX_FAILED = 8
"""Grasps tried; one takes about five seconds, so the time limit usually comes first."""
MAX_IN_VAIN = 2
"""Plans in a row that may find no way, the second one from the home pose."""

PLANNERS = 8
"""Planners kept for scenes and objects that come again."""

Command = tuple[Array, float]
"""Arm joint targets (n,) in rad and the gripper's closure, 0 open .. 1 closed."""


class PickSolver:
    """Lifts the episode's object and then holds still."""

    def __init__(self) -> None:
        self._planners: OrderedDict[tuple[str, str], GraspPlanner] = OrderedDict()

    def play(self, session: Session) -> Iterator[Array]:
        """See ``expert.Solver``; raises ``InvalidEpisode`` where no object is named."""
        commands = PickAttempts(session, self._planner(session)).commands()
        return full_commands(session, commands)

    def _planner(self, session: Session) -> GraspPlanner:
        """A planner for the episode's object; what it knows of the object is kept."""
        name = session.episode.task.get("pickup_obj_name")
        if not isinstance(name, str):
            raise InvalidEpisode("the expert plays Pick: the episode has no task.pickup_obj_name")
        key = (session.scene.key, name)
        if key not in self._planners:
            self._planners[key] = GraspPlanner(session.scene, name)
        self._planners.move_to_end(key)
        while len(self._planners) > PLANNERS:
            self._planners.popitem(last=False)
        return self._planners[key]


def full_commands(session: Session, commands: Iterable[Command]) -> Iterator[Array]:
    """Commands (n_actuators,) that move the primary arm and its gripper and nothing else."""
    arms = session.scene.robot.arms
    for arm, closed in commands:
        command = session.ctrl
        command[arms[0].control] = arm
        command[arms[0].grip_control] = arms[0].grip_command(closed)
        yield command


class PickAttempts:
    """One episode of Pick as a stream of commands."""

    def __init__(self, session: Session, planner: GraspPlanner) -> None:
        self._session, self._planner = session, planner
        self._dt = session.n_substeps * float(session.scene.model.opt.timestep)
        self._dof = session.scene.free_joint(planner.name)[1]
        self._failed: list[Array] = []

    def commands(self) -> Iterator[Command]:
        """One command per control step, without end."""
        in_vain = 0
        while in_vain < MAX_IN_VAIN and len(self._failed) < MAX_FAILED:
            yield from self._rest()
            plan = self._planner.plan(self._state(), self._failed)
            in_vain = in_vain + 1 if plan is None else 0
            if plan is None:
                yield from self._go_home()
            elif (yield from self._reach(plan)):
                yield from self._grasp(plan)
                self._failed.append(plan.grasp)
                yield from self._release()
        while True:
            yield self._arm_target(), 0.0

    def _rest(self) -> Iterator[Command]:
        """Hold still until the object rests."""
        for command in self._still(self._arm_target(), WAIT_S, 0.0):
            velocity = self._session.world.joint_vel(self._session.slot)[self._dof : self._dof + 6]
            linear, angular = np.linalg.norm(velocity[:3]), np.linalg.norm(velocity[3:])
            if linear + STILL_RADIUS * angular < STILL_SPEED:
                return
            yield command

    def _go_home(self) -> Iterator[Command]:
        """Move to the home pose, from where another plan may be found."""
        path = self._planner.way_home(self._state())
        yield from self._moves(path, free_duration(path), 0.0)

    def _reach(self, plan: GraspPlan) -> Generator[Command, None, bool]:
        """Bring the open gripper around the object; false where the object moved before."""
        start = self._object()
        for command in self._moves(plan.reach, free_duration(plan.reach), 0.0):
            yield command
            if self._moved(start):
                return False
        moves = list(self._moves(plan.approach, self._seconds(plan.approach, APPROACH_SPEED), 0.0))
        for row, command in enumerate(moves):
            yield command
            if self._moved(start):
                yield from moves[row::-1]
                return False
        return True

    def _grasp(self, plan: GraspPlan) -> Iterator[Command]:
        """Close, lift and hold; ends where the object was missed or lost."""
        yield from self._still(plan.lift[0], CLOSE_S, 1.0)
        if not self._touches():
            return
        height, tool = self._object()[2, 3], self._tool_height()
        bottom = self._bottom()
        for command in self._moves(plan.lift, self._seconds(plan.lift, LIFT_SPEED), 1.0):
            yield command
            risen = self._tool_height() - tool
            if risen > RISEN and self._object()[2, 3] - height < SHARE * (risen - RISEN):
                return
        yield from self._hold(plan.lift[-1], bottom)

    def _hold(self, arm: Array, start: float) -> Iterator[Command]:
        """Hold still while that is a success; go higher when the object sags in the fingers."""
        without, room = 0, True
        while without < PATIENCE:
            yield arm, 1.0
            without = 0 if self._session.state.success else without + 1
            if room and self._bottom() - start < CLEAR and self._touches():
                path = self._planner.way_up(self._state(), CLEAR)
                room = path is not None
                if path is not None:
                    yield from self._moves(path, self._seconds(path, LIFT_SPEED), 1.0)
                    arm, without = path[-1], 0

    def _release(self) -> Iterator[Command]:
        """Open and draw back along the approach."""
        arm = self._arm_target()
        yield from self._still(arm, OPEN_S, 0.0)
        approach = self._planner.chain.poses(arm)[:3, 2]
        path = straight_line(self._planner.chain, arm, -BACK * approach)
        if path is not None:
            yield from self._moves(path, self._seconds(path, APPROACH_SPEED), 0.0)

    def _moves(self, path: Array, seconds: float, closed: float) -> Iterable[Command]:
        """Commands along a joint path (K, n), and a wait for the arm to arrive."""
        for arm in timed_path(path, seconds, self._dt):
            yield arm, closed
        yield from self._still(path[-1], SETTLE_S, closed)

    def _still(self, arm: Array, seconds: float, closed: float) -> Iterable[Command]:
        return [(arm, closed)] * int(np.ceil(seconds / self._dt))

    def _seconds(self, path: Array, speed: float) -> float:
        """Time (s) of a straight tool path at ``speed`` (m/s)."""
        ends = self._planner.chain.poses(path[[0, -1]])[:, :3, 3]
        return float(np.linalg.norm(ends[1] - ends[0])) / speed

    def _arm_target(self) -> Array:
        target: Array = self._session.ctrl[self._session.scene.robot.arms[0].control]
        return target

    def _tool_height(self) -> float:
        session = self._session
        return float(session.world.site_pos(session.slot)[session.scene.robot.tcp_site, 2])

    def _object(self) -> Array:
        world, slot, body = self._session.world, self._session.slot, self._planner.body
        return pose_matrix(world.body_pos(slot)[body], world.body_quat(slot)[body])

    def _bottom(self) -> float:
        """Height (m) of the lowest corner of the object's box."""
        scene, name, pose = self._session.scene, self._planner.name, self._object()
        middle = pose[2, 3] + pose[2, :3] @ scene.body_center(name)
        return float(middle - np.abs(pose[2, :3]) @ scene.body_half_size(name))

    def _moved(self, start: Array) -> bool:
        change = inverse(start) @ self._object()
        cosine = (np.trace(change[:3, :3]) - 1.0) / 2
        return bool(np.linalg.norm(change[:3, 3]) > MOVED or cosine < TURNED)

    def _touches(self) -> bool:
        """Whether the robot touches the object."""
        session, scene = self._session, self._session.scene
        roots = scene.geom_root[session.world.contact_geoms(session.slot)]
        ours = (roots == scene.robot.root_id).any(axis=1)
        return bool((ours & (roots == self._planner.body).any(axis=1)).any())

    def _state(self) -> WorldState:
        world, slot, scene = self._session.world, self._session.slot, self._session.scene
        model, link = scene.model, scene.robot.link_id
        bodies = np.flatnonzero(model.body_mocapid >= 0)
        position, quat = world.body_pos(slot), world.body_quat(slot)
        return WorldState(
            qpos=np.array(world.joint_pos(slot)),
            mocap={int(model.body_mocapid[b]): (position[b], quat[b]) for b in bodies},
            base=pose_matrix(position[link], quat[link]),
            target=self._object(),
            arm=self._arm_target(),
        )
