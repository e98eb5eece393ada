"""The checks by name, on what each is made, and the run of all of them."""

import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, entry_points, version
from typing import Any

from molmospaces_gym.backends.base import GROUP
from molmospaces_gym.benchmarks.parity import cameras, episodes, mechanics, replays
from molmospaces_gym.benchmarks.parity.bench import REFERENCE, Bench
from molmospaces_gym.benchmarks.parity.results import (
    Measured,
    ParityReport,
    Pictured,
    Result,
    Skipped,
)
from molmospaces_gym.errors import (
    InvalidConfig,
    InvalidEpisode,
    InvalidScene,
    UnknownName,
    UnsupportedScene,
)
from molmospaces_gym.policies.expert import SOLVERS
from molmospaces_gym.registration import TASKS
from molmospaces_gym.robots import robot_names
from molmospaces_gym.tasks import get_task

PICKING = ("Pick", "PickAndPlace", "PickAndPlaceNextTo", "PickAndPlaceColor")
PACKAGES = ("molmospaces-gym", "mujoco", "mani_skill", "sapien", "isaaclab", "numpy")


@dataclass(frozen=True)
class Check:
    """A function that compares one subject, and which subjects there are.

    ``kind`` says what its subjects are: robots, tasks, task/robot pairs, houses or one scene.
    """

    run: Callable[[Bench, str], Iterator[Measured | Pictured]]
    kind: str
    subjects: Callable[[Bench], Sequence[str]]


def _robots(bench: Bench) -> tuple[str, ...]:
    return bench.robots or tuple(robot_names())


def _plays(bench: Bench) -> list[str]:
    """Every task with every robot; those that do not go together are told as left out."""
    tasks = bench.tasks or tuple(TASKS)
    return [f"{task}/{robot}" for task in tasks for robot in _robots(bench)]


def _own_plays(bench: Bench) -> list[str]:
    """Every task with its own robot."""
    pairs = [(task, get_task(task).robot) for task in bench.tasks or tuple(TASKS)]
    return [f"{task}/{robot}" for task, robot in pairs if robot in _robots(bench)]


def _played(bench: Bench, among: Sequence[str]) -> list[str]:
    """Tasks that the expert plays with their own robot."""
    tasks = bench.tasks or tuple(among)
    return [task for task in tasks if task in among and get_task(task).robot in _robots(bench)]


def _settled(bench: Bench, subject: str) -> Iterator[Measured | Pictured]:
    yield from (mechanics.boxes if subject == "boxes" else episodes.settled)(bench, subject)


CHECKS: Mapping[str, Check] = {
    "initial_poses": Check(episodes.initial_poses, "task/robot", _plays),
    "kinematics": Check(mechanics.kinematics, "robot", _robots),
    "settled": Check(_settled, "scene", lambda bench: ["boxes", *_own_plays(bench)]),
    "pendulum": Check(mechanics.pendulum, "scene", lambda bench: ["double pendulum"]),
    "coasting": Check(mechanics.coasting, "house", lambda bench: mechanics.HOUSES),
    "tracking": Check(mechanics.tracking, "robot", _robots),
    "replay": Check(replays.replays, "task", lambda bench: _played(bench, tuple(SOLVERS))),
    "lift": Check(replays.lifts, "task", lambda bench: _played(bench, PICKING)),
    "camera": Check(cameras.camera, "task/robot", _own_plays),
}
"""Name -> check, in the order in which they run."""


def measure(
    backend: str,
    checks: Sequence[str] = (),
    *,
    robots: Sequence[str] = (),
    tasks: Sequence[str] = (),
    episodes: int = 3,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
    **env_kwargs: Any,
) -> ParityReport:
    """Compare a backend with MuJoCo.

    Args:
        backend: name of the other simulator.
        checks: names of ``CHECKS``; empty: all.
        robots, tasks: names that limit the subjects; empty: all.
        episodes: recorded episodes per task for ``replay`` and ``lift``.
        seed: of random configurations, targets and sampled episodes.
        progress: called with the check and the subject before each.
        env_kwargs: arguments of the other backend's envs, such as ``renderer="sapien"``.

    Raises:
        UnknownName: there is no such backend, check, robot or task.
        InvalidConfig: the backend is the reference itself, or ``episodes`` is below 1.
        BackendUnavailable: the simulator is not installed or does not work here.
    """
    if episodes < 1:
        raise InvalidConfig(f"episodes must be 1 or more, not {episodes}")
    if backend == REFERENCE:
        raise InvalidConfig(f"{REFERENCE} is what others are compared with; name another backend")
    _known("backend", (backend,), [point.name for point in entry_points(group=GROUP)])
    _known("parity check", checks, list(CHECKS))
    _known("robot", robots, list(robot_names()))
    _known("task", tasks, list(TASKS))
    bench = Bench(backend, env_kwargs, tuple(robots), tuple(tasks), episodes, seed)
    names = tuple(name for name in CHECKS if not checks or name in checks)
    started = time.process_time()
    try:
        found = list(_results(bench, names, progress or _ignore))
    finally:
        bench.close()
    engine = env_kwargs.get("physics")
    return ParityReport(
        backend=backend if engine is None else f"{backend} ({engine})",
        versions=_versions(),
        checks=names,
        rows=tuple(entry for entry in found if isinstance(entry, Measured)),
        pictures=tuple(entry for entry in found if isinstance(entry, Pictured)),
        skipped=tuple(entry for entry in found if isinstance(entry, Skipped)),
        losses=tuple(bench.losses),
        cpu_s=time.process_time() - started,
    )


def _results(bench: Bench, names: Sequence[str], tell: Callable[[str], None]) -> Iterator[Result]:
    for name in names:
        for subject in CHECKS[name].subjects(bench):
            tell(f"{name}: {subject}")
            try:
                yield from CHECKS[name].run(bench, subject)
            except (UnsupportedScene, InvalidScene, InvalidEpisode, InvalidConfig) as error:
                yield Skipped(name, subject, " ".join(str(error).split()))


def _known(kind: str, names: Sequence[str], known: list[str]) -> None:
    for name in names:
        if name not in known:
            raise UnknownName(kind, name, known)


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _ignore(subject: str) -> None:
    return None
