"""Masses of the bodies of a SAPIEN scene, and which of them gravity leaves alone."""

from typing import TypeAlias

import mujoco
import numpy as np
from sapien import Pose, physx

from molmospaces_gym.backends.layout import FREE, Layout, Part, Tree
from molmospaces_gym.errors import UnsupportedScene

Body: TypeAlias = "physx.PhysxRigidDynamicComponent | physx.PhysxArticulationLinkComponent"
SMALL_MASS, SMALL_INERTIA = 1e-3, 1e-6
"""What a link without mass gets (kg, kg m^2): one between two joints of the same body."""
COMPENSATED = 0.01
"""Share of its weight by which what carries a body may differ from it."""


def weightless(layout: Layout) -> frozenset[int]:
    """First bodies of the parts whose weight the model compensates, their own or all they carry.

    Raises:
        UnsupportedScene: a part is compensated in part.
    """
    model, found = layout.model, set[int]()
    for tree in layout.trees:
        for part in tree.parts:
            if part.body in found:
                continue
            below = _below(tree, part)
            if _lift(model, part.bodies) == 0.0:
                continue
            for group in (below, [part]):
                bodies = [body for member in group for body in member.bodies]
                weight = float(model.body_mass[bodies].sum())
                if abs(_lift(model, bodies) - weight) <= COMPENSATED * weight:
                    found.update(member.body for member in group)
                    break
            else:
                raise UnsupportedScene(
                    "the maniskill backend can compensate the weight of a body or of all that it"
                    f" carries, not a share of it: {model.body(part.body).name!r}"
                )
    return frozenset(found)


def set_mass(layout: Layout, part: Part, body: Body, model: mujoco.MjModel) -> None:
    """Give a body the mass, the middle and the inertia of a part."""
    mass, pos, quat, moments = layout.inertia(part, model)
    body.mass = max(mass, SMALL_MASS)
    body.cmass_local_pose = Pose(pos, quat)
    body.inertia = np.maximum(moments, SMALL_INERTIA if mass == 0.0 else 1e-9).astype(np.float32)


def weigh_nothing(link: physx.PhysxArticulationLinkComponent) -> None:
    """Make a link as light as PhysX allows: one between two joints of the same body."""
    link.mass = SMALL_MASS
    link.cmass_local_pose = Pose()
    link.inertia = np.full(3, SMALL_INERTIA, np.float32)


def free_joint_damping(model: mujoco.MjModel, joint: int, body: int) -> tuple[float, float]:
    """Damping rates (1/s) that act on a free body like its joint's damping (linear, angular)."""
    assert model.jnt_type[joint] == FREE
    dof = int(model.jnt_dofadr[joint])
    mass = max(float(model.body_mass[body]), 1e-9)
    inertia = max(float(np.mean(model.body_inertia[body])), 1e-12)
    rates = model.dof_damping[dof] / mass, model.dof_damping[dof + 3] / inertia
    return float(rates[0]), float(rates[1])


def _lift(model: mujoco.MjModel, bodies: "tuple[int, ...] | list[int]") -> float:
    chosen = list(bodies)
    return float((model.body_gravcomp[chosen] * model.body_mass[chosen]).sum())


def _below(tree: Tree, part: Part) -> list[Part]:
    inside = {part.body}
    found = [part]
    for member in tree.parts:
        if member.parent in inside and member.body not in inside:
            inside.add(member.body)
            found.append(member)
    return found
