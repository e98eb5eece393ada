"""Contacts of a PhysX simulation in the ``World``'s format."""

from collections.abc import Mapping
from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray
from sapien import physx

from molmospaces_gym.backends.base import Array, Contacts

TOUCHING = 5e-5
"""Gap (m) up to which two surfaces touch without a force: what PhysX leaves between things at rest.

PhysX lists pairs as soon as they are within their contact offset; those are not contacts yet."""
PUSHING = 1e-3
"""Gap (m) up to which PhysX may slow things down that would meet within its step."""


@dataclass(frozen=True, eq=False)
class Touches:
    """Contact points in PhysX's order: geoms (n, 2), position, normal, gap and force."""

    geoms: NDArray[np.int32]
    position: Array
    normal: Array
    distance: Array
    force: Array

    def contacts(self, model: mujoco.MjModel) -> Contacts:
        """The same as ``Contacts``; PhysX tells no friction, so pushes are along the normal."""
        return Contacts(
            geoms=self.geoms,
            bodies=model.geom_bodyid[self.geoms].reshape(-1, 2),
            position=self.position,
            normal=self.normal,
            distance=self.distance,
            force=self.force,
            push=self.normal * self.force[:, None],
        )


def read_geoms(
    system: physx.PhysxCpuSystem, geom_of: Mapping[physx.PhysxCollisionShape, int]
) -> NDArray[np.int32]:
    """Only the geoms (n, 2) of ``read_touches``."""
    found = []
    for contact in system.get_contacts():
        count = sum(_acts(point) for point in contact.points)
        if count:
            first, second = contact.shapes
            found += [(geom_of[first], geom_of[second])] * count
    return np.array(found, dtype=np.int32).reshape(-1, 2)


def read_touches(
    system: physx.PhysxCpuSystem, geom_of: Mapping[physx.PhysxCollisionShape, int]
) -> Touches:
    """The contact points that carry a force or touch, as they were in the last step."""
    points = [
        point for contact in system.get_contacts() for point in contact.points if _acts(point)
    ]
    impulse = np.array([point.impulse for point in points], dtype=np.float64).reshape(-1, 3)
    normal = np.array([point.normal for point in points], dtype=np.float64).reshape(-1, 3)
    position = np.array([point.position for point in points], dtype=np.float64).reshape(-1, 3)
    return Touches(
        geoms=read_geoms(system, geom_of),
        position=position,
        normal=-normal,  # PhysX's points from the second to the first
        distance=np.array([point.separation for point in points], dtype=np.float64),
        force=np.linalg.norm(impulse, axis=1) / system.timestep,
    )


def _acts(point: physx.PhysxContactPoint) -> bool:
    """Whether two surfaces touch at a point, or push each other just before they do."""
    gap = point.separation
    return bool(gap <= TOUCHING or (gap < PUSHING and point.impulse.any()))


def start_touches(model: mujoco.MjModel, data: mujoco.MjData) -> Touches:
    """The contacts of a state that has not been stepped: PhysX finds its own only in a step."""
    from molmospaces_gym.backends.mjc import read_contacts

    mujoco.mj_forward(model, data)
    found = read_contacts(model, data)
    return Touches(found.geoms, found.position, found.normal, found.distance, found.force)
