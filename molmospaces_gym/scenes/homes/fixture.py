"""What a piece of furniture is: fixed parts, parts that open, and places where objects stand.

A fixture is described in its own frame: the floor at z = 0, the middle of its footprint at
x = y = 0 and its front at -y. Lengths in m, angles in rad, masses in kg.
"""

from dataclasses import dataclass
from typing import Literal

from molmospaces_gym.scenes.generator.shapes import Part, Vec3


@dataclass(frozen=True)
class Moving:
    """A drawer, door, lid or lever. Its joint is 0 when closed and positive when open.

    ``parts`` are in its own frame, whose origin ``pos`` (fixture frame) is on the hinge axis, or
    in the middle of a drawer's front. ``axis`` is the joint axis in the fixture's frame, which at
    0 is parallel to the moving frame. ``handle`` is the index of the part a gripper holds, -1
    where its children are the handles. ``children`` move with it (the levers of a door); their
    ``pos`` is in its frame. ``spring`` is the joint's stiffness (N m/rad), relaxed at
    ``spring_rest``.
    """

    lemma: str
    slides: bool
    parts: tuple[Part, ...]
    pos: Vec3
    axis: Vec3
    travel: float
    mass: float
    handle: int
    damping: float
    frictionloss: float
    spring: float = 0.0
    spring_rest: float = 0.0
    armature: float = 0.02
    children: tuple["Moving", ...] = ()


@dataclass(frozen=True)
class Top:
    """A horizontal rectangle where objects can stand, in the fixture's frame.

    ``center`` is its middle at the height of the top face, ``half`` its half sizes along x and y,
    ``headroom`` the free height above it (``inf`` under the open sky). ``inside`` is the index in
    ``Fixture.moving`` of the part that must be open to reach it, None where nothing is in the way.
    """

    center: Vec3
    half: tuple[float, float]
    kind: Literal["table", "counter", "shelf", "inside"]
    headroom: float = float("inf")
    inside: int | None = None


@dataclass(frozen=True)
class Fixture:
    """One piece of furniture. ``category`` is its official category name, ``noun`` its spoken one.

    ``half`` are the half sizes of its footprint when everything is closed, handles left out;
    ``height`` is its highest point over the floor.
    ``clearance`` is the free depth in front that it needs to be used (a door swings out there).
    """

    lemma: str
    category: str
    noun: str
    half: tuple[float, float]
    height: float
    parts: tuple[Part, ...]
    moving: tuple[Moving, ...] = ()
    tops: tuple[Top, ...] = ()
    clearance: float = 0.6
    wall: bool = True
    """Whether it stands with its back to a wall."""
    hung: float = 0.0
    """Height of its lowest point above the floor where it hangs on a wall, else 0."""
    on: Literal["floor", "counter"] = "floor"
    """What it stands on: a microwave is put on the top of a counter, where its z = 0 is then."""
