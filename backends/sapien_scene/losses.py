"""What of a model SAPIEN cannot represent: refused, or listed as lost."""

from collections.abc import Iterator

import mujoco
import numpy as np

from molmospaces_gym.backends.friction import of_robots, scene_friction
from molmospaces_gym.backends.layout import Layout
from molmospaces_gym.backends.refusals import common_refusals, joint_follows_nonlinearly
from molmospaces_gym.backends.sapien_scene.shapes import geom_name
from molmospaces_gym.backends.servos import driven_joints
from molmospaces_gym.errors import UnsupportedScene

_EQ = mujoco.mjtEq
NAMED = 5
"""Names that a message lists."""


def refuse(layout: Layout) -> None:
    """Raise ``UnsupportedScene`` for what would make the scene another one."""
    for reason in _refusals(layout.model):
        raise UnsupportedScene(f"the maniskill backend cannot represent {reason}")


def losses(layout: Layout) -> tuple[str, ...]:
    """What is only approximated or left out, one line each."""
    return tuple(_losses(layout.model))


def _refusals(model: mujoco.MjModel) -> Iterator[str]:
    yield from common_refusals(model)
    for equality in np.flatnonzero(model.eq_active0).tolist():
        kind, name = int(model.eq_type[equality]), model.equality(equality).name
        if kind not in (int(_EQ.mjEQ_CONNECT), int(_EQ.mjEQ_JOINT)):
            yield f"equality {name!r} of type {_EQ(kind).name}; supported: connect, joint"
        elif kind == int(_EQ.mjEQ_JOINT) and joint_follows_nonlinearly(model, equality):
            yield f"equality {name!r}: a joint can only follow another linearly"


def _losses(model: mujoco.MjModel) -> Iterator[str]:
    solid = (model.geom_contype | model.geom_conaffinity) != 0
    common = scene_friction(model)
    own = model.geom_friction[:, 0]
    # Against the common friction every pair is exact unless the mean would need a negative one;
    # two geoms that both differ from it meet with a mean that is MuJoCo's only by chance. Between
    # the parts of one robot that does not matter.
    odd = np.flatnonzero(solid & (own != common) & (model.geom_priority <= 0))
    low = np.flatnonzero(solid & (model.geom_priority > 0) & (2.0 * own < common))
    if len(low):
        yield f"friction below half the scene's {common:g} of {_named(model, low)}"
    if not of_robots(model)[odd].all():
        yield f"friction between geoms other than the scene's {common:g}: {_named(model, odd)}"
    rolling = np.flatnonzero(solid & (model.geom_condim == 6))
    if len(rolling):
        yield f"rolling friction of {_named(model, rolling)}"
    driven = np.zeros(model.nv, dtype=np.bool_)
    driven[model.jnt_dofadr[driven_joints(model)]] = True
    dry = np.flatnonzero(driven & (model.dof_frictionloss > 0))
    if len(dry):
        names = [model.joint(int(model.dof_jntid[dof])).name for dof in dry]
        yield f"dry friction of {len(dry)} driven joints: {', '.join(names[:NAMED])}"
    if np.any(model.tendon_stiffness) or np.any(model.tendon_damping):
        yield "stiffness and damping of tendons"
    if np.any(model.tendon_limited) or np.any(model.tendon_frictionloss):
        yield "limits and dry friction of tendons"
    if np.any(model.geom_margin[solid]):
        yield f"contact margins of {_named(model, np.flatnonzero(solid & (model.geom_margin > 0)))}"
    if model.opt.density or model.opt.viscosity:
        yield "resistance of the medium"


def _named(model: mujoco.MjModel, geoms: "np.ndarray[tuple[int], np.dtype[np.intp]]") -> str:
    names = ", ".join(geom_name(model, int(geom)) for geom in geoms[:NAMED])
    more = f" and {len(geoms) - NAMED} more" if len(geoms) > NAMED else ""
    return f"{len(geoms)} geoms: {names}{more}"
