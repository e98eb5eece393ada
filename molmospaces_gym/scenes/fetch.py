"""Fetches official houses, objects and suites by the optional ``molmospaces-resources``.

Only what a house needs is downloaded: its own archive, the archives that all houses of its
source share, and those of the objects that its MJCF refers to.
"""

import os
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any

from molmospaces_gym.episode import EpisodeSpec, house_name
from molmospaces_gym.errors import SceneNotFound, UnknownName
from molmospaces_gym.json_files import read_json
from molmospaces_gym.official_suites import official_suites
from molmospaces_gym.scenes.official import (
    HouseId,
    assets_dir,
    is_installed,
    is_official_name,
    locate_house,
    parse_house_name,
)

CACHE_ENV = "MLSPACES_CACHE_DIR"
DEFAULT_CACHE_DIR = Path("~/.cache/molmo-spaces-resources")
"""Where archives are unpacked (official default); the assets directory holds links into it."""

BUCKET = "mujoco-thor-resources"
"""Name under which the resources package knows the public storage of the MuJoCo assets."""

TIMEOUT_S = 15.0
"""How long to wait for the storage to answer at all."""

SMALL_SOURCE = 10
"""A source of fewer archives is fetched whole, as its houses may share any of them."""

VERSIONS = {
    "scenes": {
        "ithor": "20251217_with_occupancy",
        "procthor-10k-train": "20251122_with_occupancy",
        "procthor-10k-val": "20251217_with_occupancy",
        "procthor-10k-test": "20251121_with_occupancy",
        "procthor-objaverse-train": "20251205_with_occupancy",
        "procthor-objaverse-val": "20251205_with_occupancy",
        "holodeck-objaverse-train": "20251217_with_occupancy",
        "holodeck-objaverse-val": "20251217_with_occupancy",
    },
    "objects": {"thor": "20251117", "objaverse": "20260131"},
    "benchmarks": {"molmospaces-bench-v1": "20260408", "molmospaces-bench-v2": "20260415"},
}
"""Versions of the official assets that the published benchmarks were made with."""

_OBJECT_FILE = re.compile(r'file="(?:\.\./)+objects/([^"/]+)/([^"]+)"')


def fetch(what: str, remote: str = BUCKET) -> Path:
    """Fetches a house (``<dataset>/<split>/<index>``), an object (``objects/...``) or a suite.

    Returns:
        The house's MJCF file, the object's file, or the suite's folder.

    Raises:
        UnknownName: none of the three.
        SceneNotFound: it could not be fetched; the message says why.
    """
    if what in official_suites():
        return fetch_suite(what, remote)
    if not is_official_name(what) and what.startswith("objects/"):
        return fetch_asset(what, remote)
    return fetch_house(what, remote)


def fetch_house(name: str, remote: str = BUCKET) -> Path:
    """Downloads an official house and its objects into the assets directory.

    Args:
        name: ``<dataset>/<split>/<index>``.
        remote: bucket name or base URL of the storage.

    Returns:
        The MJCF file of the house.

    Raises:
        UnknownName: the name is none of an official house.
        SceneNotFound: it could not be fetched; the message says why.
    """
    house = parse_house_name(name)
    with _explained(str(house), remote):
        storage = _storage(remote)
        _install_scene(storage, house)
        path = locate_house(name)
        for source, files in sorted(referenced_objects(path).items()):
            _install_objects(storage, source, files)
    return path


def fetch_asset(path: str, remote: str = BUCKET) -> Path:
    """Downloads an object, given as in an episode: ``objects/<source>/<file>``.

    Raises:
        SceneNotFound: it could not be fetched; the message says why.
    """
    parts = PurePosixPath(path).parts
    if len(parts) < 3 or parts[0] != "objects" or parts[1] not in VERSIONS["objects"]:
        known = " or ".join(f"objects/{source}/<file>" for source in VERSIONS["objects"])
        raise SceneNotFound(f"cannot fetch {path!r}: expected {known}")
    with _explained(path, remote):
        _install_objects(_storage(remote), parts[1], ["/".join(parts[2:])])
    file = assets_dir() / path
    if not file.is_file():
        raise SceneNotFound(f"fetched the archive of {path!r}, but it does not hold {file}")
    return file


