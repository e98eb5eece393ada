"""Does TOPReward make cloning better where half of the demonstrations are bad?

    python examples/reward_aligned_bc.py --seed 0 --out runs/aligned/0      # about 10 CPU minutes
    python examples/reward_aligned_bc.py --summary docs/training/aligned-bc runs/aligned/*

Two demonstrators take turns: the expert, and one whose hand is off by ``--offset`` m and who misses
most grasps. Nobody says who was who, and failures are kept. The bundled reward model watches, and
what it sees in the end of an episode weighs its steps in the clone's training
(``outcome_weights``), or with ``--weights temperature`` what progress it sees in the 40 steps after
a step. The same data is cloned without weights, and both policies play the val suite.
"""

import argparse
import csv
import json
import shutil
import time
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from molmospaces_gym.benchmarks import evaluate
from molmospaces_gym.benchmarks.compare import compare
from molmospaces_gym.json_files import write_atomic
from molmospaces_gym.policies.base import bind_policy, load_policy
from molmospaces_gym.policies.spoc.bc import BcSettings
from molmospaces_gym.policies.spoc.config import SpocConfig
from molmospaces_gym.policies.spoc.demos import IDLE, DemoEpisode, Demos, seen, stacked
from molmospaces_gym.policies.spoc.recipes import TRAIN, Setup, configure, train_bc
from molmospaces_gym.registration import env_id
from molmospaces_gym.rewards import TOPReward
from molmospaces_gym.rewards.weights import spread, weights_of
from molmospaces_gym.wrappers.instruction import hash_tokens

ARMS = ("plain", "aligned")
SETTINGS: dict[str, dict[str, Any]] = {
    "outcome": {"last": 20, "temperature": 0.15},
    "temperature": {"horizon": 40, "temperature": 0.1},
}


def mixed(
    setup: Setup, config: SpocConfig, episodes: int, offset: str, seed: int
) -> tuple[Demos, np.ndarray, dict[str, int]]:
    """Demonstrations, the progress (m,) that the reward model saw, successes by demonstrator."""
    env = gym.make(env_id(setup.task), disable_env_checker=True, **TRAIN, **setup.train_kwargs)
    env = TOPReward(env, "tiny", baseline=False, score_every=4)
    names = ("expert", f"miscalibrated:{offset}")
    policies = [load_policy(name) for name in names]
    for policy in policies:
        bind_policy(policy, env)
    kept: list[DemoEpisode] = []
    progress: list[np.ndarray] = []
    won = dict.fromkeys(names, 0)
    vectors = [name for name, _ in config.vectors]
    for number in range(episodes):
        which = number % 2
        rows, actions, seen_progress, success = play(
            env, config, policies[which], 100_000 * seed + number
        )
        won[names[which]] += success
        kept.append(DemoEpisode(number, rows, actions, vectors, IDLE))
        progress.append(seen_progress[kept[-1].steps])
    env.close()
    return Demos.joined(kept, episodes), np.concatenate(progress), won


def play(
    env: Any, config: SpocConfig, policy: Any, seed: int
) -> tuple[dict[str, Any], np.ndarray, np.ndarray, bool]:
    """Inputs, actions and progress (T, ...) of one episode, and whether it ended in success."""
    observation, info = env.reset(seed=seed)
    policy.reset(str(info["instruction"]), seed)
    text = hash_tokens(str(info["instruction"]), config.text_length, config.vocabulary)
    rows, actions, state, over = [], [], None, False
    frames, values = [0], [info["topreward/progress"]]
    while not over:
        action, state = policy.predict(observation, state, np.zeros(1, np.bool_), True)
        rows.append(seen(observation, config, text))
        actions.append(np.asarray(action, np.float32))
        observation, _, terminated, truncated, info = env.step(actions[-1])
        over = terminated or truncated
        if info["topreward/scored"]:
            frames.append(len(actions))
            values.append(info["topreward/progress"])
    return stacked(rows), np.stack(actions), spread(frames, values, len(rows)), info["is_success"]


def study(args: argparse.Namespace) -> None:
    out: Path = args.out
    setup = Setup(task=args.task, env={"terminate_on_success": False})
    config = configure(setup, "nano")
    started = time.process_time()
    demos, progress, won = mixed(setup, config, args.demos, args.offset, args.seed)
    weights = weights_of(args.weights, progress, demos.ends, **SETTINGS[args.weights])
    about: dict[str, Any] = {"task": args.task, "suite": args.suite, "seed": args.seed}
    about |= {"episodes": args.demos, "successes": {k: int(v) for k, v in won.items()}}
    about |= {"rows": len(demos), "effective_share": round(weights.share, 3)}
    about |= {"weights": args.weights, **SETTINGS[args.weights], "bc_steps": args.steps}
    assert demos.source is not None
    expert = demos.source[:, 0] % 2 == 0
    about["weight_of_expert_rows"] = round(float(weights.values[expert].mean()), 3)
    about["cpu_seconds"] = {"demos": round(time.process_time() - started)}
    print(json.dumps(about), flush=True)
    settings = BcSettings(steps=args.steps, every=args.steps, seed=args.seed)
    for arm in ARMS:
        started = time.process_time()
        given = weights.values if arm == "aligned" else None
        folder = train_bc(setup, demos, config, out / arm, settings, given, trials=0)
        about["cpu_seconds"][arm] = round(time.process_time() - started)
        shutil.rmtree(out / f"eval-{arm}", ignore_errors=True)
        evaluate(f"spoc:{folder}", args.suite, batch=16, out=out / f"eval-{arm}")
    write_atomic(out / "study.json", json.dumps(about, indent=2) + "\n")


def summarise(out: Path, folders: list[Path]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    rows = []
    for folder in folders:
        about = json.loads((folder / "study.json").read_text())
        write_atomic(out / f"seed-{about['seed']}.json", json.dumps(about, indent=2) + "\n")
        for measure in ("success_once", "success_at_end"):
            for arm in ARMS:
                found = compare(folder / f"eval-{arm}", folder / "eval-plain", measure=measure)
                rate, difference = found.first, found.difference
                row: dict[str, Any] = {"seed": about["seed"], "policy": arm, "measure": measure}
                row |= {"successes": rate.successes, "episodes": rate.total}
                row |= {"low_pct": f"{100 * rate.wilson.low:.1f}"}
                row |= {"high_pct": f"{100 * rate.wilson.high:.1f}"}
                paired = f"{difference.mcnemar:.2g}" if arm != "plain" else ""
                rows.append(row | {"p_against_plain": paired})
    with (out / "results.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    for row in rows:
        print(*row.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("runs", nargs="*", type=Path, help="folders to summarise")
    parser.add_argument("--summary", type=Path, help="folder for the table")
    parser.add_argument("--task", default="Pick")
    parser.add_argument("--suite", default="pick-val")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--demos", type=int, default=300, help="episodes, of both together")
    parser.add_argument("--offset", default="0.02,0.02,0", help="of the bad one's hand, m")
    parser.add_argument("--weights", default="outcome", choices=tuple(SETTINGS))
    parser.add_argument("--steps", type=int, default=2000, help="gradient steps of each arm")
    parser.add_argument("--out", type=Path, default=Path("runs/aligned/0"))
    args = parser.parse_args()
    if args.summary is not None:
        summarise(args.summary, args.runs)
    else:
        study(args)


if __name__ == "__main__":
    main()
