"""More food, and tools of a kitchen. Real sizes (m) and masses (kg)."""

from molmospaces_gym.scenes.generator.meshes import joined, prism, tube, turned
from molmospaces_gym.scenes.generator.objects import (
    BLACK,
    BROWN,
    COLORS,
    GLAZES,
    HANDLES,
    LEAF,
    STEEL,
    WHITE,
    Category,
    Hold,
    Shape,
    lerp,
    mix,
)
from molmospaces_gym.scenes.generator.shapes import GREY, Rgba, Vec3, ball, box, disc, egg, rod


def onion(size: float, rgba: Rgba) -> Shape:
    """Onion with a dry tip."""
    r = lerp(0.029, 0.0365, size)
    h = 0.86 * r
    tip = rod(
        "cylinder", (0, 0, 1.8 * h), (0.002, 0, 2.1 * h), 0.004, mix(rgba, BROWN, 0.5), "visual"
    )
    foot = disc(0.35 * r, 0, 0.4 * h, GREY, "hull")
    return Shape(
        (egg((r, r, h), (0, 0, h), rgba), tip, foot), (Hold("round", (0, 0, h), (r, 0.6 * h)),),
        rolls=True,
    )  # fmt: skip


def avocado(size: float, rgba: Rgba) -> Shape:
    """Avocado lying on its side."""
    a, b = lerp(0.046, 0.056, size), lerp(0.029, 0.035, size)
    skin = mix(rgba, BLACK, 0.35)
    body = egg((a, b, b), (0, 0, b), skin)
    neck = egg((a * 0.45, b * 0.62, b * 0.62), (a * 0.72, 0, b), skin, "visual")
    hold = Hold("block", (0, 0, b), (0.5 * a, b, 0.7 * b), (1,))
    return Shape((body, neck), (hold,), rolls=True)


def eggplant(size: float, rgba: Rgba) -> Shape:
    """Eggplant lying on its side with a green cap."""
    r, half = lerp(0.028, 0.034, size), lerp(0.045, 0.06, size)
    body = rod("capsule", (-half, 0, r), (half * 0.3, 0, r), r, mix(rgba, BLACK, 0.3))
    neck = rod("capsule", (half * 0.3, 0, r), (half * 1.1, 0, r), 0.7 * r, mix(rgba, BLACK, 0.3))
    cap = rod("cylinder", (half * 1.05, 0, r), (half * 1.75, 0, r), 0.5 * r, LEAF, "visual")
    hold = Hold("block", (-0.3 * half, 0, r), (half * 0.5, r, 0.8 * r), (1,))
    return Shape((body, neck, cap), (hold,), rolls=True)


def bell_pepper(size: float, rgba: Rgba) -> Shape:
    """Bell pepper standing upright."""
    r, height = lerp(0.031, 0.0365, size), lerp(0.07, 0.085, size)
    seen = turned(
        [
            (0, 0.08 * height), (0.5 * r, 0), (0.8 * r, 0.12 * height), (r, 0.6 * height),
            (0.9 * r, 0.86 * height), (0.55 * r, 0.94 * height), (0, 0.86 * height),
        ],
        rgba, segments=8,
    )  # fmt: skip
    stem = rod("cylinder", (0, 0, 0.86 * height), (0.004, 0, height * 1.1), 0.004, LEAF, "visual")
    foot = disc(0.6 * r, 0, 0.2 * height, GREY, "hull")
    body = disc(0.93 * r, 0.2 * height, 0.88 * height, GREY, "hull")
    hold = Hold("round", (0, 0, 0.55 * height), (r, 0.3 * height))
    return Shape((seen, stem, foot, body), (hold,))


def donut(size: float, rgba: Rgba) -> Shape:
    """Donut with icing."""
    radius, height = lerp(0.032, 0.0365, size), lerp(0.024, 0.03, size)
    hole, mid = radius * 0.34, radius * 0.67
    dough = turned(
        [
            (hole, height * 0.5), (mid, 0), (radius, height * 0.5), (mid, height),
            (hole, height * 0.5),
        ],
        (0.82, 0.60, 0.34, 1.0), segments=14,
    )  # fmt: skip
    icing = turned(
        [
            (hole * 1.15, height * 0.62), (radius * 0.96, height * 0.62), (mid, height + 0.002),
            (hole * 1.15, height * 0.62),
        ],
        rgba, segments=14,
    )  # fmt: skip
    foot = disc(mid, 0, height * 0.3, GREY, "hull")
    body = disc(radius * 0.97, height * 0.3, height * 0.7, GREY, "hull")
    top = disc(mid, height * 0.7, height, GREY, "hull")
    hold = Hold("round", (0, 0, height / 2), (radius, height * 0.4))
    return Shape((dough, icing, foot, body, top), (hold,))


