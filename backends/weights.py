"""Weights that a model compensates, and damping of free bodies: no simulator needed."""

import mujoco
import numpy as np

from molmospaces_gym.backends.layout import FREE, Layout, Part, Tree
from molmospaces_gym.errors import UnsupportedScene

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
                    "PhysX can compensate the weight of a body or of all that it"
                    f" carries, not a share of it: {model.body(part.body).name!r}"
                )
    return frozenset(found)


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
