"""Masses of the bodies of a SAPIEN scene."""

from typing import TypeAlias

import mujoco
import numpy as np
from sapien import Pose, physx

from molmospaces_gym.backends.layout import Layout, Part

Body: TypeAlias = "physx.PhysxRigidDynamicComponent | physx.PhysxArticulationLinkComponent"
SMALL_MASS, SMALL_INERTIA = 1e-3, 1e-6
"""What a link without mass gets (kg, kg m^2): one between two joints of the same body."""


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
