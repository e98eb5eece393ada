"""What of a model Isaac Lab's engines cannot represent: refused, or listed as lost."""

from collections.abc import Iterator

import mujoco
import numpy as np

from molmospaces_gym.backends.isaac_scene.spec import BALL, COARSE_BALL
from molmospaces_gym.backends.losses import common_losses, physx_losses
from molmospaces_gym.backends.refusals import common_refusals, joint_follows_nonlinearly
from molmospaces_gym.errors import UnsupportedScene

_EQ, _G = mujoco.mjtEq, mujoco.mjtGeom
_SHAPES = {
    int(kind)
    for kind in (
        _G.mjGEOM_PLANE,
        _G.mjGEOM_SPHERE,
        _G.mjGEOM_CAPSULE,
        _G.mjGEOM_ELLIPSOID,
        _G.mjGEOM_CYLINDER,
        _G.mjGEOM_BOX,
        _G.mjGEOM_MESH,
    )
}


def refuse(model: mujoco.MjModel) -> None:
    """Raise ``UnsupportedScene`` for what would make the scene another one."""
    for reason in _refusals(model):
        raise UnsupportedScene(f"the isaac backend cannot represent {reason}")


def losses(model: mujoco.MjModel, physx: bool) -> tuple[str, ...]:
    """What is only approximated or left out, one line each."""
    return tuple(_losses(model, physx))


def _refusals(model: mujoco.MjModel) -> Iterator[str]:
    yield from common_refusals(model)
    for number in np.flatnonzero(model.eq_active0).tolist():
        yield from _equality(model, number)
    solid = (model.geom_contype | model.geom_conaffinity) != 0
    for geom in np.flatnonzero(solid).tolist():
        if int(model.geom_type[geom]) not in _SHAPES:
            yield f"geom {model.geom(geom).name!r} of type {_G(model.geom_type[geom]).name}"


def _equality(model: mujoco.MjModel, number: int) -> Iterator[str]:
    kind, name = int(model.eq_type[number]), model.equality(number).name
    if kind == int(_EQ.mjEQ_JOINT):
        if joint_follows_nonlinearly(model, number):
            yield f"equality {name!r}: a joint can only follow another linearly"
    elif kind != int(_EQ.mjEQ_CONNECT):
        yield f"equality {name!r} of type {_EQ(kind).name}; supported: connect, joint"
    elif int(model.eq_objtype[number]) != int(mujoco.mjtObj.mjOBJ_BODY):
        yield f"equality {name!r} between sites"
    elif 0 in (
        int(model.body_weldid[model.eq_obj1id[number]]),
        int(model.body_weldid[model.eq_obj2id[number]]),
    ):
        yield f"equality {name!r} with what stands still"


def _losses(model: mujoco.MjModel, physx: bool) -> Iterator[str]:
    solid = (model.geom_contype | model.geom_conaffinity) != 0
    balls = int((solid & (model.geom_type == int(_G.mjGEOM_ELLIPSOID))).sum())
    if balls:
        corners = len(COARSE_BALL if physx else BALL)
        yield f"{balls} ellipsoids: polyhedra with {corners} corners"
    yield from common_losses(model)
    if physx:
        yield "softness of contacts: PhysX has rigid ones"
        yield from physx_losses(model)
