r"""Does PPO improve a cloned SPOC policy? Cloning, PPO, PPO from scratch, each on the val suite.

    python examples/spoc_study.py --seed 0 --out runs/study/pick-0       # about 30 CPU minutes
    python examples/spoc_study.py --shift 0.015 0.015 0 --out runs/study/shift-0
    python examples/spoc_study.py --task Open --suite open-val --horizon 130 --demos 400 \
        --noise 0.2 --bc-steps 4000 --shift 0.03 0.03 0 --parts memory.vectors --rate 5e-4 \
        --clip 0.2 --arms rl --out runs/study/open-0
    python examples/spoc_study.py --start tiny --shift 0.015 0.015 0 --parts memory.vectors \
        --rate 5e-4 --clip 0.2 --trials 160 --arms rl topreward --out runs/study/tiny-0
    python examples/spoc_study.py --summary docs/training/spoc-pick runs/study/pick-*

Started again in its folder, a study does the parts that are not there yet.

With a shift the clone, which learned in a calibrated env, is tuned and evaluated in one where every
observed pose is wrong by that much (m, the env argument ``pose_error``).

``--start`` takes a policy that is there instead of a clone made here, and the arm ``topreward``
adds to the sparse reward what the bundled reward model says of the progress.

They do what ``molmospaces-gym train bc``, ``train rl`` and ``eval`` do. The summary
copies the curves, counts successes, compares policies on the same episodes and draws the curves.
"""

import argparse
import csv
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from molmospaces_gym.benchmarks import evaluate
from molmospaces_gym.benchmarks.compare import compare
from molmospaces_gym.cli.evaluate import env_arguments
from molmospaces_gym.json_files import write_atomic

ARMS = ("bc", "rl", "topreward", "scratch")
ABOUT = "task obs suite horizon preset seed demos noise bc_steps shift env_steps".split()
ABOUT += "rate clip parts start trials topreward".split()
"""Arguments that make one study another."""
MEASURES = ("success_once", "success_at_end")


def study(args: argparse.Namespace) -> None:
    from molmospaces_gym.policies.spoc import recipes
    from molmospaces_gym.policies.spoc.bc import BEST, BcSettings
    from molmospaces_gym.policies.spoc.policy import find
    from molmospaces_gym.policies.spoc.rl import RlSettings

    out: Path = args.out
    file = out / "study.json"
    about: dict[str, Any] = {name: getattr(args, name) for name in ABOUT}
    seconds = finished_parts(file, about)
    # Demonstrations go on after success: a clone of none that hold lifts for ever.
    held = {"terminate_on_success": False}
    setup = recipes.Setup(task=args.task, obs=args.obs, horizon=args.horizon, env=held)
    config = recipes.configure(setup, args.preset)
    shift = {"pose_error": args.shift} if any(args.shift) else {}

    def part(name: str, work: Callable[[], Any]) -> Any:
        started = time.process_time()
        result = work()
        seconds[name] = round(time.process_time() - started)
        return result

    def judge(arm: str, folder: Path) -> None:
        shutil.rmtree(out / f"eval-{arm}", ignore_errors=True)
        evaluate(f"spoc:{folder}", args.suite, batch=16, out=out / f"eval-{arm}", **shift)
        write_atomic(file, json.dumps(about | {"cpu_seconds": seconds}, indent=2) + "\n")

    steps = BcSettings(steps=args.bc_steps, every=args.bc_steps // 2, seed=args.seed)
    cloned = find(args.start) if args.start else out / "bc" / BEST
    if args.start:
        if not (out / "eval-bc" / "summary.json").is_file():
            judge("bc", cloned)
    elif "bc" not in seconds:
        demos = part(
            "demos",
            lambda: recipes.demonstrations(setup, config, args.demos, args.seed, args.noise),
        )
        part("bc", lambda: recipes.train_bc(setup, demos, config, out / "bc", steps))
        judge("bc", cloned)

    def settings(arm: str) -> RlSettings:
        budget = RlSettings(
            env_steps=args.env_steps, every=args.every, trials=args.trials, seed=args.seed
        )
        if arm == "scratch":  # has all of the network to learn
            return budget
        return replace(budget, rate=args.rate, clip=args.clip, parts=tuple(args.parts))

    for arm in args.arms:
        if arm in seconds:
            continue
        shutil.rmtree(out / arm, ignore_errors=True)
        tune = partial(
            recipes.train_rl,
            cloned,
            out / arm,
            settings(arm),
            "topreward" if arm == "topreward" else "sparse",
            n_envs=args.envs,
            from_scratch=arm == "scratch",
            env={"terminate_on_success": True, **shift},
            topreward=env_arguments(args.topreward) if arm == "topreward" else None,
        )
        judge(arm, part(arm, tune))
    print(file.read_text())


def finished_parts(file: Path, about: dict[str, Any]) -> dict[str, float]:
    """CPU seconds of the parts of this study that are done; refuses to go on with another."""
    if not file.is_file():
        return {}
    found = json.loads(file.read_text())
    seconds: dict[str, float] = found.pop("cpu_seconds")
    if found != json.loads(json.dumps(about)):
        raise SystemExit(f"{file.parent} holds another study, {found}; choose another --out")
    return seconds


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
            rows.append(row | {"cpu_seconds": about["cpu_seconds"].get(arm, "")})
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
    styles = {
        "rl": ("-", "PPO from the clone"),
        "topreward": ("--", "with TOPReward"),
        "scratch": (":", "PPO from scratch"),
    }
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
    axes.set_title("SPOC: PPO in train houses, trials in val houses")
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
    parser.add_argument("--horizon", type=int, default=80, help="steps of a training episode")
    parser.add_argument("--preset", default="nano")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--demos", type=int, default=200)
    parser.add_argument("--noise", type=float, default=0.0, help="see train bc")
    parser.add_argument("--bc-steps", type=int, default=3000)
    parser.add_argument("--env-steps", type=int, default=240_000)
    parser.add_argument("--arms", nargs="*", choices=ARMS[1:], default=("rl", "scratch"))
    parser.add_argument("--start", help="folder or name of a policy, instead of cloning one")
    parser.add_argument("--topreward", nargs="*", default=(), metavar="KEY=VALUE")
    parser.add_argument("--trials", type=int, default=80, help="val episodes of a trial")
    parser.add_argument("--shift", nargs=3, type=float, default=(0.0, 0.0, 0.0), metavar="M")
    parser.add_argument("--rate", type=float, default=2e-4, help="see train rl, as the next two")
    parser.add_argument("--clip", type=float, default=0.1)
    parser.add_argument("--parts", nargs="*", default=())
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
