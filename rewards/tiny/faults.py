"""What goes wrong in an episode: callables that act instead of the expert from some step on."""

from collections.abc import Callable, Iterator
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.action_layout import EE_STEP

OFF = ("miss", "stray")
"""Kinds whose hand is not where the expert believes."""
MISS = (0.01, 0.035)
"""Least and most by which the hand of a ``miss`` is off, m: it closes beside the thing, or gets it
all the same."""

STRAY = (0.25, 0.15, 0.012)
"""Of a ``stray``: by how much its hand is off at most, sideways and upwards, and how fast that
changes, m and m per step. It comes near the thing, leaves it and returns, as one who explores."""
STRAY_STEPS = (6, 30)
"""Steps from one turn of a ``stray`` to the next."""

Array = NDArray[np.float64]
Act = Callable[[], NDArray[np.float32]]


def act_of(
    kind: str, env: Any, last: NDArray[np.float32], seed: int, rng: np.random.Generator
) -> Act:
    """What a kind of clip does from the env's present state on.

    Args:
        kind: see ``rollouts.Clip``.
        env: unwrapped, with joint positions as actions.
        last: the expert's action before.
        seed: of the episode.
        rng: of every draw.
    """
    if kind == "explore":
        return _exploring(env, rng)
    if kind in OFF:
        return _steered(kind, env, seed, rng)
    return _kept(kind, last, rng)


def _kept(kind: str, last: NDArray[np.float32], rng: np.random.Generator) -> Act:
    """The expert's last command, with the gripper opened, or drifting, or as it is."""
    action = last.copy()
    drift = rng.normal(0.0, 0.008, action.shape).astype(np.float32)

    def act() -> NDArray[np.float32]:
        if kind == "drop":
            action[-1] = -1.0
        elif kind in ("wander", "random"):
            action[:-1] += drift[:-1] + rng.normal(0.0, 0.012, len(action) - 1).astype(np.float32)
            if rng.random() < 0.05:
                action[-1] = rng.choice([-1.0, 1.0])
        np.clip(action, -1.0, 1.0, out=action)
        return action

    return act


def _steered(kind: str, env: Any, seed: int, rng: np.random.Generator) -> Act:
    """The expert with its hand off: to one side, or wandering."""
    from molmospaces_gym.policies.base import bind_policy
    from molmospaces_gym.policies.miscalibrated import MiscalibratedExpert

    policy = MiscalibratedExpert("0,0,0")
    bind_policy(policy, env)
    policy.reset(env.session.episode.instruction, seed)
    offsets = _to_one_side(rng) if kind == "miss" else wandering(rng)
    plays = kind == "stray" and rng.random() < 0.5  # with its gripper, too

    def act() -> NDArray[np.float32]:
        policy.offset, grip = next(offsets)
        # It looks at the scene itself.
        action: NDArray[np.float32] = policy.predict({}, None, np.zeros(1, np.bool_), True)[0]
        if plays:
            action[-1] = grip
        return action

    return act


def _exploring(env: Any, rng: np.random.Generator) -> Act:
    """The tool moved at random, as by a policy that has learned nothing, and the gripper too."""
    from molmospaces_gym.robots.kinematics import Kinematics

    session = env.session
    tool, arm = Kinematics(session.scene.robot, 0), session.scene.robot.arms[0]
    moves = _random_moves(rng)

    def act() -> NDArray[np.float32]:
        tool.set_posture(session.world.joint_pos(session.slot))
        command, (move, grip) = session.ctrl.copy(), next(moves)
        command[arm.control] = tool.step(command[arm.control], move, np.zeros(3))
        action = np.asarray(session.action_mapper.encode(command, session.ctrl), np.float32)
        action[-1] = grip
        return np.clip(action, -1.0, 1.0)

    return act


def _random_moves(rng: np.random.Generator) -> Iterator[tuple[Array, float]]:
    """Moves (3,) in m from step to step, and a command to the gripper."""
    noise, bias = rng.uniform(0.1, 0.7), rng.uniform(0.1, 0.7)
    while True:
        mean, grip = rng.normal(0.0, bias, 3), float(rng.choice([-1.0, 1.0]))
        mean[2] -= 0.3 * bias  # things lie below
        for _ in range(int(rng.integers(*STRAY_STEPS))):
            yield EE_STEP * np.clip(rng.normal(mean, noise), -1.0, 1.0), grip


def _to_one_side(rng: np.random.Generator) -> Iterator[tuple[Array, float]]:
    size, side = rng.uniform(*MISS), rng.uniform(-np.pi, np.pi)
    return repeat((size * np.array([np.cos(side), np.sin(side), 0.0]), 0.0))


def wandering(rng: np.random.Generator) -> Iterator[tuple[Array, float]]:
    """Offsets (3,) in m from step to step, and a command to the gripper."""
    sideways, upwards, speed = STRAY
    offset = np.zeros(3)
    while True:
        goal = np.append(rng.uniform(-sideways, sideways, 2), rng.uniform(-0.02, upwards))
        if rng.random() < 0.4:
            goal *= 0.0  # back to the expert's way
        grip = float(rng.choice([-1.0, 1.0]))
        for _ in range(int(rng.integers(*STRAY_STEPS))):
            way = goal - offset
            offset = offset + way * min(1.0, speed / max(float(np.linalg.norm(way)), 1e-9))
            yield offset, grip
