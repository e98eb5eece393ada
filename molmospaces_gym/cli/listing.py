"""``molmospaces-gym list``: every name that the other verbs and ``gym.make`` accept."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table


def list_all() -> None:
    """List environments, shipped and official suites, policies, robots and backends."""
    from importlib.metadata import entry_points

    from molmospaces_gym.backends.base import GROUP as BACKENDS
    from molmospaces_gym.policies.base import GROUP as POLICIES
    from molmospaces_gym.registration import TASKS, env_id
    from molmospaces_gym.robots import robot_names

    console = Console()
    _show(console, "Environments", ("id",), [(env_id(task),) for task in TASKS])
    _show(console, "Suites", ("name", "episodes", "houses", "about"), _suites())
    columns = ("name", "robot", "episodes", "steps", "dt, s", "renderer", "here")
    _show(console, "Official suites", columns, _official())
    _show(console, "Policies", ("name", "class"), _points(entry_points(group=POLICIES)))
    _show(console, "Robots", ("name",), [(name,) for name in robot_names()])
    _show(console, "Backends", ("name", "class"), _points(entry_points(group=BACKENDS)))


def _suites() -> list[tuple[str, str, str, str]]:
    from molmospaces_gym.benchmark_io import load_benchmark, suite_names
    from molmospaces_gym.episode import house_name

    rows = []
    for name in suite_names():
        suite = load_benchmark(name)
        houses = {house_name(spec) for spec in suite.episodes}
        about = str(suite.metadata.get("description", ""))
        rows.append((name, str(len(suite.episodes)), str(len(houses)), about))
    return rows


def _official() -> list[tuple[str, ...]]:
    from molmospaces_gym.official_suites import official_suites

    rows: list[tuple[str, ...]] = []
    for name, suite in official_suites().items():
        here = "yes" if (suite.directory / "benchmark.json").is_file() else "no"
        numbers = (str(suite.episodes), str(suite.horizon), f"{suite.control_dt:g}")
        rows.append((name, suite.robot, *numbers, suite.renderer or "any", here))
    return rows


def _points(points: Iterable[object]) -> list[tuple[str, str]]:
    return sorted({(str(getattr(p, "name", "")), str(getattr(p, "value", ""))) for p in points})


def _show(
    console: Console, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]
) -> None:
    table = Table(*columns, title=title, title_justify="left", title_style="bold")
    for row in rows:
        table.add_row(*row)
    console.print(table if table.row_count else f"[bold]{title}[/]: none")
