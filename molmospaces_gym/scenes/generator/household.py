"""Bottles and small things of a home. Sizes in m and masses in kg are those of real ones."""

from molmospaces_gym.scenes.generator.meshes import prism, turned
from molmospaces_gym.scenes.generator.objects import COLORS, Category, Hold, Shape, lerp, mix
from molmospaces_gym.scenes.generator.shapes import GREY, Rgba, ball, box, disc, rod

WHITE, BLACK, BROWN, STEEL = (
    COLORS["white"],
    COLORS["black"],
    COLORS["brown"],
    (0.75, 0.76, 0.78, 1.0),
)


def _bottle(
    radius: float, height: float, neck: float, shoulder: tuple[float, float], rgba: Rgba, cap: Rgba
) -> Shape:
    """Bottle whose shoulder lies between two fractions of its height; the cap is on top."""
    low, high = shoulder[0] * height, shoulder[1] * height
    seen = turned(
        [
            (0, 0),
            (radius * 0.94, 0),
            (radius, 0.006),
            (radius, low),
            (neck, high),
            (neck, height * 0.92),
            (0, height * 0.92),
        ],
        rgba,
    )
    label = disc(radius + 0.0004, low * 0.3, low * 0.8, mix(rgba, WHITE, 0.75), "visual")
    lid = disc(neck + 0.002, height * 0.9, height, cap)
    body = disc(radius, 0, low, GREY, "hull")
    slope = disc((radius + neck) / 2, low, (low + high) / 2, GREY, "hull")
    throat = disc(neck, low, height * 0.9, GREY, "hull")
    holds = (
        Hold("round", (0, 0, (high + height) / 2), (neck + 0.002, (height - high) / 2)),
        Hold("round", (0, 0, low / 2), (radius, low / 2)),
    )
    return Shape((seen, label, lid, body, slope, throat), holds)


def bottle(size: float, rgba: Rgba) -> Shape:
    """Water bottle."""
    radius, height = lerp(0.029, 0.035, size), lerp(0.18, 0.23, size)
    return _bottle(radius, height, 0.013, (0.62, 0.82), rgba, mix(rgba, BLACK, 0.35))


def wine_bottle(size: float, rgba: Rgba) -> Shape:
    """Wine bottle."""
    radius, height = lerp(0.034, 0.0365, size), lerp(0.27, 0.3, size)
    return _bottle(radius, height, 0.013, (0.58, 0.72), rgba, COLORS["red"])


def ketchup(size: float, rgba: Rgba) -> Shape:
    """Squeeze bottle with a pointed cap."""
    radius, height = lerp(0.027, 0.033, size), lerp(0.15, 0.19, size)
    return _bottle(radius, height, 0.01, (0.7, 0.86), rgba, WHITE)


def jar(size: float, rgba: Rgba) -> Shape:
    """Glass jar with a coloured lid."""
    radius, height = lerp(0.031, 0.0365, size), lerp(0.08, 0.12, size)
    body = disc(radius, 0, height * 0.82, mix(rgba, (0.86, 0.72, 0.45, 1.0), 0.75))
    label = disc(radius + 0.0004, height * 0.2, height * 0.6, WHITE, "visual")
    lid = disc(radius * 0.96, height * 0.82, height, rgba)
    return Shape((body, label, lid), (Hold("round", (0, 0, height / 2), (radius, height / 2)),))


def spray_bottle(size: float, rgba: Rgba) -> Shape:
    """Cleaner with a trigger head."""
    radius, height = lerp(0.028, 0.034, size), lerp(0.13, 0.16, size)
    seen = turned(
        [(0, 0), (radius, 0), (radius, height * 0.72), (0.012, height), (0, height)], rgba
    )
    body = disc(radius, 0, height * 0.72, GREY, "hull")
    neck = disc(0.0125, height * 0.72, height + 0.016, WHITE)
    head = box((0.032, 0.012, 0.012), (0.012, 0, height + 0.028), WHITE)
    trigger = rod("capsule", (0.028, 0, height + 0.02), (0.036, 0, height - 0.012), 0.004, BLACK)
    holds = (
        Hold("block", head.pos, head.size),
        Hold("round", (0, 0, height * 0.36), (radius, height * 0.36)),
    )
    return Shape((seen, body, neck, head, trigger), holds)