def cheese(size: float, rgba: Rgba) -> Shape:
    """Block of cheese with holes."""
    half = (lerp(0.045, 0.06, size), lerp(0.025, 0.032, size), lerp(0.022, 0.03, size))
    body = box(half, (0, 0, half[2]), mix(rgba, WHITE, 0.2))
    places = ((-0.5, 1.3, 0.007), (0.1, 0.8, 0.009), (0.6, 1.4, 0.006))
    deep, dark = half[1] + 0.0004, mix(rgba, BROWN, 0.3)
    holes = []
    for x, z, r in places:
        start = (x * half[0], -deep, z * half[2])
        end = (x * half[0], deep, z * half[2])
        holes.append(rod("cylinder", start, end, r, dark, "visual"))
    return Shape((body, *holes), (Hold("block", body.pos, half),))


def muffin(size: float, rgba: Rgba) -> Shape:
    """Muffin in a paper cup."""
    radius, height = lerp(0.029, 0.035, size), lerp(0.055, 0.066, size)
    paper = turned(
        [(0, 0), (radius * 0.72, 0), (radius * 0.96, height * 0.55), (0, height * 0.55)], rgba, 10
    )
    top = egg((radius, radius, height * 0.42), (0, 0, height * 0.58), (0.66, 0.44, 0.24, 1.0))
    base = disc(radius * 0.76, 0, height * 0.55, GREY, "hull")
    hold = Hold("round", (0, 0, height * 0.55), (radius, height * 0.25))
    return Shape((paper, top, base), (hold,))


def ladle(size: float, rgba: Rgba) -> Shape:
    """Ladle lying on the table."""
    length, cup = lerp(0.2, 0.24, size), lerp(0.03, 0.036, size)
    half = length * 0.3
    handle = box((half, 0.009, 0.007), (half, 0, 0.007), rgba)
    bridge = box((length * 0.12, 0.005, 0.004), (length * 0.7, 0, 0.008), STEEL)
    body = egg((cup, cup, 0.012), (length * 0.8 + cup, 0, 0.012), STEEL)
    return Shape((handle, bridge, body), (Hold("block", handle.pos, handle.size),))


def rolling_pin(size: float, rgba: Rgba) -> Shape:
    """Rolling pin with two grips."""
    r, half = lerp(0.021, 0.026, size), lerp(0.085, 0.11, size)
    wood = mix(rgba, WHITE, 0.25)
    body = rod("cylinder", (-half, 0, r), (half, 0, r), r, wood)
    grips = [
        rod("capsule", (s * half, 0, r), (s * (half + 0.05), 0, r), 0.011, rgba) for s in (-1, 1)
    ]
    hold = Hold("block", (0, 0, r), (half * 0.8, r, 0.9 * r), (1,))
    return Shape((body, *grips), (hold,), rolls=True)


def kettle(size: float, rgba: Rgba) -> Shape:
    """Kettle with a handle over its lid, held there."""
    radius, height = lerp(0.07, 0.08, size), lerp(0.10, 0.12, size)
    seen = turned(
        [
            (0, 0), (radius, 0), (radius * 0.96, height * 0.5), (radius * 0.62, height),
            (0, height * 1.04),
        ],
        rgba, segments=14,
    )  # fmt: skip
    spout: list[Vec3] = [(radius * 0.7, 0.0, height * 0.5), (radius * 1.3, 0.0, height * 0.95)]
    seen = joined(seen, tube([spout[0], spout[1]], 0.010, rgba))
    nose = rod("capsule", spout[0], spout[1], 0.009, GREY, "hull")
    base = disc(radius, 0, height * 0.5, GREY, "hull")
    top = disc(radius * 0.78, height * 0.5, height, GREY, "hull")
    high = height + 0.065
    bar = box((radius * 0.72, 0.010, 0.008), (0, 0, high), BLACK)
    posts = [
        box((0.006, 0.006, 0.036), (s * radius * 0.6, 0, height + 0.028), STEEL) for s in (-1, 1)
    ]
    return Shape(
        (seen, nose, base, top, bar, *posts),
        (Hold("block", bar.pos, (radius * 0.45, 0.010, 0.008), (1,)),),
    )


def paper_towel(size: float, rgba: Rgba) -> Shape:
    """Upright roll of kitchen paper with a printed border."""
    radius, height = lerp(0.031, 0.0365, size), lerp(0.2, 0.235, size)
    body = disc(radius, 0, height, WHITE)
    core = disc(radius * 0.35, height - 0.002, height + 0.001, BROWN, "visual")
    border = disc(radius + 0.0005, height * 0.1, height * 0.18, rgba, "visual")
    return Shape((body, core, border), (Hold("round", (0, 0, height / 2), (radius, height / 2)),))


