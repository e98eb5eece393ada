"""``datagen``: collect expert episodes and write them as datasets."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from molmospaces_gym.benchmarks.datagen import store
from molmospaces_gym.benchmarks.datagen.collect import (
    Collected,
    Collector,
    CollectPlan,
    EpisodeJob,
)
from molmospaces_gym.benchmarks.datagen.folder import DatasetFolder
from molmospaces_gym.benchmarks.datagen.formats import DatasetMeta, get_format
from molmospaces_gym.benchmarks.datagen.noise import NoiseConfig
from molmospaces_gym.benchmarks.datagen.trajectory import Trajectory
from molmospaces_gym.benchmarks.jobs import play_here
from molmospaces_gym.benchmarks.processes import play_in_processes
from molmospaces_gym.env import make_layout
from molmospaces_gym.errors import InvalidConfig, UnknownName
from molmospaces_gym.policies.base import load_policy, policy_env_kwargs
from molmospaces_gym.registration import env_id
from molmospaces_gym.sources import make_source
from molmospaces_gym.tasks import get_task


@dataclass(frozen=True)
class Progress:
    """The standing of a run; ``last`` is None at the start."""

    done: int
    planned: int
    kept: int
    last: Collected | None


@dataclass(frozen=True)
class DatasetResult:
    """A finished run: its folder, how many episodes it holds and how many could not be had."""

    out: Path
    kept: int
    failed: int
    datasets: Mapping[str, Path]


def datagen(
    task: str,
    episodes: int,
    out: str | Path,
    *,
    workers: int = 1,
    formats: Sequence[str] = ("hdf5",),
    cameras: Sequence[str] | None = None,
    depth: Sequence[str] = (),
    image_size: tuple[int, int] | None = None,
    noise: float = 1.0,
    seed: int = 0,
    attempts: int = 10,
    hold: int = 5,
    only_success: bool = True,
    policy: str = "expert",
    resume: bool = False,
    progress: Callable[[Progress], None] | None = None,
    **env_kwargs: Any,
) -> DatasetResult:
    """Collect ``episodes`` successful episodes of a task and write them in ``formats``.

    What is written depends on the arguments alone, not on ``workers`` nor on interruptions. An
    episode that fails is tried again with new seeds, which are recorded.

    Args:
        task: name of the task, e.g. ``Pick``.
        episodes: how many.
        out: folder of the run; the datasets are its sub-folders named like their formats.
        workers: processes; with more than one, a script needs ``if __name__ == "__main__":``.
        formats: names of dataset formats, see ``formats``.
        cameras: names of the cameras that are filmed; None: all of the episode; (): none.
        depth: names of those that also give depth.
        image_size: (width, height), even numbers of pixels; None: the robot's camera system.
        noise: strength of the action noise, 1 is the official one and 0 none.
        seed: of everything.
        attempts: how often an episode is tried.
        hold: steps in a row for which success must hold; then the episode ends.
        only_success: throw away what did not succeed.
        policy: spec of the policy that acts.
        resume: keep the episodes that ``out`` already holds.
        progress: called at the start and after each episode.
        env_kwargs: further arguments for ``gym.make``, such as ``randomize_colors=True``.

    Raises:
        InvalidConfig: an argument is out of range, or ``out`` holds another run.
        UnknownName: task, policy or format do not exist.
        MissingPackage: a format needs a package that is not installed.
    """
    chosen = [(name, get_format(name)) for name in formats]
    for _, dataset_format in chosen:
        dataset_format.writer()
    plan = make_plan(
        task,
        Path(out),
        cameras=cameras,
        depth=depth,
        image_size=image_size,
        noise=noise,
        seed=seed,
        attempts=attempts,
        hold=hold,
        only_success=only_success,
        policy=policy,
        env_kwargs=env_kwargs,
    )
    if episodes < 1 or workers < 1:
        raise InvalidConfig(f"episodes and workers must be 1 or more, got {episodes}, {workers}")
    folder = DatasetFolder(Path(out), settings(plan, task))
    folder.open(episodes, workers, resume)
    _collect(folder, plan, episodes, workers, progress or _ignore)
    datasets = {name: _export(folder, name) for name, _ in chosen}
    folder.close()
    kept, failed = folder.counts()
    return DatasetResult(Path(out), kept, failed, datasets)


def make_plan(
    task: str, out: Path, *, env_kwargs: Mapping[str, Any], **options: Any
) -> CollectPlan:
    """The checked plan of a run; ``options`` as for ``datagen``."""
    found, name = get_task(task, env_kwargs.get("task_weights")), env_id(task)
    wishes = policy_env_kwargs(load_policy(options["policy"]), name)
    kwargs = {**wishes, **env_kwargs}
    source = make_source(found, kwargs)
    config = source.config
    layout = make_layout(replace(config, obs_mode="rgb", cameras=None), found, source.robot)
    width, height = options["image_size"] or layout.image_size
    if min(width, height) < 8 or width % 2 or height % 2:
        raise InvalidConfig(
            f"image_size must be even numbers of at least 8 pixels, got {width} x {height}"
        )
    if config.benchmark is not None:
        raise InvalidConfig("datagen samples its episodes; it takes no benchmark")
    if options["attempts"] < 1 or options["noise"] < 0:
        raise InvalidConfig("attempts must be at least 1 and noise not negative")
    cameras = layout.cameras if options["cameras"] is None else tuple(options["cameras"])
    for camera in cameras:
        if camera not in layout.cameras:
            raise UnknownName("camera", camera, layout.cameras)
    for camera in options["depth"]:
        if camera not in cameras:
            raise UnknownName("filmed camera", camera, cameras)
    return CollectPlan(
        env_id=name,
        env_kwargs=kwargs,
        houses=config.house_names,
        policy=options["policy"],
        store=out / "episodes",
        cameras=cameras,
        depth=tuple(options["depth"]),
        image_size=(int(width), int(height)),
        noise=NoiseConfig().scaled(options["noise"]) if options["noise"] else None,
        seed=options["seed"],
        attempts=options["attempts"],
        hold=options["hold"],
        only_success=options["only_success"],
    )


def settings(plan: CollectPlan, task: str) -> dict[str, Any]:
    """Everything that decides what is in the dataset, JSON-plain."""
    found = {f.name: getattr(plan, f.name) for f in fields(plan) if f.name != "store"}
    noise = None if plan.noise is None else vars(plan.noise)
    return {"task": task, **found, "noise": noise}


def _collect(
    folder: DatasetFolder,
    plan: CollectPlan,
    episodes: int,
    workers: int,
    tell: Callable[[Progress], None],
) -> None:
    done = set(store.indices(plan.store))
    jobs = [
        EpisodeJob(index=index, house=plan.houses[index % len(plan.houses)])
        for index in range(episodes)
        if index not in done
    ]
    kept = folder.counts()[0]
    tell(Progress(len(done), episodes, kept, None))
    if not jobs:
        return
    with closing(Collector(plan)) as collector:
        collected = (
            play_here(collector, jobs)
            if workers == 1 or len(jobs) < 2
            else play_in_processes(plan, jobs, workers)
        )
        with closing(collected):
            for count, result in enumerate(collected, start=len(done) + 1):
                folder.add(result)
                kept += not result.failure
                tell(Progress(count, episodes, kept, result))


def _export(folder: DatasetFolder, name: str) -> Path:
    """Write the collected episodes in a format; the dataset appears when it is complete."""
    final, partial = folder.path / name, folder.path / f".{name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    writer, opened = get_format(name).writer(), False
    for trajectory in store.load_all(folder.store):
        if not opened:
            writer.open(partial, dataset_meta(folder, trajectory))
            opened = True
        writer.write(trajectory)
    if not opened:
        partial.rmdir()
        raise InvalidConfig(
            f"none of the episodes succeeded; {folder.path / 'episodes.csv'} says why"
        )
    writer.close()
    shutil.rmtree(final, ignore_errors=True)
    partial.rename(final)
    return final


def dataset_meta(folder: DatasetFolder, first: Trajectory) -> DatasetMeta:
    """What all trajectories of a run share, from its first one."""
    return DatasetMeta(
        name=folder.path.resolve().name,
        env_id=first.env_id,
        env_kwargs=first.env_kwargs,
        robot=first.robot,
        control_dt=first.control_dt,
        cameras={name: track.size for name, track in first.cameras.items()},
        action_size=first.actions.shape[1],
        groups={name: command.shape[1] for name, command in first.commands.items()},
        settings=folder.settings,
    )


def _ignore(progress: Progress) -> None:
    return None
