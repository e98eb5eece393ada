"""Write a policy, evaluate it on a shipped suite and compare it with the scripted expert.

python examples/evaluate_policy.py --episodes 5
"""

import argparse
from pathlib import Path

import numpy as np

from molmospaces_gym.actions import EE_STEP
from molmospaces_gym.benchmarks import evaluate


class ReachPolicy:
    """Moves the open gripper straight towards the object and never closes it."""

    env_kwargs = {"action_mode": "ee_delta_pos", "obs_mode": "state"}

    def reset(self, instruction, seed):
        """Nothing to remember from one episode to the next."""

    def predict(self, obs, state=None, episode_start=None, deterministic=True):
        """One step along the line from the tool to the object; the last element opens."""
        shift = np.clip(-obs["object_to_tcp"] / EE_STEP, -1, 1)
        return np.append(shift, -1.0).astype(np.float32), state


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--benchmark", default="pick-mini")
    parser.add_argument("--episodes", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("runs/evaluate_policy"))
    args = parser.parse_args()
    for name, policy in (("reach", ReachPolicy()), ("expert", "expert")):
        out = args.out / name
        result = evaluate(
            policy, args.benchmark, episodes=args.episodes, out=out, resume=out.exists()
        )
        print(f"{name}: {result}")


if __name__ == "__main__":
    main()