def soap_bottle(size: float, rgba: Rgba) -> Shape:
    """Dispenser with a pump."""
    radius, height = lerp(0.027, 0.034, size), lerp(0.11, 0.14, size)
    body = disc(radius, 0, height, rgba)
    collar = disc(0.013, height, height + 0.014, WHITE)
    stem = disc(0.005, height + 0.014, height + 0.034, WHITE)
    spout = box((0.024, 0.008, 0.005), (0.014, 0, height + 0.039), WHITE)
    hold = Hold("round", (0, 0, height / 2), (radius, height / 2))
    return Shape(
        (body, collar, stem, spout), (hold, Hold("round", (0, 0, height + 0.007), (0.013, 0.007)))
    )


def vase(size: float, rgba: Rgba) -> Shape:
    """Vase with a narrow neck."""
    belly, neck, height = lerp(0.04, 0.052, size), lerp(0.019, 0.025, size), lerp(0.14, 0.2, size)
    seen = turned(
        [
            (0, 0),
            (belly * 0.66, 0),
            (belly, height * 0.36),
            (neck, height * 0.74),
            (neck * 1.3, height),
            (neck * 1.1, height),
            (neck * 0.8, height * 0.74),
            (0, height * 0.5),
        ],
        rgba,
        segments=14,
    )
    base = disc(belly * 0.72, 0, height * 0.14, GREY, "hull")
    body = disc(belly * 0.93, height * 0.14, height * 0.52, GREY, "hull")
    throat = disc(neck * 1.15, height * 0.52, height, GREY, "hull")
    hold = Hold("round", (0, 0, height * 0.84), (neck * 1.3, height * 0.15))
    return Shape((seen, base, body, throat), (hold,))


def candle(size: float, rgba: Rgba) -> Shape:
    """Pillar candle."""
    radius, height = lerp(0.024, 0.035, size), lerp(0.06, 0.12, size)
    wick = rod("capsule", (0, 0, height), (0.001, 0, height + 0.012), 0.0016, BLACK, "visual")
    hold = Hold("round", (0, 0, height / 2), (radius, height / 2))
    return Shape((disc(radius, 0, height, rgba), wick), (hold,))


def sponge(size: float, rgba: Rgba) -> Shape:
    """Sponge with a scouring side."""
    half = (lerp(0.045, 0.058, size), lerp(0.03, 0.0365, size), lerp(0.014, 0.018, size))
    soft = box((half[0], half[1], half[2] * 0.7), (0, 0, half[2] * 0.7), rgba)
    rough = box(
        (half[0], half[1], half[2] * 0.3), (0, 0, half[2] * 1.7), mix(COLORS["green"], BLACK, 0.2)
    )
    return Shape((soft, rough), (Hold("block", (0, 0, half[2]), half),))


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
        (shaft, cap), (Hold("block", (-0.3 * half, 0, r), (half * 0.5, r, r)),), rolls=True
    )


def pen(size: float, rgba: Rgba) -> Shape:
    """Six-sided pen lying on the table, here a slim box with a point."""
    r, half = 0.0055, lerp(0.06, 0.075, size)
    shaft = box((half, r, r), (0, 0, r), rgba)
    point = rod("capsule", (half, 0, r), (half + 0.008, 0, r), 0.002, BLACK, "visual")
    clip = box((0.018, 0.0015, 0.0012), (-half + 0.022, 0, 2 * r + 0.0006), STEEL, "visual")
    return Shape((shaft, point, clip), (Hold("block", (0, 0, r), (half * 0.8, r, r)),))


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
    hold = Hold("block", (0, 0, z), (r * 0.6, depth, r))
    return Shape((drum, face, *hands, foot), (hold,))


