"""Objects of a user's asset library, made ready to be placed in generated houses."""

import functools
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidScene
from molmospaces_gym.scenes.assets import AssetLibrary
from molmospaces_gym.scenes.generator.catalog import MAX_WIDTH
from molmospaces_gym.scenes.generator.names import joint_name
from molmospaces_gym.scenes.generator.plate import RestPose, settle_on_plate
from molmospaces_gym.scenes.generator.shapes import IDENTITY, Quat, Vec3
from molmospaces_gym.scenes.object_files import ObjectText, object_text

_LENGTHS = {"1": "one_word", "2": "two_words", "3": "three_words"}
CUSTOM = "custom_obj"
"""``object_enum`` of the official metadata."""


@dataclass(frozen=True)
class CustomKind:
    """What an object of a library is called."""

    name: str


@dataclass(frozen=True)
class CustomAsset:
    """One object of a library; lengths in m, mass in kg.

    It has what is needed of a ``generator.catalog.Asset`` to be placed: its body's origin, which
    is wherever the file has it, rests as ``rest`` says; ``footprint`` is the radius of the circle
    around the origin that holds it, seen from above, and ``half_size`` the half size of the box
    around it at rest.
    """

    asset_id: str
    category: CustomKind
    library: Path
    about: dict[str, Any]
    text: ObjectText
    half_size: Vec3
    rest: RestPose
    footprint: float
    mass: float
    graspable: bool

    def __hash__(self) -> int:
        return hash((self.asset_id, self.library))

    def metadata(self) -> dict[str, Any]:
        """The asset's share of an entry of the scene metadata (JSON-plain)."""
        x, y, z = (2 * half for half in self.half_size)
        short = self.about.get("description_short") or {}
        told = {n: short[key] for n, key in _LENGTHS.items() if short.get(key)}
        return {
            "asset_id": self.asset_id,
            "category": str(self.about.get("category") or self.asset_id),
            "synset": self.about.get("synset"),
            "object_enum": CUSTOM,
            "is_static": False,
            "boundingBox": self.about.get("boundingBox") or {"x": x, "y": y, "z": z},
            "mass": self.mass,
            "lemma": self.category.name,
            "descriptions": told or {"1": str(self.about.get("category") or self.category.name)},
            "graspable": self.graspable,
            "pickupable": self.graspable,
            "library": str(self.library),
            "rest_height": self.rest.height,
            "rest_quat": list(self.rest.quat),
            "footprint": self.footprint,
            "half_size": list(self.half_size),
        }

    def body(self, name: str, pos: Vec3, quat: Quat) -> tuple[str, dict[str, str]]:
        """Its free body under a name and the assets that it needs, by name."""
        joint = f'<joint name="{joint_name(name, "free")}" class="loose"/>'
        where = (" ".join(f"{value:.7g}" for value in values) for values in (pos, quat))
        return self.text.placed(name, joint, *where), dict(self.text.assets)


@functools.lru_cache(maxsize=256)
def load_custom_asset(library: str | Path, uid: str) -> CustomAsset:
    """An object of a library in the official index format, measured and settled.

    Its size, mass and rest pose are those of its MJCF in the simulator, whatever its metadata says.

    Args:
        library: directory with ``assets_index.json``.
        uid: which of its objects.

    Raises:
        SceneNotFound: the directory has no index, or a file that it names is missing.
        UnknownName: the library has no such object.
        InvalidScene: a file is corrupt, the object does not stand by itself, or its MJCF holds
            what only a whole scene can hold.
    """
    index = AssetLibrary.load(library)
    path, about = index.object_path(uid), index.metadata(uid)
    text, model = object_text(path, uid)
    points = _corners(model)
    lowest = -float(points[:, 2].min())
    rest = _settle(text, lowest, path)
    turn = np.zeros(9)
    mujoco.mju_quat2Mat(turn, np.array(rest.quat))
    points = points @ turn.reshape(3, 3).T
    hx, hy, hz = (float(v) for v in (points.max(axis=0) - points.min(axis=0)) / 2)
    lemma = "".join(c for c in str(about.get("category") or uid).lower() if c.isalnum())
    narrow = 2 * min(hx, hy) <= MAX_WIDTH
    return CustomAsset(
        asset_id=uid,
        category=CustomKind(lemma or "object"),
        library=index.path.resolve(),
        about=about,
        text=text,
        half_size=(hx, hy, hz),
        rest=rest,
        footprint=float(np.hypot(points[:, 0], points[:, 1]).max()),
        mass=float(model.body_subtreemass[1]),
        graspable=index.has_grasps(uid) or narrow,
    )


def _corners(model: mujoco.MjModel) -> NDArray[np.float64]:
    """Corners (N, 3) of the boxes around all geoms, in the frame of the object's body."""
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    signs = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    found = []
    for geom in range(model.ngeom):
        middle, half = model.geom_aabb[geom, :3], model.geom_aabb[geom, 3:]
        turn = data.geom_xmat[geom].reshape(3, 3)
        found.append((middle + signs * half) @ turn.T + data.geom_xpos[geom])
    return np.concatenate(found)


def _settle(text: ObjectText, lowest: float, path: Path) -> RestPose:
    """How the object rests when it is put down as its file has it."""
    joint = '<joint name="free" class="loose"/>'
    pose = (f"0 0 {lowest:.7g}", " ".join(map(str, IDENTITY)))
    body = text.placed("asset", joint, *pose)
    rest = settle_on_plate(body, "".join(text.assets.values()), text.defaults)
    if not rest.stable or not math.isfinite(rest.height):
        raise InvalidScene(f"the object of {path} does not stand by itself as its file has it")
    return rest
