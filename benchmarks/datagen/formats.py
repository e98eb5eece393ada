"""The dataset formats: what a writer and a reader offer, and where each is found."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from molmospaces_gym.benchmarks.datagen.trajectory import Trajectory
from molmospaces_gym.errors import UnknownName

FORMATS: Mapping[str, str] = {
    "hdf5": "molmospaces_gym.benchmarks.datagen.hdf5:Hdf5Format",
    "lerobot": "molmospaces_gym.benchmarks.datagen.lerobot_format:LeRobotFormat",
    "minari": "molmospaces_gym.benchmarks.datagen.minari_format:MinariFormat",
}
"""Format name -> "module:Class" of its ``DatasetFormat``. One row per format."""


@dataclass(frozen=True, kw_only=True)
class DatasetMeta:
    """What all trajectories of a dataset share.

    Attributes:
        name: short name of the dataset, fit for a folder.
        env_id, env_kwargs, robot: as in ``Trajectory``.
        control_dt: seconds between two actions.
        cameras: camera name -> (width, height), in order.
        action_size: elements of an action.
        groups: move group -> elements of its command, in order.
        settings: everything that the dataset was made with, JSON-plain.
    """

    name: str
    env_id: str
    env_kwargs: Mapping[str, Any]
    robot: str
    control_dt: float
    cameras: Mapping[str, tuple[int, int]]
    action_size: int
    groups: Mapping[str, int]
    settings: Mapping[str, Any]


class DatasetWriter(Protocol):
    """Writes one dataset, trajectory by trajectory.

    It is always given a new, empty folder, which is put in place only after ``close``: a writer
    need not survive being killed, and equal trajectories must give equal files.
    """

    def open(self, directory: Path, meta: DatasetMeta) -> None:
        """Start a dataset in the empty folder ``directory``."""

    def write(self, trajectory: Trajectory) -> None:
        """Add a trajectory; they come in the order of their ``index``."""

    def close(self) -> None:
        """Finish the dataset."""


class DatasetFormat(Protocol):
    """A format: makes writers and reads what they wrote. Made without arguments."""

    def writer(self) -> DatasetWriter:
        """A writer for one dataset; raises ``MissingPackage`` where the format needs one."""

    def read(self, path: Path) -> Iterator[Trajectory]:
        """The trajectories of a dataset in order.

        A format that cannot keep everything leaves what it lost empty (arrays of no columns,
        mappings without keys, None).

        Raises:
            InvalidTrajectory: ``path`` is no dataset of this format, or damaged.
        """


def known_formats() -> list[str]:
    """Names of all formats."""
    return sorted(FORMATS)


def get_format(name: str) -> DatasetFormat:
    """The format of that name; raises ``UnknownName``."""
    if name not in FORMATS:
        raise UnknownName("dataset format", name, known_formats())
    module, _, cls = FORMATS[name].partition(":")
    found: DatasetFormat = getattr(import_module(module), cls)()
    return found