def stapler(size: float, rgba: Rgba) -> Shape:
    """Stapler."""
    half = lerp(0.055, 0.07, size)
    base = box((half, 0.017, 0.006), (0, 0, 0.006), BLACK)
    hinge = box((0.014, 0.013, 0.012), (-half + 0.016, 0, 0.022), STEEL)
    arm = box((half * 0.97, 0.015, 0.009), (0, 0, 0.038), rgba)
    return Shape((base, hinge, arm), (Hold("block", (0, 0, 0.03), (half * 0.7, 0.015, 0.017)),))


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
    hold = Hold("block", (0, 0, 0.03), (half * 0.5, wide, 0.018))
    return Shape((body, cabin, *axles), (hold,))


_LABELS = ("red", "blue", "green", "orange", "yellow", "purple", "teal", "pink", "white")
_TOYS = ("red", "blue", "green", "yellow", "orange", "purple", "pink", "teal")
_SOBER = ("black", "gray", "white", "blue", "red")

HOUSEHOLD: tuple[Category, ...] = (
    Category("bottle", "bottle", bottle, (0.3, 0.55), _LABELS, "plastic", "Bottle"),
    Category(
        "wine_bottle",
        "wine",
        wine_bottle,
        (0.7, 1.1),
        ("green", "brown", "black"),
        "bottled",
        "WineBottle",
    ),
    Category(
        "ketchup",
        "ketchup",
        ketchup,
        (0.25, 0.45),
        ("red", "yellow", "brown"),
        "bottled",
        "Ketchup",
    ),
    Category("jar", "jar", jar, (0.22, 0.42), _LABELS, "glass", "Jar"),
    Category("spray_bottle", "spray", spray_bottle, (0.25, 0.5), _LABELS, "plastic", "SprayBottle"),
    Category("soap_bottle", "dispenser", soap_bottle, (0.2, 0.4), _LABELS, "plastic", "SoapBottle"),
    Category("vase", "vase", vase, (0.35, 0.65), _LABELS, "ceramic", "Vase"),
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
        "sponge",
        "sponge",
        sponge,
        (0.02, 0.04),
        ("yellow", "blue", "pink", "orange"),
        "soft",
        "DishSponge",
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
    Category("book", "book", book, (0.25, 0.6), _LABELS, "hardcover", "Book"),
    Category(
        "remote",
        "remote",
        remote,
        (0.08, 0.13),
        ("black", "gray", "white"),
        "television",
        "RemoteControl",
    ),
    Category("phone", "phone", phone, (0.14, 0.21), _SOBER, "mobile", "CellPhone"),
    Category("marker", "marker", marker, (0.02, 0.035), _TOYS, "felt", "Marker"),
    Category("pen", "pen", pen, (0.012, 0.02), ("blue", "red", "black", "green"), "plastic", "Pen"),
    Category("tape_roll", "tape", tape_roll, (0.04, 0.09), _TOYS, "sticky", "TapeRoll"),
    Category("toy_block", "block", toy_block, (0.03, 0.08), _TOYS, "wooden", "ToyBlock"),
    Category("toy_ball", "ball", toy_ball, (0.05, 0.1), _TOYS, "rubber", "Ball"),
    Category("alarm_clock", "clock", alarm_clock, (0.15, 0.3), _TOYS, "round", "AlarmClock"),
    Category("stapler", "stapler", stapler, (0.14, 0.24), _SOBER, "office", "Stapler"),
    Category(
        "screwdriver", "screwdriver", screwdriver, (0.07, 0.12), _TOYS, "steel", "Screwdriver"
    ),
    Category("toy_car", "car", toy_car, (0.06, 0.14), _TOYS, "toy", "ToyCar"),
)
"""Categories of this file."""
