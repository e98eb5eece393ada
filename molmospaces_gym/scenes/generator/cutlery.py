"""Cutlery and other small things of a kitchen. Real sizes (m) and masses (kg)."""

from molmospaces_gym.scenes.generator.meshes import prism, turned
from molmospaces_gym.scenes.generator.objects import (
    BLACK,
    COLORS,
    GLAZES,
    HANDLES,
    STEEL,
    Category,
    Hold,
    Shape,
    lerp,
    mix,
)
from molmospaces_gym.scenes.generator.shapes import GREY, Part, Rgba, box, disc, egg


def _cutlery(length: float, rgba: Rgba, head: list[Part]) -> Shape:
    """Handle along x with ``head`` at its +x end; the handle starts at x = 0."""
    half = length * 0.3
    handle = box((half, 0.007, 0.006), (half, 0, 0.006), rgba)
    return Shape((handle, *head), (Hold("block", handle.pos, handle.size),))


def fork(size: float, rgba: Rgba) -> Shape:
    """Fork lying on the table."""
    length = lerp(0.17, 0.2, size)
    neck, half = length * 0.8, length * 0.1
    tines = [
        box((half, 0.0022, 0.003), (neck + half, y, 0.004), STEEL, "visual")
        for y in (-0.0088, 0.0, 0.0088)
    ]
    hull = box((half, 0.011, 0.003), (neck + half, 0, 0.004), GREY, "hull")
    bridge = box((length * 0.1, 0.004, 0.004), (length * 0.7, 0, 0.005), STEEL)
    root = box((0.006, 0.011, 0.003), (neck, 0, 0.004), STEEL, "visual")
    return _cutlery(length, rgba, [bridge, root, *tines, hull])


def spoon(size: float, rgba: Rgba) -> Shape:
    """Spoon lying on the table."""
    length = lerp(0.15, 0.19, size)
    bridge = box((length * 0.1, 0.004, 0.004), (length * 0.7, 0, 0.005), STEEL)
    bowl_part = egg((length * 0.13, 0.017, 0.006), (length * 0.88, 0, 0.006), STEEL)
    return _cutlery(length, rgba, [bridge, bowl_part])


def knife(size: float, rgba: Rgba) -> Shape:
    """Table knife lying on its side."""
    length = lerp(0.19, 0.23, size)
    blade = box((length * 0.21, 0.010, 0.0025), (length * 0.79, 0, 0.004), STEEL)
    return _cutlery(length, rgba, [blade])


def spatula(size: float, rgba: Rgba) -> Shape:
    """Turner with a slotted flat head."""
    length = lerp(0.24, 0.28, size)
    half = length * 0.3
    handle = box((half, 0.011, 0.0095), (half, 0, 0.0095), rgba)
    bridge = box((length * 0.09, 0.005, 0.004), (length * 0.68, 0, 0.006), STEEL)
    head = box((length * 0.14, 0.033, 0.003), (length * 0.86, 0, 0.004), mix(BLACK, rgba, 0.2))
    return Shape((handle, bridge, head), (Hold("block", handle.pos, handle.size),))


def salt_shaker(size: float, rgba: Rgba) -> Shape:
    """Shaker with a steel cap."""
    radius, height = lerp(0.019, 0.024, size), lerp(0.07, 0.09, size)
    body = disc(radius, 0, height * 0.75, rgba)
    cap = disc(radius * 0.92, height * 0.75, height, STEEL)
    return Shape((body, cap), (Hold("round", (0, 0, height / 2), (radius, height / 2)),))


def pepper_mill(size: float, rgba: Rgba) -> Shape:
    """Turned wooden mill with a knob."""
    radius, height = lerp(0.022, 0.027, size), lerp(0.12, 0.17, size)
    seen = turned(
        [
            (0, 0),
            (radius, 0),
            (radius, height * 0.14),
            (radius * 0.62, height * 0.34),
            (radius * 0.85, height * 0.66),
            (radius * 0.5, height * 0.72),
            (radius * 0.95, height * 0.8),
            (radius * 0.6, height * 0.93),
            (0, height),
        ],
        rgba,
    )
    base = disc(radius, 0, height * 0.16, GREY, "hull")
    top = disc(radius * 0.85, height * 0.16, height * 0.93, GREY, "hull")
    hold = Hold("round", (0, 0, height * 0.62), (radius, height * 0.3))
    return Shape((seen, base, top), (hold,))


def cutting_board(size: float, rgba: Rgba) -> Shape:
    """Small chopping board; too flat for a gripper from above."""
    half = (lerp(0.12, 0.15, size), lerp(0.08, 0.1, size), 0.009)
    seen = prism(half, 0.004, (0, 0, half[2]), rgba)
    hull = box(half, (0, 0, half[2]), GREY, "hull")
    groove = disc(0.012, 0.0181, 0.0187, mix(rgba, BLACK, 0.5), "visual").moved(
        (half[0] - 0.024, 0, 0)
    )
    return Shape((seen, hull, groove))


def sponge(size: float, rgba: Rgba) -> Shape:
    """Sponge with a scouring side."""
    half = (lerp(0.045, 0.058, size), lerp(0.03, 0.0365, size), lerp(0.014, 0.018, size))
    soft = box((half[0], half[1], half[2] * 0.7), (0, 0, half[2] * 0.7), rgba)
    rough = box(
        (half[0], half[1], half[2] * 0.3), (0, 0, half[2] * 1.7), mix(COLORS["green"], BLACK, 0.2)
    )
    return Shape((soft, rough), (Hold("block", (0, 0, half[2]), half),))


CUTLERY: tuple[Category, ...] = (
    Category(
        "salt_shaker", "saltshaker", salt_shaker, (0.08, 0.13), GLAZES, "ceramic", "SaltShaker"
    ),
    Category(
        "pepper_shaker",
        "peppermill",
        pepper_mill,
        (0.1, 0.2),
        ("brown", "black", "beige", "red"),
        "wooden",
        "PepperShaker",
    ),
    Category("fork", "fork", fork, (0.035, 0.05), HANDLES, "metal", "Fork"),
    Category("spoon", "spoon", spoon, (0.03, 0.05), HANDLES, "metal", "Spoon"),
    Category("knife", "knife", knife, (0.05, 0.08), HANDLES, "metal", "ButterKnife"),
    Category("spatula", "spatula", spatula, (0.07, 0.11), HANDLES, "kitchen", "Spatula"),
    Category(
        "cutting_board",
        "board",
        cutting_board,
        (0.3, 0.5),
        ("brown", "beige"),
        "wooden",
        "CuttingBoard",
    ),
    Category(
        "sponge",
        "sponge",
        sponge,
        (0.02, 0.04),
        ("yellow", "blue", "pink", "orange"),
        "soft",
        "DishSponge",
    ),
)
"""Categories of this file."""