def sausage(size: float, rgba: Rgba) -> Shape:
    """Sausage lying on the table."""
    r, half = lerp(0.013, 0.017, size), lerp(0.05, 0.07, size)
    body = rod("capsule", (-half, 0, r), (half, 0, r), r, mix(rgba, (0.6, 0.25, 0.15, 1.0), 0.6))
    return Shape((body,), (Hold("block", (0, 0, r), (half * 0.8, r, r), (1,)),), rolls=True)


def whisk(size: float, rgba: Rgba) -> Shape:
    """Whisk lying on the table."""
    half = lerp(0.055, 0.065, size)
    handle = box((half, 0.010, 0.009), (0, 0, 0.014), rgba)
    hull = egg((half * 0.75, 0.026, 0.014), (half * 1.75, 0, 0.014), GREY, "hull")
    wires = [
        egg((half * 0.75, w, h), (half * 1.75, 0, 0.014), STEEL, "visual")
        for w, h in ((0.026, 0.002), (0.003, 0.014))
    ]
    foot = box((0.004, 0.010, 0.0025), (-half + 0.006, 0, 0.0025), rgba)
    return Shape((handle, foot, hull, *wires), (Hold("block", handle.pos, handle.size),))


def chocolate(size: float, rgba: Rgba) -> Shape:
    """Wrapped bar of chocolate."""
    half = (lerp(0.06, 0.08, size), lerp(0.025, 0.0365, size), 0.006)
    seen = prism(half, 0.002, (0, 0, half[2]), rgba)
    hull = box((half[0], half[1] * 0.98, half[2]), (0, 0, half[2]), GREY, "hull")
    label = box(
        (half[0] * 0.4, half[1] * 0.5, 0.0004), (0, 0, 2 * half[2]), COLORS["yellow"], "visual"
    )
    return Shape((seen, hull, label), (Hold("block", (0, 0, half[2]), half),))


def scoop(size: float, rgba: Rgba) -> Shape:
    """Ice-cream scoop lying on the table."""
    half = lerp(0.045, 0.055, size)
    handle = box((half, 0.011, 0.010), (0, 0, 0.010), rgba)
    head = ball(lerp(0.019, 0.022, size), (half + 0.018, 0, lerp(0.019, 0.022, size)), STEEL)
    return Shape((handle, head), (Hold("block", handle.pos, handle.size),))


PANTRY: tuple[Category, ...] = (
    Category("onion", "onion", onion, (0.08, 0.16), ("brown", "purple", "white"), "raw", "Onion"),
    Category("avocado", "avocado", avocado, (0.14, 0.22), ("green", "brown"), "fresh", "Avocado"),
    Category("eggplant", "eggplant", eggplant, (0.2, 0.3), ("purple",), "fresh", "Eggplant"),
    Category(
        "bell_pepper", "pepper", bell_pepper, (0.12, 0.18), ("red", "yellow", "green", "orange"),
        "fresh", "BellPepper",
    ),
    Category(
        "donut", "donut", donut, (0.05, 0.08), ("pink", "brown", "white", "blue"), "iced", "Donut"
    ),
    Category("cheese", "cheese", cheese, (0.15, 0.28), ("yellow", "orange"), "fresh", "Cheese"),
    Category(
        "muffin", "muffin", muffin, (0.06, 0.1), ("white", "pink", "brown"), "baked", "Muffin"
    ),
    Category("sausage", "sausage", sausage, (0.08, 0.14), ("brown", "red"), "smoked", "Sausage"),
    Category(
        "chocolate", "chocolate", chocolate, (0.1, 0.15), ("red", "blue", "purple", "brown"),
        "wrapped", "Chocolate",
    ),
    Category("ladle", "ladle", ladle, (0.1, 0.16), HANDLES, "metal", "Ladle"),
    Category("whisk", "whisk", whisk, (0.08, 0.13), HANDLES, "wire", "Whisk"),
    Category("scoop", "scoop", scoop, (0.1, 0.16), HANDLES, "metal", "Scoop"),
    Category(
        "rolling_pin", "rolling-pin", rolling_pin, (0.25, 0.4), ("brown", "beige"), "wooden",
        "RollingPin",
    ),
    Category("kettle", "kettle", kettle, (0.5, 0.75), GLAZES, "metal", "Kettle"),
    Category(
        "paper_towel", "towels", paper_towel, (0.12, 0.2), ("blue", "green", "red"), "paper",
        "PaperTowelRoll",
    ),
)  # fmt: skip
"""Categories of this file."""
