"""``molmospaces-gym report``: the page of a run folder, made anew."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from molmospaces_gym.errors import InvalidConfig


def report(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    compare: Annotated[
        Path | None, typer.Option(help="Run folder of the same episodes to set beside it.")
    ] = None,
    common: Annotated[
        bool, typer.Option("--common", help="Compare only the episodes that both runs hold.")
    ] = False,
    across: Annotated[
        list[str] | None,
        typer.Option(help="Setting that may differ, such as env_kwargs.backend; repeatable."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="File to write; without it report.html in RUN.")
    ] = None,
) -> None:
    """Write one self-contained HTML page about a run."""
    from molmospaces_gym.benchmarks.report import write_report

    try:
        path = write_report(run, compare, out, common=common, across=across or ())
    except OSError as error:
        raise InvalidConfig(
            f"the report cannot be written: {error}; choose another place with --out"
        ) from error
    Console().print(escape(str(path)), soft_wrap=True, highlight=False)
