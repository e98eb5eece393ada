"""Play the scripted expert on plain val episodes, not filtered by anything, and count success.

python examples/expert_success.py --tasks Pick Open --episodes 200 --workers 2

Episode k is drawn with seed k in val house k and played for the full horizon; what counts is
success in the last step. An episode that raises counts as a failure.
"""

import argparse
import multiprocessing
import time
from pathlib import Path

import gymnasium as gym
import numpy as np

import molmospaces_gym  # noqa: F401 - registers the environments
from molmospaces_gym.benchmarks.stats import format_rate
from molmospaces_gym.policies.base import bind_policy, load_policy, policy_env_kwargs

TASKS = (
    "Pick PickAndPlace PickAndPlaceNextTo PickAndPlaceColor Open Close OpenDoor NavigateTo".split()
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", nargs="+", default=TASKS)
    parser.add_argument("--episodes", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="first house and seed")
    parser.add_argument("--robot", default=None, help="default: the task's own")
    parser.add_argument("--dataset", default=None, help="generated or homes; default: the task's")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--log", type=Path, default=None, help="file for one line per episode")
    args = parser.parse_args()

    seeds = range(args.first, args.first + args.episodes)
    log = None if args.log is None else args.log.open("a", buffering=1)
    with multiprocessing.get_context("spawn").Pool(args.workers) as pool:
        for task in args.tasks:
            jobs = [(task, seed, args.robot, args.dataset) for seed in seeds]
            results = []
            for result in pool.imap_unordered(play, jobs):
                results.append(result)
                if log is not None:
                    print(*result, sep="\t", file=log)
            solved = sum(success for _, _, success, _, _ in results)
            cpu = np.median([seconds for *_, seconds in results])
            print(f"{task}: {format_rate(solved, len(results))}, {cpu:.2f} s CPU an episode")
    if log is not None:
        log.close()


def play(job: tuple[str, int, str | None, str | None]) -> tuple[str, int, bool, str, float]:
    """Task, seed, success at the end, the instruction or what was raised, seconds of CPU."""
    task, seed, robot, dataset = job
    started = time.process_time()
    try:
        success, text = roll(task, seed, robot, dataset)
    except Exception as error:  # noqa: BLE001 - it counts, with its reason
        success, text = False, repr(error)
    return task, seed, success, text, time.process_time() - started


def roll(task: str, seed: int, robot: str | None, dataset: str | None) -> tuple[bool, str]:
    """Play one episode to its horizon: success in the last step, and the instruction."""
    env_id = f"molmospaces_gym/{task}-v1"
    expert = load_policy("expert")
    kwargs = {**policy_env_kwargs(expert, env_id), "robot": robot, "dataset": dataset}
    env = gym.make(
        env_id,
        split="val",
        houses=[seed],
        terminate_on_success=False,
        disable_env_checker=True,
        **{key: value for key, value in kwargs.items() if value is not None},
    )
    try:
        bind_policy(expert, env)
        observation, info = env.reset(seed=seed)
        expert.reset(info["instruction"], seed)
        state, over = None, False
        while not over:
            action, state = expert.predict(observation, state, np.zeros(1, bool), True)
            observation, _, terminated, truncated, info = env.step(action)
            over = terminated or truncated
        return bool(info["is_success"]), str(info["instruction"])
    finally:
        env.close()


if __name__ == "__main__":
    main()
