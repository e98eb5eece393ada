"""What the speed scripts share: envs, a clock, and rows and how they are printed."""

import json
import time
from collections.abc import Callable, Iterable
from typing import Any

import gymnasium as gym
import numpy as np

import molmospaces_gym  # noqa: F401 - registers the environments

ID = "molmospaces_gym/Pick-v1"
ROUNDS = 9
STEPS = 60

Row = tuple[str, float | None, str, str]
"""What, measured (None: it cannot be here), unit, budget."""


def show(rows: Iterable[Row], as_json: bool) -> None:
    """Print rows as a table, or as JSON with null for what was not measured."""
    if as_json:
        names = ("what", "value", "unit", "budget")
        print(json.dumps([dict(zip(names, row, strict=True)) for row in rows]))
        return
    for what, value, unit, budget in rows:
        number = "not measured" if value is None else f"{value:12.3f}"
        print(f"{what:62s} {number} {unit:11s} {budget}".rstrip())


def make(env_id: str = ID, **kwargs: Any) -> Any:
    env = gym.make(env_id, disable_env_checker=True, **({"houses": 1} | kwargs))
    env.reset(seed=1)
    return env


def actions(env: Any, count: int) -> list[np.ndarray]:
    env.action_space.seed(0)
    return [0.2 * env.action_space.sample() for _ in range(count)]


def cpu(run: Callable[[], Any], clock: Callable[[], float] = time.process_time) -> float:
    started = clock()
    run()
    return clock() - started
