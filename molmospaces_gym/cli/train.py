"""``molmospaces-gym train``: clone the expert (``bc``), fine-tune with PPO (``rl``)."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from molmospaces_gym.cli.evaluate import env_arguments
from molmospaces_gym.errors import InvalidConfig

app = typer.Typer(
    help="Train a SPOC policy: behaviour cloning, then RL fine-tuning.", no_args_is_help=True
)


@app.command("bc")
def bc(
    task: Annotated[str, typer.Option(help="Task, see list; e.g. Pick.")],
    out: Annotated[Path, typer.Option(help="Folder of the run; goes on with one that is there.")],
    demos: Annotated[int, typer.Option(help="Episodes of the expert to learn from.")] = 200,
    data: Annotated[
        Path | None, typer.Option(help="The demos.npz of another run, instead of the expert.")
    ] = None,
    preset: Annotated[str, typer.Option(help="Size of the policy: nano or tiny.")] = "tiny",
    obs: Annotated[str, typer.Option(help="state or rgb.")] = "state",
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
    from molmospaces_gym.policies.spoc.recipes import (
        DEMOS,
        Setup,
        configure,
        demonstrations,
        train_bc,
    )

    console = Console()
    setup = Setup(
        task=task, obs=obs, action_mode=action_mode, horizon=horizon, env=env_arguments(env or [])
    )
    config = configure(setup, preset)
    out.mkdir(parents=True, exist_ok=True)
    stored = data or out / DEMOS
    if stored.is_file():
        found = Demos.load(stored)
    else:
        with console.status("the expert plays") as status:
            found = demonstrations(
                setup,
                config,
                demos,
                seed,
                noise,
                lambda kept, tried: status.update(f"the expert plays: {kept} of {demos}"),
            )
        found.save(stored)
    console.print(f"{found.episodes} episodes of {found.tried}, {len(found)} steps")
    settings = BcSettings(steps=steps, batch=batch, rate=rate, every=max(steps // 4, 1), seed=seed)
    best = train_bc(setup, found, config, out, settings, trials=trials)
    for step, success in json.loads((out / "progress.json").read_text())["successes"]:
        console.print(f"step {step}: {100 * success:.1f} % of {trials} val episodes")
    console.print(escape(str(best)), soft_wrap=True, highlight=False)


@app.command("rl")
def rl(
    policy: Annotated[str, typer.Option(help="Folder of a cloned policy, or a shipped name.")],
    out: Annotated[Path, typer.Option(help="Folder of the run.")],
    env_steps: Annotated[int, typer.Option(help="Actions to play.")] = 300_000,
    reward: Annotated[
        str,
        typer.Option(help="sparse, dense or topreward: sparse and a model's potential."),
    ] = "sparse",
    topreward: Annotated[
        list[str] | None,
        typer.Option(help="Argument of VectorTOPReward, KEY=VALUE; repeatable."),
    ] = None,
    envs: Annotated[int, typer.Option(help="Worlds.")] = 16,
    rate: Annotated[float, typer.Option(help="Learning rate of the actor.")] = 2e-4,
    clip: Annotated[float, typer.Option(help="Clip range of PPO.")] = 0.1,
    kl: Annotated[float, typer.Option(help="Weight of the KL from the cloned policy.")] = 0.0,
    warmup: Annotated[int, typer.Option(help="Decisions with the actor frozen.")] = 4096,
    ramp: Annotated[int, typer.Option(help="Steps over which the actor's rate rises.")] = 40,
    log_prob: Annotated[str, typer.Option(help="sum or mean over a chunk's tokens.")] = "sum",
    temperature: Annotated[float, typer.Option(help="Of sampling.")] = 1.0,
    deadline: Annotated[
        bool, typer.Option(help="Running out of time is a failure: PPO adds no value to it.")
    ] = True,
    trials: Annotated[int, typer.Option(help="Val episodes per trial.")] = 40,
    every: Annotated[int, typer.Option(help="Env steps between trials.")] = 25_000,
    from_scratch: Annotated[
        bool, typer.Option("--from-scratch", help="Forget the cloned weights first: a baseline.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of training.")] = 0,
) -> None:
    """Fine-tune a policy with PPO; OUT/last is the tuned one, OUT/curve.csv how it got there."""
    from molmospaces_gym.policies.spoc.recipes import train_rl
    from molmospaces_gym.policies.spoc.rl import CURVE, RlSettings

    if topreward and reward != "topreward":
        raise InvalidConfig("--topreward is about --reward topreward")
    console = Console()
    settings = RlSettings(
        env_steps=env_steps,
        rate=rate,
        clip=clip,
        kl=kl,
        warmup=warmup,
        ramp=ramp,
        log_prob=log_prob,
        temperature=temperature,
        deadline=deadline,
        trials=trials,
        every=every,
        seed=seed,
    )
    arguments = env_arguments(topreward or [], "--topreward")
    tuned = train_rl(Path(policy), out, settings, reward, envs, from_scratch, arguments)
    console.print((out / CURVE).read_text())
    console.print(escape(str(tuned)), soft_wrap=True, highlight=False)
