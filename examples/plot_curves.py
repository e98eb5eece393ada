"""Plot the curves that ``train_sb3.py`` wrote.

python examples/plot_curves.py docs/training/pick-*/curve.csv --out docs/learning_curve.png
"""

import argparse
import csv
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("curves", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, default=Path("learning_curve.png"))
    parser.add_argument("--title", default="PPO on Pick from state, one house, random poses")
    args = parser.parse_args()

    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for path in args.curves:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        minutes = [0.0, *(float(row["cpu_minutes"]) for row in rows)]
        rates = [0.0, *(100 * int(row["successes"]) / int(row["episodes"]) for row in rows)]
        axes.plot(minutes, rates, marker="o", markersize=3, label=path.parent.name)
    axes.axhline(80, color="grey", linewidth=0.8, linestyle="--")
    axes.set(xlabel="CPU minutes", ylabel="success, %", ylim=(0, 102), title=args.title)
    axes.set_xlim(left=0)
    axes.legend()
    axes.grid(alpha=0.3)
    figure.savefig(args.out, dpi=120)


if __name__ == "__main__":
    main()
