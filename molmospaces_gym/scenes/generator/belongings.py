"""Small belongings of a home: desk, bath and toy box. Real sizes (m) and masses (kg)."""

from molmospaces_gym.scenes.generator.meshes import prism, turned
from molmospaces_gym.scenes.generator.objects import (
    BLACK,
    BRIGHT,
    COLORS,
    LABELS,
    SOBER,
    STEEL,
    WHITE,
    Category,
    Hold,
    Shape,
    lerp,
    mix,
)
from molmospaces_gym.scenes.generator.shapes import GREY, Rgba, ball, box, disc, rod


def candle(size: float, rgba: Rgba) -> Shape:
    """Pillar candle."""
    radius, height = lerp(0.024, 0.035, size), lerp(0.06, 0.12, size)
    wick = rod("capsule", (0, 0, height), (0.001, 0, height + 0.012), 0.0016, BLACK, "visual")
    hold = Hold("round", (0, 0, height / 2), (radius, height / 2))
    return Shape((disc(radius, 0, height, rgba), wick), (hold,))


def soap_bar(size: float, rgba: Rgba) -> Shape:
    """Bar of soap with cut edges."""
    half = (lerp(0.036, 0.046, size), lerp(0.023, 0.03, size), lerp(0.013, 0.017, size))
    seen = prism(half, 0.007, (0, 0, half[2]), mix(rgba, WHITE, 0.35))
    hull = box((half[0] * 0.97, half[1], half[2]), (0, 0, half[2]), GREY, "hull")
    return Shape((seen, hull), (Hold("block", (0, 0, half[2]), half),))


def book(size: float, rgba: Rgba) -> Shape:
    """Book lying flat; too wide for a gripper from above."""
    half = (lerp(0.085, 0.115, size), lerp(0.06, 0.08, size), lerp(0.012, 0.02, size))
    pages = box(
        (half[0] - 0.003, half[1] - 0.002, half[2] - 0.003),
        (0.001, 0.003, half[2]),
        WHITE,
        "visual",
    )
    lids = [
        box((half[0], half[1], 0.0015), (0, 0, z), rgba, "visual")
        for z in (0.0015, 2 * half[2] - 0.0015)
    ]
    spine = box((half[0], 0.0015, half[2]), (0, -half[1] + 0.0015, half[2]), rgba, "visual")
    title = box(
        (half[0] * 0.5, half[1] * 0.2, 0.0004), (0, 0, 2 * half[2]), mix(rgba, WHITE, 0.7), "visual"
    )
    hull = box(half, (0, 0, half[2]), GREY, "hull")
    return Shape((pages, *lids, spine, title, hull))


def remote(size: float, rgba: Rgba) -> Shape:
    """Remote control."""
    half = (lerp(0.07, 0.09, size), lerp(0.019, 0.024, size), 0.011)
    body = box(half, (0, 0, half[2]), rgba)
    top = 2 * half[2]
    keys = [
        box(
            (half[0] * 0.3, half[1] * 0.6, 0.001),
            (-half[0] * 0.35, 0, top),
            mix(rgba, WHITE, 0.6),
            "visual",
        ),
        disc(half[1] * 0.6, top - 0.001, top + 0.001, mix(rgba, WHITE, 0.45), "visual").moved(
            (half[0] * 0.3, 0, 0)
        ),
        box((0.006, 0.006, 0.001), (half[0] * 0.78, 0, top), COLORS["red"], "visual"),
    ]
    return Shape((body, *keys), (Hold("block", (0, 0, half[2]), half),))


def phone(size: float, rgba: Rgba) -> Shape:
    """Telephone lying face up."""
    half = (lerp(0.066, 0.078, size), lerp(0.032, 0.0365, size), 0.006)
    body = box(half, (0, 0, half[2]), rgba)
    screen = box(
        (half[0] * 0.9, half[1] * 0.9, 0.0005),
        (0, 0, 2 * half[2]),
        (0.16, 0.22, 0.32, 1.0),
        "visual",
    )
    return Shape((body, screen), (Hold("block", (0, 0, half[2]), half),))


