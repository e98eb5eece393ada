"""Train SAC on Pick from state in one generated house with randomised object poses.

    python examples/train_sb3.py --seed 0 --out runs/sac-0

Writes OUT/curve.csv (CPU minutes, env steps, successes of an evaluation), OUT/model.zip and
OUT/final.json: the deterministic policy over 100 fresh episodes with a 95 % Wilson interval. The
house, the objects, the horizon and everything else it needs are arguments of the environment.
"""

import argparse
import csv
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3 import SAC
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv

import molmospaces_gym  # noqa: F401 - registers the environments
from molmospaces_gym.benchmarks.stats import wilson_interval
from molmospaces_gym.integrations.sb3 import make_sb3_vec_env

ENV_ID = "molmospaces_gym/Pick-v1"
ENV_KWARGS: dict[str, Any] = {
    "scene": "generated/train/0",
    "action_mode": "ee_delta",
    "reward_mode": "dense",
    "horizon": 75,
}


def successes(model: SAC, envs: VecEnv, episodes: int, seed: int) -> int:
    """How many of ``episodes`` deterministic episodes end in success."""
    envs.seed(seed)
    observation = envs.reset()
    won = finished = 0
    while finished < episodes:
        action, _ = model.predict(observation, deterministic=True)
        observation, _, dones, infos = envs.step(action)
        for done, info in zip(dones, infos, strict=True):
            if done and finished < episodes:
                finished += 1
                won += bool(info["is_success"])
    return won


class Curve(BaseCallback):
    """Evaluates every so many env steps and appends a row to a CSV file."""

    def __init__(self, envs: VecEnv, path: Path, every: int, episodes: int) -> None:
        super().__init__()
        self.envs, self.path, self.every, self.episodes = envs, path, every, episodes
        self.next = every

    def _on_training_start(self) -> None:
        self.started = time.process_time()
        with self.path.open("w", newline="") as file:
            csv.writer(file).writerow(["cpu_minutes", "env_steps", "successes", "episodes"])

    def _on_step(self) -> bool:
        if self.num_timesteps >= self.next:
            self.next += self.every
            won = successes(self.model, self.envs, self.episodes, seed=10_000)
            minutes = (time.process_time() - self.started) / 60
            with self.path.open("a", newline="") as file:
                csv.writer(file).writerow(
                    [f"{minutes:.2f}", self.num_timesteps, won, self.episodes]
                )
        return True


class CpuBudget(BaseCallback):
    """Stops training when the process has used this many CPU minutes."""

    def __init__(self, minutes: float) -> None:
        super().__init__()
        self.seconds = 60 * minutes

    def _on_step(self) -> bool:
        return time.process_time() < self.seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/sac-0"))
    parser.add_argument("--steps", type=int, default=150_000)
    parser.add_argument("--minutes", type=float, default=28.0, help="CPU minutes at most")
    parser.add_argument("--envs", type=int, default=4)
    parser.add_argument("--gradient-steps", type=int, default=2)
    parser.add_argument("--env", default="{}", help="JSON of more environment arguments")
    parser.add_argument("--every", type=int, default=5_000)
    parser.add_argument("--gamma", type=float, default=0.97)
    args = parser.parse_args()

    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    kwargs = ENV_KWARGS | json.loads(args.env)
    envs = make_sb3_vec_env(ENV_ID, args.envs, seed=args.seed, **kwargs)
    evaluation = make_sb3_vec_env(ENV_ID, args.envs, seed=10_000, **kwargs)
    model = SAC(
        "MultiInputPolicy",
        envs,
        seed=args.seed,
        learning_rate=5e-4,
        buffer_size=args.steps,
        learning_starts=2_000,
        batch_size=256,
        gamma=args.gamma,
        tau=0.01,
        train_freq=1,
        gradient_steps=args.gradient_steps,
        ent_coef="auto_0.2",
        policy_kwargs={"net_arch": [256, 256]},
        tensorboard_log=str(args.out / "tensorboard"),
    )
    curve = Curve(evaluation, args.out / "curve.csv", args.every, episodes=40)
    model.learn(args.steps, callback=[curve, CpuBudget(args.minutes)])
    model.save(args.out / "model.zip")
    trained = time.process_time() / 60
    won = successes(model, evaluation, 100, seed=20_000)
    low, high = wilson_interval(won, 100)
    result = {
        "successes": won,
        "episodes": 100,
        "wilson_95": [round(float(low), 4), round(float(high), 4)],
        "env_steps": model.num_timesteps,
        "cpu_minutes": round(trained, 2),
        "seed": args.seed,
        "env": kwargs,
    }
    (args.out / "final.json").write_text(json.dumps(result, indent=2) + "\n")
    np.set_printoptions(precision=3)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
