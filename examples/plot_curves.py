"""Plot the curves that ``train_sb3.py`` wrote.

python examples/plot_curves.py docs/training/pick-*/curve.csv --out docs/learning_curve.png
"""

import argparse
import csv
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

AXES = {"cpu_minutes": "CPU minutes", "env_steps": "env steps"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("curves", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, default=Path("learning_curve.png"))
    parser.add_argument("--title", default="PPO on Pick from state, one house, random poses")
    parser.add_argument("--over", choices=list(AXES), default="cpu_minutes", help="horizontal axis")
    parser.add_argument("--line", type=float, default=80.0, help="success to compare with, %%")
    args = parser.parse_args()

    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for path in args.curves:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        spent = [0.0, *(float(row[args.over]) for row in rows)]
        rates = [0.0, *(100 * int(row["successes"]) / int(row["episodes"]) for row in rows)]
        name = path.parent.name if path.stem == "curve" else path.stem
        axes.plot(spent, rates, marker="o", markersize=3, label=name)
    axes.axhline(args.line, color="grey", linewidth=0.8, linestyle="--")
    axes.set(xlabel=AXES[args.over], ylabel="success, %", ylim=(0, 102), title=args.title)
    axes.set_xlim(left=0)
    axes.legend()
    axes.grid(alpha=0.3)
    figure.savefig(args.out, dpi=120)


if __name__ == "__main__":
    main()
