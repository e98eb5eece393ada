"""Which bodies of a model move as one, and how they hang together: no simulator needed.

Bodies without a joint between them are one ``Part``. Parts that hang under one another form a
``Tree``: a single rigid body, or an articulation of several. Poses are relative to the reference
configuration ``qpos0``, in which MuJoCo's body frames are those of the file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import mujoco
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FREE = int(mujoco.mjtJoint.mjJNT_FREE)
SLIDE = int(mujoco.mjtJoint.mjJNT_SLIDE)
HINGE = int(mujoco.mjtJoint.mjJNT_HINGE)


@dataclass(frozen=True, eq=False)
class Part:
    """Bodies that are welded together.

    ``body`` is the first of them, whose frame is the part's; ``parent`` the first body of the part
    it hangs under, 0 for what stands still; ``joints`` its joints in order, none for the still
    part and for one that a mocap body carries.
    """

    body: int
    bodies: tuple[int, ...]
    parent: int
    joints: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Tree:
    """Parts that hang under one another, parents first.

    ``carrier`` is the part they hang from when it moves itself: a free or a mocap body.
    """

    parts: tuple[Part, ...]
    free_joint: int
    mocap: int

    @property
    def is_single(self) -> bool:
        """Whether it is one rigid body that nothing hangs under."""
        return len(self.parts) == 1 and (self.free_joint >= 0 or self.mocap >= 0)


class Layout:
    """The parts and trees of a model with their relative poses."""

    def __init__(self, model: mujoco.MjModel) -> None:
        self.model = model
        data = mujoco.MjData(model)
        data.qpos[:] = model.qpos0
        mujoco.mj_kinematics(model, data)
        self._xpos, self._xquat = data.xpos, data.xquat
        self.parts = _parts(model)
        self.still = self.parts[0]
        self.trees = _trees(model, [part for body, part in self.parts.items() if body])

    def relative(self, body: int, part: int) -> tuple[Array, Array]:
        """Position (3,) and quaternion (4,) of a body in the frame of another in ``qpos0``."""
        return compose(
            *invert(self._xpos[part], self._xquat[part]), self._xpos[body], self._xquat[body]
        )

    @cached_property
    def part_of(self) -> NDArray[np.intp]:
        """Body id -> first body of its part."""
        owner = np.zeros(self.model.nbody, dtype=np.intp)
        for part in self.parts.values():
            owner[list(part.bodies)] = part.body
        return owner

    def name(self, body: int) -> str:
        """Name of a body, made up where the model has none."""
        return self.model.body(body).name or f"body{body}"

    def geoms(self, part: Part) -> NDArray[np.intp]:
        """Ids of the colliding geoms of a part."""
        model = self.model
        solid = (model.geom_contype | model.geom_conaffinity) != 0
        found: NDArray[np.intp] = np.flatnonzero(solid & np.isin(model.geom_bodyid, part.bodies))
        return found

    def inertia(
        self, part: Part, model: mujoco.MjModel | None = None
    ) -> tuple[float, Array, Array, Array]:
        """Mass (kg), middle (3,), axes (4,) and principal moments (3,) of a part in its frame.

        Masses are those of ``model``, which may be a slot's own copy.
        """
        return self.combined(part.bodies, part.body, self.model if model is None else model)

    def combined(
        self, bodies: Sequence[int], frame: int, model: mujoco.MjModel
    ) -> tuple[float, Array, Array, Array]:
        """Mass (kg), middle (3,), axes (4,) and moments (3,) of welded bodies in one's frame."""
        if len(bodies) == 1 and bodies[0] == frame:
            return (
                float(model.body_mass[frame]),
                model.body_ipos[frame],
                model.body_iquat[frame],
                model.body_inertia[frame],
            )
        return _combined(
            [
                (
                    float(model.body_mass[body]),
                    *compose(
                        *self.relative(body, frame),
                        model.body_ipos[body],
                        model.body_iquat[body],
                    ),
                    model.body_inertia[body],
                )
                for body in bodies
            ]
        )


def _parts(model: mujoco.MjModel) -> dict[int, Part]:
    """First body -> part, the still part (0) first. A mocap body starts a part of its own."""
    first = np.zeros(model.nbody, dtype=np.intp)
    for body in range(1, model.nbody):
        starts = model.body_jntnum[body] > 0 or model.body_mocapid[body] >= 0
        first[body] = body if starts else first[model.body_parentid[body]]
    found = {}
    for body in np.unique(first).tolist():
        adr, count = int(model.body_jntadr[body]), int(model.body_jntnum[body])
        found[body] = Part(
            body=body,
            bodies=tuple(np.flatnonzero(first == body).tolist()),
            parent=int(first[model.body_parentid[body]]),
            joints=tuple(range(adr, adr + count)),
        )
    return found


def _trees(model: mujoco.MjModel, parts: Sequence[Part]) -> tuple[Tree, ...]:
    grown: dict[int, list[Part]] = {}
    root_of: dict[int, int] = {}
    for part in parts:
        root = part.body if part.parent == 0 else root_of[part.parent]
        root_of[part.body] = root
        grown.setdefault(root, []).append(part)
    return tuple(
        Tree(
            tuple(members),
            next((j for j in members[0].joints if model.jnt_type[j] == FREE), -1),
            int(model.body_mocapid[root]),
        )
        for root, members in grown.items()
    )


def _combined(
    masses: list[tuple[float, Array, Array, Array]],
) -> tuple[float, Array, Array, Array]:
    """One rigid body of several, by the parallel axis theorem."""
    total = sum(mass for mass, *_ in masses)
    if total == 0.0:
        return 0.0, np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0]), np.zeros(3)
    middle = sum((mass * pos for mass, pos, *_ in masses), np.zeros(3)) / total
    inertia = np.zeros((3, 3))
    for mass, pos, quat, moments in masses:
        axes, arm = matrix(quat), pos - middle
        inertia += axes @ np.diag(moments) @ axes.T
        inertia += mass * (arm @ arm * np.eye(3) - np.outer(arm, arm))
    moments, vectors = np.linalg.eigh(inertia)
    if np.linalg.det(vectors) < 0:
        vectors[:, 2] *= -1
    return total, middle, quaternion(vectors), moments


def compose(pos: Array, quat: Array, inner_pos: Array, inner_quat: Array) -> tuple[Array, Array]:
    """The pose ``inner`` of the frame ``pos, quat`` in the frame outside of it."""
    out_pos, out_quat = np.empty(3), np.empty(4)
    mujoco.mju_mulPose(out_pos, out_quat, pos, quat, inner_pos, inner_quat)
    return out_pos, out_quat


def invert(pos: Array, quat: Array) -> tuple[Array, Array]:
    """The pose of the outer frame in the frame ``pos, quat``."""
    out_pos, out_quat = np.empty(3), np.empty(4)
    mujoco.mju_negPose(out_pos, out_quat, pos, quat)
    return out_pos, out_quat


def matrix(quat: Array) -> Array:
    """Rotation matrix (3, 3)."""
    out = np.empty(9)
    mujoco.mju_quat2Mat(out, quat)
    return out.reshape(3, 3)


def quaternion(mat: Array) -> Array:
    """Quaternion (4,), wxyz, of a rotation matrix (3, 3)."""
    out = np.empty(4)
    mujoco.mju_mat2Quat(out, np.ascontiguousarray(mat).ravel())
    return out
