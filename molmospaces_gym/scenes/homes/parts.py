"""What furniture that opens is built from: handles, drawers, doors, flaps and carcasses.

Everything is in the fixture's frame (front at -y, floor at z = 0). Lengths in m, angles in rad.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

import numpy as np

from molmospaces_gym.scenes.generator.furniture import FINISH, board
from molmospaces_gym.scenes.generator.kitchen import PANEL, drawer_box
from molmospaces_gym.scenes.generator.shapes import GREY, Part, Rgba, Role, Vec3, box, rod
from molmospaces_gym.scenes.homes.fixture import Fixture, Moving, Top

T = TypeVar("T")
Side = Literal[-1, 1]
"""Left or right, seen from the front."""

SEAM = 0.006
"""Gap (m) between two fronts that are beside each other."""
GRIP_RADIUS = 0.007
GRIP_REACH = 0.044
"""Radius of a handle's bar and how far its axis stands in front of the face: 37 mm are free behind
it. Both grippers (85 and 100 mm wide open) close around it."""
GRIP_HALF = 0.066
GRIP_INSET = 0.066
"""Half length of a bar, and its distance from the free edge of its door: an open gripper fits
between the handles of two doors that meet."""

PULL = (6.0, 9.0)
"""Range of the force (N) at the handle against which drawers and doors rest."""
GRAVITY = 9.8
BALANCED = 0.8
"""Share of a flap's largest weight torque that its spring takes per rad. With it the torque that
is left never passes 13 % of that torque on the way from closed to 1.4 rad."""


def pick(rng: np.random.Generator, choices: Sequence[T]) -> T:
    """One of the choices."""
    return choices[int(rng.integers(len(choices)))]


def either_side(rng: np.random.Generator) -> Side:
    """Left or right."""
    return 1 if rng.integers(2) else -1


def between(rng: np.random.Generator, low: float, high: float) -> float:
    """A number drawn uniformly, in whole millimetres where it is a length."""
    return round(float(rng.uniform(low, high)), 3)


def block(low: Vec3, high: Vec3, rgba: Rgba, role: Role = "solid") -> Part:
    """Box of one colour between two corners."""
    half = tuple((b - a) / 2 for a, b in zip(low, high, strict=True))
    middle = tuple((a + b) / 2 for a, b in zip(low, high, strict=True))
    return box((half[0], half[1], half[2]), (middle[0], middle[1], middle[2]), rgba, role)


def bar(middle: Vec3, along: Literal["x", "z"], half: float = GRIP_HALF) -> tuple[Part, ...]:
    """Bar handle in front of ``middle``: the grip, which comes first, and two posts."""
    x, y, z = middle
    dx, dz = (half, 0.0) if along == "x" else (0.0, half)
    front = y - GRIP_REACH
    grip = rod("capsule", (x - dx, front, z - dz), (x + dx, front, z + dz), GRIP_RADIUS, GREY)
    posts = (
        rod("cylinder", (x + s * dx, y, z + s * dz), (x + s * dx, front, z + s * dz), 0.006, GREY)
        for s in (-0.92, 0.92)
    )
    return (metal(grip), *(replace(metal(post), role="visual") for post in posts))


def carcass(
    hx: float,
    y: tuple[float, float],
    z: tuple[float, float],
    material: str,
    thick: float = PANEL,
) -> list[Part]:
    """Five boards of a cabinet that is open at the front (``y[0]``)."""
    (y0, y1), (z0, z1) = y, z
    return [
        board((-hx, y0, z0), (-hx + thick, y1, z1), material),
        board((hx - thick, y0, z0), (hx, y1, z1), material),
        board((-hx + thick, y0, z0), (hx - thick, y1, z0 + thick), material),
        board((-hx + thick, y0, z1 - thick), (hx - thick, y1, z1), material),
        board((-hx + thick, y1 - 0.012, z0 + thick), (hx - thick, y1, z1 - thick), material),
    ]


def swing(width: float) -> float:
    """How far (rad) a side-hinged door opens: as far as its handle stays within its own side."""
    return float(np.clip(math.acos(0.055 / (width - GRIP_INSET)), 1.4, 1.6))


@dataclass
class Build:
    """Collects what a fixture is made of."""

    rng: np.random.Generator
    parts: list[Part] = field(default_factory=list)
    moving: list[Moving] = field(default_factory=list)
    tops: list[Top] = field(default_factory=list)

    def add(self, *parts: Part) -> None:
        """Add parts that do not move."""
        self.parts += parts

    def top(
        self,
        kind: Literal["table", "counter", "shelf", "inside"],
        x: tuple[float, float],
        y: tuple[float, float],
        z: float,
        headroom: float = math.inf,
        inside: int | None = None,
    ) -> None:
        """Add a place for objects between two corners."""
        center = ((x[0] + x[1]) / 2, (y[0] + y[1]) / 2, z)
        half = ((x[1] - x[0]) / 2, (y[1] - y[0]) / 2)
        self.tops.append(Top(center, half, kind, headroom, inside))

    def drawer(
        self,
        x: float,
        face: float,
        z: tuple[float, float],
        half: float,
        depth: float,
        front: str = FINISH.front,
    ) -> None:
        """Add a drawer with its front at y = ``face`` between two heights; ``depth`` from there."""
        tall = z[1] - z[0]
        panel, *rest = drawer_box(half, tall, depth)
        grip_half = min(GRIP_HALF, half - 0.05)
        grip = bar((0.0, 0.0, min(0.02, tall / 2 - 0.04)), "x", grip_half)
        parts = (replace(panel, material=front), *rest, *grip)
        pos = (x, face, (z[0] + z[1]) / 2)
        side = half - PANEL - 0.012
        floor = z[0] + 0.03
        self.moving.append(
            Moving(
                lemma="drawer",
                slides=True,
                parts=parts,
                pos=pos,
                axis=(0.0, -1.0, 0.0),
                travel=round(float(np.clip(depth - 0.07, 0.25, 0.4)), 3),
                mass=round(1.0 + 4.0 * half * tall + 2.0 * half * depth, 3),
                handle=len(rest) + 1,
                damping=between(self.rng, 6.0, 10.0),
                frictionloss=between(self.rng, *PULL),
                armature=0.1,
            )
        )
        ends = (face + PANEL + 0.01, face + depth - 0.022)
        index = len(self.moving) - 1
        self.top("inside", (x - side, x + side), ends, floor, tall - 0.04, index)

    def drawers(
        self,
        x: tuple[float, float],
        face: float,
        z: tuple[float, float],
        depth: float,
        rows: int,
        front: str = FINISH.front,
    ) -> None:
        """Add ``rows`` equal drawers over each other."""
        pitch = (z[1] - z[0]) / rows
        left, right = gap(x)
        for k in range(rows):
            heights = gap((z[0] + k * pitch, z[0] + (k + 1) * pitch))
            self.drawer((left + right) / 2, face, heights, (right - left) / 2, depth, front)

    def door(
        self,
        lemma: str,
        x: tuple[float, float],
        face: float,
        z: tuple[float, float],
        hinge: Side,
        grip_z: float,
        front: str = FINISH.front,
        thick: float = PANEL,
        travel: float | None = None,
        grip_half: float = GRIP_HALF,
        extra: Sequence[Part] = (),
        mass: float | None = None,
    ) -> int:
        """Add a door hinged at its left (-1) or right (+1) edge; returns its index.

        ``grip_z`` is the height of the handle's middle; ``extra`` parts are in the door's frame.
        """
        width, tall = x[1] - x[0], z[1] - z[0]
        middle = (z[0] + z[1]) / 2
        span = sorted((0.0, -hinge * width))
        leaf = board((span[0], 0, -tall / 2), (span[1], thick, tall / 2), front)
        arm = width - GRIP_INSET
        grip = bar((-hinge * arm, 0.0, grip_z - middle), "z", grip_half)
        self.moving.append(
            Moving(
                lemma=lemma,
                slides=False,
                parts=(leaf, *grip, *extra),
                pos=(x[1] if hinge > 0 else x[0], face, middle),
                axis=(0.0, 0.0, float(hinge)),
                travel=round(swing(width) if travel is None else travel, 3),
                mass=round(mass if mass is not None else 11.0 * width * tall, 3),
                handle=1,
                damping=between(self.rng, 0.8, 1.4),
                frictionloss=round(between(self.rng, *PULL) * arm, 3),
            )
        )
        return len(self.moving) - 1

    def flap(
        self,
        lemma: str,
        half: float,
        face: float,
        z: tuple[float, float],
        thick: float,
        mass: float,
        front: str,
        extra: Sequence[Part] = (),
    ) -> int:
        """Add a door that folds down about its lower edge, balanced by a spring."""
        tall = z[1] - z[0]
        leaf = board((-half, 0, 0), (half, thick, tall), front)
        grip = bar((0.0, 0.0, tall - 0.06), "x", half - 0.08)
        weight = mass * GRAVITY * tall / 2
        self.moving.append(
            Moving(
                lemma=lemma,
                slides=False,
                parts=(leaf, *grip, *extra),
                pos=(0.0, face, z[0]),
                axis=(1.0, 0.0, 0.0),
                travel=1.4,
                mass=mass,
                handle=1,
                damping=between(self.rng, 1.2, 2.0),
                frictionloss=round(0.2 * weight + between(self.rng, 2.0, 3.5) * tall, 3),
                spring=round(BALANCED * weight, 3),
                armature=0.05,
            )
        )
        return len(self.moving) - 1

    def fixture(
        self,
        lemma: str,
        category: str,
        noun: str,
        half: tuple[float, float],
        height: float,
        **more: Any,
    ) -> Fixture:
        """The finished piece; ``more`` are the optional fields of ``Fixture``."""
        return Fixture(
            lemma,
            category,
            noun,
            half,
            height,
            tuple(self.parts),
            tuple(self.moving),
            tuple(self.tops),
            **more,
        )


def gap(span: tuple[float, float]) -> tuple[float, float]:
    """A span shortened by the slot that keeps fronts off what is beside them."""
    return (span[0] + SEAM / 2, span[1] - SEAM / 2)


def metal(part: Part) -> Part:
    """The part in the room's metal."""
    return replace(part, material=FINISH.metal)
