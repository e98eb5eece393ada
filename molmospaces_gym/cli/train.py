"""``molmospaces-gym train``: ``bc`` clones, ``rl`` fine-tunes, ``residual`` corrects a policy."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from molmospaces_gym.cli.evaluate import env_arguments
from molmospaces_gym.cli.train_residual import residual
from molmospaces_gym.cli.train_rl import rl
from molmospaces_gym.errors import RunChanged
from molmospaces_gym.json_files import read_json, write_atomic

if TYPE_CHECKING:
    from molmospaces_gym.policies.spoc.config import SpocConfig
    from molmospaces_gym.policies.spoc.demos import Demos
    from molmospaces_gym.policies.spoc.recipes import Setup

app = typer.Typer(
    help="Train a policy: cloning, RL fine-tuning, and a correction of any policy.",
    no_args_is_help=True,
)


@app.command("bc")
def bc(
    task: Annotated[str, typer.Option(help="Task, see list; e.g. Pick.")],
    out: Annotated[Path, typer.Option(help="Folder of the run; goes on with one that is there.")],
    demos: Annotated[int, typer.Option(help="Episodes of the expert to learn from.")] = 200,
    data: Annotated[
        Path | None,
        typer.Option(help="Instead of the expert: a dataset of datagen, or a run's demos.npz."),
    ] = None,
    failures: Annotated[
        bool, typer.Option("--failures", help="Of a dataset, learn from failed episodes too.")
    ] = False,
    weights: Annotated[
        Path | None, typer.Option(help="Weight per sample: .npy, or Parquet with column weight.")
    ] = None,
    preset: Annotated[str, typer.Option(help="Size of the policy: nano or tiny.")] = "tiny",
    head: Annotated[str, typer.Option(help="tokens, or flow (which PPO cannot tune).")] = "tokens",
    obs: Annotated[str, typer.Option(help="state, rgb or rgbd.")] = "state",
    image_size: Annotated[int, typer.Option(help="Height and width of pictures.")] = 64,
    image_points: Annotated[
        bool,
        typer.Option("--image-points", help="Show where in the first pictures the things are."),
    ] = False,
    shift: Annotated[
        int, typer.Option(help="Pictures are shifted by up to so many pixels at random.")
    ] = 2,
    action_mode: Annotated[str, typer.Option(help="Of the env.")] = "ee_delta",
    horizon: Annotated[int, typer.Option(help="Steps of an episode.")] = 80,
    noise: Annotated[float, typer.Option(help="Added to the expert's actions, 0..1.")] = 0.0,
    steps: Annotated[int, typer.Option(help="Gradient steps.")] = 2000,
    batch: Annotated[int, typer.Option(help="Samples of a step.")] = 128,
    rate: Annotated[float, typer.Option(help="Learning rate.")] = 1e-3,
    trials: Annotated[int, typer.Option(help="Val episodes per trial; 0: none.")] = 40,
    seed: Annotated[int, typer.Option(help="Seed of data and training.")] = 0,
    env: Annotated[
        list[str] | None, typer.Option(help="Further env argument, KEY=VALUE; repeatable.")
    ] = None,
) -> None:
    """Clone demonstrations; the policy that does best in val houses is OUT/best."""
    from molmospaces_gym.policies.spoc.bc import BcSettings
    from molmospaces_gym.policies.spoc.demos import Demos
    from molmospaces_gym.policies.spoc.recipes import Setup, configure, train_bc
    from molmospaces_gym.policies.spoc.weights import read_weights

    console, started = Console(), time.process_time()
    setup = Setup(
        task=task,
        obs=obs,
        action_mode=action_mode,
        horizon=horizon,
        image_size=image_size,
        image_points=image_points,
        env=env_arguments(env or []),
    )
    config = configure(setup, preset, head=head)
    out.mkdir(parents=True, exist_ok=True)
    if data is not None and data.suffix != ".npz":
        found = _stored(console, data, setup, config, failures)
    else:
        stored = data or out / "demos.npz"
        about = {"setup": setup.__dict__, "demos": demos, "noise": noise, "seed": seed}
        if data is None and stored.is_file():
            _refuse_other(out / "demos.json", about)
        if stored.is_file() or data is not None:
            found = Demos.load(stored)
        else:
            found = _played(console, setup, config, demos, seed, noise)
            write_atomic(out / "demos.json", json.dumps(about, indent=2) + "\n")
            found.save(stored)
    console.print(f"{found.episodes} episodes of {found.tried}, {len(found)} steps")
    collected = time.process_time()
    counted = None if weights is None else read_weights(weights, found)
    every = max(steps // 4, 1)
    settings = BcSettings(steps=steps, batch=batch, rate=rate, shift=shift, every=every, seed=seed)
    best = train_bc(setup, found, config, out, settings, counted, trials)
    spent = f"CPU time: {collected - started:.0f} s for demonstrations"
    console.print(f"{spent}, {time.process_time() - collected:.0f} s for training and trials")
    for step, success in json.loads((out / "progress.json").read_text())["successes"]:
        console.print(f"step {step}: {100 * success:.1f} % of {trials} val episodes")
    console.print(escape(str(best)), soft_wrap=True, highlight=False)


def _refuse_other(file: Path, about: dict[str, Any]) -> None:
    """Raise ``RunChanged`` where the demonstrations beside ``file`` were made otherwise."""
    made = read_json(file, RunChanged) if file.is_file() else {}
    wanted = json.loads(json.dumps(about))
    changed = [name for name, value in wanted.items() if made.get(name) != value]
    if changed:
        raise RunChanged(
            f"{file.with_suffix('.npz')} holds demonstrations with other {' and '.join(changed)};"
            " choose another --out, or learn from them as they are with --data"
        )


def _stored(
    console: Console, path: Path, setup: "Setup", config: "SpocConfig", failures: bool
) -> "Demos":
    """The demonstrations in a dataset; says what was left out."""
    from molmospaces_gym.policies.spoc.stored import read_demos

    kwargs = {**setup.env, **setup.policy_kwargs}
    with console.status("reading") as status:
        stored = read_demos(
            path,
            config,
            kwargs,
            task=setup.task,
            failures=failures,
            progress=lambda kept, read: status.update(f"reading: {read} episodes"),
        )
    console.print(
        f"left out: {stored.failed} failures, {stored.diverged} that ended otherwise when simulated"
        f" again; arms beyond one {setup.action_mode} action in {100 * stored.limited:.1f} % of the"
        " steps",
        highlight=False,
    )
    return stored.demos


def _played(
    console: Console,
    setup: "Setup",
    config: "SpocConfig",
    episodes: int,
    seed: int,
    noise: float,
) -> "Demos":
    """Demonstrations of the expert."""
    from molmospaces_gym.policies.spoc.recipes import demonstrations

    with console.status("the expert plays") as status:
        return demonstrations(
            setup,
            config,
            episodes,
            seed,
            noise,
            lambda kept, tried: status.update(f"the expert plays: {kept} of {episodes}"),
        )


app.command("rl")(rl)
app.command("residual")(residual)
