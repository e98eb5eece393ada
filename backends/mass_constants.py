"""What MuJoCo derives from masses and inertias, computed anew in a fraction of its time.

``mj_setConst`` goes through all of a house, most of which does not depend on masses at all. Where
the bodies are and how they move in ``qpos0`` is the same for all masses, and is found once here.
"""

from collections.abc import Callable
from weakref import WeakKeyDictionary

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.backends import mass_kernels
from molmospaces_gym.scenes.model import SceneModel

Array = NDArray[np.float64]
Ids = NDArray[np.intp]
Writer = Callable[[mujoco.MjModel, mujoco.MjData], None]

DERIVED_FIELDS = (
    "body_subtreemass",
    "body_invweight0",
    "dof_M0",
    "dof_invweight0",
    "tendon_invweight0",
    "actuator_acc0",
    "cam_poscom0",
    "light_poscom0",
)
"""Arrays of a model that follow from masses and inertias."""
_HINGES = (int(mujoco.mjtJoint.mjJNT_HINGE), int(mujoco.mjtJoint.mjJNT_SLIDE))
_AT_JOINTS = (int(mujoco.mjtTrn.mjTRN_JOINT), int(mujoco.mjtTrn.mjTRN_JOINTINPARENT))
_AT_TENDONS = int(mujoco.mjtTrn.mjTRN_TENDON)

_writers: "WeakKeyDictionary[SceneModel, Writer]" = WeakKeyDictionary()


def constants_of(scene: SceneModel) -> Writer:
    """What writes the constants that follow from the masses of a copy of a scene's model.

    Its second argument is scratch memory of the model.
    """
    if scene not in _writers:
        known = is_supported(scene.model)
        _writers[scene] = MassConstants(scene.model) if known else set_const
    return _writers[scene]


def set_const(model: mujoco.MjModel, data: mujoco.MjData) -> None:
    """MuJoCo's own way, with the constants kept that follow from shapes alone."""
    kept = {name: np.copy(getattr(model.stat, name)) for name in ("extent", "center", "meansize")}
    # MuJoCo before 3.16 derives no constants of what sleeps; after a reset nothing does.
    mujoco.mj_resetData(model, data)
    mujoco.mj_setConst(model, data)
    for name, value in kept.items():
        setattr(model.stat, name, value)


def is_supported(model: mujoco.MjModel) -> bool:
    """Whether ``MassConstants`` knows all of a model.

    It does not know soft bodies, tendons that have inertia or lead through space, and actuators of
    anything but hinges, slides and tendons.
    """
    kinds = model.actuator_trntype
    at_joints = np.isin(kinds, _AT_JOINTS)
    joints = model.actuator_trnid[at_joints, 0]
    simple = at_joints | (kinds == _AT_TENDONS)
    return bool(
        not model.nflex
        and (model.wrap_type == int(mujoco.mjtWrap.mjWRAP_JOINT)).all()
        and not (model.tendon_armature != 0).any()
        and simple.all()
        and np.isin(model.jnt_type[joints], _HINGES).all()
    )


