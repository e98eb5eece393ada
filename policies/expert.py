"""``ExpertPolicy``: a scripted, privileged policy that plans, grasps, lifts and tries again."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidEpisode, NotReset
from molmospaces_gym.policies.grasping import inverse, pose_matrix
from molmospaces_gym.policies.motion import TOOL_SPEED, free_duration, straight_line, timed_path
from molmospaces_gym.policies.planning import GraspPlan, GraspPlanner, WorldState
from molmospaces_gym.scenes.model import Array
from molmospaces_gym.session import Session

SETTLE_S = 0.3
"""Wait (s) after a move, three times the servos' lag of 0.1 s."""
CLOSE_S = 0.6
"""Time (s) given to the fingers to close (measured: 0.4)."""
OPEN_S = 0.4
"""Time (s) given to the fingers to open after a failed grasp."""
LIFT_SPEED = 0.12
"""Speed of the lift, m/s (official: 0.08)."""
MOVED, TURNED = 0.012, np.deg2rad(12.0)
"""An object that moved farther (m) or turned farther (rad) before the grasp is planned for anew."""
STILL_SPEED = 0.02
"""An object slower than this (m/s and rad/s times 5 cm) can be planned for."""
WAIT_S = 3.0
"""Longest wait (s) for an object to come to rest."""
PATIENCE = 6
"""Steps without success, once lifted, after which the grasp counts as lost."""
RISE = 0.5
"""Share of the lift that the object must follow."""
MAX_ATTEMPTS = 8
"""Attempts per episode; the horizon of 20 s leaves room for about four."""
PLANNERS = 8
"""Planners kept for scenes and objects that come again."""


class HasSession(Protocol):
    """What the policy is bound to: an env, or anything else with a session."""

    @property
    def session(self) -> Session: ...


class ExpertPolicy:
    """Picks the episode's object up with full knowledge of the scene.

    On the first ``predict`` after ``reset`` it plans in a scratch simulation: a grasp from the
    object's candidates, joint paths to it and upwards. While it moves it watches the object, and
    plans again when that was pushed, missed or dropped. After the lift it holds still.
    """

    env_kwargs: ClassVar[dict[str, Any]] = {"action_mode": "joint_position"}

    def __init__(self) -> None:
        self._env: HasSession | None = None
        self._planners: OrderedDict[tuple[str, str], GraspPlanner] = OrderedDict()
        self._run: Iterator[tuple[Array, float]] | None = None

    def bind(self, env: HasSession) -> None:
        """Keep the env whose session is read live."""
        self._env = env
        self._run = None

    def reset(self, instruction: str, seed: int | None) -> None:
        """Forget the last episode; the expert itself draws nothing at random."""
        self._run = None

    def predict(
        self,
        obs: Any,
        state: Any = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[np.float32], Any]:
        """The next action of the plan; ``obs`` is not used."""
        if self._env is None:
            raise NotReset("ExpertPolicy sees no scene yet; call bind(env.unwrapped) first")
        session = self._env.session
        if self._run is None:
            self._run = _Attempts(session, self._planner(session)).commands()
        arm, closed = next(self._run)
        gripper = session.robot.gripper
        grip = gripper.open_ctrl + closed * (gripper.closed_ctrl - gripper.open_ctrl)
        action = session.action_mapper.encode(np.append(arm, grip), session.ctrl)
        return action.astype(np.float32), state

    def _planner(self, session: Session) -> GraspPlanner:
        name = session.episode.task.get("pickup_obj_name")
        if not isinstance(name, str):
            raise InvalidEpisode("the expert plays Pick: the episode names no pickup_obj_name")
        key = (session.scene.key, name)
        if key not in self._planners:
            self._planners[key] = GraspPlanner(session.scene, name)
        self._planners.move_to_end(key)
        while len(self._planners) > PLANNERS:
            self._planners.popitem(last=False)
        return self._planners[key]


