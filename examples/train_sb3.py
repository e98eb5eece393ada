"""Train on Pick from state in one generated house with randomised object poses.

    python examples/train_sb3.py --seed 0 --out runs/pick-0
    python examples/train_sb3.py --env '{"reward_mode": "sparse"}' --topreward '{"weight": 1.0}'

The second adds what the bundled TOPReward model sees of progress to the sparse reward, as a
potential; evaluations count true successes in any case.

Writes OUT/curve.csv (CPU minutes, env steps, successes of an evaluation and of the last 400
episodes of the training itself), the model at each evaluation and OUT/model.zip, which
``molmospaces-gym eval --policy sb3:OUT/model.zip`` plays, and OUT/final.json: the deterministic
policy over 100 fresh episodes with a 95 % Wilson interval. CPU minutes count everything this
process does, evaluations included.
"""

import argparse
import csv
import json
import time
from collections import deque
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv

import molmospaces_gym  # noqa: F401 - registers the environments
from molmospaces_gym.benchmarks.stats import wilson_interval
from molmospaces_gym.integrations.sb3 import make_sb3_vec_env
from molmospaces_gym.integrations.sb3_features import GraspFeatures

ENV_ID = "molmospaces_gym/Pick-v1"
ENV_KWARGS: dict[str, Any] = {
    "scene": "generated/train/0",
    "action_mode": "ee_delta",
    "reward_mode": "dense",
    "horizon": 60,
}
GAMMA = 0.95


def make_envs(
    count: int, seed: int, kwargs: dict[str, Any], topreward: dict[str, Any] | None = None
) -> VecEnv:
    wrap = None
    if topreward is not None:
        from molmospaces_gym.rewards.vector_wrapper import VectorTOPReward

        wrap = partial(VectorTOPReward, **{"gamma": GAMMA, **topreward})
    return make_sb3_vec_env(ENV_ID, count, seed=seed, wrap=wrap, **kwargs)


def successes(model: BaseAlgorithm, envs: VecEnv, episodes: int, seed: int) -> int:
    """How many of ``episodes`` deterministic episodes end in success.

    Every env plays the same number of episodes: taking whichever ends first would favour success.
    """
    envs.seed(seed)
    observation = envs.reset()
    left = np.full(envs.num_envs, episodes // envs.num_envs)
    won = 0
    while left.any():
        action, _ = model.predict(observation, deterministic=True)
        observation, _, dones, infos = envs.step(action)
        counted = dones & (left > 0)
        won += sum(bool(infos[i]["is_success"]) for i in np.flatnonzero(counted))
        left -= counted
    return won


POLICY: dict[str, Any] = {"net_arch": [128, 128], "features_extractor_class": GraspFeatures}


class Curve(BaseCallback):
    """Evaluates every so many env steps on fresh episodes; stops at the CPU budget.

    Each evaluation also saves the model, and notes how many of the training's own last 400
    episodes, whose actions are drawn, ended in success.
    """

    def __init__(self, envs: VecEnv, args: argparse.Namespace, kwargs: dict[str, Any]) -> None:
        super().__init__()
        self.envs, self.kwargs = envs, kwargs
        self.out, self.every, self.minutes = args.out, args.every, args.minutes
        self.episodes, self.next = args.episodes, args.every
        self.lately: deque[bool] = deque(maxlen=400)

    def _on_training_start(self) -> None:
        self._write(["cpu_minutes", "env_steps", "successes", "episodes", "training", "of"], "w")

    def _on_step(self) -> bool:
        ended = np.flatnonzero(self.locals["dones"])
        self.lately.extend(bool(self.locals["infos"][i]["is_success"]) for i in ended)
        if self.num_timesteps >= self.next:
            self.next += self.every
            steps, count = self.num_timesteps, self.episodes
            save(self.model, self.out / f"at-{steps}", self.kwargs)
            won = successes(self.model, self.envs, count, seed=10_000 + steps)
            minutes = f"{time.process_time() / 60:.2f}"
            self._write([minutes, steps, won, count, sum(self.lately), len(self.lately)], "a")
        return time.process_time() / 60 < self.minutes

    def _write(self, row: list[Any], mode: str) -> None:
        with (self.out / "curve.csv").open(mode, newline="") as file:
            csv.writer(file).writerow(row)


def save(model: BaseAlgorithm, path: Path, kwargs: dict[str, Any]) -> None:
    """PATH.zip, and PATH.json with what ``eval --policy sb3:PATH.zip`` needs to know."""
    model.save(path.with_suffix(".zip"))
    side = {key: kwargs[key] for key in ("action_mode", "pose_error") if key in kwargs}
    path.with_suffix(".json").write_text(json.dumps(side) + "\n")


def make_model(algorithm: str, envs: VecEnv, seed: int) -> BaseAlgorithm:
    if algorithm == "ppo":
        return PPO(
            "MultiInputPolicy",
            envs,
            seed=seed,
            n_steps=64,
            batch_size=512,
            n_epochs=8,
            learning_rate=lambda left: 5e-4 * left,
            gamma=GAMMA,
            gae_lambda=0.95,
            target_kl=0.05,
            policy_kwargs=POLICY | {"log_std_init": -0.7},
        )
    return SAC(
        "MultiInputPolicy",
        envs,
        seed=seed,
        learning_rate=7e-4,
        buffer_size=200_000,
        learning_starts=1_000,
        batch_size=256,
        gamma=GAMMA,
        tau=0.01,
        train_freq=1,
        gradient_steps=envs.num_envs,
        ent_coef="auto_0.1",
        policy_kwargs=POLICY,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--algorithm", choices=["ppo", "sac"], default="ppo")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/pick-0"))
    parser.add_argument("--steps", type=int, default=450_000, help="env steps of training")
    parser.add_argument("--minutes", type=float, default=27.0, help="CPU minutes at most")
    parser.add_argument("--envs", type=int, default=32)
    parser.add_argument("--every", type=int, default=25_000, help="env steps per evaluation")
    parser.add_argument("--episodes", type=int, default=40, help="of an evaluation")
    parser.add_argument("--env", default="{}", help="JSON of more environment arguments")
    parser.add_argument("--evaluation", default="{}", help="the same, of evaluations alone")
    parser.add_argument("--topreward", help="JSON of VectorTOPReward's arguments; none: without")
    args = parser.parse_args()

    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    kwargs = ENV_KWARGS | json.loads(args.env)
    if "benchmark" in kwargs:
        del kwargs["scene"]  # its episodes name their houses
    topreward = None if args.topreward is None else json.loads(args.topreward)
    envs = make_envs(args.envs, args.seed, kwargs, topreward)
    evaluation = make_envs(4, 10_000, kwargs | json.loads(args.evaluation))
    model = make_model(args.algorithm, envs, args.seed)
    model.learn(args.steps, callback=Curve(evaluation, args, kwargs))
    save(model, args.out / "model", kwargs)
    won = successes(model, evaluation, 100, seed=20_000)
    result = {
        "successes": won,
        "episodes": 100,
        "wilson_95": [round(float(bound), 4) for bound in wilson_interval(won, 100)],
        "env_steps": model.num_timesteps,
        "cpu_minutes": round(time.process_time() / 60, 2),
        "algorithm": args.algorithm,
        "seed": args.seed,
        "env": kwargs,
        "topreward": topreward,
    }
    (args.out / "final.json").write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