class MassConstants:
    """Writes the constants of a model from its masses, those of ``shared`` being up to date."""

    def __init__(self, shared: mujoco.MjModel) -> None:
        data = mujoco.MjData(shared)
        mujoco.mj_kinematics(shared, data)
        mujoco.mj_comPos(shared, data)
        self._center = data.xipos.copy()
        self._parents = shared.body_parentid.astype(np.intp)
        self._trees, self._bodies = _trees(shared)
        self._places, self._jacobians = _jacobians(shared, data, self._trees, self._bodies)
        self._groups = _groups(shared)
        self._rows = np.vstack([_tendons(shared), _moments(shared)])
        pairs = [
            (row, tree)
            for tree, (dof, count) in enumerate(self._trees[:, :2])
            for row in np.flatnonzero(self._rows[:, dof : dof + count].any(axis=1))
        ]
        self._pairs = np.array(pairs, dtype=np.intp).reshape(-1, 2)
        watched = [(shared.cam_bodyid, shared.cam_targetbodyid, shared.cam_poscom0)]
        watched.append((shared.light_bodyid, shared.light_targetbodyid, shared.light_poscom0))
        centers = self._subtrees(shared)[1]
        self._watched = []
        for own, target, offset in watched:
            body = np.where(target >= 0, target, own)
            self._watched.append((body, offset + centers[body]))

    def _subtrees(self, model: mujoco.MjModel) -> tuple[Array, Array]:
        masses, centers = np.empty(model.nbody), np.empty((model.nbody, 3))
        mass_kernels.subtree_masses(model.body_mass, self._center, self._parents, masses, centers)
        return masses, centers

    def __call__(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        """Write the constants; ``data`` is not needed."""
        trees, tendons = self._trees, model.ntendon
        inverses = np.empty(int((trees[:, 1] ** 2).sum()))
        model.body_subtreemass[:], centers = self._subtrees(model)
        bodies = (trees, self._bodies, self._places, self._jacobians)
        mass_kernels.derive(
            model.body_mass,
            model.body_inertia,
            model.dof_armature,
            *bodies,
            inverses,
            model.dof_M0,
            model.body_invweight0,
        )
        mass_kernels.dof_weights(trees, inverses, self._groups, model.dof_invweight0)
        along, size = np.empty(len(self._rows)), np.empty(len(self._rows))
        mass_kernels.responses(self._rows, self._pairs, trees, inverses, along, size)
        model.tendon_invweight0[:], model.actuator_acc0[:] = along[:tendons], size[tendons:]
        for offset, (body, place) in zip(
            (model.cam_poscom0, model.light_poscom0), self._watched, strict=True
        ):
            offset[:] = place - centers[body]


def _trees(model: mujoco.MjModel) -> tuple[Ids, Ids]:
    """``trees`` and ``bodies`` of ``mass_kernels.derive``."""
    rows, bodies = [], []
    dofs, owner = model.dof_treeid, model.body_treeid
    entries = used = 0
    for tree in range(model.ntree):
        own, members = np.flatnonzero(dofs == tree), np.flatnonzero(owner == tree)
        rows.append([own[0], len(own), entries, len(members), used])
        bodies.append(members)
        entries, used = entries + len(members), used + len(own) ** 2
    return (
        np.array(rows, dtype=np.intp).reshape(-1, 5),
        np.concatenate([*bodies, np.zeros(0)]).astype(np.intp),
    )


def _jacobians(
    model: mujoco.MjModel, data: mujoco.MjData, trees: Ids, bodies: Ids
) -> tuple[Ids, Array]:
    """``places`` and ``jacobians`` of ``mass_kernels.derive``."""
    whole, blocks = np.zeros((6, model.nv)), [np.zeros(0)]
    for dof, count, first, members, _ in trees:
        for body in bodies[first : first + members]:
            mujoco.mj_jacBodyCom(model, data, whole[:3], whole[3:], body)
            block = whole[:, dof : dof + count].copy()
            block[3:] = data.ximat[body].reshape(3, 3).T @ block[3:]
            blocks.append(block.ravel())
    ends = np.cumsum([len(block) for block in blocks])
    return ends[:-1].astype(np.intp), np.concatenate(blocks)


def _groups(model: mujoco.MjModel) -> Ids:
    """(nv,) the first degree of freedom with which each one is averaged."""
    found = np.arange(model.nv)
    for kind, start in zip(model.jnt_type, model.jnt_dofadr, strict=True):
        if kind == int(mujoco.mjtJoint.mjJNT_FREE):
            found[start : start + 3], found[start + 3 : start + 6] = start, start + 3
        elif kind == int(mujoco.mjtJoint.mjJNT_BALL):
            found[start : start + 3] = start
    return found


def _tendons(model: mujoco.MjModel) -> Array:
    """(ntendon, nv) how the length of each tendon changes with the joints."""
    rows = np.zeros((model.ntendon, model.nv))
    for row, first, count in zip(rows, model.tendon_adr, model.tendon_num, strict=True):
        part = slice(first, first + count)
        np.add.at(row, model.jnt_dofadr[model.wrap_objid[part]], model.wrap_prm[part])
    return rows


def _moments(model: mujoco.MjModel) -> Array:
    """(nu, nv) what force on the joints one unit of each actuator gives."""
    tendons, rows = _tendons(model), np.zeros((model.nu, model.nv))
    gears, targets = model.actuator_gear[:, 0], model.actuator_trnid[:, 0]
    for row, kind, target, gear in zip(rows, model.actuator_trntype, targets, gears, strict=True):
        if kind == _AT_TENDONS:
            row[:] = gear * tendons[target]
        else:
            row[model.jnt_dofadr[target]] = gear
    return rows
