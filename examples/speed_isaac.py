"""Print what the isaac backend costs on this machine, by engine and number of worlds.

    python examples/speed_isaac.py                          # PhysX and MuJoCo C, a minute
    python examples/speed_isaac.py --engines newton --worlds 1 --steps 3
    python examples/speed_isaac.py --json                   # the same as JSON

CPU times of this process in a generated house with 20 objects and 6 cabinets. The first reset
builds the simulation; the first step after it compiles what Warp has not compiled before.
"""

import argparse
import json
import time
from typing import Any

import gymnasium as gym

import molmospaces_gym  # noqa: F401 - registers the environments

ID = "molmospaces_gym/Pick-v1"
Row = tuple[str, float, str]


def rows(engine: str, worlds: int, steps: int) -> list[Row]:
    """Costs of a vector env of so many worlds per env step of 66 ms."""
    settings = {"scene": "generated/val/0", "backend": "isaac", "horizon": 10**6}
    envs: Any = gym.make_vec(
        ID, num_envs=worlds, physics=engine, terminate_on_success=False, **settings
    )
    envs.action_space.seed(0)
    actions = [0.3 * envs.action_space.sample() for _ in range(steps + 1)]
    marks = [time.process_time()]
    envs.reset(seed=0)
    marks.append(time.process_time())
    envs.step(actions[0])
    marks.append(time.process_time())
    envs.reset(seed=1)
    marks.append(time.process_time())
    for action in actions[1:]:
        envs.step(action)
    marks.append(time.process_time())
    envs.close()
    made, first, reset, spent = (b - a for a, b in zip(marks, marks[1:], strict=False))
    name = f"isaac {engine}, {worlds} world{'s' * (worlds > 1)}"
    return [
        (f"{name}: first reset", made, "s"),
        (f"{name}: first step", first, "s"),
        (f"{name}: reset, same house", 1e3 * reset / worlds, "ms/world"),
        (f"{name}: env steps, state, 66 ms", worlds * steps / spent, "/CPU-s"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engines", nargs="+", default=["mujoco", "physx"])
    parser.add_argument("--worlds", nargs="+", type=int, default=[1, 4, 16])
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    table = [
        row
        for engine in given.engines
        for worlds in given.worlds
        for row in rows(engine, worlds, given.steps)
    ]
    if given.json:
        names = ("what", "value", "unit")
        print(json.dumps([dict(zip(names, row, strict=True)) for row in table]))
        return
    for what, value, unit in table:
        print(f"{what:48s} {value:10.3f} {unit}")


if __name__ == "__main__":
    main()
