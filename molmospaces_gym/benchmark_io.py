"""Benchmarks on disk: lists of episodes, official or ours.

Three forms load: a directory with ``benchmark.json`` (and ``benchmark_metadata.json``), that file
itself, and the legacy ``house_*/episode_*.json``. ``benchmark.json.gz`` is the first, compressed.
Shipped suites load by name, and so do the official ones once they are fetched.
"""

import hashlib
import json
import operator
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, SupportsIndex

from molmospaces_gym.episode import EpisodeSpec, house_name
from molmospaces_gym.errors import InvalidEpisode, UnknownName
from molmospaces_gym.json_files import COMPRESSED, read_json, write_atomic
from molmospaces_gym.official_suites import RECORD_KEY, OfficialSuite, official_suites

BENCHMARK_FILE = "benchmark.json"
METADATA_FILE = "benchmark_metadata.json"
_FILES = (BENCHMARK_FILE, BENCHMARK_FILE + COMPRESSED)


@dataclass(frozen=True)
class Benchmark:
    """A named list of episodes; ``path`` is its file (legacy form: its directory).

    ``ids`` has one name per episode: its ``episode_id``, else its place in the files. ``pins`` are
    arguments for ``gym.make`` that scores on an official suite depend on.
    """

    name: str
    path: Path | None
    episodes: tuple[EpisodeSpec, ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    ids: tuple[str, ...] = ()
    pins: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.episodes:
            raise InvalidEpisode(f"benchmark {self.name!r} is empty; expected at least one episode")
        labels = self.ids or tuple(f"episode_{i:08d}" for i in range(len(self.episodes)))
        ids = tuple(
            spec.episode_id or label for spec, label in zip(self.episodes, labels, strict=True)
        )
        first: dict[str, int] = {}
        for index, episode_id in enumerate(ids):
            if episode_id in first:
                raise InvalidEpisode(
                    f"benchmark {self.name!r}: episodes {first[episode_id]} and {index} share the "
                    f"id {episode_id!r}; expected different episode_id values"
                )
            first[episode_id] = index
        object.__setattr__(self, "ids", ids)

    def __len__(self) -> int:
        return len(self.episodes)

    def __iter__(self) -> Iterator[EpisodeSpec]:
        return iter(self.episodes)

    @property
    def digest(self) -> str:
        """SHA-256 of the episodes, by which two files of one name are told apart."""
        content = [spec.to_dict() for spec in self.episodes]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def index_of(self, key: SupportsIndex | str) -> int:
        """Index of an episode given by index or id.

        Raises:
            InvalidEpisode: there is no such episode.
        """
        if isinstance(key, str):
            if key in self.ids:
                return self.ids.index(key)
            raise InvalidEpisode(
                f"benchmark {self.name!r} holds no episode with id {key!r}; "
                f"its ids are {self.ids[0]!r} .. {self.ids[-1]!r} ({len(self)} episodes)"
            )
        index = operator.index(key)
        if not 0 <= index < len(self):
            raise InvalidEpisode(
                f"benchmark {self.name!r} holds no episode {index}; expected 0 .. {len(self) - 1}"
            )
        return index

    def find(self, key: SupportsIndex | str) -> EpisodeSpec:
        """The episode of an index or an id; raises ``InvalidEpisode`` where there is none."""
        return self.episodes[self.index_of(key)]


def suite_names() -> list[str]:
    """Names of the shipped suites."""
    suites = _suites()
    if not suites.is_dir():
        return []
    return sorted(entry.name for entry in suites.iterdir() if _file_in(entry) is not None)


def load_benchmark(source: str | Path) -> Benchmark:
    """Loads a shipped or official suite by name, or a benchmark from a file or directory.

    Raises:
        UnknownName: not a suite, and not written like a path.
        SuiteNotFound: an official suite that is not fetched, or in another version.
        InvalidEpisode: a file is missing, is not JSON, or holds a malformed episode; the message
            names the file, the episode's index and the field.
    """
    if isinstance(source, str) and source in suite_names():
        suite = _suites().joinpath(source)
        return _load_file(_file_in(suite) or suite, suite.joinpath(METADATA_FILE), source)
    if isinstance(source, str) and (official := official_suites().get(source)) is not None:
        return load_official(official)
    path = Path(source).expanduser()
    if path.is_file():
        return _load_file(path, path.parent / METADATA_FILE, path.resolve().parent.name)
    if path.is_dir():
        name = path.resolve().name
        file = _file_in(path)
        if file is not None:
            return _load_file(file, path / METADATA_FILE, name)
        return _load_legacy(path, name)
    if isinstance(source, str) and "/" not in source and not source.endswith(".json"):
        raise UnknownName("benchmark suite", source, [*suite_names(), *official_suites()])
    raise InvalidEpisode(
        f"{path}: no such file or directory; expected a {BENCHMARK_FILE}, its directory, or the "
        f"name of a shipped suite ({', '.join(suite_names()) or 'none'})"
    )


def load_official(suite: OfficialSuite) -> Benchmark:
    """An official suite under the assets directory, with its pins.

    Raises:
        SuiteNotFound: it is missing or of another version.
        InvalidEpisode: a file is malformed, or contradicts the record of the suite.
    """
    folder = suite.find()
    loaded = _load_file(folder / BENCHMARK_FILE, folder / METADATA_FILE, suite.name)
    metadata = {**loaded.metadata, RECORD_KEY: suite.metadata()}
    return replace(loaded, metadata=metadata, pins=suite.pins(loaded.episodes))


def save_benchmark(
    episodes: Sequence[EpisodeSpec],
    directory: str | Path,
    metadata: Mapping[str, Any] | None = None,
    compressed: bool = False,
) -> Path:
    """Writes ``benchmark.json`` (one episode a line) and, where given, its metadata file.

    ``compressed`` writes ``benchmark.json.gz`` instead.

    Each file is replaced in one step, so an interrupted save leaves the old one.

    Returns:
        The directory.

    Raises:
        InvalidEpisode: there is no episode, two share an id, or one holds something that JSON
            cannot.
    """
    target = Path(directory)
    Benchmark(target.name, target, tuple(episodes))
    lines = [_to_line(spec, index) for index, spec in enumerate(episodes)]
    if metadata is not None:
        write_atomic(target / METADATA_FILE, json.dumps(metadata, indent=2) + "\n")
    write_atomic(target / _FILES[compressed], "[\n" + ",\n".join(lines) + "\n]\n")
    (target / _FILES[not compressed]).unlink(missing_ok=True)
    return target


def describe(episodes: Sequence[EpisodeSpec], description: str) -> dict[str, Any]:
    """Metadata in the official layout, counted from the episodes."""
    houses = Counter(house_name(spec) for spec in episodes)
    return {
        "description": description,
        "num_episodes": len(episodes),
        "num_houses": len(houses),
        "task_cls_counts": dict(Counter(spec.task.get("task_cls", "") for spec in episodes)),
        "robot_counts": dict(Counter(spec.robot.robot_name for spec in episodes)),
    }


def _file_in(directory: Traversable) -> Traversable | None:
    """The benchmark file of a directory, or None where it has none."""
    found = (directory.joinpath(name) for name in _FILES)
    return next((file for file in found if file.is_file()), None)


def _suites() -> Traversable:
    return files("molmospaces_gym.benchmarks").joinpath("suites")


def _to_line(spec: EpisodeSpec, index: int) -> str:
    try:
        return json.dumps(spec.to_dict(), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidEpisode(f"episode {index} cannot be written as JSON: {error}") from error


def _load_file(file: Traversable, metadata_file: Traversable, name: str) -> Benchmark:
    data = read_json(file, InvalidEpisode)
    if not isinstance(data, list):
        raise InvalidEpisode(f"{file}: found {type(data).__name__}, expected a list of episodes")
    if not data:
        raise InvalidEpisode(f"{file}: the list is empty; expected at least one episode")
    episodes = tuple(
        EpisodeSpec.parse(item, f"{file}, episode {index}") for index, item in enumerate(data)
    )
    path = file if isinstance(file, Path) else None
    return Benchmark(name, path, episodes, _load_metadata(metadata_file))


def _load_legacy(directory: Path, name: str) -> Benchmark:
    found = sorted(directory.glob("house_*/episode_*.json"), key=_legacy_order)
    if not found:
        raise InvalidEpisode(
            f"{directory}: found neither {BENCHMARK_FILE} nor house_*/episode_*.json; "
            "expected the directory of a benchmark"
        )
    episodes = tuple(
        EpisodeSpec.parse(read_json(file, InvalidEpisode), str(file)) for file in found
    )
    ids = tuple(f"{file.parent.name}/{file.stem}" for file in found)
    return Benchmark(name, directory, episodes, _load_metadata(directory / METADATA_FILE), ids)


def _legacy_order(file: Path) -> tuple[int, str, str]:
    number = file.parent.name.removeprefix("house_")
    return (int(number) if number.isdecimal() else -1, file.parent.name, file.name)


def _load_metadata(file: Traversable) -> dict[str, Any]:
    if not file.is_file():
        return {}
    data = read_json(file, InvalidEpisode)
    if not isinstance(data, dict):
        raise InvalidEpisode(f"{file}: found {type(data).__name__}, expected an object of fields")
    # Only loading a suite by its name makes it one.
    return {key: value for key, value in data.items() if key != RECORD_KEY}
