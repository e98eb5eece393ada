"""``molmospaces-gym correlate``: success in simulation against success on real robots."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from molmospaces_gym.errors import InvalidConfig

if TYPE_CHECKING:
    from molmospaces_gym.benchmarks.correlation import Agreement, Correlation, Measure


def correlate(
    sim: Annotated[
        Path | None, typer.Argument(help="CSV: policy, task, and successes,total or rate.")
    ] = None,
    real: Annotated[Path | None, typer.Argument(help="The same of real trials.")] = None,
    example: Annotated[
        bool, typer.Option("--example", help="Use the shipped table of arXiv 2603.16861.")
    ] = False,
    common: Annotated[
        bool, typer.Option("--common", help="Leave out rows that stand in one file only.")
    ] = False,
    confidence: Annotated[float, typer.Option(help="Of all intervals, a fraction.")] = 0.95,
    seed: Annotated[int, typer.Option(help="Of the bootstrap.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder for scatter.png and correlation.json.")
    ] = None,
) -> None:
    """Compare success rates in simulation with those on real robots."""
    from molmospaces_gym.benchmarks.correlation import correlate as run
    from molmospaces_gym.benchmarks.correlation_plot import scatter
    from molmospaces_gym.benchmarks.sim_real import example_tables, pair_scores, read_scores
    from molmospaces_gym.json_files import write_atomic

    if example == (sim is not None) or (sim is None) != (real is None):
        raise InvalidConfig(
            "expected two CSV files, of simulation and of real trials, or --example"
        )
    files = (sim, real) if sim is not None and real is not None else example_tables()
    pairs = pair_scores(read_scores(files[0]), read_scores(files[1]), common=common)
    found = run(pairs, confidence=confidence, seed=seed)
    console = Console()
    _show(console, found)
    if out is not None:
        result = out / "correlation.json"
        write_atomic(result, json.dumps(found.to_dict(), indent=2) + "\n")
        for path in (scatter(found, out / "scatter.png"), result):
            console.print(escape(str(path)), soft_wrap=True, highlight=False)


def _show(console: Console, found: "Correlation") -> None:
    for agreement in (found.overall, *found.tasks):
        console.print(_table(agreement, found.confidence))
    for note in found.notes:
        console.print(f"[yellow]{escape(note)}[/]", soft_wrap=True, highlight=False)


def _table(found: "Agreement", confidence: float) -> Table:
    policies = "policy" if found.policies == 1 else "policies"
    title = f"{escape(found.name)}: {found.policies} {policies}, {found.pairs} pairs"
    table = Table(title=title)
    table.add_column("")
    for column in ("value", f"{100 * confidence:g} % over policies", "one left out", "Fisher"):
        table.add_column(column, justify="right")
    for name, measure in (
        ("Pearson", found.pearson),
        ("Spearman", found.spearman),
        ("MMRV", found.mmrv),
    ):
        table.add_row(name, *_cells(measure))
    return table


def _cells(measure: "Measure") -> list[str]:
    lost = f" ({100 * measure.undefined:.0f} % undefined)" if measure.undefined >= 0.005 else ""
    return [
        f"{measure.value:.3f}",
        f"{measure.interval.low:.2f}..{measure.interval.high:.2f}{lost}",
        f"{measure.left_out.low:.2f}..{measure.left_out.high:.2f}",
        "" if measure.fisher is None else f"{measure.fisher.low:.2f}..{measure.fisher.high:.2f}",
    ]
