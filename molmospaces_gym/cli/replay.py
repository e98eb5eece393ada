"""``molmospaces-gym replay``: simulate recorded episodes again and report the divergence."""

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from molmospaces_gym.cli.evaluate import env_arguments
from molmospaces_gym.errors import InvalidConfig, InvalidEpisode

if TYPE_CHECKING:
    from molmospaces_gym.benchmarks.datagen.replay import Divergence

DIVERGED = 1
"""Exit code when an episode did not end as recorded."""


def replay(
    file: Annotated[Path, typer.Argument(help="Trajectory file or dataset folder.")],
    episode: Annotated[
        int | None, typer.Option(help="Which trajectory, from 0; without it all.")
    ] = None,
    format: Annotated[str, typer.Option(help="Format of FILE.")] = "hdf5",
    spec: Annotated[
        Path | None, typer.Option(help="JSON of the episode's start, where FILE does not say.")
    ] = None,
    houses: Annotated[
        str | None,
        typer.Option(help="DATASET/SPLIT of the house of an official file, to read its own start."),
    ] = None,
    video: Annotated[Path | None, typer.Option(help="mp4 file of the replay.")] = None,
    env: Annotated[
        list[str] | None,
        typer.Option(help="Further env argument, KEY=VALUE with a JSON value; repeatable."),
    ] = None,
) -> None:
    """Simulate stored episodes again and report how far they diverge.

    The exit code is 1 when one does not end in the success or failure that was recorded.
    """
    from molmospaces_gym.benchmarks.datagen.formats import get_format
    from molmospaces_gym.benchmarks.datagen.replay import replay as run
    from molmospaces_gym.json_files import read_json

    if episode is None and (video or spec or houses):
        raise InvalidConfig("--video, --spec and --houses are about one trajectory: say --episode")
    console = Console()
    start = None if spec is None else read_json(spec, InvalidEpisode)
    if houses is not None and episode is not None:
        from molmospaces_gym.benchmarks.datagen.official_start import read_start

        start = read_start(file, episode, houses)
    stop = None if episode is None else episode + 1
    agreed, shown = True, 0
    numbered = islice(enumerate(get_format(format).read(file)), episode or 0, stop)
    for number, trajectory in numbered:
        found = run(trajectory, episode=start, video=video, **env_arguments(env or []))
        console.print(_lines(number, found), soft_wrap=True, highlight=False)
        agreed &= found.success_recorded == found.success_replayed
        shown += 1
    if not shown:
        raise InvalidConfig(f"{file} holds no trajectory {episode}")
    if video is not None:
        console.print(escape(str(video)), soft_wrap=True, highlight=False)
    if not agreed:
        raise typer.Exit(DIVERGED)


def _lines(number: int, found: "Divergence") -> str:
    same = "equal bit for bit" if found.exact else f"differs from state {found.first_difference} on"
    return "\n".join(
        [
            f"episode {number}: {found.steps} steps, {same}",
            f"  joints     max {found.qpos_max:.3g}, final {found.qpos_final:.3g} (rad or m)",
            f"  objects    max {found.position_max:.3g} m and {found.rotation_max:.3g} rad,"
            f" final {found.position_final:.3g} m and {found.rotation_final:.3g} rad",
            f"  success    recorded {_yes(found.success_recorded)},"
            f" replayed {_yes(found.success_replayed)},"
            f" {100 * found.success_agreement:.1f} % of the states agree",
        ]
    )


def _yes(value: bool) -> str:
    return "yes" if value else "no"