def marker(size: float, rgba: Rgba) -> Shape:
    """Thick felt pen lying on the table."""
    r, half = lerp(0.0085, 0.011, size), lerp(0.055, 0.07, size)
    shaft = rod("cylinder", (-half, 0, r), (half * 0.4, 0, r), r, WHITE)
    cap = rod("cylinder", (half * 0.4, 0, r), (half, 0, r), r, rgba)
    return Shape(
        (shaft, cap), (Hold("block", (-0.3 * half, 0, r), (half * 0.5, r, r), (1,)),), rolls=True
    )


def pen(size: float, rgba: Rgba) -> Shape:
    """Six-sided pen lying on the table, here a slim box with a point."""
    r, half = 0.0055, lerp(0.06, 0.075, size)
    shaft = box((half, r, r), (0, 0, r), rgba)
    point = rod("capsule", (half, 0, r), (half + 0.008, 0, r), 0.002, BLACK, "visual")
    clip = box((0.018, 0.0015, 0.0012), (-half + 0.022, 0, 2 * r + 0.0006), STEEL, "visual")
    return Shape((shaft, point, clip), (Hold("block", (0, 0, r), (half * 0.8, r, r), (1,)),))


def tape_roll(size: float, rgba: Rgba) -> Shape:
    """Roll of tape lying flat."""
    radius, height = lerp(0.026, 0.036, size), lerp(0.02, 0.026, size)
    hole = radius * 0.55
    seen = turned(
        [(hole, 0), (radius, 0), (radius, height), (hole, height), (hole, 0)], rgba, segments=14
    )
    core = disc(hole, 0.001, 0.003, mix(rgba, BLACK, 0.6), "visual")
    hull = disc(radius, 0, height, GREY, "hull")
    return Shape((seen, core, hull), (Hold("round", (0, 0, height / 2), (radius, height / 2)),))


def toy_block(size: float, rgba: Rgba) -> Shape:
    """Wooden cube with a pale mark on each side."""
    half = lerp(0.018, 0.026, size)
    cube = box((half, half, half), (0, 0, half), rgba)
    pale, mark, out = mix(rgba, WHITE, 0.6), half * 0.55, half + 0.0004
    marks = [box((out, mark, mark), (0, 0, half), pale, "visual")]
    marks += [box((mark, out, mark), (0, 0, half), pale, "visual")]
    marks += [box((mark, mark, out), (0, 0, half), pale, "visual")]
    return Shape((cube, *marks), (Hold("block", (0, 0, half), (half, half, half)),))


def toy_ball(size: float, rgba: Rgba) -> Shape:
    """Rubber ball with a stripe."""
    r = lerp(0.027, 0.0365, size)
    stripe = disc(r * 1.004, r * 0.88, r * 1.12, mix(rgba, WHITE, 0.75), "visual")
    return Shape(
        (ball(r, (0, 0, r), rgba), stripe), (Hold("round", (0, 0, r), (r, 0.7 * r)),), rolls=True
    )


def alarm_clock(size: float, rgba: Rgba) -> Shape:
    """Round clock on two feet, with its face to -y."""
    r, depth = lerp(0.038, 0.05, size), lerp(0.02, 0.026, size)
    z = r + 0.008
    drum = rod("cylinder", (0, -depth, z), (0, depth, z), r, rgba)
    face = rod("cylinder", (0, -depth - 0.0006, z), (0, 0, z), r * 0.85, WHITE, "visual")
    hands = [
        box((0.0016, 0.0005, r * 0.3), (0, -depth - 0.001, z + r * 0.28), BLACK, "visual"),
        box((r * 0.22, 0.0005, 0.0016), (r * 0.2, -depth - 0.001, z), BLACK, "visual"),
    ]
    foot = box((r * 0.62, depth * 0.9, 0.011), (0, 0, 0.011), mix(rgba, BLACK, 0.4))
    hold = Hold("block", (0, 0, z), (r * 0.6, depth, r), (1,))
    return Shape((drum, face, *hands, foot), (hold,))


