"""Episodes of Pick that begin with the hand near the object, as a suite.

    python examples/near_starts.py --episodes 200 --seed 1 --out runs/near/train

The scripted expert brings the hand there, and the arm's joints are then shaken a little. All in
one room; only the object's place and the start differ.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

import molmospaces_gym  # noqa: F401 - registers the environments
from molmospaces_gym.benchmark_io import describe, save_benchmark
from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.policies.base import bind_policy, load_policy

PATIENCE = 80
"""Steps in which the expert comes near."""
SHAKEN = 0.02
"""Deviation of the joints from where the expert had them, rad."""


def near_starts(env: Any, seed: int, low: float, high: float) -> Iterator[EpisodeSpec]:
    """Episodes without end, ``low`` to ``high`` m between tool and object, of ``env``'s own."""
    expert, rng = load_policy("expert"), np.random.default_rng(seed)
    bind_policy(expert, env)
    session = env.unwrapped.session
    while True:
        number = int(rng.integers(2**31))
        observation, info = env.reset(seed=number)
        expert.reset(info["instruction"], number)
        near = rng.uniform(low, high)
        for _ in range(PATIENCE):
            if session.state.quantities["tcp_distance"] < near:
                yield _from_here(session, rng)
                break
            action, _ = expert.predict(observation, None, np.zeros(1, np.bool_), True)
            observation, *_ = env.step(action)


def _from_here(session: Any, rng: np.random.Generator) -> EpisodeSpec:
    arm = session.world.joint_pos(session.slot)[session.scene.robot.groups["arm"].qpos]
    spec = session.episode.to_dict()
    spec["robot"]["init_qpos"]["arm"] = (arm + rng.normal(0.0, SHAKEN, len(arm))).tolist()
    return EpisodeSpec.parse(spec)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--episodes", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scene", default="generated/train/0")
    parser.add_argument("--categories", nargs="+", default=["SaltShaker"])
    parser.add_argument("--distance", type=float, nargs=2, default=(0.03, 0.07), help="m")
    args = parser.parse_args()
    env = gym.make(
        "molmospaces_gym/Pick-v1",
        scene=args.scene,
        categories=args.categories,
        action_mode="joint_position",
        terminate_on_success=False,
        disable_env_checker=True,
    )
    starts = near_starts(env, args.seed, *args.distance)
    episodes = [next(starts) for _ in range(args.episodes)]
    env.close()
    low, high = (f"{100 * bound:g}" for bound in args.distance)
    save_benchmark(episodes, args.out, describe(episodes, f"hand {low} to {high} cm away"))


if __name__ == "__main__":
    main()
