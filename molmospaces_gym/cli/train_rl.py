"""``molmospaces-gym train rl``: PPO on a cloned SPOC policy."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from molmospaces_gym.cli.evaluate import env_arguments
from molmospaces_gym.errors import InvalidConfig


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
    clip: Annotated[
        float | None, typer.Option(help="Clip range of PPO; 0.1 without, for --log-prob mean 0.01.")
    ] = None,
    target_kl: Annotated[
        float, typer.Option(help="An epoch ends early beyond 1.5 times this divergence, nat.")
    ] = 0.1,
    kl: Annotated[float, typer.Option(help="Weight of the KL from the cloned policy.")] = 0.0,
    entropy: Annotated[
        float, typer.Option(help="Weight of the entropy bonus, without --kl.")
    ] = 0.0,
    warmup: Annotated[int, typer.Option(help="Decisions with the actor frozen.")] = 4096,
    ramp: Annotated[int, typer.Option(help="Steps over which the actor's rate rises.")] = 40,
    log_prob: Annotated[str, typer.Option(help="sum or mean over a chunk's tokens.")] = "sum",
    temperature: Annotated[float, typer.Option(help="Of sampling.")] = 1.0,
    gamma: Annotated[float, typer.Option(help="Discount per decision.")] = 0.98,
    gae: Annotated[float, typer.Option(help="Lambda of the advantages.")] = 0.95,
    n_steps: Annotated[int, typer.Option(help="Decisions per world and update.")] = 64,
    batch: Annotated[int, typer.Option(help="Decisions of a minibatch.")] = 256,
    epochs: Annotated[int, typer.Option(help="Passes over the decisions of an update.")] = 3,
    critic_keys: Annotated[
        str | None,
        typer.Option(
            help="Vectors that the critic reads, separated by commas; the actor's without."
        ),
    ] = None,
    critic_scale: Annotated[
        float, typer.Option(help="Factor on the learning rate, of the critic.")
    ] = 5.0,
    deadline: Annotated[
        bool, typer.Option(help="Running out of time is a failure: PPO adds no value to it.")
    ] = True,
    hold: Annotated[
        bool, typer.Option(help="Go on after success, so that keeping it is learned too.")
    ] = False,
    parts: Annotated[
        list[str] | None,
        typer.Option(help="Train these parts of the actor only, e.g. memory.vectors; repeatable."),
    ] = None,
    trials: Annotated[int, typer.Option(help="Val episodes per trial.")] = 40,
    every: Annotated[int, typer.Option(help="Env steps between trials.")] = 25_000,
    from_scratch: Annotated[
        bool, typer.Option("--from-scratch", help="Forget the cloned weights first: a baseline.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of training.")] = 0,
    env: Annotated[
        list[str] | None,
        typer.Option(help="Env argument other than in cloning, KEY=VALUE; repeatable."),
    ] = None,
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
        target_kl=target_kl,
        kl=kl,
        entropy=entropy,
        warmup=warmup,
        ramp=ramp,
        log_prob=log_prob,
        temperature=temperature,
        gamma=gamma,
        gae=gae,
        n_steps=n_steps,
        batch=batch,
        epochs=epochs,
        critic_keys=None if critic_keys is None else tuple(critic_keys.split(",")),
        critic_scale=critic_scale,
        deadline=deadline,
        hold=hold,
        parts=tuple(parts or ()),
        trials=trials,
        every=every,
        seed=seed,
    )
    tuned = train_rl(
        Path(policy),
        out,
        settings,
        reward,
        envs,
        from_scratch,
        env=env_arguments(env or []),
        topreward=env_arguments(topreward or [], "--topreward"),
    )
    console.print((out / CURVE).read_text())
    console.print(escape(str(tuned)), soft_wrap=True, highlight=False)
