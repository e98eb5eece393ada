"""What opens in a scene: joints of drawers, doors and lids, with the handles that move them.

Closed is joint position 0 and open the other end of the range, whatever its sign (official rule).
Generated houses name each handle in their metadata. Elsewhere the place to pull is guessed: a leaf
body whose joint is called a handle, or the front of the box around the moving part.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.transforms import pose_matrix

if TYPE_CHECKING:
    from molmospaces_gym.scenes.model import SceneModel

Array = NDArray[np.float64]

_HINGE, _SLIDE = int(mujoco.mjtJoint.mjJNT_HINGE), int(mujoco.mjtJoint.mjJNT_SLIDE)
HANDLE_NAME = "handle"
"""Part of the name of a handle's own joint (official convention)."""


@dataclass(frozen=True, eq=False)
class Handle:
    """Where a moving part is held, in the frame of that part (m).

    ``geoms`` are what the fingers touch, empty where the scene names no handle. ``middle`` (3,) is
    the middle of the bar, ``along`` (3,) the unit vector of its length, ``half`` half that length
    and ``outward`` (3,) the unit vector from the part towards whoever opens it.
    """

    geoms: tuple[int, ...]
    middle: Array
    along: Array
    half: float
    outward: Array


@dataclass(frozen=True, eq=False)
class Articulation:
    """One hinge or slide that opens something.

    ``qpos`` and ``dof`` are its addresses, ``axis`` and ``anchor`` (3,) its axis and a point on it
    in the frame of the moving ``body``. ``low`` and ``high`` (rad or m) are its range.
    """

    joint: int
    name: str
    body: int
    qpos: int
    dof: int
    slides: bool
    low: float
    high: float
    axis: Array
    anchor: Array
    handles: tuple[Handle, ...]

    @property
    def span(self) -> float:
        """Length of the range, rad or m."""
        return self.high - self.low

    @property
    def sign(self) -> float:
        """+1 where opening raises the joint position, -1 where it lowers it."""
        return 1.0 if abs(self.high) >= abs(self.low) else -1.0

    def position(self, fraction: float) -> float:
        """Joint position (rad or m) at which ``fraction`` of the range is open."""
        return min(max(self.sign * fraction * self.span, self.low), self.high)

    def fraction(self, position: float) -> float:
        """Share of the range that a joint position has opened (official: absolute values)."""
        return abs(position) / self.span

    def moved(self, pose: Array, change: Array) -> Array:
        """Poses (n, 4, 4) of the body after joint changes (n,), given its pose (4, 4) before."""
        axis = pose[:3, :3] @ self.axis
        result = np.tile(pose, (len(change), 1, 1))
        if self.slides:
            result[:, :3, 3] += change[:, None] * axis
            return result
        turn = turns(axis, change)
        anchor = pose[:3, :3] @ self.anchor + pose[:3, 3]
        result[:, :3, :3] = turn @ pose[:3, :3]
        result[:, :3, 3] = anchor + turn @ (pose[:3, 3] - anchor)
        return result


def turns(axis: Array, angles: Array) -> Array:
    """Rotations (n, 3, 3) about a unit axis (3,)."""
    x, y, z = axis
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    sin, cos = np.sin(angles)[:, None, None], np.cos(angles)[:, None, None]
    turns: Array = np.eye(3) + sin * cross + (1.0 - cos) * (cross @ cross)
    return turns


def find_articulations(scene: "SceneModel") -> dict[str, Articulation]:
    """Every limited hinge and slide that is not the robot's, by joint name, in model order.

    Levers and knobs, whose joint is called a handle, are handles of what they sit on.
    """
    model = scene.model
    named = _named_handles(scene)
    found: dict[str, Articulation] = {}
    for joint in range(model.njnt):
        body, name = int(model.jnt_bodyid[joint]), model.joint(joint).name
        opens = int(model.jnt_type[joint]) in (_HINGE, _SLIDE)
        low, high = (float(end) for end in model.jnt_range[joint])
        mine = model.body_rootid[body] == scene.robot.root_id
        if not opens or mine or not model.jnt_limited[joint] or high - low < 1e-6:
            continue
        if HANDLE_NAME in name:
            continue
        part = Articulation(
            joint=joint,
            name=name,
            body=body,
            qpos=int(model.jnt_qposadr[joint]),
            dof=int(model.jnt_dofadr[joint]),
            slides=int(model.jnt_type[joint]) == _SLIDE,
            low=low,
            high=high,
            axis=model.jnt_axis[joint].copy(),
            anchor=model.jnt_pos[joint].copy(),
            handles=(),
        )
        handles = _handles(scene, part, named.get(name, ()))
        found[name] = Articulation(**{**part.__dict__, "handles": handles})
    return found


def joints_below(scene: "SceneModel", body: int) -> tuple[str, ...]:
    """Names of the articulations of a body and of everything that hangs under it."""
    parents = scene.model.body_parentid
    found = []
    for name, part in scene.articulations.items():
        at = part.body
        while at not in (0, body):
            at = int(parents[at])
        if at == body:
            found.append(name)
    return tuple(found)


