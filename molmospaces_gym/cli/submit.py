"""``molmospaces-gym submit``: the files of a leaderboard entry."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from molmospaces_gym.benchmarks.issue_text import FormField


def submit(
    runs: Annotated[
        list[Path], typer.Argument(help="Run folders, or folders of official HDF5 rollouts.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="New folder; without it RUN/submission of the first run.")
    ] = None,
    field: Annotated[
        list[str] | None,
        typer.Option(help="A field of the form, KEY=VALUE; repeatable. What lacks is asked for."),
    ] = None,
    videos: Annotated[
        str, typer.Option(help="none, failures, all, or episode ids with commas between.")
    ] = "none",
    suite: Annotated[
        str | None, typer.Option(help="Official suite that HDF5 rollouts are of.")
    ] = None,
    allow_unofficial: Annotated[
        bool,
        typer.Option(
            "--allow-unofficial", help="Take suites that the leaderboard has no column for."
        ),
    ] = False,
) -> None:
    """Write the CSV files, the filled issue and the zip of a leaderboard entry."""
    from molmospaces_gym.benchmarks.entries import collect_entries
    from molmospaces_gym.benchmarks.issue_text import BOARD_ISSUES, FORM, parse_fields
    from molmospaces_gym.benchmarks.submission import check_new, write_submission

    fields = parse_fields(field or [])
    target = out or runs[0] / "submission"
    check_new(target)
    # Before any question: nobody fills a form for a run that is refused.
    entries = collect_entries(runs, videos=videos, suite=suite, allow_unofficial=allow_unofficial)
    if sys.stdin.isatty():
        for asked in FORM:
            if asked.key not in fields:
                fields[asked.key] = _ask(asked)
    done = write_submission(entries, fields, target)
    console = Console()
    for path in (*done.tables, done.issue, done.archive):
        console.print(escape(str(path)), soft_wrap=True, highlight=False)
    if done.official:
        console.print(f"open an issue at {BOARD_ISSUES} with this text and the zip")
    else:
        console.print("[yellow]unofficial: not for the MolmoSpaces leaderboard[/]")


def _ask(asked: "FormField") -> str:
    from molmospaces_gym.benchmarks.issue_text import NOT_APPLICABLE

    default = NOT_APPLICABLE if asked.optional else None
    return str(typer.prompt(asked.label, default=default))
