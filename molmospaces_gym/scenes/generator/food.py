"""Fruit, vegetables and packed food. Sizes in m and masses in kg are those of real ones."""

from molmospaces_gym.scenes.generator.meshes import prism, stacked, turned
from molmospaces_gym.scenes.generator.objects import COLORS, Category, Hold, Shape, lerp, mix
from molmospaces_gym.scenes.generator.shapes import (
    GREY,
    Part,
    Rgba,
    Vec3,
    ball,
    box,
    disc,
    egg,
    rod,
)

WHITE, BLACK, BROWN, STEEL = (
    COLORS["white"],
    COLORS["black"],
    COLORS["brown"],
    (0.75, 0.76, 0.78, 1.0),
)
LEAF = (0.25, 0.5, 0.2, 1.0)


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
    return Shape((body, tip), (Hold("block", (0, 0, b), (0.6 * a, b, 0.8 * b)),), rolls=True)


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
    return Shape((body,), (Hold("block", (0, 0, c), (0.55 * a, b, 0.7 * c)),), rolls=True)


def hen_egg(size: float, rgba: Rgba) -> Shape:
    """Egg lying on its side."""
    a, b = lerp(0.027, 0.03, size), lerp(0.021, 0.0235, size)
    body = egg((a, b, b), (0, 0, b), rgba)
    return Shape((body,), (Hold("block", (0, 0, b), (0.6 * a, b, 0.7 * b)),), rolls=True)


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
    hold = Hold("block", (0, 0, r), (half * 0.3, r, r))
    return Shape((*links, stem), (hold,), rolls=True)


def carrot(size: float, rgba: Rgba) -> Shape:
    """Carrot lying on the table."""
    r, length = lerp(0.015, 0.019, size), lerp(0.12, 0.16, size)
    thick = rod("capsule", (0, 0, r), (length * 0.4, 0, r), r, rgba)
    tail: Vec3 = (length, 0, 0.62 * r)
    thin = rod("capsule", (length * 0.4, 0, 0.85 * r), tail, 0.62 * r, rgba)
    green = rod("capsule", (-0.045, 0, r), (-r, 0, r), 0.007, LEAF, "visual")
    hold = Hold("block", (length * 0.2, 0, r), (length * 0.2, r, r))
    return Shape((thick, thin, green), (hold,), rolls=True)


def cucumber(size: float, rgba: Rgba) -> Shape:
    """Cucumber lying on the table."""
    r, half = lerp(0.019, 0.024, size), lerp(0.06, 0.085, size)
    body = rod("capsule", (-half, 0, r), (half, 0, r), r, rgba)
    return Shape((body,), (Hold("block", (0, 0, r), (half * 0.8, r, r)),), rolls=True)


def pear(size: float, rgba: Rgba) -> Shape:
    """Pear standing upright."""
    r, height = lerp(0.03, 0.035, size), lerp(0.08, 0.095, size)
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
    stem = rod("cylinder", (0, 0, height * 0.97), (0.005, 0, height * 1.1), 0.002, BROWN, "visual")
    foot = disc(0.55 * r, 0, 0.25 * r, GREY, "hull")
    body = ball(0.95 * r, (0, 0, 0.98 * r), GREY, "hull")
    top = disc(0.42 * r, 1.2 * r, height * 0.96, GREY, "hull")
    return Shape((seen, stem, foot, body, top), (Hold("round", (0, 0, r), (r, 0.6 * r)),))


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
    """Croissant: thick in the middle, bent ends."""
    r, half = lerp(0.022, 0.027, size), lerp(0.05, 0.062, size)
    middle = egg((half * 0.62, r, r), (0, 0, r), rgba)
    ends = [
        rod(
            "capsule",
            (side * half * 0.4, 0.006, 0.7 * r),
            (side * half, half * 0.42, 0.55 * r),
            0.55 * r,
            mix(rgba, BROWN, 0.25),
        )
        for side in (-1, 1)
    ]
    hold = Hold("block", (0, 0, r), (half * 0.25, r, 0.8 * r))
    return Shape((middle, *ends), (hold,), rolls=True)


