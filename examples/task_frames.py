"""Draw the start of one episode of every task: docs/tasks.png is made by this.

python examples/task_frames.py --out docs/tasks.png
"""

import argparse
from pathlib import Path

import gymnasium as gym
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

import molmospaces_gym  # noqa: F401 - registers the environments

COLUMNS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("tasks.png"))
    parser.add_argument("--seed", type=int, default=3)
    args = parser.parse_args()

    ids = sorted(name for name in gym.registry if name.startswith("molmospaces_gym/"))
    rows = -(-len(ids) // COLUMNS)
    figure, axes = plt.subplots(rows, COLUMNS, figsize=(13, 3 * rows), layout="constrained")
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, name in zip(axes.flat, ids, strict=False):
        env = gym.make(name, split="val", render_mode="rgb_array", image_size=[640, 368])
        _, info = env.reset(seed=args.seed)
        axis.imshow(env.render())
        axis.set_title(f"{name.partition('/')[2]}\n{info['instruction']}", fontsize=9)
        env.close()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(args.out, dpi=80)


if __name__ == "__main__":
    main()
