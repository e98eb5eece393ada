"""``molmospaces-gym doctor``: what works on this machine, and how to repair what does not."""

import platform
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, entry_points, version
from importlib.util import find_spec

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from molmospaces_gym.errors import MolmoSpacesError

PACKAGES = ("molmospaces-gym", "gymnasium", "numpy", "mujoco", "numba", "scipy", "torch")
BROKEN = 1
"""Exit code when the core does not work."""


@dataclass(frozen=True)
class Finding:
    """One row: what was looked at, whether it works, what was found and how to repair it."""

    name: str
    works: bool
    found: str
    repair: str = ""


@dataclass(frozen=True)
class Simulator:
    """A simulator by backend name: the module it is imported as and how to install it."""

    backend: str
    module: str
    package: str
    install: str


ISAAC_INSTALL = 'pip install "molmospaces-gym[isaac]"  # Python 3.12, Linux; or: make isaac'
SIMULATORS = (
    Simulator("mujoco", "mujoco", "mujoco", 'pip install "mujoco>=3.12,<5"'),
    Simulator("maniskill", "sapien", "mani_skill", 'pip install "molmospaces-gym[maniskill]"'),
    Simulator("isaac", "isaaclab", "isaaclab", ISAAC_INSTALL),
)


def doctor() -> None:
    """Check the installation; exit code 0 when an episode can be played."""
    console = Console()
    console.print(f"python {sys.version.split()[0]}, {platform.platform()}", highlight=False)
    console.print(", ".join(_versions()), highlight=False)
    core = check_core()
    _show(console, "Core", [core])
    _show(console, "Simulators", check_simulators())
    _show(console, "Renderers", check_renderers())
    if not core.works:
        raise typer.Exit(BROKEN)


def check_core(backend: str = "mujoco") -> Finding:
    """Play a step of Pick, the shortest path through everything that an episode needs."""
    from molmospaces_gym.benchmarks.rollout import make_env

    try:
        env = make_env("molmospaces_gym/Pick-v1", {"houses": 1, "backend": backend})
        try:
            env.reset(seed=0)
            env.action_space.seed(0)
            env.step(env.action_space.sample())
        finally:
            env.close()
    except (MolmoSpacesError, ImportError, OSError, RuntimeError) as error:  # as drivers raise
        return Finding("Pick-v1", False, _one_line(error), "pip install --force-reinstall .")
    return Finding("Pick-v1", True, "reset and step work")


def check_simulators() -> list[Finding]:
    """Whether each simulator is installed and has a backend in this version."""
    backends = {point.name: point.load for point in entry_points(group="molmospaces_gym.backends")}
    return [_simulator(simulator, backends.get(simulator.backend)) for simulator in SIMULATORS]


def check_renderers() -> list[Finding]:
    """What each renderer says of itself after drawing a picture."""
    from molmospaces_gym.backends.rendering import probe_renderers

    return [
        Finding(status.name, status.works, status.detail, status.repair)
        for status in probe_renderers()
    ]


def _simulator(simulator: Simulator, load: Callable[[], object] | None) -> Finding:
    found = _version(simulator.package)
    if found is None or find_spec(simulator.module) is None:
        note = "not installed" if load else "not installed; no backend in this version either"
        return Finding(simulator.backend, False, note, simulator.install)
    if load is None:
        return Finding(simulator.backend, False, f"{found}; this version has no backend for it")
    try:
        load()
    except (ImportError, OSError) as error:
        return Finding(simulator.backend, False, f"{found}: {_one_line(error)}", simulator.install)
    if simulator.backend == "mujoco":  # what the core has shown
        return Finding(simulator.backend, True, found)
    played = check_core(simulator.backend)
    return Finding(simulator.backend, played.works, f"{found}: {played.found}", simulator.install)


def _versions() -> Iterable[str]:
    return (f"{name} {_version(name) or '-'}" for name in PACKAGES)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def _show(console: Console, title: str, findings: Iterable[Finding]) -> None:
    table = Table("name", "works", "found", title=title, title_justify="left", title_style="bold")
    repairs = []
    for finding in findings:
        mark = "[green]yes[/]" if finding.works else "[red]no[/]"
        table.add_row(finding.name, mark, escape(finding.found))
        if not finding.works and finding.repair:
            repairs.append((finding.name, finding.repair))
    console.print(table)
    # Outside the table, so that a long command stays one line that can be copied.
    for name, repair in repairs:
        console.print(f"repair {name}: {escape(repair)}", soft_wrap=True, highlight=False)