def _can(radius: float, height: float, rgba: Rgba, shoulder: float) -> Shape:
    """Tin with a coloured label between steel ends."""
    seen = turned(
        [
            (0, 0),
            (radius - shoulder, 0),
            (radius, shoulder),
            (radius, height - shoulder),
            (radius - shoulder, height),
            (0, height - 0.002),
        ],
        STEEL,
        segments=14,
    )
    label = disc(radius + 0.0004, height * 0.12, height * 0.88, rgba, "visual")
    hull = disc(radius, 0, height, GREY, "hull")
    hold = Hold("round", (0, 0, height / 2), (radius, height / 2))
    return Shape((seen, label, hull), (hold,))


def soda_can(size: float, rgba: Rgba) -> Shape:
    """Drink can."""
    return _can(lerp(0.029, 0.033, size), lerp(0.105, 0.125, size), rgba, 0.006)


def soup_can(size: float, rgba: Rgba) -> Shape:
    """Food tin."""
    return _can(lerp(0.032, 0.036, size), lerp(0.08, 0.105, size), rgba, 0.001)


def tuna_can(size: float, rgba: Rgba) -> Shape:
    """Low tin."""
    return _can(lerp(0.033, 0.036, size), lerp(0.036, 0.045, size), rgba, 0.001)


def yogurt(size: float, rgba: Rgba) -> Shape:
    """Yogurt pot with a coloured lid."""
    r, height = lerp(0.03, 0.035, size), lerp(0.06, 0.085, size)
    seen = turned([(0, 0), (r * 0.78, 0), (r * 0.97, height - 0.003), (0, height - 0.003)], WHITE)
    band = turned(
        [
            (0, height * 0.3),
            (r * 0.84 + 0.001, height * 0.3),
            (r * 0.94, height * 0.75),
            (0, height * 0.75),
        ],
        mix(rgba, WHITE, 0.35),
    )
    lid = disc(r, height - 0.003, height, rgba)
    base = disc(r * 0.8, 0, height * 0.5, GREY, "hull")
    body = disc(r * 0.92, height * 0.5, height - 0.003, GREY, "hull")
    hold = Hold("round", (0, 0, height * 0.6), (r, height * 0.4))
    return Shape((seen, band, lid, base, body), (hold,))


def _carton(half: Vec3, rgba: Rgba, label: Rgba, share: float) -> list[Part]:
    """Box with a label around the middle ``share`` of its height."""
    body = box(half, (0, 0, half[2]), rgba)
    band = (half[0] + 0.0004, half[1] + 0.0004, half[2] * share)
    return [body, box(band, (0, 0, half[2] * 0.95), label, "visual")]


def cereal_box(size: float, rgba: Rgba) -> Shape:
    """Cereal box, thin enough for a gripper in one direction."""
    half = (lerp(0.075, 0.095, size), lerp(0.023, 0.031, size), lerp(0.11, 0.14, size))
    parts = _carton(half, rgba, mix(rgba, WHITE, 0.7), 0.42)
    z, out = half[2] * 0.95, half[1] + 0.001
    picture = rod("cylinder", (0, -out, z), (0, out, z), half[0] * 0.5, rgba, "visual")
    return Shape((*parts, picture), (Hold("block", (0, 0, half[2]), half),))


def cracker_box(size: float, rgba: Rgba) -> Shape:
    """Small upright box of crackers."""
    half = (lerp(0.05, 0.065, size), lerp(0.022, 0.028, size), lerp(0.07, 0.085, size))
    parts = _carton(half, mix(rgba, WHITE, 0.75), rgba, 0.5)
    return Shape(tuple(parts), (Hold("block", (0, 0, half[2]), half),))


