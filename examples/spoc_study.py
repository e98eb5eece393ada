"""Does PPO improve a cloned SPOC policy? Cloning, PPO, PPO from scratch, each on the val suite.

    python examples/spoc_study.py --seed 0 --out runs/study/pick-0       # about 30 CPU minutes
    python examples/spoc_study.py --shift 0.015 0.015 0 --out runs/study/shift-0
    python examples/spoc_study.py --task Open --suite open-val --out runs/study/open-0
    python examples/spoc_study.py --summary docs/training/spoc-pick runs/study/pick-*

With a shift the clone, which learned in a calibrated env, is tuned and evaluated in one where every
observed pose is wrong by that much (m, the env argument ``pose_error``).

The first three do what ``molmospaces-gym train bc``, ``train rl`` and ``eval`` do. The summary
copies the curves, counts successes, compares policies on the same episodes and draws the curves.
"""

import argparse
import csv
import json
import shutil
import time
from pathlib import Path
from typing import Any

from molmospaces_gym.benchmarks import evaluate
from molmospaces_gym.benchmarks.compare import compare

ARMS = ("bc", "rl", "scratch")
MEASURES = ("success_once", "success_at_end")


def study(args: argparse.Namespace) -> None:
    from molmospaces_gym.policies.spoc import recipes
    from molmospaces_gym.policies.spoc.bc import BcSettings
    from molmospaces_gym.policies.spoc.rl import RlSettings

    out: Path = args.out
    seconds: dict[str, float] = {}
    # Demonstrations go on after success: a clone of none that hold lifts for ever.
    setup = recipes.Setup(task=args.task, obs=args.obs, env={"terminate_on_success": False})
    config = recipes.configure(setup, args.preset)
    shift = {"pose_error": args.shift} if any(args.shift) else {}

    started = time.process_time()
    demos = recipes.demonstrations(setup, config, args.demos, args.seed)
    seconds["demos"] = time.process_time() - started
    started = time.process_time()
    steps = BcSettings(steps=args.bc_steps, every=args.bc_steps // 2, seed=args.seed)
    cloned = recipes.train_bc(setup, demos, config, out / "bc", steps)
    seconds["bc"] = time.process_time() - started

    settings = RlSettings(env_steps=args.env_steps, every=args.every, trials=80, seed=args.seed)
    policies = {"bc": cloned}
    for arm in args.arms:
        started = time.process_time()
        policies[arm] = recipes.train_rl(
            cloned,
            out / arm,
            settings,
            n_envs=args.envs,
            from_scratch=arm == "scratch",
            env={"terminate_on_success": True, **shift},
        )
        seconds[arm] = time.process_time() - started

    for arm, folder in policies.items():
        shutil.rmtree(out / f"eval-{arm}", ignore_errors=True)
        evaluate(f"spoc:{folder}", args.suite, batch=16, out=out / f"eval-{arm}", **shift)
    about = {"task": args.task, "obs": args.obs, "suite": args.suite, "preset": args.preset}
    about |= {"seed": args.seed, "demos": args.demos, "bc_steps": args.bc_steps}
    about |= {
        "shift": args.shift,
        "env_steps": args.env_steps,
        "cpu_seconds": {k: round(v) for k, v in seconds.items()},
    }
    (out / "study.json").write_text(json.dumps(about, indent=2) + "\n")
    print(json.dumps(about))


def rows_of(folder: Path) -> list[dict[str, Any]]:
    about, rows = json.loads((folder / "study.json").read_text()), []
    arms = [arm for arm in ARMS if (folder / f"eval-{arm}").is_dir()]
    for measure in MEASURES:
        for arm in arms:
            found = compare(folder / f"eval-{arm}", folder / "eval-bc", measure=measure)
            rate, difference = found.first, found.difference
            row = {"task": about["task"], "obs": about["obs"], "seed": about["seed"], "policy": arm}
            row |= {"measure": measure, "successes": rate.successes, "episodes": rate.total}
            row |= {"low_pct": f"{100 * rate.wilson.low:.1f}"}
            row |= {"high_pct": f"{100 * rate.wilson.high:.1f}"}
            row |= {"only_this": difference.first_only, "only_bc": difference.second_only}
            row |= {"p_against_bc": f"{difference.mcnemar:.2g}" if arm != "bc" else ""}
            rows.append(row | {"cpu_seconds": about["cpu_seconds"][arm]})
    return rows


def summarise(out: Path, folders: list[Path]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    rows = [row for folder in folders for row in rows_of(folder)]
    with (out / "results.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    for folder in folders:
        shutil.copy(folder / "study.json", out / f"{folder.name}.json")
        for arm in ARMS[1:]:
            if (folder / arm / "curve.csv").is_file():
                shutil.copy(folder / arm / "curve.csv", out / f"{folder.name}-{arm}.csv")
    draw(out, folders)
    for row in rows:
        print(*row.values())


def draw(out: Path, folders: list[Path]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    styles = {"rl": ("-", "PPO from the clone"), "scratch": (":", "PPO from scratch")}
    for number, folder in enumerate(folders):
        for arm, (style, label) in styles.items():
            if not (out / f"{folder.name}-{arm}.csv").is_file():
                continue
            with (out / f"{folder.name}-{arm}.csv").open(newline="") as file:
                table = list(csv.DictReader(file))
            steps = [int(row["env_steps"]) / 1000 for row in table]
            rates = [100 * int(row["successes"]) / int(row["episodes"]) for row in table]
            name = f"{label}, {folder.name}"
            axes.plot(steps, rates, style, color=f"C{number}", marker="o", markersize=3, label=name)
    axes.set(xlabel="thousand env steps", ylabel="success in trials, %", ylim=(-2, 102))
    axes.set_title("SPOC: sparse-reward PPO, val houses, 80 episodes per point")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.savefig(out / "curves.png", dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="*", type=Path, help="folders to summarise")
    parser.add_argument("--summary", type=Path, help="folder for curves, table and picture")
    parser.add_argument("--task", default="Pick")
    parser.add_argument("--suite", default="pick-val")
    parser.add_argument("--obs", default="state", choices=("state", "rgb"))
    parser.add_argument("--preset", default="nano")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--demos", type=int, default=200)
    parser.add_argument("--bc-steps", type=int, default=3000)
    parser.add_argument("--env-steps", type=int, default=240_000)
    parser.add_argument("--arms", nargs="*", choices=ARMS[1:], default=ARMS[1:])
    parser.add_argument("--shift", nargs=3, type=float, default=(0.0, 0.0, 0.0), metavar="M")
    parser.add_argument("--every", type=int, default=40_000)
    parser.add_argument("--envs", type=int, default=16)
    parser.add_argument("--out", type=Path, default=Path("runs/study"))
    args = parser.parse_args()
    if args.summary is not None:
        summarise(args.summary, args.runs)
    else:
        study(args)


if __name__ == "__main__":
    main()
