"""Expert episodes: recorded in MuJoCo, played again open loop by their targets."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.benchmarks.rollout import build_policy, make_env
from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.policies.base import bind_policy, policy_env_kwargs
from molmospaces_gym.registration import env_id
from molmospaces_gym.session import Session

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Played:
    """What came of an episode.

    ``targets`` (T, n_actuators) are the commands in force after each step, ``joints`` (T + 1, n)
    the positions of the robot's joints, ``lift`` (T + 1,) how far (m) the object to be picked up is
    above its start (NaN where there is none), ``success`` (T + 1,) the task's own momentary one.
    """

    targets: Array
    joints: Array
    lift: Array
    success: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Recording:
    """An episode, the env arguments and actions (T, n) that it was played with, what came of it."""

    spec: EpisodeSpec
    env_kwargs: dict[str, Any]
    actions: NDArray[np.float32]
    played: Played


def suite_of(task: str) -> str:
    """Name of the shipped suite of a task."""
    words = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in task)
    return f"{words.removeprefix('-')}-mini"


def record(task: str, episodes: int) -> Iterator[Recording]:
    """The first episodes of a task's suite as the expert plays them in MuJoCo."""
    policy, name = build_policy("expert"), env_id(task)
    kwargs = {"benchmark": suite_of(task), **policy_env_kwargs(policy, name)}
    env: Any = make_env(name, kwargs)
    try:
        bind_policy(policy, env)
        for number in range(episodes):
            observation, info = env.reset(seed=number, options={"episode": number})
            policy.reset(info["instruction"], number)
            session: Session = env.unwrapped.session
            log, actions, over = _Log(session), [], False
            while not over:
                action, _ = policy.predict(observation)
                observation, _, terminated, truncated, _ = env.step(action)
                actions.append(action)
                log.add()
                over = terminated or truncated
            yield Recording(session.episode, kwargs, np.array(actions), log.played())
    finally:
        env.close()


def replay(env: Any, recording: Recording) -> Played:
    """Play a recording in an env by its targets; nothing corrects what comes apart.

    Targets are written into ``ctrl`` as they were recorded. A base that is put in place instead of
    simulated has no targets and gets the actions.
    """
    env.reset(options={"episode": recording.spec})
    session: Session = env.unwrapped.session
    log, world, slot = _Log(session), session.world, session.slot
    actuators = session.scene.robot.actuators
    for action, target in zip(recording.actions, recording.played.targets, strict=True):
        if session.physics_steps:
            world.ctrl(slot)[actuators] = target
            world.step(session.physics_steps)
            session.finish()
        else:
            env.step(action)
        log.add()
    return log.played()


class _Log:
    """Collects what a session goes through."""

    def __init__(self, session: Session) -> None:
        self._session = session
        picked = session.episode.task.get("pickup_obj_name")
        self._body = session.scene.body_ids.get(picked) if isinstance(picked, str) else None
        groups = session.scene.robot.groups.values()
        self._addresses = np.concatenate([group.qpos for group in groups])
        self._targets: list[Array] = []
        self._joints, self._heights, self._success = [self._qpos()], [self._height()], [False]

    def add(self) -> None:
        """Keep the state after a step."""
        self._targets.append(self._session.ctrl)
        self._joints.append(self._qpos())
        self._heights.append(self._height())
        self._success.append(self._session.state.success)

    def played(self) -> Played:
        """What was collected."""
        heights = np.array(self._heights)
        return Played(
            targets=np.array(self._targets),
            joints=np.array(self._joints),
            lift=heights - heights[0],
            success=np.array(self._success),
        )

    def _qpos(self) -> Array:
        return np.array(self._session.world.joint_pos(self._session.slot)[self._addresses])

    def _height(self) -> float:
        if self._body is None:
            return float("nan")
        return float(self._session.world.body_pos(self._session.slot)[self._body, 2])
