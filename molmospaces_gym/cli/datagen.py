"""``molmospaces-gym datagen``: expert episodes as datasets, with live progress."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from molmospaces_gym.cli.evaluate import INTERRUPTED, env_arguments
from molmospaces_gym.errors import InvalidConfig, UnknownName

if TYPE_CHECKING:
    from molmospaces_gym.benchmarks.datagen.engine import Progress as Standing

RANDOMIZATIONS = ("lighting", "colors", "dynamics", "cameras", "robot_start")


def datagen(
    task: Annotated[str, typer.Option(help="Task, see list; e.g. Pick.")],
    episodes: Annotated[int, typer.Option(help="Successful episodes wanted.")],
    out: Annotated[Path, typer.Option(help="Folder of the run.")],
    workers: Annotated[int, typer.Option(help="Processes.")] = 1,
    formats: Annotated[str, typer.Option(help="Dataset formats, separated by commas.")] = "hdf5",
    cameras: Annotated[
        str, typer.Option(help="Names separated by commas, all (of the robot) or none.")
    ] = "all",
    depth: Annotated[str, typer.Option(help="Cameras that also give depth, or none.")] = "none",
    image_size: Annotated[
        str | None, typer.Option(help="WIDTHxHEIGHT in pixels; without it the robot's.")
    ] = None,
    noise: Annotated[
        float, typer.Option(help="Strength of the action noise; 1 is the official one.")
    ] = 1.0,
    randomize: Annotated[
        str, typer.Option(help=f"all, none, or of: {', '.join(RANDOMIZATIONS)}.")
    ] = "none",
    seed: Annotated[int, typer.Option(help="Seed of everything.")] = 0,
    attempts: Annotated[int, typer.Option(help="How often an episode is tried.")] = 10,
    hold: Annotated[int, typer.Option(help="Steps that success must hold.")] = 5,
    policy: Annotated[str, typer.Option(help="Who acts, see list.")] = "expert",
    keep_failures: Annotated[
        bool, typer.Option("--keep-failures", help="Keep what did not succeed, too.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Keep what OUT already holds.")] = False,
    env: Annotated[
        list[str] | None,
        typer.Option(help="Further env argument, KEY=VALUE with a JSON value; repeatable."),
    ] = None,
) -> None:
    """Collect episodes of the expert and write them as datasets."""
    from molmospaces_gym.benchmarks.processes import prepare_processes

    if workers > 1:
        prepare_processes()  # its imports run beside those that follow
    from molmospaces_gym.benchmarks.datagen.engine import datagen as run
    from molmospaces_gym.benchmarks.datagen.folder import read_dataset_info

    console = Console()
    with _Bar(console) as bar:
        try:
            result = run(
                task,
                episodes,
                out,
                workers=workers,
                formats=_names(formats),
                cameras=None if cameras == "all" else _names(cameras),
                depth=_names(depth),
                image_size=None if image_size is None else _size(image_size),
                noise=noise,
                seed=seed,
                attempts=attempts,
                hold=hold,
                policy=policy,
                only_success=not keep_failures,
                resume=resume,
                progress=bar.update,
                **{**_randomized(randomize), **env_arguments(env or [])},
            )
        except KeyboardInterrupt:
            console.print("[yellow]interrupted; go on with the same command and --resume[/]")
            raise typer.Exit(INTERRUPTED) from None
    info = read_dataset_info(out)
    console.print(f"episodes kept   [bold]{result.kept}[/] ({info['steps']} steps)")
    if result.failed:
        console.print(f"[red]{result.failed} episodes could not be had, see episodes.csv[/]")
    rate = info["episodes_per_cpu_hour"]
    console.print(f"speed           {rate} episodes per CPU-hour ({info['cpu_s']} s of CPU time)")
    for path in (out / "episodes.csv", *result.datasets.values()):
        console.print(escape(str(path)), soft_wrap=True, highlight=False)


class _Bar:
    """Progress bar with the episodes that were kept and the last failure."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            BarColumn(bar_width=12),
            MofNCompleteColumn(),
            TextColumn("{task.fields[kept]} kept"),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
            console=console,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> "_Bar":
        self._progress.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._progress.__exit__(*error)

    def update(self, standing: "Standing") -> None:
        """Show a standing; the first one only sets the scale."""
        if self._task is None:
            self._task = self._progress.add_task("", total=standing.planned, kept=0)
        self._progress.update(self._task, completed=standing.done, kept=standing.kept)


def _names(text: str) -> tuple[str, ...]:
    """``"a,b"`` as names; ``none`` as no names."""
    return () if text == "none" else tuple(part.strip() for part in text.split(",") if part.strip())


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise InvalidConfig(f"--image-size expects WIDTHxHEIGHT such as 224x224, got {text!r}")
    return int(width), int(height)


def _randomized(text: str) -> dict[str, bool]:
    names = RANDOMIZATIONS if text == "all" else _names(text)
    for name in names:
        if name not in RANDOMIZATIONS:
            raise UnknownName("randomization", name, RANDOMIZATIONS)
    return {f"randomize_{name}": True for name in names}