def _named_handles(scene: "SceneModel") -> dict[str, tuple[int, ...]]:
    """Joint name -> geoms of its handles, as the house's metadata names them."""
    metadata = scene.house.metadata
    entries: list[Mapping[str, Any]] = [m for m in scene.objects.values() if "handle" in m]
    entries += [*metadata.get("articulated", ()), *metadata.get("doors", ())]
    geoms = {scene.model.geom(g).name: g for g in range(scene.model.ngeom)}
    found = {}
    for entry in entries:
        names = entry.get("handles") or [entry.get("handle")]
        known = tuple(geoms[name] for name in names if name in geoms)
        if known and "joint" in entry:
            found[str(entry["joint"])] = known
    return found


def _handles(scene: "SceneModel", part: Articulation, geoms: tuple[int, ...]) -> tuple[Handle, ...]:
    model = scene.model
    if not geoms:
        below = [
            int(model.jnt_bodyid[j])
            for j in range(model.njnt)
            if HANDLE_NAME in model.joint(j).name
            and model.body_parentid[model.jnt_bodyid[j]] == part.body
        ]
        geoms = tuple(_longest_geom(model, body) for body in below if model.body_geomnum[body])
    if not geoms:
        return (_guessed_handle(scene, part),)
    return tuple(_bar(model, part, geom) for geom in geoms)


def _longest_geom(model: mujoco.MjModel, body: int) -> int:
    start = int(model.body_geomadr[body])
    geoms = np.arange(start, start + int(model.body_geomnum[body]))
    solid = (model.geom_contype[geoms] | model.geom_conaffinity[geoms]) != 0
    kept = geoms[solid] if solid.any() else geoms
    return int(kept[np.argmax(model.geom_aabb[kept, 3:].max(axis=1))])


def _bar(model: mujoco.MjModel, part: Articulation, geom: int) -> Handle:
    """A geom as a bar to hold."""
    frame = np.eye(4)
    body = int(model.geom_bodyid[geom])
    while body not in (0, part.body):  # a lever turns in the part's frame; it is taken at rest
        frame = pose_matrix(model.body_pos[body], model.body_quat[body]) @ frame
        body = int(model.body_parentid[body])
    frame = frame @ pose_matrix(model.geom_pos[geom], model.geom_quat[geom])
    box = model.geom_aabb[geom]
    long = int(np.argmax(box[3:]))
    middle = frame[:3, :3] @ box[:3] + frame[:3, 3]
    return Handle(
        geoms=(geom,),
        middle=middle,
        along=frame[:3, long],
        half=float(box[3 + long]),
        outward=_outward(model, part, middle, frame[:3, long]),
    )


def _outward(model: mujoco.MjModel, part: Articulation, middle: Array, along: Array) -> Array:
    """The way a handle moves when it opens, or, of a lever's two, away from the part."""
    way = part.sign * _opening_way(part, middle)
    way = way - (way @ along) * along
    way = way / max(float(np.linalg.norm(way)), 1e-9)
    side = float((middle - _part_box(model, part.body)[0]) @ way)
    return way if side >= 0.0 else -way


def _opening_way(part: Articulation, point: Array) -> Array:
    if part.slides:
        return part.axis
    arm = point - part.anchor
    way: Array = np.cross(part.axis, arm)
    return way


def _part_box(model: mujoco.MjModel, body: int) -> tuple[Array, Array]:
    """Middle and half sizes (3,) of the box around the geoms of a body, in its frame."""
    lower, upper = np.full(3, np.inf), np.full(3, -np.inf)
    start = int(model.body_geomadr[body])
    for geom in range(start, start + int(model.body_geomnum[body])):
        frame = pose_matrix(model.geom_pos[geom], model.geom_quat[geom])
        center = frame[:3, 3] + frame[:3, :3] @ model.geom_aabb[geom, :3]
        reach = np.abs(frame[:3, :3]) @ model.geom_aabb[geom, 3:]
        lower, upper = np.minimum(lower, center - reach), np.maximum(upper, center + reach)
    if not np.isfinite(lower).all():
        return np.zeros(3), np.zeros(3)
    return (lower + upper) / 2, (upper - lower) / 2


def _guessed_handle(scene: "SceneModel", part: Articulation) -> Handle:
    """The middle of a drawer's front, or the edge of a door that is farthest from its hinge."""
    middle, half = _part_box(scene.model, part.body)
    if part.slides:
        outward = part.sign * part.axis
        point = middle + (np.abs(outward) @ half) * outward
        across = np.abs(outward) > 0.5
        along = np.eye(3)[int(np.argmax(np.where(across, -1.0, half)))]
        return Handle((), point, along, float(np.abs(along) @ half), outward)
    arm = middle - part.anchor
    arm = arm - (arm @ part.axis) * part.axis
    norm = float(np.linalg.norm(arm))
    if norm < 1e-9:
        return Handle((), middle, part.axis, float(np.abs(part.axis) @ half), np.eye(3)[0])
    radial = arm / norm
    outward = part.sign * np.cross(part.axis, radial)
    point = middle + (np.abs(radial) @ half) * radial + (np.abs(outward) @ half) * outward
    return Handle((), point, part.axis, float(np.abs(part.axis) @ half), outward)


def owner_of(scene: "SceneModel", part: Articulation) -> str:
    """Name of the object that an episode names for a joint: the nearest one with metadata.

    Without metadata it is the top-level body.
    """
    model, body = scene.model, part.body
    while body and model.body(body).name not in scene.objects:
        body = int(model.body_parentid[body])
    return str(model.body(body or int(model.body_rootid[part.body])).name)