def fetch_suite(name: str, remote: str = BUCKET) -> Path:
    """Downloads the episodes of an official suite, with those of the others in its package.

    Their houses are fetched one by one, see ``missing_houses``.

    Raises:
        UnknownName: there is no such official suite.
        SceneNotFound: it could not be fetched; the message says why.
        SuiteNotFound: the package is there in another version, or does not hold the suite.
    """
    suites = official_suites()
    if name not in suites:
        raise UnknownName("official suite", name, list(suites))
    suite = suites[name]
    if not (suite.directory / "benchmark.json").is_file():
        with _explained(name, remote):
            # The official downloader unpacks the whole package of benchmarks when it is set up.
            _manager(_storage(remote), "benchmarks", suite.package)
    return suite.find()


def missing_houses(specs: Iterable[EpisodeSpec]) -> list[str]:
    """Names of the official houses of some episodes that are not on disk, each once."""
    names = dict.fromkeys(house_name(spec) for spec in specs)
    return [name for name in names if is_official_name(name) and not is_installed(name)]


def referenced_objects(mjcf: Path) -> dict[str, list[str]]:
    """Object files that an MJCF refers to: source -> paths inside it."""
    found: dict[str, set[str]] = {}
    for source, file in _OBJECT_FILE.findall(mjcf.read_text(encoding="utf-8")):
        found.setdefault(source, set()).add(file)
    return {source: sorted(paths) for source, paths in found.items()}


def _install_scene(storage: Any, house: HouseId) -> None:
    manager = _manager(storage, "scenes", house.source)
    wanted = manager.find_archives("scenes", house.source, [f"{house.stem}.xml"])
    everything = manager.find_all_packages_for_source("scenes", house.source)
    shared = manager.unindexed_archives("scenes", house.source)
    if len(everything) < SMALL_SOURCE:
        shared = everything
    manager.install_packages("scenes", {house.source: sorted({*wanted, *shared})})


def _install_objects(storage: Any, source: str, files: Iterable[str]) -> None:
    manager = _manager(storage, "objects", source)
    archives = manager.find_archives("objects", source, list(files))
    manager.install_packages("objects", {source: archives})


def _manager(storage: Any, data_type: str, source: str) -> Any:
    """A set-up resource manager of one source.

    A setup that fails half-way leaves a folder that every later one refuses to touch, so that
    folder is removed again.
    """
    version = _version(data_type, source)
    cache = Path(os.environ.get(CACHE_ENV) or DEFAULT_CACHE_DIR).expanduser()
    folder = cache / data_type / source / version
    existed = folder.exists()
    manager = import_module("molmospaces_resources").ResourceManager(
        remote_storage=storage,
        data_type_to_source_to_version={data_type: {source: version}},
        symlink_dir=assets_dir(),
        cache_dir=cache,
    )
    try:
        manager.setup()
    except BaseException:
        if not existed:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    return manager


def _version(data_type: str, source: str) -> str:
    """The installed version where there is one, so that nothing is replaced; else ours."""
    file = assets_dir() / import_module("molmospaces_resources").LOCAL_MANIFEST_NAME
    installed = read_json(file, SceneNotFound) if file.is_file() else {}
    known = VERSIONS[data_type].get(source)
    version = installed.get(data_type, {}).get(source) or known
    if version is None:
        raise ValueError(f"no known version of the {data_type} {source!r}")
    return str(version)


def _storage(remote: str) -> Any:
    """The remote storage, after a check that it answers: its own requests never time out."""
    storage = import_module("molmospaces_resources").R2RemoteStorage(remote)
    try:
        with urllib.request.urlopen(storage.base_url, timeout=TIMEOUT_S):
            return storage
    except urllib.error.HTTPError as answer:
        answer.close()
        return storage


@contextmanager
def _explained(what: str, remote: str) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise SceneNotFound(
            f"fetching {what} needs the module {error.name!r}: "
            'pip install "molmospaces-gym[assets]"'
        ) from error
    except SceneNotFound:
        raise
    except (OSError, RuntimeError, ValueError, AssertionError, KeyError) as error:
        raise SceneNotFound(
            f"could not fetch {what} from {remote} into {assets_dir()}: "
            f"{type(error).__name__}: {error}; check the network connection and the name"
        ) from error
