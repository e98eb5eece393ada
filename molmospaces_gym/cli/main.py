"""The command ``molmospaces-gym``: one file per verb, nothing heavy until a verb runs."""

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from molmospaces_gym import __version__
from molmospaces_gym.cli.compare import compare
from molmospaces_gym.cli.correlate import correlate
from molmospaces_gym.cli.datagen import datagen
from molmospaces_gym.cli.doctor import doctor
from molmospaces_gym.cli.evaluate import evaluate
from molmospaces_gym.cli.listing import list_all
from molmospaces_gym.cli.parity import parity
from molmospaces_gym.cli.replay import replay
from molmospaces_gym.cli.report import report
from molmospaces_gym.cli.reward import app as reward
from molmospaces_gym.cli.scenes import app as scenes
from molmospaces_gym.cli.serve import serve
from molmospaces_gym.cli.submit import submit
from molmospaces_gym.cli.sweep import sweep
from molmospaces_gym.cli.train import app as train
from molmospaces_gym.cli.view import view
from molmospaces_gym.errors import MolmoSpacesError

USER_ERROR = 2
"""Exit code of a mistake that the message explains, as for a wrong flag."""

app = typer.Typer(
    help="Household robot tasks as Gymnasium environments: list, look, evaluate, submit.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("list")(list_all)
app.command("eval")(evaluate)
app.command("datagen")(datagen)
app.command("replay")(replay)
app.command("parity")(parity)
app.command("compare")(compare)
app.command("correlate")(correlate)
app.command("report")(report)
app.command("submit")(submit)
app.command("sweep")(sweep)
app.command("doctor")(doctor)
app.command("view")(view)
app.command("serve")(serve)
app.add_typer(scenes, name="scenes")
app.add_typer(train, name="train")
app.add_typer(reward, name="reward")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    return None


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; an error of this package becomes one line and exit code 2."""
    try:
        app(args=None if arguments is None else list(arguments))
    except MolmoSpacesError as error:
        line = " ".join(str(error).split())
        Console(stderr=True).print(f"[bold red]error:[/] [red]{escape(line)}[/]", soft_wrap=True)
        raise SystemExit(USER_ERROR) from None
