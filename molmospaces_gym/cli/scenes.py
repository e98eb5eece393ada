"""``molmospaces-gym scenes``: fetch official houses; write, export and check generated ones."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

app = typer.Typer(help="Fetch official houses, write generated ones.", no_args_is_help=True)


@app.command()
def fetch(
    what: Annotated[
        list[str],
        typer.Argument(
            help="<dataset>/<split>/<index>, objects/... of an episode, or an official suite."
        ),
    ],
    houses: Annotated[
        bool, typer.Option("--houses", help="Also the houses and objects of the suites.")
    ] = False,
) -> None:
    """Fetch official houses, objects or suites into the assets directory (extra [assets])."""
    from molmospaces_gym.official_suites import official_suites
    from molmospaces_gym.scenes.fetch import fetch as fetch_one

    console = Console()
    for name in what:
        console.print(escape(f"{name}: {fetch_one(name)}"), soft_wrap=True)
        if name in official_suites():
            _houses_of(console, name, houses)


def _houses_of(console: Console, suite: str, wanted: bool) -> None:
    from molmospaces_gym.benchmark_io import load_benchmark
    from molmospaces_gym.scenes.fetch import fetch as fetch_one
    from molmospaces_gym.scenes.fetch import missing_houses

    specs = load_benchmark(suite).episodes
    missing = missing_houses(specs)
    if not wanted:
        console.print(f"{len(missing)} of its houses are missing; get them with --houses")
        return
    added = [path for spec in specs for path in spec.scene_modifications.added_objects.values()]
    for name in [*missing, *dict.fromkeys(added)]:
        console.print(escape(f"{name}: {fetch_one(name)}"), soft_wrap=True)


@app.command()
def write(
    names: Annotated[list[str], typer.Argument(help="generated/<split>/<index> or homes/...")],
    out: Annotated[Path, typer.Option(help="Folder for the MJCF and metadata files.")],
) -> None:
    """Write generated houses in the official layout on disk."""
    from molmospaces_gym.scenes.generator import write_house
    from molmospaces_gym.scenes.resolve import resolve_house

    for name in names:
        Console().print(escape(str(write_house(resolve_house(name), out))), soft_wrap=True)


@app.command()
def export(
    directory: Annotated[Path, typer.Argument(help="Assets directory to write.")],
    homes: Annotated[int, typer.Option(min=1, help="How many homes.")] = 10,
    split: Annotated[str, typer.Option(help="train, val or test")] = "val",
    first: Annotated[int, typer.Option(min=0, help="Index of the first.")] = 0,
    dataset: Annotated[
        str, typer.Option(help="Official dataset whose place they take.")
    ] = "procthor-10k",
    check_grasps: Annotated[
        bool, typer.Option(help="Write only grasps that hold in simulation (20 s per home).")
    ] = True,
) -> None:
    """Write homes as an official assets directory, with ceilings, occupancy maps and grasps.

    Set MLSPACES_ASSETS_DIR to DIRECTORY and ask for procthor-10k/<split>/<index>.
    """
    from molmospaces_gym.scenes.export import export_home
    from molmospaces_gym.scenes.homes import generate_home

    for index in range(first, first + homes):
        path = export_home(generate_home(split, index), directory, dataset, check_grasps)
        Console().print(escape(str(path)), soft_wrap=True)


@app.command()
def check(
    split: Annotated[str, typer.Option(help="train, val or test")] = "val",
    count: Annotated[int, typer.Option(min=1, help="How many homes.")] = 20,
    first: Annotated[int, typer.Option(min=0, help="Index of the first.")] = 0,
    out: Annotated[Path | None, typer.Option(help="CSV file with one row per home.")] = None,
) -> None:
    """Check homes as the MolmoSpaces paper does and print the pass rates."""
    from molmospaces_gym.scenes.homes import generate_home
    from molmospaces_gym.scenes.quality import check_house
    from molmospaces_gym.scenes.quality_report import (
        CHECKS,
        append_row,
        pass_rates,
        start_table,
    )

    console, reports = Console(), []
    if out is not None:
        start_table(out)
    for index in range(first, first + count):
        report = check_house(generate_home(split, index))
        reports.append(report)
        if out is not None:
            append_row(out, report)
        for failure in report.failures:
            console.print(escape(f"{report.house}: {failure}"), soft_wrap=True)
    rates = pass_rates(reports)
    for name in CHECKS:
        passed, total, houses = rates[name]
        share = 100.0 * passed / max(total, 1)
        console.print(
            f"{name:13} {share:7.3f} %  ({passed} of {total}; {houses} of {count} homes without"
            " a failure)"
        )


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
