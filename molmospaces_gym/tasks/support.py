"""What an object rests on: by contact force, by contact geometry, by boxes, and as before.

Sleeping bodies do not move and their contacts are not listed, so what was true of an object when
it fell asleep is computed once (``World.resting_contacts``) and kept until it wakes. Success is
then the same with sleeping on and off.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym import place_kernels, support_kernels
from molmospaces_gym.backends.base import Array, Contacts, World
from molmospaces_gym.scenes.model import SceneModel
from molmospaces_gym.tasks.boxes import body_boxes, solid_boxes

CARRIES_COSINE = float(np.cos(np.deg2rad(30.0)))
"""Force and normal of what carries an object are within 30 degrees of the vertical (official)."""
SUPPORTS_COSINE = float(np.cos(np.deg2rad(80.0)))
"""A contact supports an object when its normal is within 80 degrees of up (official)."""
WEIGHT_SHARE = 0.5
"""Official default of ``receptacle_supported_weight_frac``."""
NEAR_TOP, UNDER_SHARE = 0.02, 0.5
"""Without a contact an object stands on geoms whose top is this near (m) to its base and under
this share of its area (official)."""
SUPPORTERS = 8
"""Bodies that support an object and are told apart."""


@dataclass(frozen=True)
class Carried:
    """What contacts say of an object on its receptacle.

    ``weight_share`` is the vertical part of the receptacle's net force over the object's weight;
    ``by_force`` and ``by_normal`` the official tests.
    """

    weight_share: float = 0.0
    by_force: bool = False
    by_normal: bool = False


NOT_CARRIED = Carried()


class ReceptacleSupport:
    """Whether a receptacle carries an object, from the contacts of a slot.

    The official tests in turn: net force within 30 degrees of up and at least ``share`` of the
    object's weight; a contact with the receptacle below the object's middle whose normal is within
    30 degrees of up.
    """

    def __init__(
        self,
        world: World,
        slot: int,
        scene: SceneModel,
        bodies: tuple[int, int],
        owner: NDArray[np.uint8],
        share: float,
    ) -> None:
        model = scene.model
        self._world, self._slot, self._owner, self._share = world, slot, owner, share
        self._object = bodies[0]
        gravity = float(np.linalg.norm(model.opt.gravity))
        self._weight = float(world.subtree_mass(slot)[bodies[0]]) * gravity
        self._awake = world.awake(slot)
        self._force = np.zeros(3)
        self._asleep: Carried | None = None
        self._at = np.empty(7)

    def carried(self, relative: Array, touching: bool, near: bool, middle: float) -> Carried:
        """What holds now.

        Args:
            relative: pose (7,) of the object in the receptacle's frame.
            touching: whether the listed contacts hold one between object and receptacle.
            near: whether they might touch, going by their boxes.
            middle: height of the middle of the object's box, m.
        """
        if self._awake[self._object]:
            self._asleep = None
            if not touching:
                return NOT_CARRIED
            return self._judge(self._world.contacts(self._slot), middle)
        if not near:
            return NOT_CARRIED
        # Between two steps an object may wake, move a little and fall asleep again.
        if self._asleep is None or not np.array_equal(relative, self._at):
            self._at[:] = relative
            self._asleep = self._judge(self._world.resting_contacts(self._slot), middle)
        return self._asleep

    def _judge(self, contacts: Contacts, middle: float) -> Carried:
        force = self._force
        by_normal = support_kernels.carrying(
            contacts.geoms,
            contacts.push,
            contacts.normal,
            contacts.position,
            self._owner,
            middle,
            CARRIES_COSINE,
            force,
        )
        return judge_force(force, self._weight, self._share, by_normal)


def judge_force(force: Array, weight: float, share: float, by_normal: bool = False) -> Carried:
    """Whether a net force (3,) in N carries the ``share`` of a ``weight`` in N."""
    size = float(np.linalg.norm(force))
    part = float(force[2]) / weight if weight > 0 else 0.0
    upright = size > 0 and float(force[2]) >= CARRIES_COSINE * size
    return Carried(part, bool(upright and part >= share), by_normal)


class KnownRests:
    """The poses in the receptacle's frame at which an object was supported in this episode."""

    def __init__(self) -> None:
        self.poses = np.empty((64, 7))
        self.count = 0

    def add(self, pose: Array) -> None:
        """Remember a pose (7,), unless the last one is the same."""
        if self.count and np.array_equal(self.poses[self.count - 1], pose):
            return
        if self.count == len(self.poses):
            self.poses = np.concatenate([self.poses, np.empty_like(self.poses)])
        self.poses[self.count] = pose
        self.count += 1


class StandsOn:
    """The top-level bodies that one body stands on."""

    def __init__(self, world: World, slot: int, scene: SceneModel, body: int) -> None:
        self._world, self._slot, self._scene = world, slot, scene
        self._body, self._root = body, int(scene.model.body_rootid[body])
        self._boxes = body_boxes(scene, body)
        self._around = solid_boxes(scene)
        self._awake = world.awake(slot)
        self._xpos, self._xmat = world.body_pos(slot), world.body_mat(slot)
        self._at = np.empty(3)
        self._found, self._corners = np.empty(SUPPORTERS, np.int32), np.empty((2, 3))
        self._asleep: frozenset[int] | None = None

    def supports(self, contacts: Contacts) -> frozenset[int]:
        """Their ids: by contact where one supports the body, otherwise by boxes.

        ``contacts`` are those listed now; while the body sleeps its resting ones count.
        """
        if self._awake[self._body]:
            self._asleep = None
            return self._judge(contacts)
        place = self._xpos[self._body]
        if self._asleep is None or not np.array_equal(place, self._at):
            self._at[:] = place
            self._asleep = self._judge(self._world.resting_contacts(self._slot))
        return self._asleep

    def _judge(self, contacts: Contacts) -> frozenset[int]:
        self._boxes.write(self._xpos, self._xmat, self._corners)
        lower, upper = self._corners
        count = support_kernels.supporters(
            contacts.geoms,
            contacts.normal,
            contacts.position,
            self._scene.geom_root,
            self._root,
            0.5 * float(lower[2] + upper[2]),
            SUPPORTS_COSINE,
            self._found,
        )
        if not count:
            count = place_kernels.beneath(
                self._xpos,
                self._xmat,
                self._around.bodies,
                self._around.boxes,
                self._around.roots,
                self._root,
                lower,
                upper,
                NEAR_TOP,
                UNDER_SHARE,
                self._found,
            )
        return frozenset(self._found[:count].tolist())
