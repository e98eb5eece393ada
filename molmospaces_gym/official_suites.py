"""The published benchmarks by name, each with everything that a comparable score depends on.

``load_benchmark("ms-pick-v1.1")`` finds the files under ``MLSPACES_ASSETS_DIR``; the evaluator
plays them with the pins of the record. Where a value comes from stands in ``sources``, with paths
and issue numbers of github.com/allenai/molmospaces unless another place is named.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.errors import InvalidEpisode, SuiteNotFound
from molmospaces_gym.json_files import read_json
from molmospaces_gym.scenes.official import ASSETS_ENV, assets_dir

BENCH_V1, BENCH_V2 = "molmospaces-bench-v1", "molmospaces-bench-v2"
MANIFEST = "mjthor_data_type_to_source_to_versions.json"
"""File in the assets directory in which the official downloader notes what is installed."""

RECORD_KEY = "official_suite"
"""Key under which the metadata of a benchmark that was loaded by name says so."""

RENDERERS = {"classic": "gl-official", "filament": "filament"}
"""Official renderer -> value of ``renderer=`` that plays it."""


@dataclass(frozen=True, kw_only=True)
class OfficialSuite:
    """One published benchmark.

    Attributes:
        name: what ``load_benchmark`` takes.
        board: its name on the leaderboard, or None where it has no column there.
        group: ``MS-Bench``, ``MB-Bench`` or ``RB-Y1``.
        task: the task that plays it, a key of ``registration.TASKS``.
        robot: name of our robot.
        package: the downloadable package that holds it.
        path: its folder inside the package.
        data_versions: versions of the package that scores are comparable on.
        episodes: how many it has.
        horizon_s: seconds until truncation.
        control_dt: seconds between two actions.
        cameras: what the policy sees; None where nothing is published.
        action_mode: None where nothing is published.
        renderer: ``classic`` or ``filament``; None where nothing is published.
        sources: field -> where its value comes from.
    """

    name: str
    board: str | None
    group: str
    task: str
    robot: str
    package: str
    path: str
    data_versions: tuple[str, ...]
    episodes: int
    horizon_s: float
    control_dt: float
    cameras: tuple[str, ...] | None
    action_mode: str | None
    renderer: str | None
    sources: Mapping[str, str]

    @property
    def horizon(self) -> int:
        """Actions until truncation, rounded as the official evaluator does."""
        return round(self.horizon_s / self.control_dt)

    @property
    def directory(self) -> Path:
        """Its folder under the assets directory, there or not."""
        return assets_dir() / "benchmarks" / self.package / self.path

    @property
    def fetch_command(self) -> str:
        """The command that downloads it."""
        return f"molmospaces-gym scenes fetch {self.name}"

    def find(self) -> Path:
        """Its folder.

        Raises:
            SuiteNotFound: it is missing, or installed in a version that its scores are not
                comparable on; the message holds the command that repairs it.
        """
        file = self.directory / "benchmark.json"
        if not file.is_file():
            raise SuiteNotFound(
                f"suite {self.name!r}: missing {file}; fetch it with: "
                f'pip install "molmospaces-gym[assets]" && {self.fetch_command} (or set '
                f"{ASSETS_ENV} to the directory that holds benchmarks/{self.package})"
            )
        version = self.installed_version()
        if version is not None and version not in self.data_versions:
            raise SuiteNotFound(
                f"suite {self.name!r} is pinned to version {' or '.join(self.data_versions)} of "
                f"{self.package}, but {assets_dir()} holds {version}; set {ASSETS_ENV} to another "
                f"directory and run: {self.fetch_command} (or name the file, {file}, for a "
                "score that is not comparable)"
            )
        return self.directory

    def installed_version(self) -> str | None:
        """Version of its package in the assets directory, or None where nothing tells."""
        manifest = assets_dir() / MANIFEST
        noted = read_json(manifest, InvalidEpisode) if manifest.is_file() else {}
        version = noted.get("benchmarks", {}).get(self.package)
        if version is not None:
            return str(version)
        # The downloader links the package to <cache>/benchmarks/<package>/<version>.
        folder = (assets_dir() / "benchmarks" / self.package).resolve()
        return folder.name if folder.parent.name == self.package else None

    def metadata(self) -> dict[str, Any]:
        """What the record of a run notes about the suite, JSON-plain."""
        return {
            "name": self.name,
            "board": self.board,
            "data_version": self.installed_version(),
        }

    def pins(self, episodes: Sequence[EpisodeSpec]) -> dict[str, Any]:
        """Arguments for ``gym.make`` that its scores depend on.

        Raises:
            InvalidEpisode: the episodes contradict the record: they are of another version.
        """
        self._check(episodes)
        sizes = {tuple(spec.img_resolution) for spec in episodes}
        pins: dict[str, Any] = {
            "robot": self.robot,
            "obs_mode": "rgb",
            "control_dt": self.control_dt,
            "horizon": self.horizon,
        }
        if self.cameras is not None:
            pins["cameras"] = list(self.cameras)
        if len(sizes) == 1:
            pins["image_size"] = list(sizes.pop())
        if self.action_mode is not None:
            pins["action_mode"] = self.action_mode
        if self.renderer is not None:
            pins["renderer"] = RENDERERS[self.renderer]
        return pins

    def _check(self, episodes: Sequence[EpisodeSpec]) -> None:
        for index, spec in enumerate(episodes):
            where = f"suite {self.name!r}, episode {index}"
            horizon = spec.horizon_sec
            if horizon is not None and horizon != self.horizon_s:
                raise InvalidEpisode(
                    f"{where} has a horizon of {horizon:g} s, the suite {self.horizon_s:g} s: "
                    f"another version of {self.package}; fetch the right one with: "
                    f"{self.fetch_command}"
                )
            held = {camera.name for camera in spec.cameras}
            if self.cameras is not None and not held.issuperset(self.cameras):
                raise InvalidEpisode(
                    f"{where} holds the cameras {', '.join(sorted(held))}, the suite is seen "
                    f"through {', '.join(self.cameras)} ({self.sources['cameras']}): another "
                    f"version of {self.package}? name the file to play it as it is"
                )


def official_suites() -> dict[str, OfficialSuite]:
    """All published benchmarks by name."""
    # Imported on use: the table needs the class above.
    from molmospaces_gym.official_table import SUITES

    return {suite.name: suite for suite in SUITES}


def official_suite_of(metadata: Mapping[str, Any]) -> OfficialSuite | None:
    """The suite that a benchmark with this metadata was loaded as, or None."""
    noted = metadata.get(RECORD_KEY)
    return None if noted is None else official_suites().get(str(noted["name"]))
