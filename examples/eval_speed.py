"""Measure the evaluator on this machine: its overhead over bare stepping, and several workers.

    python examples/eval_speed.py                  # both parts, a few minutes
    python examples/eval_speed.py --episodes 20 --workers 4

Overhead compares CPU times of one process, which hold on a shared machine too. The gain of workers
is wall time and means something on a quiet machine only, so the load is printed with it.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from molmospaces_gym.benchmark_io import load_benchmark
from molmospaces_gym.benchmarks import evaluate
from molmospaces_gym.benchmarks.rollout import build_policy, make_env
from molmospaces_gym.benchmarks.run_plan import env_id_of, make_jobs
from molmospaces_gym.benchmarks.runs import load_run
from molmospaces_gym.policies.base import bind_policy, policy_env_kwargs

SUITE = "pick-mini"
ROUNDS = 3


def step_bare(policy_name: str, episodes: int) -> float:
    """CPU seconds for the same episodes and actions without the evaluator."""
    suite, policy = load_benchmark(SUITE), build_policy(policy_name)
    env_id = env_id_of(suite)
    kwargs = {"benchmark": SUITE, "render_mode": "rgb_array", **policy_env_kwargs(policy, env_id)}
    started = time.process_time()
    env: Any = make_env(env_id, {**kwargs, "terminate_on_success": False})
    bind_policy(policy, env)
    for job in make_jobs(suite, 0)[:episodes]:
        obs, info = env.reset(seed=job.seed, options={"episode": job.index})
        policy.reset(info["instruction"], job.seed)
        state, start, over = None, np.ones(1, np.bool_), False
        while not over:
            action, state = policy.predict(obs, state, start)
            obs, _, terminated, truncated, _ = env.step(action)
            start[0], over = False, terminated or truncated
    env.close()
    return time.process_time() - started


def evaluate_here(policy: str, episodes: int) -> tuple[float, float]:
    """CPU seconds of the episodes of an evaluation, and of the whole call."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        evaluate(policy, SUITE, episodes=episodes, out=Path(folder) / "run")
        whole = time.process_time() - started
        timings = load_run(Path(folder) / "run").timings.values()
    return sum(timing.cpu_s for timing in timings), whole


def run_command(policy: str, episodes: int, workers: int) -> tuple[float, float]:
    """Wall seconds of playing, and of a whole ``molmospaces-gym eval``, start-up included."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        code = "from molmospaces_gym.cli.main import main; main()"
        command = [sys.executable, "-c", code, "eval", "--policy", policy, "--benchmark", SUITE]
        command += ["--episodes", str(episodes), "--workers", str(workers), "--out", str(out)]
        started = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        whole = time.perf_counter() - started
        return float(load_run(out).config["sessions"][0]["wall_s"]), whole


def overhead(episodes: int) -> None:
    """Print what the evaluator costs beside the simulation."""
    step_bare("random", 2)  # compiles, and imports what the first run would be charged for
    evaluate_here("random", 2)
    ratios = []
    for _ in range(ROUNDS):
        bare = step_bare("random", episodes)
        ratios.append([seconds / bare for seconds in evaluate_here("random", episodes)])
    per_episode, whole_call = (statistics.median(column) for column in zip(*ratios, strict=True))
    print(f"| evaluator / bare stepping, CPU, per episode | {per_episode:.3f} x | <= 1.10 |")
    print(f"| the same for the whole call, {episodes} episodes | {whole_call:.3f} x | <= 1.10 |")


def gain(episodes: int, workers: int) -> None:
    """Print how much faster several workers are with the expert."""
    one, many = (run_command("expert", episodes, count) for count in (1, workers))
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"load {load} on {os.cpu_count()} cores", flush=True)
    for single, several, text in zip(one, many, ("playing", "whole command"), strict=True):
        row = f"{workers} workers / one, wall, {text} ({single:.1f} -> {several:.1f} s)"
        print(f"| {row} | {single / several:.2f} x | >= {0.9 * workers:g} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--episodes", type=int, default=50)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", choices=("overhead", "gain"))
    arguments = parser.parse_args()
    print("| what | measured | budget |\n|---|---|---|")
    if arguments.only != "gain":
        overhead(arguments.episodes)
    if arguments.only != "overhead":
        gain(arguments.episodes, arguments.workers)


if __name__ == "__main__":
    main()
