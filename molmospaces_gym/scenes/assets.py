"""Object files: a user's asset library in the official index format, and paths in episodes.

A library is a directory with ``assets_index.json``: ``{uid: {"uid", "object_path",
"metadata_path", "metadata_npz_path"}}``, and optionally ``grasps_index.json``:
``{"grasp_paths": {robot: {uid: path}}, "articulated_grasp_paths": {robot: {uid: {joint: path}}}}``.
Paths are relative to the directory.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from molmospaces_gym.errors import InvalidScene, SceneNotFound, UnknownName
from molmospaces_gym.json_files import read_json
from molmospaces_gym.scenes.grasp_files import Transforms, load_grasps
from molmospaces_gym.scenes.official import assets_dir, how_to_fetch
from molmospaces_gym.schema import invalid_episode

ASSETS_INDEX = "assets_index.json"
GRASPS_INDEX = "grasps_index.json"

MAX_LISTED = 20
"""Names listed in the message of an unknown one."""


class AssetEntry(BaseModel):
    """One object of ``assets_index.json``."""

    model_config = ConfigDict(extra="allow", frozen=True)

    uid: str
    object_path: str
    metadata_path: str
    metadata_npz_path: str | None = None


class GraspsIndex(BaseModel):
    """The content of ``grasps_index.json``."""

    model_config = ConfigDict(extra="allow", frozen=True)

    grasp_paths: dict[str, dict[str, str]] = {}
    articulated_grasp_paths: dict[str, dict[str, dict[str, str]]] = {}


T = TypeVar("T")

_ENTRIES = TypeAdapter(dict[str, AssetEntry])
_GRASPS = TypeAdapter(GraspsIndex)


@dataclass(frozen=True)
class AssetLibrary:
    """A directory of objects. Nothing but the two index files is read until it is asked for."""

    path: Path
    entries: Mapping[str, AssetEntry]
    grasps_index: GraspsIndex

    @classmethod
    def load(cls, directory: str | Path) -> "AssetLibrary":
        """Reads the indices of a library.

        Raises:
            SceneNotFound: the directory has no ``assets_index.json``.
            InvalidScene: an index is corrupt.
        """
        path = Path(directory).expanduser()
        index = path / ASSETS_INDEX
        if not index.is_file():
            raise SceneNotFound(f"missing {index}; expected a directory with an asset index")
        entries = _read(index, _ENTRIES)
        for uid, entry in entries.items():
            if entry.uid != uid:
                raise InvalidScene(f"{index}: the entry {uid!r} calls itself {entry.uid!r}")
        grasps = path / GRASPS_INDEX
        found = _read(grasps, _GRASPS) if grasps.is_file() else GraspsIndex()
        return cls(path, entries, found)

    @property
    def uids(self) -> tuple[str, ...]:
        """The objects, in the order of the index."""
        return tuple(self.entries)

    def object_path(self, uid: str) -> Path:
        """The MJCF file of an object.

        Raises:
            UnknownName: the library has no such object.
            SceneNotFound: its file is missing.
        """
        return self._file(self._entry(uid).object_path, f"MJCF of {uid!r}")

    def metadata(self, uid: str) -> dict[str, Any]:
        """What is known of an object: category, descriptions, mass (kg), boundingBox (m), ...

        Raises:
            UnknownName: the library has no such object.
            SceneNotFound: its file is missing.
            InvalidScene: its file is corrupt.
        """
        file = self._file(self._entry(uid).metadata_path, f"metadata of {uid!r}")
        data = read_json(file, InvalidScene)
        if not isinstance(data, dict):
            raise InvalidScene(f"{file}: found {type(data).__name__}, expected an object of fields")
        return data

    def has_grasps(self, uid: str, robot: str = "droid", joint: str | None = None) -> bool:
        """Whether the grasp index knows an object (or a joint of it) for a robot."""
        return self._grasp_path(uid, robot, joint) is not None

    def grasps(self, uid: str, robot: str = "droid", joint: str | None = None) -> Transforms:
        """The grasps of an object.

        Args:
            uid: the object.
            robot: key of the grasp index.
            joint: a joint of an articulated object, None for the object as a whole.

        Returns:
            (N, 4, 4) transforms, see ``load_grasps``.

        Raises:
            UnknownName: no such object, or no grasps of it for this robot and joint.
            SceneNotFound: the grasp file is missing.
            InvalidScene: the grasp file is corrupt.
        """
        self._entry(uid)
        path = self._grasp_path(uid, robot, joint)
        if path is None:
            part = uid if joint is None else f"{uid}/{joint}"
            raise UnknownName(f"grasps of {robot!r} for", part, self._known_grasps(robot, joint))
        return load_grasps(self._file(path, f"grasps of {uid!r}"))

    def _entry(self, uid: str) -> AssetEntry:
        if uid not in self.entries:
            raise UnknownName(f"object of {self.path}", uid, self.uids[:MAX_LISTED])
        return self.entries[uid]

    def _grasp_path(self, uid: str, robot: str, joint: str | None) -> str | None:
        if joint is None:
            return self.grasps_index.grasp_paths.get(robot, {}).get(uid)
        joints = self.grasps_index.articulated_grasp_paths.get(robot, {})
        return joints.get(uid, {}).get(joint)

    def _known_grasps(self, robot: str, joint: str | None) -> list[str]:
        if joint is None:
            return list(self.grasps_index.grasp_paths.get(robot, {}))[:MAX_LISTED]
        objects = self.grasps_index.articulated_grasp_paths.get(robot, {})
        return [f"{uid}/{name}" for uid, names in objects.items() for name in names][:MAX_LISTED]

    def _file(self, relative: str, what: str) -> Path:
        file = self.path / relative
        if not file.is_file():
            raise SceneNotFound(f"{what}: missing {file}, which an index of {self.path} names")
        return file


def resolve_asset(path: str, base: Path | None = None) -> Path:
    """The file of an ``added_objects`` value.

    Args:
        path: absolute, or relative to ``base`` or to the assets directory.
        base: directory looked in before the assets directory (that of a benchmark).

    Raises:
        SceneNotFound: there is no such file; the message holds the command that fetches it.
    """
    roots = [assets_dir()] if base is None else [base, assets_dir()]
    for root in roots:
        if (root / path).is_file():
            return root / path
    raise SceneNotFound(f"object {path!r}: missing {roots[-1] / path}; {how_to_fetch(path)}")


def _read(file: Path, adapter: TypeAdapter[T]) -> T:
    try:
        return adapter.validate_python(read_json(file, InvalidScene))
    except ValidationError as error:
        raise InvalidScene(str(invalid_episode(error, str(file)))) from error
