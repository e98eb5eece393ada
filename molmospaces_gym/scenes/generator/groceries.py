"""Packed food and drink. Real sizes (m) and masses (kg)."""

from molmospaces_gym.scenes.generator.meshes import band, stacked, turned
from molmospaces_gym.scenes.generator.objects import (
    LABELS,
    STEEL,
    WHITE,
    Category,
    Hold,
    Shape,
    lerp,
    mix,
)
from molmospaces_gym.scenes.generator.shapes import GREY, Part, Rgba, Vec3, box, disc, rod


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
    label = band(radius, height * 0.12, height * 0.88, rgba, segments=14)
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
        (half[0] * 0.62, 0, top + 0.015),
        0.0025,
        WHITE,
        "visual",
    )
    return Shape((*parts, straw), (Hold("block", (0, 0, half[2]), half),))


def butter(size: float, rgba: Rgba) -> Shape:
    """Stick of butter in a coloured wrapper with an open end."""
    half = (lerp(0.05, 0.06, size), lerp(0.028, 0.033, size), lerp(0.018, 0.024, size))
    inner = (half[0] * 0.96, half[1] * 0.94, half[2] * 0.94)
    wrapper = box((half[0] * 0.72, half[1], half[2]), (-half[0] * 0.28, 0, half[2]), rgba)
    stick = box(inner, (half[0] - inner[0], 0, inner[2]), (0.97, 0.9, 0.55, 1.0))
    return Shape((wrapper, stick), (Hold("block", (0, 0, half[2]), half),))


def jar(size: float, rgba: Rgba) -> Shape:
    """Glass jar with a coloured lid."""
    radius, height = lerp(0.031, 0.0365, size), lerp(0.08, 0.12, size)
    body = disc(radius, 0, height * 0.82, mix(rgba, (0.86, 0.72, 0.45, 1.0), 0.75))
    label = disc(radius + 0.0004, height * 0.2, height * 0.6, WHITE, "visual")
    lid = disc(radius * 0.96, height * 0.82, height, rgba)
    return Shape((body, label, lid), (Hold("round", (0, 0, height / 2), (radius, height / 2)),))


GROCERIES: tuple[Category, ...] = (
    Category(
        "butter",
        "butter",
        butter,
        (0.18, 0.27),
        ("blue", "yellow", "green", "red"),
        "wrapped",
        "Butter",
    ),
    Category("soda_can", "soda", soda_can, (0.3, 0.39), LABELS, "metal", "SodaCan"),
    Category("soup_can", "soup", soup_can, (0.28, 0.45), LABELS, "canned", "SoupCan"),
    Category("tuna_can", "tuna", tuna_can, (0.12, 0.19), LABELS, "canned", "TunaCan"),
    Category("yogurt", "yogurt", yogurt, (0.13, 0.21), LABELS, "fresh", "Yogurt"),
    Category("cereal_box", "cereal", cereal_box, (0.3, 0.5), LABELS, "boxed", "CerealBox"),
    Category("cracker_box", "crackers", cracker_box, (0.15, 0.25), LABELS, "boxed", "CrackerBox"),
    Category("milk_carton", "milk", milk_carton, (0.5, 1.0), LABELS, "fresh", "MilkCarton"),
    Category("juice_box", "juice", juice_box, (0.2, 0.27), LABELS, "boxed", "JuiceBox"),
    Category("jar", "jar", jar, (0.22, 0.42), LABELS, "glass", "Jar"),
)
"""Categories of this file."""
