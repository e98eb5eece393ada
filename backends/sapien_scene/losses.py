"""What of a model SAPIEN cannot represent: refused, or listed as lost."""

from collections.abc import Iterator

import mujoco
import numpy as np

from molmospaces_gym.backends.layout import Layout
from molmospaces_gym.backends.losses import NAMED, common_losses, physx_losses
from molmospaces_gym.backends.refusals import common_refusals, joint_follows_nonlinearly
from molmospaces_gym.backends.servos import driven_joints
from molmospaces_gym.errors import UnsupportedScene

_EQ = mujoco.mjtEq


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
    yield from physx_losses(model)
    driven = np.zeros(model.nv, dtype=np.bool_)
    driven[model.jnt_dofadr[driven_joints(model)]] = True
    dry = np.flatnonzero(driven & (model.dof_frictionloss > 0))
    if len(dry):
        names = [model.joint(int(model.dof_jntid[dof])).name for dof in dry]
        yield f"dry friction of {len(dry)} driven joints: {', '.join(names[:NAMED])}"
    yield from common_losses(model)
