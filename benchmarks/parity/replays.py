"""Checks that play the expert's recorded targets open loop in the other simulator."""

from collections.abc import Iterator

import numpy as np

from molmospaces_gym.benchmarks.parity.bench import Bench
from molmospaces_gym.benchmarks.parity.recording import Played, Recording, record, replay
from molmospaces_gym.benchmarks.parity.results import Measured
from molmospaces_gym.benchmarks.rollout import make_env
from molmospaces_gym.registration import env_id

LIFTED_M = 0.02
"""Height at which an object counts as lifted; success of Pick starts at 0.01."""
Pair = tuple[Recording, Played]


def pairs(bench: Bench, task: str) -> list[Pair]:
    """Each recording of a task with what came of it in the other simulator; played once."""
    if task not in bench.recordings:
        found = list(record(task, bench.episodes))
        kwargs = {**found[0].env_kwargs, "backend": bench.backend, **bench.env_kwargs}
        env = make_env(env_id(task), kwargs)
        try:
            bench.recordings[task] = [(each, replay(env, each)) for each in found]
            bench.hear(env.unwrapped.world)  # type: ignore[attr-defined]
        finally:
            env.close()
    made: list[Pair] = bench.recordings[task]
    return made


def replays(bench: Bench, task: str) -> Iterator[Measured]:
    """Targets, robot joints and success of the task."""
    found = pairs(bench, task)
    targets = max(np.abs(a.played.targets - b.targets).max() for a, b in found)
    yield bench.row("replay", task, "targets", targets)
    joints = max(float(np.median(np.abs(a.played.joints - b.joints))) for a, b in found)
    yield bench.row("replay", task, "robot joints, median", joints)
    changed = [bool(a.played.success.any()) != bool(b.success.any()) for a, b in found]
    yield bench.row("replay", task, "success changed", float(np.mean(changed)))


def lifts(bench: Bench, task: str) -> Iterator[Measured]:
    """How high the object ever is, where it was lifted in MuJoCo."""
    tops = np.array([(a.played.lift.max(), b.lift.max()) for a, b in pairs(bench, task)])
    tops = tops[tops[:, 0] > LIFTED_M]
    held = tops[:, 1] > LIFTED_M
    if len(held):
        yield bench.row("lift", task, "lost", float((~held).mean()))
    if held.any():
        yield bench.row("lift", task, "object height", 1e3 * np.abs(np.diff(tops[held])).max())
