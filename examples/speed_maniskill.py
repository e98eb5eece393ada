"""Print what the maniskill backend costs on this machine (rows of ``examples/speed.py`` too).

    python examples/speed_maniskill.py            # half a minute
    python examples/speed_maniskill.py --json     # the same as JSON

CPU times of this process in a generated house with 20 objects and 6 cabinets. ``physics`` is the
share that SAPIEN's own ``step`` takes.
"""

import argparse
import time
from typing import Any

import gymnasium as gym
import numpy as np
from speed_tools import ID, Row, show

WORLDS = (1, 4, 16)
STEPS = 120
SETTLED = 10
"""Steps after which what was put down sleeps."""
MOVING = 1e-2
"""Speed (m/s, rad/s) of a part that is being opened."""


class Clock:
    """Adds up the CPU time that a callable takes."""

    def __init__(self, run: Any) -> None:
        self._run, self.seconds = run, 0.0

    def __call__(self, *arguments: Any) -> Any:
        started = time.process_time()
        try:
            return self._run(*arguments)
        finally:
            self.seconds += time.process_time() - started


def world_rows(worlds: int) -> list[Row]:
    """Costs of a vector env of so many worlds per env step of 66 ms."""
    settings = {"scene": "generated/val/0", "backend": "maniskill", "horizon": 10**6}
    envs: Any = gym.make_vec(ID, num_envs=worlds, terminate_on_success=False, **settings)
    envs.reset(seed=0)
    envs.action_space.seed(0)
    actions = [0.3 * envs.action_space.sample() for _ in range(STEPS)]
    envs.step(actions[0])
    started = time.process_time()
    envs.reset(seed=1)
    reset = time.process_time() - started
    clocks = []
    for slot in range(worlds):
        physics = envs.unwrapped.world.physics(slot)
        clocks.append(Clock(physics.step))
        physics.step = clocks[-1]
    started = time.process_time()
    for action in actions[:SETTLED]:
        envs.step(action)
    first = time.process_time() - started
    for clock in clocks:
        clock.seconds = 0.0
    started = time.process_time()
    for action in actions[SETTLED:]:
        envs.step(action)
    spent, count = time.process_time() - started, worlds * (STEPS - SETTLED)
    envs.close()
    share = sum(clock.seconds for clock in clocks) / spent
    name = f"maniskill, {worlds} world{'s' * (worlds > 1)}"
    return [
        (f"{name}: env steps, state, 66 ms", count / spent, "/CPU-s", ">= 800"),
        (f"{name}: physics", 100 * share, "%", ""),
        (f"{name}: a step after a reset", 1e3 * first / (worlds * SETTLED), "ms", ""),
        (f"{name}: reset, same house", 1e3 * reset / worlds, "ms", ""),
    ]


def build_row() -> Row:
    """Time to build one SAPIEN scene from the compiled model."""
    from molmospaces_gym.backends.sapien_scene.scene import PhysxScene

    env: Any = gym.make(ID, scene="generated/val/0")
    env.reset(seed=0)
    times = []
    for _ in range(5):
        started = time.process_time()
        PhysxScene(env.unwrapped.scene.model)
        times.append(1e3 * (time.process_time() - started))
    env.close()
    return "maniskill: scene built from the model", float(np.median(times)), "ms", ""


def opening_row() -> Row:
    """Env steps per CPU second while the expert pulls: a moving part takes the model's own step."""
    from molmospaces_gym.policies.base import load_policy

    env: Any = gym.make("molmospaces_gym/Open-v1", benchmark="open-mini", backend="maniskill")
    inner, policy, times = env.unwrapped, load_policy("expert"), []
    observation, info = env.reset(seed=0, options={"episode": 0})
    policy.bind(inner)
    policy.reset(info["instruction"], 0)
    part = inner.session.bound.part
    dof = inner.scene.model.jnt_dofadr[inner.scene.joint_ids[part.name]]
    for _ in range(inner.session.horizon):
        action, _ = policy.predict(observation)
        moves = abs(inner.world.joint_vel(0)[dof]) > MOVING
        started = time.process_time()
        observation, *_ = env.step(action)
        if moves:
            times.append(time.process_time() - started)
    env.close()
    return "maniskill: env steps while a drawer is pulled", len(times) / sum(times), "/CPU-s", ""


def rows() -> list[Row]:
    """All rows (what, measured, unit, budget)."""
    found = [build_row()]
    for worlds in WORLDS:
        found += world_rows(worlds)
    return [*found, opening_row()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    show(rows(), parser.parse_args().json)


if __name__ == "__main__":
    main()