def stapler(size: float, rgba: Rgba) -> Shape:
    """Stapler."""
    half = lerp(0.055, 0.07, size)
    base = box((half, 0.017, 0.006), (0, 0, 0.006), BLACK)
    hinge = box((0.014, 0.013, 0.012), (-half + 0.016, 0, 0.022), STEEL)
    arm = box((half * 0.97, 0.015, 0.009), (0, 0, 0.038), rgba)
    return Shape(
        (base, hinge, arm), (Hold("block", (0, 0, 0.03), (half * 0.7, 0.015, 0.017), (1,)),)
    )


def screwdriver(size: float, rgba: Rgba) -> Shape:
    """Screwdriver with a square handle."""
    half = lerp(0.042, 0.052, size)
    handle = box((half, 0.013, 0.012), (0, 0, 0.012), rgba)
    seen = box((half * 0.25, 0.0134, 0.0124), (-half * 0.5, 0, 0.012), BLACK, "visual")
    shaft = rod("cylinder", (half, 0, 0.012), (half * 2.7, 0, 0.012), 0.0035, STEEL)
    return Shape((handle, seen, shaft), (Hold("block", handle.pos, handle.size),))


def toy_car(size: float, rgba: Rgba) -> Shape:
    """Toy car; its wheels do not turn."""
    half = lerp(0.045, 0.058, size)
    wide = lerp(0.021, 0.026, size)
    body = box((half, wide, 0.010), (0, 0, 0.018), rgba)
    cabin = box((half * 0.5, wide * 0.85, 0.010), (-half * 0.1, 0, 0.038), mix(rgba, WHITE, 0.65))
    axles = [
        rod("cylinder", (x, -wide - 0.001, 0.010), (x, wide + 0.001, 0.010), 0.010, BLACK)
        for x in (-half * 0.6, half * 0.6)
    ]
    hold = Hold("block", (0, 0, 0.03), (half * 0.5, wide, 0.018), (1,))
    return Shape((body, cabin, *axles), (hold,))


BELONGINGS: tuple[Category, ...] = (
    Category(
        "candle",
        "candle",
        candle,
        (0.1, 0.3),
        ("white", "red", "beige", "green", "purple"),
        "wax",
        "Candle",
    ),
    Category(
        "soap_bar",
        "soap",
        soap_bar,
        (0.07, 0.13),
        ("white", "pink", "green", "yellow", "purple"),
        "scented",
        "SoapBar",
    ),
    Category("book", "book", book, (0.25, 0.6), LABELS, "hardcover", "Book"),
    Category(
        "remote",
        "remote",
        remote,
        (0.08, 0.13),
        ("black", "gray", "white"),
        "television",
        "RemoteControl",
    ),
    Category("phone", "phone", phone, (0.14, 0.21), SOBER, "mobile", "CellPhone"),
    Category("marker", "marker", marker, (0.02, 0.035), BRIGHT, "felt", "Marker"),
    Category("pen", "pen", pen, (0.012, 0.02), ("blue", "red", "black", "green"), "plastic", "Pen"),
    Category("tape_roll", "tape", tape_roll, (0.04, 0.09), BRIGHT, "sticky", "TapeRoll"),
    Category("toy_block", "block", toy_block, (0.03, 0.08), BRIGHT, "wooden", "ToyBlock"),
    Category("toy_ball", "ball", toy_ball, (0.05, 0.1), BRIGHT, "rubber", "Ball"),
    Category("alarm_clock", "clock", alarm_clock, (0.15, 0.3), BRIGHT, "round", "AlarmClock"),
    Category("stapler", "stapler", stapler, (0.14, 0.24), SOBER, "office", "Stapler"),
    Category(
        "screwdriver", "screwdriver", screwdriver, (0.07, 0.12), BRIGHT, "steel", "Screwdriver"
    ),
    Category("toy_car", "car", toy_car, (0.06, 0.14), BRIGHT, "toy", "ToyCar"),
)
"""Categories of this file."""
