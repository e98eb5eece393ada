"""Which drawers of a house can be opened, emptied and closed again by a robot on wheels."""

from collections.abc import Iterator, Sequence

import numpy as np

from molmospaces_gym.scenes.articulated import Articulation
from molmospaces_gym.scenes.model import Array, SceneModel
from molmospaces_gym.scenes.reaching import free_stances, stands_over
from molmospaces_gym.tasks.household_offer import Offer
from molmospaces_gym.tasks.open_close_sampler import carried
from molmospaces_gym.tasks.sampling import scratch_of

WIDE = 0.6
"""Share of its range that something is opened to take things out of it."""
PULLED = 0.68
"""Share to which an arm must be able to pull it."""
LEAST = 2
"""Places from which something in a drawer must be in reach: it may slide when that is opened."""
SHUT = 0.02
"""Share of its range that may stay open when it is closed again."""


def opens(scene: SceneModel, offer: Offer, part: Articulation) -> bool:
    """Whether an arm opens a drawer wide from a place that can be driven to."""
    found = free_stances(scene, part, part.position(0.0), part.position(PULLED))
    return any(offer.docks(base) for base in found)


def closes(scene: SceneModel, offer: Offer, part: Articulation) -> bool:
    """Whether an arm closes it when it is open as wide as that."""
    found = free_stances(scene, part, part.position(PULLED), part.position(SHUT))
    return any(offer.docks(base) for base in found)


def taken(
    scene: SceneModel,
    offer: Offer,
    part: Articulation,
    names: Sequence[str],
    rng: np.random.Generator,
) -> Iterator[str]:
    """Those of the objects in an open drawer that can be taken out of it, in a drawn order."""
    qpos = opened(scene, part, PULLED)
    for number in rng.permutation(len(names)).tolist():
        found = [base for base in stands_over(scene, names[number], qpos) if offer.docks(base)]
        if len(found) >= LEAST:
            yield names[number]


def opened(scene: SceneModel, part: Articulation, fraction: float) -> Array:
    """The configuration (nq,) of the scene at rest with a drawer and what is in it pulled out."""
    position, qpos = part.position(fraction), scene.rest_qpos.copy()
    qpos[part.qpos] = position
    for name, pose in carried(scene, scratch_of(scene), part, position).items():
        address = scene.free_joint(name)[0]
        qpos[address : address + 7] = pose
    return qpos
