"""What of a model SAPIEN cannot represent: refused, or listed as lost."""

from collections.abc import Iterator

import mujoco
import numpy as np

from molmospaces_gym.backends.friction import of_robots, scene_friction
from molmospaces_gym.backends.layout import FREE, HINGE, SLIDE, Layout
from molmospaces_gym.backends.sapien_scene.shapes import geom_name
from molmospaces_gym.errors import UnsupportedScene

_EQ, _TRN = mujoco.mjtEq, mujoco.mjtTrn
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
    for joint in range(model.njnt):
        if int(model.jnt_type[joint]) not in (FREE, HINGE, SLIDE):
            yield f"joint {model.joint(joint).name!r}: SAPIEN has no ball joints"
        if model.jnt_type[joint] == FREE and model.body_jntnum[model.jnt_bodyid[joint]] > 1:
            yield f"body {model.body(model.jnt_bodyid[joint]).name!r}: a free joint among others"
    for equality in np.flatnonzero(model.eq_active0):
        kind, name = int(model.eq_type[equality]), model.equality(equality).name
        if kind not in (int(_EQ.mjEQ_CONNECT), int(_EQ.mjEQ_JOINT)):
            yield f"equality {name!r} of type {_EQ(kind).name}; supported: connect, joint"
        elif kind == int(_EQ.mjEQ_JOINT):
            if model.eq_obj2id[equality] < 0 or np.any(model.eq_data[equality, 2:5]):
                yield f"equality {name!r}: a joint can only follow another linearly"
    for actuator in range(model.nu):
        name = model.actuator(actuator).name
        if int(model.actuator_trntype[actuator]) not in (
            int(_TRN.mjTRN_JOINT),
            int(_TRN.mjTRN_TENDON),
        ):
            yield f"actuator {name!r}: it drives neither a joint nor a fixed tendon"
        elif model.actuator_biasprm[actuator, 1] >= 0 or model.actuator_dyntype[actuator] != 0:
            yield f"actuator {name!r}: it is no position servo"
    for tendon in range(model.ntendon):
        first = int(model.tendon_adr[tendon])
        if model.wrap_type[first] != int(mujoco.mjtWrap.mjWRAP_JOINT):
            yield f"tendon {model.tendon(tendon).name!r}: it is no fixed tendon"
    if model.npair:
        yield f"{model.npair} contact pairs of their own"
    if model.nflex:
        yield f"{model.nflex} deformable bodies"


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
    driven[_driven_dofs(model)] = True
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


def _driven_dofs(model: mujoco.MjModel) -> list[int]:
    found: list[int] = []
    for actuator in range(model.nu):
        target = int(model.actuator_trnid[actuator, 0])
        if model.actuator_trntype[actuator] == int(_TRN.mjTRN_JOINT):
            found.append(int(model.jnt_dofadr[target]))
        elif model.actuator_trntype[actuator] == int(_TRN.mjTRN_TENDON):
            first = int(model.tendon_adr[target])
            joints = model.wrap_objid[first : first + int(model.tendon_num[target])]
            found += model.jnt_dofadr[joints].tolist()
    return found


def _named(model: mujoco.MjModel, geoms: "np.ndarray[tuple[int], np.dtype[np.intp]]") -> str:
    names = ", ".join(geom_name(model, int(geom)) for geom in geoms[:NAMED])
    more = f" and {len(geoms) - NAMED} more" if len(geoms) > NAMED else ""
    return f"{len(geoms)} geoms: {names}{more}"
