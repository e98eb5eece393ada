"""``molmospaces-gym eval``: a policy on a benchmark, with live progress."""

import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
)
from rich.text import Text

from molmospaces_gym.errors import InvalidConfig

if TYPE_CHECKING:
    from molmospaces_gym.benchmarks.evaluator import RunResult
    from molmospaces_gym.benchmarks.progress import Progress as Standing

MAX_FAILURES_SHOWN = 5
INTERRUPTED = 130
"""Exit code of a command ended by Ctrl-C."""


def evaluate(
    policy: Annotated[str, typer.Option(help="NAME or NAME:ARGUMENT, see list.")],
    benchmark: Annotated[str, typer.Option(help="Suite name, benchmark.json or its folder.")],
    episodes: Annotated[int | None, typer.Option(help="Only the first N episodes.")] = None,
    workers: Annotated[int, typer.Option(help="Processes.")] = 1,
    executor: Annotated[
        str, typer.Option(help="Where they run: local, or ray for a Ray cluster.")
    ] = "local",
    batch: Annotated[int, typer.Option(help="Worlds per worker that share one policy call.")] = 1,
    timeout: Annotated[
        float | None,
        typer.Option(help="Seconds an episode may take; then its process is killed."),
    ] = None,
    worker_gpus: Annotated[
        float, typer.Option(help="GPUs that Ray sets aside for each worker.")
    ] = 0.0,
    backend: Annotated[str, typer.Option(help="Simulator, see list.")] = "mujoco",
    out: Annotated[
        Path | None, typer.Option(help="Run folder; without it a new one under runs.")
    ] = None,
    video: Annotated[str, typer.Option(help="Videos of: none, failures or all.")] = "none",
    resume: Annotated[bool, typer.Option("--resume", help="Keep what OUT already holds.")] = False,
    seed: Annotated[int, typer.Option(help="Added to every episode's seed.")] = 0,
    sample: Annotated[
        bool,
        typer.Option("--sample", help="Draw the policy's actions instead of taking the likeliest."),
    ] = False,
    env: Annotated[
        list[str] | None,
        typer.Option(help="Further env argument, KEY=VALUE with a JSON value; repeatable."),
    ] = None,
) -> None:
    """Evaluate a policy on a benchmark and write a run folder."""
    from molmospaces_gym.benchmarks.processes import prepare_processes

    if workers > 1 and executor == "local":
        prepare_processes()  # its imports run beside those that follow
    from molmospaces_gym.benchmarks.evaluator import evaluate as run

    console = Console()
    kwargs = env_arguments(env or [])
    with _Bar(console) as bar:
        try:
            result = run(
                policy,
                benchmark,
                episodes=episodes,
                workers=workers,
                executor=executor,
                batch=batch,
                timeout=timeout,
                worker_gpus=worker_gpus,
                backend=backend,
                out=out,
                seed=seed,
                video=video,
                resume=resume,
                deterministic=not sample,
                progress=bar.update,
                **kwargs,
            )
        except KeyboardInterrupt:
            console.print("[yellow]interrupted; go on with the same command and --resume[/]")
            raise typer.Exit(INTERRUPTED) from None
    _report(console, result)


class _Bar:
    """Two lines: a bar with episodes, success and interval; speed, time left, slowest house."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            BarColumn(bar_width=12),
            MofNCompleteColumn(),
            TextColumn("{task.fields[success]}"),
        )
        self._task: TaskID | None = None
        self._below = Text("", style="dim")
        self._live = Live(Group(self._progress, self._below), console=console)

    def __enter__(self) -> "_Bar":
        self._live.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._live.__exit__(*error)
        if not self._live.console.is_terminal:
            self._live.console.line()  # elsewhere the display ends its last line itself

    def update(self, standing: "Standing") -> None:
        """Show a standing; the first one only sets the scale."""
        if self._task is None:
            self._task = self._progress.add_task("", total=standing.planned, success="")
        shown = _short_rate(standing) if standing.played else ""
        self._progress.update(self._task, completed=standing.played, success=shown)
        self._below.plain = _speed_line(standing)


def _short_rate(standing: "Standing") -> str:
    """``success 96.0 % (86.5..98.9)``: short enough for a bar in 80 columns."""
    rate, (low, high) = standing.successes / standing.played, standing.interval
    return f"success {100 * rate:.1f} % ({100 * low:.1f}..{100 * high:.1f})"


def _speed_line(standing: "Standing") -> str:
    """``812 steps/s, 0:03:10 left, slowest house homes/val/7: 4.1 s per episode``."""
    if standing.seconds_left is None:
        return "no episode has ended yet"
    left = timedelta(seconds=round(standing.seconds_left))
    return (
        f"{standing.steps_per_s:.0f} steps/s, {left} left, slowest house "
        f"{standing.slowest_house}: {standing.slowest_s:.1f} s per episode"
    )


def _report(console: Console, result: "RunResult") -> None:
    from molmospaces_gym.benchmarks.stats import format_rate

    total = len(result.records)
    once = sum(record.success_once for record in result.records)
    console.print(f"success at end  [bold]{format_rate(result.successes, total)}[/]")
    console.print(f"success once    {format_rate(once, total)}")
    failed = [record for record in result.records if record.failure]
    if failed:
        console.print(f"[red]{len(failed)} episodes could not be played to their end:[/]")
        for record in failed[:MAX_FAILURES_SHOWN]:
            console.print(escape(f"  {record.episode_id}: {record.failure}"), soft_wrap=True)
    for name in ("summary.csv", "episodes.csv", "contact_sheet.png", "report.html"):
        console.print(escape(str(result.out / name)), soft_wrap=True, highlight=False)


def env_arguments(pairs: list[str], option: str = "--env") -> dict[str, Any]:
    """``["horizon=50", "renderer=gl"]`` as keyword arguments; plain words need no quotes."""
    found: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key.isidentifier():
            raise InvalidConfig(f"{option} expects KEY=VALUE, got {pair!r}")
        try:
            found[key] = json.loads(text)
        except ValueError:
            found[key] = text
    return found
