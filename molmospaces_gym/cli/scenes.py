"""``molmospaces-gym scenes``: fetch official houses, write generated ones, list what is here."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

app = typer.Typer(help="Fetch official houses, write generated ones.", no_args_is_help=True)


@app.command()
def fetch(
    what: Annotated[
        list[str], typer.Argument(help="<dataset>/<split>/<index>, or objects/... of an episode.")
    ],
) -> None:
    """Fetch official houses or objects into the assets directory (extra [assets])."""
    from molmospaces_gym.scenes.fetch import fetch as fetch_one

    for name in what:
        Console().print(escape(f"{name}: {fetch_one(name)}"), soft_wrap=True)


@app.command()
def write(
    names: Annotated[list[str], typer.Argument(help="generated/<split>/<index>")],
    out: Annotated[Path, typer.Option(help="Folder for the MJCF and metadata files.")],
) -> None:
    """Write generated houses in the official layout on disk."""
    from molmospaces_gym.scenes.generator import write_house
    from molmospaces_gym.scenes.resolve import resolve_house

    for name in names:
        Console().print(escape(str(write_house(resolve_house(name), out))), soft_wrap=True)


@app.command("list")
def list_installed(
    dataset: Annotated[str, typer.Argument(help="ithor, procthor-10k, ...")],
    split: Annotated[str, typer.Argument(help="train, val or test")] = "val",
) -> None:
    """List the official houses that are in the assets directory."""
    from molmospaces_gym.scenes.official import assets_dir, installed_houses

    found = installed_houses(dataset, split)
    console = Console()
    console.print(escape(f"{len(found)} houses of {dataset}/{split} under {assets_dir()}"))
    for name in found:
        console.print(escape(name))