class _Attempts:
    """One episode: attempts until one succeeds, as a stream of commands."""

    def __init__(self, session: Session, planner: GraspPlanner) -> None:
        self._session, self._planner = session, planner
        self._dt = session.n_substeps * float(session.scene.model.opt.timestep)
        self._dof = session.scene.free_joint(planner.name)[1]
        self._failed: list[Array] = []

    def commands(self) -> Iterator[tuple[Array, float]]:
        """Arm joint targets (n,) and gripper closure for every step, without end."""
        for _ in range(MAX_ATTEMPTS):
            yield from self._rest()
            plan = self._planner.plan(self._state(), self._failed)
            if plan is None:
                break
            yield from self._attempt(plan)
        yield from self._hold(0.0)

    def _attempt(self, plan: GraspPlan) -> Iterator[tuple[Array, float]]:
        """Play a plan; returns when it failed."""
        start = self._object()
        line = np.linalg.norm(
            np.diff(self._planner.chain.poses(plan.approach)[:, :3, 3], axis=0), axis=1
        )
        seconds = float(line.sum()) / TOOL_SPEED
        reach = timed_path(plan.reach, free_duration(plan.reach), self._dt)
        for arm in [*reach, *self._still(reach[-1], SETTLE_S)]:
            yield arm, 0.0
            if self._moved(start):
                return
        approach = timed_path(plan.approach, seconds, self._dt)
        for row, arm in enumerate([*approach, *self._still(approach[-1], SETTLE_S)]):
            yield arm, 0.0
            if self._moved(start):
                for back in approach[: min(row, len(approach) - 1)][::-1]:
                    yield back, 0.0
                return
        for arm in self._still(approach[-1], CLOSE_S):
            yield arm, 1.0
        height = self._object()[2, 3]
        tool = self._tool_height()
        if self._touches():
            rise = float(
                np.linalg.norm(
                    self._planner.chain.poses(plan.lift[-1])[:3, 3]
                    - self._planner.chain.poses(plan.lift[0])[:3, 3]
                )
            )
            lift = timed_path(plan.lift, rise / LIFT_SPEED, self._dt)
            followed = True
            for arm in [*lift, *self._still(lift[-1], SETTLE_S)]:
                yield arm, 1.0
                risen = self._tool_height() - tool
                if risen > 0.03 and self._object()[2, 3] - height < RISE * risen - 0.01:
                    followed = False
                    break
            if followed:
                yield from self._keep(lift[-1])
        self._failed.append(plan.grasp)
        yield from self._release(plan)

    def _keep(self, arm: Array) -> Iterator[tuple[Array, float]]:
        """Hold still while it is a success."""
        without = 0
        while without < PATIENCE:
            yield arm, 1.0
            without = 0 if self._session.state.success else without + 1

    def _release(self, plan: GraspPlan) -> Iterator[tuple[Array, float]]:
        """Open and draw back along the approach."""
        arm = self._arm_target()
        for command in self._still(arm, OPEN_S):
            yield command, 0.0
        pose = self._planner.chain.poses(arm)
        back = straight_line(self._planner.chain, arm, -0.08 * pose[:3, 2])
        if back is not None:
            for command in timed_path(back, 0.08 / TOOL_SPEED, self._dt):
                yield command, 0.0

    def _rest(self) -> Iterator[tuple[Array, float]]:
        """Hold still until the object rests."""
        for arm in self._still(self._arm_target(), WAIT_S):
            velocity = self._session.world.joint_vel(self._session.slot)[self._dof : self._dof + 6]
            speed = max(np.linalg.norm(velocity[:3]), 0.05 * np.linalg.norm(velocity[3:]))
            if speed < STILL_SPEED:
                return
            yield arm, 0.0

    def _hold(self, closed: float) -> Iterator[tuple[Array, float]]:
        arm = self._arm_target()
        while True:
            yield arm, closed

    def _still(self, arm: Array, seconds: float) -> list[Array]:
        return [arm] * int(np.ceil(seconds / self._dt))

    def _arm_target(self) -> Array:
        target: Array = self._session.ctrl[:-1]
        return target

    def _tool_height(self) -> float:
        session = self._session
        return float(session.world.site_pos(session.slot)[session.scene.robot.tcp_site, 2])

    def _object(self) -> Array:
        world, slot, body = self._session.world, self._session.slot, self._planner.body
        return pose_matrix(world.body_pos(slot)[body], world.body_quat(slot)[body])

    def _moved(self, start: Array) -> bool:
        change = inverse(start) @ self._object()
        cosine = (np.trace(change[:3, :3]) - 1.0) / 2
        return bool(np.linalg.norm(change[:3, 3]) > MOVED or cosine < np.cos(TURNED))

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
