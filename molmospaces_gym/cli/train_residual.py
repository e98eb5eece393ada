"""``molmospaces-gym train residual``: PPO on a correction of any frozen policy."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from molmospaces_gym.cli.evaluate import env_arguments
from molmospaces_gym.errors import InvalidConfig


def residual(
    base: Annotated[str, typer.Option(help="The frozen policy: NAME or NAME:ARGUMENT, see list.")],
    task: Annotated[str, typer.Option(help="Task, see list; e.g. Pick.")],
    out: Annotated[Path, typer.Option(help="Folder of the run.")],
    env_steps: Annotated[int, typer.Option(help="Actions to play.")] = 200_000,
    reward: Annotated[str, typer.Option(help="sparse or dense.")] = "sparse",
    scale: Annotated[float, typer.Option(help="Largest correction, of an action of -1..1.")] = 0.2,
    penalty: Annotated[float, typer.Option(help="On the mean square of the correction.")] = 0.0,
    std: Annotated[float, typer.Option(help="Noise at the start, as a share of the scale.")] = 0.2,
    hold: Annotated[
        int, typer.Option(help="Steps for which the noise stays alike (gSDE); 0: always fresh.")
    ] = 16,
    observe_base: Annotated[
        bool, typer.Option(help="The correction sees the action that it corrects.")
    ] = True,
    keys: Annotated[
        str | None, typer.Option(help="Vectors that it sees, separated by commas; all without.")
    ] = None,
    elements: Annotated[
        str | None, typer.Option(help="Numbers of an action that are corrected, as 0,1,2.")
    ] = None,
    warmup: Annotated[int, typer.Option(help="Steps in which only the critic learns.")] = 8192,
    calibrate: Annotated[
        int, typer.Option(help="Steps per world of the base alone, for the scales of the inputs.")
    ] = 64,
    rate: Annotated[float, typer.Option(help="Learning rate of the correction.")] = 3e-4,
    gamma: Annotated[float, typer.Option(help="Discount per step.")] = 0.99,
    gae: Annotated[
        float, typer.Option(help="Lambda of the advantages; 1 credits what came at the very end.")
    ] = 0.95,
    clip: Annotated[float, typer.Option(help="Clip range of PPO.")] = 0.2,
    target_kl: Annotated[float, typer.Option(help="An epoch ends early beyond this.")] = 0.03,
    entropy: Annotated[float, typer.Option(help="Weight of the entropy bonus.")] = 0.0,
    deadline: Annotated[
        bool, typer.Option(help="Running out of time is a failure: PPO adds no value to it.")
    ] = True,
    horizon: Annotated[int, typer.Option(help="Steps of an episode.")] = 80,
    envs: Annotated[int, typer.Option(help="Worlds.")] = 16,
    trials: Annotated[int, typer.Option(help="Val episodes per trial.")] = 40,
    every: Annotated[int, typer.Option(help="Env steps between trials.")] = 50_000,
    seed: Annotated[int, typer.Option(help="Seed of training.")] = 0,
    env: Annotated[
        list[str] | None, typer.Option(help="Further env argument, KEY=VALUE; repeatable.")
    ] = None,
) -> None:
    """Learn a correction of a frozen policy with PPO; residual:OUT/last plays both."""
    from molmospaces_gym.policies.residual.config import ResidualSettings
    from molmospaces_gym.policies.residual.train import ResidualTask, train_residual
    from molmospaces_gym.policies.spoc.rl import CURVE

    console = Console()
    settings = ResidualSettings(
        env_steps=env_steps,
        penalty=penalty,
        std=std,
        hold=hold,
        warmup=warmup,
        calibrate=calibrate,
        rate=rate,
        gamma=gamma,
        gae=gae,
        clip=clip,
        target_kl=target_kl,
        entropy=entropy,
        deadline=deadline,
        trials=trials,
        every=every,
        seed=seed,
    )
    chosen = ResidualTask(
        base=base,
        task=task,
        reward=reward,
        horizon=horizon,
        keys=None if keys is None else tuple(keys.split(",")),
        env=env_arguments(env or []),
    )
    last = train_residual(
        chosen,
        out,
        settings,
        scale=scale,
        observe_base=observe_base,
        elements=None if elements is None else _numbers(elements),
        n_envs=envs,
    )
    console.print((out / CURVE).read_text())
    console.print(escape(f"residual:{last}"), soft_wrap=True, highlight=False)


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise InvalidConfig(f"--elements expects numbers such as 0,1,2, got {text!r}") from error
