"""Print what the maniskill backend costs on this machine (rows of ``examples/speed.py`` too).

    python examples/speed_maniskill.py            # half a minute
    python examples/speed_maniskill.py --json     # the same as JSON

CPU times of this process in a generated house with 20 objects and 6 cabinets. SAPIEN's batched GPU
system is not there yet, hence not measured.
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


class Clocked:
    """A SAPIEN physics system that adds up the CPU time of its steps."""

    def __init__(self, system: Any) -> None:
        self.__dict__.update(system=system, seconds=0.0)

    def step(self) -> None:
        started = time.process_time()
        self.system.step()
        self.__dict__["seconds"] += time.process_time() - started

    def __getattr__(self, name: str) -> Any:
        return getattr(self.system, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.system, name, value)


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
        physics.system = Clocked(physics.system)
        clocks.append(physics.system)
    started = time.process_time()
    for action in actions[:SETTLED]:
        envs.step(action)
    first = time.process_time() - started
    before = sum(clock.seconds for clock in clocks)
    started = time.process_time()
    for action in actions[SETTLED:]:
        envs.step(action)
    spent, count = time.process_time() - started, worlds * (STEPS - SETTLED)
    envs.close()
    share = (sum(clock.seconds for clock in clocks) - before) / spent
    name = f"maniskill, {worlds} world{'s' * (worlds > 1)}"
    return [
        (f"{name}: env steps, state, 66 ms", count / spent, "/CPU-s", ">= 800"),
        (f"{name}: SAPIEN's own step", 100 * share, "%", ""),
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
    on_gpu = "maniskill on a GPU, 1024 worlds: env steps, state, 66 ms"
    return [*found, opening_row(), (on_gpu, None, "/s", "")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    show(rows(), parser.parse_args().json)


if __name__ == "__main__":
    main()
