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


def read_touches(
    system: physx.PhysxCpuSystem, geom_of: Mapping[physx.PhysxCollisionShape, int]
) -> Touches:
    """The contact points that carry a force or touch, as they were in the last step."""
    geoms: list[tuple[int, int]] = []
    values: list[tuple[float, ...]] = []
    for contact in system.get_contacts():
        pair: tuple[int, int] | None = None
        for point in contact.points:
            gap = point.separation
            x, y, z = point.impulse.tolist()
            size = (x * x + y * y + z * z) ** 0.5
            if gap > TOUCHING and size == 0.0:
                continue
            if pair is None:
                first, second = contact.shapes
                pair = geom_of[first], geom_of[second]
            geoms.append(pair)
            values.append((*point.position.tolist(), *point.normal.tolist(), gap, size))
    table = np.array(values, dtype=np.float64).reshape(-1, 8)
    return Touches(
        geoms=np.array(geoms, dtype=np.int32).reshape(-1, 2),
        position=table[:, 0:3],
        # PhysX's normal points from the second to the first.
        normal=-table[:, 3:6],
        distance=table[:, 6],
        force=table[:, 7] / system.timestep,
    )


def start_touches(model: mujoco.MjModel, data: mujoco.MjData) -> Touches:
    """The contacts of a state that has not been stepped: PhysX finds its own only in a step."""
    from molmospaces_gym.backends.mjc import read_contacts

    mujoco.mj_forward(model, data)
    found = read_contacts(model, data)
    return Touches(found.geoms, found.position, found.normal, found.distance, found.force)
