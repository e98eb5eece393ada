"""Fruit, vegetables and things from a bakery. Real sizes (m) and masses (kg)."""

from molmospaces_gym.scenes.generator.meshes import prism, turned
from molmospaces_gym.scenes.generator.objects import (
    BROWN,
    LEAF,
    WHITE,
    Category,
    Hold,
    Shape,
    lerp,
    mix,
)
from molmospaces_gym.scenes.generator.shapes import (
    GREY,
    Rgba,
    Vec3,
    ball,
    box,
    disc,
    egg,
    rod,
    yaw_quat,
)


def apple(size: float, rgba: Rgba) -> Shape:
    """Apple with a dent and a stem."""
    r = lerp(0.032, 0.0365, size)
    seen = turned(
        [
            (0, 0.1 * r),
            (0.45 * r, 0),
            (0.88 * r, 0.5 * r),
            (r, 1.1 * r),
            (0.8 * r, 1.65 * r),
            (0.45 * r, 1.85 * r),
            (0, 1.6 * r),
        ],
        rgba,
    )
    foot = disc(0.45 * r, 0, 0.3 * r, GREY, "hull")
    body = egg((r, r, 0.9 * r), (0, 0, 0.95 * r), GREY, "hull")
    stem = rod("cylinder", (0, 0, 1.6 * r), (0.006, 0, 2.05 * r), 0.0025, BROWN, "visual")
    return Shape((seen, stem, foot, body), (Hold("round", (0, 0, r), (r, 0.7 * r)),))


def orange(size: float, rgba: Rgba) -> Shape:
    """Orange."""
    r = lerp(0.032, 0.0365, size)
    navel = disc(0.005, 1.96 * r, 2.01 * r, LEAF, "visual")
    return Shape(
        (ball(r, (0, 0, r), rgba), navel), (Hold("round", (0, 0, r), (r, 0.7 * r)),), rolls=True
    )


def lemon(size: float, rgba: Rgba) -> Shape:
    """Lemon lying on its side."""
    a, b = lerp(0.036, 0.044, size), lerp(0.025, 0.03, size)
    tip = egg((0.009, 0.008, 0.008), (a - 0.001, 0, b), rgba, "visual")
    body = egg((a, b, b), (0, 0, b), rgba)
    return Shape((body, tip), (Hold("block", (0, 0, b), (0.6 * a, b, 0.8 * b), (1,)),), rolls=True)


def tomato(size: float, rgba: Rgba) -> Shape:
    """Tomato with a star of leaves."""
    r = lerp(0.029, 0.036, size)
    h = 0.82 * r
    leaf = turned([(0, 1.86 * h), (0.55 * r, 1.9 * h), (0, 2.06 * h)], LEAF, segments=5)
    body = egg((r, r, h), (0, 0, h), rgba)
    return Shape((body, leaf), (Hold("round", (0, 0, h), (r, 0.6 * h)),), rolls=True)


def potato(size: float, rgba: Rgba) -> Shape:
    """Potato."""
    a, b, c = lerp(0.042, 0.055, size), lerp(0.027, 0.033, size), lerp(0.024, 0.029, size)
    body = egg((a, b, c), (0, 0, c), rgba)
    return Shape((body,), (Hold("block", (0, 0, c), (0.55 * a, b, 0.7 * c), (1,)),), rolls=True)


def hen_egg(size: float, rgba: Rgba) -> Shape:
    """Egg lying on its side."""
    a, b = lerp(0.027, 0.03, size), lerp(0.021, 0.0235, size)
    body = egg((a, b, b), (0, 0, b), rgba)
    return Shape((body,), (Hold("block", (0, 0, b), (0.6 * a, b, 0.7 * b), (1,)),), rolls=True)


def banana(size: float, rgba: Rgba) -> Shape:
    """Banana lying on its side, bent in the plane of the table."""
    r, half = lerp(0.015, 0.018, size), lerp(0.07, 0.085, size)
    points: list[Vec3] = [
        (-half, half * 0.42, r),
        (-half * 0.42, 0, r),
        (half * 0.42, 0, r),
        (half, half * 0.42, r),
    ]
    links = [rod("capsule", a, b, r, rgba) for a, b in zip(points, points[1:], strict=False)]
    stem = rod("capsule", points[3], (half * 1.14, half * 0.6, r), 0.006, mix(rgba, BROWN, 0.7))
    hold = Hold("block", (0, 0, r), (half * 0.3, r, r), (1,))
    return Shape((*links, stem), (hold,), rolls=True)


def carrot(size: float, rgba: Rgba) -> Shape:
    """Carrot lying on the table."""
    r, length = lerp(0.015, 0.019, size), lerp(0.12, 0.16, size)
    thick = rod("capsule", (0, 0, r), (length * 0.4, 0, r), r, rgba)
    tail: Vec3 = (length, 0, 0.62 * r)
    thin = rod("capsule", (length * 0.4, 0, 0.85 * r), tail, 0.62 * r, rgba)
    green = rod("capsule", (-0.045, 0, r), (-r, 0, r), 0.007, LEAF, "visual")
    hold = Hold("block", (length * 0.2, 0, r), (length * 0.2, r, r), (1,))
    return Shape((thick, thin, green), (hold,), rolls=True)


