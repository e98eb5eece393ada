"""Print what the isaac backend costs on this machine (rows of ``examples/speed.py`` too).

    python examples/speed_isaac.py                          # PhysX and MuJoCo C, a minute
    python examples/speed_isaac.py --engines newton --worlds 1 --steps 3
    python examples/speed_isaac.py --json                   # the same as JSON

CPU times of this process in a generated house with 20 objects and 6 cabinets; on a GPU, where
MJWarp (newton) is measured too, wall times. The first reset builds the simulation; the first step
after it compiles what Warp has not compiled before.
"""

import argparse
import time
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import gymnasium as gym
from speed_tools import ID, Row, show

from molmospaces_gym.backends.isaac_scene.engines import choose_engine
from molmospaces_gym.errors import BackendUnavailable

ENGINES, WORLDS, STEPS = ("mujoco", "physx"), (1, 4, 16), 40
GPU_WORLDS = (64, 1024)


def engine_rows(engine: str, worlds: int, steps: int, device: str = "cpu") -> list[Row]:
    """Costs of a vector env of so many worlds per env step of 66 ms."""
    clock = time.process_time if device == "cpu" else time.perf_counter
    settings = {"scene": "generated/val/0", "backend": "isaac", "horizon": 10**6}
    envs: Any = gym.make_vec(
        ID, num_envs=worlds, physics=engine, terminate_on_success=False, **settings
    )
    envs.action_space.seed(0)
    actions = [0.3 * envs.action_space.sample() for _ in range(steps + 1)]
    marks = [clock()]
    envs.reset(seed=0)
    marks.append(clock())
    envs.step(actions[0])
    marks.append(clock())
    envs.reset(seed=1)
    marks.append(clock())
    for action in actions[1:]:
        envs.step(action)
    marks.append(clock())
    envs.close()
    made, first, reset, spent = (b - a for a, b in zip(marks, marks[1:], strict=False))
    values = made, first, 1e3 * reset / worlds, worlds * steps / spent
    return [
        (what, value, unit, "")
        for (what, unit), value in zip(_names(engine, worlds, device), values, strict=True)
    ]


def _names(engine: str, worlds: int, device: str) -> list[tuple[str, str]]:
    name = f"isaac {engine}, {worlds} world{'s' * (worlds > 1)}"
    name, per = (name, "/CPU-s") if device == "cpu" else (f"{name} on {device}", "/s")
    return [
        (f"{name}: first reset", "s"),
        (f"{name}: first step", "s"),
        (f"{name}: reset, same house", "ms/world"),
        (f"{name}: env steps, state, 66 ms", per),
    ]


def rows(
    engines: Sequence[str] = ENGINES, worlds: Sequence[int] = WORLDS, steps: int = STEPS
) -> list[Row]:
    """All rows; what cannot be measured here, for want of Isaac Lab or of a GPU, has no value."""
    wanted = [(engine, count, "cpu") for engine in engines for count in worlds]
    wanted += [("newton", count, "cuda:0") for count in GPU_WORLDS]
    found: list[Row] = []
    for engine, count, least in wanted:
        device = _device(engine, count)
        if device is None or (least != "cpu" and device == "cpu"):
            found += [(what, None, unit, "") for what, unit in _names(engine, count, least)]
        else:
            found += engine_rows(engine, count, steps, device)
    return found


def _device(engine: str, worlds: int) -> str | None:
    """Where the backend runs an engine here; None where it does not."""
    if find_spec("isaaclab") is None:
        return None
    try:
        return choose_engine(engine, worlds).device
    except BackendUnavailable:
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engines", nargs="+", default=ENGINES)
    parser.add_argument("--worlds", nargs="+", type=int, default=WORLDS)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    show(rows(given.engines, given.worlds, given.steps), given.json)


if __name__ == "__main__":
    main()
