"""``molmospaces-gym compare``: two run folders, episode by episode."""

import json
from collections.abc import Sequence
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from molmospaces_gym.benchmarks.comparison import Comparison, Group, Rate
    from molmospaces_gym.benchmarks.stats import Interval

MAX_HOUSES_SHOWN = 15
MAX_FLIPS_SHOWN = 20


def compare(
    a: Annotated[Path, typer.Argument(help="Run folder A.")],
    b: Annotated[Path, typer.Argument(help="Run folder B, of the same episodes.")],
    confidence: Annotated[float, typer.Option(help="Of all intervals, a fraction.")] = 0.95,
    seed: Annotated[int, typer.Option(help="Of the bootstrap.")] = 0,
    measure: Annotated[
        str, typer.Option(help="success_at_end, success_once or five_consecutive.")
    ] = "success_at_end",
    common: Annotated[
        bool, typer.Option("--common", help="Only the episodes that both runs hold.")
    ] = False,
    across: Annotated[
        list[str] | None,
        typer.Option(help="Setting that may differ, such as env_kwargs.backend; repeatable."),
    ] = None,
    anytime: Annotated[
        bool, typer.Option("--anytime", help="Also figures that hold after stopping early.")
    ] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write everything to this file too.")
    ] = None,
) -> None:
    """Compare two runs on the same episodes: rates, difference, what flipped."""
    from molmospaces_gym.benchmarks.compare import compare as run
    from molmospaces_gym.json_files import write_atomic

    found = run(
        a,
        b,
        confidence=confidence,
        seed=seed,
        measure=measure,
        common=common,
        across=tuple(across or ()),
    )
    if json_file is not None:
        write_atomic(json_file, json.dumps(found.to_dict(), indent=2) + "\n")
    _show(Console(), found, anytime or not all(found.complete))


def _show(console: Console, found: "Comparison", anytime: bool) -> None:
    for letter, name, path in zip("AB", found.names, found.paths, strict=True):
        console.print(escape(f"{letter}  {name} ({path})"), soft_wrap=True, highlight=False)
    for note in found.notes:
        console.print(f"[yellow]{escape(note)}[/]", soft_wrap=True, highlight=False)
    console.print(_rates(found))
    _show_difference(console, found)
    if anytime:
        console.print(_anytime(found))
    console.print(_groups("by category", found.categories, intervals=True))
    shown = sorted(
        (house for house in found.by_house if house.first_only or house.second_only),
        key=lambda house: (-abs(house.difference), house.name),
    )
    left = len(shown) - MAX_HOUSES_SHOWN
    if shown:
        title = f"houses with flips, {len(shown)} of {found.houses}"
        console.print(_groups(title, shown[:MAX_HOUSES_SHOWN], intervals=False))
    if left > 0:
        console.print(f"... and {left} more; --json FILE lists all houses", highlight=False)
    _show_flips(console, found)


def _rates(found: "Comparison") -> Table:
    table = Table(
        title=f"{found.measure}, {found.episodes} episodes in {found.houses} houses",
        box=SIMPLE_HEAD,
        caption=f"{100 * found.confidence:g} %: Wilson takes episodes as independent, "
        "the bootstrap only houses",
    )
    heads = ("", "solved", "%", "Wilson, %", "houses, %")
    for column in (*heads, "correlation\nin a house", "design\neffect"):
        table.add_column(column, justify="right")
    for letter, rate in (("A", found.first), ("B", found.second)):
        table.add_row(letter, *_rate_cells(rate))
    return table


def _rate_cells(rate: "Rate") -> list[str]:
    rho, effect, _ = rate.clustering
    return [
        f"{rate.successes}/{rate.total}",
        f"{100 * rate.successes / rate.total:.1f}",
        _span(rate.wilson),
        _span(rate.cluster),
        "-" if isnan(rho) else f"{rho:.2f}",
        f"{effect:.2f}",
    ]


def _show_difference(console: Console, found: "Comparison") -> None:
    gap, percent = found.difference, f"{100 * found.confidence:g} %"
    lines = (
        f"[bold]A - B = {100 * gap.value:+.1f} points[/], {percent} interval over houses "
        f"{_span(gap.cluster, signed=True)}",
        f"solved by both {gap.both}, only A {gap.first_only}, only B {gap.second_only}, "
        f"neither {gap.neither}",
        f"if A and B were alike: exact McNemar p = {gap.mcnemar:.3g} (mid-p {gap.mcnemar_mid:.3g}; "
        f"episodes independent), sign flips of houses p = {gap.sign_flip:.3g}",
        "[dim]These hold for one comparison of a number of episodes fixed before looking; "
        "if you looked and then stopped, quote --anytime.[/]",
    )
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False)


def _anytime(found: "Comparison") -> Table:
    late = found.anytime
    table = Table(title=f"anytime-valid at {100 * found.confidence:g} %: hold whenever you stop")
    table.add_column("")
    table.add_column("episodes independent", justify="right")
    table.add_column("houses independent", justify="right")
    table.add_row("A, rate in %", _span(late.first), _span(late.first_houses))
    table.add_row("B, rate in %", _span(late.second), _span(late.second_houses))
    table.add_row("A - B, points", "-", _span(late.difference_houses, signed=True))
    table.add_row(
        "evidence of a difference\n(e-value; 20 is much, 1 none)",
        f"{late.e_value:.3g}",
        f"{late.e_value_houses:.3g}",
    )
    return table


def _groups(title: str, groups: "Sequence[Group]", intervals: bool) -> Table:
    table = Table(title=title, box=SIMPLE_HEAD)
    table.add_column("", overflow="fold")
    heads = ("n", "A", "Wilson, %", "B", "Wilson, %", "A - B", "only A", "only B")
    for column in heads:
        if intervals or not column.startswith("Wilson"):
            table.add_column(column, justify="right")
    for group in groups:
        first = [str(group.first), _span(group.first_wilson)]
        second = [str(group.second), _span(group.second_wilson)]
        table.add_row(
            escape(group.name),
            str(group.total),
            *(first if intervals else first[:1]),
            *(second if intervals else second[:1]),
            f"{100 * group.difference:+.1f}",
            str(group.first_only),
            str(group.second_only),
        )
    return table


def _show_flips(console: Console, found: "Comparison") -> None:
    for letter in "AB":
        flips = [flip for flip in found.flips if flip.solved_by == letter]
        if not flips:
            continue
        console.print(f"solved by {letter} only:", highlight=False)
        for flip in flips[:MAX_FLIPS_SHOWN]:
            line = f"  {flip.episode_id}  {flip.category}, {flip.house}"
            console.print(escape(line), soft_wrap=True, highlight=False)
        if len(flips) > MAX_FLIPS_SHOWN:
            more = len(flips) - MAX_FLIPS_SHOWN
            console.print(f"  ... and {more} more; --json FILE lists all", highlight=False)


def _span(interval: "Interval", signed: bool = False) -> str:
    low, high = (100 * limit for limit in interval)
    return f"{low:+.1f}..{high:+.1f}" if signed else f"{low:.1f}..{high:.1f}"