def cucumber(size: float, rgba: Rgba) -> Shape:
    """Cucumber lying on the table."""
    r, half = lerp(0.019, 0.024, size), lerp(0.06, 0.085, size)
    body = rod("capsule", (-half, 0, r), (half, 0, r), r, rgba)
    return Shape((body,), (Hold("block", (0, 0, r), (half * 0.8, r, r), (1,)),), rolls=True)


def pear(size: float, rgba: Rgba) -> Shape:
    """Pear standing upright."""
    r, height = lerp(0.03, 0.035, size), lerp(0.068, 0.078, size)
    seen = turned(
        [
            (0, 0),
            (0.55 * r, 0),
            (0.97 * r, 0.2 * height),
            (0.92 * r, 0.45 * height),
            (0.5 * r, 0.75 * height),
            (0.32 * r, 0.95 * height),
            (0, height),
        ],
        rgba,
    )
    stem = rod("cylinder", (0, 0, height * 0.97), (0.005, 0, height * 1.04), 0.002, BROWN, "visual")
    foot = disc(0.55 * r, 0, 0.25 * r, GREY, "hull")
    body = ball(0.95 * r, (0, 0, 0.98 * r), GREY, "hull")
    top = disc(0.42 * r, 1.2 * r, height * 0.96, GREY, "hull")
    return Shape(
        (seen, stem, foot, body, top), (Hold("round", (0, 0, 0.52 * height), (r, 0.2 * height)),)
    )


def bread(size: float, rgba: Rgba) -> Shape:
    """Loaf of bread."""
    half = (lerp(0.08, 0.11, size), lerp(0.03, 0.035, size), lerp(0.032, 0.04, size))
    crust = prism(half, 0.014, (0, 0, half[2]), rgba)
    hull = box((half[0] - 0.006, half[1], half[2]), (0, 0, half[2]), GREY, "hull")
    cuts = [
        box((0.004, half[1] * 0.55, 0.0012), (x, 0, 2 * half[2]), mix(rgba, WHITE, 0.45), "visual")
        for x in (-0.4 * half[0], 0.0, 0.4 * half[0])
    ]
    return Shape((crust, hull, *cuts), (Hold("block", (0, 0, half[2]), half),))


def croissant(size: float, rgba: Rgba) -> Shape:
    """Croissant: five lobes along an arc, thick in the middle."""
    r, half = lerp(0.022, 0.027, size), lerp(0.05, 0.062, size)
    crust = mix(rgba, (0.86, 0.60, 0.28, 1.0), 0.6)
    lobes = []
    for k, share in zip((-2, -1, 0, 1, 2), (0.55, 0.82, 1.0, 0.82, 0.55), strict=True):
        thick = r * share
        pos = (k * half * 0.42, 0.1 * half * k * k, thick)
        shade = crust if k % 2 == 0 else mix(crust, BROWN, 0.25)
        lobes.append(egg((half * 0.36, thick, thick), pos, shade, quat=yaw_quat(0.22 * k)))
    hold = Hold("block", (0, 0, r), (half * 0.2, r, 0.8 * r), (1,))
    return Shape(tuple(lobes), (hold,), rolls=True)


PRODUCE: tuple[Category, ...] = (
    Category("apple", "apple", apple, (0.13, 0.19), ("red", "green", "yellow"), "fresh", "Apple"),
    Category("orange", "orange", orange, (0.13, 0.19), ("orange",), "fresh", "Orange"),
    Category("lemon", "lemon", lemon, (0.08, 0.13), ("yellow", "green"), "fresh", "Lemon"),
    Category("tomato", "tomato", tomato, (0.09, 0.15), ("red", "orange"), "fresh", "Tomato"),
    Category("potato", "potato", potato, (0.12, 0.22), ("beige", "brown"), "raw", "Potato"),
    Category("egg", "egg", hen_egg, (0.05, 0.068), ("white", "beige", "brown"), "fresh", "Egg"),
    Category("banana", "banana", banana, (0.11, 0.17), ("yellow",), "fresh", "Banana"),
    Category("carrot", "carrot", carrot, (0.06, 0.11), ("orange", "purple"), "fresh", "Carrot"),
    Category("cucumber", "cucumber", cucumber, (0.14, 0.28), ("green",), "fresh", "Cucumber"),
    Category("pear", "pear", pear, (0.12, 0.18), ("green", "yellow"), "fresh", "Pear"),
    Category("bread", "bread", bread, (0.28, 0.5), ("brown", "beige"), "baked", "Bread"),
    Category(
        "croissant", "croissant", croissant, (0.05, 0.08), ("beige", "brown"), "baked", "Croissant"
    ),
)
"""Categories of this file."""
