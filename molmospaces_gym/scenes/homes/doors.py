"""Room doors: a leaf in a doorway, with a lever on each side."""

import numpy as np

from molmospaces_gym.scenes.generator.furniture import FINISH, board
from molmospaces_gym.scenes.generator.shapes import GREY, Part, Vec3, rod
from molmospaces_gym.scenes.homes.fixture import Fixture, Moving
from molmospaces_gym.scenes.homes.parts import Side, between, either_side, metal, pick

LEVER_HEIGHT = 1.02
LEVER_INSET = 0.065
"""Height (m) of a lever and how far its spindle is from the leaf's free edge."""
LEVER_REACH = 0.055
LEVER_LENGTH = 0.125
LEVER_RADIUS = 0.009
"""Free space behind a lever is 46 mm: a gripper's finger fits."""
GAP = 0.005
"""Between leaf and frame."""


def door(
    width: float,
    height: float,
    thickness: float,
    rng: np.random.Generator,
    hinge: Side | None = None,
) -> Fixture:
    """A doorway through a wall, with its leaf.

    In the frame of the result the middle of the opening's floor is the origin and the wall runs
    along x; the leaf is flush with the wall's -y face and swings out there. Its hinge joint is 0
    when closed and 1.6 rad when wide open; the levers are its children, each with a joint that a
    press of 0.8 rad turns and a spring returns.

    Args:
        width: of the opening in the wall, in m. The leaf is 10 mm narrower.
        height: of the opening, in m.
        thickness: of the wall, in m.
        rng: draws the leaf's look, weight and friction, and the side of the hinge.
        hinge: side of the hinge seen from -y: left (-1) or right (+1); None draws one.
    """
    side = either_side(rng) if hinge is None else hinge
    leaf_width, leaf_height = width - 2 * GAP, height - 2 * GAP
    thick = 0.038
    face = -thickness / 2 - 0.003
    arm = leaf_width - LEVER_INSET
    toward = -side
    span = sorted((0.0, toward * leaf_width))
    finish = pick(rng, ("trim", FINISH.dark, FINISH.wood))
    leaf = board((span[0], 0, -leaf_height / 2), (span[1], thick, leaf_height / 2), finish)
    z = LEVER_HEIGHT - (GAP + leaf_height / 2)
    moving = Moving(
        lemma="door",
        slides=False,
        parts=(leaf, *_panels(span, leaf_height, thick, finish)),
        pos=(side * leaf_width / 2, face, GAP + leaf_height / 2),
        axis=(0.0, 0.0, float(side)),
        travel=1.6,
        mass=between(rng, 14.0, 22.0),
        handle=-1,
        damping=between(rng, 2.0, 4.0),
        frictionloss=between(rng, 4.0, 7.0),
        armature=0.1,
        children=tuple(
            _lever((toward * arm, y, z), -toward, outward, rng)
            for y, outward in ((0.0, -1), (thick, 1))
        ),
    )
    return Fixture(
        lemma="doorway",
        category="Doorway",
        noun="door",
        half=(width / 2, thickness / 2),
        height=height,
        parts=tuple(_frame(width, height, thickness)),
        moving=(moving,),
        clearance=width,
        wall=False,
    )


def _lever(pos: Vec3, toward: int, outward: int, rng: np.random.Generator) -> Moving:
    """Lever on one face: pressed down it turns about the spindle. It points to the hinge."""
    out = outward * LEVER_REACH
    tip: Vec3 = (toward * LEVER_LENGTH, out, 0.0)
    grip = metal(rod("capsule", (0.0, out, 0.0), tip, LEVER_RADIUS, GREY))
    spindle = metal(rod("cylinder", (0.0, 0.0, 0.0), (0.0, out, 0.0), 0.011, GREY))
    rose = metal(
        rod("cylinder", (0.0, 0.0, 0.0), (0.0, outward * 0.008, 0.0), 0.026, GREY, "visual")
    )
    return Moving(
        lemma="handle",
        slides=False,
        parts=(grip, spindle, rose),
        pos=pos,
        axis=(0.0, float(toward), 0.0),
        travel=0.8,
        mass=0.4,
        handle=0,
        damping=between(rng, 0.1, 0.2),
        frictionloss=between(rng, 0.05, 0.1),
        # relaxed well above 0, so that the lever's weight never moves it
        spring=between(rng, 0.8, 1.2),
        spring_rest=-0.4,
        armature=0.02,
    )


def _frame(width: float, height: float, thickness: float) -> list[Part]:
    """Trim around the opening on both faces; only seen, so that nothing catches on it."""
    parts = []
    trim = 0.06
    for sign in (-1, 1):
        y = sorted((sign * thickness / 2, sign * (thickness / 2 + 0.012)))
        for side in (-1, 1):
            x = sorted((side * width / 2, side * (width / 2 + trim)))
            parts.append(board((x[0], y[0], 0), (x[1], y[1], height + trim), "trim", "visual"))
        parts.append(
            board((-width / 2, y[0], height), (width / 2, y[1], height + trim), "trim", "visual")
        )
    return parts


def _panels(span: list[float], height: float, thick: float, finish: str) -> list[Part]:
    """Two raised panels on both faces."""
    x0, x1 = span[0] + 0.13, span[1] - 0.13
    parts = []
    for y in ((-0.004, 0.0), (thick, thick + 0.004)):
        for z in ((-height / 2 + 0.18, -0.12), (0.12, height / 2 - 0.15)):
            parts.append(board((x0, y[0], z[0]), (x1, y[1], z[1]), finish, "visual"))
    return parts