def milk_carton(size: float, rgba: Rgba) -> Shape:
    """Gable-top carton."""
    side, tall = lerp(0.031, 0.0355, size), lerp(0.075, 0.09, size)
    roof = 0.03
    body = box((side, side, tall), (0, 0, tall), mix(rgba, WHITE, 0.85))
    band = box((side + 0.0004, side + 0.0004, tall * 0.32), (0, 0, tall * 0.9), rgba, "visual")
    outline = [(side, -side), (side, side), (-side, side), (-side, -side)]
    ridge = [(side, -0.003), (side, 0.003), (-side, 0.003), (-side, -0.003)]
    low = [(x, y, 2 * tall) for x, y in outline]
    mesh = stacked([*low, *((x, y, 2 * tall + roof) for x, y in ridge)], 2)
    gable = Part("mesh", (), rgba=rgba, role="visual", mesh=mesh)
    fin = box((side, 0.003, 0.006), (0, 0, 2 * tall + roof + 0.006), mix(rgba, WHITE, 0.85))
    top = box((side, side * 0.5, roof / 2), (0, 0, 2 * tall + roof / 2), GREY, "hull")
    hold = Hold("block", (0, 0, tall), (side, side, tall))
    return Shape((body, band, gable, fin, top), (hold, Hold("block", fin.pos, fin.size)))


def juice_box(size: float, rgba: Rgba) -> Shape:
    """Juice box with a straw."""
    half = (lerp(0.027, 0.032, size), lerp(0.018, 0.022, size), lerp(0.05, 0.062, size))
    parts = _carton(half, rgba, mix(rgba, WHITE, 0.8), 0.3)
    top = 2 * half[2]
    straw = rod(
        "capsule",
        (half[0] * 0.5, 0, top - 0.004),
        (half[0] * 0.75, 0, top + 0.03),
        0.0025,
        WHITE,
        "visual",
    )
    return Shape((*parts, straw), (Hold("block", (0, 0, half[2]), half),))


_FRUIT = "fresh"
_LABELS = ("red", "blue", "green", "orange", "yellow", "purple", "teal", "pink")

FOOD: tuple[Category, ...] = (
    Category("apple", "apple", apple, (0.13, 0.19), ("red", "green", "yellow"), _FRUIT, "Apple"),
    Category("orange", "orange", orange, (0.13, 0.19), ("orange",), _FRUIT, "Orange"),
    Category("lemon", "lemon", lemon, (0.08, 0.13), ("yellow", "green"), _FRUIT, "Lemon"),
    Category("tomato", "tomato", tomato, (0.09, 0.15), ("red", "orange"), _FRUIT, "Tomato"),
    Category("potato", "potato", potato, (0.12, 0.22), ("beige", "brown"), "raw", "Potato"),
    Category("egg", "egg", hen_egg, (0.05, 0.068), ("white", "beige", "brown"), _FRUIT, "Egg"),
    Category("banana", "banana", banana, (0.11, 0.17), ("yellow",), _FRUIT, "Banana"),
    Category("carrot", "carrot", carrot, (0.06, 0.11), ("orange", "purple"), _FRUIT, "Carrot"),
    Category("cucumber", "cucumber", cucumber, (0.14, 0.28), ("green",), _FRUIT, "Cucumber"),
    Category("pear", "pear", pear, (0.12, 0.18), ("green", "yellow"), _FRUIT, "Pear"),
    Category("bread", "bread", bread, (0.28, 0.5), ("brown", "beige"), "baked", "Bread"),
    Category(
        "croissant", "croissant", croissant, (0.05, 0.08), ("beige", "brown"), "baked", "Croissant"
    ),
    Category("soda_can", "soda", soda_can, (0.3, 0.39), _LABELS, "metal", "SodaCan"),
    Category("soup_can", "soup", soup_can, (0.28, 0.45), _LABELS, "canned", "SoupCan"),
    Category("tuna_can", "tuna", tuna_can, (0.12, 0.19), _LABELS, "canned", "TunaCan"),
    Category("yogurt", "yogurt", yogurt, (0.13, 0.21), _LABELS, "fresh", "Yogurt"),
    Category("cereal_box", "cereal", cereal_box, (0.3, 0.5), _LABELS, "boxed", "CerealBox"),
    Category("cracker_box", "crackers", cracker_box, (0.15, 0.25), _LABELS, "boxed", "CrackerBox"),
    Category("milk_carton", "milk", milk_carton, (0.5, 1.0), _LABELS, "fresh", "MilkCarton"),
    Category("juice_box", "juice", juice_box, (0.2, 0.27), _LABELS, "boxed", "JuiceBox"),
)
"""Categories of this file."""
