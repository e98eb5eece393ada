"""``molmospaces-gym parity``: how far a simulator is from MuJoCo, with bounds."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from molmospaces_gym.cli.evaluate import env_arguments

if TYPE_CHECKING:
    from molmospaces_gym.benchmarks.parity import ParityReport

OUT_OF_BOUNDS = 1
"""Exit code when a difference is beyond its bound."""


def parity(
    backend: Annotated[str, typer.Option(help="Simulator to compare with mujoco, see list.")],
    check: Annotated[
        list[str] | None, typer.Option(help="Only this check; repeatable. Without it all.")
    ] = None,
    robot: Annotated[list[str] | None, typer.Option(help="Only this robot; repeatable.")] = None,
    task: Annotated[list[str] | None, typer.Option(help="Only this task; repeatable.")] = None,
    episodes: Annotated[int, typer.Option(help="Recorded expert episodes per task.")] = 3,
    seed: Annotated[int, typer.Option(help="Of configurations, targets and episodes.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder for parity.json, parity.csv and parity.html.")
    ] = None,
    env: Annotated[
        list[str] | None,
        typer.Option(help="Env argument of the other side, KEY=VALUE with a JSON value."),
    ] = None,
) -> None:
    """Compare a simulator with MuJoCo from the same states and episodes.

    The exit code is 1 when a difference is beyond its bound.
    """
    from molmospaces_gym.benchmarks.parity import measure, write_report

    console = Console()
    with console.status("preparing") as status:
        report = measure(
            backend,
            tuple(check or ()),
            robots=tuple(robot or ()),
            tasks=tuple(task or ()),
            episodes=episodes,
            seed=seed,
            progress=lambda subject: status.update(escape(subject)),
            **env_arguments(env or []),
        )
    _show(console, report)
    if out is not None:
        for path in write_report(report, out):
            console.print(escape(str(path)), soft_wrap=True, highlight=False)
    if report.failures:
        raise typer.Exit(OUT_OF_BOUNDS)


def _show(console: Console, report: "ParityReport") -> None:
    for name in report.checks:
        rows = [row for row in report.rows if row.check == name]
        if rows:
            table = Table(title=name, box=SIMPLE_HEAD, title_justify="left")
            for head in ("subject", "difference"):
                table.add_column(head, overflow="fold")
            table.add_column("measured", justify="right")
            table.add_column("bound", justify="right")
            table.add_column("")
            for row in rows:
                bound = "-" if row.bound is None else f"{row.bound:g}"
                value = f"{row.value:.3g} {row.unit}"
                mark = "[green]ok[/]" if row.passed else "[bold red]beyond[/]"
                mark = mark if row.bound is not None else ""
                table.add_row(escape(row.subject), escape(row.quantity), value, bound, mark)
            console.print(table)
    for line in report.losses:
        console.print(f"[yellow]approximated: {escape(line)}[/]", soft_wrap=True, highlight=False)
    for entry in report.skipped:
        line = f"not compared: {entry.check}, {entry.subject}: {entry.reason}"
        console.print(f"[yellow]{escape(line)}[/]", soft_wrap=True, highlight=False)
    bad, total = len(report.failures), len(report.rows)
    if bad:
        console.print(f"[bold red]{bad} of {total} differences are beyond their bounds[/]")
    else:
        console.print(f"[bold green]all {total} differences are within their bounds[/]")
