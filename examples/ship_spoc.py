"""Copy a trained SPOC policy into the package, with what it did on a suite.

    molmospaces-gym train bc --task Pick --preset tiny --demos 1500 --steps 5000 --trials 80 \
        --env terminate_on_success=false --out runs/tiny
    molmospaces-gym eval --policy spoc:runs/tiny/best --benchmark pick-val --batch 16 \
        --out runs/tiny/eval
    python examples/ship_spoc.py runs/tiny --name tiny --demos-cpu 333 --training-cpu 1000

The CPU seconds are what a shell's ``time`` said. The model card is written by hand; a test holds it
to ``results.json``.
"""

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

from molmospaces_gym.benchmarks.runs import load_run, suite_name
from molmospaces_gym.json_files import write_atomic
from molmospaces_gym.policies.spoc.policy import ENV_FILE, SHIPPED

FILES = ("model.safetensors", "config.json", ENV_FILE, "setup.json")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of train bc, with its evaluation in eval")
    parser.add_argument("--name", default="tiny")
    parser.add_argument("--demos-cpu", type=float, required=True, help="s")
    parser.add_argument("--training-cpu", type=float, required=True, help="s")
    args = parser.parse_args()

    folder: Path = SHIPPED / args.name
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(args.run / "best" / name, folder / name)
    evaluated = load_run(args.run / "eval")
    seconds = {"demos": round(args.demos_cpu), "training": round(args.training_cpu)}
    results: dict[str, Any] = {
        "suite": suite_name(evaluated.config),
        "cpu_seconds": seconds | {"all": sum(seconds.values())},
        "trials": json.loads((args.run / "progress.json").read_text())["successes"],
        "episodes": {
            record.episode_id: {
                "once": int(record.success_once),
                "at_end": int(record.success_at_end),
            }
            for record in evaluated.records
        },
    }
    write_atomic(folder / "results.json", json.dumps(results, indent=1) + "\n")
    print(
        folder, {m: sum(row[m] for row in results["episodes"].values()) for m in ("once", "at_end")}
    )


if __name__ == "__main__":
    main()
