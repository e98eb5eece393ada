"""``molmospaces-gym sweep``: what success depends on, one thing at a time."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from molmospaces_gym.cli.evaluate import INTERRUPTED, env_arguments
from molmospaces_gym.errors import InvalidConfig

if TYPE_CHECKING:
    from molmospaces_gym.benchmarks.sweep import SweepProgress, SweepResult


def sweep(
    policy: Annotated[str, typer.Option(help="NAME or NAME:ARGUMENT, see list.")],
    benchmark: Annotated[str, typer.Option(help="Suite name, benchmark.json or its folder.")],
    out: Annotated[Path, typer.Option(help="Folder of the sweep.")],
    axis: Annotated[
        list[str] | None,
        typer.Option(
            help="verbs, words, joints, occlusion, cameras, lighting or distance; repeatable."
            " Without it all that exist here."
        ),
    ] = None,
    levels: Annotated[
        list[str] | None,
        typer.Option(help="AXIS=LEVEL,LEVEL,... or, of a single axis, LEVEL,...; repeatable."),
    ] = None,
    episodes: Annotated[int | None, typer.Option(help="Only the first N episodes.")] = None,
    workers: Annotated[int, typer.Option(help="Processes.")] = 1,
    backend: Annotated[str, typer.Option(help="Simulator, see list.")] = "mujoco",
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on in OUT, or add axes and levels to it.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Added to every episode's seed.")] = 0,
    confidence: Annotated[float, typer.Option(help="Of all intervals, a fraction.")] = 0.95,
    env: Annotated[
        list[str] | None,
        typer.Option(help="Further env argument, KEY=VALUE with a JSON value; repeatable."),
    ] = None,
) -> None:
    """Evaluate a policy on a benchmark with one thing changed at a time."""
    from molmospaces_gym.benchmarks.sweep import sweep as run

    console = Console()
    kwargs = env_arguments(env or [])
    wanted = _levels(levels or [], axis or [])
    with _Bar(console) as bar:
        try:
            result = run(
                policy,
                benchmark,
                out=out,
                axes=axis,
                levels=wanted,
                episodes=episodes,
                workers=workers,
                backend=backend,
                seed=seed,
                resume=resume,
                confidence=confidence,
                progress=bar.update,
                **kwargs,
            )
        except KeyboardInterrupt:
            console.print("[yellow]interrupted; go on with the same command and --resume[/]")
            raise typer.Exit(INTERRUPTED) from None
    _report(console, result)


class _Bar:
    """Progress over all runs: which level, its episodes, its success so far."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=12),
            MofNCompleteColumn(),
            TextColumn("{task.fields[success]}"),
            TimeElapsedColumn(),
            console=console,
        )
        self._task = self._progress.add_task("preparing", total=None, success="")

    def __enter__(self) -> "_Bar":
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def update(self, standing: "SweepProgress") -> None:
        """Show a standing."""
        run = standing.run
        name = f"run {standing.number} of {standing.runs}: {standing.axis} {standing.level}"
        self._progress.update(
            self._task,
            description=escape(name),
            total=run.planned,
            completed=run.played,
            success=f"{run.successes} solved",
        )


def _report(console: Console, result: "SweepResult") -> None:
    for name in dict.fromkeys(row.axis for row in result.rows):
        table = Table(title=name, box=SIMPLE_HEAD, title_justify="left")
        table.add_column("level")
        for head in ("solved", "%", "Wilson, %", "change", "over houses", "kept"):
            table.add_column(head, justify="right")
        for row in result.of(name):
            change, span = f"{100 * row.difference:+.1f}", _span(row.difference_span, "+")
            if row.reference:
                change, span = "reference", ""
            solved = f"{row.successes}/{row.total}"
            rate, wilson = f"{100 * row.rate:.1f}", _span(row.wilson)
            table.add_row(escape(row.level), solved, rate, wilson, change, span, str(row.kept))
        console.print(table)
    for reason in result.unavailable.values():
        console.print(f"[yellow]not played: {escape(reason)}[/]", soft_wrap=True, highlight=False)
    for file in ("index.html", "sweep.csv", "sweep.json"):
        console.print(escape(str(result.out / file)), soft_wrap=True, highlight=False)


def _span(limits: tuple[float, float], sign: str = "") -> str:
    low, high = (f"{100 * limit:{sign}.1f}" for limit in limits)
    return f"{low}..{high}"


def _levels(given: list[str], axes: list[str]) -> dict[str, list[str]] | None:
    """``["joints=0.1,0.5"]`` as axis -> levels; the axis may be left out where there is one."""
    found: dict[str, list[str]] = {}
    for text in given:
        name, equals, listed = text.partition("=")
        if not equals:
            if len(axes) != 1:
                raise InvalidConfig(
                    f"--levels expects AXIS=LEVEL,... where not exactly one --axis is given,"
                    f" got {text!r}"
                )
            name, listed = axes[0], text
        levels = [level.strip() for level in listed.split(",") if level.strip()]
        if not levels:
            raise InvalidConfig(f"--levels expects at least one level, got {text!r}")
        found.setdefault(name, []).extend(levels)
    return found or None
